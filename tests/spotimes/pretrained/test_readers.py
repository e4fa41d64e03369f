import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Block
from spotimes.dataset.backbone import Tensors
from spotimes.downloads.download import cached_path
from spotimes.errors import InputError
from spotimes.pretrained.card import BackboneCard, load_backbone_card
from spotimes.pretrained.readers import digest, fetch, layers_of, read
from spotimes.pretrained.variables import variables
from tests.project import ROOT
from tests.spotimes.pretrained.checkpoints import DATA
from tests.spotimes.pretrained.checkpoints import saved as checkpoint
from tests.spotimes.pretrained.torch_files import Arrays, saved

pytestmark = pytest.mark.usefixtures("reseed")  # else TensorFlow makes its pools by itself

MEMBER = "package/weights.pth"
BLOCKS = [
    Block(kind="conv", channels=4, stride=2),
    Block(kind="inverted_residual", channels=4, expansion=2),
]
GENERATOR = np.random.default_rng(1)


def state() -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    """The tensors of `BLOCKS` and a classifier of 5, with PyTorch's axes."""
    kernels = {"stem": (4, 3, 3, 3), "expand": (8, 4, 1, 1), "depth": (8, 1, 3, 3)}
    found = {}
    for name, shape in {**kernels, "project": (4, 8, 1, 1)}.items():
        found[f"{name}.weight"] = GENERATOR.normal(size=shape).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}_bn.{part}"] = GENERATOR.random(shape[0]).astype(np.float32)
        found[f"{name}_bn.num_batches_tracked"] = np.array(9)
    found["fc.weight"] = GENERATOR.normal(size=(5, 4)).astype(np.float32)
    found["fc.bias"] = GENERATOR.normal(size=5).astype(np.float32)
    return found


STATE = state()


def as_ours(arrays: Arrays) -> Tensors:
    """Written out by hand, as the reader must not agree with itself alone."""
    axes = {"stem": (2, 3, 1, 0), "expand": (2, 3, 1, 0), "depth": (2, 3, 0, 1)}
    ours = {"stem": "block1_conv", "expand": "block2_expand", "depth": "block2_depthwise"}
    found = {}
    for theirs, name in {**ours, "project": "block2_project"}.items():
        kernel = arrays[f"{theirs}.weight"]
        found[f"{name}/kernel"] = kernel.transpose(axes.get(theirs, (2, 3, 1, 0)))
        norm = arrays[f"{theirs}_bn.weight"], arrays[f"{theirs}_bn.bias"]
        found[f"{name}/gamma"], found[f"{name}/beta"] = norm
        found[f"{name}/mean"] = arrays[f"{theirs}_bn.running_mean"]
        found[f"{name}/variance"] = arrays[f"{theirs}_bn.running_var"]
    found["logits/kernel"] = arrays["fc.weight"].T
    return found | {"logits/bias": arrays["fc.bias"]}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPOTIMES_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def card_of(content: bytes, limit: int = 1 << 20) -> BackboneCard:
    """A card whose only mirror's archive, with this member, lies in the cache already."""
    archive = Path("archive.zip").absolute()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(MEMBER, content)
    packed = archive.read_bytes()
    url = "https://weights.example/archive.zip"
    described = {
        "classes": 5,
        "sha256": digest(as_ours(STATE)),
        "mirrors": [
            {
                "files": [{"url": url, "hash": f"sha256:{hashlib.sha256(packed).hexdigest()}"}],
                "torch": {"member": MEMBER, "bytes": limit},
            }
        ],
    }
    card = BackboneCard.model_validate(
        {
            **dict.fromkeys(("name", "trained_on", "licence", "citation", "homepage"), "x"),
            "blocks": [block.model_dump() for block in BLOCKS],
            "weights": described,
        }
    )
    assert card.weights is not None
    cached_path(card.weights.mirrors[0].files[0]).write_bytes(packed)
    return card


