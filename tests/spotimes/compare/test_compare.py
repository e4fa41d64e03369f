"""Real commands on a real repository with two commits' models."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from spotimes.compare import __main__ as compare
from spotimes.compare import comparison, refitted
from spotimes.dataset.prepared import Card, LazySplit, Split, load_split
from spotimes.inference.contract import Contract
from spotimes.system import command
from spotimes.tflite import instructions
from spotimes.tflite.metadata import embedded
from tests.project import ROOT
from tests.repository import commit, git, init, save_params

INT8 = ROOT / "models/model_int8.tflite"
QUICK = {
    "warmup_seconds": 0.0,
    "round_ms": 0.2,
    "rounds": 2,
    "min_loads": 10,
    "budget_seconds": 0.1,
}


class Ended(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def repository(repository: Path, int8: bytes, card: Card, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No model in the first commit, a small one in the second, ours in the third."""
    # Counting takes 5 seconds a model; test_instructions.py does it.
    monkeypatch.setattr(instructions, "measure", lambda _: instructions.Instructions(None, "no"))
    init()
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["compare"]["timing"] |= QUICK
    save_params(params)
    shutil.copy(ROOT / "dvc.lock", "dvc.lock")
    Path(".gitignore").write_text("/data\n")
    commit("empty")
    Path("models").mkdir()
    contract = Contract(tuple(card.class_names), 32, 32, "rgb", "squash", 255)
    Path("models/model_int8.tflite").write_bytes(embedded(int8, contract))
    commit("small")
    shutil.copy(INT8, "models/model_int8.tflite")
    commit("ours")
    return repository


