"""Several workers at one address: they share the work, are replaced, and stop together."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.app.serving import Server, announced, serving, started
from tests.app.test_limits import refuses_connections
from tests.programs import program
from tests.waiting import until

COUNT = 3


@pytest.fixture
def server() -> Iterator[Server]:
    with serving("--workers", COUNT) as one:
        until(lambda: len(ready(one)) == COUNT)
        yield one


def workers(server: Server) -> list[int]:
    """The workers' processes."""
    return [each.pid for each in psutil.Process(server.process.pid).children()]


def ready(server: Server) -> list[int]:
    """Those that listen for their end by a signal, which they do before they accept."""
    return [each for each in workers(server) if catches(each, signal.SIGTERM)]


def catches(process: int, number: signal.Signals) -> bool:
    with suppress(FileNotFoundError):
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
        caught = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
        return bool(int(caught, 16) >> (number - 1) & 1)
    return False


def test_what_they_do_is_added_up(server: Server, picture_bytes: bytes) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: server.post("/predict", picture_bytes), range(60)))
    assert {answer.status for answer in answers} == {200}
    name = 'spotimes_requests_total{route="predict",status="200"}'
    assert {server.metric(name) for _ in range(10)} == {60}
    memory = server.metric("process_resident_memory_bytes")
    alone = min(psutil.Process(each).memory_info().rss for each in workers(server))
    assert memory > (COUNT - 0.5) * alone


def test_one_that_is_killed_loses_its_own_requests_alone(
    server: Server, picture_bytes: bytes
) -> None:
    """Each connection is one worker's; those of the others go on."""
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture_bytes)}\r\n\r\n"
    links = [server.connect() for _ in range(30)]
    for link in links:  # all have begun a request
        link.sendall(head.encode() + picture_bytes[:100])
    until(lambda: server.metric("spotimes_requests_in") == len(links))
    first, *others = workers(server)
    held = {each: len(psutil.Process(each).net_connections("tcp")) - 1 for each in (first, *others)}
    os.kill(first, signal.SIGKILL)
    answered = 0
    for link in links:
        with link, suppress(ConnectionError):
            link.sendall(picture_bytes[100:])
            answered += link.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert answered == sum(held[each] for each in others) > 0
    until(lambda: len(ready(server)) == COUNT)
    assert first not in workers(server)
    assert server.metric("spotimes_requests_in") == 0
    assert server.metric('spotimes_requests_total{route="predict",status="200"}') == answered


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_all_answer_what_is_in_progress_and_stop(
    server: Server, picture_bytes: bytes, sent: signal.Signals
) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture_bytes)}\r\n\r\n"
    links = [server.connect() for _ in range(10)]
    for link in links:
        link.sendall(head.encode() + picture_bytes[:100])
    until(lambda: server.metric("spotimes_requests_in") == len(links))
    server.process.send_signal(sent)
    until(lambda: refuses_connections(server))
    for link in links:
        with link:
            link.sendall(picture_bytes[100:])
            assert link.recv(1000).startswith(b"HTTP/1.1 200 ")
    _, err = server.process.communicate(timeout=60)
    assert (server.process.returncode, err) == (0, "")


def test_they_end_with_the_process_that_began_them(server: Server) -> None:
    processes = workers(server)
    server.process.kill()
    server.process.communicate()
    until(lambda: not any(psutil.pid_exists(each) for each in processes))


def test_a_model_that_cannot_be_used_is_reported_once(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as caught:
        started("--workers", 2, "--model", tmp_path / "none.tflite")
    (ended,) = caught.value.args
    assert ended == ("", f"serve: {tmp_path}/none.tflite: no such file; name a .tflite file\n")


def test_another_child_that_ends_is_no_worker() -> None:
    server = announced(program("app_with_another_child", "serve", "--port", 0, "--workers", 2))
    parent = psutil.Process(server.process.pid)
    other = min(parent.children(), key=psutil.Process.create_time)
    other.kill()
    until(lambda: not other.is_running())  # nor is it left for the parent to ask for
    assert server.get("/v2/health/live").status == 200
    server.process.terminate()
    _, err = server.process.communicate(timeout=60)
    assert (server.process.returncode, err) == (0, "")
