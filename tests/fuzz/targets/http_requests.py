"""What a client sends to the app's server, in a process of its own."""

import base64
import contextlib
import functools
import gzip
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.app.serving import INFER, Server, inference, serving
from tests.fuzz.mutation import mutated
from tests.fuzz.promise import MOST_BYTES, BrokenError
from tests.fuzz.target import Check, Target
from tests.fuzz.targets import pictures

SECONDS = 0.5  # the server's limit for a request
PATIENCE = 0.3  # for an answer to what may be half a request
LONGEST = 240  # until it has answered and closed; a busy machine may let it wait long
# What it answers on purpose; 500 is none of it.
STATUSES = {
    100,
    200,
    206,
    304,
    400,
    404,
    405,
    408,
    411,
    413,
    415,
    416,
    417,
    426,
    431,
    499,
    501,
    503,
}
HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
PATHS: tuple[str, ...] = (
    "/",
    "/page/page.js",
    "/samples",
    "/model",
    "/predict",
    "/metrics",
    "/openapi.json",
    "/v2",
)
PATHS += (
    "/v2/health/live",
    "/v2/models/model_int8",
    INFER,
    f"{INFER}?a=%ff",
    "/predict?top=3&seen=1",
    "/predict?top=3&explain=1",
)
PATHS += ("/predict?top=99999999999999999999", "/%00", "//", "/page/..%2f..%2fREADME.md", "*", "")
METHODS = ("GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "get", "")
HEADERS = (
    *(
        ("Content-Length", "5"),
        ("Content-Length", "-1"),
        ("Content-Length", "99999999999999999999"),
    ),
    *(
        ("Transfer-Encoding", "chunked"),
        ("Transfer-Encoding", "gzip"),
        ("Content-Encoding", "gzip"),
    ),
    *(("Content-Encoding", "deflate"), ("Content-Encoding", "br"), ("Expect", "100-continue")),
    *(("Connection", "close"), ("Connection", "upgrade"), ("Upgrade", "websocket")),
    *(("Content-Type", "multipart/form-data; boundary=x"), ("Content-Type", "application/json")),
    *(("Inference-Header-Content-Length", "7"), ("Inference-Header-Content-Length", "x")),
    *(("Range", "bytes=5-2"), ("Range", "bytes=0-1,3-4"), ("If-None-Match", "*"), ("Host", "")),
)
FORM_PIECES = (
    b"--x",
    b"--x--",
    b"\r\n",
    b"name=",
    b"data:;base64,",
    b"Content-Transfer-Encoding: base64\r\n",
)
FORM = ("Content-Type", "multipart/form-data; boundary=x")
PIECES = (
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b": ",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b" HTTP/1.1",
)


def _request(method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{key}: {value}" for key, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body


def _sized(method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    return _request(method, path, [("Content-Length", str(len(body))), *headers], body)


def _chunked(method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    return _request(method, path, [("Transfer-Encoding", "chunked"), *headers], chunks)


def _form(picture: bytes) -> bytes:
    return b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\n%s\r\n--x--\r\n" % picture


def _in_json(picture: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(picture).decode()}).encode()


@functools.cache
def _binary_inference() -> bytes:
    tensor = {"name": "image", "datatype": "INT8", "shape": [2, 32, 32, 3]}
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": 6144}}]}).encode()
    lengths = [("Inference-Header-Content-Length", str(len(head)))]
    return _sized("POST", INFER, lengths, head + bytes(6144))


@functools.cache
def seeds() -> list[bytes]:
    picture = pictures.seeds()[0]
    tensor = inference(np.zeros((32, 32, 3), np.uint8))
    return [
        _request("GET", "/v2", [], b""),
        _request("GET", "/model", [], b"") * 3,
        _sized("POST", "/predict?top=3&seen=1", [], picture),
        _chunked("POST", "/predict", [], picture),
        _sized("POST", "/predict", [("Content-Encoding", "gzip")], gzip.compress(picture)),
        _sized("POST", "/predict", [FORM], _form(picture)),
        _sized("POST", "/predict", [], _in_json(picture)),
        _sized("POST", INFER, [], tensor),
        _binary_inference(),
    ]


def inputs() -> SearchStrategy[bytes]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    header = st.one_of(st.sampled_from(HEADERS), st.tuples(text, text))
    values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-300, 300), st.floats(), text),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=2)
        ),
        max_leaves=5,
    )
    tensors = st.fixed_dictionaries(
        {},
        optional={
            "name": st.one_of(st.just("image"), values),
            "datatype": st.one_of(st.sampled_from(("UINT8", "INT8", "FP32")), values),
            "shape": st.one_of(st.just([1, 32, 32, 3]), st.lists(st.integers(-1, 33)), values),
            "data": st.one_of(st.just([0] * 3072), st.lists(st.integers(-200, 300)), values),
            "parameters": st.one_of(
                st.dictionaries(st.just("binary_data_size"), st.integers()), values
            ),
        },
    )
    outputs = st.fixed_dictionaries(
        {"name": st.one_of(st.just("probabilities"), values)}, optional={"parameters": values}
    )
    document = st.fixed_dictionaries(
        {"inputs": st.one_of(st.lists(tensors, min_size=1, max_size=2), values)},
        optional={
            "outputs": st.one_of(st.lists(outputs, max_size=1), values),
            "parameters": values,
        },
    )
    bodies = st.one_of(
        document.map(lambda found: json.dumps(found).encode()),
        pictures.inputs(),
        mutated([_form(pictures.seeds()[0]), _in_json(pictures.seeds()[0])], FORM_PIECES),
        st.sampled_from((b"", b"[" * 50_000, b"1" * 5000, gzip.compress(bytes(2**21)))),
        st.binary(max_size=20),
    )
    method, path = st.sampled_from(METHODS[:2]), st.sampled_from(PATHS)
    headers = st.lists(header, max_size=3)
    odd_method, odd_path = st.one_of(st.sampled_from(METHODS), text), st.one_of(path, text)
    return st.one_of(
        st.builds(_sized, st.just("POST"), st.sampled_from((INFER, "/predict")), headers, bodies),
        st.builds(_chunked, st.just("POST"), path, headers, bodies),
        st.builds(_sized, method, path, headers, bodies),
        st.builds(_request, odd_method, odd_path, headers, bodies),
        mutated(seeds(), PIECES),
    )


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    with serving("--timeout", SECONDS, "--max-body-mib", 1) as server:
        at_first = _peak(server)

        def check(content: bytes) -> None:
            answer = _answer(server, content)
            for status, head, body in _answers(answer):
                if status not in STATUSES:
                    raise BrokenError(f"status {status}: {answer[:500]!r}")
                if status >= 400 and body:  # none to HEAD
                    _check_error(head, body)
            if _peak(server) - at_first > MOST_BYTES:
                raise BrokenError(f"the server has grown to {_peak(server) >> 20} MiB")

        yield check


