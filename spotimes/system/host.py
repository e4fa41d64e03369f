"""This machine's CPU, as far as floating-point results and latency depend on it."""

import platform
from collections.abc import Mapping
from pathlib import Path

import psutil

from spotimes.system import cores

# The instruction sets that TensorFlow, XNNPACK and NumPy choose their kernels by.
ISA = (
    "sse4_2",
    "avx",
    "fma",
    "f16c",
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
    "sve",
)
# The fields that identify the kind of CPU, on x86-64 and then on ARM.
FAMILY = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
# What a fingerprint has of the machine, each with its key in `describe`.
OF_A_MACHINE = {"cpu": "family", "isa": "isa", "caches_kib": "caches_kib", "system": "system"}


def describe() -> dict[str, object]:
    """Describes the CPU and the system.

    Returns:
        Keys `cpu`, `family` (vendor and model numbers), `isa`, `caches_kib` by level,
        `cores` (logical), `memory_gib`, `system`. What a system does not report is empty.
    """
    info = _cpuinfo()
    flags = set(f"{info.get('flags', '')} {info.get('Features', '')}".split())
    return {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "family": " ".join(info[key] for key in FAMILY if key in info),
        "isa": " ".join(name for name in ISA if name in flags),
        "caches_kib": _caches_kib(),
        "cores": psutil.cpu_count() or 0,
        "cores_allowed": cores.allowed(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
    }


def fingerprint(versions: Mapping[str, str | None], threads: int) -> dict[str, object]:
    """Describes all that trained bytes depend on, except what the repository holds.

    Args:
        versions: of the packages, by name.
        threads: of TensorFlow.

    Returns:
        The keys of `OF_A_MACHINE`, `threads` and `versions`. Where all are equal, training gives
        the same bytes.
    """
    machine = describe()
    of_it = {name: machine[key] for name, key in OF_A_MACHINE.items()}
    return {**of_it, "threads": threads, "versions": dict(versions)}


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; empty where there is none."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0]
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _caches_kib() -> dict[str, int]:
    sizes: dict[str, int] = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = (
                (index / name).read_text(encoding="utf-8").strip()
                for name in ("level", "type", "size")
            )
        except OSError:  # some virtual machines report a cache without its size
            continue
        if kind != "Instruction":
            sizes[f"L{level}"] = int(size.removesuffix("K"))
    return sizes
