import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from spotimes.params.load import GROUPS, PARAMS_FILE
from spotimes.system.validation import load_yaml
from stages import params as stage
from tests.project import ROOT
from tests.repository import save_params

Refused = Callable[[str, Callable[[], None]], str]


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, object]]:
    monkeypatch.chdir(tmp_path)
    return load_yaml(ROOT / PARAMS_FILE)


def test_what_it_leaves_is_the_same_for_all_that_is_allowed(
    document: dict[str, dict[str, object]],
) -> None:
    save_params(document)
    stage.main()
    before = stage.METRICS.read_bytes()
    assert json.loads(before) == {"checked": list(GROUPS)}
    assert before == (ROOT / stage.METRICS).read_bytes()
    document["train"]["epochs"] = 1
    save_params(document)
    stage.main()
    assert stage.METRICS.read_bytes() == before


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_is_checked(
    document: dict[str, dict[str, object]], one_line: Refused, group: str
) -> None:
    document[group]["new"] = 1
    save_params(document)
    assert one_line("params", stage.main).startswith(f"params.yaml: {group}.new: unknown key")
    assert not stage.METRICS.exists()


@pytest.mark.parametrize(
    ("group", "name"), [("versions", "keras"), ("runtime", "flatbuffers"), ("decoder", "pillow")]
)
def test_other_versions_than_those_installed_are_refused(
    document: dict[str, dict[str, object]], one_line: Refused, group: str, name: str
) -> None:
    document[group][name] = "2.0.0"
    save_params(document)
    assert one_line("params", stage.main).startswith(f"{name}: params.yaml wants version 2.0.0")
    assert not stage.METRICS.exists()


def test_a_file_that_is_named_and_not_there_is_refused(
    document: dict[str, dict[str, object]], one_line: Refused
) -> None:
    """DVC would say so only after it had deleted the model."""
    document["train"]["start_from"] = "data/start.keras"
    save_params(document)
    assert one_line("params", stage.main) == (
        "params.yaml: train.start_from: data/start.keras is not a file; name one that is there, or "
        "data/none for none"
    )
    Path("data").mkdir()
    Path("data/start.keras").touch()
    stage.main()


def test_pictures_without_labels_need_a_folder_and_a_teacher(
    document: dict[str, dict[str, object]], one_line: Refused
) -> None:
    teacher = document["train"]["teacher"]
    assert isinstance(teacher, dict)
    document["prepare"]["unlabelled"] = "data/more"
    save_params(document)
    assert one_line("params", stage.main) == (
        "params.yaml: prepare.unlabelled: data/more is not a folder; name one that is there, or "
        "data/none for none"
    )
    Path("data/more").mkdir(parents=True)
    assert one_line("params", stage.main) == (
        "params.yaml: prepare.unlabelled: is data/more, but without a teacher nothing is learned "
        "from it; let train.teacher.model name one, or prepare.unlabelled be data/none"
    )
    teacher["model"] = "data/teacher.keras"
    Path("data/teacher.keras").touch()
    save_params(document)
    stage.main()


def test_a_backbone_teaches_only_if_prepare_fetches_it(
    document: dict[str, dict[str, object]], one_line: Refused
) -> None:
    teacher, backbone = document["train"]["teacher"], document["network"]["backbone"]
    assert isinstance(teacher, dict)
    assert isinstance(backbone, dict)
    card = "data/backbones/efficientnet_lite0.yaml"
    Path(card).parent.mkdir(parents=True)
    shutil.copy(ROOT / card, card)
    teacher["model"] = card
    save_params(document)
    assert one_line("params", stage.main) == (
        f"params.yaml: train.teacher.model: {card} is not the backbone whose weights prepare "
        "fetches; let network.backbone.card name it, too, which is data/backbones/none.yaml"
    )
    backbone["card"] = card
    save_params(document)
    stage.main()
