"""`python -m spotimes.crossvalidation [K]`: accuracy of all pictures, by K trainings.

A test split of few pictures says little: of 27 correct 22 times, the accuracy is somewhere between
63% and 92%. So all pictures of data/prepared, the test split's too, are divided into K folds (5),
each with the same share of every class; pictures of a group, and exact copies, stay in one. Beside
each fold a network is trained by params.yaml, with a validation split as large as prepare's, and
quantized; both models are tested on the fold. Each picture is so answered once, by a network that
did not learn it. This is for who wants to know the accuracy; a choice made by it is no longer
measured by it.

In: data/prepared; `versions`, `runtime`, `network`, `train` and `quantize` of params.yaml, the seed
of `prepare` and the bins of `evaluate`; metrics/train.json and metrics/evaluate.json, if they are
there, to say how long it takes and what the test split alone gives.
Out: metrics/crossvalidation.json, of all pictures, with 95% intervals
(`spotimes.crossvalidation.interval` says of what), and metrics/crossvalidation.csv, a row a fold.
State: .resume/crossvalidation/. If it is killed and started again, it goes on after the last whole
fold, and within a fold after its last whole epoch, and ends with the same bytes; with another K,
other params, data, code or machine it begins anew.
Time: K trainings.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from spotimes import usage
from spotimes.crossvalidation import record
from spotimes.crossvalidation.folds import Fold, divide
from spotimes.crossvalidation.pool import Pool, load_pool
from spotimes.crossvalidation.result import Answers, result_of
from spotimes.crossvalidation.training import Recipe, kept_answers, load_recipe, train_fold
from spotimes.errors import InputError
from spotimes.evaluation import metrics
from spotimes.params.evaluate import Evaluate
from spotimes.params.load import load_group
from spotimes.params.prepare import Prepare
from spotimes.system import atomic, command
from spotimes.training.checkpoint import Checkpoint

METRICS = Path("metrics/crossvalidation.json")
TABLE = Path("metrics/crossvalidation.csv")
FOLDER = Path(".resume/crossvalidation")
OTHER_SECONDS = 15  # of a fold: to quantize and test it


class Teacher(metrics.Metrics):
    """What metrics/train.json has of the teacher's time."""

    seconds: float


class Speed(metrics.Metrics):
    """What metrics/train.json has of a training's time."""

    images_per_second: float
    teacher: Teacher | None = None


def main() -> None:
    """Trains what was not trained yet, and puts all answers together."""
    count = _folds_asked_for()
    recipe, pool, seed = load_recipe(), load_pool(), load_group("prepare", Prepare).seed
    bins = load_group("evaluate", Evaluate).calibration_bins
    folds = divide(
        pool.labels,
        pool.groups,
        count,
        seed=seed,
        validation_fraction=pool.validation_fraction,
        class_names=recipe.card.class_names,
    )
    kept = [
        Checkpoint(FOLDER / f"fold{number}.npz", f"{recipe.key} {seed} {number} of {count}")
        for number in range(1, count + 1)
    ]
    answers = _answers(recipe, pool, folds, kept)
    result = result_of(pool, folds, answers, recipe.card.class_names, bins)
    made = {
        "folds": count,
        "seed": seed,
        "validation_fraction": pool.validation_fraction,
        "groups": pool.group_count,
    }
    atomic.write_text(TABLE, record.table(result, folds).to_csv(index=False, float_format="%.6g"))
    atomic.write_json(METRICS, record.document(result, made))
    print("\n".join(record.lines(result)))


def _folds_asked_for() -> int:
    parser = usage.parser("spotimes.crossvalidation", __doc__, "make crossvalidate K=5")
    parser.add_argument("K", nargs="?", default="5", help="how many folds (5)")
    asked: str = parser.parse_args().K
    if not asked.isdecimal():
        raise InputError(f"K={asked} is not allowed: it must be a whole number, such as 5")
    return int(asked)


def _answers(
    recipe: Recipe, pool: Pool, folds: Sequence[Fold], kept: Sequence[Checkpoint]
) -> list[Answers]:
    """Those of each fold, which are kept or found by a training; says how it goes."""
    found = [kept_answers(each) for each in kept]
    waiting = [number for number, answers in enumerate(found) if answers is None]
    print(_beginning(pool, folds))
    print(_expectation(recipe, [folds[number] for number in waiting]), flush=True)
    for done, number in enumerate(waiting, 1):
        answers = train_fold(recipe, pool, folds[number], kept[number])
        found[number] = answers
        tested = pool.labels[folds[number].held_out]
        top1 = (answers.int8.argmax(axis=1) == tested).mean()
        seconds = fmean(each.seconds for each in found if each is not None)
        left = len(waiting) - done
        then = f"; about {record.duration(seconds * left)} left" if left else ""
        print(
            f"fold {number + 1} of {len(folds)}: INT8 top-1 {top1:.2%} of {len(tested):,} "
            f"pictures, in {record.duration(answers.seconds)}{then}",
            flush=True,
        )
    return [answers for answers in found if answers is not None]


def _beginning(pool: Pool, folds: Sequence[Fold]) -> str:
    first = folds[0]
    together = f" in {pool.group_count:,} groups that stay together" if pool.group_count else ""
    return (
        f"{len(pool.labels):,} pictures{together}: {len(folds)} folds that hold out about "
        f"{len(first.held_out):,}, train on {len(first.train):,} and validate on "
        f"{len(first.validation):,} (data/prepared: {pool.sizes[2]:,}, {pool.sizes[0]:,}, "
        f"{pool.sizes[1]:,})"
    )


def _expectation(recipe: Recipe, waiting: Sequence[Fold]) -> str:
    """How long the folds that are not trained yet will roughly take."""
    if not waiting:
        return "all folds are trained already"
    try:
        speed = metrics.load("train", Speed)
    except InputError:
        return "how long that takes is known after the first fold"
    images = recipe.train.epochs * sum(len(fold.train) for fold in waiting)
    others = OTHER_SECONDS + (speed.teacher.seconds if speed.teacher else 0)
    seconds = images / speed.images_per_second + others * len(waiting)
    return (
        f"about {record.duration(seconds)} for {len(waiting)} trainings, as metrics/train.json has "
        f"{speed.images_per_second:,.0f} images a second"
    )


if __name__ == "__main__":
    command.run("crossvalidation", main)
