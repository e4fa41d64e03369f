"""Which score of a model's answer best tells pictures of none of its classes.

    python -m benchmarks.unknown
    python -m benchmarks.unknown --without cat,horse,truck --images 1000 --epochs 30

At limits that keep 95% of the validation pictures: how many pictures of each foreign set are
rejected, with Wilson's 95% interval, and AUROC; all of the logits that a microcontroller computes,
without a temperature and with the model's. The foreign sets are Fashion-MNIST in colour, and those
that evaluate makes of test pictures; with `--choose` others, by which the score was chosen: MNIST
in colour, and validation pictures whose phases are random, so that their colours and frequencies
stay.

`--without` trains params.yaml's network on CIFAR-10 less some classes, and has the test pictures of
each of these for foreign sets, too. What is trained stays in .resume/unknown for the next time.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import yaml
from PIL import Image

from benchmarks.few_pictures import run_stage
from benchmarks.project import MODEL, ROOT
from spotimes.dataset.prepared import (
    PREPARED,
    LabelledImages,
    Split,
    SplitName,
    load_card,
    load_split,
    write_prepared,
)
from spotimes.downloads.download import fetch_any
from spotimes.evaluation import foreign
from spotimes.evaluation.statistics import auroc, wilson
from spotimes.export import graph, reference
from spotimes.inference import unknown
from spotimes.ingestion import readers
from spotimes.ingestion.catalog import load_catalog
from spotimes.params.load import PARAMS_FILE
from spotimes.pixels import to_int8
from spotimes.quantization.known_limit import limit_of
from spotimes.system import command
from spotimes.system.validation import load_yaml
from spotimes.tflite import softmax

TRAINED = ROOT / ".resume/unknown"
SHARE = 0.95
STEPS = 10**6  # of the real scores, which are compared as whole numbers

Images = npt.NDArray[np.uint8]
Values = Any  # float64, shape (pictures, classes), or of scores (pictures,)
Scores = npt.NDArray[np.int64]


class Sets(NamedTuple):
    """A model, and the pictures that it is tried on.

    Attributes:
        model: its .tflite file.
        validation: what the limits are set on.
        known: test pictures of its classes.
        foreign: pictures of none, by the name of their set.
    """

    model: Path
    validation: Images
    known: Images
    foreign: Mapping[str, Images]


def main() -> None:
    """Prints a Markdown table for each model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, default=MODEL, help="of all classes")
    parser.add_argument("--pictures", type=int, default=2000, help="of each set, at most (2,000)")
    parser.add_argument("--choose", action="store_true", help="on the sets for choosing a score")
    parser.add_argument("--without", nargs="+", default=[], metavar="CLASS[,CLASS...]")
    parser.add_argument("--images", type=int, default=1000, help="for training, a class (1,000)")
    parser.add_argument("--epochs", type=int, default=30, help="(30)")
    arguments = parser.parse_args()
    most = arguments.pictures
    for names in arguments.without or [""]:
        left_out = names.split(",") if names else []
        model = (
            trained(left_out, arguments.images, arguments.epochs) if left_out else arguments.model
        )
        tried = sets(model, left_out, choose=arguments.choose, most=most)
        print(f"\n{f'Without {names}' if names else 'Of all classes'}\n")
        print(table(tried), flush=True)


