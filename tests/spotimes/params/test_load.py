import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml as load_yaml_as_dvc  # type: ignore[import-untyped]
from dvc.utils.serialize import modify_yaml
from pydantic import ValidationError

from spotimes.errors import InputError
from spotimes.params.evaluate import Evaluate
from spotimes.params.load import GROUPS, PARAMS_FILE, load_group, schema
from spotimes.params.quantize import Quantize
from spotimes.params.train import Train
from spotimes.system.validation import load_yaml
from tests.project import ROOT

GOOD = b"quantize: {calibration_images: 10, seed: 1}\n"


def refusal(tmp_path: Path, content: bytes, name: str = "quantize") -> str:
    """What is said of a params file, less its path."""
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_group(name, Quantize, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spotimes.params"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_good_group_is_read_and_cannot_be_changed(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(GOOD)
    group = load_group("quantize", Quantize, tmp_path / "params.yaml")
    assert group == Quantize(calibration_images=10, seed=1)
    with pytest.raises(ValidationError, match="frozen"):
        group.seed = 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-05", 1e-5),
        ("1e-3", 1e-3),
        ("1.5E+3", 1500.0),
        ("1e5", 1e5),
        ("-.5", -0.5),
        ("010", 10),
        ("0o10", 8),
        ("1_000", 1000),
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("off", "off"),
        ("true", True),
        ("1:30", "1:30"),
        ("~", None),
    ],
)
def test_a_value_is_what_dvc_takes_it_for(tmp_path: Path, text: str, value: object) -> None:
    """DVC shows it in `dvc params diff`, and writes it for `dvc exp run -S`."""
    path = tmp_path / "params.yaml"
    path.write_text(f"value: {text}\n")
    (found,) = load_yaml(path).values()
    (of_dvc,) = load_yaml_as_dvc(path).values()
    assert (type(found), found) == (type(of_dvc), of_dvc) == (type(value), value)


def test_what_dvc_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / PARAMS_FILE, path)
    with modify_yaml(path) as params:
        params["train"]["optimizer"]["weight_decay"] = 0.00001
        params["evaluate"]["budgets"]["top1_loss"] = 0.0000025
    assert "weight_decay: 1e-05" in path.read_text()
    assert load_group("train", Train, path).optimizer.weight_decay == 0.00001
    assert dict(load_group("evaluate", Evaluate, path).budgets)["top1_loss"] == 0.0000025


def test_every_group_of_params_yaml_has_a_schema_of_its_name() -> None:
    assert tuple(load_yaml(ROOT / PARAMS_FILE)) == GROUPS
    files = {path.stem for path in (ROOT / "spotimes/params").glob("[!_]*.py")}
    assert files - set(GROUPS) == {"load", "preset"}
    assert [schema(name).__name__.lower() for name in GROUPS] == [*GROUPS]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD + b"quantise: {}\n", f"quantise: unknown key; allowed are {', '.join(GROUPS)}"),
        (b"prepare: {}\n", "quantize: missing"),
        (b"{}", "quantize: missing"),
        (
            b"quantize:\n",
            "quantize: null is not allowed: input should be a valid dictionary or instance of "
            "Quantize",
        ),
        (b"", "must be a mapping of keys to values"),
        (b"- quantize", "must be a mapping of keys to values"),
        (b"just words", "must be a mapping of keys to values"),
        (
            b"quantize: {calibration_images: 10, seed: 1, sed: 2}",
            "quantize.sed: unknown key; allowed are calibration_images, seed",
        ),
        (b"quantize: {seed: 1}", "quantize.calibration_images: missing"),
        (
            b"quantize: {calibration_images: '10', seed: 1}",
            "quantize.calibration_images: '10' is not allowed: input should be a valid integer",
        ),
        (
            b"quantize: {calibration_images: 10.0, seed: 1}",
            "quantize.calibration_images: 10.0 is not allowed: input should be a valid integer",
        ),
        (
            b"quantize: {calibration_images: 10, seed: yes}",
            "quantize.seed: 'yes' is not allowed: input should be a valid integer",
        ),
        (
            b"quantize: {calibration_images: 10, seed: null}",
            "quantize.seed: null is not allowed: input should be a valid integer",
        ),
        (
            b"quantize: {calibration_images: 10, seed: {a: 1}}",
            "quantize.seed: a mapping is not allowed: input should be a valid integer",
        ),
        (
            b"quantize: {calibration_images: 0, seed: 1}",
            "quantize.calibration_images: 0 is not allowed: input should be greater than or equal "
            "to 1",
        ),
        (
            b'quantize: {calibration_images: "1\\n2", seed: 1}',
            r"quantize.calibration_images: '1\n2' is not allowed: input should be a valid integer",
        ),
    ],
)
def test_a_bad_value_is_reported_with_its_key_and_what_is_allowed(
    tmp_path: Path, content: bytes, message: str
) -> None:
    assert refusal(tmp_path, content) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"quantize: {seed: 1", "is not YAML: "),
        (b"quantize: {seed: 1}\n\tseed: 2", "is not YAML: "),
        (b"quantize: !!python/object:os.system {}", "is not YAML: "),
        (b"quantize: {seed: 2020-13-45}", ""),  # looks like a date and is none
        (b"# \xe9t\xe9\n" + GOOD, "cannot be read: 'utf-8' codec can't decode"),
        (b"quantize: \x00", "is not YAML: "),
        (
            b"quantize: {seed: 1, calibration_images: 9, seed: 2}",
            'is not YAML: found duplicate key "seed" with value "2" (original value: "1"), in line '
            "1, column 44",
        ),
        (b"quantize: {seed: !!float }", "is not YAML: "),
        (b"quantize: {seed: !!bool maybe}", "is not YAML: "),
        (b"[" * 400, "is not YAML: "),
        (b"<<<<<<< HEAD\n" + GOOD + b"=======\n>>>>>>> other\n", "is not YAML: "),
    ],
)
def test_what_is_no_yaml_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    assert refusal(tmp_path, content).startswith(message)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "params.yaml", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            load_group("quantize", Quantize, path)


def test_the_command_passes_the_committed_params() -> None:
    done = check(ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("  epochs:", "  epochs: -1 #", "train.epochs: -1 is not allowed"),
        ("warmup:", "warm_up:", "train.optimizer.warm_up: unknown key; allowed are peak_"),
        ("channels: 32", "width: 32", "network.blocks[1].width: unknown key; allowed are kind, "),
        ("train:", "train: {", "is not YAML"),
    ],
)
def test_the_command_ends_in_one_line(tmp_path: Path, old: str, new: str, key: str) -> None:
    text = (ROOT / PARAMS_FILE).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / PARAMS_FILE).write_text(text.replace(old, new), encoding="utf-8")
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"params: params.yaml: {key}")
