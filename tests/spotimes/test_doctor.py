import json
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from spotimes import doctor
from spotimes.doctor import Kind
from spotimes.system import command, host
from tests.project import ROOT
from tests.repository import commit, init, save_params


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def written(path: Path, **changes: Any) -> Path:
    facts = {
        "cpu": host.describe()["family"],
        "isa": host.describe()["isa"],
        "caches_kib": host.describe()["caches_kib"],
        "system": host.describe()["system"],
        "threads": 2,
        "versions": {name: version(name) for name in ("tensorflow", "keras", "numpy", "h5py")},
    }
    path.write_text(json.dumps(facts | changes))
    return path


def test_the_same_machine_gives_the_same_bytes(tmp_path: Path) -> None:
    findings = list(doctor.fingerprint(written(tmp_path / "fingerprint.json")))
    assert len(findings) == 6
    assert {finding.kind for finding in findings} == {Kind.FINE}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("cpu", "Another 1", "Another 1 where the model was trained"),
        ("caches_kib", {"L1": 1}, "L1 1 where"),
        ("versions", {"numpy": "1.0"}, "numpy 1.0 where"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, key: str, value: object, said: str) -> None:
    findings = list(doctor.fingerprint(written(tmp_path / "fingerprint.json", **{key: value})))
    (line,) = (finding.line for finding in findings if finding.kind == Kind.DIFFERS)
    assert line.startswith(f"{key}: ")
    assert said in line


def test_a_lost_fingerprint_is_reported(tmp_path: Path) -> None:
    (finding,) = doctor.fingerprint(tmp_path / "gone")
    assert finding.kind == Kind.DIFFERS
    assert "cannot be read" in finding.line


def test_packages_off_their_pins_are_named(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(
        f"# a comment\nnumpy=={version('numpy')}\n    # via us\npandas==0.1\nno-such==1\n"
        "other==1 ; python_version < '3'\n"
    )
    (finding,) = doctor.packages(file)
    assert finding.kind == Kind.DIFFERS
    assert f"pandas {version('pandas')}, not ==0.1; no-such missing, not ==1:" in finding.line


def test_what_is_pinned_is_installed_here() -> None:
    (finding,) = doctor.packages()
    assert finding.kind == Kind.FINE, finding.line


@pytest.mark.parametrize("content", ["[]", "{", None])
def test_files_without_a_fingerprint_are_reported(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content)
    else:
        (finding,) = doctor.packages(path)
        assert finding.kind == Kind.DIFFERS
    (finding,) = doctor.fingerprint(path)
    assert finding.kind == Kind.DIFFERS
    assert finding.line.startswith(f"{path}: cannot be read (")


def test_other_params_than_the_commits_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (finding,) = doctor.changes()
    assert finding.kind == Kind.DISTURBS
    save_params({"train": 1})
    init()
    commit()
    assert [finding.kind for finding in doctor.changes()] == [Kind.FINE]
    save_params({"train": 2})
    (finding,) = doctor.changes()
    assert finding.kind == Kind.DIFFERS
    assert "params.yaml" in finding.line


@pytest.mark.parametrize(("kind", "status"), [(Kind.DIFFERS, 1), (Kind.DISTURBS, 0)])
def test_the_status_says_whether_a_rebuild_can_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: Kind, status: int
) -> None:
    for name in ("fingerprint", "packages", "changes", "tools", "cpu"):
        monkeypatch.setattr(doctor, name, lambda: [doctor.Finding(Kind.FINE, "fine")])
    monkeypatch.setattr(doctor, "tools", lambda: [doctor.Finding(kind, "a tool")])
    with pytest.raises(SystemExit) as ended:
        command.run("doctor", doctor.main)
    assert ended.value.code == status
    assert "a tool" in capsys.readouterr().out


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = {finding.line.partition(":")[0]: finding.kind for finding in doctor.tools()}
    assert (found["git"], found["valgrind"]) == (Kind.DIFFERS, Kind.DISTURBS)


def test_a_busy_and_throttled_cpu_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpu0/thermal_throttle").mkdir(parents=True)
    (tmp_path / "cpu0/thermal_throttle/core_throttle_count").write_text("3\n")
    (tmp_path / "cpu0/cpufreq").mkdir()
    (tmp_path / "cpu0/cpufreq/scaling_governor").write_text("powersave\n")
    monkeypatch.setattr(doctor, "SYSTEM", tmp_path)
    monkeypatch.setattr(psutil, "cpu_percent", lambda _: 90.0)
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(current=800, max=3000))
    monkeypatch.setattr(psutil, "cpu_times_percent", lambda _: SimpleNamespace(steal=7.0))
    lines = [finding.line for finding in doctor.cpu()]
    assert [finding.kind for finding in doctor.cpu()] == [Kind.DISTURBS] * 5
    for part, line in zip(
        ("90% busy", "800 MHz", "3 times", "powersave", "7%"), lines, strict=True
    ):
        assert part in line
