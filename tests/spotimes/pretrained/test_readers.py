import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from spotimes.blocks import Block
from spotimes.dataset.backbone import Tensors
from spotimes.downloads.download import cached_path
from spotimes.errors import InputError
from spotimes.pretrained.card import BackboneCard, load_backbone_card
from spotimes.pretrained.readers import digest, fetch, layers_of
from tests.project import ROOT
from tests.spotimes.pretrained.torch_files import Arrays, saved

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


def card_of(content: bytes, **weights: object) -> BackboneCard:
    """A card whose only mirror's archive, with this member, lies in the cache already."""
    archive = Path("archive.zip").absolute()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(MEMBER, content)
    packed = archive.read_bytes()
    url = "https://weights.example/archive.zip"
    described = {
        "classes": 5,
        "bytes": len(content),
        "sha256": digest(as_ours(STATE)),
        "mirrors": [
            {
                "files": [{"url": url, "hash": f"sha256:{hashlib.sha256(packed).hexdigest()}"}],
                "torch": {"member": MEMBER},
            }
        ],
    }
    card = BackboneCard.model_validate(
        {
            **dict.fromkeys(("name", "trained_on", "licence", "citation", "homepage"), "x"),
            "blocks": [block.model_dump() for block in BLOCKS],
            "weights": described | weights,
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
            fetch(card_of(content, bytes=100))


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
