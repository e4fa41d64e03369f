import io
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from app.__main__ import main
from spotimes.dataset.prepared import Card, Split, SplitName
from spotimes.inference.contract import Contract
from spotimes.tflite.metadata import embedded
from tests.folders import write_folder
from tests.project import ROOT

MODEL = ROOT / "models/model_int8.tflite"


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def app(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """Runs `python -m app` within this process."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["app", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture(params=["squash", "fit_shortest", "fit_longest"])
def model(request: pytest.FixtureRequest, int8: bytes, card: Card, tmp_path: Path) -> Path:
    """A model of the small network that wants its pictures in one of the ways."""
    contract = Contract(tuple(card.class_names), 32, 32, "rgb", request.param, 255)
    path = tmp_path / "model.tflite"
    path.write_bytes(embedded(int8, contract))
    return path


@pytest.fixture
def folder(tmp_path: Path, cifar10: dict[SplitName, Split], card: Card) -> Path:
    """Real pictures, some of them of another size and kind."""
    root = write_folder(tmp_path / "ma photo é", cifar10["train"], card.class_names, 2)
    wide = Image.open(root / "cat/00.png").resize((90, 50))
    wide.save(root / "cat/wide.jpg")
    wide.rotate(90, expand=True).convert("L").save(root / "dog/tall and grey.png")
    return root


@pytest.fixture(scope="session")
def picture_bytes(cifar10: dict[SplitName, Split]) -> bytes:
    """A test image as a PNG."""
    file = io.BytesIO()
    Image.fromarray(cifar10["test"].images[0]).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def picture_pixels(cifar10: dict[SplitName, Split]) -> Any:
    """Its pixels."""
    return np.asarray(cifar10["test"].images[0])


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
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Response(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Response(error.code, dict(error.headers), error.read())


def started(*arguments: object) -> Server:
    """Starts a server at a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line.startswith("http://"):
        raise AssertionError(process.communicate(timeout=10))
    return Server(line.rstrip("/"), process)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers that are stopped at the end."""
    servers = []

    def start(*arguments: object) -> Server:
        servers.append(started(*arguments))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server of the committed model, with the usual limits, for all tests that do it no harm."""
    running = started()
    yield running
    running.process.kill()
    running.process.communicate()
