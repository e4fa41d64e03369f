"""`python -m app predict PICTURE...`: what a model sees in pictures."""

import argparse
import sys
from pathlib import Path

import numpy as np

from spotimes import command, picture
from spotimes.classifier import Classifier
from spotimes.contract import COLOURS, read_contract
from spotimes.errors import InputError

MODEL = Path("models/model_int8.tflite")


def main() -> None:
    """Runs the command; one line a picture, and status 1 if one could not be read."""
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verb = verbs.add_parser("predict", help="print the likeliest class of each picture")
    verb.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    verb.add_argument("--model", type=Path, default=MODEL, help=f"a .tflite file ({MODEL})")
    arguments = parser.parse_args()
    if not predict(arguments.pictures, arguments.model):
        sys.exit(1)


def predict(pictures: list[Path], model: Path) -> bool:
    """Prints the likeliest class of each picture, and on standard error what cannot be read.

    Returns:
        Whether all could be read.

    Raises:
        InputError: the model cannot be used.
    """
    contract, classifier = read_contract(model), Classifier(model)
    wanted = (contract.height, contract.width, COLOURS[contract.colour])
    if (classifier.image_shape, classifier.classes) != (wanted, len(contract.class_names)):
        raise InputError(f"{model}: its input contract and class names are of another network")
    all_read = True
    for path in pictures:
        try:
            image = picture.load(
                path, str(path), contract.height, contract.width, contract.colour, contract.resize
            )
        except InputError as error:
            print(f"predict: {error}", file=sys.stderr, flush=True)
            all_read = False
            continue
        probabilities = classifier.probabilities(image[np.newaxis])[0]
        likeliest = probabilities.argmax()
        print(f"{path}: {contract.class_names[likeliest]} {probabilities[likeliest]:.1%}")
    return all_read


if __name__ == "__main__":
    command.run("predict", main)
