"""What a server lets in, how it ends connections, and how it ends itself.

Two servers are shared, as each test leaves them as they were: `limited`, whose limits are small,
and `impatient`, which waits for 0.3 s.
"""

import gzip
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.app.pictures import large_png
from tests.app.serving import INFER, Server, announced, inference, serving, started
from tests.programs import program
from tests.project import ROOT
from tests.waiting import until

CONNECTIONS = 8
BODY = 0.02 * 2**20
LIMITS = {
    "--max-body-mib": 0.02,
    "--max-buffered-mib": 0.04,
    "--max-batch": 1,
    "--max-requests": 3,
    "--max-connections": CONNECTIONS,
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, picture_bytes: bytes) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    (folder / "a cat.png").write_bytes(picture_bytes)
    (folder / "notes.txt").write_text("no picture")
    titles = {"a cat.png": "ein Kätzchen", "gone.png": 3, "notes.txt": "no picture"}
    (folder / "titles.json").write_text(json.dumps(titles))
    (folder / "a dog.JPE").write_bytes(picture_bytes)
    (folder / ".hidden.png").write_bytes(picture_bytes)
    (folder / "no picture.png").write_text("no picture")
    os.mkfifo(folder / "pipe.png")
    (folder / os.fsdecode(b"na\xefve.png")).write_bytes(picture_bytes)
    (folder / "gone.png").write_bytes(picture_bytes)
    (folder / "no.png").symlink_to(folder / "nothing")
    return folder


@pytest.fixture(scope="module")
def limited(samples: Path) -> Iterator[Server]:
    with serving("--samples", samples, *(word for pair in LIMITS.items() for word in pair)) as one:
        yield one


@pytest.fixture(scope="module")
def impatient() -> Iterator[Server]:
    with serving("--timeout", 0.3) as one:
        yield one


@pytest.fixture
def hurried() -> Iterator[Server]:
    with serving("--timeout", 0.1, "--max-megapixels", 64) as one:
        yield one


@pytest.fixture(scope="module")
def large_picture() -> bytes:
    return large_png()


def idle(server: Server) -> bool:
    return is_live(server) and server.metric("spotimes_requests_in") == 0


def is_live(server: Server) -> bool:
    """Whether a request is answered, which it is not while there are too many connections."""
    with suppress(OSError):
        return server.get("/v2/health/live").status == 200
    return False


def begin(server: Server, size: int, sent: int) -> socket.socket:
    """Sends a request for `predict`, but only so many of its body's bytes."""
    link = server.connect()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    link.sendall(head.encode() + bytes(sent))
    return link


def everything(link: socket.socket) -> bytes:
    return b"".join(iter(lambda: link.recv(10_000), b""))


def is_ended(link: socket.socket) -> bool:
    """Whether the server has ended a connection so that sending fails."""
    try:
        link.sendall(b"more")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_samples(limited: Server, samples: Path, picture_bytes: bytes) -> None:
    assert limited.get("/samples").json == {
        "samples": ["a cat.png", "a dog.JPE", "gone.png"],
        "titles": {"a cat.png": "ein Kätzchen", "a dog.JPE": "a dog", "gone.png": "gone"},
    }
    (samples / "gone.png").unlink()
    assert limited.get("/samples/gone.png").status == 404
    assert limited.get("/samples/a%20cat.png").body == picture_bytes
    assert limited.get("/samples/notes.txt").status == 404


def test_a_body_that_is_too_large(limited: Server, picture_bytes: bytes) -> None:
    assert limited.post("/predict", bytes(int(BODY) + 1)).status == 413
    bomb = gzip.compress(bytes(10_000_000))
    assert len(bomb) < BODY
    response = limited.post("/predict", bomb, Content_Encoding="gzip")
    assert response.status == 413
    assert response.json["error"] == "the body is larger than 20,971 bytes; send a smaller one"
    assert limited.post("/predict", picture_bytes).status == 200


def test_a_body_without_a_length_that_is_too_large(limited: Server) -> None:
    with limited.connect() as link:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        link.sendall(b"6000\r\n" + bytes(0x6000) + b"\r\n")
        assert link.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("begun", [b"0\r\n", b"0\r\nName: ", b"1;"])
