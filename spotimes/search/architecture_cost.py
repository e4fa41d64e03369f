"""What an architecture costs, without training it: its weights' values do not matter."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from spotimes.benchmarking import latency
from spotimes.blocks import Architecture, Shape, layers
from spotimes.export import board, exported
from spotimes.inference.contract import Contract
from spotimes.nn import network as networks
from spotimes.pixels import CHANNELS
from spotimes.quantization import convert
from spotimes.system import atomic
from spotimes.tflite import arena
from spotimes.tflite.metadata import embedded
from spotimes.tflite.tflite_file import TFLiteFile

# Bytes of an INT8 file beyond the weights: for each channel that a layer puts out a scale, and the
# bias with its own; for each channel of a width, once, the zero points, which all layers as wide
# share; and for each operator and the file about so many.
BYTES_A_CHANNEL = 4 + 4 + 4
BYTES_A_ZERO_POINT = 8
BYTES_AN_OPERATOR = 250
BYTES_A_FILE = 1500

THREADS = 1
WARMUP_SECONDS = 0.1
ROUND_MS = 5
MIN_ROUNDS = 30
INTERVAL_WIDTH = 0.02
BUDGET_SECONDS = 5


class Estimate(NamedTuple):
    """Costs that are known from the blocks alone, `bytes` within some percent."""

    bytes: int
    macs: int


class Cost(NamedTuple):
    """Measured costs of an INT8 file.

    Attributes:
        bytes: of the file.
        arena_bytes: of RAM on a microcontroller, or None where it could not be measured.
        c_ram_bytes: likewise, as C; None where it cannot be exported.
        c_instructions: of an inference as C, on a Cortex-M4 with DSP instructions; None where it
            cannot be exported, compiled or emulated.
        macs: multiply-accumulates an image.
        latency_ratio: its latency over that of the reference.
    """

    bytes: int
    arena_bytes: int | None
    c_ram_bytes: int | None
    c_instructions: int | None
    macs: int
    latency_ratio: float


def estimate(network: Architecture, image_shape: Shape, classes: int) -> Estimate:
    """Counts an architecture's costs in microseconds, so that thousands can be sifted.

    Args:
        network: the architecture.
        image_shape: (height, width, channels) of an image.
        classes: how many there are.
    """
    found = layers(network, image_shape)
    dense = found[-1].output_shape[2] * classes
    weights = dense + sum(layer.weights for layer in found)
    biases = classes + sum(layer.biases for layer in found)
    widths = {classes, *(layer.output_shape[2] for layer in found)}
    quantization = BYTES_A_CHANNEL * biases + BYTES_A_ZERO_POINT * sum(widths)
    size = weights + quantization + BYTES_AN_OPERATOR * (len(found) + 1) + BYTES_A_FILE
    return Estimate(size, dense + sum(layer.macs for layer in found))


def measure(network: Architecture, contract: Contract, reference: Path) -> Cost:
    """Converts an untrained network to INT8 and measures the file; takes some seconds.

    Args:
        network: the architecture.
        contract: that of the files which are trained.
        reference: the .tflite file whose latency is compared with.

    Raises:
        InputError: the strides shrink the image below one pixel (`StrideTooLargeError`), or the
            reference cannot be run.
    """
    content = untrained(network, contract)
    file = TFLiteFile(content)
    with atomic.scratch(len(content)) as folder:
        path = folder / "untrained.tflite"
        path.write_bytes(content)
        rounds = latency.until_narrow(
            latency.interleaved_rounds(
                {"own": path, "reference": reference},
                THREADS,
                warmup_seconds=WARMUP_SECONDS,
                round_ms=ROUND_MS,
            ),
            "own",
            "reference",
            min_rounds=MIN_ROUNDS,
            interval_width=INTERVAL_WIDTH,
            budget_seconds=BUDGET_SECONDS,
        )
    return Cost(
        len(content),
        arena.measure(content).bytes,
        exported.ram(content).bytes,
        board.instructions(content).number,
        file.macs(),
        latency.ratio(rounds, "own", "reference").median,
    )


def untrained(network: Architecture, contract: Contract) -> bytes:
    """An architecture's INT8 .tflite file with random weights: it costs what trained ones do.

    Args:
        network: the architecture.
        contract: that of the files which are trained.

    Raises:
        StrideTooLargeError: the strides shrink the image below one pixel.
    """
    shape = (contract.height, contract.width, CHANNELS[contract.colour])
    model = networks.build(network, shape, len(contract.class_names), norm=None)
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:  # of constants that are alike, such as fresh biases, a file holds one
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, generator.normal(0, 0.1, bias.shape)])
    images = generator.integers(0, 256, (4, *shape), np.uint8)
    return embedded(convert.to_int8(model, images), contract)
