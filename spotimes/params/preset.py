"""`python -m spotimes.params.preset NAME`: puts the values of presets/NAME.yaml into params.yaml.

A preset names only what it changes, such as `network.blocks` and `train.epochs`. The rest of
params.yaml stays as it is, comments too; `git checkout params.yaml` takes it back.
"""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from spotimes import usage
from spotimes.errors import InputError
from spotimes.params.load import GROUPS, PARAMS_FILE, schema
from spotimes.system import atomic, command
from spotimes.system.validation import load_yaml, validated

FOLDER = Path("presets")


def main() -> None:
    """Applies a preset to params.yaml and prints what changed.

    Raises:
        InputError: there is no such preset, it has a key that params.yaml lacks, or a value that is
            not allowed; params.yaml then stays as it is.
    """
    parser = usage.parser(
        "spotimes.params.preset",
        __doc__,
        "make preset NAME=nano",
        "python -m spotimes.params.preset nano",
    )
    parser.add_argument("name", help="of a file of presets/, without .yaml")
    name = parser.parse_args().name
    path = FOLDER / f"{name}.yaml"
    names = sorted(each.stem for each in FOLDER.glob("*.yaml"))
    if name not in names:
        raise InputError(f"{name}: no such preset; there are {', '.join(names)}")
    load_yaml(path)  # whose message is one line, for what is no YAML
    changes = put(path.read_text(encoding="utf-8"), str(path))
    print("\n".join(changes) or f"{PARAMS_FILE} has these values already")


def put(preset: str, where: str) -> list[str]:
    """Puts a preset's values into params.yaml, whose other values and comments stay.

    Args:
        preset: YAML with keys of params.yaml only.
        where: its name in an error's message.

    Returns:
        A line for each value that changed.

    Raises:
        InputError: params.yaml lacks a key of it, or a value is not allowed; params.yaml then stays
            as it is.
    """
    load_yaml(PARAMS_FILE)  # likewise
    yaml = _round_trip()
    params = yaml.load(PARAMS_FILE)
    changes = merge(params, yaml.load(preset), where)
    for group, value in _plain(params).items():
        if group in GROUPS:
            validated(value, schema(group), f"{where}: {group}")
    text = io.StringIO()
    yaml.dump(params, text)
    atomic.write_text(PARAMS_FILE, text.getvalue())
    return changes


def merge(params: dict[str, Any], preset: dict[str, Any], where: str, key: str = "") -> list[str]:
    """Puts a preset's values into params, mapping by mapping; a list is replaced whole.

        merge({"train": {"epochs": 30}}, {"train": {"epochs": 7}}, "presets/nano.yaml")
        # ["train.epochs: 30 -> 7"]

    Args:
        params: changed in place; its comments stay.
        preset: has keys of `params` only.
        where: the preset's name in an error's message.
        key: the path of both in the whole, with a dot behind.

    Returns:
        A line for each value that changed.

    Raises:
        InputError: `params` has no such key, or one of both has a mapping there and the other a
            value that is not null.
    """
    changes: list[str] = []
    for name, value in preset.items():
        if name not in params:
            raise InputError(f"{where}: {key}{name}: unknown key; allowed are {', '.join(params)}")
        known = params[name]
        if None not in (value, known) and isinstance(value, dict) != isinstance(known, dict):
            kinds = "a value" if isinstance(value, dict) else "a mapping"
            raise InputError(f"{where}: {key}{name}: must be {kinds}, as in {PARAMS_FILE}")
        if isinstance(value, dict) and known is not None:
            changes += merge(known, value, where, f"{key}{name}.")
        elif _plain(params[name]) != _plain(value):
            changes.append(f"{key}{name}: {_plain(params[name])} -> {_plain(value)}")
            params[name] = value
    return changes


def _round_trip() -> YAML:
    """YAML that reads and writes comments, laid out as params.yaml is."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.representer.add_representer(
        type(None),
        lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"),
    )
    return yaml


def _plain(value: Any) -> Any:
    """Values as plain types, not those that carry comments and line numbers."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


if __name__ == "__main__":
    command.run("preset", main)
