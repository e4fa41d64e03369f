"""What a network costs by the figures that pruning can bring within `evaluate.budgets`."""

from typing import NamedTuple

from spotimes.blocks import Architecture, Shape, layers_by_block
from spotimes.inference.contract import Contract
from spotimes.pruning.choice import Costs
from spotimes.search import architecture_cost
from spotimes.search.architecture_cost import untrained
from spotimes.tflite import arena
from spotimes.tflite.tflite_file import TFLiteFile

# TensorFlow Lite Micro keeps a multiplier and a shift for each channel that a layer puts out.
ARENA_BYTES_A_CHANNEL = 4 + 4
FIGURES = ("bytes", "arena_bytes", "macs")


class Estimate(NamedTuple):
    """Costs that are known from the blocks alone.

    Attributes:
        bytes: of the file, without the zero points of layers' outputs.
        arena_bytes: of RAM on a microcontroller, while each layer runs; without the runtime's
            structures that do not depend on the channels.
        macs: multiply-accumulates an image.
    """

    bytes: int
    arena_bytes: list[int]
    macs: int

    @property
    def costs(self) -> Costs:
        """The same as costs; the layer that needs most RAM counts."""
        return {"bytes": self.bytes, "arena_bytes": max(self.arena_bytes), "macs": self.macs}


def estimate(network: Architecture, image_shape: Shape, classes: int) -> Estimate:
    """Counts the costs from the blocks alone, in less than a millisecond.

    What is measured of one network beyond it holds of narrower ones within some hundred bytes.

    Args:
        network: the architecture.
        image_shape: (height, width, channels) of an image.
        classes: how many there are.
    """
    guess = architecture_cost.estimate(network, image_shape, classes)
    blocks = layers_by_block(network, image_shape)
    # Layers that are equally wide share their zero points; a step that ends this would cost more.
    widths = {classes, *(layer.output_shape[2] for _, made in blocks for layer in made)}
    size = guess.bytes - architecture_cost.BYTES_A_ZERO_POINT * sum(widths)
    biases = classes + sum(layer.biases for _, made in blocks for layer in made)
    ram = [each + ARENA_BYTES_A_CHANNEL * biases for each in activations(network, image_shape)]
    return Estimate(size, ram, guess.macs)


def measure(network: Architecture, contract: Contract) -> Costs:
    """Converts an untrained network to INT8 and measures the file; takes some seconds.

    Args:
        network: the architecture.
        contract: that of the files which are trained.
    """
    return of_file(untrained(network, contract))


def of_file(content: bytes) -> Costs:
    """Measures an INT8 .tflite file."""
    ram = arena.measure(content).bytes
    found = {"bytes": len(content), "macs": TFLiteFile(content).macs()}
    return found if ram is None else found | {"arena_bytes": ram}


def activations(network: Architecture, image_shape: Shape) -> list[int]:
    """The bytes of INT8 activations that must be in RAM while each layer runs, in their order.

    Its input and its output, and the block's input while a later layer is to add it.
    """
    found = []
    for _, made in layers_by_block(network, image_shape):
        adds = made[-1].operation == "add"
        for index, layer in enumerate(made):
            shapes = [layer.input_shape, layer.output_shape]
            if adds and index:
                shapes.append(made[-2].output_shape if layer is made[-1] else made[0].input_shape)
            found.append(sum(height * width * channels for height, width, channels in shapes))
    return found
