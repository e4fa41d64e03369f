"""A real server on loopback."""

import base64
import gzip
import io
import json
import shutil
import socket
import subprocess
import sys
import urllib.parse
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spotimes.explanation.explainer import Explainer
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import read_contract
from spotimes.inference.unknown import scores
from tests.app.conftest import Ended
from tests.app.models import MODEL, with_contract
from tests.app.pictures import png
from tests.app.serving import INFER, Response, Server, inference, serving
from tests.pictures import chunk, encoded
from tests.waiting import SECONDS


@pytest.fixture(scope="session")
def answers(picture_pixels: Any) -> Any:
    """The library's answer to the picture."""
    return Classifier(MODEL).probabilities(picture_pixels)


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


def test_a_picture_of_none_of_the_classes_is_unknown(
    picture_bytes: bytes, picture_pixels: Any, tmp_path: Path
) -> None:
    limits: dict[int | None, bool | None] = {
        10_000: True,
        int(scores(Classifier(MODEL).probabilities(picture_pixels))): False,
        None: None,
    }
    contract, model = read_contract(MODEL), tmp_path / "model.tflite"
    for limit, unknown in limits.items():
        model.write_bytes(with_contract(contract._replace(unknown_below=limit)))
        with serving("--model", model) as running:
            assert running.post("/predict", picture_bytes).json["unknown"] is unknown
            assert running.get("/model").json["unknown_below"] == limit


UNUSUAL: dict[str, Callable[[bytes], bytes]] = {
    "a PNG with a text that unpacks to 8 MiB": lambda png: (
        png[:33] + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(8 << 20))) + png[33:]
    ),
    "a PNG without its end": lambda png: png[:-12],
    "a JPEG without its end": lambda png: encoded(Image.open(io.BytesIO(png)), "JPEG")[:-2],
    "an AVIF": lambda png: encoded(Image.open(io.BytesIO(png)), "AVIF"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_a_sound_picture_is_answered_whatever_else_its_file_holds_or_lacks(
    server: Server, picture_bytes: bytes, name: str
) -> None:
    response = server.post("/predict?top=1", UNUSUAL[name](picture_bytes))
    assert (response.status, len(response.json["predictions"])) == (200, 1)


def test_the_picture_as_the_model_sees_it(server: Server, picture_pixels: Any) -> None:
    large = Image.fromarray(picture_pixels).resize((320, 160))
    file = io.BytesIO()
    large.save(file, "WEBP", lossless=True)
    answer = server.post("/predict?seen=1", file.getvalue()).json
    assert (answer["width"], answer["height"]) == (320, 160)
    scheme, _, data = answer["seen"].partition(",")
    assert scheme == "data:image/png;base64"
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    expected = large.resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(seen, np.asarray(expected))


def test_what_speaks_for_the_classes_is_told_on_demand(
    server: Server, picture_bytes: bytes, picture_pixels: Any
) -> None:
    assert "explanation" not in server.post("/predict", picture_bytes).json
    answer = server.post("/predict?top=3&explain=1", picture_bytes).json
    labels = [each["label"] for each in answer["predictions"]]
    classifier = Classifier(MODEL)
    expected = Explainer(classifier).explain(picture_pixels)
    explanation = answer["explanation"]
    assert (explanation["method"], len(explanation["classes"])) == ("shares", 3)
    for label, each in zip(labels, explanation["classes"], strict=True):
        assert each["label"] == label
        map_ = expected.maps[classifier.contract.class_names.index(label)]
        np.testing.assert_allclose(each["map"], map_, atol=1e-5)
        total = each["bias"] + np.sum(each["map"]) + each["remainder"]
        assert each["logit"] == pytest.approx(total, abs=1e-3)


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
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)],
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
        "extensions": [
            "binary_tensor_data",
            "classification",
            "model_configuration",
            "model_repository",
            "statistics",
        ],
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
        ("POST", "/predict?explain=yes", 400, "explain: must be 0 to 1"),
        ("POST", "/predict", 400, "the picture: is empty; a picture is to be PNG, JPEG"),
        ("POST", INFER, 400, "the request is not JSON"),
        ("GET", "/page/../application.py", 404, "GET /"),
        ("GET", "/samples/none.png", 404, "GET /samples/none.png: not found"),
    ],
)
def test_what_is_refused_is_explained(
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
def test_what_is_no_picture_is_reported(server: Server, body: bytes) -> None:
    response = server.post("/predict", body)
    assert response.status == 400
    assert response.json["error"].startswith("the picture: ")


def test_a_picture_of_too_many_pixels(server: Server) -> None:
    response = server.post("/predict", png(6000, 6000, bytes(1000)))
    assert response.status == 413
    assert "36,000,000 pixels, and at most 25,000,000 are read" in response.json["error"]
    assert server.post("/predict", png(10**6, 10**6, bytes(1000))).status == 413


def same(response: Response) -> Any:
    """An answer but for its time."""
    assert response.status == 200, response.json
    return {key: value for key, value in response.json.items() if key != "milliseconds"}


@pytest.mark.parametrize("packing", [None, "x-gzip"])
def test_a_form_and_json_are_answered_as_the_files_bytes(
    server: Server, picture_bytes: bytes, packing: str | None
) -> None:
    """Also where they are compressed, and with the same parameters."""
    uploads = {
        "multipart/form-data; boundary=cut": (
            b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            + picture_bytes
            + b"\r\n--cut--\r\n"
        ),
        "application/json": json.dumps(
            {"image": base64.b64encode(picture_bytes).decode()}
        ).encode(),
    }
    expected = same(server.post("/predict?top=3&seen=1", picture_bytes))
    for content_type, body in uploads.items():
        headers = {"Content_Type": content_type}
        if packing:
            headers["Content_Encoding"] = packing
        sent = gzip.compress(body) if packing else body
        assert same(server.post("/predict?top=3&seen=1", sent, **headers)) == expected


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ("--data-binary @a.png", 200),
        ("--data-binary @a.png -H Content-Type:", 200),
        ("-T a.png -X POST", 200),
        ("-F file=@a.png", 200),
        ("-F picture=@a.png;type=image/png", 200),
        ("-F file=<a.png", 200),
        ("-F file=@a.png -H Transfer-Encoding:chunked", 200),
        ("-F file=@a.png -F top=3", 400),
        ("-F file=a.png", 400),
        ("--json @a.json", 200),
        ("-d @a.json", 200),
        ("-d @a.png", 400),
        ("-d @a.png -H Content-Type:image/png", 400),
        ("--data-urlencode image@a.png", 400),
    ],
)
def test_what_curl_sends(
    server: Server, tmp_path: Path, picture_bytes: bytes, options: str, status: int
) -> None:
    (tmp_path / "a.png").write_bytes(picture_bytes)
    image = base64.encodebytes(picture_bytes).decode()
    (tmp_path / "a.json").write_text(json.dumps({"image": image}, indent=1))
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", *options.split(), f"{server.url}/predict?top=1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, code = done.stdout.rpartition("\n")
    answer = json.loads(body)
    assert int(code) == status
    if status == 200:
        expected = same(server.post("/predict?top=1", picture_bytes))
        assert answer["predictions"] == expected["predictions"]
    elif "-F" in options:
        assert "curl -F file=@FILE" in answer["error"] or "a picture is to be" in answer["error"]
    else:
        assert "curl --data-binary @FILE" in answer["error"]


