"""`python -m spotimes.params`: checks all of params.yaml, before the hours that a run may take."""

from spotimes.params.benchmark import Benchmark
from spotimes.params.compare import Compare
from spotimes.params.decoder import Decoder
from spotimes.params.evaluate import Evaluate
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.prepare import Prepare
from spotimes.params.quantize import Quantize
from spotimes.params.runtime import Runtime
from spotimes.params.search import Search
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.system import command
from spotimes.system.validation import Frozen

KINDS: dict[str, type[Frozen]] = {
    "versions": Versions,
    "runtime": Runtime,
    "decoder": Decoder,
    "prepare": Prepare,
    "network": Network,
    "train": Train,
    "quantize": Quantize,
    "benchmark": Benchmark,
    "evaluate": Evaluate,
    "search": Search,
    "compare": Compare,
}


def main() -> None:
    """Checks every group."""
    for name, kind in KINDS.items():
        load_group(name, kind)


if __name__ == "__main__":
    command.run("params", main)
