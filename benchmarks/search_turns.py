"""How long a worker's turn to propose takes, as a search grows: what many workers wait for.

    python -m benchmarks.search_turns postgresql://searcher@127.0.0.1/searches 0 1000 3000

For each number it makes a study of as many trials in the database, of params.yaml's space with
costs and accuracies that are made up, and takes 20 turns there. A row each: seconds a turn,
statements that the database gets in one, and the turns that all workers can have in a minute.
The studies stay in the database: use one that can be dropped. To fill it takes longest, minutes
for 1,000 trials.
"""

import random
import statistics
import tempfile
import time
import uuid
from pathlib import Path

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from spotimes import usage
from spotimes.params.load import load_group
from spotimes.params.search import Search
from spotimes.search.space import chosen, described
from spotimes.search.storage import Database
from spotimes.search.study import Study
from spotimes.system import command

TURNS = 20
COST = {"bytes": 1, "machine": "made up"}


def main() -> None:
    """Measures each number of trials in turn, and prints a Markdown table."""
    example = "python -m benchmarks.search_turns postgresql://searcher@127.0.0.1/searches 1000"
    parser = usage.parser("benchmarks.search_turns", __doc__, example)
    parser.add_argument("url", help="as search.storage has it")
    parser.add_argument("trials", type=int, nargs="+", help="how many there are before")
    arguments = parser.parse_args()
    params = load_group("search", Search).model_copy(
        update={"trials": 10**6, "proposals": 10**6, "storage": arguments.url}
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print("| trials | seconds a turn | statements | turns a minute |")
    print("| ---: | ---: | ---: | ---: |")
    for trials in arguments.trials:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(arguments.url, f"benchmark {uuid.uuid4()}", Path(folder))
            try:
                seconds, statements = measure(database, params, trials)
            finally:
                database.close()
        print(
            f"| {trials:,} | {seconds:.2f} | {statements:,.0f} | {60 / seconds:,.0f} |", flush=True
        )


def measure(database: Database, params: Search, trials: int) -> tuple[float, float]:
    """The median of the seconds and the mean of the statements that a turn takes."""
    generator = random.Random(1)
    database.study.add_trials([made_up(params, generator) for _ in range(trials)])
    study = Study(database, params, None)
    study.finished()  # which a worker has read by then
    statements: list[str] = []
    sqlalchemy.event.listen(
        sqlalchemy.Engine, "before_cursor_execute", lambda *event: statements.append(event[2])
    )
    seconds, counts = [], []
    for _ in range(TURNS):
        statements.clear()
        began = time.perf_counter()
        proposal = study.propose()
        assert proposal is not None  # there may be a million
        seconds.append(time.perf_counter() - began)
        counts.append(len(statements))
        proposal.trial.set_user_attr("cost", COST)
        proposal.trial.report(generator.random(), 1)
        study.tell(proposal.trial, generator.random())
    return statistics.median(seconds), statistics.mean(counts)


def made_up(params: Search, generator: random.Random) -> FrozenTrial:
    """A trial that ended, a half of them over a limit."""
    choices = {
        f"{row} {name}": values
        for row, each in enumerate(params.space)
        for name, values in each.lists.items()
    }
    taken = {name: generator.choice(values) for name, values in choices.items()}
    distributions: dict[str, BaseDistribution] = {
        name: CategoricalDistribution(values) for name, values in choices.items()
    }
    blocks = chosen(FixedTrial(taken), params.space)
    trained = generator.random() < 0.5
    return optuna.create_trial(
        state=TrialState.COMPLETE if trained else TrialState.PRUNED,
        value=generator.random() if trained else None,
        params=taken,
        distributions=distributions,
        user_attrs={"architecture": described(blocks), "blocks": [], "cost": COST},
        system_attrs={"constraints:bytes": 0.0 if trained else 0.5},
        intermediate_values={1: generator.random()} if trained else {},
    )


if __name__ == "__main__":
    command.run("search_turns", main)