def test_what_is_sent_without_end_and_is_no_body(limited: Server, begun: bytes) -> None:
    """Trailers, and extensions of chunks."""
    with limited.connect() as link:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        link.sendall(head + b"1\r\nx\r\n" + begun)
        line = b"x" if begun[-1:] in b" ;" else b"Name: value\r\n"
        for _ in range(40):
            link.sendall(line * (10_000 // len(line)))
        answer = everything(link)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"what comes behind the body is larger than 65,536 bytes" in answer


def test_a_trailer_is_no_header(limited: Server, picture_bytes: bytes) -> None:
    with limited.connect() as link:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        link.sendall(b"%x\r\n%b\r\n" % (len(picture_bytes), picture_bytes))
        link.sendall(b"0\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\n\r\n")
        assert link.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_head_may_come_behind_a_body_of_any_size(impatient: Server) -> None:
    """In the same packet."""
    body = bytes(150_000)
    with impatient.connect() as link:
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        link.sendall(head.encode() + body + b"GET /v2/health/live HTTP/1.1\r\nHos")
        assert link.recv(10_000).startswith(b"HTTP/1.1 400 ")
        link.sendall(b"t: x\r\nConnection: close\r\n\r\n")
        assert everything(link).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("status", "others"), [(413, 0), (503, CONNECTIONS)])
def test_an_early_answer_reaches_who_is_still_sending(
    limited: Server, status: int, others: int
) -> None:
    """Not a reset: what the client sends is read, or the system would send one."""
    until(lambda: idle(limited))
    with ExitStack() as stack:
        for _ in range(others):
            stack.enter_context(limited.connect())
        link = stack.enter_context(limited.connect())
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5000000"
        link.sendall(head.encode() + b"\r\n\r\n" + bytes(100))
        link.recv(1, socket.MSG_PEEK)  # it has been answered
        link.sendall(bytes(4_999_900))
        answer = everything(link)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.endswith(b'"}')


def test_too_large_a_batch(limited: Server, picture_pixels: Any) -> None:
    shape = [2, *picture_pixels.shape]
    tensor = {"name": "image", "datatype": "UINT8", "shape": shape, "data": []}
    response = limited.post(INFER, json.dumps({"inputs": [tensor]}).encode())
    assert response.status == 400
    assert "2 images are not allowed; send 1 to 1" in response.json["error"]


@pytest.mark.parametrize(
    ("count", "bytes_each", "message"),
    [
        (3, 2500, "3 requests are being answered already; try again"),
        (2, 20_500, "too many bytes are being answered already; try again"),
    ],
)
def test_too_much_at_once_is_refused_for_a_second(
    limited: Server, picture_bytes: bytes, count: int, bytes_each: int, message: str
) -> None:
    assert len(picture_bytes) > 2 * (BODY - 20_500)
    until(lambda: idle(limited))
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(begin(limited, bytes_each + 100, bytes_each))
        until(lambda: limited.metric("spotimes_buffered_bytes") == count * bytes_each)
        response = limited.post("/predict", picture_bytes)
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert response.json == {"error": message}
    until(lambda: idle(limited))
    assert limited.post("/predict", picture_bytes).status == 200


def test_packed_requests_do_not_hold_more_than_they_are(
    limited: Server, picture_pixels: Any
) -> None:
    """What one may grow to is held while it is decompressed, and no longer."""
    until(lambda: idle(limited))
    body = gzip.compress(inference(picture_pixels))
    assert len(body) > 1500
    for _ in range(5):
        assert limited.post(INFER, body, Content_Encoding="gzip").status == 200
    assert limited.metric("spotimes_buffered_bytes") == 0


def test_too_many_connections_are_refused_for_a_second(
    limited: Server, picture_bytes: bytes
) -> None:
    until(lambda: idle(limited))
    links = [limited.connect() for _ in range(CONNECTIONS)]
    response = limited.post("/predict", picture_bytes)
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert response.json == {"error": f"{CONNECTIONS} connections are open already; try again"}
    # These are not even read.
    links += [limited.connect() for _ in range(CONNECTIONS)]
    with pytest.raises(OSError):
        limited.get("/v2/health/live")
    for link in links:
        link.close()
    until(lambda: is_live(limited))
    assert limited.metric('spotimes_requests_total{route="none",status="503"}') > 0


def test_who_connects_does_not_wait_for_many_answers_to_others(picture_bytes: bytes) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture_bytes)}\r\n\r\n"
    request = head.encode() + picture_bytes
    with serving() as server, ExitStack() as stack:
        server.process.send_signal(signal.SIGSTOP)
        links = [stack.enter_context(server.connect()) for _ in range(60)]
        for link in links:
            link.sendall(request)
        server.process.send_signal(signal.SIGCONT)
        first, last, answers = links[0], links[-1], 0
        while not select.select([last], [], [], 0)[0]:
            assert first.recv(10_000).startswith(b"HTTP/1.1 200 ")
            first.sendall(request)
            answers += 1
    assert answers < 10


