"""A server in a process of its own, and requests to it."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.project import ROOT
from tests.waiting import SECONDS

INFER = "/v2/models/model_int8/infer"


class Response(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Server(NamedTuple):
    """A server of its own process.

    Attributes:
        url: without a slash at its end.
        process: it.
    """

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> Response:
        """Asks for a path."""
        return self.request(urllib.request.Request(self.url + path))

    def post(self, path: str, body: bytes, **headers: str) -> Response:
        """Sends a body; underscores in the headers' names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Content-Type", "application/octet-stream")
        return self.request(urllib.request.Request(self.url + path, body, named))

    def request(self, request: urllib.request.Request) -> Response:
        """Sends a request; errors are answers, too."""
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return Response(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Response(error.code, dict(error.headers), error.read())

    def connect(self) -> socket.socket:
        """Opens a connection."""
        address = urllib.parse.urlsplit(self.url)
        return socket.create_connection((address.hostname, address.port), SECONDS)

    def metric(self, name: str) -> float:
        """The value of a metric, 0 if it has none yet."""
        lines = self.get("/metrics").body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def started(*arguments: object) -> Server:
    """Starts a server at a free port."""
    return announced([sys.executable, "-m", "app", "serve", "--port", "0", *map(str, arguments)])


def announced(command: list[str]) -> Server:
    """The server that a command starts, once it says where."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line.startswith("http://"):
        raise AssertionError(process.communicate(timeout=10))
    return Server(line.rstrip("/"), process)


@contextmanager
def serving(*arguments: object) -> Iterator[Server]:
    """A server that runs until the block ends."""
    server = started(*arguments)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


def inference(pixels: Any) -> bytes:
    """A request of the inference protocol, for one image."""
    shape = [1, *pixels.shape]
    tensor = {"name": "image", "datatype": "UINT8", "shape": shape, "data": pixels.ravel().tolist()}
    return json.dumps({"inputs": [tensor]}).encode()
