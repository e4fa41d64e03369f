"""Tasks for `spotimes.ingestion.processes`, in a module that its processes can import."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Task:
    """One that takes some time, and tells which tasks it saw at work meanwhile."""

    number: int
    seconds: float = 0
    pixels: int = 0
    folder: Path | None = None

    @property
    def where(self) -> str:
        return f"task {self.number}"

    def run(self) -> tuple[int, int, list[int]]:
        seen: set[int] = set()
        if self.folder:
            own = self.folder / str(self.number)
            own.touch()
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                seen |= {int(path.name) for path in self.folder.iterdir()}
            own.unlink()
        else:
            time.sleep(self.seconds)
        return self.number, os.getpid(), sorted(seen)


class Faulty(Task):
    """One with a defect."""

    def run(self) -> tuple[int, int, list[int]]:
        raise ValueError("a defect")


@dataclass(frozen=True, kw_only=True)
class Deadly(Task):
    """One that ends the process which runs it."""

    by: int = signal.SIGKILL

    def run(self) -> tuple[int, int, list[int]]:
        os.kill(os.getpid(), self.by)
        return super().run()
