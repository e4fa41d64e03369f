"""A repository's parts as the project's commands expect them; in the current folder by default."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import PREPARED
from spotimes.nn.architecture import architecture
from spotimes.params.load import PARAMS_FILE, load_group
from spotimes.params.network import Network
from spotimes.pretrained.card import load_backbone_card
from tests.project import ROOT


def init(folder: Path = Path()) -> None:
    """Makes a Git repository with an author, on the branch main, in which DVC finds its own."""
    git("init", "--quiet", "--initial-branch", "main", folder=folder)
    git("config", "user.name", "test", folder=folder)
    git("config", "user.email", "test@example.org", folder=folder)
    (folder / ".dvc").mkdir(exist_ok=True)
    (folder / ".dvc/config").touch()


def git(*words: str, folder: Path = Path()) -> str:
    """What Git prints; it must succeed."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(message: str = "state", folder: Path = Path()) -> None:
    """Commits all that lies in the folder, changed or not."""
    git("add", "--all", folder=folder)
    git("commit", "--quiet", "--allow-empty", "--message", message, folder=folder)


def save_params(groups: Mapping[str, object], folder: Path = Path()) -> None:
    """Writes params.yaml."""
    (folder / "params.yaml").write_text(yaml.safe_dump(dict(groups), sort_keys=False))


def committed_architecture() -> Architecture:
    """That of the project's params.yaml."""
    network = load_group("network", Network, ROOT / PARAMS_FILE)
    card = load_backbone_card(ROOT / network.backbone.card)
    return architecture(network, card.backbone)


def prepare_group(source: str, **changes: object) -> dict[str, Any]:
    """The group `prepare` of params.yaml, which takes a quarter of the images for each split."""
    group: dict[str, Any] = {
        "source": source,
        "unlabelled": "data/none",
        "image": {
            "height": None,
            "width": None,
            "colour": None,
            "resize": "squash",
            "range": "type",
        },
        "leave_out": [],
        "truncated": "refuse",
        "split_folders": True,
        "group": None,
        "test_fraction": 0.25,
        "validation_fraction": 0.25,
        "images_per_class": {"train": None, "test": None},
        "seed": 1,
    }
    return group | changes


def network_group(network: Architecture) -> dict[str, object]:
    """The group `network` of params.yaml, for a network without a backbone."""
    return {
        "backbone": {"card": "data/backbones/none.yaml", "keep": 0, "widths": []},
        "largest_side": network.largest_side,
        "blocks": [block.model_dump() for block in network.blocks],
    }


def link_cards() -> None:
    """Puts the project's cards of backbones where params name them."""
    folder = Path("data/backbones")
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to(ROOT / folder)


def link_data(prepared: Path, folder: Path = Path()) -> None:
    """Puts a prepared dataset where the stages look for it."""
    (folder / PREPARED).parent.mkdir()
    (folder / PREPARED).symlink_to(prepared)
