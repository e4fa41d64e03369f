import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.request_parts import PARTS, READING, answering, decoded, main
from benchmarks.serving import MODEL, sent_requests
from spotimes.classifier import Classifier
from spotimes.dataset import Split, SplitName


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


def test_a_table(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["request_parts", "--rounds", "1", "--picture", str(file)])
    main()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| microseconds | picture | tensor |"
    assert [row.split(" | ")[0] for row in rows] == [f"| {name}" for name in (*PARTS, "all")]


def _probabilities(kind: str, body: bytes, names: tuple[str, ...]) -> Any:
    if kind == "tensor":
        return np.frombuffer(body[-4 * len(names) :], "<f4")
    found = {each["label"]: each["probability"] for each in json.loads(body)["predictions"]}
    return np.array([found[name] for name in names], np.float32)
