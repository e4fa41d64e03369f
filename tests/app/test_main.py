import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.__main__ import main, predict
from spotimes import own_images
from spotimes.classifier import Classifier
from spotimes.contract import Contract, read_contract
from spotimes.dataset import Card, Split, SplitName
from spotimes.errors import InputError
from spotimes.metadata import embedded
from spotimes.params.prepare import Image as Fit
from tests.folders import write_folder


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


def test_a_picture_is_treated_as_training_did_to_the_byte(
    model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = read_contract(model)
    fit = Fit(height=32, width=32, colour="rgb", resize=contract.resize)  # type: ignore[arg-type]
    trained_on = own_images.read_folder(folder, fit, tmp_path / "images.npy")
    served: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []

    def recorded(
        self: Classifier, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    ) -> object:
        served.append(images)
        return np.eye(10, dtype=np.float32)[:1]

    monkeypatch.setattr(Classifier, "probabilities", recorded)
    assert predict([folder / path for path in trained_on.files.paths], model)
    assert len(served) == 8
    np.testing.assert_array_equal(np.concatenate(served), trained_on.images[:])


def test_it_prints_the_likeliest_class(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "dog/01.png"
    monkeypatch.setattr(sys, "argv", ["app", "predict", "--model", str(model), str(path)])
    main()
    pixels = np.asarray(Image.open(path))[np.newaxis]
    probabilities = Classifier(model).probabilities(pixels)[0]
    likeliest = read_contract(model).class_names[probabilities.argmax()]
    assert capsys.readouterr().out == f"{path}: {likeliest} {probabilities.max():.1%}\n"


def test_what_cannot_be_read_is_told_and_the_rest_is_done(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    paths = [
        folder / "cat/00.png",
        folder / "broken.png",
        folder / "gone.png",
        folder / "cat/01.png",
    ]
    monkeypatch.setattr(sys, "argv", ["app", "predict", "--model", str(model), *map(str, paths)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert [line.rpartition(":")[0] for line in out.splitlines()] == [str(paths[0]), str(paths[3])]
    assert [line.split(": ")[1] for line in err.splitlines()] == [str(paths[1]), str(paths[2])]


def test_a_model_that_is_none_is_told(
    folder: Path,
    one_line: Callable[[str, Callable[[], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = folder / "cat/00.png"
    monkeypatch.setattr(sys, "argv", ["app", "predict", "--model", str(picture), str(picture)])
    assert one_line("predict", main).startswith(f"{picture}: holds no class names")
    with pytest.raises(InputError):
        predict([picture], folder / "gone.tflite")


@pytest.mark.parametrize("classes", [9, 11])
def test_a_contract_of_another_network_is_told(
    int8: bytes, tmp_path: Path, folder: Path, classes: int
) -> None:
    names = tuple(f"class {number}" for number in range(classes))
    path = tmp_path / "other.tflite"
    path.write_bytes(embedded(int8, Contract(names, 32, 32, "rgb", "squash", 255)))
    with pytest.raises(InputError, match="are of another network"):
        predict([folder / "cat/00.png"], path)
