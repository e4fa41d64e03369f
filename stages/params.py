"""Checks all of params.yaml before another stage changes anything.

In: params.yaml, which packages are installed, and whether the optional files and folders are there
that it names.
Out: metrics/params.json, which is the same for all values that are allowed, so that prepare, which
depends on it, runs after this stage but not because of it.
Takes some seconds.

DVC deletes a stage's outputs before it runs the stage: one that only then refused a value would
have lost its model. `dvc repro --single-item` runs no other stage, so not this one either.
"""

from pathlib import Path

from spotimes.errors import InputError
from spotimes.params.decoder import Decoder
from spotimes.params.load import GROUPS, STAGE_GROUPS, check_groups, load_group
from spotimes.params.network import Network
from spotimes.params.optional_file import NONE, optional_file, optional_folder
from spotimes.params.prepare import Prepare
from spotimes.params.runtime import Runtime
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.system import atomic, command
from spotimes.system.packages import check_installed

PARAMS = STAGE_GROUPS  # the others are checked with them
METRICS = Path("metrics/params.json")


def main() -> None:
    """Runs the stage."""
    check_groups()
    recipe = load_group("train", Train)
    optional_file(recipe.start_from, "train.start_from")
    teacher = optional_file(recipe.teacher.model, "train.teacher.model")
    _check_teacher(teacher)
    _check_unlabelled(load_group("prepare", Prepare), teacher)
    check_installed(load_group("versions", Versions))
    check_installed(load_group("runtime", Runtime))
    check_installed(load_group("decoder", Decoder))
    atomic.write_json(METRICS, {"checked": list(GROUPS)})


def _check_teacher(model: Path | None) -> None:
    card = load_group("network", Network).backbone.card
    if model is not None and model.suffix != ".keras" and model != Path(card):
        raise InputError(
            f"params.yaml: train.teacher.model: {model} is not the backbone whose weights prepare "
            f"fetches; let network.backbone.card name it, too, which is {card}"
        )


def _check_unlabelled(params: Prepare, teacher: Path | None) -> None:
    folder = optional_folder(params.unlabelled, "prepare.unlabelled")
    if folder is not None and teacher is None:
        raise InputError(
            f"params.yaml: prepare.unlabelled: is {folder}, but without a teacher nothing is "
            f"learned from it; let train.teacher.model name one, or prepare.unlabelled be {NONE}"
        )


if __name__ == "__main__":
    command.run("params", main)
