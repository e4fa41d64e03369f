"""Where feature maps lie while a network is computed, so that it takes little RAM.

A plan divides the layers into steps. A step reads one feature map that is there as a whole and
writes one; the maps between its layers are never there as a whole: of each only the rows are kept
that are read again. What a step writes may lie over what it has read already: its target begins
`lag` bytes before its source. Of all divisions the one whose largest step is smallest is taken.

    step 1  image -> conv -> conv -> conv -> conv -> map 4      by rows
    step 2  map 4 -> depthwise -> map 5                         in place, by channels
    step 3  map 5 -> pointwise -> map 6                         over its input, by pixels
"""

from collections.abc import Iterator
from typing import NamedTuple

from spotimes.export.graph import (
    Addition,
    Convolution,
    Depthwise,
    Layer,
    Lookup,
    Mean,
    Network,
    Softmax,
)

IMAGE = 0  # the map that the caller has
ALIGNMENT = 4  # the arena is a whole number of words


class Buffer(NamedTuple):
    """A part of the arena.

    Attributes:
        offset: where it begins, in bytes.
        rows: of a feature map, how many are kept; row y lies where row y - rows lay. 0 for what is
            no map.
        bytes: how long it is.
    """

    offset: int
    rows: int
    bytes: int

    @property
    def end(self) -> int:
        """Where it ends, in bytes."""
        return self.offset + self.bytes


class Step(NamedTuple):
    """A step of a plan.

    Attributes:
        layers: the indices of its layers.
        by_channel: its layer, a depthwise convolution, is computed channel by channel in place.
        maps: the buffer of each feature map that it reads or writes, by index, but for the output,
            which the caller has.
        scratch: the buffer for an output pixel's inputs, or for a channel's; None if it needs none.
        moved_from: where the step before left the source, if that is elsewhere, in bytes.
    """

    layers: range
    by_channel: bool
    maps: dict[int, Buffer]
    scratch: Buffer | None
    moved_from: int | None = None

    @property
    def is_over_its_source(self) -> bool:
        """Whether its target lies over a part of its source."""
        source, target = (self.maps.get(index) for index in (self.layers.start, self.layers.stop))
        if source is None or target is None:
            return False
        return source.offset < target.end and target.offset < source.end

    @property
    def buffers(self) -> list[Buffer]:
        """All of them."""
        return [*self.maps.values(), *([self.scratch] if self.scratch else [])]

    @property
    def bytes(self) -> int:
        """How many bytes of the arena are in use; what overlaps counts once."""
        used, end = 0, 0
        for buffer in sorted(self.buffers):
            used += max(buffer.end, end) - max(buffer.offset, end)
            end = max(buffer.end, end)
        return used


class Plan(NamedTuple):
    """All steps of an inference.

    Attributes:
        steps: in their order.
        arena_bytes: the RAM that they take, without the caller's image and output, and the stack.
    """

    steps: list[Step]
    arena_bytes: int


class _Need(NamedTuple):
    """What a step needs, before it has a place.

    Attributes:
        layers: the indices of its layers.
        by_channel: as in `Step`.
        lag: by how many bytes the target must begin before the source.
        source: bytes of the source in the arena.
        target: of the target in the arena.
        rows: how many rows of each map in between are kept, by its index.
        scratch: bytes of the scratch buffer.
        total: bytes of all this.
    """

    layers: range
    by_channel: bool
    lag: int
    source: int
    target: int
    rows: dict[int, int]
    scratch: int
    total: int


def plan(network: Network) -> Plan:
    """Divides a network into the steps that need the least RAM."""
    needs = _divided(network)
    size = _aligned(max(need.total for need in needs))
    steps: list[Step] = []
    wanted = 0  # where the next step, which is placed before this one, wants its source
    for need in reversed(needs):
        step = _placed(network, need, wanted, size)
        if step is None:  # the next one has to move it
            steps[-1] = steps[-1]._replace(moved_from=0)
            step = _placed(network, need, 0, size)
            assert step is not None
        steps.append(step)
        source = step.maps.get(step.layers.start)
        wanted = 0 if source is None else source.offset
    return Plan(steps[::-1], size)


