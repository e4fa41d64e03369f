"""A real server on loopback."""

import gzip
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spotimes.inference.classifier import Classifier
from tests.app.conftest import MODEL, Ended, Server
from tests.project import ROOT

Serve = Callable[..., Server]
INFER = "/v2/models/model_int8/infer"


@pytest.fixture(scope="session")
def answers(picture_pixels: Any) -> Any:
    """The library's answer to the picture."""
    return Classifier(MODEL).probabilities(picture_pixels)


def inference(pixels: Any) -> bytes:
    shape = [1, *pixels.shape]
    tensor = {"name": "image", "datatype": "UINT8", "shape": shape, "data": pixels.ravel().tolist()}
    return json.dumps({"inputs": [tensor]}).encode()


def png_header(width: int, height: int) -> bytes:
    """A PNG of so many pixels, in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


def test_an_upload_is_answered_as_the_library_does(
    server: Server, picture_bytes: bytes, answers: Any
) -> None:
    response = server.post("/predict", picture_bytes)
    assert response.status == 200
    predictions = response.json["predictions"]
    names = Classifier(MODEL).contract.class_names
    assert sorted(each["label"] for each in predictions) == sorted(names)
    shares = [each["probability"] for each in predictions]
    assert shares == sorted(shares, reverse=True)
    assert {each["label"]: each["probability"] for each in predictions} == dict(
        zip(names, answers.tolist(), strict=True)
    )
    assert (response.json["width"], response.json["height"]) == (32, 32)
    assert response.json["milliseconds"] > 0
    assert len(server.post("/predict?top=3", picture_bytes).json["predictions"]) == 3


def test_the_picture_as_the_model_sees_it(server: Server, picture_pixels: Any) -> None:
    large = Image.fromarray(picture_pixels).resize((320, 160))
    file = io.BytesIO()
    large.save(file, "WEBP", lossless=True)
    answer = server.post("/predict?seen=1", file.getvalue()).json
    assert (answer["width"], answer["height"]) == (320, 160)
    scheme, _, data = answer["seen"].partition(",")
    assert scheme == "data:image/png;base64"
    import base64  # noqa: PLC0415

    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    expected = large.resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(seen, np.asarray(expected))


@pytest.mark.parametrize("path", [INFER, "/v2/models/model_int8/versions/1/infer"])
def test_inference_is_answered_as_the_library_does(
    server: Server, picture_pixels: Any, answers: Any, path: str
) -> None:
    response = server.post(path, inference(picture_pixels))
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    (output,) = response.json["outputs"]
    np.testing.assert_array_equal(np.float32(output["data"]), answers)


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_packed_bodies(
    server: Server, picture_pixels: Any, answers: Any, encoding: str, pack: Any
) -> None:
    body = pack(inference(picture_pixels))
    response = server.post(INFER, body, Content_Encoding=encoding)
    np.testing.assert_array_equal(np.float32(response.json["outputs"][0]["data"]), answers)
    assert server.post(INFER, body[:50], Content_Encoding=encoding).status == 400
    assert server.post(INFER, b"no " + body, Content_Encoding=encoding).status == 400
    assert server.post(INFER, body + b"more", Content_Encoding=encoding).status == 400
    assert server.post(INFER, body, Content_Encoding=encoding.upper()).status == 200


def test_a_packed_body_may_be_joined_of_parts(
    server: Server, picture_pixels: Any, answers: Any
) -> None:
    body = inference(picture_pixels)
    parts = [gzip.compress(body[:100]), gzip.compress(body[100:])]
    response = server.post(INFER, b"".join(parts), Content_Encoding="gzip")
    np.testing.assert_array_equal(np.float32(response.json["outputs"][0]["data"]), answers)
    assert server.post(INFER, parts[0] * 102, Content_Encoding="gzip").status == 400


def test_the_protocols_descriptions(server: Server) -> None:
    assert server.get("/v2").json == {
        "name": "spotimes",
        "version": "1",
        "extensions": ["binary_tensor_data", "classification"],
    }
    assert server.get("/v2/health/live").json == {"live": True}
    assert server.get("/v2/health/ready").json == {"ready": True}
    for path in ("/v2/models/model_int8", "/v2/models/model_int8/versions/1"):
        assert server.get(path).json["inputs"] == [
            {"name": "image", "datatype": "UINT8", "shape": [-1, 32, 32, 3]}
        ]
        assert server.get(f"{path}/ready").json == {"name": "model_int8", "ready": True}


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/nothing", 404, "GET /nothing: not found"),
        ("GET", "/predict", 405, "GET /predict: method not allowed"),
        ("GET", "/v2/models/other", 404, "there is no model other; there is model_int8"),
        ("GET", "/v2/models/model_int8/versions/2", 404, "there is no version 2 of model_int8"),
        ("POST", "/v2/models/other/infer", 404, "there is no model other"),
        ("POST", "/predict?top=0", 400, "top: must be 1 to 10"),
        ("POST", "/predict?top=11", 400, "top: must be 1 to 10"),
        ("POST", "/predict?top=x", 400, "top: must be 1 to 10"),
        ("POST", "/predict?top=99999999999999999999", 400, "top: must be 1 to 10"),
        ("POST", "/predict?seen=2", 400, "seen: must be 0 to 1"),
        ("POST", "/predict", 400, "the picture: is empty; a picture is to be PNG, JPEG"),
        ("POST", INFER, 400, "the request is not JSON"),
        ("GET", "/page/../application.py", 404, "GET /"),
        ("GET", "/samples/none.png", 404, "GET /samples/none.png: not found"),
    ],
)
def test_what_is_refused_is_told(
    server: Server, method: str, path: str, status: int, message: str
) -> None:
    response = server.get(path) if method == "GET" else server.post(path, b"")
    assert response.status == status
    assert response.json["error"].startswith(message)


@pytest.mark.parametrize("path", ["/predict?top=" + "0" * 9 + "1", "/predict?top=" + "1" * 5000])
def test_numbers_of_many_digits_are_refused(server: Server, path: str) -> None:
    assert server.post(path, b"x").status == 400


@pytest.mark.parametrize("long", ["x" * 200_000, 10**4000, [[]] * 100_000, [1] * 1_000_000])
def test_values_take_no_more_memory_than_their_text(server: Server, long: Any) -> None:
    """As an array of text the first would take 80 GB."""
    values = [long, *["y"] * 100_000]
    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 32, 32, 3], "data": values}
    assert server.post(INFER, json.dumps({"inputs": [tensor]}).encode()).status == 400


@pytest.mark.parametrize("body", [b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" * 100])
def test_what_is_no_picture_is_told(server: Server, body: bytes) -> None:
    response = server.post("/predict", body)
    assert response.status == 400
    assert response.json["error"].startswith("the picture: ")


def test_a_picture_of_too_many_pixels(server: Server) -> None:
    response = server.post("/predict", png_header(6000, 6000))
    assert response.status == 413
    assert "36,000,000 pixels, and at most 25,000,000 are read" in response.json["error"]
    assert server.post("/predict", png_header(10**6, 10**6)).status == 413


def test_a_form_is_told_how_to_upload(server: Server) -> None:
    response = server.post("/predict", b"--x", Content_Type="multipart/form-data; boundary=x")
    assert response.status == 415
    assert "curl --data-binary @FILE" in response.json["error"]


def test_what_is_no_http_is_told(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as link:
        link.sendall(b"nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: link.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "error": "Invalid HTTP request received."
    }


def test_an_unknown_encoding(server: Server) -> None:
    response = server.post("/predict", b"x", Content_Encoding="br")
    assert (response.status, response.json["error"]) == (
        415,
        "Content-Encoding br is not known; use gzip or deflate",
    )


def test_metrics_count_what_was_done(server: Server, picture_bytes: bytes) -> None:
    def count() -> float:
        lines = server.get("/metrics").body.decode().splitlines()
        name = 'spotimes_requests_total{route="predict",status="200"}'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    before = count()
    server.post("/predict", picture_bytes)
    assert count() == before + 1
    text = server.get("/metrics").body.decode()
    for name in ("spotimes_inference_seconds_bucket", "process_resident_memory_bytes"):
        assert name in text


def test_what_the_page_needs_comes_from_here_alone(server: Server) -> None:
    page = server.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert b"//" not in page.body.replace(b"<!doctype html>", b"")
    assert server.get("/page/page.js").headers["content-type"].startswith("text/javascript")
    assert server.get("/page/page.css").headers["content-type"].startswith("text/css")
    assert server.get("/model").json["classes"]


def test_samples(serve: Serve, tmp_path: Any, picture_bytes: bytes) -> None:
    (tmp_path / "a cat.png").write_bytes(picture_bytes)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / os.fsdecode(b"na\xefve.png")).write_bytes(picture_bytes)
    (tmp_path / "gone.png").write_bytes(picture_bytes)
    (tmp_path / "no.png").symlink_to(tmp_path / "nothing")
    server = serve("--samples", tmp_path)
    assert server.get("/samples").json == {"samples": ["a cat.png", "gone.png"]}
    (tmp_path / "gone.png").unlink()
    assert server.get("/samples/gone.png").status == 404
    assert server.get("/samples/a%20cat.png").body == picture_bytes
    assert server.get("/samples/notes.txt").status == 404


def test_a_body_that_is_too_large(serve: Serve, picture_bytes: bytes) -> None:
    server = serve("--max-body-mib", 0.01)
    assert server.post("/predict", bytes(11_000)).status == 413
    bomb = gzip.compress(bytes(10_000_000))
    assert len(bomb) < 10_400
    response = server.post("/predict", bomb, Content_Encoding="gzip")
    assert response.status == 413
    assert response.json["error"] == "the body is larger than 10,485 bytes; send a smaller one"
    assert server.post("/predict", picture_bytes).status == 200


def test_a_body_without_a_length_that_is_too_large(serve: Serve) -> None:
    server = serve("--max-body-mib", 0.01)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as link:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        link.sendall(b"3000\r\n" + bytes(0x3000) + b"\r\n")
        assert link.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("limit", ["body-mib", "connections"])
def test_an_early_answer_reaches_who_is_still_sending(serve: Serve, limit: str) -> None:
    """Not a reset: what the client sends is read, or the system would send one."""
    server = serve(f"--max-{limit}", 1)
    host, port = server.url.removeprefix("http://").split(":")
    with (
        socket.create_connection((host, int(port)), 10),
        socket.create_connection((host, int(port)), 10) as link,
    ):
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5000000"
        link.sendall(head.encode() + b"\r\n\r\n" + bytes(100))
        time.sleep(0.2)
        link.sendall(bytes(4_999_900))
        answer = b"".join(iter(lambda: link.recv(10_000), b""))
    status = 413 if limit == "body-mib" else 503
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.endswith(b'"}')


def test_who_never_ends_an_answered_request_is_not_waited_for(serve: Serve) -> None:
    server = serve("--timeout", 0.3)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as link:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
        link.sendall(b"Content-Length: 99999999999\r\n\r\n")
        assert link.recv(1000).startswith(b"HTTP/1.1 413 ")
        with pytest.raises(OSError, match=r"reset|pipe"):
            for _ in range(100):
                link.sendall(b"more")
                time.sleep(0.05)


def test_too_large_a_batch(serve: Serve, picture_pixels: Any) -> None:
    server = serve("--max-batch", 1)
    shape = [2, *picture_pixels.shape]
    tensor = {"name": "image", "datatype": "UINT8", "shape": shape, "data": []}
    response = server.post(INFER, json.dumps({"inputs": [tensor]}).encode())
    assert response.status == 400
    assert "2 images are not allowed; send 1 to 1" in response.json["error"]


def half_sent(server: Server) -> socket.socket:
    """A request whose body stops halfway."""
    host, port = server.url.removeprefix("http://").split(":")
    link = socket.create_connection((host, int(port)), 10)
    link.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n" + bytes(2500))
    return link


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def waiting(server: Server, count: int) -> bool:
    text = server.get("/metrics").body.decode()
    return f"spotimes_requests_in {count:.1f}" in text


@pytest.mark.parametrize(
    "limits",
    [
        ("--max-requests", 2),
        ("--max-body-mib", 0.003, "--max-buffered-mib", 0.006),  # 6,291 bytes
    ],
)
def test_too_much_at_once_is_sent_away_for_a_second(
    serve: Serve, picture_bytes: bytes, limits: tuple[object, ...]
) -> None:
    server = serve(*limits)
    assert len(picture_bytes) > 1500
    with half_sent(server), half_sent(server):
        until(lambda: waiting(server, 2))
        response = server.post("/predict", picture_bytes)
        assert (response.status, response.headers["retry-after"]) == (503, "1")
    until(lambda: waiting(server, 0))
    assert server.post("/predict", picture_bytes).status == 200


def test_a_body_that_does_not_arrive(serve: Serve) -> None:
    server = serve("--timeout", 0.3)
    with half_sent(server) as link:
        assert link.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_head_that_does_not_arrive(serve: Serve) -> None:
    server = serve("--timeout", 0.3)
    host, port = server.url.removeprefix("http://").split(":")
    for begun in (b"", b"GET / HTTP/1.1\r\nHost"):
        with socket.create_connection((host, int(port)), 10) as link:
            link.sendall(begun)
            assert link.recv(1000) == b""
    assert server.get("/v2/health/live").status == 200


def test_a_kept_connection_answers_again_and_ends_when_it_is_idle(serve: Serve) -> None:
    server = serve("--timeout", 1)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as link:
        for _ in range(3):
            link.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"live":true}'):
                answer += link.recv(1000)
            time.sleep(0.5)
        assert link.recv(1000) == b""


def test_too_many_connections_are_sent_away_for_a_second(
    serve: Serve, picture_bytes: bytes
) -> None:
    server = serve("--max-connections", 3)
    host, port = server.url.removeprefix("http://").split(":")
    links = [socket.create_connection((host, int(port)), 10) for _ in range(3)]
    response = server.post("/predict", picture_bytes)
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert response.json == {"error": "3 connections are open already; try again"}
    # These are not even read.
    links += [socket.create_connection((host, int(port)), 10) for _ in range(3)]
    with pytest.raises((OSError, AssertionError)):
        server.get("/v2/health/live")
    for link in links:
        link.close()
    until(lambda: server.get("/v2/health/live").status == 200)
    metrics = server.get("/metrics").body.decode()
    assert 'spotimes_requests_total{route="none",status="503"}' in metrics


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux does this")
def test_who_does_not_read_the_answers_is_not_waited_for_without_end(serve: Serve) -> None:
    server = serve("--max-connections", 1, "--timeout", 0.5)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.settimeout(0.5)
        link.connect((host, int(port)))
        with pytest.raises(OSError):
            while True:
                link.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        until(lambda: server.get("/v2/health/live").status == 200)


def test_a_refused_body_is_not_waited_for_without_end(serve: Serve) -> None:
    server = serve("--timeout", 0.3)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as link:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert link.recv(1000).startswith(b"HTTP/1.1 413 ")
        with pytest.raises(OSError, match=r"reset|pipe"):
            for _ in range(100):
                link.sendall(b"more")
                time.sleep(0.05)


def test_an_answer_that_takes_too_long(serve: Serve, picture_bytes: bytes) -> None:
    """A picture whose pixels take longer to unpack than the limit; until then it counts."""
    server = serve("--timeout", 0.1, "--max-megapixels", 64)
    file = io.BytesIO()
    Image.new("RGB", (8000, 8000)).save(file, "PNG")
    response = server.post("/predict", file.getvalue())
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert response.json["error"] == "no answer within 0.1 s; try again"
    assert waiting(server, 1)
    until(lambda: waiting(server, 0))
    assert server.post("/predict", picture_bytes).status == 200


def test_many_at_once_get_their_own_answers(server: Server, picture_pixels: Any) -> None:
    classifier = Classifier(MODEL)
    images = [np.roll(picture_pixels, shift, axis=1) for shift in range(32)]

    def ask(image: Any) -> Any:
        return server.post(INFER, inference(image)).json["outputs"][0]["data"]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, images))
    expected = classifier.probabilities(np.stack(images))
    np.testing.assert_array_equal(np.array(found, np.float32), expected)


def test_what_fails_once_it_is_too_late_is_not_printed(serve: Serve) -> None:
    server = serve("--timeout", 0.1, "--max-megapixels", 64)
    file = io.BytesIO()
    Image.new("RGB", (8000, 8000)).save(file, "PNG")
    damaged = file.getvalue()[:-50_000]
    assert server.post("/predict", damaged).status == 503
    until(lambda: waiting(server, 0))
    server.process.terminate()
    assert server.process.communicate(timeout=20)[1] == ""


def test_packed_requests_do_not_hold_more_than_they_are(serve: Serve, picture_pixels: Any) -> None:
    """What one may grow to is held while it is unpacked, and no longer."""
    server = serve("--max-body-mib", 1, "--max-buffered-mib", 2)
    body = gzip.compress(inference(picture_pixels))
    assert len(body) > 1500
    for _ in range(5):
        assert server.post(INFER, body, Content_Encoding="gzip").status == 200
    assert "spotimes_buffered_bytes 0.0" in server.get("/metrics").body.decode()


def test_few_files_may_be_open(tmp_path: Any) -> None:
    """The limit is raised to what the connections need, or it is told that it cannot be."""
    code = (
        "import resource, sys;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv.pop(1))));"
        "from app.__main__ import main; main()"
    )
    command = [sys.executable, "-c", code]
    options = ["serve", "--port", "0", "--max-connections"]
    refused = subprocess.run(
        [*command, "300", *options, "100"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("serve: so many connections need 392 open files, and the ")
    with subprocess.Popen(
        [*command, "400", *options, "100"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        server = Server(process.stdout.readline().strip().rstrip("/"), process)
        host, port = server.url.removeprefix("http://").split(":")
        links = [socket.create_connection((host, int(port)), 10) for _ in range(90)]
        assert server.get("/v2/health/live").status == 200
        for link in links:
            link.close()
        process.kill()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_is_answered_before_the_end(
    serve: Serve, picture_bytes: bytes, told: signal.Signals
) -> None:
    server = serve()
    host, port = server.url.removeprefix("http://").split(":")
    request = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture_bytes)}\r\n\r\n"
    with socket.create_connection((host, int(port)), 10) as link:
        link.sendall(request.encode() + picture_bytes[:100])
        until(lambda: waiting(server, 1))
        server.process.send_signal(told)
        threading.Event().wait(0.3)
        link.sendall(picture_bytes[100:])
        assert link.recv(10_000).startswith(b"HTTP/1.1 200 ")
    _, err = server.process.communicate(timeout=20)
    assert (server.process.returncode, err) == (0, "")


def test_without_its_packages_it_says_what_to_run(
    app: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the pipeline's environment before `make serve`."""
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.delitem(sys.modules, "app.server.application", raising=False)
    status, out, err = app("serve", "--model", MODEL)
    assert (status, out) == (2, "")
    assert err == (
        "serve: the package starlette is not installed; run `make serve`, or on a device "
        "`.venv/bin/pip install --requirement app/requirements.txt`\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--port", 70000, "serve: --port: 70000 is not allowed; give 0 to 65535\n"),
        ("--host", "", "serve: --host: is empty; give an address"),
        ("--host", "x" * 64, f"serve: {'x' * 64}, port 8000: "),
        ("--max-megapixels", 65, "serve: --max-megapixels: 65 is not allowed; give at most 64\n"),
        ("--max-batch", 0, "serve: --max-batch: 0 is not allowed; give more than 0\n"),
        ("--timeout", -1, "serve: --timeout: -1 is not allowed; give more than 0, up to 3600\n"),
        ("--max-buffered-mib", 1, "serve: --max-buffered-mib: 1 is not allowed; give at least "),
        ("--samples", "/nowhere", "serve: --samples: /nowhere: is no folder that can be read; "),
        ("--host", "192.0.2.1", "serve: 192.0.2.1, port 8000: "),
        ("--model", "/nowhere.tflite", "serve: /nowhere.tflite: no such file; "),
    ],
)
def test_what_cannot_be_served_is_told(
    app: Callable[..., Ended], option: str, value: object, message: str
) -> None:
    status, out, err = app("serve", option, value)
    assert (status, out) == (2, "")
    assert err.startswith(message)
