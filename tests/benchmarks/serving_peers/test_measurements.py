from benchmarks.serving_peers.measurements import (
    OURS,
    Row,
    as_csv,
    comparisons,
    doubts,
    ratios,
    table,
)
from benchmarks.wrk import Load

OTHER = "MLServer"


def row(server: str, request: str, turn: int, rate: float, p99: float = 2.0) -> Row:
    return Row(server, request, 8, turn, Load(rate, 1.0, p99, 0, 0, 0.25), 50.0 + turn, 1)


ROWS = [
    *(row(OURS, "tensor", turn, rate) for turn, rate in enumerate((400, 800, 600), 1)),
    *(row(OURS, "json", turn, rate, 3.0) for turn, rate in enumerate((200, 200, 100), 1)),
    *(row(OTHER, "json", turn, rate, 6.0) for turn, rate in enumerate((100, 50, 200), 1)),
]


def test_the_table_holds_medians_and_the_largest_memory() -> None:
    _, _, *rows = table(ROWS).splitlines()
    assert rows[0] == "| tensor | 8 | Spotimes | 600 | 1.00 | 2.00 | 0 | 0 | 53 | 0.25 |"
    assert rows[2] == "| json | 8 | MLServer | 100 | 1.00 | 6.00 | 0 | 0 | 53 | 0.25 |"


def test_turns_are_compared_one_by_one() -> None:
    found = {
        " ".join((*first, *second)): each
        for each in comparisons(ROWS)
        for first, second in [each.what]
    }
    assert {name: each.rate for name, each in found.items()} == {
        "Spotimes json MLServer json": [2, 4, 0.5],
        "Spotimes tensor Spotimes json": [2, 4, 6],
        "Spotimes tensor MLServer json": [4, 16, 3],
    }
    assert found["Spotimes json MLServer json"].p99 == [0.5, 0.5, 0.5]
    _, _, first, *_ = ratios(comparisons(ROWS)).splitlines()
    assert (
        first == "| Spotimes json / MLServer json | 8 | 2.00 (0.50 to 4.00) | 0.50 (0.50 to 0.50) |"
    )


def test_the_csv_holds_every_turn() -> None:
    head, *lines = as_csv(ROWS).splitlines()
    assert len(lines) == len(ROWS)
    assert dict(zip(head.split(","), lines[4].split(","), strict=True)) == {
        "server": OURS,
        "request": "json",
        "connections": "8",
        "turn": "2",
        "requests_per_second": "200.0",
        "p50_ms": "1.000",
        "p99_ms": "3.000",
        "refused": "0",
        "failed": "0",
        "wrk_core": "0.25",
        "rss_mib": "52.0",
        "processes": "1",
    }


def test_what_was_refused_and_what_wrk_limited_is_in_doubt() -> None:
    assert doubts(ROWS) == []
    bad = row(OURS, "json", 2, 100)
    assert doubts([bad._replace(load=bad.load._replace(refused=3, failed=1, core=0.95))]) == [
        "Spotimes, json, 8 connections, turn 2: 3 refused, 1 failed",
        "Spotimes, json, 8 connections, turn 2: wrk took 95% of a core, and may be the limit",
    ]


def test_several_workers_are_compared_with_one() -> None:
    several = [row(f"{OURS}, 2 workers", "json", turn, 300) for turn in (1, 2, 3)]
    found = [each for each in comparisons([*ROWS, *several]) if "2 workers" in each.what[0][0]]
    assert [(each.what[1], each.rate) for each in found] == [((OURS, "json"), [1.5, 1.5, 3])]
    assert len(comparisons([*ROWS, *several])) == len(comparisons(ROWS)) + 1