@pytest.fixture
def run(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    def run(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["compare", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            command.run("compare", compare.main)
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, *capsys.readouterr())

    return run


def rows(out: str) -> dict[str, Any]:
    return {row["key"]: row for row in json.loads(out)["rows"]}


def test_two_revisions_in_a_table(run: Run) -> None:
    status, out, _ = run("main~1", "main")
    assert status == 0
    head, _, file, *_ = out.splitlines()
    small, ours = git("rev-parse", "--short=7", "main~1"), git("rev-parse", "--short=7", "main")
    assert head == f"| INT8 model | main\\~1 ({small}) | main ({ours}) | change | verdict |"
    assert file.startswith("| file, bytes | ")
    assert file.endswith(" | **worse** |")
    assert "Indices in the test split" in out


def test_as_json_with_every_flip(run: Run) -> None:
    status, out, _ = run("main~1", "main", "--json", "--flips", "flips.png")
    assert status == 0
    assert Path("flips.png").read_bytes().startswith(b"\x89PNG")
    compared = json.loads(out)
    found = rows(out)
    assert found["bytes"]["after"] == INT8.stat().st_size
    assert found["macs"]["verdict"] == "worse"
    flipped = {side: len(indices) for side, indices in compared["flips"].items()}
    assert flipped["gained"] - flipped["lost"] == round(
        50 * (found["top1"]["after"] - found["top1"]["before"])
    )
    by_class = compared["classes"]
    assert sum(each["gained"] for each in by_class) == flipped["gained"]
    assert compared["latency_ratio"]["low"] <= compared["latency_ratio"]["high"]


def test_the_working_tree_is_the_other_side(run: Run) -> None:
    found = rows(run("main", "--json").out)
    assert {row["verdict"] for key, row in found.items() if key.startswith(("bytes", "macs"))} == {
        "no measurable difference"
    }
    Path("models/model_int8.tflite").unlink()
    found = rows(run("main", "--json").out)
    assert (found["bytes"]["after"], found["bytes"]["verdict"]) == (None, "not measured")


def test_a_revision_without_a_model_is_said_to_have_none(run: Run) -> None:
    status, out, _ = run("main~2", "main", "--json")
    assert status == 0
    found = rows(out)
    assert found["top1"]["before"] is None
    assert found["top1"]["after"] > 0.5
    assert {row["verdict"] for row in found.values()} == {"not measured"}


def test_a_model_that_may_have_learnt_the_test_images_is_not_tested_on_them(run: Run) -> None:
    """The other revision read another folder of pictures, whose division is another."""
    lock = yaml.safe_load(Path("dvc.lock").read_text())
    stage = lock["stages"]["prepare"]
    stage["params"]["params.yaml"]["prepare"]["source"] = "pictures"
    stage["deps"] = [{"path": "pictures", "md5": "0.dir"}]
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    commit("pictures")
    shutil.copy(ROOT / "dvc.lock", "dvc.lock")
    status, out, _ = run("main", "--json")
    assert status == 0
    top1 = rows(out)["top1"]
    assert (top1["before"], top1["verdict"]) == (None, "not measured")
    assert top1["after"] > 0.5
    assert "it may have learnt those of today" in top1["reason"]
    assert rows(out)["macs"]["before"] is not None


def test_a_model_of_before_contracts_costs_what_it_costs(run: Run, int8: bytes) -> None:
    Path("models/model_int8.tflite").write_bytes(int8)
    commit("no contract")
    shutil.copy(INT8, "models/model_int8.tflite")
    status, out, _ = run("main", "--json")
    assert status == 0
    found = rows(out)
    assert found["macs"]["before"] is not None
    assert found["latency"]["before"] is not None
    assert found["top1"]["before"] is None
    assert "models/model_int8.tflite: holds no class names" in found["top1"]["reason"]


def test_the_working_trees_model_needs_no_contract_either(run: Run, int8: bytes) -> None:
    Path("models/model_int8.tflite").write_bytes(int8)
    found = rows(run("main", "--json").out)
    assert found["macs"]["after"] is not None
    assert found["top1"]["after"] is None
    assert found["top1"]["before"] > 0.5


def test_a_lack_of_data_is_reported_first(run: Run) -> None:
    Path("data/prepared").unlink()
    status, out, err = run("main~1", "main")
    assert (status, out) == (2, "")
    assert "data/prepared" in err.splitlines()[-1]
    assert "counting" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gone",), "compare: gone: is no revision that Git knows here"),
        (("main~2", "main~2"), "neither has models/model_int8.tflite"),
    ],
)
def test_what_cannot_be_compared_is_reported(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err.splitlines()[-1]


def test_a_damaged_model_is_reported(run: Run) -> None:
    Path("models/model_int8.tflite").write_bytes(INT8.read_bytes()[:5000])
    status, out, err = run("main")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("compare: working tree: models/model_int8.tflite: ")


def test_gates_name_what_is_broken_and_fail(run: Run) -> None:
    status, out, _ = run("main~1", "main", "--check")
    assert status == 3
    assert any(
        line.startswith("- bytes: ") and line.endswith(" worse is allowed: BROKEN")
        for line in out.splitlines()
    )
    status, out, _ = run("main", "--check")
    assert status == 0
    (line,) = (line for line in out.splitlines() if line.startswith("- bytes: "))
    assert line.endswith(" worse is allowed: kept")
    Path("models/model_int8.tflite").unlink()
    status, out, _ = run("main", "--check")
    assert status == 3
    assert "- latency: not measured: there is one model only: BROKEN" in out.splitlines()


def test_a_revision_without_a_model_passes_no_gate(run: Run) -> None:
    status, out, err = run("main~2", "main", "--check")
    assert status == 3
    gates = [line for line in out.splitlines() if line.startswith("- ") and "not measured" in line]
    assert len(gates) == 13
    passing = [line for line in gates if not line.endswith("as compare.optional does not name it")]
    assert passing == ["- instructions: not measured: no"]
    broken = "bytes, arena_bytes, c_ram_bytes, macs, latency, top1, balanced_accuracy, worst_class"
    broken += ", calibration_error, device_top1, device_agreement, foreign_auroc"
    assert err.splitlines()[-1].endswith(f"broken: {broken}")


def test_in_a_part_of_a_git_repository(
    run: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = tmp_path_factory.mktemp("outer")
    shutil.copytree(".", outer / "ml", symlinks=True, ignore=shutil.ignore_patterns(".git"))
    init(outer)
    shutil.rmtree(outer / ".dvc")
    commit(folder=outer)
    monkeypatch.chdir(outer / "ml")
    status, out, _ = run("HEAD", "--check")
    assert status == 0
    assert f"- bytes: {INT8.stat().st_size:,}, was {INT8.stat().st_size:,}; " in out
    shutil.copy(INT8.with_name("model_fp32.tflite"), "models/model_int8.tflite")
    status, out, _ = run("HEAD", "--check")
    assert status == 3
    (line,) = (line for line in out.splitlines() if line.startswith("- bytes: "))
    assert line.endswith(" worse is allowed: BROKEN")


def test_without_a_repository_it_says_what_to_do(run: Run) -> None:
    shutil.rmtree(".git")
    status, out, err = run("main")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("compare: this folder is in no Git repository, ")


def test_names_of_classes_are_text_in_markdown(run: Run, int8: bytes) -> None:
    names = ("a|b", "<img src=x>", "@octocat", "_it_", *"456789")
    contract = Contract(names, 32, 32, "rgb", "squash", 255)
    Path("models/model_int8.tflite").write_bytes(embedded(int8, contract))
    out = run("main").out
    assert "a\\|b" in out
    assert "&lt;img src=x&gt;" in out
    assert "@octocat" not in out
    assert "\\_it\\_" in out


def test_a_model_of_another_size_is_given_the_sources_own_pictures(
    run: Run, monkeypatch: pytest.MonkeyPatch, prepared: Path
) -> None:
    """data/prepared holds 24 x 24; the models take 32 x 32."""
    split = load_split("test", prepared)
    small = Split(split.images[:][:, 4:28, 4:28], split.labels)
    asked = []

    def for_model(contract: Contract, test: Split) -> LazySplit:
        asked.append((contract.height, contract.width, test.images.shape))
        return split

    monkeypatch.setattr(comparison, "load_split", lambda _: small)
    monkeypatch.setattr(refitted, "for_model", for_model)
    found = rows(run("main~1", "main", "--json").out)
    assert asked == [(32, 32, (50, 24, 24, 3))] * 2
    assert found["top1"]["after"] > 0.5


def test_a_lock_that_cannot_be_read_is_reported_and_passes_no_gate(run: Run) -> None:
    Path("dvc.yaml").write_text("<<<<<<< a")
    commit("conflict")
    Path("dvc.yaml").unlink()
    status, out, err = run("main", "--check")
    assert (status, out) == (2, "")
    assert "main: DVC cannot read it" in err.splitlines()[-1]
