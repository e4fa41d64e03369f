import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from app.__main__ import main
from spotimes.dataset.prepared import Card, Split, SplitName
from spotimes.inference.contract import Contract, read_contract
from tests.app.models import MODEL, with_contract
from tests.app.serving import Server, serving
from tests.folders import write_folder


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
def model(request: pytest.FixtureRequest, card: Card, tmp_path: Path) -> Path:
    """The committed model, saying that it wants its pictures in one of the ways."""
    contract = Contract(tuple(card.class_names), 32, 32, "rgb", request.param, 255)
    path = tmp_path / "model.tflite"
    path.write_bytes(with_contract(contract))
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


@pytest.fixture(scope="session")
def doubting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed model with a limit that no score reaches: every picture is unknown to it."""
    path = tmp_path_factory.mktemp("doubting") / "model.tflite"
    path.write_bytes(with_contract(read_contract(MODEL)._replace(unknown_below=10_000)))
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, picture_bytes: bytes) -> Iterator[Server]:
    """A server of the committed model, with the usual limits and a sample, for tests that only ask.

    The sample is `a cat.png`.
    """
    samples = tmp_path_factory.mktemp("samples")
    (samples / "a cat.png").write_bytes(picture_bytes)
    with serving("--samples", samples) as running:
        yield running
