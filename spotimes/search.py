"""`python -m spotimes.search`: architectures that are accurate for what they cost.

An architecture is proposed (by Optuna's tree-structured Parzen estimator), its cost is estimated,
then measured, without training. One within `search.limits` is trained for `search.epochs`, unless
it falls behind the others early (Optuna's median pruner). Accuracy is measured on images set aside
from the training split; the test split is not read.

In: data/prepared; `search`, `train` and `network.largest_side` of params.yaml.
Out: metrics/search.csv, a row a proposal, and metrics/search.png, rewritten after each; at the end
the Pareto front is printed, with the most accurate one's blocks as params.yaml has them.
State: .search/. A search that is broken off goes on where it was when it is started again, within
an architecture after its last whole epoch; with other params it begins anew.
Time: 2 s for a measured proposal, and for a trained one `search.epochs` times an epoch's.
"""

import hashlib
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import yaml
from optuna.trial import FrozenTrial, Trial, TrialState
from pooch import file_hash

from spotimes import atomic, command, pareto
from spotimes import network as networks
from spotimes.architecture_cost import Cost, estimate, measure
from spotimes.checkpoint import Arrays, Checkpoint
from spotimes.contract import Contract
from spotimes.dataset import PREPARED, LazySplit, load_card, load_split
from spotimes.determinism import make_deterministic
from spotimes.errors import InputError
from spotimes.frameworks import keras
from spotimes.image_file import Selected
from spotimes.params.load import load_group
from spotimes.params.network import Block, Network
from spotimes.params.runtime import Runtime
from spotimes.params.search import Choices, Limits, Search
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.split import set_aside
from spotimes.training import train

RECORD = Path("metrics/search.csv")
PICTURE = Path("metrics/search.png")
FOLDER = Path(".search")
COLUMNS = (
    "trial",
    "outcome",  # over a limit, given up, or trained
    "architecture",
    "val_accuracy",  # after the last epoch that it was trained
    "epochs",
    *Cost._fields,  # of one over a limit by its estimate, bytes and macs alone, as estimated
)
ESTIMATES_ERROR = 1.05


def main() -> None:
    """Searches until enough were trained or proposed."""
    load_group("versions", Versions).check_installed()
    load_group("runtime", Runtime).check_installed()
    params = load_group("search", Search)
    recipe = load_group("train", Train)
    largest_side = load_group("network", Network).largest_side
    recipe = recipe.model_copy(update={"epochs": params.epochs, "keep": "last", "patience": None})
    if not Path(params.reference).is_file():
        raise InputError(f"params.yaml: search.reference: {params.reference}: no such file")
    make_deterministic(recipe.seed, recipe.threads)
    FOLDER.mkdir(exist_ok=True)

    search = _Searching(params, recipe, largest_side)
    search.take_up()
    while search.trained() < params.trials and len(search.study.trials) < params.proposals:
        trial = search.propose()
        if "repeats" in trial.user_attrs:
            continue
        table = record(search.study)
        atomic.write_text(RECORD, table.to_csv(index=False, lineterminator="\n"))
        if trial.intermediate_values:
            pareto.draw(table, PICTURE)
    report(search.study, record(search.study), params)


