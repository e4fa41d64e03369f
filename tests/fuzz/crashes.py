"""What damaged copies of the committed model do to the runtime, without verification and with it.

    python -m tests.fuzz.crashes [--files N] [--seed S]

Each copy is run twice, in a process of its own: by LiteRT alone, and by `load_interpreter`.
"""

import argparse
import collections
import itertools
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from spotimes.errors import InputError
from spotimes.inference.interpreter import invoke, load_interpreter
from spotimes.system import native_stderr
from tests.app.models import MODEL
from tests.fuzz.targets.tflite_files import CHANGE, Model

SECONDS = 10  # for a copy, which takes less than 0.1
MOST_CHANGES = 4  # of a copy
RUN, REFUSED = 0, 3  # statuses


def copies(content: bytes, first: int) -> Iterator[bytes]:
    """Copies of a model, by turns with bytes changed and with fields changed."""
    model = Model(content)
    for seed in itertools.count(first):
        generator = random.Random(seed)
        count = generator.randint(1, MOST_CHANGES)
        if seed % 2:
            copy = model.with_changes(generator.randbytes(CHANGE.size * count))
        else:
            changed = bytearray(content)
            for _ in range(count):
                changed[generator.randrange(len(changed))] = generator.randrange(256)
            copy = bytes(changed)
        if copy:
            yield copy


def outcome(run: Callable[[Path], None], path: Path) -> str:
    """What becomes of a process that runs a file: run, refused, a signal's name or hung."""
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)
        with native_stderr.captured():
            try:
                run(path)
            except (InputError, ValueError, RuntimeError):
                os._exit(REFUSED)
            except BaseException:
                os._exit(1)
            os._exit(RUN)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "hung" if number == signal.SIGALRM else signal.Signals(number).name
    return {RUN: "run", REFUSED: "refused"}.get(os.WEXITSTATUS(status), "another exception")


def alone(path: Path) -> None:
    """Runs a file as LiteRT's documentation says."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.invoke()


def verified(path: Path) -> None:
    """Runs a file as the project does."""
    invoke(load_interpreter(path), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first (0)")
    arguments = parser.parse_args()
    counts = {run.__name__: collections.Counter[str]() for run in (alone, verified)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        for copy in itertools.islice(copies(MODEL.read_bytes(), arguments.seed), arguments.files):
            path.write_bytes(copy)
            for run in (alone, verified):
                counts[run.__name__][outcome(run, path)] += 1
    for name, count in counts.items():
        print(f"{name:9}", ", ".join(f"{what} {number:,}" for what, number in count.most_common()))
    sys.exit(not set(counts["verified"]) <= {"run", "refused"})


if __name__ == "__main__":
    main()