def first_row(layer: Layer, y: int) -> int:
    """The first row of its input that a layer reads for row y of its output."""
    if isinstance(layer, Convolution | Depthwise):
        return max(y * layer.window.stride_y - layer.window.top, 0)
    return y


def end_row(layer: Layer, y: int, height: int) -> int:
    """The row behind the last one that a layer reads for row y of its output.

    Args:
        layer: it.
        y: a row of its output.
        height: of its input.
    """
    if isinstance(layer, Convolution | Depthwise):
        return min(y * layer.window.stride_y - layer.window.top + layer.window.height, height)
    return y + 1


def _divided(network: Network) -> list[_Need]:
    """The division into steps whose largest is smallest; of equals, the one of the least RAM."""
    cuts = [0, *_cuts(network)]
    best: dict[int, tuple[tuple[int, int], list[_Need]]] = {0: ((0, 0), [])}
    for end in cuts[1:]:
        found = []
        for start in (cut for cut in cuts if cut < end):
            for need in _needs(network, range(start, end)):
                (largest, area), before = best[start]
                rank = (max(largest, need.total), area + need.total * (end - start))
                found.append((rank, [*before, need]))
        best[end] = min(found, key=lambda candidate: candidate[0])
    return best[cuts[-1]][1]


def _cuts(network: Network) -> Iterator[int]:
    """The layers behind which one map is all that later ones read."""
    count = len(network.layers)
    for end in range(1, count + 1):
        later = network.layers[end:]
        if all(source >= end for layer in later for source in layer.sources):
            yield end


def _needs(network: Network, layers: range) -> Iterator[_Need]:
    """The ways in which these layers can be one step."""
    only = network.layers[layers.start]
    if len(layers) == 1 and isinstance(only, Mean | Softmax):
        yield _need(network, layers, 0, {}, 0)
    elif any(isinstance(network.layers[index], Mean | Softmax) for index in layers):
        return
    else:
        flow = _Flow(network, layers)
        scratch = max(_copied(network, index) for index in layers)
        if layers.start == IMAGE:
            flow.rows[IMAGE] = flow.source_rows
        lag = flow.lag
        if len(layers) == 1 and isinstance(only, Convolution) and only.window[:4] == (1, 1, 1, 1):
            lag = _pointwise_lag(network, layers.start)
        yield _need(network, layers, lag, flow.rows, scratch)
        if len(layers) == 1 and isinstance(only, Depthwise) and layers.start != IMAGE:
            scratch += (network.maps[layers.stop].height - 1) * only.window.stride_y
            yield _need(network, layers, 0, {}, scratch, by_channel=True)


def _need(
    network: Network,
    layers: range,
    lag: int,
    rows: dict[int, int],
    scratch: int,
    *,
    by_channel: bool = False,
) -> _Need:
    source = 0 if layers.start == IMAGE else network.maps[layers.start].bytes
    is_last = layers.stop == len(network.layers)
    target = 0 if is_last else network.maps[layers.stop].bytes
    lag = min(lag, target) if source else 0
    between = sum(network.maps[index].row_bytes * count for index, count in rows.items())
    total = max(lag + source, target) + between + scratch
    return _Need(layers, by_channel, lag, source, target, rows, scratch, total)


def _copied(network: Network, index: int) -> int:
    """Bytes of the inputs that a layer copies before it computes with them.

    Of a convolution they are those of two output pixels; of a depthwise one, a channel of the rows
    that a row of its output is made of, with their padding.
    """
    layer = network.layers[index]
    if isinstance(layer, Convolution):
        return 2 * int(layer.weights[0].size)
    if isinstance(layer, Depthwise):
        window = layer.window
        return window.height * _padded(network.maps[index + 1].width, window.width, window.stride_x)
    return 0


def _padded(outputs: int, side: int, stride: int) -> int:
    """How much of its input, padding included, so many outputs are made of, along one axis."""
    return (outputs - 1) * stride + side


