"""`python -m spotimes.reproducibility.reproduced`: whether a rebuild gave what is committed.

After `make rebuild`, compares the working tree with HEAD: on a machine of the same fingerprint the
models' bytes must be the same. On another machine the weights may differ, if INT8 accuracy is
within the committed 95% interval; what is made of the same weights must still be the same.
Exits with 1 if not.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from spotimes.errors import InputError
from spotimes.reproducibility.revision import Revision
from spotimes.system import command, host
from spotimes.usage import show_usage_if_asked

MODELS = ("models/model.keras", "models/model_fp32.tflite", "models/model_int8.tflite")
FINGERPRINT = "metrics/fingerprint.json"
EVALUATION = "metrics/evaluate.json"


class Verdict(NamedTuple):
    """Whether the working tree reproduces HEAD, and the line that says why."""

    reproduced: bool
    line: str


def main() -> None:
    """Prints the verdict, and exits with 1 if the rebuild does not reproduce HEAD.

    Raises:
        InputError: HEAD or the working tree lacks a file.
    """
    found = verdict(Revision("HEAD"))
    print(found.line)
    if not found.reproduced:
        sys.exit(1)


def verdict(committed: Revision) -> Verdict:
    """Compares the working tree's models, fingerprint and accuracy with a revision's."""
    then, now = _json(committed, FINGERPRINT), _here(FINGERPRINT)
    other = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    changed = [path for path in MODELS if committed.read(path) != _bytes(path)]
    before, after = _json(committed, EVALUATION)["int8"], _here(EVALUATION)["int8"]
    if not changed:
        return Verdict(True, "reproduced: the models are the same, byte for byte")
    files = ", ".join(changed)
    if not other:
        return Verdict(
            False, f"NOT reproduced: on a machine of the same fingerprint {files} differ"
        )
    if MODELS[0] not in changed:
        return Verdict(False, f"NOT reproduced: of the same {MODELS[0]} other {files} were made")
    if chosen := [key for key in other if key not in host.OF_A_MACHINE]:
        return Verdict(
            False,
            f"NOT reproduced: {', '.join(chosen)} are not those of the committed fingerprint",
        )
    accuracy = (
        f"on another machine ({', '.join(other)}), INT8 top-1 {after['top1']:.2%}; committed "
        f"{before['top1']:.2%}, {before['top1_low']:.2%} to {before['top1_high']:.2%}"
    )
    if before["top1_low"] <= after["top1"] <= before["top1_high"]:
        return Verdict(True, f"reproduced within its tolerance: {accuracy}")
    return Verdict(False, f"NOT reproduced: {accuracy}")


def _json(revision: Revision, path: str) -> dict[str, Any]:
    content = revision.read(path)
    if content is None:
        raise InputError(f"{revision.name} has no {path}")
    found: dict[str, Any] = json.loads(content)
    return found


def _here(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_bytes(path))
    return found


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; make rebuild makes it") from error


if __name__ == "__main__":
    show_usage_if_asked("spotimes.reproducibility.reproduced", __doc__)
    command.run("reproduced", main)
