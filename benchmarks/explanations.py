"""Whether explanations hold: what the maps leave unexplained, what they cost, and if they matter.

    python -m benchmarks.explanations
    python -m benchmarks.explanations --images 1000 --deletion-images 1000

Of the committed INT8 model, on validation images. Whether maps matter is the deletion test (Petsiuk
et al. 2018, arXiv:1806.07421, section 4): the parts of an image that a map names are blanked, those
that speak most for the network's answer first, and its probability should fall faster than when
other parts are. Blanked is the image's mean colour. Takes two minutes on two cores.
"""

import argparse
import time
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from benchmarks.project import MODEL
from spotimes.dataset.prepared import load_split
from spotimes.errors import InputError
from spotimes.explanation.explainer import Explainer
from spotimes.inference.classifier import Classifier
from spotimes.inference.interpreter import as_input, invoke, load_interpreter
from spotimes.system import command

SHARES = (0.0, 0.03125, 0.0625, 0.125, 0.1875, 0.25, 0.375, 0.5, 0.75, 1.0)

Image = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]


def main() -> None:
    """Measures, and prints what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=1000, help="whose maps are summed up (1000)")
    parser.add_argument("--deletion-images", type=int, default=300, help="to blank parts of (300)")
    arguments = parser.parse_args()
    images = load_split("validation").images
    for name in ("images", "deletion_images"):
        if not 1 <= getattr(arguments, name) <= len(images):
            option = name.replace("_", "-")
            raise InputError(f"--{option}: is not allowed; give 1 to {len(images)}")
    classifier = Classifier(MODEL)
    report_sums(classifier, images[: arguments.images])
    report_deletion(classifier, images[: arguments.deletion_images])


def report_sums(classifier: Classifier, images: Image) -> None:
    """Prints what maps and bias leave of the logits, whose answer they explain, and the time."""
    explainer = Explainer(classifier)
    steps, milliseconds, explained = [], [], []
    for image in tqdm(images, desc="explaining", unit="image"):
        began = time.perf_counter()
        found = explainer.explain(image)
        milliseconds.append(1000 * (time.perf_counter() - began))
        explained.append(found.probabilities)
        if found.logits is not None and found.remainders is not None:
            steps.append(np.abs(found.remainders) / found.logits.step)
    answers, plain = [], []
    for image in tqdm(images, desc="classifying", unit="image"):
        began = time.perf_counter()
        answers.append(classifier.probabilities(image))
        plain.append(1000 * (time.perf_counter() - began))
    others = by_other_kernels(classifier, images)
    for name, found_answers in (("explained", explained), ("by preserved tensors", others)):
        expected, found_ = np.array(answers), np.array(found_answers)
        same = int(np.sum(np.all(expected == found_, axis=1)))
        classes = int(np.sum(expected.argmax(axis=1) == found_.argmax(axis=1)))
        print(
            f"{name}: of {len(expected):,} answers {same:,} are the classifier's to the byte, "
            f"{classes:,} its class"
        )
    if steps:
        pairs = np.concatenate(steps)
        print(
            f"remainder: at most one step of {np.mean(pairs <= 1):.2%} of {len(pairs):,} pairs of "
            f"image and class, 99% within {np.quantile(pairs, 0.99):.2f}, at most {pairs.max():.1f}"
        )
    print(
        f"milliseconds: {np.median(milliseconds):.3f} explained, {np.median(plain):.3f} classified"
    )


def by_other_kernels(classifier: Classifier, images: Image) -> list[Map]:
    """The answers where all tensors are preserved, which is the other way to see the last map."""
    interpreter = load_interpreter(classifier.path, keep_tensors=True)
    (given,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = output["quantization"]
    answers = []
    for image in images:
        values = as_input(image, given["dtype"], classifier.contract.normalization)
        interpreter.set_tensor(given["index"], values[np.newaxis])
        invoke(interpreter, classifier.path)
        found = interpreter.get_tensor(output["index"])[0].astype(np.float32)
        answers.append((found - np.float32(zero_point)) * np.float32(scale))
    return answers


def report_deletion(classifier: Classifier, images: Image) -> None:
    """Prints how the probability of the network's answer falls as more is blanked."""
    generator = np.random.default_rng(0)
    shares, occlusion = Explainer(classifier), Explainer(classifier, occlusion=True)
    kept: dict[str, list[list[float]]] = {}
    for image in tqdm(images, desc="blanking", unit="image"):
        found = shares.explain(image)
        answer = int(found.probabilities.argmax())
        map_ = found.maps[answer]
        maps: Mapping[str, Map] = {
            "what the map names": map_,
            "what occlusion names": occlusion.explain(image).maps[answer],
            "the middle": around(map_.shape, (np.array(map_.shape) - 1) / 2),
            "random positions": generator.random(map_.shape, np.float32),
            "a random region": around(map_.shape, generator.integers(0, map_.shape)),
            "what the map names last": -map_,
        }
        for name, each in maps.items():
            probabilities = classifier.probabilities(blanked(image, each))
            kept.setdefault(name, []).append(probabilities[:, answer].tolist())
    print(f"probability of the answer, mean of {len(images)} images, with this share blanked:")
    print(" " * 25 + "".join(f"{share:7.0%}" for share in SHARES) + "   area")
    for name, curves in kept.items():
        mean = np.mean(curves, axis=0)
        row = "".join(f"{value:7.3f}" for value in mean)
        areas = [area(curve) for curve in curves]
        error = 1.96 * np.std(areas) / np.sqrt(len(areas))
        print(f"{name:25}{row}  {np.mean(areas):.3f} ± {error:.3f}")


def blanked(image: Image, map_: Map) -> Image:
    """The image with each of `SHARES` of the positions blanked, the map's largest first."""
    order = np.argsort(-map_, axis=None, kind="stable")
    mean = np.rint(image.mean(axis=(0, 1))).astype(np.uint8)
    images = []
    for share in SHARES:
        blank = np.zeros(map_.size, np.bool_)
        blank[order[: round(share * map_.size)]] = True
        images.append(np.where(enlarged(blank.reshape(map_.shape), image.shape), mean, image))
    return np.stack(images)


def enlarged(cells: npt.NDArray[np.bool_], shape: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Each pixel's cell, shape (height, width, 1)."""
    rows, columns = (
        np.arange(side) * count // side for side, count in zip(shape, cells.shape, strict=False)
    )
    within: npt.NDArray[np.bool_] = cells[rows][:, columns, np.newaxis]
    return within


def around(shape: tuple[int, ...], centre: npt.NDArray[np.generic]) -> Map:
    """A map whose values fall with the distance to a position."""
    distance: Map = np.hypot(*(np.indices(shape) - np.reshape(centre, (2, 1, 1))), dtype=np.float32)
    return -distance


def area(curve: Sequence[float]) -> float:
    """The area below a curve over `SHARES`: lower means that the probability falls faster."""
    widths, values = np.diff(SHARES), np.array(curve)
    return float(np.sum(widths * (values[1:] + values[:-1]) / 2))


if __name__ == "__main__":
    command.run("explanations", main)
