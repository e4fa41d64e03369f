import os
from pathlib import Path

import pytest

from spotimes.system import cores, host

KEYS = [
    "cpu",
    "family",
    "isa",
    "caches_kib",
    "cores",
    "cores_allowed",
    "memory_gib",
    "system",
]
X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC: fast
flags\t\t: fpu fma avx avx2 avx512_vnni unheard_of

processor\t: 1
vendor_id\t: Other
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of another system, empty at first."""
    monkeypatch.setattr(host, "Path", lambda path: tmp_path / path.lstrip("/"))
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machine_is_described() -> None:
    found = host.describe()
    assert list(found) == KEYS
    assert found["cores"] == os.cpu_count()
    assert found["cores_allowed"] == cores.allowed()
    assert found["cpu"]
    assert host.describe() == found


def test_the_fingerprint_names_what_the_bytes_depend_on() -> None:
    found, machine = host.fingerprint({"numpy": "1.0", "h5py": None}, 7), host.describe()
    assert list(found) == ["cpu", "isa", "caches_kib", "system", "threads", "versions"]
    assert found["threads"] == 7
    assert found["versions"] == {"numpy": "1.0", "h5py": None}
    assert (found["cpu"], found["caches_kib"]) == (machine["family"], machine["caches_kib"])


def test_the_first_processor_and_its_data_caches_are_read(system: Path) -> None:
    write(system / "proc/cpuinfo", X86)
    cache = system / "sys/devices/system/cpu/cpu0/cache"
    sizes = [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("3", "Unified", "32768K")]
    for number, (level, kind, size) in enumerate(sizes):
        for name, text in (("level", level), ("type", kind), ("size", size)):
            write(cache / f"index{number}" / name, f"{text}\n")
    found = host.describe()
    assert found["cpu"] == "AMD EPYC: fast"
    assert found["family"] == "AuthenticAMD 26 2"
    assert found["isa"] == "avx fma avx2 avx512_vnni"
    assert found["caches_kib"] == {"L1": 48, "L3": 32768}


def test_another_architecture_is_described_by_its_features(system: Path) -> None:
    write(system / "proc/cpuinfo", ARM)
    found = host.describe()
    assert found["cpu"]
    assert found["isa"] == "asimd asimddp"


def test_what_a_system_does_not_report_is_empty(system: Path) -> None:
    found = host.describe()
    assert list(found) == KEYS
    assert (found["family"], found["isa"], found["caches_kib"]) == ("", "", {})


def test_a_cache_without_a_size_is_ignored(system: Path) -> None:
    """As Linux shows it on many virtual ARM machines."""
    cache = system / "sys/devices/system/cpu/cpu0/cache"
    write(cache / "index0/level", "1\n")
    write(cache / "index0/type", "Data\n")
    assert host.describe()["caches_kib"] == {}
