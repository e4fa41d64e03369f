import json
import os
import re
import shutil
import subprocess
import sys
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
from tests.repository import commit, git, init, save_params

PIPELINE = """
stages:
  copy:
    cmd: cp source kept && cp source models/made && cp source metrics/made
    deps: [source]
    outs:
      - kept
      - models/made: {cache: false}
      - metrics/made: {cache: false}
"""


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
    assert finding.line.startswith("changes: this folder is in no Git repository, ")
    save_params({"train": 1})
    init()
    commit()
    assert [finding.kind for finding in doctor.changes()] == [Kind.FINE]
    save_params({"train": 2})
    (finding,) = doctor.changes()
    assert finding.kind == Kind.DIFFERS
    assert "params.yaml" in finding.line


def test_changes_in_a_part_of_a_repository_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ml").mkdir()
    monkeypatch.chdir(tmp_path / "ml")
    save_params({"train": 1})
    init(tmp_path)
    commit(folder=tmp_path)
    save_params({}, tmp_path)
    assert [finding.kind for finding in doctor.changes()] == [Kind.FINE]
    save_params({"train": 2})
    (finding,) = doctor.changes()
    assert finding.line == "changes: not those of the commit: params.yaml: git diff HEAD"


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that was run; Git holds its output, and DVC its other one."""
    monkeypatch.chdir(tmp_path)
    init()
    Path("dvc.yaml").write_text(PIPELINE)
    Path("source").write_text("one\ntwo\n")
    for folder in ("models", "metrics"):
        Path(folder).mkdir()
        Path(folder, "kept").touch()
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], check=True)
    commit()


@pytest.mark.slow
@pytest.mark.usefixtures("pipeline")
def test_stages_that_would_run_are_named_but_for_data_that_is_missing() -> None:
    fine = [(Kind.FINE, "stages: as dvc.lock has them")]
    assert list(doctor.stages()) == fine
    Path("kept").unlink()
    shutil.rmtree(".dvc/cache")
    assert list(doctor.stages()) == fine
    Path("models/made").unlink()
    due = "stages: dvc repro would run copy ({}): dvc status"
    assert list(doctor.stages()) == [(Kind.DIFFERS, due.format("models/made"))]
    Path("source").write_bytes(b"one\r\ntwo\r\n")
    assert list(doctor.stages()) == [(Kind.DIFFERS, due.format("source, models/made"))]


@pytest.mark.slow
@pytest.mark.usefixtures("pipeline")
def test_a_merge_conflict_in_the_lock_is_named_and_the_page_resolves_it() -> None:
    git("checkout", "--quiet", "-b", "other")
    for branch, content in (("other", "theirs"), ("main", "ours")):
        git("checkout", "--quiet", branch)
        Path("source").write_text(content)
        subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], check=True)
        commit()
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "other")
    assert list(doctor.stages()) == [
        (Kind.DIFFERS, "dvc.lock: in conflict after a merge: docs/git-and-dvc.md resolves it")
    ]
    page = (ROOT / "docs/git-and-dvc.md").read_text(encoding="utf-8")
    (resolution,) = re.findall(
        r"((?:^    .*\n)*^    make repro\n(?:^    .*\n)*)", page, re.MULTILINE
    )
    Path("source").write_text("both")
    Path("Makefile").write_text(f"repro:\n\t@{sys.executable} -m dvc repro --quiet\n")
    editor = {**os.environ, "GIT_EDITOR": "true"}
    subprocess.run(["sh", "-e", "-c", resolution], env=editor, check=True)
    assert [finding.kind for finding in doctor.stages()] == [Kind.FINE]
    assert git("status", "--porcelain") == ""
    assert git("show", "HEAD:models/made") == "both"


@pytest.mark.slow
@pytest.mark.usefixtures("pipeline")
def test_what_dvc_cannot_read_is_reported() -> None:
    Path("dvc.yaml").write_text("stages: [\n")
    (finding,) = doctor.stages()
    assert finding.kind == Kind.DIFFERS
    assert finding.line.startswith("stages: dvc status fails: ")
    assert "dvc.yaml" in finding.line
    assert "\n" not in finding.line


@pytest.mark.parametrize(("kind", "status"), [(Kind.DIFFERS, 1), (Kind.DISTURBS, 0)])
def test_the_status_says_whether_a_rebuild_can_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: Kind, status: int
) -> None:
    for name in ("fingerprint", "packages", "changes", "stages", "tools", "cpu"):
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
