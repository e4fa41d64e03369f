"""`python -m spotimes.compare REV [REV2]`: two revisions' INT8 models beside each other.

Latency is measured here and now, both models by turns; accuracy on the same images, those of the
test split of data/prepared; all else is counted. Without REV2 the working tree's model is compared.
Prints a Markdown table, or JSON. Takes 20 to 60 seconds on two cores.
"""

import argparse
import html
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from spotimes.benchmarking.latency import Ratio
from spotimes.compare import comparison, flips, gates, held_out, paired_latency, refitted
from spotimes.compare.comparison import ONE_MODEL, Answers, Row
from spotimes.compare.flips import Flip
from spotimes.compare.verdict import Verdict, Word
from spotimes.dataset.prepared import Card, LabelledImages, load_card, load_split
from spotimes.errors import InputError
from spotimes.evaluation import budgets
from spotimes.inference.classifier import Classifier
from spotimes.inference.interpreter import load_interpreter
from spotimes.params.compare import Compare
from spotimes.params.load import load_group
from spotimes.reproducibility.revision import Revision
from spotimes.system import command

MODEL = "models/model_int8.tflite"
WORKING_TREE = "working tree"
NO_MODEL = f"it has no {MODEL}"
SHOWN_FLIPS = 12


class Compared(NamedTuple):
    """A comparison.

    Attributes:
        names: of both revisions, for people.
        rows: what was measured.
        class_flips: for each class its name, images lost and gained, and a verdict.
        flips: the images of the test split that were lost and gained.
        ratio: of latency, or None.
        apart: the classes that only the one model knows, and those that only the other does.
    """

    names: tuple[str, str]
    rows: list[Row]
    class_flips: list[tuple[str, int, int, Verdict]]
    flips: dict[str, list[Flip]]
    ratio: Ratio | None
    apart: tuple[list[str], list[str]]


class Side(NamedTuple):
    """One of the two.

    Attributes:
        name: for people.
        path: where its model lies, or None if it has none.
        untested: why its accuracy is not measured; empty if it is.
    """

    name: str
    path: Path | None
    untested: str


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m spotimes.compare", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("before", metavar="REV", help="a branch, tag or commit")
    parser.add_argument("after", metavar="REV2", nargs="?", help="another; else the working tree")
    parser.add_argument("--json", action="store_true", help="print JSON, with all flips")
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit 3 if compare.regressions are broken",
    )
    parser.add_argument(
        "--flips", type=Path, metavar="PNG", help="draw the first images lost and gained there"
    )
    arguments = parser.parse_args()
    params = load_group("compare", Compare)
    compared = compare(arguments.before, arguments.after, params)
    if arguments.flips:
        images = load_split("test").images
        flips.draw(images, compared.flips["lost"], compared.flips["gained"], arguments.flips)
    kept: list[gates.Gate] = []
    if arguments.check:
        lost, _ = compared.apart
        kept = gates.held(compared.rows, compared.ratio, lost, params.regressions)
    if arguments.json:
        print(json.dumps(as_json(compared) | {"gates": [gate._asdict() for gate in kept]}))
    else:
        print(markdown(compared))
        print("".join(f"\n- {gate.sentence}" for gate in kept))
    if any(gate.passed is False for gate in kept):
        sys.exit(budgets.BROKEN)


def compare(before: str, after: str | None, params: Compare) -> Compared:
    """Compares two revisions.

    Args:
        before: a revision.
        after: another, or None for the working tree.
        params: how.

    Raises:
        InputError: a revision is unknown, a model is damaged, or neither has one.
    """
    split, card = load_split("test"), load_card()
    held_out.check_prepared(split)
    with tempfile.TemporaryDirectory() as folder:
        sides = [
            _side(before, Path(folder) / "before.tflite"),
            _side(after, Path(folder) / "after.tflite"),
        ]
        names = (sides[0].name, sides[1].name)
        paths = [side.path for side in sides]
        if paths == [None, None]:
            raise InputError(f"{names[0]} and {names[1]}: neither has {MODEL}")
        facts = [
            comparison.facts(path) if path else None
            for path in tqdm(paths, desc="counting", unit="model")
        ]
        rows = comparison.cost_rows(*facts)
        ratio = None
        if paths[0] and paths[1]:
            ratio, row = timed(paths[0], paths[1], params)
        else:
            row = Row("latency", "latency, us", None, None, "", Verdict(Word.UNKNOWN, ONE_MODEL))
        rows.append(row)
        found, reasons = [], []
        for side in tqdm(sides, desc="classifying", unit="model"):
            answered = _answers(side, split, card)
            found.append(None if isinstance(answered, str) else answered)
            reasons += [f"{side.name}: {answered}"] if isinstance(answered, str) else []
        first, second = found
        rows += comparison.accuracy_rows(first, second, "; ".join(reasons))
        apart: tuple[list[str], list[str]] = ([], [])
        flipped: dict[str, list[Flip]] = {"lost": [], "gained": []}
        classes: list[tuple[str, int, int, Verdict]] = []
        if first and second:
            flipped = comparison.flips(first, second)
            classes = comparison.class_flips(first, second)
            apart = comparison.classes_apart(first, second)
    return Compared(names, rows, classes, flipped, ratio, apart)


