from pathlib import Path
from typing import Annotated, Any

import pytest
from dvc.utils.serialize import load_yaml as load_yaml_as_dvc  # type: ignore[import-untyped]
from pydantic import Field, ValidationError

from spotimes.errors import InputError
from spotimes.system.validation import Frozen, load_yaml, validated


class Calibration(Frozen):
    images: Annotated[int, Field(ge=1)]
    seed: int


class Stage(Frozen):
    """With a list, a mapping and one that may be null."""

    runs: list[Calibration]
    first: Calibration
    last: Calibration | None = None


GOOD: dict[str, Any] = {"images": 10, "seed": 1}


def refusal(value: Any, kind: type[Frozen] = Calibration) -> str:
    with pytest.raises(InputError) as caught:
        validated(value, kind, "file: stage")
    message = str(caught.value)
    assert message.startswith("file: stage")
    assert "\n" not in message
    return message.removeprefix("file: stage")


def test_what_fits_is_typed_and_cannot_be_changed() -> None:
    found = validated(GOOD, Calibration, "file")
    assert found == Calibration(images=10, seed=1)
    with pytest.raises(ValidationError, match="frozen"):
        found.seed = 2


INT = "is not allowed: input should be a valid integer"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            None,
            ": null is not allowed: input should be a valid dictionary or instance of Calibration",
        ),
        (GOOD | {"sed": 2}, ".sed: unknown key; allowed are images, seed"),
        ({"images": 10, "sed": 2}, ".sed: unknown key; allowed are images, seed"),
        (GOOD | {"a\x1b[2J\x85": 2}, r".a\x1b[2J\x85: unknown key; allowed are images, seed"),
        ({"seed": 1}, ".images: missing"),
        (GOOD | {"images": "10"}, f".images: '10' {INT}"),
        (GOOD | {"images": 10.0}, f".images: 10.0 {INT}"),
        (GOOD | {"seed": True}, f".seed: True {INT}"),
        (GOOD | {"seed": None}, f".seed: null {INT}"),
        (GOOD | {"seed": {"a": 1}}, f".seed: a mapping {INT}"),
        (
            GOOD | {"images": 0},
            ".images: 0 is not allowed: input should be greater than or equal to 1",
        ),
        (GOOD | {"images": "1\n2"}, rf".images: '1\n2' {INT}"),
    ],
)
def test_a_bad_value_is_reported_with_its_key_and_what_is_allowed(value: Any, message: str) -> None:
    assert refusal(value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runs": [GOOD, {"seed": 1}]}, ".runs[1].images: missing"),
        ({"runs": [GOOD | {"a": 1}]}, ".runs[0].a: unknown key; allowed are images, seed"),
        ({"last": GOOD | {"a": 1}}, ".last.a: unknown key; allowed are images, seed"),
        ({"next": GOOD}, ".next: unknown key; allowed are runs, first, last"),
    ],
)
def test_a_key_is_named_by_its_path(change: dict[str, Any], message: str) -> None:
    assert refusal({"runs": [], "first": GOOD} | change, Stage) == message


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


def yaml_refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_yaml(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a mapping of keys to values"),
        (b"- quantize", "must be a mapping of keys to values"),
        (b"just words", "must be a mapping of keys to values"),
        (b"quantize: {seed: 1", "is not YAML: "),
        (b"quantize: {seed: 1}\n\tseed: 2", "is not YAML: "),
        (b"quantize: !!python/object:os.system {}", "is not YAML: "),
        (b"quantize: {seed: 2020-13-45}", "is not YAML: "),  # looks like a date
        (b"# \xe9t\xe9\nquantize: {}", "cannot be read: 'utf-8' codec can't decode"),
        (b"quantize: \x00", "is not YAML: "),
        (
            b"quantize: {seed: 1, images: 9, seed: 2}",
            'is not YAML: found duplicate key "seed" with value "2" (original value: "1"), in line '
            "1, column 32",
        ),
        (b"quantize: {seed: !!float }", "is not YAML: "),
        (b"quantize: {seed: !!bool maybe}", "is not YAML: "),
        (b"[" * 400, "is not YAML: "),
        (b"<<<<<<< HEAD\na: 1\n=======\n>>>>>>> other\n", "is not YAML: "),
    ],
)
def test_what_is_not_a_yaml_mapping_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    assert yaml_refusal(path).startswith(message)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "params.yaml", tmp_path):
        assert yaml_refusal(path).startswith("cannot be read: ")
