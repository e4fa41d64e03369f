"""`python -m spotimes.search`: architectures that are accurate for what they cost.

An architecture is proposed: first `network.blocks`, if they are in the space, then what Optuna's
tree-structured Parzen estimator expects most of. Its cost is estimated, then measured, without
training. One within `search.limits` is trained for `search.epochs`, or pruned where it falls behind
the others (Optuna's median pruner). Accuracy is measured on images set aside from the training
split; the test split is not read.

In: data/prepared; `search`, `train` and `network` of params.yaml.
Out: metrics/search.csv, a row a proposal, and metrics/search.png, rewritten after each; at the end
the Pareto front is printed, with the most accurate one's blocks as params.yaml has them.
State: .search/, or what `search.storage` names; docs/search.md says how many machines share that. A
search that was interrupted resumes when it is started again, within an architecture after its last
whole epoch; with other params, data, code or versions it begins anew.
Time: 2 s for a measured proposal, and for a trained one `search.epochs` times an epoch's.
"""

import fcntl
import time
from pathlib import Path

from optuna.exceptions import UpdateFinishedTrialError

from spotimes.errors import InputError
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.runtime import Runtime
from spotimes.params.search import Search
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.search import pareto, record, study
from spotimes.search.objective import Objective, excess
from spotimes.system import atomic, command
from spotimes.system.packages import check_installed
from spotimes.training.determinism import make_deterministic
from spotimes.usage import show_usage_if_asked

RECORD = Path("metrics/search.csv")
PICTURE = Path("metrics/search.png")
FOLDER = Path(".search")


def main() -> None:
    """Searches until enough were trained or proposed, unless another search is running.

    Raises:
        InputError: another one is, params or files are not as they must be, or nothing was found.
    """
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{FOLDER}: another search is under way here; let it end") from error
        _search()


def _search() -> None:
    versions = load_group("versions", Versions)
    check_installed(versions)
    check_installed(load_group("runtime", Runtime))
    params = load_group("search", Search)
    recipe = load_group("train", Train)
    make_deterministic(recipe.seed, recipe.threads)
    objective = Objective(params, recipe, load_group("network", Network), versions, FOLDER)
    with study.opened(FOLDER, objective.key, params, objective.first) as proposals:
        drawn = _record(proposals, 0)
        while (proposal := proposals.propose()) is not None:
            _evaluate(proposal, objective, proposals)
            drawn = _record(proposals, drawn)
        _record(proposals, drawn)  # what others did while this one waited
        print(record.counts(record.table(proposals.finished()), params.size))
        front = record.front(proposals.finished())
    if not front:
        raise InputError(
            "no architecture was trained to the end: widen search.space or search.limits, or allow "
            "more search.proposals"
        )
    for trial in front:
        print(record.line(trial))
    print(record.as_params(front[-1]), end="")


def _record(proposals: study.Study, drawn: int) -> int:
    """Writes the record, and draws it if more than `drawn` were trained; gives how many were."""
    table = record.table(proposals.finished())
    if table.empty:  # an earlier search's record would go before there is another
        return 0
    atomic.write_text(RECORD, table.to_csv(index=False, lineterminator="\n"))
    trained = int((table["epochs"] > 0).sum())
    if trained > drawn:
        pareto.draw(table, PICTURE)
    return trained


def _evaluate(proposal: study.Proposal, objective: Objective, proposals: study.Study) -> None:
    began = time.perf_counter()
    try:
        with proposals.working(proposal):
            trial = proposals.tell(proposal.trial, objective(proposal.trial, proposal.blocks))
    except UpdateFinishedTrialError:
        number = proposal.trial.number
        print(f"trial {number}: another worker does it anew, as nothing was heard of this one")
        return
    if trial.intermediate_values:
        print(f"{record.line(trial)}, {time.perf_counter() - began:.0f} s", flush=True)
    elif trial.params == objective.first:
        beyond = excess(trial.user_attrs["cost"], objective.params.limits)
        limits = ", ".join(limit for limit, share in beyond.items() if share)
        print(f"network.blocks: over search.limits ({limits}), not trained", flush=True)


if __name__ == "__main__":
    show_usage_if_asked("spotimes.search", __doc__)
    command.run("search", main)
