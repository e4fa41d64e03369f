"""Writes a network and its plan as C: a header and a source file, the same bytes on every machine.

The kernels are C themselves, in `kernels/`; here the layers' constants are written, and the loops
that compute one row after another.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError
from spotimes.export.graph import (
    ADDITION_SHIFT,
    Addition,
    Convolution,
    Depthwise,
    Layer,
    Lookup,
    Mean,
    Network,
    Scaling,
    Softmax,
    Window,
)
from spotimes.export.plan import IMAGE, Buffer, Plan, Step
from spotimes.export.reference import classify
from spotimes.inference.contract import Contract
from spotimes.inference.unknown import COSTS
from spotimes.system import atomic

KERNELS = Path(__file__).with_name("kernels")
WIDTH = 96  # columns of a line of numbers
NAMES: dict[type[Layer], str] = {
    Convolution: "conv",
    Depthwise: "depthwise",
    Addition: "add",
    Lookup: "rectifier",
    Mean: "mean",
    Softmax: "softmax",
}
# The files that a kind of layer needs, in an order in which each comes behind what it uses.
_PARTS: dict[type[Layer], tuple[str, ...]] = {
    Convolution: ("window", "dsp", "scaling", "outputs", "convolution"),
    Depthwise: ("window", "dsp", "scaling", "outputs", "depthwise"),
    Addition: ("scaling", "addition"),
    Lookup: ("lookup",),
    Mean: ("scaling", "mean"),
    Softmax: ("scaling", "softmax"),
}
_ORDER = (
    *("window", "rows_needed", "dsp", "scaling", "outputs", "convolution", "depthwise"),
    *("depthwise_row", "depthwise_plane", "addition", "lookup", "mean", "softmax"),
)


class Sources(NamedTuple):
    """A part of a program in C: a header, and a source file."""

    header: str
    source: str

    def write(self, folder: Path, name: str) -> None:
        """Writes both to a folder, under a name without its ending."""
        atomic.write_text(folder / f"{name}.h", self.header)
        atomic.write_text(folder / f"{name}.c", self.source)


def written(network: Network, plan: Plan, contract: Contract) -> Sources:
    """Writes a network as C.

    Raises:
        InputError: the contract is another network's.
    """
    image, classes = network.maps[IMAGE], network.maps[-1].channels
    if contract.image_shape != image[:3] or len(contract.class_names) != classes:
        raise InputError(
            f"its input contract, for images of {contract.image_shape} and "
            f"{len(contract.class_names)} classes, does not fit the network, of {image[:3]} and "
            f"{classes}; quantize the model anew"
        )
    return Sources(_header(network, plan, contract), _Source(network, plan, contract).text())


def selftest(network: Network, images: npt.NDArray[np.int8]) -> Sources:
    """Writes a test of what `written` gives, with the outputs that NumPy computes.

    Args:
        network: the model.
        images: of shape (images, height, width, channels).

    Returns:
        spotimes_selftest.h and spotimes_selftest.c.
    """
    outputs = classify(network, images)
    text = _kernel("selftest.c").replace("@count@", str(len(images)))
    for name, values in (("pictures", images), ("outputs", outputs)):
        text = text.replace(f"@{name}@", "\n".join([*array("int8_t", name, values.ravel()), ""]))
    return Sources(_kernel("selftest.h"), text)


def names(network: Network) -> list[str]:
    """The layers' names in C, such as `conv1`."""
    return [
        f"{'dense' if is_dense(network, index) else NAMES[type(layer)]}{index + 1}"
        for index, layer in enumerate(network.layers)
    ]


def is_dense(network: Network, index: int) -> bool:
    """Whether a layer is a convolution of a single pixel, by a kernel of one."""
    layer, source = network.layers[index], network.maps[index]
    return isinstance(layer, Convolution) and (1, 1) == source[:2] == layer.window[:2]


def _header(network: Network, plan: Plan, contract: Contract) -> str:
    image = network.maps[IMAGE]
    colours = "one, grey" if contract.colour == "grey" else "three: red, green and blue"
    return (
        (KERNELS / "model.h")
        .read_text()
        .format(
            height=image.height,
            width=image.width,
            channels=image.channels,
            classes=network.maps[-1].channels,
            ram_bytes=plan.arena_bytes,
            colours=colours,
            fitted=_FITTED[contract.resize].format(height=image.height, width=image.width),
            macs=f"{network.macs:,}",
            unknown=_unknown(contract, "unknown.h"),
        )
    )


