"""Trains, quantizes and tests one fold, as the stages train, quantize and evaluate do."""

import json
import time
from typing import NamedTuple

from pooch import file_hash

from spotimes.blocks import Architecture
from spotimes.crossvalidation.folds import Fold
from spotimes.crossvalidation.pool import Pool
from spotimes.crossvalidation.result import Answers
from spotimes.dataset.backbone import Tensors
from spotimes.dataset.prepared import (
    PREPARED,
    Card,
    load_backbone,
    load_card,
    load_kept_tensors,
    load_tensors,
)
from spotimes.errors import InputError
from spotimes.evaluation import accuracy
from spotimes.nn.architecture import architecture
from spotimes.nn.frameworks import keras
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.optional_file import NONE
from spotimes.params.quantize import Quantize
from spotimes.params.runtime import Runtime
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.quantization.files import quantize
from spotimes.quantization.temperature import logits_of
from spotimes.system import atomic, host
from spotimes.system.cores import at_most_allowed
from spotimes.system.packages import check_installed
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.determinism import ALL_ARE_USED, code_digest, make_deterministic
from spotimes.training.loop import TrainingData, train
from spotimes.training.teacher import answers_of_backbone


class Recipe(NamedTuple):
    """All that a fold's networks depend on but its images.

    Attributes:
        network: the architecture.
        train: how it is trained.
        pretrained: weights that it begins with.
        quantize: how it is calibrated.
        card: of the dataset.
        key: all of it, and the data, the code and the machine, as one string.
    """

    network: Architecture
    train: Train
    pretrained: Tensors
    quantize: Quantize
    card: Card
    key: str


def load_recipe() -> Recipe:
    """Reads params.yaml and the prepared dataset, and makes TensorFlow deterministic.

    Raises:
        InputError: they are not as they must be, or another version of a package is installed.
    """
    versions, runtime = load_group("versions", Versions), load_group("runtime", Runtime)
    check_installed(versions)
    check_installed(runtime)
    network, recipe = load_group("network", Network), load_group("train", Train)
    calibration = load_group("quantize", Quantize)
    _check_nothing_was_learnt(recipe)
    card = load_card()
    at_most_allowed(recipe.threads, "params.yaml: train.threads", ALL_ARE_USED)
    make_deterministic(recipe.seed, recipe.threads)
    key = [
        network.model_dump(),
        recipe.model_dump(),
        calibration.model_dump(),
        runtime.model_dump(),
        host.fingerprint(versions.model_dump(), recipe.threads),
        code_digest(),
        {file.name: file_hash(str(file)) for file in sorted(PREPARED.iterdir())},
    ]
    return Recipe(
        architecture(network, load_backbone()),
        recipe,
        load_kept_tensors(network.backbone.keep),
        calibration,
        card,
        json.dumps(key, sort_keys=True),
    )


def kept_answers(kept: Checkpoint) -> Answers | None:
    """The answers of a fold that was trained before; None if there are none."""
    if (saved := kept.load()) is None:
        return None
    arrays, facts = saved
    return Answers(arrays["fp32"], arrays["int8"], arrays["logits"], facts["seconds"])


def train_fold(recipe: Recipe, pool: Pool, fold: Fold, kept: Checkpoint) -> Answers:
    """Trains a fold's network, quantizes it, and has both models classify what was held out.

    A training that was killed goes on after its last whole epoch.

    Args:
        recipe: how; TensorFlow must be deterministic by now.
        pool: all images.
        fold: which of them are for what.
        kept: what `kept_answers` is to find the answers in. The state of the training is kept
            beside it.

    Raises:
        InputError: the recipe does not fit so few training images.
    """
    keras.utils.clear_session()  # the graphs of the fold before
    make_deterministic(recipe.train.seed, recipe.train.threads)
    folder, class_names = kept.path.parent, recipe.card.class_names
    data = TrainingData(pool.split(fold.train), pool.split(fold.validation), len(class_names))
    of_teacher, asked, of_student = (
        Checkpoint(folder / f"{name}.npz", kept.key) for name in ("teacher", "answers", "train")
    )
    logits, seconds = None, 0.0
    if recipe.train.teacher.model != NONE:
        found = answers_of_backbone(
            load_backbone(), load_tensors(), recipe.train, data, (of_teacher, asked)
        )
        logits, seconds = found.logits, found.seconds
        # The student's first weights must not depend on whether its teacher was trained just now.
        keras.utils.set_random_seed(recipe.train.seed)
    trained = train(
        recipe.network,
        recipe.train,
        data,
        of_student,
        folder / "history.csv",
        pretrained=recipe.pretrained,
        answers=logits,
    )
    began = time.perf_counter()
    files = quantize(
        trained.model,
        recipe.network,
        data.train,
        recipe.card,
        recipe.quantize,
        validation=data.validation,
    )
    with atomic.scratch(len(files.fp32) + len(files.int8)) as scratch:
        fp32, int8 = scratch / "fp32.tflite", scratch / "int8.tflite"
        fp32.write_bytes(files.fp32)
        int8.write_bytes(files.int8)
        held_out = pool.split(fold.held_out)
        tested = accuracy.predict(fp32, int8, held_out, class_names)
        tested_logits = logits_of(files.int8, held_out)
    seconds += sum(trained.seconds) + time.perf_counter() - began
    kept.save(
        {"fp32": tested.fp32, "int8": tested.int8, "logits": tested_logits}, {"seconds": seconds}
    )
    for checkpoint in (of_teacher, asked, of_student):
        checkpoint.remove()
    return Answers(tested.fp32, tested.int8, tested_logits, seconds)


def _check_nothing_was_learnt(recipe: Train) -> None:
    """No model of ours may have a part in it that was trained before."""
    for key, path in (("start_from", recipe.start_from), ("teacher.model", recipe.teacher.model)):
        if path.endswith(".keras"):
            raise InputError(
                f"params.yaml: train.{key}: {path} is not allowed here: it may have learnt the "
                f"pictures that a fold holds out; use {NONE}"
            )
