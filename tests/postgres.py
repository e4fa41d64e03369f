"""A PostgreSQL server of a test's own: Debian's, on loopback, in a folder of its own."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "not-to-be-shown"
USER = "searcher"


class Server:
    """A server that is running; `server` gives one."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self._programs = folder, programs
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        password = folder / "password"
        password.write_text(PASSWORD)
        if os.getuid() == 0:  # as whom it does not start
            owner = pwd.getpwnam("postgres")
            for path in (folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        authentication = ("--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}")
        self._run("initdb", *authentication, "--no-sync", f"--pgdata={self.data}")

    @property
    def data(self) -> Path:
        """The folder of the databases."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Of a database, for `search.storage`."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c fsync=off"
        log = self.folder / "log"
        self._run("pg_ctl", "start", "-w", "-s", "-D", self.data, "-l", log, "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stops it, whoever is connected; the mode is pg_ctl's."""
        self._run("pg_ctl", "stop", "-w", "-s", "-D", self.data, "-m", mode)

    def _run(self, program: str, *arguments: object) -> None:
        words = [str(self._programs / program), *map(str, arguments)]
        if os.getuid() == 0:
            words = ["runuser", "-u", "postgres", "--", *words]
        with (self.folder / "output").open("w") as output:  # a pipe would stay the server's
            done = subprocess.run(words, stdout=output, stderr=output, cwd="/", check=False)
        assert done.returncode == 0, (self.folder / "output").read_text()


@contextmanager
def server() -> Iterator[Server]:
    """Runs a server; where there is none the test is skipped, but not in CI."""
    found = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))
    program = found[-1] if found else shutil.which("initdb")
    if program is None:
        reason = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="spotimes-postgresql-"))
    try:
        running = Server(folder, Path(program).parent)
        running.start()
        try:
            yield running
        finally:
            running.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
