"""Measures how long the model takes for an image here.

`bare` is the runtime alone (tensor in, invoke, tensor out), `classifier` what `predict` and `serve`
call. The two are interleaved, so that their ratio holds where their times vary.
"""

import argparse
import json
import time
from collections.abc import Iterator

import numpy as np

from spotimes.benchmarking import timing
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.inference.interpreter import as_input, load_interpreter
from spotimes.system import cores

WARMUP_SECONDS = 0.3
ROUND_MS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `run` reads."""
    parser.add_argument("--seconds", type=float, default=3, help="how long to measure (3)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Measures both and prints the figures.

    Raises:
        InputError: the model cannot be used, or `--seconds` is not allowed.
    """
    if not 0.1 <= arguments.seconds <= 3600:
        raise InputError(f"--seconds: {arguments.seconds:g} is not allowed; give 0.1 to 3600")
    classifier = Classifier(arguments.model, arguments.threads)
    interpreter = load_interpreter(arguments.model, arguments.threads)
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, classifier.image_shape, np.uint8)
    source = interpreter.get_input_details()[0]
    target = interpreter.get_output_details()[0]["index"]
    tensor = as_input(image[np.newaxis], source["dtype"])

    def bare() -> None:
        interpreter.set_tensor(source["index"], tensor)
        interpreter.invoke()
        interpreter.get_tensor(target)

    functions = {"bare": bare, "classifier": lambda: classifier.probabilities(image)}
    for function in functions.values():
        timing.timed(function, int(WARMUP_SECONDS * 1e9))
    rounds = list(
        _until(
            timing.interleaved(functions, ROUND_MS, generator), time.monotonic() + arguments.seconds
        )
    )
    figures = {name: _summary([each[name] for each in rounds]) for name in functions}
    ratios = [np.median(each["classifier"]) / np.median(each["bare"]) for each in rounds]
    ratio = float(np.median(ratios))
    if arguments.json:
        used = {"threads": arguments.threads, "cores_allowed": cores.allowed()}
        print(json.dumps({**used, **figures, "ratio": ratio}))
        return
    for name, figure in figures.items():
        print(
            f"{name:10}  median {figure['median_us']:,.1f} us, p95 {figure['p95_us']:,.1f} us, "
            f"p99 {figure['p99_us']:,.1f} us, {figure['calls']:,} calls"
        )
    print(f"classifier / bare: {ratio:.2f}")


def _until(
    rounds: Iterator[dict[str, timing.Times]], end: float
) -> Iterator[dict[str, timing.Times]]:
    for each in rounds:
        yield each
        if time.monotonic() >= end:
            return


def _summary(times: list[timing.Times]) -> dict[str, float | int]:
    together = np.concatenate(times) / 1e3
    median, p95, p99 = np.percentile(together, [50, 95, 99])
    return {
        "median_us": float(median),
        "p95_us": float(p95),
        "p99_us": float(p99),
        "calls": len(together),
    }
