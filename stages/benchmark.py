"""Measures what the models cost on this machine: latency, first inference and memory.

A model's latency is the runtime's alone. What `Classifier` adds, which evaluate and the app call,
is measured beside it: checking an image, making it the network's input, and numbers of its output.

In: models/model_fp32.tflite, models/model_int8.tflite and `benchmark.extra_models`.
Out: metrics/benchmark.json, with the host that it was measured on, the cores that were allowed and
the threads used, never more than those; and metrics/latency.csv, each model's percentiles.
Takes 10 to 40 seconds on two cores: until the speedup's interval is narrow enough, or
`benchmark.budget_seconds` are over.
Expect an INT8 model 2 to 4 times as fast as the FP32 one where the CPU multiplies bytes (VNNI,
dot-product instructions), and less elsewhere. The figures are this machine's of this minute: only
ratios can be compared with another run.
"""

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spotimes.benchmarking import latency, process_cost
from spotimes.benchmarking.timing import Times
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.params.benchmark import Benchmark
from spotimes.params.load import load_group
from spotimes.params.runtime import Runtime
from spotimes.system import atomic, command, host
from spotimes.system.cores import at_most_allowed
from spotimes.system.packages import check_installed

PARAMS = ("runtime", "benchmark")

FP32 = Path("models/model_fp32.tflite")
INT8 = Path("models/model_int8.tflite")
METRICS = Path("metrics/benchmark.json")
PERCENTILES = Path("metrics/latency.csv")
CLASSIFIER = "int8/classifier"  # no file's name, as those of further models are

Rounds = list[Mapping[str, Times]]


def main() -> None:
    """The stage."""
    check_installed(load_group("runtime", Runtime))
    params = load_group("benchmark", Benchmark)
    threads = at_most_allowed(params.threads, "params.yaml: benchmark.threads", "no more are used")
    models = {"fp32": FP32, "int8": INT8, **extra_models(params.extra_models)}
    machine = {
        **host.describe(),
        "ai_edge_litert": version("ai-edge-litert"),
        "load_average": os.getloadavg()[0],  # before the measurement adds to it
    }

    costs = {
        name: process_cost.measure(path, threads, params.processes)
        for name, path in tqdm(models.items(), desc="fresh processes", unit="model")
    }
    rounds = _timed(models, threads, params)
    figures = {name: latency.summary(rounds, name) | costs[name]._asdict() for name in models}
    speedup = latency.ratio(rounds, "fp32", "int8")

    measured = _metrics(rounds, figures, speedup)
    atomic.write_json(METRICS, {**measured, "threads": threads, "host": machine})
    atomic.write_text(PERCENTILES, _percentiles(rounds))
    print(
        f"INT8 {figures['int8']['median_ms']:.4g} ms, FP32 {figures['fp32']['median_ms']:.4g} ms, "
        f"speedup {speedup.median:.3g} ({speedup.low:.3g} to {speedup.high:.3g})"
    )
    if speedup.interval_width > params.interval_width:
        print(
            f"the time budget ended while this interval was still {speedup.interval_width:.1%} wide"
        )


def extra_models(paths: list[str]) -> dict[str, Path]:
    """The further models by file name.

    Raises:
        InputError: two have one name.
    """
    models = {Path(path).name: Path(path) for path in paths}
    if len(models) < len(paths):
        raise InputError("params.yaml: benchmark.extra_models: two files have the same name")
    return models


def _timed(models: Mapping[str, Path], threads: int, params: Benchmark) -> Rounds:
    """Times the models, and `Classifier` on the INT8 one, interleaved."""
    classifier = Classifier(INT8, threads)
    image = np.random.default_rng(0).integers(0, 256, classifier.image_shape, np.uint8)
    endless = latency.interleaved_rounds(
        models,
        threads,
        warmup_seconds=params.warmup_seconds,
        round_ms=params.round_ms,
        others={CLASSIFIER: lambda: classifier.probabilities(image)},
    )
    about = f"rounds, at most {params.budget_seconds:g} s"
    with tqdm(endless, desc=about, unit="round") as progress:
        return latency.until_narrow(
            progress,
            "fp32",
            "int8",
            min_rounds=params.min_rounds,
            interval_width=params.interval_width,
            budget_seconds=params.budget_seconds,
        )


def _metrics(
    rounds: Rounds, figures: Mapping[str, Mapping[str, float]], speedup: latency.Ratio
) -> dict[str, object]:
    def beside_int8(name: str) -> dict[str, float]:
        return latency.ratio(rounds, name, "int8")._asdict()

    return {
        "fp32": figures["fp32"],
        "int8": figures["int8"],
        "speedup": {
            **speedup._asdict(),
            "interval_width": speedup.interval_width,
            "rounds": len(rounds),
        },
        "classifier": {
            **latency.summary(rounds, CLASSIFIER),
            "ratio_to_int8": beside_int8(CLASSIFIER),
        },
        "extra": {
            name: {**figures[name], "ratio_to_int8": beside_int8(name)}
            for name in list(figures)[2:]
        },
    }


def _percentiles(rounds: Rounds) -> str:
    lines = [
        f"{name},{percentile},{microseconds:.6g}\n"
        for name in ("fp32", "int8")
        for percentile, microseconds in latency.percentiles(rounds, name)
    ]
    return "model,percentile,microseconds\n" + "".join(lines)


if __name__ == "__main__":
    command.run("benchmark", main)