def timed(before: Path, after: Path, params: Compare) -> tuple[Ratio, Row]:
    """Times two .tflite files by turns.

    Returns:
        The ratio of their latencies, and the comparison's line.
    """
    timing = params.timing
    taken: list[paired_latency.Load] = paired_latency.until_narrow(
        tqdm(
            paired_latency.loads(
                before,
                after,
                timing.threads,
                timing.warmup_seconds,
                timing.round_ms,
                timing.rounds,
            ),
            desc=f"timing, at most {timing.budget_seconds:g} s",
            unit="load",
        ),
        timing.min_loads,
        timing.interval_width,
        timing.budget_seconds,
    )
    ratio = paired_latency.ratio(taken)
    first, second = paired_latency.medians(taken)
    return ratio, comparison.latency_row(ratio, first / 1e3, second / 1e3, params.smallest_ratio)


def markdown(compared: Compared) -> str:
    """The comparison as people read it in a terminal or a pull request."""
    before, after = compared.names
    lines = [
        f"| INT8 model | {_cell(before)} | {_cell(after)} | change | verdict |",
        "| --- | ---: | ---: | ---: | --- |",
        *(_line(row) for row in compared.rows),
    ]
    for name, only in zip(compared.names, compared.apart, strict=True):
        if only:
            lines += ["", _cell(f"Only {name} knows: {', '.join(only)}.")]
    changed = [each for each in compared.class_flips if each[1] or each[2]]
    if changed:
        lost, gained = (len(compared.flips[side]) for side in ("lost", "gained"))
        lines += [
            "",
            f"{lost:,} images are answered wrongly now that were not before, {gained:,} the other "
            "way round:",
            "",
            "| class | lost | gained | verdict |",
            "| --- | ---: | ---: | --- |",
            *(f"| {_cell(name)} | {a} | {b} | {_said(judged)} |" for name, a, b, judged in changed),
            "",
            "Places in the test split, the first of each: "
            + "; ".join(
                f"{side} {', '.join(str(each.place) for each in flipped[:SHOWN_FLIPS]) or 'none'}"
                for side, flipped in compared.flips.items()
            )
            + ".",
        ]
    return "\n".join(lines)


def as_json(compared: Compared) -> dict[str, Any]:
    """The comparison as a program reads it."""
    return {
        "before": compared.names[0],
        "after": compared.names[1],
        "rows": [
            {
                **row._asdict(),
                "verdict": row.verdict.word.value,
                "reason": row.verdict.reason,
            }
            for row in compared.rows
        ],
        "latency_ratio": compared.ratio and compared.ratio._asdict(),
        "classes": [
            {"class": name, "lost": lost, "gained": gained, "verdict": judged.word.value}
            for name, lost, gained, judged in compared.class_flips
        ],
        "classes_apart": compared.apart,
        "flips": {
            side: [flip._asdict() for flip in flipped] for side, flipped in compared.flips.items()
        },
    }


def _side(revision: str | None, target: Path) -> Side:
    """A revision's model, written to `target`, or the working tree's where it lies."""
    if revision is None:
        found, name, path = None, WORKING_TREE, Path(MODEL)
    else:
        found, path = Revision(revision), target
        short = found.commit[:7]
        name = short if found.commit.startswith(revision) else f"{revision} ({short})"
        content = found.read(MODEL)
        if content is not None:
            path.write_bytes(content)
    if not path.is_file():
        return Side(name, None, NO_MODEL)
    try:
        load_interpreter(path)
    except InputError as error:
        raise InputError(f"{name}: {_of_model(error, path)}") from error
    try:
        Classifier(path)
    except InputError as error:  # what an old Spotimes made can be measured all the same
        return Side(name, path, _of_model(error, path))
    return Side(name, path, held_out.why_not(found))


def _of_model(error: InputError, path: Path) -> str:
    return str(error).replace(str(path), MODEL)


def _answers(side: Side, split: LabelledImages, card: Card) -> Answers | str:
    """What a side's model says of the test images, or why that is not to be known."""
    if side.path is None or side.untested:
        return side.untested
    classifier = Classifier(side.path)
    contract, own = classifier.contract, split
    if (split.images.shape[1:], card.resize) != (classifier.image_shape, contract.resize):
        try:
            own = refitted.for_model(contract, split)
        except InputError as error:
            return f"it takes pictures fitted otherwise: {error}"
    return comparison.answers(classifier, own, card.class_names)


def _line(row: Row) -> str:
    cells = [
        _cell(row.title),
        _figure(row, row.before),
        _figure(row, row.after),
        row.change,
        _said(row.verdict),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Text that Markdown shows as it is, in a table too; nobody is called by an @ in it."""
    text = " ".join(text.split()).replace("@", "@\N{ZERO WIDTH SPACE}")
    return re.sub(r"([\\`*_$\[\]|#])", r"\\\1", html.escape(text, quote=False))


def _figure(row: Row, value: float | None) -> str:
    if value is None:
        return "-"
    if row.key in ("top1", "worst_class"):
        return f"{value:.2%}"
    return f"{value:,.1f}" if row.key == "latency" else f"{value:,}"


def _said(judged: Verdict) -> str:
    bold = (
        f"**{judged.word.value}**"
        if judged.word in (Word.BETTER, Word.WORSE)
        else judged.word.value
    )
    return f"{bold}: {_cell(judged.reason)}" if judged.reason else bold


if __name__ == "__main__":
    command.run("compare", main)
