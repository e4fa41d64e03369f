"""The objective: an architecture's validation accuracy, if its cost is within `search.limits`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import Trial
from pooch import file_hash

from spotimes.blocks import Architecture, Block, layers
from spotimes.dataset.image_file import Selected
from spotimes.dataset.prepared import PREPARED, LazySplit, load_card, load_split
from spotimes.errors import InputError, StrideTooLargeError
from spotimes.inference.contract import Contract
from spotimes.ingestion.division import set_aside
from spotimes.nn.frameworks import keras
from spotimes.params.network import Network
from spotimes.params.optional_file import NONE
from spotimes.params.search import Limits, Search
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.search.architecture_cost import Cost, estimate, measure
from spotimes.search.space import choices_of, described
from spotimes.system import host
from spotimes.training.checkpoint import Arrays, Checkpoint
from spotimes.training.determinism import code_digest, make_deterministic
from spotimes.training.loop import TrainingData, train

READ = ("dataset.json", "train_images.npy", "train_labels.npy")
REMEDIES = {
    "c_instructions": "install Debian's gcc-arm-none-eabi, libnewlib-arm-none-eabi and "
    "qemu-system-arm, or ",
}
ESTIMATES_ERROR = 1500  # bytes, and a twentieth


class Objective:
    """Measures and trains architectures; the test split is not read.

    Attributes:
        first: the choices that give `network.blocks`; None if they are not in the space.
        key: what a search's result depends on, the machine aside (params, data, code, versions), as
            one string.
        machine: what else it depends on, as one string.

    Args:
        params: `search` of params.yaml.
        recipe: how each architecture is trained, for `search.epochs`.
        network: `network` of params.yaml.
        versions: `versions` of params.yaml.
        folder: where the state of the training under way is kept.

    Raises:
        InputError: the reference is missing, the dataset cannot be read, or the strides of the
            space shrink its images below one pixel.
    """

    def __init__(
        self, params: Search, recipe: Train, network: Network, versions: Versions, folder: Path
    ) -> None:
        if not Path(params.reference).is_file():
            raise InputError(f"params.yaml: search.reference: {params.reference}: no such file")
        if network.backbone.keep:
            raise InputError(
                f"params.yaml: network.backbone.keep: {network.backbone.keep} is not allowed here: "
                "the search trains from scratch; use 0"
            )
        self.params, self.folder = params, folder
        self.recipe = recipe.model_copy(
            update={
                "start_from": NONE,
                "epochs": params.epochs,
                "keep": "last",
                "patience": None,
            }
        )
        self.largest_side = network.largest_side
        self.first = choices_of(network.blocks, params.space)
        split, card = load_split("train"), load_card()
        self.classes = len(card.class_names)
        height, width, channels = split.images.shape[1:]
        self.image_shape = (height, width, channels)
        self._check_strides()
        self.contract = Contract.of(
            card.class_names, self.image_shape, card.resize, chosen_range=card.range
        )
        aside = set_aside(split.labels, params.validation_fraction, params.seed, self.classes)
        self.train_split, self.validation_split = (
            LazySplit(Selected(split.images, indices), split.labels[indices])
            for indices in (np.flatnonzero(~aside), np.flatnonzero(aside))
        )
        fingerprint = host.fingerprint(versions.model_dump(), self.recipe.threads)
        self.machine = "; ".join(_shown(fingerprint[name]) for name in host.OF_A_MACHINE)
        self.key = json.dumps(
            [
                params.model_dump(exclude={"trials", "proposals", "storage"}),
                self.recipe.model_dump(),
                network.model_dump(),
                file_hash(params.reference),
                {name: file_hash(str(PREPARED / name)) for name in READ},
                fingerprint["versions"],
                code_digest(),
            ],
            sort_keys=True,
        )

    def __call__(self, trial: Trial, blocks: list[Block]) -> float | None:
        """Measures an architecture's cost and trains it.

        Args:
            trial: gets the cost as its attribute `cost`, and the accuracy after each epoch.
            blocks: the architecture.

        Returns:
            The accuracy after the last epoch; None if the cost is over a limit, or if the training
            was pruned.
        """
        keras.utils.clear_session()  # the graphs of the architecture before
        network = Architecture(blocks, self.largest_side)
        cost = trial.user_attrs.get("cost")
        # Of one that was interrupted, a second measurement of latency could find otherwise.
        if cost is None or cost["machine"] != self.machine:
            cost = {**self._cost(network), "machine": self.machine}
            trial.set_user_attr("cost", cost)
        beyond = excess(cost, self.params.limits)
        for name, share in beyond.items():
            trial.set_constraint(name, share)
        return None if any(beyond.values()) else self._trained(trial, network)

    def _check_strides(self) -> None:
        rows = [Block(kind="conv", channels=1, stride=row.stride) for row in self.params.space]
        network = Architecture(rows, self.largest_side)
        try:
            layers(network, self.image_shape)
        except StrideTooLargeError as error:
            height, width, _ = self.image_shape
            raise InputError(
                "params.yaml: search.space: the strides of its rows together bring "
                f"{height}x{width} images below one pixel; use 1 in more of them"
            ) from error

    def _cost(self, network: Architecture) -> dict[str, Any]:
        """Measures the cost; only estimates bytes and MACs if their lower bound is over a limit."""
        limits = self.params.limits
        guess = estimate(network, self.image_shape, self.classes)
        estimated = {**dict.fromkeys(Cost._fields), **guess._asdict()}
        lower_bound = {**estimated, "bytes": guess.bytes * 19 // 20 - ESTIMATES_ERROR}
        if any(excess(lower_bound, limits).values()):
            return estimated
        cost = measure(network, self.contract, Path(self.params.reference))
        measured = cost._asdict()
        for name, limit in limits:
            if limit is not None and measured[name] is None:
                remedy = f"{REMEDIES.get(name, '')}set null, which sets no limit"
                raise InputError(
                    f"params.yaml: search.limits.{name}: cannot be measured here "
                    f"({described(network.blocks)}); {remedy}"
                )
        return measured

    def _trained(self, trial: Trial, network: Architecture) -> float | None:
        """Trains an architecture; returns its accuracy, or None if it was pruned."""
        make_deterministic(self.recipe.seed, self.recipe.threads)
        key = f"{self.key} {self.machine} {described(network.blocks)}"
        checkpoint = PruningCheckpoint(self.folder / "train.npz", key, trial, self.recipe.epochs)
        try:
            accuracy = train(
                network,
                self.recipe,
                TrainingData(self.train_split, self.validation_split, self.classes),
                checkpoint,
                self.folder / "history.csv",
            ).val_accuracy
        except optuna.TrialPruned:
            accuracy = None
        checkpoint.remove()
        return accuracy


class PruningCheckpoint(Checkpoint):
    """Reports each epoch to the trial, and ends the training if it is to be pruned.

    Args:
        path: the file.
        key: what the training's bytes depend on.
        trial: Optuna's.
        epochs: how many the training has.
    """

    def __init__(self, path: Path, key: str, trial: Trial, epochs: int) -> None:
        super().__init__(path, key)
        self.trial, self.epochs = trial, epochs
        self.reported = 0

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Reads the state back, and reports its epochs, which the interrupted trial had reported.

        Raises:
            optuna.TrialPruned: the trial is to be pruned.
        """
        saved = super().load()
        if saved is not None:
            self.report(saved[1]["history"])
        return saved

    def save(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Saves the state, then reports the epochs that were not reported yet.

        Raises:
            optuna.TrialPruned: the trial is to be pruned.
        """
        super().save(arrays, facts)
        self.report(facts["history"])

    def report(self, history: list[dict[str, float]]) -> None:
        """Reports the epochs that were not reported yet.

        Args:
            history: a row for each epoch, with its `val_accuracy`.

        Raises:
            optuna.TrialPruned: the trial is to be pruned. It is how Optuna ends a training.
        """
        for epoch, row in list(enumerate(history, 1))[self.reported :]:
            self.trial.report(row["val_accuracy"], epoch)
        self.reported = len(history)
        # After the last epoch there is nothing left to save by pruning.
        if self.reported < self.epochs and self.trial.should_prune():
            raise optuna.TrialPruned


def _shown(part: object) -> str:
    """A part of a fingerprint as text."""
    if isinstance(part, dict):
        return " ".join(f"{name} {value}" for name, value in part.items())
    return str(part)


def excess(cost: dict[str, Any], limits: Limits) -> dict[str, float]:
    """The share of each limit by which a cost is above it; 0 if it is not known."""
    beyond = dict.fromkeys(Limits.model_fields, 0.0)
    for name, limit in limits:
        if limit is not None and cost[name] is not None:
            beyond[name] = max(0.0, cost[name] / limit - 1)
    return beyond
