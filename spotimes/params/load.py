"""Reads and checks groups of params.yaml."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from spotimes.errors import InputError, printable
from spotimes.system.validation import Frozen, load_yaml, validated

PARAMS_FILE = Path("params.yaml")
# In the order of params.yaml. `train` is the class Train of spotimes/params/train.py.
STAGE_GROUPS = (
    "versions",
    "runtime",
    "decoder",
    "prepare",
    "network",
    "train",
    "quantize",
    "export",
    "benchmark",
    "evaluate",
)
GROUPS = (*STAGE_GROUPS, "search", "compare")

Group = TypeVar("Group", bound=Frozen)


def schema(name: str) -> type[Frozen]:
    """The type of one of `GROUPS`.

    It is imported only here, so that a stage imports the groups alone that it reads, and depends on
    what they import.
    """
    kind: type[Frozen] = getattr(import_module(f"spotimes.params.{name}"), name.title())
    return kind


def check_groups(path: Path = PARAMS_FILE) -> None:
    """Checks every group.

    Raises:
        InputError: as `load_group`, of the first that is not allowed.
    """
    document = _document(path)
    for name in GROUPS:
        _group(document, name, schema(name), path)


def load_group(name: str, kind: type[Group], path: Path = PARAMS_FILE) -> Group:
    """Reads one group of params.yaml.

        recipe = load_group("train", Train)

    Args:
        name: the group's key, one of `GROUPS`.
        kind: its type, `schema(name)`.
        path: the params file.

    Returns:
        The group, checked.

    Raises:
        InputError: the file is missing or no YAML, has a group that nothing reads, lacks this one,
            or a value in it is not allowed. The message names the key, the value and what is
            allowed.
    """
    return _group(_document(path), name, kind, path)


def _document(path: Path) -> Mapping[str, Any]:
    document: Mapping[str, Any] = load_yaml(path)
    if unknown := [key for key in document if key not in GROUPS]:
        raise InputError(
            f"{path}: {printable(str(unknown[0]))}: unknown key; allowed are {', '.join(GROUPS)}"
        )
    return document


def _group(document: Mapping[str, Any], name: str, kind: type[Group], path: Path) -> Group:
    if name not in document:
        raise InputError(f"{path}: {name}: missing")
    return validated(document[name], kind, f"{path}: {name}")
