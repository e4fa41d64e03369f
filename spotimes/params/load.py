"""Reads and checks groups of params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from spotimes.errors import InputError

PARAMS_FILE = Path("params.yaml")
GROUPS = ("versions", "prepare", "network", "train", "quantize", "benchmark", "evaluate")


class Frozen(BaseModel):
    """A group of params: immutable, no unknown key, no silent conversion of types, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Group = TypeVar("Group", bound=Frozen)


def load_group(name: str, kind: type[Group], path: Path = PARAMS_FILE) -> Group:
    """Reads one group of params.yaml.

    Args:
        name: the group's key, one of `GROUPS`.
        kind: what it must look like.
        path: the params file.

    Returns:
        The group, checked.

    Raises:
        InputError: the file is missing or no YAML, has a group that nothing reads, lacks this one,
            or a value in it is not allowed. The message names the key, the value and what is
            allowed.
    """
    document = load_yaml(path)
    if unknown := [key for key in document if key not in GROUPS]:
        raise InputError(f"{path}: {unknown[0]}: unknown key; allowed are {', '.join(GROUPS)}")
    if name not in document:
        raise InputError(f"{path}: {name}: missing")
    return validated(document[name], kind, f"{path}: {name}")


def load_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML file whose top level is a mapping.

    Raises:
        InputError: it is missing, unreadable, no YAML or no mapping.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # a date such as 2020-13-45 is a ValueError
        raise InputError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: must be a mapping of keys to values")
    return document


def validated(value: Any, kind: type[Group], where: str) -> Group:
    """Checks `value` against `kind`.

    Raises:
        InputError: it does not fit; the message begins with `where` and names the first offence.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise InputError(f"{where}{_first_offence(error, kind)}") from error


def _first_offence(error: ValidationError, kind: type[BaseModel]) -> str:
    first = error.errors(include_url=False)[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key" + (
            f"; allowed are {', '.join(kind.model_fields)}" if len(first["loc"]) == 1 else ""
        )
    if first["type"] == "missing":
        return f"{key}: missing"
    allowed = first["msg"].removeprefix("Value error, ")
    return f"{key}: {_shown(first['input'])} is not allowed: {allowed[0].lower()}{allowed[1:]}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    return "null" if value is None else repr(value)