class _Searching:
    """A search under way.

    Attributes:
        study: Optuna's, kept in `FOLDER`.
    """

    def __init__(self, params: Search, recipe: Train, largest_side: int) -> None:
        self.params, self.recipe, self.largest_side = params, recipe, largest_side
        split, card = load_split("train"), load_card()
        self.classes = len(card.class_names)
        height, width, channels = split.images.shape[1:]
        self.image_shape = (height, width, channels)
        self._check_strides()
        self.contract = Contract.of(card.class_names, self.image_shape, card.resize)
        aside = set_aside(split.labels, params.validation_fraction, params.seed, self.classes)
        self.train_split, self.validation_split = (
            LazySplit(Selected(split.images, places), split.labels[places])
            for places in (np.flatnonzero(~aside), np.flatnonzero(aside))
        )
        self.key = json.dumps(
            [
                params.model_dump(exclude={"trials", "proposals"}),
                recipe.model_dump(),
                largest_side,
                file_hash(params.reference),
                {file.name: file_hash(str(file)) for file in sorted(PREPARED.iterdir())},
            ],
            sort_keys=True,
        )
        self.study = _study(self.key)

    def _check_strides(self) -> None:
        rows = [Block(kind="conv", channels=1, stride=row.stride) for row in self.params.space]
        network = Network(largest_side=self.largest_side, blocks=rows)
        try:
            networks.build(network, self.image_shape, self.classes)
        except InputError as error:
            height, width, _ = self.image_shape
            raise InputError(
                "params.yaml: search.space: the strides of its rows together bring "
                f"{height}x{width} images below one pixel; use 1 in more of them"
            ) from error

    def trained(self) -> int:
        """How many architectures were trained, to the end or not."""
        return sum(bool(trial.intermediate_values) for trial in _told(self.study))

    def take_up(self) -> None:
        """Puts the architecture at which a search was broken off in front again."""
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
            self.study.enqueue_trial(trial.params)

    def propose(self) -> FrozenTrial:
        """Looks at one architecture, and trains it if it is within the limits and new."""
        keras.utils.clear_session()  # the graphs of the proposal before
        params = self.params
        told = _told(self.study)
        # By what is known, not by how often it was broken off: so it finds the same each time.
        self.study.sampler = _sampler(params.seed + len(told), params.random_proposals)
        self.study.pruner = optuna.pruners.MedianPruner(
            params.unpruned_trials, n_warmup_steps=params.epochs // 3
        )
        trial = self.study.ask()
        network = Network(largest_side=self.largest_side, blocks=chosen(trial, params.space))
        name = described(network.blocks)
        trial.set_user_attr("architecture", name)
        if same := next((each for each in told if each.user_attrs["architecture"] == name), None):
            trial.set_user_attr("repeats", same.number)
            for key, value in same.constraints.items():
                trial.set_constraint(key, value)
            return self._tell(trial, same.value)
        trial.set_user_attr("blocks", [block.model_dump() for block in network.blocks])
        if not self._within_limits(trial, network):
            return self._tell(trial, None)
        began = time.perf_counter()
        found = self._tell(trial, self._trained(trial, network))
        print(f"{_line(found)}, {time.perf_counter() - began:.0f} s", flush=True)
        return found

    def _tell(self, trial: Trial, accuracy: float | None) -> FrozenTrial:
        state = TrialState.PRUNED if accuracy is None else TrialState.COMPLETE
        return self.study.tell(trial, accuracy, state)

    def _within_limits(self, trial: Trial, network: Network) -> bool:
        guess = estimate(network, self.image_shape, self.classes)
        cost: dict[str, Any] = {**dict.fromkeys(Cost._fields), **guess._asdict()}
        tolerance = ESTIMATES_ERROR
        if not any(excess(cost, self.params.limits, tolerance).values()):
            cost = measure(network, self.contract, Path(self.params.reference))._asdict()
            tolerance = 1.0
        beyond = excess(cost, self.params.limits, tolerance)
        trial.set_user_attr("cost", cost)
        for name, share in beyond.items():
            trial.set_constraint(name, share)
        return not any(beyond.values())

    def _trained(self, trial: Trial, network: Network) -> float | None:
        """Its accuracy; None if it was given up."""
        make_deterministic(self.recipe.seed, self.recipe.threads)
        key = f"{self.key} {described(network.blocks)}"
        checkpoint = _Reporting(FOLDER / "train.npz", key, trial)
        try:
            trained = train(
                network,
                self.recipe,
                self.train_split,
                self.validation_split,
                self.classes,
                checkpoint,
                FOLDER / "history.csv",
            )
        except optuna.TrialPruned:
            trained = None
        checkpoint.remove()
        return trained and trained.val_accuracy


