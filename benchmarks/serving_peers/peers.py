"""Other servers of the same model, as they are in peers/."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.project import MODEL
from benchmarks.serving import Server
from benchmarks.serving_peers.environments import python_of
from spotimes.errors import InputError

HERE = Path(__file__).parent
PATIENCE = 120  # seconds in which a server is to start


class Peer(NamedTuple):
    """Another server.

    Attributes:
        name: of the server.
        requirements: the file that pins its packages.
        command: that starts it, of the module that Python is to run on; {port} stands for a free
            port.
        ports: that its settings name; the first answers HTTP. None if it takes any.
        ready: a path that answers 200 once requests are answered.
        requests: of `benchmarks.serving.sent_requests`, those that it answers.
    """

    name: str
    requirements: Path
    command: tuple[str, ...]
    ports: tuple[int, ...]
    ready: str
    requests: tuple[str, ...]


PEERS = (
    Peer(
        "FastAPI",
        HERE / "fastapi.txt",
        ("uvicorn", "fastapi_app:app", "--port", "{port}", "--log-level", "critical"),
        (),
        "/openapi.json",
        ("picture",),
    ),
    Peer(
        "MLServer",
        HERE / "mlserver.txt",
        ("mlserver.cli.main", "start", "."),
        (8201, 8202, 8203),  # those of peers/settings.json
        f"/v2/models/{MODEL.stem}/ready",
        ("json",),  # over REST 1.7.1 does not read tensors as bytes
    ),
)


@contextmanager
def running(peer: Peer) -> Iterator[Server]:
    """Runs a peer until the block ends; it is installed before, if it is not yet.

    Raises:
        InputError: it cannot be installed, or does not start.
    """
    python = python_of(peer.requirements)
    for port in peer.ports:
        _bound(port)
    http_port = peer.ports[0] if peer.ports else _bound(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "peers"  # where it may leave files
        shutil.copytree(HERE / "peers", folder, ignore=shutil.ignore_patterns("__pycache__"))
        log = Path(name) / "log"
        with (
            log.open("w", encoding="utf-8") as output,
            subprocess.Popen(
                [python, "-m", *(word.format(port=http_port) for word in peer.command)],
                cwd=folder,
                env={**os.environ, "MODEL": str(MODEL)},
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                url = f"http://127.0.0.1:{http_port}{peer.ready}"
                if not _answers(url, process):
                    last = log.read_text(encoding="utf-8", errors="replace").strip()[-300:]
                    raise InputError(f"does not start: {' '.join(last.split())}")
                yield Server(process.pid, http_port)
            finally:
                process.terminate()


def _bound(port: int) -> int:
    """A port that can be listened at: this one, or any if it is 0."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", port))
        except OSError as error:
            raise InputError(f"port {port} is taken; end what listens there") from error
        return int(taken.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Waits until it answers 200; false if it ends, or takes longer than `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not _is_ready(url):
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
