import pytest

from spotimes.figures import ACCURACIES, FIGURES


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("bytes", 96166, "96,166"),
        ("macs", 7_951_776, "7,951,776"),
        ("median_ms", 0.081549, "0.0815"),
        ("latency", 1081.54, "1,081.5"),
        ("top1", 0.90514, "90.51%"),
        ("top1", None, "-"),
    ],
)
def test_a_value_in_a_table(key: str, value: float | None, text: str) -> None:
    assert FIGURES[key].text(value) == text


def test_what_just_misses_a_limit_is_seen_to() -> None:
    assert FIGURES["top1"].exact(0.899999) == "0.899999"
    assert FIGURES["bytes"].exact(100_001) == "100,001"


@pytest.mark.parametrize(
    ("key", "difference"),
    [("top1", "0.5 points"), ("latency", "0.005 us"), ("bytes", "0.005 bytes")],
)
def test_a_difference_has_its_unit(key: str, difference: str) -> None:
    assert FIGURES[key].difference(0.005) == difference


@pytest.mark.parametrize(
    ("key", "heading", "bound"),
    [("bytes", "file, bytes", "at most"), ("top1", "top-1", "at least")],
)
def test_a_limit_is_headed_by_title_and_bound(key: str, heading: str, bound: str) -> None:
    assert (FIGURES[key].heading, FIGURES[key].bound) == (heading, bound)


def test_accuracies_are_shares_to_be_high() -> None:
    assert {(figure.unit, figure.higher_is_better) for figure in ACCURACIES} == {("share", True)}
