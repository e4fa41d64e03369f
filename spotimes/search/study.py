"""The study: which architectures were proposed, what came of them, and which is the next.

Optuna keeps it in a database, so that a search that was killed resumes as if it had not been.
"""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from spotimes.blocks import Block
from spotimes.errors import InputError
from spotimes.params.search import Search
from spotimes.search.space import chosen, described


class Proposal(NamedTuple):
    """An architecture that was not proposed before, with Optuna's trial of it."""

    trial: Trial
    blocks: list[Block]


@contextmanager
def opened(database: Path, key: str, params: Search) -> Iterator["Study"]:
    """Opens the study of one search, or creates it.

    Args:
        database: the SQLite file; those of other searches lie in it, too.
        key: what the search's result depends on, as one string.
        params: `search` of params.yaml.

    Raises:
        InputError: the file is damaged, or another version of Optuna wrote it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with ExitStack() as closing:
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{database}")
            closing.callback(storage.engine.dispose)
            closing.callback(storage.remove_session)
            study = optuna.create_study(
                storage=storage,
                study_name=hashlib.sha256(key.encode()).hexdigest(),
                direction="maximize",
                load_if_exists=True,
            )
        except Exception as error:  # SQLAlchemy's, SQLite's or Optuna's, of a damaged file
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{database}: cannot be used ({reason}); remove {database.parent} to begin anew"
            ) from error
        yield Study(study, params)


class Study:
    """The proposals of one search; `opened` gives one.

    Args:
        study: Optuna's.
        params: `search` of params.yaml.
    """

    def __init__(self, study: optuna.Study, params: Search) -> None:
        self._study, self.params = study, params

    def resume(self, first: dict[str, str | int] | None) -> None:
        """Enqueues what is to be proposed first: what was interrupted, or in a new study `first`.

        Args:
            first: an architecture's choices, as `spotimes.search.space.choices_of` gives them.
        """
        if first is not None and not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial(first)
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
            cost = trial.user_attrs.get("cost")
            self._study.enqueue_trial(trial.params, {"cost": cost} if cost else None)

    def finished(self) -> list[FrozenTrial]:
        """The trials that ended, over a limit, pruned or trained; repeated ones are none of them.

        Their user attributes are `architecture`, in short; `blocks`, as params.yaml has them; and
        `cost`, that of `spotimes.search.architecture_cost.Cost`.
        """
        return self._study.get_trials(
            deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)
        )

    def propose(self) -> Proposal | None:
        """Proposes until an architecture is new; None once there were `search.proposals`."""
        at_random = False
        while self._proposed() < self.params.proposals:
            trial = self._ask(at_random)
            blocks = chosen(trial, self.params.space)
            name = described(blocks)
            trial.set_user_attr("architecture", name)
            same = [each for each in self.finished() if each.user_attrs["architecture"] == name]
            if not same:
                trial.set_user_attr(
                    "blocks", [block.model_dump(exclude_defaults=True) for block in blocks]
                )
                return Proposal(trial, blocks)
            trial.set_user_attr("repeats", same[0].number)
            self._study.tell(trial, state=TrialState.FAIL)  # nothing new to learn from
            at_random = True  # the estimator proposes first what it knows to be good
        return None

    def tell(self, trial: Trial, accuracy: float | None) -> FrozenTrial:
        """Ends a trial by its accuracy, or by None if it is over a limit or pruned."""
        state = TrialState.PRUNED if accuracy is None else TrialState.COMPLETE
        return self._study.tell(trial, accuracy, state)

    def _proposed(self) -> int:
        """How many proposals there were, repeated ones too, not those that were interrupted."""
        trials = self._study.get_trials(deepcopy=False)
        return len(self.finished()) + sum("repeats" in trial.user_attrs for trial in trials)

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
