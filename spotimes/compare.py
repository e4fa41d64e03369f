"""`python -m spotimes.compare REV [REV2]`: two revisions' INT8 models beside each other.

Latency is measured here and now, both models by turns; accuracy on the same images, those of the
test split of data/prepared; all else is counted. Without REV2 the working tree's model is compared.
Prints a Markdown table, or JSON. Takes 20 to 60 seconds on two cores.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from spotimes import command, comparison, gates, paired_latency
from spotimes.classifier import Classifier
from spotimes.comparison import Answers, Row
from spotimes.dataset import PREPARED, load_card, load_split
from spotimes.errors import InputError
from spotimes.latency import Ratio
from spotimes.params.compare import Compare
from spotimes.params.load import load_group
from spotimes.revision import Revision
from spotimes.verdict import Verdict, Word

MODEL = "models/model_int8.tflite"
WORKING_TREE = "working tree"
NO_MODEL = f"it has no {MODEL} yet"
SHOWN_FLIPS = 12


class Compared(NamedTuple):
    """A comparison.

    Attributes:
        names: of both revisions, for people.
        rows: what was measured.
        class_flips: for each class its name, images lost and gained, and a verdict.
        flips: places in the test split of the images lost and gained.
        ratio: of latency, or None.
    """

    names: tuple[str, str]
    rows: list[Row]
    class_flips: list[tuple[str, int, int, Verdict]]
    flips: dict[str, list[int]]
    ratio: Ratio | None


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m spotimes.compare", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("before", metavar="REV", help="a branch, tag or commit")
    parser.add_argument("after", metavar="REV2", nargs="?", help="another; else the working tree")
    parser.add_argument("--json", action="store_true", help="print JSON, with all flips")
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit 1 if compare.regressions are broken",
    )
    arguments = parser.parse_args()
    params = load_group("compare", Compare)
    compared = compare(arguments.before, arguments.after, params)
    kept = gates.held(compared.rows, compared.ratio, params.regressions) if arguments.check else []
    if arguments.json:
        print(json.dumps(as_json(compared) | {"gates": [gate._asdict() for gate in kept]}))
    else:
        print(markdown(compared))
        print("".join(f"\n- {gate.sentence}" for gate in kept))
    if any(gate.passed is False for gate in kept):
        sys.exit(1)


def compare(before: str, after: str | None, params: Compare) -> Compared:
    """Compares two revisions.

    Args:
        before: a revision.
        after: another, or None for the working tree.
        params: how.

    Raises:
        InputError: a revision is unknown, a model is damaged, or neither has one.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides = [_model(before, folder / "before.tflite"), _model(after, folder / "after.tflite")]
        names = (sides[0][0], sides[1][0])
        paths = [path for _, path in sides]
        if paths == [None, None]:
            raise InputError(f"{names[0]} and {names[1]}: neither has {MODEL}")
        for name, path in sides:
            _check(name, path)
        facts = [comparison.facts(path) if path else None for path in _shown(paths, "counting")]
        rows = comparison.cost_rows(*facts)
        ratio = None
        if paths[0] and paths[1]:
            ratio, row = _latency(paths[0], paths[1], params)
        else:
            row = Row("latency", "latency, us", None, None, "", Verdict(Word.UNKNOWN, NO_MODEL))
        rows.append(row)
        first, second = _answers(paths)
        rows += comparison.accuracy_rows(first, second)
        flips: dict[str, list[int]] = {"lost": [], "gained": []}
        classes: list[tuple[str, int, int, Verdict]] = []
        if first and second:
            flips = comparison.flips(first, second)
            classes = comparison.class_flips(first, second)
    return Compared(names, rows, classes, flips, ratio)


