"""`python -m spotimes.search`: architectures that are accurate for what they cost.

An architecture is proposed: first `network.blocks`, if they are in the space, then what Optuna's
tree-structured Parzen estimator expects most of. Its cost is estimated, then measured, without
training. One within `search.limits` is trained for `search.epochs`, unless it falls behind the
others early (Optuna's median pruner). Accuracy is measured on images set aside from the training
split; the test split is not read.

In: data/prepared; `search`, `train` and `network` of params.yaml.
Out: metrics/search.csv, a row a proposal, and metrics/search.png, rewritten after each; at the end
the Pareto front is printed, with the most accurate one's blocks as params.yaml has them.
State: .search/. A search that is broken off goes on where it was when it is started again, within
an architecture after its last whole epoch; with other params, data, code or machine it begins anew.
Time: 2 s for a measured proposal, and for a trained one `search.epochs` times an epoch's.
"""

import fcntl
import hashlib
import json
import textwrap
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import yaml
from optuna.trial import BaseTrial, FrozenTrial, Trial, TrialState
from pooch import file_hash

from spotimes.dataset.image_file import Selected
from spotimes.dataset.prepared import PREPARED, LazySplit, load_card, load_split
from spotimes.errors import InputError
from spotimes.inference.contract import Contract
from spotimes.ingestion.split import set_aside
from spotimes.nn import network as networks
from spotimes.nn.frameworks import keras
from spotimes.params.load import load_group
from spotimes.params.network import Block, Network
from spotimes.params.runtime import Runtime
from spotimes.params.search import Choices, Limits, Search
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.search import pareto
from spotimes.search.architecture_cost import Cost, estimate, measure
from spotimes.system import atomic, command
from spotimes.system.packages import check_installed
from spotimes.training.checkpoint import Arrays, Checkpoint
from spotimes.training.determinism import code_digest, fingerprint, make_deterministic
from spotimes.training.loop import train

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
READ = ("dataset.json", "train_images.npy", "train_labels.npy")
ESTIMATES_ERROR = 1500  # bytes, and a twentieth


def main() -> None:
    """Searches until enough were trained or proposed, if no other search is at it.

    Raises:
        InputError: another one is, params or files are not as they must be, or nothing was found.
    """
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{FOLDER}: another search is under way here; let it end") from error
        with ExitStack() as closing:
            _search(closing)


def _search(closing: ExitStack) -> None:
    versions = load_group("versions", Versions)
    check_installed(versions)
    check_installed(load_group("runtime", Runtime))
    params = load_group("search", Search)
    recipe = load_group("train", Train)
    network = load_group("network", Network)
    recipe = recipe.model_copy(update={"epochs": params.epochs, "keep": "last", "patience": None})
    if not Path(params.reference).is_file():
        raise InputError(f"params.yaml: search.reference: {params.reference}: no such file")
    make_deterministic(recipe.seed, recipe.threads)
    search = _Searching(params, recipe, network, versions, closing)
    search.take_up()
    drawn = 0
    while True:
        table = record(search.study)
        if not table.empty:  # else an earlier search's record would go before there is another
            atomic.write_text(RECORD, table.to_csv(index=False, lineterminator="\n"))
        trained = int((table["epochs"] > 0).sum())
        if trained > drawn:
            pareto.draw(table, PICTURE)
            drawn = trained
        if trained >= params.trials or not search.find(params.proposals):
            break
    report(search.study, table, params)


