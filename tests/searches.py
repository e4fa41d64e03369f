"""Small searches; in the current folder by default."""

from pathlib import Path
from typing import Any

from spotimes.params.search import Limits
from spotimes.system.validation import load_yaml
from tests.project import ROOT
from tests.repository import save_params

COMMITTED = load_yaml(ROOT / "params.yaml")
LIMITS = tuple(Limits.model_fields)
SPACE = [
    {"kind": ["conv"], "channels": [4, 6, 8, 64], "stride": 2, "kernel": [3], "repeats": [1]},
    {
        "kind": ["conv", "separable"],
        "channels": [8, 12, 16],
        "stride": 2,
        "kernel": [3],
        "repeats": [1, 2],
    },
]


def write_reference(int8: bytes, folder: Path = Path()) -> None:
    """Writes a model whose latency is compared with, and makes the folder of the record."""
    (folder / "metrics").mkdir()
    (folder / "reference.tflite").write_bytes(int8)


def write_params(
    network: dict[str, Any] = COMMITTED["network"],
    folder: Path = Path(),
    threads: int = 2,
    **changes: Any,
) -> None:
    """Writes params.yaml, with changes to its group `search`."""
    group = {
        "space": SPACE,
        "limits": {
            "bytes": 12_000,
            "arena_bytes": None,
            "c_ram_bytes": None,
            "c_instructions": None,
            "macs": None,
            "latency_ratio": None,
        },
        "reference": "reference.tflite",
        "storage": None,
        "trials": 3,
        "proposals": 100,
        "random_proposals": 4,
        "unpruned_trials": 2,
        "epochs": 3,
        "validation_fraction": 0.2,
        "seed": 1,
    }
    params = {
        **{name: COMMITTED[name] for name in ("versions", "runtime")},
        "network": network,
        "train": COMMITTED["train"] | {"batch_size": 32, "threads": threads},
        "search": group | changes,
    }
    save_params(params, folder)