def _answer(server: Server, content: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    end = time.monotonic() + LONGEST
    answer = b""
    try:
        with server.connect() as connection, contextlib.suppress(ConnectionResetError):
            connection.settimeout(LONGEST)
            with contextlib.suppress(BrokenPipeError):  # it may close before all is sent
                connection.sendall(content)
            # It drops what it has not answered when the client has sent its last.
            connection.settimeout(PATIENCE)
            with contextlib.suppress(TimeoutError):
                while not _is_complete(answer) and (part := connection.recv(2**16)):
                    answer += part
            connection.settimeout(LONGEST)
            with contextlib.suppress(OSError):  # it has closed already
                connection.shutdown(socket.SHUT_WR)
            while (part := connection.recv(2**16)) and time.monotonic() < end:
                answer += part
    except ConnectionRefusedError as error:
        raise BrokenError("the server does not listen any more") from error
    except TimeoutError as error:
        raise BrokenError(f"not answered and closed within {LONGEST} s") from error
    return answer


def _is_complete(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return bool(end) and (length is None or len(body) >= int(length[1]))


def _answers(received: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Each answer's status, head and body; the last may be cut short, as a connection may be."""
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        first = HEAD.match(head)
        if first is None:
            raise BrokenError(f"it is not HTTP: {head[:100]!r}")
        length = LENGTH.search(head)
        size = int(length[1]) if length and not received.startswith(b"HTTP/1.1 ") else 0
        yield int(first[1]), head, received[:size]
        received = received[size:]


def _check_error(head: bytes, body: bytes) -> None:
    # Starlette's own, of a Range, are plain text.
    is_json = b"application/json" in head
    message = json.loads(body)["error"] if is_json else body.decode()
    if len(message.splitlines()) != 1:
        raise BrokenError(f"the message is not one line: {message!r}")


def _peak(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    if found is None:
        raise BrokenError("the server has ended")
    return 1024 * int(found[1])


TARGET = Target("http_requests", ".http", seeds, inputs, checking)
