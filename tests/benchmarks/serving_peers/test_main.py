from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import wrk
from benchmarks.serving import Server, serving
from benchmarks.serving_peers import __main__ as command
from benchmarks.serving_peers.measurements import as_csv
from benchmarks.serving_peers.peers import Peer
from benchmarks.wrk import Load
from spotimes.errors import InputError

KINDS = {"picture": ["Spotimes"], "tensor": ["Spotimes"], "json": ["Spotimes", "MLServer"]}


@pytest.fixture(autouse=True)
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the CSV goes; wrk is not run, and FastAPI cannot be installed."""
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")

    def load(sent: object, port: int, connections: int, seconds: int) -> Load:
        return Load(100.0 * connections, 1.0, 2.0, 0, 0, 0.1)

    @contextmanager
    def running(peer: Peer) -> Iterator[Server]:
        if peer.name == "FastAPI":
            raise InputError("cannot be installed: ERROR: no such package")
        with serving() as server:
            yield server

    monkeypatch.setattr(wrk, "load", load)
    monkeypatch.setattr(wrk, "check_installed", lambda: None)
    monkeypatch.setattr(command, "running", running)
    monkeypatch.setattr(command, "ROWS", tmp_path / "rows.csv")
    return tmp_path / "rows.csv"


def run(monkeypatch: pytest.MonkeyPatch, rows: Path, *words: str) -> None:
    picture = ["--picture", str(rows.with_name("picture.png"))]
    monkeypatch.setattr("sys.argv", ["serving_peers", *picture, *words])
    command.main()


def test_measures_the_others_if_a_peer_cannot_be_installed(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"^not measured: FastAPI cannot be installed: ERROR"):
        run(monkeypatch, rows, "--turns", "2", "--connections", "1", "8")
    head, *lines = rows.read_text(encoding="utf-8").splitlines()
    assert f"{head}\n" == as_csv([])
    assert [tuple(line.split(",")[:4]) for line in lines] == [
        (server, kind, connections, turn)
        for kind, servers in KINDS.items()
        for connections in "18"
        for server in servers
        for turn in "12"
    ]
    assert "| Spotimes json / MLServer json | 8 | 1.00 (1.00 to 1.00)" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--turns", "0"], ["--seconds", "0"], ["--connections", "0"]])
def test_says_what_is_wrong(rows: Path, monkeypatch: pytest.MonkeyPatch, wrong: list[str]) -> None:
    with pytest.raises(InputError, match=f"{wrong[0]}: 0 .*; give 1 or more"):
        run(monkeypatch, rows, *wrong)
