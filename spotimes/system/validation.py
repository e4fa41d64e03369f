"""Reads YAML files, and checks what they and JSON files hold against a type."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from spotimes.errors import InputError


class Frozen(BaseModel):
    """Checked content: immutable, no unknown key, no silent conversion of types, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Checked = TypeVar("Checked", bound=Frozen)


def load_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML file whose top level is a mapping.

    Raises:
        InputError: it is missing, unreadable, not YAML or not a mapping.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # a date such as 2020-13-45 is a ValueError
        raise InputError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: must be a mapping of keys to values")
    return document


def validated(value: Any, kind: type[Checked], where: str) -> Checked:
    """Checks `value` against `kind`.

    Raises:
        InputError: it does not fit; the message begins with `where` and names the first error.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise InputError(f"{where}{_first_error(error, kind)}") from error


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
    return f"{key}: {_shown(first['input'])} is not allowed: {allowed[0].lower()}{allowed[1:]}"


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


class _Loader(yaml.SafeLoader):
    """Rejects duplicate keys, of which PyYAML's loader silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if duplicates := [key for key in keys if keys.count(key) > 1]:
            raise yaml.MarkedYAMLError(
                problem=f"{duplicates[0]} is there twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)