def _unknown(contract: Contract, name: str) -> str:
    """What a picture of no class is known by; nothing where the model has no limit for it."""
    if contract.unknown_below is None:
        return ""
    costs = "\n".join(array("uint8_t", "costs", COSTS))
    return _kernel(name).replace("@limit@", f"{contract.unknown_below}").replace("@costs@", costs)


_FITTED = {
    "squash": "is resized to {width} x {height} pixels, whatever its sides",
    "fit_shortest": "is resized to just cover {width} x {height} pixels, and cut to its middle",
    "fit_longest": "is resized to just fit into {width} x {height} pixels, amid black",
}


class _Source:
    """The text of spotimes_model.c."""

    def __init__(self, network: Network, plan: Plan, contract: Contract) -> None:
        self._network = network
        self._plan = plan
        self._contract = contract
        self._names = names(network)
        self._maps: dict[tuple[int, Buffer], str] = {}

    def text(self) -> str:
        """All of it."""
        constants = [self._constants(index) for index in range(len(self._network.layers))]
        steps = [self._step(number, step) for number, step in enumerate(self._plan.steps, 1)]
        calls = [
            f"    step{number}({self._arguments(step)});"
            for number, step in enumerate(self._plan.steps, 1)
        ]
        labels = [f"    {_string(name)}," for name in self._contract.class_names]
        return "\n".join(
            [
                _kernel("model.c"),
                *self._kernels("\n".join(steps)),
                *constants,
                "/* Feature maps, with their places in the arena. */",
                *(_map(self._network, name, *found) for found, name in sorted(self._maps.items())),
                "",
                *steps,
                _kernel("infer.c").replace("@calls@", "\n".join(calls)),
                "const char *const spotimes_labels[SPOTIMES_CLASSES] = {",
                *labels,
                "};",
                "",
                *filter(None, [_unknown(self._contract, "unknown.c")]),
            ]
        )

    def _kernels(self, steps: str) -> list[str]:
        layers = self._network.layers
        needed = {part for layer in layers for part in _PARTS[type(layer)]}
        for step in self._plan.steps:
            if any(isinstance(layers[index], Depthwise) for index in step.layers):
                needed.add("depthwise_plane" if step.by_channel else "depthwise_row")
        if "rows_needed(" in steps:
            needed.add("rows_needed")
        found = [_kernel("rows.c")]
        if "addition" in needed:
            found.append(f"#define ADDITION_SHIFT {ADDITION_SHIFT}\n")
        return [*found, *(_kernel(f"{part}.c") for part in _ORDER if part in needed)]

    def _constants(self, index: int) -> str:
        layer, name = self._network.layers[index], self._names[index]
        lines = [f"/* Layer {index + 1}: {self._described(index)}. */"]
        if isinstance(layer, Convolution | Depthwise):
            lines += array("int8_t", f"{name}_weights", _weights(layer))
            lines += array("int32_t", f"{name}_biases", layer.biases)
            factors = layer.scaling.factors
            lines += array("int32_t", f"{name}_multipliers", [each.multiplier for each in factors])
            lines += array("int8_t", f"{name}_shifts", [-each.shift for each in factors])
            kind = "convolution" if isinstance(layer, Convolution) else "depthwise"
            lines += [
                f"static const struct {kind} {name} = {{",
                *self._window(index, layer.window),
                *self._outputs(index, layer.scaling),
                f"    {name}_weights,",
                "};",
            ]
        elif isinstance(layer, Addition):
            lines += self._addition(index, layer)
        elif isinstance(layer, Lookup):
            lines += array("int8_t", f"{name}_table", layer.table)
        elif isinstance(layer, Mean):
            lines += self._mean(index, layer)
        else:
            lines += array("int32_t", f"{name}_exponentials", layer.exponentials)
        return "\n".join([*lines, ""])

    def _described(self, index: int) -> str:
        layer, target = self._network.layers[index], self._network.maps[index + 1]
        size = f"{target.width} x {target.height} pixels of {target.channels} channels"
        if isinstance(layer, Convolution | Depthwise):
            kernel, stride = layer.window[:2], layer.window[2:4]
            kind = "depthwise convolution" if isinstance(layer, Depthwise) else "convolution"
            if is_dense(self._network, index):
                return f"dense, to {target.channels} channels"
            strided = f", stride {stride[0]}" if max(stride) > 1 else ""
            return f"{kernel[1]} x {kernel[0]} {kind}{strided}, to {size}"
        if isinstance(layer, Addition):
            first, second = layer.sources
            return f"sum of maps {first} and {second}, {size}"
        kinds: dict[type[Layer], str] = {
            Lookup: f"rectifier, {size}",
            Mean: f"mean, to {target.channels} channels",
            Softmax: f"softmax of {target.channels} classes",
        }
        return kinds[type(layer)]

    def _window(self, index: int, window: Window) -> Iterator[str]:
        source, target = self._network.maps[index], self._network.maps[index + 1]
        yield "    {"
        yield f"        .in_height = {source.height}, .in_width = {source.width},"
        yield f"        .channels = {source.channels}, .out_width = {target.width},"
        yield f"        .height = {window.height}, .width = {window.width},"
        yield f"        .stride_y = {window.stride_y}, .stride_x = {window.stride_x},"
        yield f"        .top = {window.top}, .left = {window.left}, .zero = {source.zero_point},"
        yield "    },"

    def _outputs(self, index: int, scaling: Scaling) -> Iterator[str]:
        name, target = self._names[index], self._network.maps[index + 1]
        yield "    {"
        yield f"        {name}_biases, {name}_multipliers, {name}_shifts,"
        yield f"        .channels = {target.channels}, .zero = {target.zero_point},"
        yield f"        .lowest = {scaling.lowest}, .highest = {scaling.highest},"
        yield "    },"

    def _addition(self, index: int, layer: Addition) -> Iterator[str]:
        maps = self._network.maps
        first, second = (maps[source] for source in layer.sources)
        (terms, (result,)) = (layer.terms, layer.scaling.factors)
        yield f"static const struct addition {self._names[index]} = {{"
        yield f"    .count = {maps[index + 1].row_bytes},"
        yield f"    .zeros = {{{first.zero_point}, {second.zero_point}}},"
        yield f"    .multipliers = {{{terms[0].multiplier}, {terms[1].multiplier}}},"
        yield f"    .shifts = {{{-terms[0].shift}, {-terms[1].shift}}},"
        yield f"    .multiplier = {result.multiplier}, .shift = {-result.shift},"
        yield f"    .zero = {maps[index + 1].zero_point},"
        yield f"    .lowest = {layer.scaling.lowest}, .highest = {layer.scaling.highest},"
        yield "};"

    def _mean(self, index: int, layer: Mean) -> Iterator[str]:
        source, target = self._network.maps[index], self._network.maps[index + 1]
        (by,) = layer.scaling.factors
        yield f"static const struct mean {self._names[index]} = {{"
        yield f"    .pixels = {source.height * source.width}, .channels = {source.channels},"
        yield f"    .zero_in = {source.zero_point}, .zero_out = {target.zero_point},"
        yield f"    .multiplier = {by.multiplier}, .shift = {-by.shift},"
        yield "};"

    def _step(self, number: int, step: Step) -> str:
        first, last = self._names[step.layers[0]], self._names[step.layers[-1]]
        lines = []
        if step.moved_from is not None:
            buffer = step.maps[step.layers.start]
            lines = [
                f"    memmove(arena_at({buffer.offset}), arena_at({step.moved_from}), "
                f"{buffer.bytes});"
            ]
        layer = self._network.layers[step.layers.start]
        if isinstance(layer, Mean | Softmax) or step.by_channel:
            where = ", in place, channel by channel" if step.by_channel else ""
            comment = f"/* {first}{where}. */"
            lines += self._whole(step, layer)
        else:
            which = f"{first} to {last}, row by row" if first != last else first
            comment = f"/* {which}{', over the input' if step.is_over_its_source else ''}. */"
            lines += self._by_rows(step)
        return "\n".join(
            [comment, f"static void step{number}({self._parameters(step)})", "{", *lines, "}", ""]
        )

    def _whole(self, step: Step, layer: Layer) -> Iterator[str]:
        index = step.layers.start
        name = self._names[index]
        source = self._map(step, index)
        if isinstance(layer, Softmax):
            count = len(layer.exponentials)
            yield f"    softmax({name}_exponentials, {count}, row_of(&{source}, 0),"
            yield f"            SPOTIMES_CLASSES, {self._row(step, index + 1, '0')});"
        elif isinstance(layer, Mean):
            target = self._row(step, index + 1, "0")
            yield f"    average(&{name}, row_of(&{source}, 0), {target});"
        else:
            assert step.scratch is not None
            height = self._network.maps[index + 1].height
            copies = f"arena_at({step.scratch.offset})"
            yield f"    filter_in_place(&{name}, &{source}, {height}, {copies});"

    def _by_rows(self, step: Step) -> list[str]:
        first, end = step.layers.start, step.layers.stop
        inner = range(first if first == IMAGE else first + 1, end)
        counters = [*(f"y{index} = 0" for index in inner), f"y{end}"]
        lines = [f"    int32_t {', '.join(counters)};"]
        if step.scratch is not None:
            lines.append(f"    int8_t *const copies = arena_at({step.scratch.offset});")
        height = self._network.maps[end].height
        header = f"for (y{end} = 0; y{end} < {height}; ++y{end}) {{"
        return [*lines, "", *_indented(self._loop(step, end - 1, header))]

    def _loop(self, step: Step, index: int, header: str) -> list[str]:
        """The loop that computes rows of a layer's output, and within it those of its input."""
        layer, y = self._network.layers[index], f"y{index + 1}"
        body: list[str] = []
        if isinstance(layer, Convolution | Depthwise):
            until = f"y{index} < rows_needed(&{self._names[index]}.window, {y})"
        else:
            until = f"y{index} <= {y}"
        before = f"for (; {until}; ++y{index}) {{"
        if index > step.layers.start:
            body = self._loop(step, index - 1, before)
        elif index == IMAGE:
            row = self._row(step, IMAGE, "y0")
            body = [before, *_indented([f"read_row(context, y0, {row});"]), "}"]
        return [header, *_indented([*body, self._call(step, index, y)]), "}"]

    def _call(self, step: Step, index: int, y: str) -> str:
        layer, name = self._network.layers[index], self._names[index]
        target = self._row(step, index + 1, y)
        if isinstance(layer, Convolution):
            return f"convolve(&{name}, &{self._map(step, index)}, {y}, {target}, copies);"
        if isinstance(layer, Depthwise):
            return f"filter_row(&{name}, &{self._map(step, index)}, {y}, {target}, copies);"
        sources = ", ".join(self._row(step, source, y) for source in layer.sources)
        if isinstance(layer, Addition):
            return f"add_row(&{name}, {sources}, {target});"
        count = self._network.maps[index].row_bytes
        return f"look_up_row({name}_table, {sources}, {count}, {target});"

    def _row(self, step: Step, index: int, y: str) -> str:
        if index == len(self._network.layers):
            return "output"
        return f"row_of(&{self._map(step, index)}, {y})"

    def _map(self, step: Step, index: int) -> str:
        """The name of a map where it lies in a step; another place gives it another name."""
        found = index, step.maps[index]
        if found not in self._maps:
            others = sum(1 for other, _ in self._maps if other == index)
            name = "image" if index == IMAGE else f"map{index}"
            self._maps[found] = name + "_moved" * others
        return self._maps[found]

    def _parameters(self, step: Step) -> str:
        parameters = []
        if step.layers.start == IMAGE:
            parameters += ["spotimes_row_reader read_row", "void *context"]
        if step.layers.stop == len(self._network.layers):
            parameters.append("int8_t *output")
        return ", ".join(parameters) or "void"

    def _arguments(self, step: Step) -> str:
        parameters = self._parameters(step)
        if parameters == "void":
            return ""
        return ", ".join(each.split()[-1].lstrip("*") for each in parameters.split(", "))


def _weights(layer: Convolution | Depthwise) -> npt.NDArray[np.int8]:
    """In the order in which the kernels read them; a depthwise one, column by column."""
    if isinstance(layer, Depthwise):
        return layer.weights.transpose(2, 1, 0).ravel()
    return layer.weights.ravel()


def _kernel(name: str) -> str:
    return (KERNELS / name).read_text()


def _map(network: Network, name: str, index: int, buffer: Buffer) -> str:
    row_bytes = network.maps[index].row_bytes
    return f"static const struct map {name} = {{{buffer.offset}, {row_bytes}, {buffer.rows}}};"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def array(
    kind: str, name: str, values: Sequence[int] | npt.NDArray[Any], *, is_static: bool = True
) -> list[str]:
    """The lines of a constant array."""
    lines, line = [], "   "
    for value in np.asarray(values).tolist():
        if len(line) + len(f" {value},") > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {value},"
    linkage = "static " if is_static else ""
    return [f"{linkage}const {kind} {name}[{len(values)}] = {{", *lines, line, "};"]


def _string(text: str) -> str:
    """A string of C: what is not plain ASCII, or could be a trigraph, in octal."""
    plain = {*range(32, 127)} - set(b'"\\?')
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode()) + '"'
