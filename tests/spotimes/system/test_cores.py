import os
from pathlib import Path

import pytest

from spotimes.system import cores
from tests.programs import output_of

PERIOD = 100_000


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of another system with eight cores, empty at first."""
    monkeypatch.setattr(cores, "Path", lambda path: tmp_path / path.lstrip("/"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def in_groups(system: Path, *groups: str) -> None:
    write(system / "proc/self/cgroup", "\n".join(groups))


def of_version_1(folder: Path, quota: int) -> None:
    write(folder / "cpu.cfs_quota_us", str(quota))
    write(folder / "cpu.cfs_period_us", str(PERIOD))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_those_of_the_affinity() -> None:
    first = min(os.sched_getaffinity(0))
    assert output_of("allowed_cores", first) == "1\n"


def test_those_of_the_machine_where_nothing_else_is_known(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cores.allowed() == 8
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores.allowed() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.allowed() == 1


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max", 8), ("400000", 4), ("150000", 1), ("10000", 1), ("1600000", 8), ("", 8)],
)
def test_a_quota_of_version_2(system: Path, quota: str, expected: int) -> None:
    in_groups(system, "0::/a.slice/b.scope")
    write(system / "sys/fs/cgroup/a.slice/b.scope/cpu.max", f"{quota} {PERIOD}")
    assert cores.allowed() == expected


@pytest.mark.parametrize("group", ["/a/b", "/a", "/"])
def test_a_quota_holds_for_all_within(system: Path, group: str) -> None:
    """As a container sees it, too, whose own group is at the top of what it sees."""
    in_groups(system, "0::/a/b")
    write(system / f"sys/fs/cgroup{group}/cpu.max", f"300000 {PERIOD}")
    assert cores.allowed() == 3


@pytest.mark.parametrize(("quota", "expected"), [(-1, 8), (200_000, 2), (250_000, 2)])
@pytest.mark.parametrize("controllers", ["cpu", "cpuacct,cpu", "cpu,cpuacct"])
@pytest.mark.parametrize("group", ["/docker/x:y", "/docker", "/"])
def test_a_quota_of_version_1(
    system: Path, quota: int, expected: int, controllers: str, group: str
) -> None:
    in_groups(system, "9:name=systemd:/", "3:cpuset:/", f"2:{controllers}:/docker/x:y", "0::/")
    of_version_1(system / f"sys/fs/cgroup/cpu{group}", quota)
    of_version_1(system / "sys/fs/cgroup/cpuset", PERIOD)
    assert cores.allowed() == expected


@pytest.mark.parametrize(
    ("threads", "used", "reported"),
    [
        (1, 1, ""),
        (8, 8, ""),
        (9, 8, "--threads: 9 is more than the 8 cores that this process may use; so be it\n"),
    ],
)
def test_no_more_threads_than_cores(
    system: Path, capsys: pytest.CaptureFixture[str], threads: int, used: int, reported: str
) -> None:
    assert cores.at_most_allowed(threads, "--threads", "so be it") == used
    assert capsys.readouterr() == ("", reported)


def test_a_single_core_is_reported_in_the_singular(
    system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_groups(system, "0::/")
    write(system / "sys/fs/cgroup/cpu.max", f"{PERIOD} {PERIOD}")
    assert cores.at_most_allowed(2, "x", "y") == 1
    assert "more than the 1 core that" in capsys.readouterr().err