def test_what_is_no_http_is_reported(server: Server) -> None:
    with server.connect() as link:
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
    name = 'spotimes_requests_total{route="predict",status="200"}'
    before = server.metric(name)
    server.post("/predict", picture_bytes)
    assert server.metric(name) == before + 1
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


def test_many_at_once_get_their_own_answers(server: Server, picture_pixels: Any) -> None:
    classifier = Classifier(MODEL)
    images = [np.roll(picture_pixels, shift, axis=1) for shift in range(32)]

    def ask(image: Any) -> Any:
        return server.post(INFER, inference(image)).json["outputs"][0]["data"]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, images))
    expected = classifier.probabilities(np.stack(images))
    np.testing.assert_array_equal(np.array(found, np.float32), expected)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="the system has only IPv4")
@pytest.mark.parametrize(
    ("host", "shown", "reached"),
    [
        ("::", "[::]", {"::1", "127.0.0.1"}),
        ("[::]", "[::]", {"::1", "127.0.0.1"}),
        ("0::0", "[0::0]", {"::1", "127.0.0.1"}),
        ("::1", "[::1]", {"::1"}),
        ("0.0.0.0", "0.0.0.0", {"127.0.0.1"}),
    ],
)
def test_the_addresses_it_listens_at(host: str, shown: str, reached: set[str]) -> None:
    with serving("--host", host) as server:
        port = urllib.parse.urlsplit(server.url).port
        assert server.url == f"http://{shown}:{port}"
        for address in ("::1", "127.0.0.1"):
            refused = pytest.raises(ConnectionRefusedError)
            with (
                nullcontext() if address in reached else refused,
                socket.create_connection((address, port), SECONDS) as link,
            ):
                link.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                assert link.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_without_its_packages_it_says_what_to_run(
    app: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the pipeline's environment before `make serve`."""
    monkeypatch.setitem(sys.modules, "httptools", None)
    # What imported it before would not ask again, and so serve, which has no end.
    for name in [name for name in sys.modules if name.startswith("app.server.")]:
        monkeypatch.delitem(sys.modules, name)
    status, out, err = app("serve", "--model", MODEL)
    assert (status, out) == (2, "")
    assert err == (
        "serve: the package httptools is not installed; run `make serve`, or on a device "
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
        ("--host", "2001:db8::1", "serve: [2001:db8::1], port 8000: "),
        ("--model", "/nowhere.tflite", "serve: /nowhere.tflite: no such file; "),
    ],
)
def test_what_cannot_be_served_is_reported(
    app: Callable[..., Ended], option: str, value: object, message: str
) -> None:
    status, out, err = app("serve", option, value)
    assert (status, out) == (2, "")
    assert err.startswith(message)