def markdown(compared: Compared) -> str:
    """The comparison as people read it in a terminal or a pull request."""
    before, after = compared.names
    lines = [
        f"| INT8 model | {before} | {after} | change | verdict |",
        "| --- | ---: | ---: | ---: | --- |",
        *(_line(row) for row in compared.rows),
    ]
    changed = [each for each in compared.class_flips if each[1] or each[2]]
    if changed:
        lost, gained = (len(compared.flips[side]) for side in ("lost", "gained"))
        lines += [
            "",
            f"{lost:,} images are answered wrongly now that were not before, {gained:,} the other "
            "way round:",
            "",
            "| class | lost | gained | verdict |",
            "| --- | ---: | ---: | --- |",
            *(f"| {name} | {a} | {b} | {_said(judged)} |" for name, a, b, judged in changed),
            "",
            "Places in the test split, the first of each: "
            + "; ".join(
                f"{side} {', '.join(map(str, places[:SHOWN_FLIPS])) or 'none'}"
                for side, places in compared.flips.items()
            )
            + ".",
        ]
    return "\n".join(lines)


def as_json(compared: Compared) -> dict[str, Any]:
    """The comparison as a program reads it."""
    return {
        "before": compared.names[0],
        "after": compared.names[1],
        "rows": [
            {
                **row._asdict(),
                "verdict": row.verdict.word.value,
                "reason": row.verdict.reason,
            }
            for row in compared.rows
        ],
        "latency_ratio": compared.ratio and compared.ratio._asdict(),
        "classes": [
            {"class": name, "lost": lost, "gained": gained, "verdict": judged.word.value}
            for name, lost, gained, judged in compared.class_flips
        ],
        "flips": compared.flips,
    }


def _model(revision: str | None, target: Path) -> tuple[str, Path | None]:
    """What to call a side, and where its model lies, if it has one."""
    if revision is None:
        path = Path(MODEL)
        return WORKING_TREE, path if path.is_file() else None
    found = Revision(revision)
    content = found.read(MODEL)
    name = (
        found.commit[:7]
        if found.commit.startswith(revision)
        else f"{revision} ({found.commit[:7]})"
    )
    if content is None:
        return name, None
    target.write_bytes(content)
    return name, target


def _check(name: str, path: Path | None) -> None:
    if path is None:
        return
    try:
        Classifier(path)
    except InputError as error:
        raise InputError(f"{name}: {str(error).replace(str(path), MODEL)}") from error


def _shown(paths: list[Path | None], task: str) -> Iterator[Path | None]:
    yield from tqdm(paths, desc=task, unit="model")


def _latency(before: Path, after: Path, params: Compare) -> tuple[Ratio, Row]:
    timing = params.timing
    taken: list[paired_latency.Load] = paired_latency.until_narrow(
        tqdm(
            paired_latency.loads(
                before,
                after,
                timing.threads,
                timing.warmup_seconds,
                timing.round_ms,
                timing.rounds,
            ),
            desc=f"timing, at most {timing.budget_seconds:g} s",
            unit="load",
        ),
        timing.min_loads,
        timing.interval_width,
        timing.budget_seconds,
    )
    ratio = paired_latency.ratio(taken)
    first, second = paired_latency.medians(taken)
    return ratio, comparison.latency_row(ratio, first / 1e3, second / 1e3, params.smallest_ratio)


def _answers(paths: list[Path | None]) -> tuple[Answers | None, Answers | None]:
    split, names = load_split("test"), load_card(PREPARED).class_names
    first, second = (
        comparison.answers(path, split, names) if path else None
        for path in _shown(paths, "classifying")
    )
    return first, second


def _line(row: Row) -> str:
    cells = [
        row.title,
        _figure(row, row.before),
        _figure(row, row.after),
        row.change,
        _said(row.verdict),
    ]
    return f"| {' | '.join(cells)} |"


def _figure(row: Row, value: float | None) -> str:
    if value is None:
        return "-"
    if row.key in ("top1", "worst_class"):
        return f"{value:.2%}"
    return f"{value:,.1f}" if row.key == "latency" else f"{value:,}"


def _said(judged: Verdict) -> str:
    bold = (
        f"**{judged.word.value}**"
        if judged.word in (Word.BETTER, Word.WORSE)
        else judged.word.value
    )
    return f"{bold}: {judged.reason}" if judged.reason else bold


if __name__ == "__main__":
    command.run("compare", main)