def trained(left_out: Sequence[str], images: int, epochs: int) -> Path:
    """The INT8 model of a training without some classes."""
    target = TRAINED / f"{'-'.join(left_out)}-{images}-{epochs}.tflite"
    if target.exists():
        return target
    card = load_card(ROOT / PREPARED)
    kept = [name for name in card.class_names if name not in left_out]
    labels = np.array([kept.index(name) if name in kept else -1 for name in card.class_names])
    most: dict[SplitName, int | None] = {"train": images, "validation": None, "test": 1}
    splits = {
        name: of_classes(load_split(name, ROOT / PREPARED), labels, count)
        for name, count in most.items()
    }
    params = load_yaml(ROOT / PARAMS_FILE)
    params["train"]["epochs"] = epochs
    with tempfile.TemporaryDirectory(dir=ROOT / "data", prefix=".benchmark-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        for shared in ("backbones", "catalog", "none"):
            (folder / "data" / shared).symlink_to(ROOT / "data" / shared)
        resume = TRAINED / target.stem
        resume.mkdir(parents=True, exist_ok=True)
        (folder / ".resume").symlink_to(resume)
        (folder / PARAMS_FILE).write_text(yaml.safe_dump(params), encoding="utf-8")
        others = card.model_copy(update={"class_names": kept})
        write_prepared(folder / PREPARED, others, splits)
        for stage in ("train", "quantize"):
            run_stage(stage, folder)
        shutil.copy(folder / "models/model_int8.tflite", target)
    return target


def of_classes(split: LabelledImages, labels: npt.NDArray[np.int64], most: int | None) -> Split:
    """The images of some classes, of each at most so many, in their order.

    Args:
        split: the images.
        labels: for each label its new one, or -1 for what is not to be there.
        most: how many of a class, drawn; None takes all.
    """
    rng = np.random.default_rng(1)
    classes = [np.flatnonzero(split.labels == label) for label in np.flatnonzero(labels >= 0)]
    chosen = np.sort(np.concatenate([rng.permutation(each)[:most] for each in classes]))
    return Split(split.images[chosen], labels[split.labels[chosen]])


def sets(model: Path, left_out: Sequence[str], *, choose: bool, most: int) -> Sets:
    """The pictures for a model, at most so many of each set."""
    names = load_card(ROOT / PREPARED).class_names
    validation, test = (load_split(name, ROOT / PREPARED) for name in ("validation", "test"))
    labels = np.array([-1 if name in left_out else 0 for name in names])
    known = of_classes(test, labels, -(-most // (len(names) - len(left_out)))).images
    own = of_classes(validation, labels, None).images
    if choose:
        others = {"MNIST": in_colour("mnist", most), "random phases": random_phases(own)}
    else:
        made = foreign.foreign_sets(known, most)
        others = {"Fashion-MNIST": in_colour("fashion_mnist", most), **made}
    for name in left_out:
        others[name] = test.images[np.flatnonzero(test.labels == names.index(name))[:most]]
    return Sets(model, own, known, others)


def in_colour(catalog: str, most: int) -> Images:
    """Test pictures of a dataset in grey, as CIFAR-10's are: 32 x 32, with three channels."""
    dataset = load_catalog(ROOT / f"data/catalog/{catalog}.yaml")
    mirror, files = fetch_any(dataset.mirrors)
    pictures = readers.read(dataset, mirror, files).test.images[:most]
    resized = [
        Image.fromarray(each[..., 0]).resize((32, 32), Image.Resampling.BILINEAR)
        for each in pictures
    ]
    return np.stack([np.asarray(each.convert("RGB")) for each in resized])


def random_phases(images: Images) -> Images:
    """Images of the same spectra, whose phases are those of noise."""
    rng = np.random.default_rng(1)
    noise = np.fft.fft2(rng.random(images.shape[:3]))[..., np.newaxis]
    spectra = np.fft.fft2(images.astype(np.float64), axes=(1, 2))
    made = np.fft.ifft2(spectra * noise / np.abs(noise), axes=(1, 2)).real
    return np.clip(made, 0, 255).astype(np.uint8)


def probabilities(logits: Values, beta: float) -> Values:
    """What an INT8 softmax gives: multiples of 1/256, at most 255."""
    powers = np.exp(beta * (logits - logits.max(axis=1, keepdims=True)))
    exact = powers / powers.sum(axis=1, keepdims=True)
    return np.clip(np.rint(256 * exact), 0, 255) / 256


def largest(found: Values) -> Values:
    """The largest probability, or logit (Hendrycks and Gimpel 2017, arXiv:1610.02136)."""
    return found.max(axis=1)


def margin(found: Values) -> Values:
    """The largest less the second largest."""
    ordered = np.sort(found, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def negative_entropy(found: Values) -> Values:
    """The sum of p log p."""
    return (found * np.log(np.maximum(found, 1e-9))).sum(axis=1)


def ours(found: Values) -> Values:
    """The mean of -log p, `spotimes.inference.unknown`'s."""
    return unknown.scores(found.astype(np.float32)) / STEPS


def energy(logits: Values) -> Values:
    """The logarithm of the sum of the exponentials (Liu et al. 2020, arXiv:2010.03759)."""
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, np.newaxis]).sum(axis=1))


OF_PROBABILITIES = {
    "largest probability": largest,
    "margin of probabilities": margin,
    "negative entropy": negative_entropy,
    "mean of -log p": ours,
}
OF_LOGITS = {"largest logit": largest, "energy": energy}


def table(tried: Sets) -> str:
    """A row a score: how many of each set are rejected, and AUROC."""
    beta = softmax.read(tried.model.read_bytes()).beta
    known, validation = (logits_of(tried.model, each) for each in (tried.known, tried.validation))
    others = {name: logits_of(tried.model, each) for name, each in tried.foreign.items()}
    lines = [
        f"| score | temperature | known kept | {' | '.join(others)} |",
        f"| --- | ---: | ---: |{' ---: |' * len(others)}",
    ]
    rows: list[tuple[str, str, Callable[[Values], Values]]] = [
        (name, f"{1 / each:.2f}", partial(of_probabilities, function, each))
        for name, function in OF_PROBABILITIES.items()
        for each in dict.fromkeys((1.0, beta))
    ]
    rows += [(name, "-", function) for name, function in OF_LOGITS.items()]
    for name, temperature, function in rows:
        of_known = steps(function(known))
        limit = limit_of(steps(function(validation)), SHARE).unknown_below
        cells = [f"{np.mean(of_known >= limit):.1%}"]
        cells += [cell(of_known, steps(function(each)), limit) for each in others.values()]
        lines.append(f"| {name} | {temperature} | {' | '.join(cells)} |")
    return "\n".join(lines)


def of_probabilities(score: Callable[[Values], Values], beta: float, logits: Values) -> Values:
    """A score of what a softmax makes of logits."""
    return score(probabilities(logits, beta))


def cell(known: Scores, others: Scores, limit: int) -> str:
    """The share of a foreign set that is rejected, its interval, and AUROC."""
    share = wilson(int(np.sum(others < limit)), len(others))
    interval = f"{100 * share.low:.1f} to {100 * share.high:.1f}"
    return f"{share.value:.1%} ({interval}), {auroc(known, others):.3f}"


def steps(found: Values) -> Scores:
    """Real scores as whole numbers, so that what is equal but for rounding is equal."""
    whole: Scores = np.rint(found * STEPS).astype(np.int64)
    return whole


def logits_of(model: Path, images: Images) -> Values:
    """A model's logits but for a constant, as a microcontroller computes them, in real values."""
    content = model.read_bytes()
    network = graph.read(content, model)
    values = [
        reference.logits(network, to_int8(images[start : start + 500]))
        for start in range(0, len(images), 500)
    ]
    found: Values = np.concatenate(values).astype(np.float64) * softmax.read(content).scale
    return found


if __name__ == "__main__":
    command.run("unknown", main)
