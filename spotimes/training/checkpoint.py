"""A training run's state on disk, so that a killed run goes on where its last epoch ended."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spotimes.system import atomic

Arrays = dict[str, npt.NDArray[Any]]


class Checkpoint:
    """One file, rewritten whole; another run's state in it is never taken up.

    Args:
        path: the file.
        key: what the run's bytes depend on (params, data, code, machine) as one string. A state
            that was saved under another key is not this run's.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.key = key

    def save(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Replaces the state: arrays of any dtype, and what JSON can hold."""
        with atomic.replacing(self.path) as beside, beside.open("wb") as stream:
            text = json.dumps({"key": self.key, "arrays": sorted(arrays), **facts})
            np.savez(stream, allow_pickle=False, _facts=np.array(text), **arrays)

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Reads the state back; None if there is none, or another run's, or a damaged one."""
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as archive:
                arrays = dict(archive)
                facts = json.loads(str(arrays.pop("_facts")))
            whole = facts.pop("key") == self.key and facts.pop("arrays") == sorted(arrays)
        except Exception:  # a damaged archive raises whatever its damaged part makes Python raise
            return None
        return (arrays, facts) if whole else None

    def remove(self) -> None:
        """Forgets the state, once the run's results are written."""
        self.path.unlink(missing_ok=True)
