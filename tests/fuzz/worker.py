"""A process that gives a target one input after another; `python -m tests.fuzz` starts it.

It says what it is at in a file that its parent sees, too, so that an input is known that ends the
process. What raises an exception it records itself.
"""

import argparse
import faulthandler
import hashlib
import importlib
import importlib.util
import logging
import mmap
import resource
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from tests.fuzz import promise
from tests.fuzz.target import Target
from tests.project import ROOT

TARGETS = ("pictures", "tflite_files", "labels_csv", "params_yaml", "http_requests")
CORPUS = Path(__file__).parent / "corpus"
ENGINES = ("hypothesis", "atheris")
LONGEST_INPUT = 2**23
HEAD = struct.Struct("<QQdQ")  # executions, findings, when the input began or 0, its length
STATE_BYTES = HEAD.size + LONGEST_INPUT
AT_ONCE = 400  # examples of a run of Hypothesis, whose next begins with another seed
EXAMPLES = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)


class State(NamedTuple):
    """What a worker is at.

    Attributes:
        executions: inputs that it began with.
        findings: what it recorded.
        since: when the last input began, as `time.monotonic` says; 0 if it is done with it.
        content: the last input.
    """

    executions: int
    findings: int
    since: float
    content: bytes

    @classmethod
    def read(cls, file: Path) -> "State":
        """What a file of `Worker` says."""
        raw = file.read_bytes()
        executions, findings, since, length = HEAD.unpack_from(raw)
        return cls(executions, findings, since, raw[HEAD.size : HEAD.size + length])


class Worker:
    """Runs inputs, and records those that break the promise, each kind of break once.

    Args:
        target: what reads them.
        check: its check.
        state: a file of `STATE_BYTES`.
        end: as `time.monotonic` says; inputs after it are skipped.
        executions: likewise, their count.
    """

    def __init__(
        self, target: Target, check: Callable[[bytes], None], state: Path, end: float, most: int
    ) -> None:
        self.target, self.check, self.end, self.most = target, check, end, most
        with state.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), STATE_BYTES)
        self._counts = [*HEAD.unpack_from(self._shared)[:2]]
        self._known: set[str] = set()
        self.found: dict[str, tuple[bytes, str]] = {}  # in the current run, the shortest of a kind

    @property
    def over(self) -> bool:
        """Whether nothing more is to be run."""
        return time.monotonic() > self.end or self._counts[0] >= self.most

    def run(self, content: bytes) -> None:
        """Runs an input.

        Raises:
            Exception: of a kind that was not recorded yet.
        """
        if self.over or len(content) > LONGEST_INPUT:
            return
        self._counts[0] += 1
        self._say(content, time.monotonic())
        try:
            promise.keep(self.check, content)
        except Exception as error:
            kind = _kind(error)
            if kind in self._known:
                return
            shortest, _ = self.found.get(kind, (content, ""))
            if len(content) <= len(shortest):
                self.found[kind] = content, "".join(traceback.format_exception(error))
            raise
        finally:
            self._say(b"", 0)

    def record(self) -> None:
        """Writes what was found since the last call into the corpus."""
        for kind, (content, text) in self.found.items():
            self._known.add(kind)
            self._counts[1] += 1
            record(self.target, content, text)
        self.found.clear()
        self._say(b"", 0)

    def _say(self, content: bytes, since: float) -> None:
        end = HEAD.size + len(content)
        self._shared[HEAD.size : end] = content
        HEAD.pack_into(self._shared, 0, *self._counts, since, len(content))


def record(target: Target, content: bytes, text: str) -> Path:
    """Writes a finding into the corpus, and prints how to reproduce it."""
    digest = hashlib.sha256(content).hexdigest()[:10]
    path = CORPUS / target.name / f"found-{digest}{target.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    last = text.strip().splitlines()[-1] if text.strip() else "?"
    print(f"FOUND in {target.name}: {last[:300]}\n  python -m tests.fuzz {path.relative_to(ROOT)}")
    sys.stdout.flush()
    return path


def load(name: str) -> Target:
    """The target of a name."""
    target: Target = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    return target


def has_atheris() -> bool:
    """Whether Atheris is installed; it has no wheel for every system."""
    return importlib.util.find_spec("atheris") is not None


def limit_memory() -> None:
    """Ends the process, or makes it raise MemoryError, rather than this machine."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + 2 * promise.MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def _kind(error: BaseException) -> str:
    """What tells a defect from others: its type, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}"


def _with_hypothesis(worker: Worker, number: int) -> None:
    inputs = worker.target.inputs()
    while not worker.over:

        @seed(number)
        @settings(EXAMPLES, max_examples=AT_ONCE)
        @given(inputs)
        def examples(content: bytes) -> None:
            worker.run(content)

        try:
            examples()
        except Exception:
            if not worker.found:  # it is none of the target's
                raise
        worker.record()
        number += 1


def _with_atheris(worker: Worker, number: int, folder: Path, seconds: float) -> None:
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415

    seeds = folder / "seeds"
    seeds.mkdir()
    for place, content in enumerate(worker.target.seeds()):
        (seeds / f"{place}").write_bytes(content)
    kept = CORPUS / worker.target.name

    def one_input(content: bytes) -> None:
        try:
            worker.run(content)
        except Exception:
            worker.record()

    options: dict[str, Any] = {
        "seed": number or 1,
        "max_total_time": max(1, int(seconds)),
        "max_len": 2**17,
    }
    options |= {"rss_limit_mb": 0, "timeout": 10**6, "verbosity": 0, "print_final_stats": 0}
    options |= {"artifact_prefix": f"{folder}/"}
    options |= {"runs": worker.most if worker.most < 2**31 else -1}
    arguments = [f"-{name}={value}" for name, value in options.items()]
    folders = [str(each) for each in (seeds, kept) if each.is_dir()]
    atheris.Setup(["fuzz", *arguments, *folders], one_input)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--executions", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments: Any = parser.parse_args()
    faulthandler.enable()
    logging.disable(logging.CRITICAL)
    if arguments.engine == "atheris":
        import atheris  # noqa: PLC0415

        with atheris.instrument_imports(include=["spotimes", "app", "PIL", "ruamel", "zipfile"]):
            target = load(arguments.target)
    else:
        target = load(arguments.target)
    (arguments.folder / "work").mkdir()
    with target.checking(arguments.folder / "work") as check:
        end = time.monotonic() + arguments.seconds
        worker = Worker(target, check, arguments.state, end, arguments.executions)
        limit_memory()
        if arguments.engine == "atheris":
            _with_atheris(worker, arguments.seed, arguments.folder, arguments.seconds)
        else:
            _with_hypothesis(worker, arguments.seed)


if __name__ == "__main__":
    main()