class _Searching:
    """A search under way.

    Attributes:
        study: Optuna's, kept in `FOLDER`.
    """

    def __init__(
        self,
        params: Search,
        recipe: Train,
        network: Network,
        versions: Versions,
        closing: ExitStack,
    ) -> None:
        self.params, self.recipe, self.largest_side = params, recipe, network.largest_side
        self.first = choices_of(network.blocks, params.space)
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
                network.model_dump(),
                file_hash(params.reference),
                {name: file_hash(str(PREPARED / name)) for name in READ},
                fingerprint(versions, recipe.threads),
                code_digest(),
            ],
            sort_keys=True,
        )
        self.study = _study(self.key, closing)

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

    def take_up(self) -> None:
        """Puts the architecture in front that a search begins with, or was broken off at."""
        if self.first is not None and not self.study.get_trials(deepcopy=False):
            self.study.enqueue_trial(self.first)
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
            cost = trial.user_attrs.get("cost")
            self.study.enqueue_trial(trial.params, {"cost": cost} if cost else None)

    def find(self, proposals: int) -> bool:
        """Proposes until an architecture is new; False if there were so many proposals before."""
        at_random = False
        while self._proposed() < proposals:
            if self._propose(at_random):
                return True
            at_random = True  # the estimator likes best what it knows to be good
        return False

    def _proposed(self) -> int:
        """How many proposals there were, repeated ones too, not those that were broken off."""
        trials = self.study.get_trials(deepcopy=False)
        return len(_told(self.study)) + sum("repeats" in trial.user_attrs for trial in trials)

    def _propose(self, at_random: bool) -> bool:
        """Looks at one architecture, and trains it if it is within the limits; False if known."""
        keras.utils.clear_session()  # the graphs of the proposal before
        params = self.params
        told = _told(self.study)
        # Break-offs do not count, so that it goes on as if there had been none.
        seed = (params.seed + self._proposed()) % 2**32
        random = optuna.samplers.RandomSampler(seed)
        self.study.sampler = random if at_random else _sampler(seed, params.random_proposals)
        self.study.pruner = optuna.pruners.MedianPruner(
            params.unpruned_trials, n_warmup_steps=params.epochs // 3
        )
        trial = self.study.ask()
        network = Network(largest_side=self.largest_side, blocks=chosen(trial, params.space))
        name = described(network.blocks)
        trial.set_user_attr("architecture", name)
        if same := next((each for each in told if each.user_attrs["architecture"] == name), None):
            trial.set_user_attr("repeats", same.number)
            self.study.tell(trial, state=TrialState.FAIL)  # nothing new to learn from
            return False
        trial.set_user_attr("blocks", [block.model_dump() for block in network.blocks])
        if not self._within_limits(trial, network):
            if trial.params == self.first:
                beyond = excess(trial.user_attrs["cost"], params.limits)
                limits = ", ".join(limit for limit, share in beyond.items() if share)
                print(f"network.blocks: over search.limits ({limits}), not trained", flush=True)
            self.study.tell(trial, state=TrialState.PRUNED)
            return True
        began = time.perf_counter()
        accuracy = self._trained(trial, network)
        state = TrialState.PRUNED if accuracy is None else TrialState.COMPLETE
        found = self.study.tell(trial, accuracy, state)
        print(f"{_line(found)}, {time.perf_counter() - began:.0f} s", flush=True)
        return True

    def _within_limits(self, trial: Trial, network: Network) -> bool:
        limits = self.params.limits
        # Of one that was broken off, a second measurement of latency could find otherwise.
        cost: dict[str, Any] | None = trial.user_attrs.get("cost")
        if cost is None:
            guess = estimate(network, self.image_shape, self.classes)
            cost = {**dict.fromkeys(Cost._fields), **guess._asdict()}
            at_least = {**cost, "bytes": guess.bytes * 19 // 20 - ESTIMATES_ERROR}
            if not any(excess(at_least, limits).values()):
                cost = measure(network, self.contract, Path(self.params.reference))._asdict()
                if cost["arena_bytes"] is None and limits.arena_bytes is not None:
                    raise InputError(
                        "params.yaml: search.limits.arena_bytes: cannot be measured here "
                        f"({described(network.blocks)}); set null, which sets no limit"
                    )
            trial.set_user_attr("cost", cost)
        beyond = excess(cost, limits)
        for name, share in beyond.items():
            trial.set_constraint(name, share)
        return not any(beyond.values())

    def _trained(self, trial: Trial, network: Network) -> float | None:
        """Its accuracy; None if it was given up."""
        make_deterministic(self.recipe.seed, self.recipe.threads)
        key = f"{self.key} {described(network.blocks)}"
        checkpoint = _Reporting(FOLDER / "train.npz", key, trial, self.recipe.epochs)
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

    def __init__(self, path: Path, key: str, trial: Trial, epochs: int) -> None:
        super().__init__(path, key)
        self.trial, self.epochs = trial, epochs
        self.reported = 0

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Reads the state back, and reports what was reported to the trial that was broken off.

        Raises:
            optuna.TrialPruned: the trial fell behind.
        """
        saved = super().load()
        if saved is not None:
            self._report(saved[1]["history"])
        return saved

    def save(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Saves the state, then reports the epochs that were not yet.

        Raises:
            optuna.TrialPruned: the trial fell behind.
        """
        super().save(arrays, facts)
        self._report(facts["history"])

    def _report(self, history: list[dict[str, float]]) -> None:
        for epoch, row in list(enumerate(history, 1))[self.reported :]:
            self.trial.report(row["val_accuracy"], epoch)
        self.reported = len(history)
        # After the last epoch there is nothing left to save by giving up.
        if self.reported < self.epochs and self.trial.should_prune():
            raise optuna.TrialPruned


def chosen(trial: BaseTrial, space: list[Choices]) -> list[Block]:
    """The blocks that a trial takes from the space."""
    blocks: list[Block] = []
    for row, choices in enumerate(space):
        kind, channels, kernel, repeats = (
            trial.suggest_categorical(f"{row} {name}", getattr(choices, name))
            for name in ("kind", "channels", "kernel", "repeats")
        )
        one = Block(kind=kind, channels=channels, kernel=kernel)
        blocks += _repeated(one, choices.stride, repeats)
    return blocks


def choices_of(
    blocks: list[Block], space: list[Choices], row: int = 0
) -> dict[str, str | int] | None:
    """What `chosen` takes from the space's rows, from `row` on, to give these blocks.

    Returns:
        The values by Optuna's names of them; None if the blocks are not in the space.
    """
    if row == len(space):
        return None if blocks else {}
    choices = space[row]
    for repeats in choices.repeats:
        one = blocks[0] if repeats and blocks else _first_of(choices)
        taken = {**one.model_dump(exclude={"stride"}), "repeats": repeats}
        if any(value not in getattr(choices, name) for name, value in taken.items()):
            continue
        if blocks[:repeats] == _repeated(one, choices.stride, repeats):
            others = choices_of(blocks[repeats:], space, row + 1)
            if others is not None:
                return {**{f"{row} {name}": value for name, value in taken.items()}, **others}
    return None


def _first_of(choices: Choices) -> Block:
    return Block(kind=choices.kind[0], channels=choices.channels[0], kernel=choices.kernel[0])


def _repeated(block: Block, stride: int, repeats: int) -> list[Block]:
    return [block.model_copy(update={"stride": 1 if place else stride}) for place in range(repeats)]


def described(blocks: list[Block]) -> str:
    """Blocks in short, such as `conv 16, conv 48/2, separable 96 5x5`."""
    return ", ".join(
        f"{block.kind} {block.channels}"
        + (f"/{block.stride}" if block.stride > 1 else "")
        + (f" {block.kernel}x{block.kernel}" if block.kernel != 3 else "")
        for block in blocks
    )


def excess(cost: dict[str, Any], limits: Limits) -> dict[str, float]:
    """By what share of each limit a cost is above it; 0 if it is not known."""
    beyond = dict.fromkeys(Limits.model_fields, 0.0)
    for name, limit in limits:
        if limit is not None and cost[name] is not None:
            beyond[name] = max(0.0, cost[name] / limit - 1)
    return beyond


def record(study: optuna.Study) -> pd.DataFrame:
    """The proposals so far, `COLUMNS`; one that came again is left out."""
    rows = []
    for trial in _told(study):
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
        f"{len(table):,} of {params.size:,} architectures: "
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
    blocks = {"blocks": best.user_attrs["blocks"]}
    text = yaml.safe_dump(blocks, sort_keys=False, default_flow_style=None)
    print(textwrap.indent(text, "  "), end="")  # as it lies under `network`


def _study(key: str, closing: ExitStack) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{FOLDER}/study.db")
        closing.callback(storage.engine.dispose)
        closing.callback(storage.remove_session)
        return optuna.create_study(
            storage=storage,
            study_name=hashlib.sha256(key.encode()).hexdigest(),
            direction="maximize",
            load_if_exists=True,
        )
    except Exception as error:  # SQLAlchemy's, of a damaged file
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{FOLDER}/study.db: cannot be used ({reason}); remove {FOLDER} to begin anew"
        ) from error


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
