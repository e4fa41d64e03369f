"""Prints the most probable classes of pictures, .npy tensors or folders of them.

Prints one line for each input, in their order. A picture that likely shows none of the classes is
said to be unknown, beside the class that it comes nearest to. Inputs that cannot be read are
reported on standard error and the others are classified; the exit status is then 1. What a folder
holds that is not meant as data is reported there, too.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from app import inputs
from app.inputs import Item
from app.threads import in_order
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier, Prediction
from spotimes.pixels import Images
from spotimes.system import cores

if TYPE_CHECKING:
    from app.explanations import Explanations

FEWEST_FOR_PROGRESS = 20
CLEARED = "\r\x1b[K"  # the terminal's line
SHOWN = 5  # names of what is ignored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `run` reads."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a picture, a .npy tensor, a folder of them, or - for standard input",
    )
    parser.add_argument("--top", type=int, default=1, metavar="K", help="how many classes (1)")
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="FOLDER",
        help="write there for each input a PNG: the picture, and what speaks for each class that "
        "is printed in orange, what speaks against it in blue",
    )
    parser.add_argument(
        "--no-unknown",
        action="store_true",
        help="do not say which pictures likely show none of the classes",
    )
    layouts = parser.add_mutually_exclusive_group()
    layouts.add_argument("--json", action="store_true", help="print a JSON object a line")
    layouts.add_argument("--csv", action="store_true", help="print comma-separated values")


def run(arguments: argparse.Namespace) -> None:
    """Classifies all inputs and prints the answers.

    Raises:
        InputError: the model cannot be used, or `--top` is not allowed.
        SystemExit: with status 1 if an input could not be read.
    """
    classifier = Classifier(arguments.model, arguments.threads)
    if not 1 <= arguments.top <= classifier.classes:
        raise InputError(f"--top: {arguments.top} is not allowed; give 1 to {classifier.classes}")
    explanations = _explanations(arguments, classifier)
    items, ignored = inputs.found(arguments.paths, classifier.contract)
    for folder, names in ignored.items():
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        _report(f"{folder}: ignored, as not meant as data: {', '.join(names[:SHOWN])}{more}")
    judge = classifier.contract.unknown_below is not None and not arguments.no_unknown
    write = _writer(arguments, judge)
    # Progress is shown on the terminal, unless the answers go there too.
    counted = len(items) >= FEWEST_FOR_PROGRESS and not sys.stdout.isatty() and sys.stderr.isatty()
    unread = 0
    if explanations:  # each input is held in its own size, so one at a time
        answer, threads = partial(_explained, classifier, explanations, arguments.top), 1
    else:
        threads = min(max(1, cores.allowed() // arguments.threads), len(items))
        others = [Classifier(arguments.model, arguments.threads) for _ in range(threads - 1)]
        answer = partial(_classified, [classifier, *others], arguments.top)
    with closing(in_order(answer, items, threads)) as answers:
        for done, (item, given) in enumerate(zip(items, answers, strict=True)):
            if counted:
                _print_count(done, len(items))
            if isinstance(given.found, str):
                _report(given.found, CLEARED if counted else "")
                unread += 1
            write(item.name, given)
    if counted:
        _print_count(len(items), len(items))
        print(file=sys.stderr)
    if unread:
        sys.exit(1)


class Answer(NamedTuple):
    """What is said of an input.

    Attributes:
        found: its classes, or why it cannot be read.
        unknown: whether it likely shows none of them.
        explained: what its explanation is.
    """

    found: list[Prediction] | str
    unknown: bool = False
    explained: Mapping[str, Any] | None = None


def _classified(free: list[Classifier], top: int, item: Item) -> Answer:
    """The answer to an input by one of the classifiers, of which each thread finds one free."""
    try:
        image = item.load()
    except InputError as error:
        return Answer(str(error))
    classifier = free.pop()
    try:
        predictions, unknown = _answered(classifier, image, top)
    finally:
        free.append(classifier)
    return Answer(predictions, unknown)


def _explained(
    classifier: Classifier, explanations: "Explanations", top: int, item: Item
) -> Answer:
    try:
        loaded = explanations.load(item)
    except InputError as error:
        return Answer(str(error))
    predictions, unknown = _answered(classifier, loaded.image, top)
    classes = [each.label for each in predictions]
    return Answer(predictions, unknown, explanations.write(item.name, loaded, classes))


def _answered(classifier: Classifier, image: Images, top: int) -> tuple[list[Prediction], bool]:
    rows = classifier.probabilities(image[np.newaxis])
    (predictions,), (unknown,) = classifier.named(rows, top), classifier.unknown(rows)
    return predictions, bool(unknown)


def _report(message: str, cleared: str = "") -> None:
    print(f"{cleared}predict: {' '.join(message.splitlines())}", file=sys.stderr, flush=True)


def _explanations(arguments: argparse.Namespace, classifier: Classifier) -> "Explanations | None":
    if not arguments.explain:
        return None
    # What draws is imported only where something is to be drawn.
    from app.explanations import MOST_CLASSES, Explanations  # noqa: PLC0415

    if arguments.top > MOST_CLASSES:
        raise InputError(
            f"--top: {arguments.top} is not allowed with --explain; give at most {MOST_CLASSES}"
        )
    return Explanations(classifier, arguments.explain)


Writer = Callable[[str, Answer], None]  # writes an input's name, and what is said of it


def _writer(arguments: argparse.Namespace, judge: bool) -> Writer:
    """A writer; `judge` has it say whether a picture is unknown."""
    if arguments.json:
        return partial(_write_json, judge)
    if arguments.csv:
        return _csv_writer(arguments.top, judge, bool(arguments.explain))
    return partial(_write_text, judge)


def _csv_writer(top: int, judge: bool, explain: bool) -> Writer:
    table = csv.writer(sys.stdout, lineterminator="\n")
    ranks = ("", *(f"_{rank}" for rank in range(2, top + 1)))
    columns = [column + rank for rank in ranks for column in ("label", "probability")]
    others = [*(["unknown"] if judge else []), *(["explanation"] if explain else [])]
    table.writerow(["input", *columns, *others])

    def write(name: str, answer: Answer) -> None:
        found, explained, unknown = answer.found, answer.explained, ""
        cells = [""] * len(columns)
        if not isinstance(found, str):
            cells = [cell for each in found for cell in (each.label, f"{each.probability:.6g}")]
            unknown = json.dumps(answer.unknown)
        if judge:
            cells.append(unknown)
        if explain:
            cells.append(explained["file"] if explained else "")
        table.writerow([name, *cells])

    return write


def _write_text(judge: bool, name: str, answer: Answer) -> None:
    found, explained = answer.found, answer.explained
    if isinstance(found, str):  # the error is on standard error
        return
    named = ", ".join(f"{each.label} {each.probability:.1%}" for each in found)
    if judge and answer.unknown:
        named = f"unknown; {named}"
    print(f"{name}: {named}" + (f", explained in {explained['file']}" if explained else ""))


def _write_json(judge: bool, name: str, answer: Answer) -> None:
    found, explained = answer.found, answer.explained
    if isinstance(found, str):
        print(json.dumps({"input": name, "error": found}), flush=True)
        return
    said: dict[str, Any] = {"input": name, "predictions": [each._asdict() for each in found]}
    said |= {"unknown": answer.unknown} if judge else {}
    print(json.dumps(said | ({"explanation": explained} if explained else {})))


def _print_count(done: int, total: int) -> None:
    print(f"\r{done:,} of {total:,}", end="", file=sys.stderr, flush=True)
