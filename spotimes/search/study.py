"""The study: which architectures were proposed, what came of them, and which is the next."""

import hashlib
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from spotimes.blocks import Block
from spotimes.params.search import Search
from spotimes.search.space import chosen, described
from spotimes.search.storage import Database, OwnFile, Storage, Turn

WAIT_SECONDS = 2.0
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
# What a trial that takes up an abandoned one gets of it.
KEPT = ("cost",)


class Proposal(NamedTuple):
    """An architecture that was not proposed before, with Optuna's trial of it."""

    trial: Trial
    blocks: list[Block]


@contextmanager
def opened(
    folder: Path, key: str, params: Search, first: dict[str, str | int] | None
) -> Iterator["Study"]:
    """Opens the study of one search, or creates it.

    Args:
        folder: this worker's; holds the database, if `search.storage` names no other.
        key: what the search's result depends on, as one string.
        params: `search` of params.yaml.
        first: the choices to propose first, as `spotimes.search.space.choices_of` gives them.

    Raises:
        InputError: the database cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    name = hashlib.sha256(key.encode()).hexdigest()
    storage: Storage
    if params.storage is None:
        storage = OwnFile(folder / "study.db", name)
    else:
        storage = Database(params.storage, name, folder)
    try:
        yield Study(storage, params, first)
    finally:
        storage.close()


class Study:
    """The proposals of one search; `opened` gives one.

    Args:
        storage: where they are kept.
        params: `search` of params.yaml.
        first: as `opened`.
    """

    def __init__(
        self, storage: Storage, params: Search, first: dict[str, str | int] | None
    ) -> None:
        self._storage, self._study = storage, storage.study
        self.params, self._first = params, first

    def finished(self) -> list[FrozenTrial]:
        """The trials that ended, over a limit, pruned or trained; repeated ones are none of them.

        Their user attributes are `architecture`, in short; `blocks`, as params.yaml has them; and
        `cost`, that of `spotimes.search.architecture_cost.Cost` with the machine that measured it.
        """
        return self._trials(*FINISHED)

    def propose(self) -> Proposal | None:
        """Proposes an architecture that is new; None once enough were trained or proposed.

        While enough are under way with other workers, it waits for what comes of them.
        """
        told = False
        while True:
            try:
                proposal, under_way = self._storage.retried(self._at_turn)
            except UpdateFinishedTrialError:  # the database went away, and with it the turn
                continue
            if proposal is not None or not under_way:
                return proposal
            if not told:
                print("waiting for what is under way with other workers", flush=True)
                told = True
            time.sleep(WAIT_SECONDS)

    def working(self, proposal: Proposal) -> AbstractContextManager[None]:
        """Within it, no other worker takes the proposal up."""
        return self._storage.working(proposal.trial.number)

    def tell(self, trial: Trial, accuracy: float | None) -> FrozenTrial:
        """Ends a trial by its accuracy, or by None if it is over a limit or pruned.

        Raises:
            UpdateFinishedTrialError: another worker took it up, as this one was not heard of.
        """
        state = TrialState.PRUNED if accuracy is None else TrialState.COMPLETE
        try:
            told = self._study.tell(trial, accuracy, state, skip_if_finished=True)
        except UpdateFinishedTrialError:  # perhaps by this worker, to whom no answer came
            told = self._study.tell(trial, accuracy, state, skip_if_finished=True)
        if told.state != state:
            raise UpdateFinishedTrialError
        return told

    def _at_turn(self) -> tuple[Proposal | None, bool]:
        """A proposal, and whether any trial is under way."""
        with self._storage.turn() as turn:
            self._take_up(turn)
            proposal = self._new()
            under_way = bool(self._trials(TrialState.RUNNING))
            if proposal is not None:
                turn.claim(proposal.trial.number)
        return proposal, under_way

    def _take_up(self, turn: Turn) -> None:
        """Enqueues what was abandoned, and in a new study what is to be proposed first.

        Each step holds by itself, so that a worker that is killed here leaves nothing half done.
        """
        if self._first is not None and not self._trials():
            self._study.enqueue_trial(self._first)
        for number in turn.abandoned():
            with suppress(UpdateFinishedTrialError):  # its worker is there, and has just ended it
                self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        taken_up = {trial.user_attrs.get("takes_up") for trial in self._trials()}
        for trial in self._trials(TrialState.FAIL):
            if trial.number in taken_up or "repeats" in trial.user_attrs:
                continue
            # One whose architecture was not complete yet is proposed again without this.
            params = trial.params if "blocks" in trial.user_attrs else None
            if enqueued := params or trial.system_attrs.get("fixed_params"):
                kept = {name: trial.user_attrs[name] for name in KEPT if name in trial.user_attrs}
                self._study.enqueue_trial(enqueued, {"takes_up": trial.number, **kept})

    def _new(self) -> Proposal | None:
        """Proposes until an architecture is new; None while enough are under way or done."""
        at_random = False
        while self._wanted():
            trial = self._ask(at_random)
            blocks = chosen(trial, self.params.space)
            name = described(blocks)
            trial.set_user_attr("architecture", name)
            same = [
                each
                for each in self._trials(*FINISHED, TrialState.RUNNING)
                if each.user_attrs.get("architecture") == name and each.number != trial.number
            ]
            if not same:
                trial.set_user_attr(
                    "blocks", [block.model_dump(exclude_defaults=True) for block in blocks]
                )
                return Proposal(trial, blocks)
            trial.set_user_attr("repeats", same[0].number)
            self._study.tell(trial, state=TrialState.FAIL)  # nothing new to learn from
            at_random = True  # the estimator proposes first what it knows to be good
        return None

    def _wanted(self) -> bool:
        """Whether an architecture more could be trained, whatever comes of those under way."""
        trained = [trial for trial in self.finished() if trial.intermediate_values]
        under_way = self._trials(TrialState.RUNNING)
        return (
            len(trained) + len(under_way) < self.params.trials
            and self._proposed() < self.params.proposals
        )

    def _proposed(self) -> int:
        """How many proposals there were, repeated ones too, not those that were interrupted."""
        proposed = self._trials(*FINISHED, TrialState.RUNNING)
        repeated = [
            trial
            for trial in self._trials(TrialState.FAIL)
            if "repeats" in trial.user_attrs and "takes_up" not in trial.user_attrs
        ]
        return len(proposed) + len(repeated)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states or None)

    def _ask(self, at_random: bool) -> Trial:
        # Interruptions do not count, so that it resumes as if there had been none.
        seed = (self.params.seed + self._proposed()) % 2**32
        random = optuna.samplers.RandomSampler(seed)
        self._study.sampler = random if at_random else self._estimator(seed)
        self._study.pruner = optuna.pruners.MedianPruner(
            self.params.unpruned_trials, n_warmup_steps=self.params.epochs // 3
        )
        return self._study.ask()

    def _estimator(self, seed: int) -> optuna.samplers.BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                seed=seed,
                n_startup_trials=self.params.random_proposals,
                multivariate=True,
            )
