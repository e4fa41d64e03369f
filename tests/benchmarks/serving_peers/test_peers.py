import http.client
import json
import socket
import sys
from pathlib import Path

import pytest

from benchmarks.serving_peers import peers
from benchmarks.serving_peers.peers import HERE, PEERS, Peer, running
from spotimes.errors import InputError


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(peers, "python_of", lambda _: sys.executable)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def peer(port: int, *command: str) -> Peer:
    return Peer("peer", Path("peer.txt"), command, (port,), "/settings.json", ())


def test_a_peer_runs_beside_its_files_until_the_block_ends(free_port: int) -> None:
    command = ("http.server", f"{free_port}", "--bind", "127.0.0.1")
    with running(peer(free_port, *command)) as server:
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        link.request("GET", "/settings.json")
        assert link.getresponse().read() == (HERE / "peers/settings.json").read_bytes()
        link.close()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", free_port)):
        pass


def test_a_peer_may_take_any_port(free_port: int) -> None:
    command = ("http.server", "{port}", "--bind", "127.0.0.1")
    with running(peer(free_port, *command)._replace(ports=())) as server:
        socket.create_connection(("127.0.0.1", server.port)).close()


def test_reports_one_that_does_not_start(free_port: int) -> None:
    with (
        pytest.raises(InputError, match=r"^does not start: .*No module named no_such"),
        running(peer(free_port, "no_such")),
    ):
        pass


def test_reports_a_port_that_is_taken(free_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        with (
            pytest.raises(InputError, match=f"^port {free_port} is taken"),
            running(peer(free_port, "http.server")),
        ):
            pass


def test_the_ports_are_those_of_the_settings() -> None:
    settings = json.loads((HERE / "peers/settings.json").read_text(encoding="utf-8"))
    ports = tuple(settings[f"{name}_port"] for name in ("http", "grpc", "metrics"))
    assert next(peer.ports for peer in PEERS if peer.name == "MLServer") == ports
