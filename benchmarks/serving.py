"""A server to measure, and the requests that it is sent."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from app.server import inference_protocol as protocol
from benchmarks.project import MODEL, ROOT
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.preprocessing.resize import load_image


class Sent(NamedTuple):
    """A POST request."""

    path: str
    body: bytes
    headers: dict[str, str]


class Server(NamedTuple):
    """A server on loopback: its process' id, and its port."""

    pid: int
    port: int


def sent_requests(picture: Path) -> dict[str, Sent]:
    """The same picture as a file to be decoded, and as a tensor of the inference protocol.

    `tensor` is sent as bytes after the JSON, `json` as numbers in it.

    Raises:
        InputError: the picture cannot be read, or the model cannot be used.
    """
    if not picture.is_file():
        raise InputError(f"{picture}: no such file; make repro makes data/samples")
    pixels = load_image(picture, str(picture), Classifier(MODEL).contract)
    tensor = {"name": protocol.INPUT, "datatype": "UINT8", "shape": [1, *pixels.shape]}
    numbers = tensor | {"data": pixels.ravel().tolist()}
    sized = tensor | {"parameters": {"binary_data_size": pixels.size}}
    head = json.dumps({"inputs": [sized], "parameters": {"binary_data_output": True}}).encode()
    infer = f"/v2/models/{MODEL.stem}/infer"
    return {
        "picture": Sent("/predict", picture.read_bytes(), {}),
        "tensor": Sent(infer, head + pixels.tobytes(), {protocol.HEADER_LENGTH: str(len(head))}),
        "json": Sent(
            infer,
            json.dumps({"inputs": [numbers]}).encode(),
            {"Content-Type": "application/json"},
        ),
    }


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    """Runs `app serve` with further arguments on a free port until the block ends.

    Raises:
        InputError: it does not start.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = urlsplit(process.stdout.readline().strip()).port
            if port is None:
                raise InputError("app serve did not start; what it said is above")
            yield Server(process.pid, port)
        finally:
            process.terminate()
