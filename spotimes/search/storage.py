"""Where a search's proposals are kept: a file for one worker, or a PostgreSQL database for many.

Optuna stores and reads them; ours is who works on what. Its own heartbeat works in `optimize`
alone, and loses a trial for good if the worker is killed before the first beat, or between failing
another worker's trial and enqueueing it anew. Here one worker proposes at a time: it is its turn.
The last statement of a turn claims the trial, with a first beat in Optuna's table of heartbeats. So
in a turn whatever runs without a beat was abandoned, and no architecture is claimed twice.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Protocol, TypeVar

import optuna
import sqlalchemy
from optuna.exceptions import OptunaError, StorageInternalError, UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy.exc import DBAPIError, OperationalError

from spotimes.errors import InputError
from spotimes.system import atomic

REQUIREMENTS = "requirements-postgresql.txt"
BEAT_SECONDS = 10
GRACE_SECONDS = 90  # without a beat; a conversion lets no other thread run for some
PATIENCE_SECONDS = 600
PAUSE_SECONDS = 1.0
LOCK = 1_397_772_357  # tells a search's turns from other programs' advisory locks in the database

# Sent with each connection. Times are in UTC, whatever a worker's time zone is, and the server ends
# a turn that does not go on, as when its machine is gone.
SETTINGS = {
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
CONNECTION = {
    "application_name": "spotimes search",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "options": " ".join(f"-c {name}={value}" for name, value in SETTINGS.items()),
}
# What Optuna asks of its storage, and may ask again: a trial that is created twice is claimed once.
RETRIED = (
    "create_new_study",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_directions",
    "_create_new_trial",
    "_set_trial_param",
    "set_trial_state_values",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "get_trial",
    "_get_trials",
)
# A server that was just restarted grants all workers their grace anew.
ABANDONED = sqlalchemy.text("""
    SELECT number FROM trials LEFT JOIN trial_heartbeats USING (trial_id)
    WHERE study_id = :study AND state = 'RUNNING' AND (
        heartbeat IS NULL OR number = :own
        OR greatest(heartbeat, pg_postmaster_start_time() AT TIME ZONE 'UTC')
            < now() AT TIME ZONE 'UTC' - :grace * interval '1 second'
    ) ORDER BY number
""")
CLAIM = sqlalchemy.text("""
    INSERT INTO trial_heartbeats (trial_id, heartbeat)
    SELECT trial_id, now() AT TIME ZONE 'UTC' FROM trials
    WHERE study_id = :study AND number = :number AND state = 'RUNNING'
""")
BEAT = sqlalchemy.text("""
    UPDATE trial_heartbeats SET heartbeat = now() AT TIME ZONE 'UTC'
    WHERE trial_id = (SELECT trial_id FROM trials WHERE study_id = :study AND number = :number)
""")
TURN = sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock, :study)")

Result = TypeVar("Result")


class Turn(Protocol):
    """The time in which one worker proposes, and no other does."""

    def abandoned(self) -> list[int]:
        """The numbers of the trials that are running, and no worker works on."""

    def claim(self, number: int) -> None:
        """Makes a trial this worker's; the turn must end then.

        Raises:
            UpdateFinishedTrialError: another worker ended it, as this one's turn was over.
        """


class Storage(Protocol):
    """Where proposals are kept, and who works on them."""

    study: optuna.Study

    def turn(self) -> AbstractContextManager[Turn]:
        """Waits for this worker's turn."""

    def working(self, number: int) -> AbstractContextManager[None]:
        """Within it, the trial counts as this worker's."""

    def retried(self, call: Callable[[], Result]) -> Result:
        """What a call gives, once the storage answers."""

    def close(self) -> None:
        """Gives back what is held."""


class OwnFile:
    """An SQLite file, which no other process has open.

    Args:
        path: the file; other studies may lie in it, too.
        name: the study's.

    Raises:
        InputError: the file is damaged, or another version of Optuna wrote it.
    """

    def __init__(self, path: Path, name: str) -> None:
        try:
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
            self.study = _study(self._storage, name)
        except Exception as error:  # SQLAlchemy's, SQLite's or Optuna's, of a damaged file
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{path}: cannot be used ({reason}); remove {path.parent} to begin anew"
            ) from error

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """The only worker's turn; whatever runs when it proposes was interrupted."""
        yield _OnlyTurn(self.study)

    def working(self, number: int) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nobody else is to be told."""
        return nullcontext()

    def retried(self, call: Callable[[], Result]) -> Result:
        """What the call gives: a file always answers."""
        return call()

    def close(self) -> None:
        """Closes the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()


class _OnlyTurn:
    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def abandoned(self) -> list[int]:
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [trial.number for trial in running]

    def claim(self, number: int) -> None:
        """Nobody else is there to claim it."""


