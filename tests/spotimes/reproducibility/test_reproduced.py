import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spotimes.reproducibility import reproduced
from spotimes.system import command
from tests.repository import commit, init

Run = Callable[[], tuple[int, str]]


def write(path: str, content: object) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(json.dumps(content))


def evaluation(top1: float) -> dict[str, object]:
    return {"int8": {"top1": top1, "top1_low": 0.88, "top1_high": 0.9}}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A repository with committed models, and the command in it."""
    monkeypatch.chdir(tmp_path)
    for path in reproduced.MODELS:
        write(path, path)
    write(reproduced.FINGERPRINT, {"cpu": "here"})
    write(reproduced.EVALUATION, evaluation(0.89))
    init()
    commit("committed")

    def run() -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            command.run("reproduced", reproduced.main)
        code = ended.value.code
        assert isinstance(code, int)
        return code, "".join(capsys.readouterr())

    return run


def test_the_same_bytes_are_reproduced(run: Run) -> None:
    assert run() == (0, "reproduced: the models are the same, byte for byte\n")


def test_other_bytes_on_the_same_machine_are_not(run: Run) -> None:
    write("models/model.keras", "other")
    status, out = run()
    assert status == 1
    assert out.startswith("NOT reproduced: on a machine of the same fingerprint models/model.keras")


@pytest.mark.parametrize(("top1", "status"), [(0.881, 0), (0.9, 0), (0.879, 1), (0.901, 1)])
def test_on_another_machine_accuracy_must_be_within_the_interval(
    run: Run, top1: float, status: int
) -> None:
    write("models/model.keras", "other")
    write(reproduced.FINGERPRINT, {"cpu": "elsewhere"})
    write(reproduced.EVALUATION, evaluation(top1))
    code, out = run()
    assert code == status
    assert f"INT8 top-1 {top1:.2%}; committed 89.00%, 88.00% to 90.00%" in out


def test_what_was_chosen_otherwise_is_no_other_machine(run: Run) -> None:
    write("models/model.keras", "other")
    write(reproduced.FINGERPRINT, {"cpu": "elsewhere", "threads": 1})
    assert run() == (
        1,
        "NOT reproduced: threads are not those of the committed fingerprint\n",
    )


@pytest.mark.parametrize("path", reproduced.MODELS[1:])
def test_of_the_same_weights_the_same_files_are_made_on_any_machine(run: Run, path: str) -> None:
    write(path, "other")
    write(reproduced.FINGERPRINT, {"cpu": "elsewhere"})
    status, out = run()
    assert status == 1
    assert out == f"NOT reproduced: of the same models/model.keras other {path} were made\n"


def test_a_missing_model_is_reported(run: Run) -> None:
    Path("models/model.keras").unlink()
    status, out = run()
    assert (status, out.count("\n")) == (2, 1)
    assert "models/model.keras: No such file or directory; make rebuild makes it" in out