def test_a_body_that_does_not_arrive(impatient: Server) -> None:
    with begin(impatient, 3000, 2500) as link:
        assert link.recv(1000).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost"])
def test_a_head_that_does_not_arrive(impatient: Server, begun: bytes) -> None:
    with impatient.connect() as link:
        link.sendall(begun)
        assert link.recv(1000) == b""
    assert is_live(impatient)


@pytest.mark.parametrize("header", ["", "Connection: close\r\n"])
def test_who_never_ends_a_refused_body_is_not_waited_for(impatient: Server, header: str) -> None:
    with impatient.connect() as link:
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\n{header}Content-Length: 99999999999\r\n\r\n"
        link.sendall(head.encode())
        assert link.recv(1000).startswith(b"HTTP/1.1 413 ")
        until(lambda: is_ended(link))


def test_a_kept_connection_answers_again_and_ends_when_it_is_idle(impatient: Server) -> None:
    """It may be idle for a second; in use it is for longer."""
    end = time.monotonic() + 1.5
    with impatient.connect() as link:
        while time.monotonic() < end:
            link.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"live":true}'):
                part = link.recv(1000)
                assert part, "it has been ended while it was in use"
                answer += part
        assert link.recv(1000) == b""


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux does this")
def test_who_does_not_read_the_answers_is_not_waited_for_without_end() -> None:
    with serving("--max-connections", 1, "--timeout", 0.5) as server, socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.settimeout(0.5)
        host, port = server.url.removeprefix("http://").split(":")
        link.connect((host, int(port)))
        with pytest.raises(OSError):
            while True:
                link.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        until(lambda: is_live(server))


def test_an_answer_that_takes_too_long(
    hurried: Server, picture_bytes: bytes, large_picture: bytes
) -> None:
    """A picture whose pixels take longer to decode than the limit."""
    response = hurried.post("/predict", large_picture)
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert response.json["error"] == "no answer within 0.1 s; try again"
    until(lambda: idle(hurried))
    until(lambda: hurried.post("/predict", picture_bytes).status == 200)


def test_what_clients_send_and_fails_is_not_printed(hurried: Server, large_picture: bytes) -> None:
    damaged = large_picture[:-50_000]
    assert hurried.post("/predict", damaged).status == 503
    until(lambda: idle(hurried))
    form = {"Content_Type": "multipart/form-data; boundary=x"}
    assert hurried.post("/predict", b"damaged", **form).status == 400
    hurried.process.terminate()
    assert hurried.process.communicate(timeout=60)[1] == ""


def test_few_files_may_be_open() -> None:
    """The limit is raised to what the connections need, or the server says that it cannot be."""

    def command(hard: int) -> list[str]:
        options = ["serve", "--port", "0", "--max-connections", "100"]
        return program("app_with_open_files", 64, hard, *options)

    refused = subprocess.run(command(300), cwd=ROOT, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("serve: so many connections need 392 open files, but the ")
    server = announced(command(400))
    with ExitStack() as stack:
        stack.callback(server.process.communicate)
        stack.callback(server.process.kill)
        for _ in range(90):
            stack.enter_context(server.connect())
        assert is_live(server)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_progress_is_answered_before_the_end(
    picture_bytes: bytes, sent: signal.Signals
) -> None:
    server = started()
    request = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture_bytes)}\r\n\r\n"
    with server.connect() as link:
        link.sendall(request.encode() + picture_bytes[:100])
        until(lambda: server.metric("spotimes_requests_in") == 1)
        server.process.send_signal(sent)
        until(lambda: refuses_connections(server))
        link.sendall(picture_bytes[100:])
        assert link.recv(10_000).startswith(b"HTTP/1.1 200 ")
    _, err = server.process.communicate(timeout=60)
    assert (server.process.returncode, err) == (0, "")


def refuses_connections(server: Server) -> bool:
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False
