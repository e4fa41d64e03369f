"""Prints what a model is: its input, its classes, its size."""

import argparse
import hashlib
import json
from typing import Any

from spotimes.inference.classifier import Classifier

RESIZE = {
    "squash": "stretched to this size",
    "fit_shortest": "scaled to cover this size and cropped to its centre",
    "fit_longest": "scaled to fit into this size and padded with black",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `run` reads."""
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Prints the facts.

    Raises:
        InputError: the model cannot be used.
    """
    facts = about(Classifier(arguments.model))
    if arguments.json:
        print(json.dumps(facts))
        return
    image = facts["input"]
    print(f"file     {facts['file']}")
    print(f"bytes    {facts['bytes']:,}")
    print(f"sha256   {facts['sha256']}")
    print(f"network  {facts['dtype']}")
    print(
        f"input    {image['width']} x {image['height']} {image['colour']}; a picture of another "
        f"size is {RESIZE[image['resize']]}"
    )
    if image["range"]:
        black, white = image["range"]
        print(f"range    of more than 8 bits a channel, {black:,} is black and {white:,} white")
    print(f"classes  {len(facts['classes'])}: {', '.join(facts['classes'])}")
    if facts["unknown_below"] is not None:
        print(f"unknown  is a picture whose score is below {facts['unknown_below']}")


def about(classifier: Classifier) -> dict[str, Any]:
    """A model's file, input and classes, as the keys and values of a JSON object."""
    content = classifier.path.read_bytes()
    contract = classifier.contract
    return {
        "file": str(classifier.path),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "dtype": str(classifier.dtype),
        "input": {
            "height": contract.height,
            "width": contract.width,
            "colour": contract.colour,
            "resize": contract.resize,
            "range": contract.range,
        },
        "classes": list(contract.class_names),
        "unknown_below": contract.unknown_below,
    }
