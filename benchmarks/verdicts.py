"""How often make compare's verdict on latency is correct: models whose difference is known.

    python -m benchmarks.verdicts --times 40
    python -m benchmarks.verdicts --times 10 --wider 16

Compares params.yaml's network, converted untrained, with itself, or with one whose last block has
more channels, again and again as make compare does, and counts the verdicts. The ratio that is
printed is the median over all comparisons. With --busy another process keeps a core busy.
Takes half a minute a comparison at most.
"""

import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spotimes import usage
from spotimes.compare import paired_latency, verdict
from spotimes.dataset.prepared import load_backbone, load_card, load_split
from spotimes.errors import InputError
from spotimes.inference.contract import Contract
from spotimes.nn.architecture import architecture
from spotimes.params.compare import Compare
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.search import architecture_cost
from spotimes.system import command


def main() -> None:
    """Compares, and prints the verdicts."""
    parser = usage.parser("benchmarks.verdicts", __doc__, "python -m benchmarks.verdicts")
    parser.add_argument("--times", type=int, default=40, help="comparisons (40)")
    parser.add_argument("--wider", type=int, default=0, help="channels more in the last block (0)")
    parser.add_argument("--busy", action="store_true", help="keep another core busy")
    arguments = parser.parse_args()
    if arguments.times < 1 or arguments.wider < 0:
        raise InputError("--times is to be 1 or more, and --wider 0 or more")
    params = load_group("compare", Compare)
    network = architecture(load_group("network", Network), load_backbone())
    card, shape = load_card(), load_split("test").images.shape[1:]
    contract = Contract.of(
        card.class_names,
        shape,
        card.resize,
        network.normalization,
        chosen_range=card.range,
    )
    last = network.blocks[-1]
    wide = last.model_copy(update={"channels": last.channels + arguments.wider})
    other = network._replace(blocks=[*network.blocks[:-1], wide])
    outcomes: Counter[str] = Counter()
    ratios, seconds = [], []
    with tempfile.TemporaryDirectory() as folder, busy(arguments.busy):
        first, second = Path(folder) / "first.tflite", Path(folder) / "second.tflite"
        first.write_bytes(architecture_cost.untrained(network, contract))
        second.write_bytes(architecture_cost.untrained(other, contract))
        for _ in tqdm(range(arguments.times), desc="comparing"):
            begin = time.monotonic()
            ratio = paired_latency.measure(first, second, params.timing).ratio
            seconds.append(time.monotonic() - begin)
            ratios.append(ratio.median)
            outcomes[verdict.of_latency(ratio, params.smallest_ratio).outcome.value] += 1
    print(
        f"{arguments.times} comparisons of {np.median(seconds):.0f} s (at most {max(seconds):.0f}),"
        f" ratio {np.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    for outcome, count in outcomes.most_common():
        print(f"{count:4} {outcome}")


@contextmanager
def busy(really: bool) -> Iterator[None]:
    """Keeps a core busy while the block runs."""
    if not really:
        yield
        return
    process = multiprocessing.Process(target=_spin, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _spin() -> None:
    values = np.random.default_rng(0).random(1 << 20)
    while True:
        values = np.sqrt(values)


if __name__ == "__main__":
    command.run("verdicts", main)
