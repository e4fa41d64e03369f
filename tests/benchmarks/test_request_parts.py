import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.project import MODEL
from benchmarks.request_parts import PARTS, READING, answering, decoded, main
from benchmarks.serving import sent_requests
from spotimes.benchmarking import timing
from spotimes.dataset.prepared import Split, SplitName
from spotimes.inference.classifier import Classifier


@pytest.fixture
def file(tmp_path: Path, cifar10: dict[SplitName, Split]) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(cifar10["test"].images[0]).save(path)
    return path


@pytest.mark.parametrize("kind", READING)
def test_each_part_answers_the_same(kind: str, file: Path) -> None:
    classifier, requests = Classifier(MODEL), sent_requests(file)
    pixels = decoded(classifier, requests["picture"].body)
    expected = classifier.probabilities(pixels)
    with answering(kind, requests[kind], pixels) as answers:
        output, probabilities, *bodies = (answers[part]() for part in PARTS)
        again = answers[PARTS[-1]]()
    np.testing.assert_array_equal((output[0] + 128.0) / 256, expected)
    np.testing.assert_array_equal(probabilities, expected)
    assert len(bodies) == 3
    names = classifier.contract.class_names
    for body in [*bodies, again]:
        np.testing.assert_array_equal(_probabilities(kind, body, names), expected)


def test_a_part_is_what_it_adds(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rounds(functions: dict[str, Any], *_: Any) -> Iterator[dict[str, timing.Times]]:
        assert [*functions] == [*PARTS]
        for factor in (1000, 1000, 9000):  # the machine is slow in the last round
            times = zip(PARTS, (30, 35, 50, 150, 400), strict=True)
            yield {part: np.array([1, 1, 7]) * factor * each for part, each in times}

    monkeypatch.setattr("sys.argv", ["request_parts", "--rounds", "3", "--picture", str(file)])
    monkeypatch.setattr(timing, "interleaved", rounds)
    monkeypatch.setattr(timing, "timed", lambda *_: None)
    main()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| microseconds | picture | tensor | json |"
    expected = zip((*PARTS, "all"), (30, 5, 15, 100, 250, 400), strict=True)
    assert rows == [f"| {name} | {each} | {each} | {each} |" for name, each in expected]


def _probabilities(kind: str, body: bytes, names: tuple[str, ...]) -> Any:
    if kind == "tensor":
        return np.frombuffer(body[-4 * len(names) :], "<f4")
    if kind == "json":
        return np.array(json.loads(body)["outputs"][0]["data"], np.float32)
    found = {each["label"]: each["probability"] for each in json.loads(body)["predictions"]}
    return np.array([found[name] for name in names], np.float32)