@pytest.mark.usefixtures("cache")
class TestFetch:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    def test_tensors_get_our_names_and_axes(self) -> None:
        found, expected = fetch(card_of(saved(STATE))), as_ours(STATE)
        assert set(found) == set(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)

    def test_no_backbone_needs_no_weights(self) -> None:
        assert fetch(load_backbone_card(ROOT / "data/backbones/none.yaml")) == {}

    def test_other_weights_than_the_card_promises_are_refused(self) -> None:
        other = STATE | {"fc.bias": STATE["fc.bias"] + 1}
        with pytest.raises(InputError, match=r"weights\.pth: the tensors' SHA-256 is [0-9a-f]+, "):
            fetch(card_of(saved(other)))

    def test_too_few_tensors_are_refused(self) -> None:
        fewer = {name: each for name, each in STATE.items() if name != "fc.bias"}
        with pytest.raises(InputError, match="holds 21 tensors, and the blocks need 22"):
            fetch(card_of(saved(fewer)))

    def test_a_tensor_of_another_shape_is_named(self) -> None:
        other = STATE | {"depth.weight": np.ascontiguousarray(STATE["depth.weight"][:, :, :2])}
        with pytest.raises(
            InputError, match=r"block2_depthwise/kernel is float32 of \(2, 3, 8, 1\)"
        ):
            fetch(card_of(saved(other)))

    def test_a_larger_member_than_the_card_says_is_refused(self) -> None:
        content = saved(STATE)
        with pytest.raises(InputError, match="more than the 100 that a member may have"):
            fetch(card_of(content, limit=100))


def test_the_digest_knows_names_shapes_and_values() -> None:
    array = np.arange(6, dtype=np.float32)
    alike = [
        {"a": array.reshape(2, 3), "b": array},
        {"b": array, "a": np.asfortranarray(array.reshape(2, 3))},
    ]
    others = [
        {"a": array.reshape(3, 2), "b": array},
        {"a": array.reshape(2, 3), "c": array},
        {"a": array.reshape(2, 3), "b": array + 1},
    ]
    first, second = map(digest, alike)
    assert first == second
    assert len({first, *map(digest, others)}) == 4


def test_layers_are_those_with_weights() -> None:
    card = load_backbone_card(ROOT / "data/backbones/efficientnet_lite0.yaml")
    assert len(layers_of(card.backbone)) == 1 + 2 + 3 * 15 + 1


# As the release's authors call what `STATE`, with one more block behind it, holds.
THEIRS = {
    "block1_conv": ("stem/conv2d/kernel", "stem/tpu_batch_normalization"),
    "block2_expand": ("blocks_0/conv2d/kernel", "blocks_0/tpu_batch_normalization"),
    "block2_depthwise": (
        "blocks_0/depthwise_conv2d/depthwise_kernel",
        "blocks_0/tpu_batch_normalization_1",
    ),
    "block2_project": ("blocks_0/conv2d_1/kernel", "blocks_0/tpu_batch_normalization_2"),
    "block3_conv": ("head/conv2d/kernel", "head/tpu_batch_normalization"),
}
NORM = {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}


def as_theirs(tensors: Tensors, scope: str) -> dict[str, Any]:
    """A training's variables: those that are trained are other than their moving averages."""
    found = {}
    for name, array in tensors.items():
        layer, part = name.split("/")
        if layer == "logits":
            theirs = f"head/dense/{part}"
        else:
            kernel, norm = THEIRS[layer]
            theirs = kernel if part == "kernel" else f"{norm}/{NORM[part]}"
        found[f"{scope}/{theirs}"] = array + 1
        found[f"{scope}/{theirs}/ExponentialMovingAverage"] = array
    return found | {"global_step": np.array(7, np.int64)}


