"""Prints the most probable classes of pictures, .npy tensors or folders of them.

Prints one line for each input, in their order. Inputs that cannot be read are reported on standard
error and the others are classified; the exit status is then 1. What a folder holds that is not
meant as data is reported there, too.
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

from app import inputs
from app.inputs import Item
from app.threads import in_order
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier, Prediction
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
    write = _writer(arguments)
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
        for done, (item, (found, explained)) in enumerate(zip(items, answers, strict=True)):
            if counted:
                _print_count(done, len(items))
            if isinstance(found, str):
                _report(found, CLEARED if counted else "")
                unread += 1
            write(item.name, found, explained)
    if counted:
        _print_count(len(items), len(items))
        print(file=sys.stderr)
    if unread:
        sys.exit(1)


class Answer(NamedTuple):
    """What is said of an input: its classes, or why it cannot be read; and its explanation."""

    found: list[Prediction] | str
    explained: Mapping[str, Any] | None = None


def _classified(free: list[Classifier], top: int, item: Item) -> Answer:
    """The answer to an input by one of the classifiers, of which each thread finds one free."""
    try:
        image = item.load()
    except InputError as error:
        return Answer(str(error))
    classifier = free.pop()
    try:
        (predictions,) = classifier.predict(image[None], top)
    finally:
        free.append(classifier)
    return Answer(predictions)


def _explained(
    classifier: Classifier, explanations: "Explanations", top: int, item: Item
) -> Answer:
    try:
        loaded = explanations.load(item)
    except InputError as error:
        return Answer(str(error))
    (predictions,) = classifier.predict(loaded.image[None], top)
    classes = [each.label for each in predictions]
    return Answer(predictions, explanations.write(item.name, loaded, classes))


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


# Writes an input's name with its predictions, or with the error; and what its explanation is.
Writer = Callable[[str, list[Prediction] | str, Mapping[str, Any] | None], None]


def _writer(arguments: argparse.Namespace) -> Writer:
    if arguments.json:
        return _write_json
    if arguments.csv:
        return _csv_writer(arguments.top, bool(arguments.explain))
    return _write_text


def _csv_writer(top: int, explain: bool) -> Writer:
    table = csv.writer(sys.stdout, lineterminator="\n")
    ranks = ("", *(f"_{rank}" for rank in range(2, top + 1)))
    columns = [column + rank for rank in ranks for column in ("label", "probability")]
    table.writerow(["input", *columns, *(["explanation"] if explain else [])])

    def write(
        name: str, found: list[Prediction] | str, explained: Mapping[str, Any] | None
    ) -> None:
        cells = [""] * len(columns)
        if not isinstance(found, str):
            cells = [cell for each in found for cell in (each.label, f"{each.probability:.6g}")]
        if explain:
            cells.append(explained["file"] if explained else "")
        table.writerow([name, *cells])

    return write


def _write_text(
    name: str, found: list[Prediction] | str, explained: Mapping[str, Any] | None
) -> None:
    if isinstance(found, str):  # the error is on standard error
        return
    named = ", ".join(f"{each.label} {each.probability:.1%}" for each in found)
    print(f"{name}: {named}" + (f", explained in {explained['file']}" if explained else ""))


def _write_json(
    name: str, found: list[Prediction] | str, explained: Mapping[str, Any] | None
) -> None:
    if isinstance(found, str):
        print(json.dumps({"input": name, "error": found}), flush=True)
        return
    answer: dict[str, Any] = {"input": name, "predictions": [each._asdict() for each in found]}
    print(json.dumps(answer | ({"explanation": explained} if explained else {})))


def _print_count(done: int, total: int) -> None:
    print(f"\r{done:,} of {total:,}", end="", file=sys.stderr, flush=True)
