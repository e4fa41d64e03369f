"""How far LiteRT and a microcontroller are apart, operator by operator.

    python -m benchmarks.runtimes
    python -m benchmarks.runtimes --model models/model_int8.tflite --images 500

Both compute the same INT8 network: LiteRT's kernels here, XNNPACK's where it has them, and the
reference kernels of TensorFlow Lite Micro, which the exported C equals (`spotimes.export.reference`
computes those). Prints a Markdown table of how many values differ, and by how many steps at most:
`alone`, of the operator's output where both read what LiteRT computed; `so far`, where each reads
what it computed itself; `answer`, of the probabilities where all operators before are LiteRT's.
Takes half a minute for 500 images.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from spotimes import usage
from spotimes.dataset.prepared import load_split
from spotimes.errors import InputError
from spotimes.explanation.outputs import with_outputs
from spotimes.export import graph, reference, source
from spotimes.inference.interpreter import fill_inputs, interpreter_of, invoke, read_verified
from spotimes.pixels import to_int8
from spotimes.system import command

BATCH = 20

Int8 = npt.NDArray[np.int8]


class Difference(NamedTuple):
    """How much differs of an operator's output.

    Attributes:
        values: how many there are.
        differing: how many of them differ.
        largest: the largest difference, in steps.
    """

    values: int = 0
    differing: int = 0
    largest: int = 0

    def with_more(self, one: Int8, other: Int8) -> "Difference":
        """With those of two arrays."""
        steps = np.abs(one.astype(np.int16) - other)
        return Difference(
            self.values + steps.size,
            self.differing + int(np.count_nonzero(steps)),
            max(self.largest, int(steps.max())),
        )

    def __str__(self) -> str:
        return f"{self.differing / self.values:.3%} | {self.largest}"


def main() -> None:
    """Compares, and prints the table."""
    parser = usage.parser("benchmarks.runtimes", __doc__, "python -m benchmarks.runtimes")
    parser.add_argument("--model", type=Path, default=Path("models/model_int8.tflite"))
    parser.add_argument("--images", type=int, default=500, help="test images (500)")
    arguments = parser.parse_args()
    if arguments.images < 1:
        raise InputError(f"--images: {arguments.images} is not allowed; give at least 1")
    images = to_int8(load_split("test").images[: arguments.images])
    print("| operator | alone | steps | so far | steps | answer | steps |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, found in differences(arguments.model, images).items():
        print(f"| {name} | {found.alone} | {found.so_far} | {found.answer} |")


class Operator(NamedTuple):
    """What differs by an operator.

    Attributes:
        alone: of its output, where both runtimes read what LiteRT computed.
        so_far: of its output, where each reads what it computed itself.
        answer: of the probabilities, where all operators before this one are LiteRT's.
    """

    alone: Difference = Difference()
    so_far: Difference = Difference()
    answer: Difference = Difference()


def differences(path: Path, images: Int8) -> dict[str, Operator]:
    """Compares the runtimes, for each operator by its name in C.

    Raises:
        InputError: the file cannot be run, or not be exported.
    """
    network, runtime = graph.read(path.read_bytes(), path), _Runtime(path)
    found = [Operator()] * len(network.layers)
    for start in tqdm(range(0, len(images), BATCH), unit="image", unit_scale=BATCH):
        batch = images[start : start + BATCH]
        theirs = reference.feature_maps(network, batch)
        ours = [np.stack(each) for each in zip(*map(runtime.feature_maps, batch), strict=True)]
        ours = [one.reshape(other.shape) for one, other in zip(ours, theirs, strict=True)]
        for index, before in enumerate(found):
            mixed = ours[: index + 1]
            for later in range(index, len(found)):
                mixed.append(reference.layer_output(network, later, mixed))
            here = ours[index + 1]
            found[index] = Operator(
                before.alone.with_more(here, mixed[index + 1]),
                before.so_far.with_more(here, theirs[index + 1]),
                before.answer.with_more(ours[-1], mixed[-1]),
            )
    return dict(zip(source.names(network), found, strict=True))


class _Runtime:
    """A model on LiteRT, by the kernels that answer, with all operators' outputs."""

    def __init__(self, path: Path) -> None:
        content, verified = read_verified(path)
        outputs = [operator.output for operator in verified.operators]
        self._path = path
        self._interpreter = interpreter_of(with_outputs(content, outputs), path)
        self._outputs = outputs

    def feature_maps(self, image: Int8) -> list[Int8]:
        """The image, and what each operator makes of it."""
        fill_inputs(self._interpreter, lambda _: image[np.newaxis])
        invoke(self._interpreter, self._path)
        return [image, *(self._interpreter.get_tensor(index)[0] for index in self._outputs)]


if __name__ == "__main__":
    command.run("runtimes", main)
