from pathlib import Path
from typing import Any

import pytest
import yaml

from spotimes.blocks import Architecture, layers
from spotimes.errors import InputError
from spotimes.pixels import PLAIN, Normalization
from spotimes.pretrained.card import load_backbone_card
from spotimes.system.validation import load_yaml
from tests.project import ROOT

CARDS = sorted((ROOT / "data/backbones").glob("*.yaml"))
LITE0 = ROOT / "data/backbones/efficientnet_lite0.yaml"


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_a_card_loads(path: Path) -> None:
    card = load_backbone_card(path)
    assert card.name
    assert card.licence
    assert (card.weights is None) == (path.stem == "none")


def test_efficientnet_lite0_is_as_published() -> None:
    card = load_backbone_card(LITE0)
    assert card.backbone.normalization == Normalization(127, 128)
    network = Architecture(card.blocks)
    found = layers(network, (224, 224, 3))
    assert len(card.blocks) == 18
    assert found[-1].output_shape == (7, 7, 1280)
    # Its authors say 4.7 M parameters, of which batch norm has two a channel, and 407 M
    # multiply-adds, which count the additions of batch norm and of residuals, too.
    weights = sum(layer.weights + 2 * layer.biases for layer in found) + 1281 * 1000
    assert weights == 4_652_008
    assert sum(layer.macs for layer in found) == pytest.approx(385e6, rel=0.01)


def test_without_a_backbone_images_are_plain() -> None:
    assert load_backbone_card(ROOT / "data/backbones/none.yaml").normalization == PLAIN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks": []}, "blocks need weights, and weights blocks"),
        ({"weights": None}, "blocks need weights, and weights blocks"),
        ({"scale": 0}, "scale: 0 is not allowed"),
        ({"offset": 256}, "offset: 256 is not allowed"),
        ({"licenze": "x"}, "licenze: unknown key"),
    ],
)
def test_what_is_not_allowed_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(load_yaml(LITE0) | change))
    with pytest.raises(InputError) as caught:
        load_backbone_card(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0"}, "a SHA-256 is 64 digits of 0-9 and a-f"),
        ({"mirrors": []}, "mirrors: [] is not allowed"),
        (
            {"mirrors": [{"files": [{"url": "https://a.example/b.tar.gz", "hash": None}]}]},
            "mirrors[0]: must have one of torch, tensorflow",
        ),
        (
            {"mirrors": [{"files": [{"url": "https://a.example/b.tar.gz"}]}]},
            "mirrors[0].files[0].hash: missing",
        ),
        (
            {
                "mirrors": [
                    {
                        "files": [{"url": "https://a.example/b.pth", "hash": "md5:" + 32 * "0"}],
                        "torch": {"member": "b.pth", "bytes": 1},
                    }
                ]
            },
            "the file must be an archive",
        ),
    ],
)
def test_weights_that_are_not_allowed_are_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path, card = tmp_path / "mine.yaml", load_yaml(LITE0)
    path.write_text(yaml.safe_dump(card | {"weights": card["weights"] | change}))
    with pytest.raises(InputError) as caught:
        load_backbone_card(path)
    assert message in str(caught.value)


def test_an_unknown_card_is_reported_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError) as caught:
        load_backbone_card(Path("data/backbones/resnet.yaml"))
    assert str(caught.value) == (
        "data/backbones/resnet.yaml: no such file; let network.backbone.card name one of "
        "data/backbones/efficientnet_lite0.yaml, data/backbones/none.yaml"
    )
