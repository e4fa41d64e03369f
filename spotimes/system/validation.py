"""Reads YAML files, and checks what they and JSON files hold against a type.

YAML is read by the reader that DVC has, so that a stage sees the value that `dvc params diff` shows
and `dvc exp run -S` writes: YAML 1.2, in which `1e-05` is a number, `no` a word and `010` ten.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from spotimes.errors import InputError, printable


class Frozen(BaseModel):
    """Checked content: immutable, no unknown key, no silent conversion of types, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Checked = TypeVar("Checked", bound=Frozen)


def load_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML file whose top level is a mapping.

    Raises:
        InputError: it is missing, unreadable, no YAML or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """Reads YAML whose top level is a mapping.

    Args:
        text: the content of a file.
        where: its name in an error's message.

    Raises:
        InputError: it is no YAML or no mapping, or a key is there twice.
    """
    try:
        document = YAML(typ="safe").load(text)
    # A date such as 2020-13-45 is a ValueError, a tag before no value of its type a LookupError.
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        raise InputError(printable(f"{where}: is not YAML: {_problem(error)}")) from error
    if not isinstance(document, dict):
        raise InputError(f"{where}: must be a mapping of keys to values")
    return document


def load_json(path: Path, kind: type[Checked], stage: str) -> Checked:
    """Reads a JSON file that a stage writes, and checks it against a type.

    Raises:
        InputError: it is missing, is no JSON or does not fit.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unread(path, error, stage) from error
    return validated(content, kind, str(path))


def unread(path: Path, error: Exception, stage: str) -> InputError:
    """The error that says why a file that a stage writes cannot be read, and what to run."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: no such file; run `dvc repro {stage}`")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return InputError(f"{path}: cannot be read ({reason}); run `dvc repro {stage}`")


def validated(value: Any, kind: type[Checked], where: str) -> Checked:
    """Checks `value` against `kind`.

    Raises:
        InputError: it does not fit; the message begins with `where` and names the first error.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise InputError(printable(f"{where}{_first_error(error, kind)}")) from error


def _first_error(error: ValidationError, kind: type[BaseModel]) -> str:
    errors = error.errors(include_url=False)
    # A misspelt key is also a missing one; what was written says more than what was not.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    if first["type"] == "extra_forbidden":
        fields = _model_at(kind, first["loc"][:-1]).model_fields
        return f"{key}: unknown key; allowed are {', '.join(fields)}"
    if first["type"] == "missing":
        return f"{key}: missing"
    allowed = first["msg"].removeprefix("Value error, ")
    allowed = f"{allowed[0].lower()}{allowed[1:]}"
    if first["type"] == "value_error" and isinstance(first["input"], Mapping):
        return f"{key}: {allowed}"  # which names what in it is not
    return f"{key}: {_shown(first['input'])} is not allowed: {allowed}"


def _model_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that a key lies in, by the path of keys and indices to it."""
    for part in location:
        if isinstance(part, str):
            annotation = kind.model_fields[part].annotation
            candidates = [annotation, *get_args(annotation)]
            kind = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return kind


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    return "null" if value is None else repr(value)


def _problem(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem}, in line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(error).split())