def _pointwise_lag(network: Network, index: int) -> int:
    """As a pixel is copied before its output is written, only those before it must fit."""
    source, target = network.maps[index], network.maps[index + 1]
    pixels = source.height * source.width
    return max((pixels - 1) * (target.channels - source.channels), 0)


class _Flow:
    """Layers computed row by row, each row as late as it can be.

    Attributes:
        rows: how many rows of each map between the layers must be kept, by its index.
        source_rows: likewise of the source, were it to come row by row.
        lag: by how many bytes the target must begin before the source to overwrite nothing that is
            still read.
    """

    def __init__(self, network: Network, layers: range) -> None:
        self._network = network
        self._layers = layers
        self._done = dict.fromkeys([layers.start, *(index + 1 for index in layers)], 0)
        self._readers = {
            index: [reader for reader in layers if index in network.layers[reader].sources]
            for index in self._done
        }
        self.rows = dict.fromkeys(list(self._done)[1:-1], 1)
        self.source_rows = 1
        self.lag = 0
        self._pull(layers.stop, network.maps[layers.stop].height)

    def _pull(self, target: int, until: int) -> None:
        """Computes rows of a map, until there are as many."""
        while self._done[target] < until:
            if target == self._layers.start:
                self.source_rows = max(self.source_rows, self._kept(target))
            else:
                self._compute_row(target)
            self._done[target] += 1

    def _compute_row(self, target: int) -> None:
        index, y = target - 1, self._done[target]
        layer = self._network.layers[index]
        self._pull(index, end_row(layer, y, self._network.maps[index].height))
        if target != self._layers.stop:
            self.rows[target] = max(self.rows[target], self._kept(target))
            return
        source, written = self._network.maps[self._layers.start], self._network.maps[target]
        oldest = self._oldest(self._layers.start)
        if isinstance(layer, Addition | Lookup) and self._layers.start in layer.sources:
            # It reads a byte of this row before it writes the same.
            oldest = self._oldest(self._layers.start, but=index)
            oldest = y + 1 if oldest is None else min(oldest, y + 1)
        if oldest is not None and oldest < source.height:
            self.lag = max(self.lag, (y + 1) * written.row_bytes - oldest * source.row_bytes)

    def _kept(self, target: int) -> int:
        """How many rows of a map are needed as its next one is written."""
        oldest = self._oldest(target)
        return 1 if oldest is None else self._done[target] - oldest + 1

    def _oldest(self, target: int, but: int | None = None) -> int | None:
        """The first row of a map that a layer has yet to read; None if there is none."""
        rows = [
            first_row(self._network.layers[reader], self._done[reader + 1])
            for reader in self._readers[target]
            if reader != but and self._done[reader + 1] < self._network.maps[reader + 1].height
        ]
        return min(rows, default=None)


def _placed(network: Network, need: _Need, target_offset: int, size: int) -> Step | None:
    """A step with its target there; None if what else it needs does not fit around it."""
    first, end = need.layers.start, need.layers.stop
    maps: dict[int, Buffer] = {}
    if need.source:
        source = network.maps[first]
        maps[first] = Buffer(target_offset + need.lag, source.height, need.source)
    if need.target:
        maps[end] = Buffer(target_offset, network.maps[end].height, need.target)
    top = max((buffer.end for buffer in maps.values()), default=target_offset)
    if top > size:
        return None
    gaps = [[0, target_offset], [top, size]] if maps else [[0, size]]
    scratch = None
    wanted = [(network.maps[index].row_bytes * rows, index) for index, rows in need.rows.items()]
    for count, index in sorted([*wanted, *([(need.scratch, -1)] if need.scratch else [])])[::-1]:
        gap = next((gap for gap in gaps if gap[1] - gap[0] >= count), None)
        if gap is None:
            return None
        if index < 0:
            scratch = Buffer(gap[0], 0, count)
        else:
            maps[index] = Buffer(gap[0], need.rows[index], count)
        gap[0] += count
    return Step(need.layers, need.by_channel, dict(sorted(maps.items())), scratch)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
