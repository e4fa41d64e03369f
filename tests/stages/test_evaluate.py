import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from spotimes.dataset.prepared import PREPARED, Card, Split, SplitName, write_prepared
from spotimes.errors import InputError, LimitBrokenError
from spotimes.inference.classifier import Classifier
from spotimes.ingestion import dataset_figure
from spotimes.reporting import report
from spotimes.tflite import instructions
from stages import evaluate, prepare
from tests.project import ROOT
from tests.repository import link_cards, save_params

pytestmark = pytest.mark.slow

BUDGETS: dict[str, float | None] = {
    "bytes": 4000,
    "arena_bytes": 100,
    "c_ram_bytes": 100,
    "macs": 100,
    "instructions": None,
    "peak_rss_bytes": None,
    "median_ms": 1,
    "top1": 0,
    "balanced_accuracy": 0,
    "worst_class": 0,
    "top1_loss": 1,
    "calibration_error": 1,
    "device_top1": 0,
    "device_agreement": 0.5,
    "device_difference": 256,
    "known_kept": None,
    "foreign_accepted": None,
    "foreign_auroc": 0,
}
SIZE = {
    "bytes": {"file": 3000, "weights": 2000, "quantization": 500, "metadata": 300, "rest": 200},
    "operators": {"CONV_2D": 1},
    "arena_bytes": None,
    "arena_note": "no wheel",
}
COST = {
    "median_ms": 0.5,
    "median_low_ms": 0.4,
    "median_high_ms": 0.6,
    "mean_ms": 0.5,
    "p95_ms": 0.6,
    "p99_ms": 0.7,
    "first_inference_ms": 3,
    "peak_rss_bytes": 40_000_000,
    "rss_before_load_bytes": 30_000_000,
}
RAM = {f"layer{number}": 90 for number in range(13)}
METRICS: dict[str, Any] = {
    "prepare": {"images": {"train": 90, "validation": 10, "test": 60}},
    "train": {"val_accuracy": 0.9, "epochs": 2},
    "quantize": {"fp32": SIZE, "int8": SIZE, "ratio": 1, "parameters": 10, "macs": 100}
    | {"temperature": {"value": 0.7, "low": 0.6, "high": 0.8, "images": 10}},
    "export": {"ram_bytes": 90, "ram_by_layer": RAM, "flash": {"constants": 80}},
    "benchmark": {
        "fp32": COST,
        "int8": COST,
        "speedup": {"median": 1, "low": 0.9, "high": 1.1},
        "threads": 1,
        "host": {"cpu": "some"},
    },
}
HISTORY = """epoch,learning_rate,loss,accuracy,val_loss,val_accuracy
1,0.1,2.0,0.3,1.9,0.35
2,0.0,1.5,0.5,1.4,0.55
"""
LATENCY = "model,percentile,microseconds\nfp32,1,100\nfp32,99,120\nint8,1,40\nint8,99,60\n"


def write_data(classes: int) -> Split:
    shape = (60, *Classifier(ROOT / evaluate.INT8).image_shape)
    images = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    split = Split(images, np.arange(60) % classes)
    names = [f"class{number}" for number in range(classes)]
    card = Card(name="Noise", class_names=names, licence="CC0", citation="me", homepage="here")
    write_prepared(PREPARED, card, dict.fromkeys(("train", "validation", "test"), split))
    return split


def write_params(**budgets: float | None) -> None:
    committed = yaml.safe_load((ROOT / "params.yaml").read_text())
    params = {
        "runtime": {name: version(name) for name in ("ai_edge_litert", "flatbuffers")},
        **{group: committed[group] for group in ("network", "train")},
        "evaluate": {
            "calibration_bins": 15,
            "budgets": BUDGETS | budgets,
            "optional": ["arena_bytes"],
        },
    }
    save_params(params)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate", *arguments])
    evaluate.main()


def outputs() -> dict[Path, bytes]:
    files = (evaluate.METRICS, evaluate.CONFUSION, evaluate.MODEL_CARD, evaluate.REPORT)
    paths = [*files, *evaluate.PLOTS.iterdir()]
    return {path: path.read_bytes() for path in paths}


@pytest.fixture
def pictured() -> None:
    """For tests of the pictures; to draw them takes longer than all else."""


