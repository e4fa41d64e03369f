"""How many cores this process may use, which can be fewer than the machine has."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUPS = "/sys/fs/cgroup"


def allowed() -> int:
    """The cores that the process' affinity and its control groups' CPU quotas leave it.

    Returns:
        At least 1. Of a quota of a core and a half it is 1, as a second thread would be halted half
        of the time.
    """
    # Only some systems have an affinity.
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, min([cores, *map(int, _quotas())]))


def at_most_allowed(threads: int, where: str, then: str) -> int:
    """As many threads as cores are allowed, if `threads` are more.

    More threads than cores wait for each other: an inference that takes one thread 29 us took eight
    on one core 1,300. So a line on standard error says so.

    Args:
        threads: how many are asked for.
        where: they are, such as "params.yaml: benchmark.threads".
        then: what happens if they are more, the end of the line.
    """
    cores = allowed()
    if threads > cores:
        allowance = "1 core" if cores == 1 else f"{cores} cores"
        text = f"{where}: {threads} is more than the {allowance} that this process may use; {then}"
        print(text, file=sys.stderr, flush=True)
    return min(threads, cores)


def _quotas() -> Iterator[float]:
    """In cores, of this process' control groups and all that they lie in."""
    for line in _text("/proc/self/cgroup").splitlines():
        # Version 2 has one hierarchy, which names no controllers; in version 1 they have several.
        _, controllers, path = line.split(":", 2)
        group = PurePosixPath(path.lstrip("/"))
        # In a container the path can be that of outside; the container's own group is then the top.
        for folder in (group, *group.parents):
            if not controllers:
                quota, _, period = _text(f"{CGROUPS}/{folder}/cpu.max").partition(" ")
            elif "cpu" in controllers.split(","):
                quota, period = (
                    _text(f"{CGROUPS}/cpu/{folder}/cpu.cfs_{name}_us")
                    for name in ("quota", "period")
                )
            else:
                continue
            if quota.isdecimal() and period.isdecimal():  # not where there is none: "max", or -1
                yield int(quota) / int(period)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
