"""`python -m spotimes.doctor`: why would a rebuild on this machine differ from what is committed?

Compares this machine with metrics/fingerprint.json, what is installed with requirements.txt, and
what lies here with the commit and with dvc.lock; looks for missing tools and a CPU on which no
timing can be believed. Exits 1 if the bytes of a rebuild would differ, or its versions do; what
only disturbs a measurement is reported and passes.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from packaging.requirements import InvalidRequirement, Requirement

from spotimes.errors import InputError
from spotimes.params.load import load_group
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.reproducibility import git
from spotimes.reproducibility.merging import conflict
from spotimes.system import command, host
from spotimes.usage import show_usage_if_asked

FINGERPRINT = Path("metrics/fingerprint.json")
REQUIREMENTS = Path("requirements.txt")
PIPELINE = (Path("dvc.yaml"), Path("dvc.lock"))
INPUTS = ("params.yaml", "dvc.yaml", "spotimes", "stages", "data/catalog")  # of a rebuild
SYSTEM = Path("/sys/devices/system/cpu")
# A tool, by its names, the Debian package's first, whether the pipeline needs it, and what for.
TOOLS = (
    (("git",), True, "the repository"),
    (("make",), True, "the verbs of the README"),
    (("npm",), False, "the mirror of the data, where its authors' host cannot be reached"),
    (("valgrind",), False, "instructions an inference, in make compare"),
    (("chromium", "chromium-browser", "google-chrome"), False, "the tests of the app's page"),
    (("wrk",), False, "benchmarks/server_load.py"),
)
BUSY = 0.2  # of all cores
SLOW = 0.8  # of the highest frequency
SHOWN = 2  # paths of a stage


class Kind(Enum):
    """How a finding is marked."""

    FINE = "ok"
    DIFFERS = "differs"
    DISTURBS = "note"


class Finding(NamedTuple):
    """Something looked at: a mark, and a line that says what was seen and what would mend it."""

    kind: Kind
    line: str


def main() -> None:
    """The command."""
    findings = [*fingerprint(), *packages(), *changes(), *stages(), *tools(), *cpu()]
    for finding in findings:
        print(f"{finding.kind.value:8} {finding.line}")
    differing = sum(finding.kind == Kind.DIFFERS for finding in findings)
    if differing:
        print(f"\n{differing} of these can make a rebuild differ.")
        sys.exit(1)
    print("\nA rebuild should give the committed bytes.")


def fingerprint(path: Path = FINGERPRINT) -> Iterator[Finding]:
    """What the trained bytes depend on, here and where they were made."""
    try:
        committed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(committed, dict):
            raise ValueError("no mapping")
    except (OSError, ValueError) as error:
        yield _unreadable(path, error)
        return
    versions = {name: _installed(name) for name in load_group("versions", Versions).model_dump()}
    here = host.fingerprint(versions, load_group("train", Train).threads)
    for key, value in here.items():
        if value == committed.get(key):
            yield Finding(Kind.FINE, f"{key}: as where the model was trained")
        else:
            yield Finding(
                Kind.DIFFERS,
                f"{key}: {_shown(value)} here, {_shown(committed.get(key))} where the model was "
                "trained: training gives other weights, as another seed would",
            )


def packages(path: Path = REQUIREMENTS) -> Iterator[Finding]:
    """Whether what is installed is what is pinned."""
    off = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        yield _unreadable(path, error)
        return
    for line in lines:
        try:
            wanted = Requirement(line.split("#")[0].strip())
        except InvalidRequirement:  # a comment, or an option
            continue
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        found = _installed(wanted.name)
        if found is None or not wanted.specifier.contains(found, prereleases=True):
            off.append(f"{wanted.name} {found or 'missing'}, not {wanted.specifier}")
    if off:
        yield Finding(Kind.DIFFERS, f"packages: {'; '.join(off)}: make install mends it")
    else:
        yield Finding(Kind.FINE, f"packages: as {path} pins them")


def changes() -> Iterator[Finding]:
    """Whether code or params are those of the commit."""
    plain = ("-c", "status.relativePaths=true", "-c", "color.status=never")
    try:
        status = git.output(*plain, "status", "--short", "--", *INPUTS)
    except InputError as error:
        yield Finding(Kind.DISTURBS, f"changes: {error}")
        return
    names = [line[3:] for line in status.splitlines()]
    if names:
        yield Finding(
            Kind.DIFFERS, f"changes: not those of the commit: {', '.join(names)}: git diff HEAD"
        )
    else:
        yield Finding(Kind.FINE, "changes: code and params are the commit's")


def stages() -> Iterator[Finding]:
    """Which stages DVC would run, but for data that Git does not hold and prepare makes."""
    for path in PIPELINE:
        if in_conflict := conflict(path):
            yield Finding(Kind.DIFFERS, in_conflict)
            return
    asked = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("ERROR: ")
        yield Finding(Kind.DIFFERS, f"stages: dvc status fails: {said}")
        return
    found = {stage: _changed(reasons) for stage, reasons in json.loads(done.stdout).items()}
    due = [f"{stage} ({_some(changed)})" for stage, changed in found.items() if changed]
    if due:
        yield Finding(Kind.DIFFERS, f"stages: dvc repro would run {', '.join(due)}: dvc status")
    else:
        yield Finding(Kind.FINE, "stages: as dvc.lock has them")


def _changed(reasons: list[Any]) -> list[str]:
    """What `dvc status` finds changed of a stage, without data that is not there yet."""
    named = [reason for reason in reasons if isinstance(reason, str)]  # such as `changed command`
    paths = {
        path: state
        for reason in reasons
        if isinstance(reason, dict)
        for states in reason.values()
        for path, state in states.items()
    }
    return named + [
        path
        for path, state in paths.items()
        if state not in ("deleted", "not in cache") or git.output("ls-files", "--", path)
    ]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def tools() -> Iterator[Finding]:
    """Whether the programs that are called are there."""
    for names, needed, purpose in TOOLS:
        if any(map(shutil.which, names)):
            continue
        kind = Kind.DIFFERS if needed else Kind.DISTURBS
        yield Finding(kind, f"{names[0]}: missing, for {purpose}: apt-get install {names[0]}")


def cpu(seconds: float = 1) -> Iterator[Finding]:
    """Whether something else would be measured, too."""
    busy = psutil.cpu_percent(seconds) / 100
    if busy > BUSY:
        load = os.getloadavg()[0]
        yield Finding(Kind.DISTURBS, f"cpu: {busy:.0%} busy (load {load:.1f}): times will be noisy")
    frequency = psutil.cpu_freq()
    if frequency and frequency.max and frequency.current < SLOW * frequency.max:
        yield Finding(
            Kind.DISTURBS,
            f"cpu: at {frequency.current:.0f} MHz of {frequency.max:.0f}: throttled, or at rest",
        )
    throttled = sum(
        int(file.read_text(encoding="utf-8"))
        for file in SYSTEM.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    )
    if throttled:
        yield Finding(Kind.DISTURBS, f"cpu: throttled for heat {throttled} times since its start")
    for file in sorted(SYSTEM.glob("cpu0/cpufreq/scaling_governor")):
        governor = file.read_text(encoding="utf-8").strip()
        if governor != "performance":
            yield Finding(Kind.DISTURBS, f"cpu: its governor is {governor}, not performance")
    steal = psutil.cpu_times_percent(seconds)
    stolen = getattr(steal, "steal", 0.0)
    if stolen > 1:
        yield Finding(Kind.DISTURBS, f"cpu: other virtual machines take {stolen:.0f}% of it")


def _unreadable(path: Path, error: Exception) -> Finding:
    return Finding(Kind.DIFFERS, f"{path}: cannot be read ({error}): git checkout {path}")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)


if __name__ == "__main__":
    show_usage_if_asked("spotimes.doctor", __doc__)
    command.run("doctor", main)