@pytest.fixture(autouse=True)
def _draws_nothing_else(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "pictured" not in request.fixturenames:
        draw_nothing(monkeypatch)


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(report, "sections", lambda *_, **__: [])
    patch.setattr(dataset_figure, "draw", lambda *_: None)


def fill_repository() -> None:
    """Puts models, metrics and params into the current folder."""
    for folder in ("models", "metrics"):
        Path(folder).mkdir()
    for path in (evaluate.FP32, evaluate.INT8):
        shutil.copy(ROOT / path, path)
    for stage, content in METRICS.items():
        Path(f"metrics/{stage}.json").write_text(json.dumps(content))
    Path("metrics/history.csv").write_text(HISTORY)
    Path("metrics/latency.csv").write_text(LATENCY)
    write_params()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    fill_repository()
    return tmp_path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which the stage has run, with an arena of 900 bytes."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        draw_nothing(patch)
        fill_repository()
        size = METRICS["quantize"] | {"int8": SIZE | {"arena_bytes": 900, "arena_note": None}}
        Path("metrics/quantize.json").write_text(json.dumps(size))
        write_data(classes=10)
        run(patch)
    return folder


@pytest.fixture
def evaluated(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of `measured` as the current folder.

    Counting instructions takes 5 seconds; test_instructions.py does it.
    """
    monkeypatch.setattr(instructions, "measure", lambda _: instructions.Instructions(2000, None))
    shutil.copytree(measured, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("pictured")
def test_what_is_written(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = write_data(classes=10)
    run(monkeypatch)
    found = json.loads(evaluate.METRICS.read_text())

    answers = Classifier(evaluate.INT8).probabilities(split.images).argmax(axis=1)
    assert found["images"] == 60
    assert found["int8"]["top1"] == pytest.approx(np.mean(answers == split.labels), abs=1e-6)
    table = pd.read_csv(evaluate.CONFUSION)
    assert list(table.actual) == [f"class{label}" for label in split.labels]
    assert list(table.predicted) == [f"class{answer}" for answer in answers]
    assert 0 < found["unknown"]["foreign_auroc"] < 1
    assert set(found["unknown"]["sets"]) == {"tiles", "textures"}
    assert found["budgets"]["bytes"] == {"limit": 4000, "measured": 3000, "met": True}
    assert found["budgets"]["arena_bytes"] == {
        "limit": 100,
        "measured": None,
        "met": None,
        "reason": "no wheel",
    }
    assert evaluate.MODEL_CARD.read_text().startswith("# Model card")
    assert len(list(evaluate.PLOTS.glob("*.png"))) == 11
    page = evaluate.REPORT.read_text()
    assert page.count("data:image/png;base64,") == 11
    assert "http://" not in page
    assert "https://" not in page

    first = outputs()
    run(monkeypatch)
    assert outputs() == first


def test_check_exits_with_3_where_a_budget_is_not_met(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(classes=10)
    run(monkeypatch)
    run(monkeypatch, "--check")
    write_params(bytes=2999)
    capsys.readouterr()
    with pytest.raises(LimitBrokenError, match="not met: bytes") as broken:
        run(monkeypatch, "--check")
    assert broken.value.status == 3
    assert "bytes: at most 2,999 wanted, measured 3,000: NOT met" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"bytes": 2999}, "bytes: at most 2,999 wanted, measured 3,000: NOT met"),
        ({"arena_bytes": 899}, "arena_bytes: at most 899 wanted, measured 900: NOT met"),
        ({"c_ram_bytes": 89}, "c_ram_bytes: at most 89 wanted, measured 90: NOT met"),
        ({"peak_rss_bytes": 1}, "peak_rss_bytes: at most 1 wanted, measured 40,000,000: NOT met"),
        ({"macs": 99}, "macs: at most 99 wanted, measured 100: NOT met"),
        (
            {"median_ms": 0.39},
            "median_ms: at most 0.39 wanted, measured 0.5, lower bound 0.4: NOT met",
        ),
        ({"top1": 1}, "top1: at least 1 wanted, measured"),
        ({"balanced_accuracy": 1}, "balanced_accuracy: at least 1 wanted, measured"),
        ({"worst_class": 1}, "worst_class: at least 1 wanted, measured"),
        ({"foreign_auroc": 1}, "foreign_auroc: at least 1 wanted, measured"),
        ({"instructions": 1000}, "instructions: at most 1,000 wanted, measured 2,000: NOT met"),
    ],
)
def test_budgets_can_be_broken(
    evaluated: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    budget: dict[str, float],
    said: str,
) -> None:
    write_params(arena_bytes=900)
    run(monkeypatch, "--check")
    write_params(**{"arena_bytes": 900} | budget)
    capsys.readouterr()
    with pytest.raises(LimitBrokenError) as broken:
        run(monkeypatch, "--check")
    assert broken.value.status == 3
    assert said in capsys.readouterr().out


def test_a_latency_whose_interval_reaches_below_its_budget_is_within(
    evaluated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(arena_bytes=900, median_ms=0.45)
    run(monkeypatch, "--check")


@pytest.mark.parametrize("missing", ["prepare", "train", "quantize", "export", "benchmark"])
def test_a_missing_metric_leaves_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    write_data(classes=10)
    Path(f"metrics/{missing}.json").unlink()
    with pytest.raises(InputError, match=f"dvc repro {missing}"):
        run(monkeypatch)
    assert not evaluate.METRICS.exists()
    assert not evaluate.MODEL_CARD.exists()


def test_a_model_of_another_dataset_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(classes=3)
    with pytest.raises(InputError, match="has 10 classes, the data has 3"):
        run(monkeypatch)


def test_check_before_the_evaluation_says_what_to_run(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="dvc repro evaluate"):
        run(monkeypatch, "--check")


def test_on_an_uneven_folder_of_pictures_balanced_accuracy_is_not_top1(
    repository: Path,
    cifar10: dict[SplitName, Split],
    card: Card,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Five test pictures of a cat, a deer and a dog each, one of all other classes."""
    many = {"cat": 5, "deer": 5, "dog": 5}
    write_uneven(Path("pictures/train"), cifar10["train"], card.class_names, many, least=2)
    write_uneven(Path("pictures/test"), cifar10["test"], card.class_names, many, least=1)
    write_params()
    params = yaml.safe_load(Path("params.yaml").read_text())
    save_params(
        params
        | {
            "decoder": {"pillow": version("pillow")},
            "prepare": yaml.safe_load((ROOT / "params.yaml").read_text())["prepare"]
            | {"source": "pictures", "validation_fraction": 0.5},
        }
    )
    link_cards()
    prepare.main()
    run(monkeypatch)
    found = json.loads(evaluate.METRICS.read_text())
    for model in ("fp32", "int8"):
        accuracy = found[model]
        by_class = accuracy["class_top1"].values()
        assert accuracy["balanced_accuracy"] == pytest.approx(np.mean([*by_class]), abs=1e-6)
        assert abs(accuracy["balanced_accuracy"] - accuracy["top1"]) > 0.01
    written = found["int8"]["balanced_accuracy"]
    assert f"{written:.2%}" in evaluate.MODEL_CARD.read_text()
    assert f"<td>{written:.2%}</td>" in evaluate.REPORT.read_text()

    limit = (written + found["int8"]["top1"]) / 2
    broken = "balanced_accuracy" if written < limit else "top1"
    params["evaluate"]["budgets"] |= {"top1": limit, "balanced_accuracy": limit}
    save_params(params)
    with pytest.raises(LimitBrokenError, match=f"not met: {broken}$"):
        run(monkeypatch, "--check")


def write_uneven(
    root: Path, split: Split, class_names: list[str], many: dict[str, int], least: int
) -> None:
    for label, name in enumerate(class_names):
        (root / name).mkdir(parents=True)
        images = split.images[split.labels == label]
        for number, image in enumerate(images[: many.get(name, least)]):
            Image.fromarray(image).save(root / name / f"{number}.png")


def test_a_budget_of_what_an_older_evaluation_lacks_is_not_met(
    evaluated: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(arena_bytes=900)
    older = json.loads(evaluate.METRICS.read_text())
    for model in ("fp32", "int8"):
        del older[model]["balanced_accuracy"]
    evaluate.METRICS.write_text(json.dumps(older))
    capsys.readouterr()
    with pytest.raises(LimitBrokenError, match="not measured: balanced_accuracy, which") as broken:
        run(monkeypatch, "--check")
    assert broken.value.status == 3
    assert "balanced_accuracy: at least 0 wanted, not measured: " in capsys.readouterr().out
    write_params(arena_bytes=900, balanced_accuracy=None)
    run(monkeypatch, "--check")
