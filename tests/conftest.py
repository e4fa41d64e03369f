"""What several test modules share. TensorFlow is imported only by the fixtures that need it."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import Card, Split, SplitName, write_prepared
from spotimes.downloads.download import fetch_any
from spotimes.ingestion import readers
from spotimes.ingestion.catalog import load_catalog
from spotimes.ingestion.division import set_aside
from spotimes.system import command
from tests.project import CATALOGS
from tests.repository import link_data

CATALOG = load_catalog(CATALOGS / "cifar10.yaml")
DATASETS = {"cifar10", "canonical", "mnist", "fashion_mnist_path"}  # fixtures that fetch
THREADS = 2  # TensorFlow's pools are made once a process, so all tests share the count

# Hundreds of processes import the same modules; where Python is told to leave no bytecode, each
# would compile all of ours anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses a real dataset is slow, as it may have to be downloaded; the longest goes first."""
    for item in items:
        if isinstance(item, pytest.Function) and not DATASETS.isdisjoint(item.fixturenames):
            item.add_marker("slow")
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of these tests are on loopback, where no proxy leads."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture(autouse=True)
def _quick_tests_stay_here(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They reach no other host, and no dataset that an earlier run fetched."""
    if request.node.get_closest_marker("slow"):
        return
    monkeypatch.setenv("SPOTIMES_CACHE", str(tmp_path_factory.getbasetemp() / "no-dataset"))
    look_up = socket.getaddrinfo

    def loopback(host: Any, *others: Any, **named: Any) -> Any:
        if host not in {"127.0.0.1", "localhost", "::1", None}:
            raise socket.gaierror(socket.EAI_FAIL, f"a quick test asks for {host}")
        return look_up(host, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)


@pytest.fixture(scope="session")
def cifar10() -> dict[SplitName, Split]:
    """Real images: 240 for training, 80 for validation, 50 for the test, all classes alike."""
    mirror, files = fetch_any(CATALOG.mirrors)
    canonical = readers.read(CATALOG, mirror, files)
    names = CATALOG.class_names
    some = taken(canonical.train, first_of_each_class(canonical.train.labels, 32))
    aside = set_aside(some.labels, 0.25, 1, len(names))
    test = taken(canonical.test, first_of_each_class(canonical.test.labels, 5))
    return {"train": taken(some, ~aside), "validation": taken(some, aside), "test": test}


def first_of_each_class(labels: Any, count: int) -> Any:
    classes = [np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]
    return np.sort(np.concatenate(classes))


def taken(split: Split, indices: Any) -> Split:
    return Split(split.images[indices], split.labels[indices])


@pytest.fixture(scope="session")
def card() -> Card:
    return CATALOG.card()


@pytest.fixture(scope="session")
def prepared(
    cifar10: dict[SplitName, Split], card: Card, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """`cifar10` as `prepare` would leave it; not to be written to."""
    folder = tmp_path_factory.mktemp("data") / "prepared"
    write_prepared(folder, card, cifar10)
    return folder


@pytest.fixture
def repository(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder but for `prepared` where the stages look for it, and the current one."""
    monkeypatch.chdir(tmp_path)
    link_data(prepared)
    return tmp_path


@pytest.fixture(scope="session")
def network() -> Architecture:
    """330 parameters, batch norm included; 32,080 multiply-accumulates on CIFAR-10."""
    return Architecture(
        [
            Block(kind="conv", channels=4, stride=2),
            Block(kind="separable", channels=8, stride=2),
        ],
        48,
    )


@pytest.fixture(scope="session")
def reseed() -> Callable[[], None]:
    """Makes TensorFlow deterministic, and seeds it anew at each call."""
    from spotimes.training.determinism import make_deterministic  # noqa: PLC0415

    def again() -> None:
        make_deterministic(seed=1, threads=THREADS)

    again()
    return again


@pytest.fixture(scope="session")
def randomized(reseed: Callable[[], None]) -> Callable[[Any, int], Any]:
    """Gives a model weights and batch-norm statistics as a training might leave them."""
    from spotimes.nn.frameworks import keras  # noqa: PLC0415

    def fill(model: Any, seed: int) -> Any:
        rng = np.random.default_rng(seed)
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                shape = layer.gamma.shape
                layer.set_weights(
                    [
                        rng.uniform(0.5, 1.5, shape),
                        rng.normal(0, 0.3, shape),
                        rng.normal(0, 0.3, shape),
                        rng.uniform(0.3, 3, shape),
                    ]
                )
            elif layer.weights:
                weights = layer.get_weights()
                layer.set_weights([rng.normal(0, 1, each.shape) for each in weights])
        return model

    return fill


@pytest.fixture(scope="session")
def trained(network: Architecture, randomized: Callable[[Any, int], Any]) -> Any:
    """The small network on CIFAR-10, as after a training; not to be changed."""
    from spotimes.nn.network import build  # noqa: PLC0415

    return randomized(build(network, (32, 32, 3), 10), 1)


@pytest.fixture(scope="session")
def without_norm(network: Architecture, trained: Any) -> Any:
    """`trained`, its batch norm folded."""
    from spotimes.quantization.fold import folded  # noqa: PLC0415

    return folded(trained, network)


@pytest.fixture(scope="session")
def fp32(without_norm: Any) -> bytes:
    """The FP32 .tflite file of `trained`, without metadata."""
    from spotimes.quantization.convert import to_fp32  # noqa: PLC0415

    return to_fp32(without_norm)


@pytest.fixture(scope="session")
def int8(without_norm: Any, cifar10: dict[SplitName, Split]) -> bytes:
    """The INT8 .tflite file of `trained`, without metadata."""
    from spotimes.quantization.convert import to_int8  # noqa: PLC0415

    return to_int8(without_norm, cifar10["train"].images[:50])


@pytest.fixture
def one_line(
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Callable[[str, Callable[[], None]], str]]:
    """Runs a command that must be refused: status 2 and one line on standard error, given back."""
    handler = signal.getsignal(signal.SIGTERM)

    def refused(name: str, main: Callable[[], None]) -> str:
        with pytest.raises(SystemExit) as ended:
            command.run(name, main)
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{name}: ")
        return line.removeprefix(f"{name}: ")

    yield refused
    signal.signal(signal.SIGTERM, handler)