class _Reporting(Checkpoint):
    """Tells the trial of each epoch, and ends the training if it is to be given up."""

    def __init__(self, path: Path, key: str, trial: Trial) -> None:
        super().__init__(path, key)
        self.trial = trial
        self.reported = 0

    def save(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Saves the state, then reports the epochs that were not yet.

        Raises:
            optuna.TrialPruned: the trial fell behind.
        """
        super().save(arrays, facts)
        for epoch, row in list(enumerate(facts["history"], 1))[self.reported :]:
            self.trial.report(row["val_accuracy"], epoch)
        self.reported = len(facts["history"])
        if self.trial.should_prune():
            raise optuna.TrialPruned


def chosen(trial: Trial, space: list[Choices]) -> list[Block]:
    """The blocks that a trial takes from the space."""
    blocks: list[Block] = []
    for row, choices in enumerate(space):
        kind, channels, repeats = (
            trial.suggest_categorical(f"{row} {name}", getattr(choices, name))
            for name in ("kind", "channels", "repeats")
        )
        blocks += [
            Block(kind=kind, channels=channels, stride=1 if place else choices.stride)
            for place in range(repeats)
        ]
    return blocks


def described(blocks: list[Block]) -> str:
    """Blocks in short, such as `conv 16, conv 48/2, separable 96`."""
    return ", ".join(
        f"{block.kind} {block.channels}" + (f"/{block.stride}" if block.stride > 1 else "")
        for block in blocks
    )


def excess(cost: dict[str, Any], limits: Limits, tolerance: float) -> dict[str, float]:
    """By what share of each limit a cost is above `tolerance` times it; 0 if it is not known."""
    beyond = dict.fromkeys(Limits.model_fields, 0.0)
    for name, limit in limits:
        if limit is not None and cost[name] is not None:
            beyond[name] = max(0.0, cost[name] / limit / tolerance - 1)
    return beyond


def record(study: optuna.Study) -> pd.DataFrame:
    """The proposals so far, `COLUMNS`; one that came again is left out."""
    rows = []
    for trial in _told(study):
        if "repeats" in trial.user_attrs:
            continue
        epochs = len(trial.intermediate_values)
        finished = "trained" if trial.state == TrialState.COMPLETE else "given up"
        rows.append(
            {
                "trial": trial.number,
                "outcome": finished if epochs else "over a limit",
                "architecture": trial.user_attrs["architecture"],
                "val_accuracy": trial.intermediate_values[epochs] if epochs else None,
                "epochs": epochs,
                **trial.user_attrs["cost"],
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(("bytes", "arena_bytes", "macs"), "Int64"))


def report(study: optuna.Study, table: pd.DataFrame, params: Search) -> None:
    """Prints the front, and the most accurate architecture as params.yaml has it."""
    trained = table[table["outcome"] == "trained"]
    counts = table["outcome"].value_counts()
    print(
        f"{len(study.trials):,} proposals of {params.size:,} architectures: "
        + ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
    )
    if trained.empty:
        raise InputError(
            "no architecture was trained to the end: widen search.space or search.limits, or allow "
            "more search.proposals"
        )
    told = {each.number: each for each in _told(study)}
    costs, accuracies = trained["bytes"].tolist(), trained["val_accuracy"].tolist()
    front = [told[trained["trial"].tolist()[place]] for place in pareto.front(costs, accuracies)]
    for trial in front:
        print(_line(trial))
    best = front[-1]  # by rising cost, so by rising accuracy
    print(yaml.safe_dump({"blocks": best.user_attrs["blocks"]}, sort_keys=False).strip())


def _study(key: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        storage=f"sqlite:///{FOLDER}/study.db",
        study_name=hashlib.sha256(key.encode()).hexdigest(),
        direction="maximize",
        load_if_exists=True,
    )


def _sampler(seed: int, random_proposals: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=random_proposals,
            multivariate=True,
        )


def _told(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _line(trial: FrozenTrial) -> str:
    cost, epochs = trial.user_attrs["cost"], len(trial.intermediate_values)
    given_up = "" if trial.state == TrialState.COMPLETE else ", given up"
    return (
        f"trial {trial.number}: {trial.user_attrs['architecture']}: {cost['bytes']:,} bytes, "
        f"{cost['macs'] / 1e6:.2f} M MACs, latency {cost['latency_ratio']:.2f}: "
        f"{trial.intermediate_values[epochs]:.2%} after {epochs} epochs{given_up}"
    )


if __name__ == "__main__":
    command.run("search", main)
