"""Searches that several workers share, killed ones among them, in a PostgreSQL of the tests'."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import psutil
import pytest
from optuna.trial import FrozenTrial, TrialState

from spotimes.search.storage import Database
from tests.postgres import PASSWORD, USER, Server, server
from tests.project import ROOT
from tests.repository import link_data
from tests.searches import LIMITS, write_params, write_reference
from tests.waiting import until

pytestmark = pytest.mark.slow

OneLine = Callable[[str, Callable[[], None]], str]
WINDOW = 80  # seconds in which trials are counted
AGAIN = ("the database cannot be used (connection failed", "another search is under way")
ENDED = 1200  # seconds in which workers whom nobody disturbs come to their end


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    with server() as running:
        yield running


class Workers:
    """Workers of one search, each in a folder as a machine's clone would be."""

    def __init__(self, folder: Path, prepared: Path, int8: bytes, params: dict[str, Any]) -> None:
        self.folder, self._data, self._int8, self.params = folder, prepared, int8, params
        self.running: dict[Path, int] = {}
        self._process: subprocess.Popen[str] | None = None

    def open(self, *arguments: object) -> None:
        """Starts the program that forks them."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs.search_workers", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PGPASSWORD": PASSWORD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._said() == "ready"

    def close(self) -> None:
        """Kills them all."""
        if self._process is not None:
            self._process.communicate()

    def clone(self, name: str, **changes: Any) -> Path:
        """A folder in which a worker can be started."""
        folder = self.folder / name
        folder.mkdir()
        link_data(self._data, folder)
        write_reference(self._int8, folder)
        write_params(folder=folder, threads=1, **self.params | changes)
        return folder

    def start(self, folder: Path, core: int = -1) -> None:
        """Starts a worker in a clone, as if its machine had that core alone."""
        assert self._process is not None and self._process.stdin is not None
        (folder / "status").unlink(missing_ok=True)
        print(folder, core, file=self._process.stdin, flush=True)
        self.running[folder] = int(self._said())

    def kill(self, folder: Path) -> bool:
        """Kills a clone's worker, unless it has come to its end."""
        if self.ended(folder):
            return False
        process = self.running.pop(folder)
        os.kill(process, signal.SIGKILL)
        until(lambda: psutil.Process(process).status() == psutil.STATUS_ZOMBIE)
        return True

    def ended(self, folder: Path) -> bool:
        """Whether a worker has.

        It must not have failed, but for two reasons, for which it is begun again, as the compose
        file would: the database was away, or a child of a killed one still held the lock.
        """
        status = folder / "status"
        if not status.exists() or not (text := status.read_text()):
            return False
        log = (folder / "log").read_text()
        if text == "2" and any(reason in log.splitlines()[-1] for reason in AGAIN):
            self.start(folder)
            return False
        assert text == "0", log
        return True

    def wait(self) -> None:
        """Until all have come to their end."""
        end = time.monotonic() + ENDED
        while not all(self.ended(folder) for folder in self.running):
            assert time.monotonic() < end, "\n".join(
                (folder / "log").read_text() for folder in self.running
            )
            time.sleep(0.1)

    def _said(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def workers(tmp_path: Path, prepared: Path, int8: bytes, database: Server) -> Iterator[Workers]:
    params = {
        "storage": database.url,
        "limits": dict.fromkeys(LIMITS) | {"bytes": 8000},
        "trials": 1000,
        "proposals": 45,
        "random_proposals": 1000,  # of which each worker proposes the same, in whatever order
        "unpruned_trials": 4,
    }
    made = Workers(tmp_path, prepared, int8, params)
    yield made
    made.close()


def record(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "metrics/search.csv").set_index("architecture").sort_index()


@pytest.fixture
def study(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[FrozenTrial]]]:
    """The trials of the study that was begun last."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    storages = []

    def trials() -> list[FrozenTrial]:
        storage = optuna.storages.RDBStorage(
            database.url.replace("postgresql", "postgresql+psycopg")
        )
        storages.append(storage)
        return storage.get_all_trials(storage.get_all_studies()[-1]._study_id)

    yield trials
    for storage in storages:
        storage.remove_session()
        storage.engine.dispose()


def disturb(workers: Workers, database: Server, kills: int, restarts: int, pause: float) -> None:
    """Kills workers, of whom every second one is replaced by another machine's; ends when all have.

    Args:
        workers: three of them are started.
        database: is restarted as often, the last time as if it had crashed.
        kills: how many.
        restarts: how many.
        pause: the mean of the seconds between them.
    """
    generator = random.Random(1)
    for number in range(3):
        workers.start(workers.clone(f"worker-{number}"))
    killed, at = 0, [kills * (each + 1) // (restarts + 1) for each in range(restarts)]
    while killed < kills:
        time.sleep(generator.uniform(0, 2 * pause))
        folder = generator.choice(sorted(workers.running))
        assert workers.kill(folder), "the search ended before so many were killed"
        killed += 1
        if killed in at:
            database.stop("immediate" if killed == at[-1] else "fast")
            time.sleep(generator.uniform(0, 2))
            database.start()
        workers.start(folder if killed % 2 else workers.clone(f"replaced-{killed}"))
    workers.wait()


def check(trials: list[FrozenTrial], workers: Workers, single: pd.DataFrame) -> None:
    """No trial is lost, counted twice or stuck, and all is as a single worker found it."""
    assert {trial.state for trial in trials} <= {
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
    }
    ended = [trial for trial in trials if trial.state != TrialState.FAIL]
    counted = Counter(trial.user_attrs["architecture"] for trial in ended)
    assert set(counted.values()) == {1}
    # What was claimed and interrupted was taken up, once.
    taken_up = Counter(trial.user_attrs.get("takes_up") for trial in trials)
    for trial in trials:
        if trial.state == TrialState.FAIL and "repeats" not in trial.user_attrs:
            assert taken_up[trial.number] == 1 or "blocks" not in trial.user_attrs
    for folder in workers.running:  # each of those who saw the end
        pd.testing.assert_frame_equal(record(folder), record(next(iter(workers.running))))
    found = record(next(iter(workers.running)))
    assert len(found) == len(ended)
    costs = ["bytes", "arena_bytes", "c_ram_bytes", "macs", "machine"]
    pd.testing.assert_frame_equal(found[costs], single[costs])
    both = found[(found["outcome"] == "trained") & (single["outcome"] == "trained")]
    assert len(both) >= 3
    pd.testing.assert_series_equal(both["val_accuracy"], single["val_accuracy"][both.index])


def found_alone(workers: Workers, **changes: Any) -> tuple[pd.DataFrame, float]:
    """What a single worker records, and the seconds that it takes for an architecture."""
    folder, began = workers.clone("alone", storage=None, **changes), time.monotonic()
    workers.start(folder)
    workers.wait()
    del workers.running[folder]
    found = record(folder)
    return found, (time.monotonic() - began) / len(found)


def test_killed_workers_of_a_restarted_database_find_what_a_single_one_does(
    workers: Workers, database: Server, study: Callable[[], list[FrozenTrial]]
) -> None:
    workers.params["proposals"] = 30
    workers.open(0.2)
    single, seconds = found_alone(workers)
    disturb(workers, database, kills=8, restarts=1, pause=seconds / 3)
    check(study(), workers, single)
    assert PASSWORD not in "".join(path.read_text() for path in workers.folder.glob("*/log"))


@pytest.mark.proof  # ten minutes
def test_a_hundred_kills_and_five_restarts_of_the_database(
    workers: Workers, database: Server, study: Callable[[], list[FrozenTrial]]
) -> None:
    workers.open()
    workers.params["seed"] = 2
    single, seconds = found_alone(workers)
    disturb(workers, database, kills=100, restarts=5, pause=seconds / 3)
    check(study(), workers, single)


@pytest.mark.proof  # four minutes
def test_two_workers_train_nearly_twice_as_many_in_the_same_time(
    workers: Workers, study: Callable[[], list[FrozenTrial]]
) -> None:
    workers.params |= {"limits": dict.fromkeys(LIMITS), "seed": 3}
    workers.open()
    rates = {}
    for count in (1, 2):
        workers.params["unpruned_trials"] = 1000 + count  # a study of its own, without pruning
        folders = [workers.clone(f"{number + 1} of {count}") for number in range(count)]
        for core, folder in enumerate(folders):
            workers.start(folder, core)
        for folder in folders:
            until((folder / "metrics/search.csv").exists)
        time.sleep(WINDOW)
        for folder in folders:
            assert workers.kill(folder)
        rates[count] = rate(study(), count)
    print(f"one worker: {rates[1]:.3f} trials a second, two: {rates[2]:.3f}")
    assert rates[2] >= 1.8 * rates[1]


def rate(trials: list[FrozenTrial], workers: int) -> float:
    """Architectures that ended a second, from when each worker had ended one."""
    ends = sorted(
        trial.datetime_complete
        for trial in trials
        if trial.state == TrialState.COMPLETE and trial.datetime_complete is not None
    )[workers - 1 :]
    assert len(ends) >= 6
    return (len(ends) - 1) / (ends[-1] - ends[0]).total_seconds()


@pytest.mark.parametrize("way", ["PGPASSWORD", "PGPASSFILE"])
def test_the_password_is_the_environments_or_in_postgresqls_own_file(
    way: str, database: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:{database.port}:postgres:{USER}:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv(way, {"PGPASSWORD": PASSWORD, "PGPASSFILE": str(file)}[way])
    opened = Database(database.url, "a study", tmp_path)
    assert opened.study.get_trials() == []
    opened.close()


def test_a_wrong_password_is_not_shown(
    database: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_line: OneLine
) -> None:
    monkeypatch.setenv("PGPASSWORD", "mistaken")
    line = one_line("search", lambda: refused(database.url, tmp_path))
    assert "password authentication failed" in line
    assert line.endswith("it must be up, and PGPASSWORD or ~/.pgpass hold the password")
    assert "mistaken" not in line


def test_a_database_that_is_not_there_is_reported(tmp_path: Path, one_line: OneLine) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://{USER}@127.0.0.1:{nobody.getsockname()[1]}/postgres"
        assert "Connection refused" in one_line("search", lambda: refused(url, tmp_path))


def test_without_the_driver_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_line: OneLine
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    line = one_line("search", lambda: refused("postgresql://a@127.0.0.1/b", tmp_path))
    assert line.endswith("python -m pip install --requirement requirements-postgresql.txt")
    assert (ROOT / "requirements-postgresql.txt").is_file()


def refused(url: str, folder: Path) -> None:
    Database(url, "a study", folder)