class Database:
    """A PostgreSQL database that any number of workers share.

    Args:
        url: `search.storage` of params.yaml.
        name: the study's.
        folder: this worker's; holds the number of the trial that it works on.

    Raises:
        InputError: the driver is missing, or the database cannot be reached or used.
    """

    def __init__(self, url: str, name: str, folder: Path) -> None:
        self._own = folder / "working.json"
        self._name = name
        try:
            _connect(url)  # a wrong password or address is reported at once
            self._storage, self.study = _retried(lambda: _opened(url, name))
        except ImportError as error:
            raise InputError(
                "params.yaml: search.storage: PostgreSQL needs one more package: "
                f"python -m pip install --requirement {REQUIREMENTS}"
            ) from error
        except (DBAPIError, OptunaError, RuntimeError) as error:
            raise InputError(
                f"params.yaml: search.storage: the database cannot be used ({_reason(error)}); it "
                "must be up, and PGPASSWORD or ~/.pgpass hold the password"
            ) from error
        self._id = self._storage.get_study_id_from_name(name)

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Waits until no other worker proposes."""
        with self._storage.engine.begin() as connection:
            connection.execute(TURN, {"lock": LOCK, "study": self._id})
            yield _SharedTurn(connection, self._id, self._interrupted())

    @contextmanager
    def working(self, number: int) -> Iterator[None]:
        """Within it, the database is told again and again that the trial is worked on."""
        atomic.write_text(self._own, json.dumps({"study": self._name, "trial": number}))
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(number, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        self._own.unlink(missing_ok=True)  # an interrupted one is the first to be taken up

    def retried(self, call: Callable[[], Result]) -> Result:
        """What the call gives, once the database answers.

        Raises:
            InputError: the database did not answer for ten minutes.
        """
        return _retried(call)

    def close(self) -> None:
        """Closes the connections."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _interrupted(self) -> int | None:
        """The trial that this worker was at when it was killed."""
        try:
            known = json.loads(self._own.read_text(encoding="utf-8"))
            return int(known["trial"]) if known["study"] == self._name else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _beat(self, number: int, ended: threading.Event) -> None:
        while not ended.wait(BEAT_SECONDS):
            # Where the database does not answer, the next beat may find that it does.
            with suppress(DBAPIError), self._storage.engine.begin() as connection:
                connection.execute(BEAT, {"study": self._id, "number": number})


def _connect(url: str) -> None:
    with _engine(url).connect():
        pass


def _opened(url: str, name: str) -> tuple[optuna.storages.RDBStorage, optuna.Study]:
    # Of two workers that create the tables at once, one would fail.
    with _engine(url).begin() as connection:
        connection.execute(TURN, {"lock": LOCK, "study": 0})
        storage = _Retrying(_with_driver(url))
        return storage, _study(storage, name)


def _engine(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        _with_driver(url), poolclass=sqlalchemy.NullPool, connect_args=CONNECTION
    )


def _with_driver(url: str) -> str:
    return url.replace("postgresql", "postgresql+psycopg", 1)


class _SharedTurn:
    def __init__(self, connection: sqlalchemy.Connection, study: int, own: int | None) -> None:
        self._connection, self._study, self._own = connection, study, own

    def abandoned(self) -> list[int]:
        values = {"study": self._study, "own": self._own, "grace": GRACE_SECONDS}
        return list(self._connection.scalars(ABANDONED, values))

    def claim(self, number: int) -> None:
        # By the turn's own connection: it fails if the turn is lost.
        values = {"study": self._study, "number": number}
        if self._connection.execute(CLAIM, values).rowcount != 1:
            raise UpdateFinishedTrialError


class _Retrying(optuna.storages.RDBStorage):
    """Optuna's storage, which asks again where the database does not answer."""

    def __init__(self, url: str) -> None:
        # One connection for the turn or the beats, and one for Optuna.
        kwargs = {"pool_size": 2, "pool_pre_ping": True, "connect_args": CONNECTION}
        super().__init__(url, engine_kwargs=kwargs)
        for name in RETRIED:
            setattr(self, name, _patient(getattr(self, name)))


def _patient(method: Callable[..., Result]) -> Callable[..., Result]:
    return lambda *args, **named: _retried(lambda: method(*args, **named))


def _retried(call: Callable[[], Result]) -> Result:
    began = None
    while True:
        try:
            result = call()
            break
        except (StorageInternalError, DBAPIError) as error:
            if not _unanswered(error):
                raise
            if began is None:
                began = time.monotonic()
                _tell(f"the database does not answer ({_reason(error)}); trying again")
            elif time.monotonic() - began > PATIENCE_SECONDS:
                raise InputError(
                    f"params.yaml: search.storage: no answer for {PATIENCE_SECONDS} s "
                    f"({_reason(error)}); nothing is lost: run again when the database is up"
                ) from error
        time.sleep(PAUSE_SECONDS * (0.5 + random.random()))  # not all workers at once
    if began is not None:
        _tell(f"the database answers again, after {time.monotonic() - began:.0f} s")
    return result


def _unanswered(error: Exception) -> bool:
    """Whether it was no fault of what was asked."""
    cause = error if isinstance(error, DBAPIError) else error.__cause__
    return isinstance(cause, OperationalError) or (
        isinstance(cause, DBAPIError) and cause.connection_invalidated
    )


def _reason(error: BaseException) -> str:
    """What the database said, without the statement that it was about."""
    cause = error if isinstance(error, DBAPIError) else error.__cause__
    said = cause.orig if isinstance(cause, DBAPIError) else error
    return str(said).strip().partition("\n")[0]


def _tell(message: str) -> None:
    print(f"search: {message}", file=sys.stderr, flush=True)


def _study(storage: optuna.storages.RDBStorage, name: str) -> optuna.Study:
    return optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True
    )
