import multiprocessing
from pathlib import Path

import pytest

from benchmarks.verdicts import busy, main
from spotimes.benchmarking.latency import Ratio
from spotimes.blocks import Architecture
from spotimes.compare import paired_latency
from spotimes.compare.paired_latency import PairedLatency
from spotimes.errors import InputError
from spotimes.system.validation import load_yaml
from spotimes.tflite.tflite_file import TFLiteFile
from tests.project import ROOT
from tests.repository import network_group, save_params


@pytest.fixture(autouse=True)
def project(repository: Path, network: Architecture) -> None:
    save_params(load_yaml(ROOT / "params.yaml") | {"network": network_group(network)})


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bytes]]:
    """The files that were timed; the third comparison is said to be faster, all others the same."""
    files: list[tuple[bytes, bytes]] = []

    def measure(before: Path, after: Path, _: object) -> PairedLatency:
        files.append((before.read_bytes(), after.read_bytes()))
        middle = 0.9 if len(files) == 3 else 1.0
        return PairedLatency(Ratio(middle, middle - 0.001, middle + 0.001), 10, 10 * middle)

    monkeypatch.setattr(paired_latency, "measure", measure)
    return files


def test_counts_the_verdicts_on_the_same_model(
    compared: list[tuple[bytes, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["verdicts", "--times", "5"])
    main()
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("5 comparisons of ")
    assert head.endswith(", ratio 1.000 (0.900 to 1.000)")
    assert rows == ["   4 no measurable difference", "   1 better"]
    assert len({TFLiteFile(content).macs() for files in compared for content in files}) == 1


def test_the_other_model_has_a_wider_last_block(
    compared: list[tuple[bytes, bytes]], network: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["verdicts", "--times", "1", "--wider", "4"])
    main()
    ((before, after),) = compared
    pointwise_and_logits = 4 * 8 * 8 * 4 + 4 * 10  # 4 channels more: of 8 x 8 pixels, by 4 inputs
    assert TFLiteFile(after).macs() - TFLiteFile(before).macs() == pointwise_and_logits


@pytest.mark.parametrize("wrong", [["--times", "0"], ["--wider", "-1"]])
def test_says_what_is_wrong(wrong: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["verdicts", *wrong])
    with pytest.raises(InputError, match="--times is to be 1 or more, and --wider 0 or more"):
        main()


def test_a_core_is_busy_in_the_block_alone() -> None:
    with busy(False):
        assert multiprocessing.active_children() == []
    with busy(True):
        (child,) = multiprocessing.active_children()
        assert child.is_alive()
    assert multiprocessing.active_children() == []