def tar_gz(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def release(arrays: dict[str, Any], folder: Path, prefix: str) -> bytes:
    index, data = checkpoint(arrays, folder)
    return tar_gz({"net/checkpoint": b"", f"{prefix}.{DATA}": data, f"{prefix}.index": index})


class Host(ThreadingHTTPServer):
    """Serves what `content` has by its paths, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content: dict[str, bytes] = {}
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        host: Any = self.server
        host.asked.append(self.path)
        if self.path not in host.content:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(host.content[self.path])))
        self.end_headers()
        self.wfile.write(host.content[self.path])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        thread = threading.Thread(target=host.serve_forever, args=(0.01,))
        thread.start()
        yield host
        host.shutdown()
        thread.join()


LAST = {
    "head.weight": GENERATOR.normal(size=(4, 4, 1, 1)).astype(np.float32),
    **{
        f"head_bn.{part}": GENERATOR.random(4).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var")
    },
}
WHOLE = {**{name: each for name, each in STATE.items() if name[:3] != "fc."}, **LAST} | {
    name: STATE[name] for name in ("fc.weight", "fc.bias")
}
OURS = {
    **as_ours(STATE),
    "block3_conv/kernel": LAST["head.weight"].transpose(2, 3, 1, 0),
    "block3_conv/gamma": LAST["head_bn.weight"],
    "block3_conv/beta": LAST["head_bn.bias"],
    "block3_conv/mean": LAST["head_bn.running_mean"],
    "block3_conv/variance": LAST["head_bn.running_var"],
}


def card_at(host: Host) -> BackboneCard:
    """Its authors' checkpoint, then a package with the same in a file of PyTorch."""
    packed = tar_gz({MEMBER: saved(WHOLE)})
    host.content["/package.tar.gz"] = packed
    url = f"http://127.0.0.1:{host.server_port}"
    authors = {
        "files": [{"url": f"{url}/release.tar.gz", "hash": None}],
        "tensorflow": {"prefix": "net/model.ckpt", "scope": "net", "bytes": 1 << 20},
    }
    promised = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    package = {
        "files": [{"url": f"{url}/package.tar.gz", "hash": promised}],
        "torch": {"member": MEMBER, "bytes": 1 << 20},
    }
    blocks = [*BLOCKS, Block(kind="conv", channels=4, kernel=1)]
    return BackboneCard.model_validate(
        {
            **dict.fromkeys(("name", "trained_on", "licence", "citation", "homepage"), "x"),
            "blocks": [block.model_dump() for block in blocks],
            "weights": {"classes": 5, "sha256": digest(OURS), "mirrors": [authors, package]},
        }
    )


@pytest.mark.usefixtures("cache")
class TestMirrors:
    def test_the_authors_checkpoint_goes_first_and_its_averages_count(
        self, host: Host, tmp_path: Path
    ) -> None:
        host.content["/release.tar.gz"] = release(
            as_theirs(OURS, "net"), tmp_path, "./net/model.ckpt"
        )
        card = card_at(host)
        for _ in range(2):  # the second time from the cache
            found = fetch(card)
            assert digest(found) == digest(OURS)
        assert host.asked == ["/release.tar.gz"]

    @pytest.mark.parametrize("damage", ["none", "page", "truncated", "other", "elsewhere"])
    def test_one_without_these_tensors_gives_a_line_and_the_next_is_asked(
        self, host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
    ) -> None:
        good = release(as_theirs(OURS, "net"), tmp_path, "net/model.ckpt")
        other = as_theirs({**OURS, "logits/bias": OURS["logits/bias"] + 1}, "net")
        answer, reason = {
            "none": (None, "HTTP 404 Not Found"),
            "page": (b"<html>", "is no whole .tar.gz: not a gzip file"),
            "truncated": (good[:-500], "is no whole .tar.gz: "),
            "other": (release(other, tmp_path, "net/model.ckpt"), "the tensors' SHA-256 is "),
            "elsewhere": (release(other, tmp_path, "model.ckpt"), "has no net/model.ckpt.data-0"),
        }[damage]
        if answer is not None:
            host.content["/release.tar.gz"] = answer
        card = card_at(host)
        assert digest(fetch(card)) == digest(OURS)
        assert host.asked == ["/release.tar.gz", "/package.tar.gz"]
        failed = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]
        assert len(failed) == 1
        assert failed[0].startswith(f"mirror failed: http://127.0.0.1:{host.server_port}/release")
        assert reason in failed[0]
        assert card.weights is not None
        assert not cached_path(card.weights.mirrors[0].files[0]).exists()

    def test_without_one_that_delivers_the_line_names_both(self, host: Host) -> None:
        card = card_at(host)
        host.content = {"/release.tar.gz": b"<html>"}
        with pytest.raises(InputError) as caught:
            fetch(card)
        message = str(caught.value)
        assert message.startswith("no mirror delivers: http://127.0.0.1:")
        assert "not a gzip file; http://127.0.0.1:" in message
        assert "/package.tar.gz: HTTP 404 Not Found; check the network" in message


@pytest.mark.slow
def test_lite0s_tensors_by_their_authors_names_have_the_cards_digest(tmp_path: Path) -> None:
    card = load_backbone_card(ROOT / "data/backbones/efficientnet_lite0.yaml")
    assert card.weights is not None
    authors, package = card.weights.mirrors
    assert authors.tensorflow is not None
    only_package = card.model_copy(
        update={"weights": card.weights.model_copy(update={"mirrors": [package]})}
    )
    tensors = fetch(only_package)
    scope, prefix = authors.tensorflow.scope, authors.tensorflow.prefix
    # `fetch` has them in the order of the layers, and test_variables.py knows the names.
    names = variables(layers_of(card.backbone))
    arrays = {
        f"{scope}/{name}/ExponentialMovingAverage": array
        for name, array in zip(names, tensors.values(), strict=True)
    }
    path = tmp_path / "release.tar.gz"
    path.write_bytes(release(arrays, tmp_path, prefix))
    assert digest(read(card, card.weights, authors, path)) == card.weights.sha256
