import base64
import csv
import errno
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import inputs
from app.inputs import found
from app.threads import PixelBudget
from spotimes.dataset.prepared import Card
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import Contract, read_contract
from spotimes.inference.unknown import scores
from spotimes.ingestion import own_images
from spotimes.params.prepare import Image as Fit
from spotimes.preprocessing.opening import MAX_PIXELS
from spotimes.preprocessing.resize import load_image
from spotimes.system import cores
from tests.app.conftest import Ended
from tests.app.models import MODEL, of_another_task, with_contract, without_contract
from tests.app.serving import serving
from tests.pictures import drawn
from tests.programs import program
from tests.project import ROOT

App = Callable[..., Ended]


def expected(model: Path, pixels: Any, top: int = 1) -> list[dict[str, Any]]:
    (predictions,) = Classifier(model).predict(pixels[np.newaxis], top)
    return [each._asdict() for each in predictions]


def test_a_picture_is_treated_as_training_did_to_the_byte(
    app: App, model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = read_contract(model)
    fit = Fit(height=32, width=32, colour="rgb", resize=contract.resize, range="type")
    trained_on = own_images.read_folder(folder, fit, tmp_path / "images.npy")
    served: list[Any] = []

    def recorded(self: Classifier, images: Any) -> Any:
        served.append(images)
        return np.eye(10, dtype=np.float32)[:1]

    monkeypatch.setattr(cores, "allowed", lambda: 1)  # so that they are recorded in order
    monkeypatch.setattr(Classifier, "probabilities", recorded)
    paths = [folder / path for path in trained_on.files.paths]
    assert app("predict", "--model", model, *paths).status == 0
    assert len(served) == 8
    np.testing.assert_array_equal(np.concatenate(served), trained_on.images[:])


def test_pictures_of_16_bits_are_treated_as_training_did_to_the_byte(
    app: App, card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, names = tmp_path / "cameras", tuple(card.class_names)
    for place, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        twelve_bits = np.asarray(drawn(60, 40).convert("L")).astype(np.uint16) * 16 + place
        Image.fromarray(twelve_bits).save(folder / name / "a.png")
        Image.fromarray(twelve_bits.astype(np.float32) / 2).save(folder / name / "b.tif")
    fit = Fit(height=32, width=32, colour="rgb", resize="squash", range="data")
    trained_on = own_images.read_folder(folder, fit, tmp_path / "images.npy")
    assert trained_on.wide is not None
    path, served = tmp_path / "model.tflite", []
    contract = Contract(names, 32, 32, "rgb", "squash", range=trained_on.wide.chosen)
    path.write_bytes(with_contract(contract))

    def recorded(self: Classifier, images: Any) -> Any:
        served.append(images)
        return np.eye(10, dtype=np.float32)[:1]

    monkeypatch.setattr(cores, "allowed", lambda: 1)  # so that they are recorded in order
    monkeypatch.setattr(Classifier, "probabilities", recorded)
    paths = [folder / each for each in trained_on.files.paths]
    assert app("predict", "--model", path, *paths).status == 0
    np.testing.assert_array_equal(np.concatenate(served), trained_on.images[:])
    assert trained_on.images[:].max() > 240

    with serving("--model", path) as server:
        for each, image in zip(paths, trained_on.images[:], strict=True):
            seen = server.post("/predict?seen=1", each.read_bytes()).json["seen"]
            file = io.BytesIO(base64.b64decode(seen.partition(",")[2]))
            np.testing.assert_array_equal(np.asarray(Image.open(file)), image)
    assert "is black and" in app("info", "--model", path).out


def test_it_prints_the_most_probable_class(app: App, model: Path, folder: Path) -> None:
    path = folder / "dog/01.png"
    (first,) = expected(model, np.asarray(Image.open(path)))
    assert app("predict", "--model", model, path) == Ended(
        0, f"{path}: {first['label']} {first['probability']:.1%}\n", ""
    )


@pytest.fixture
def unsure(folder: Path, card: Card, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A model with a limit between the scores of two pictures; these, the unknown one first."""
    pictures = [path for path in sorted(folder.rglob("*.png")) if "grey" not in path.name]
    pixels = np.stack([np.asarray(Image.open(path)) for path in pictures])
    found = scores(Classifier(MODEL).probabilities(pixels))
    least, most = found.argmin(), found.argmax()
    names = tuple(card.class_names)
    limited = Contract(names, 32, 32, "rgb", unknown_below=int(found[least]) + 1)
    path = tmp_path / "model.tflite"
    path.write_bytes(with_contract(limited))
    return path, pictures[least], pictures[most]


def test_a_picture_of_none_of_the_classes_is_unknown(
    app: App, unsure: tuple[Path, Path, Path]
) -> None:
    model, odd, sure = unsure
    (nearest,) = expected(model, np.asarray(Image.open(odd)))
    arguments = ("predict", "--model", model, odd, sure)
    first, second = app(*arguments).out.splitlines()
    said = f"{nearest['label']} {nearest['probability']:.1%}"
    assert first == f"{odd}: unknown; {said}"
    assert "unknown" not in second
    lines = [json.loads(line) for line in app(*arguments, "--json").out.splitlines()]
    assert [line["unknown"] for line in lines] == [True, False]
    assert lines[0]["predictions"] == [nearest]
    header, *rows = csv.reader(io.StringIO(app(*arguments, "--csv").out))
    assert header == ["input", "label", "probability", "unknown"]
    assert [row[3] for row in rows] == ["true", "false"]


def test_it_need_not_say_what_is_unknown(app: App, unsure: tuple[Path, Path, Path]) -> None:
    model, odd, _ = unsure
    for layout in ((), ("--json",), ("--csv",)):
        ended = app("predict", "--model", model, "--no-unknown", odd, *layout)
        assert (ended.status, "unknown" in ended.out) == (0, False)


def test_more_classes_as_json_and_as_csv(app: App, model: Path, folder: Path) -> None:
    path = folder / "dog/01.png"
    answers = expected(model, np.asarray(Image.open(path)), 3)
    arguments = ("predict", "--model", model, "--top", 3, path, path)
    lines = [json.loads(line) for line in app(*arguments, "--json").out.splitlines()]
    assert lines == [{"input": str(path), "predictions": answers}] * 2
    header, *rows = csv.reader(io.StringIO(app(*arguments, "--csv").out))
    assert header == [
        "input",
        *("label", "probability"),
        *("label_2", "probability_2"),
        *("label_3", "probability_3"),
    ]
    assert len(rows) == 2
    assert rows[0][0] == str(path)
    assert rows[0][1::2] == [each["label"] for each in answers]
    shares = [float(share) for share in rows[0][2::2]]
    assert shares == pytest.approx([each["probability"] for each in answers], rel=1e-5)


def test_explanations_are_the_picture_with_the_maps_of_its_classes(
    app: App, model: Path, folder: Path, tmp_path: Path
) -> None:
    """Of pictures of any shape; two of one name have a file each, and what is told sums up."""
    paths = [folder / each for each in ("dog/01.png", "cat/01.png", "cat/wide.jpg")]
    arguments = ("predict", "--model", model, "--top", 2, "--explain", tmp_path / "new/maps")
    for line, path, shape, name in zip(
        app(*arguments, "--json", *paths).out.splitlines(),
        paths,
        [(256, 3 * 256, 3), (256, 3 * 256, 3), (150, 3 * 270, 3)],
        ["01.png.png", "01.png.2.png", "wide.jpg.png"],
        strict=True,
    ):
        answer = json.loads(line)
        answers = expected(model, load_image(path, "", read_contract(model)), 2)
        assert answer["predictions"] == answers
        explanation = answer["explanation"]
        assert (explanation["method"], Path(explanation["file"]).name) == ("shares", name)
        drawn = np.asarray(Image.open(explanation["file"])).astype(int)
        assert drawn.shape == shape
        picture = (
            Image.open(path)
            .convert("RGB")
            .resize((shape[1] // 3, shape[0]), Image.Resampling.NEAREST)
        )
        np.testing.assert_array_equal(drawn[:, : shape[1] // 3], np.asarray(picture))
        coloured = np.ptp(drawn[:, shape[1] // 3 :], axis=2) > 10
        assert 0.05 < coloured.mean() < 0.999
        for each, predicted in zip(explanation["classes"], answers, strict=True):
            assert each["label"] == predicted["label"]
            parts = each["bias"] + each["map"] + each["remainder"]
            assert each["logit"] == pytest.approx(parts, abs=1e-5)
            assert abs(each["remainder"]) < abs(each["logit"])


def test_explanations_in_other_layouts_and_of_tensors(
    app: App, model: Path, tmp_path: Path, picture_pixels: Any
) -> None:
    path, maps = tmp_path / "batch.npy", tmp_path / "maps"
    np.save(path, np.stack([picture_pixels] * 2))
    arguments = ("predict", "--model", model, "--explain", maps, path)
    for index, line in enumerate(app(*arguments).out.splitlines()):
        assert line.endswith(f"%, explained in {maps}/batch.npy[{index}].png")
    absent = tmp_path / "absent.png"
    header, *rows = csv.reader(io.StringIO(app(*arguments, absent, "--csv").out))
    assert header[-1] == "explanation"
    assert [row[-1] for row in rows] == [*(f"{maps}/batch.npy[{n}].png" for n in (0, 1)), ""]
    left = np.asarray(Image.open(rows[1][-1]))[4::8, 4:256:8]
    np.testing.assert_array_equal(left, picture_pixels)


def test_a_folder_for_explanations_that_cannot_be_made_is_reported(
    app: App, model: Path, folder: Path
) -> None:
    taken = folder / "dog/01.png"
    ended = app("predict", "--model", model, "--explain", taken, taken)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        f"predict: --explain: {taken}: cannot be made (File exists); name another folder\n"
    )


def test_a_folder_is_all_its_pictures_and_tensors_by_name(
    app: App, model: Path, folder: Path
) -> None:
    np.save(folder / "dog/a.npy", np.zeros((32, 32, 3), np.uint8))
    lines = app("predict", "--model", model, folder).out.splitlines()
    names = [Path(line.rpartition(":")[0]).relative_to(folder).as_posix() for line in lines]
    assert names == [
        "cat/00.png",
        "cat/01.png",
        "cat/wide.jpg",
        "dog/00.png",
        "dog/01.png",
        "dog/a.npy",
        "dog/tall and grey.png",
        *names[7:],
    ]
    assert len(names) == 9


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_tensors_are_taken_as_they_are(
    app: App, model: Path, tmp_path: Path, picture_pixels: Any, dtype: Any
) -> None:
    images = np.stack([picture_pixels, 255 - picture_pixels])
    tensors = images if dtype == np.uint8 else (images.astype(int) - 128).astype(np.int8)
    np.save(tmp_path / "batch.npy", tensors)
    lines = app("predict", "--json", "--model", model, tmp_path / "batch.npy").out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"input": f"{tmp_path / 'batch.npy'}[{index}]", "predictions": expected(model, image)}
        for index, image in enumerate(images)
    ]


def test_more_tensors_than_files_may_be_open(tmp_path: Path, picture_pixels: Any) -> None:
    for number in range(150):
        np.save(tmp_path / f"{number:03}.npy", picture_pixels)
    done = subprocess.run(
        program("app_with_open_files", 100, 100, "predict", tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 150


def test_a_tensor_file_that_changes_while_it_is_read(
    model: Path, tmp_path: Path, picture_pixels: Any
) -> None:
    path = tmp_path / "batch.npy"
    np.save(path, np.stack([picture_pixels] * 2))
    _, second = found([str(path)], read_contract(model)).items
    np.save(path, picture_pixels[None])
    with pytest.raises(InputError, match="has changed while it was read; try again"):
        second.load()


@pytest.mark.parametrize("terminal", ["standard error", "none"])
def test_a_count_gives_way_to_an_error(
    app: App, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, terminal: str
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal != "none", raising=False)
    picture = folder / "cat/00.png"
    err = app("predict", "--model", model, *[picture] * 19, folder / "gone.png").err
    error = f"predict: {folder / 'gone.png'}: there is no such file\n"
    if terminal == "none":
        assert err == error
    else:
        assert err.endswith(f"\r19 of 20\r\x1b[K{error}\r20 of 20\n")


@pytest.mark.parametrize("kind", ["picture", "tensor"])
def test_standard_input(kind: str, picture_bytes: bytes, picture_pixels: Any) -> None:
    content = io.BytesIO(picture_bytes)
    if kind == "tensor":
        content = io.BytesIO()
        np.save(content, picture_pixels)
    done = subprocess.run(
        [sys.executable, "-m", "app", "predict", "--json", "-"],
        cwd=ROOT,
        input=content.getvalue(),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "input": "standard input",
        "predictions": expected(MODEL, picture_pixels),
        "unknown": False,
    }
    assert done.stderr == b""


@pytest.fixture
def running(tmp_path: Path, picture_bytes: bytes) -> subprocess.Popen[bytes]:
    """`predict` of 5,000 pictures, which has printed its first answer."""
    (tmp_path / "one.png").write_bytes(picture_bytes)
    # Under nohup and the like SIGINT is ignored, and a child would ignore it, too.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "app", "predict"]
    running = subprocess.Popen(
        [*command, *[str(tmp_path / "one.png")] * 5000],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stdout.readline()
    return running


def test_whoever_has_read_enough_may_go(running: subprocess.Popen[bytes]) -> None:
    assert running.stdout is not None
    running.stdout.close()
    _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (141, b"")


@pytest.mark.parametrize("layout", ["--json", "--csv", "--top=3"])
def test_several_cores_print_what_one_prints(
    app: App, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    drawn(2000, 1000).save(folder / "large.jpg")
    np.save(folder / "batch.npy", np.arange(40 * 3072).astype(np.uint8).reshape(40, 32, 32, 3))
    paths = [folder, *[folder / "gone.png", folder / "cat/00.png"] * 20]
    printed = []
    for count in (1, 2, 5):
        monkeypatch.setattr(cores, "allowed", lambda count=count: count)
        printed.append(app("predict", "--model", model, layout, *paths))
    assert printed[0].status == 1
    assert printed[0].out.count("batch.npy") == 40
    assert printed[0].err.count("gone.png") == 20
    assert printed[1:] == printed[:1] * 2


def test_large_pictures_are_decoded_one_after_another(
    app: App, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the largest size has pixels: here as four of these have."""
    paths = []
    for number in range(12):
        paths.append(folder / f"{number}.png")
        drawn(100, 50 + number).save(paths[-1])
    decoding, most = 0, 0
    turn, load = threading.Lock(), load_image

    def counted(*arguments: Any, max_pixels: int = MAX_PIXELS) -> Any:
        nonlocal decoding, most
        if max_pixels < MAX_PIXELS:
            return load(*arguments, max_pixels=max_pixels)
        with turn:
            decoding += 1
            most = max(most, decoding)
        time.sleep(0.02)
        found = load(*arguments)
        with turn:
            decoding -= 1
        return found

    expected = app("predict", "--json", *paths)
    monkeypatch.setattr(inputs, "load_image", counted)
    monkeypatch.setattr(inputs, "FEW_PIXELS", 4000)
    monkeypatch.setattr(cores, "allowed", lambda: 6)
    monkeypatch.setattr(inputs, "_budget", PixelBudget(4 * 100 * 61))
    assert app("predict", "--json", *paths) == expected
    assert most == 4


def test_it_can_be_interrupted(running: subprocess.Popen[bytes]) -> None:
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, b"predict: interrupted\n")
    assert len(out.splitlines()) < 5000


def test_what_cannot_be_read_is_reported_and_the_rest_is_done(
    app: App, model: Path, folder: Path
) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "empty").mkdir()
    names = ["cat/00.png", "broken.png", "gone.png", "gone.npy", "empty", "cat/01.png"]
    paths = [str(folder / name) for name in names]
    status, out, err = app("predict", "--model", model, *paths)
    assert status == 1
    assert [line.rpartition(":")[0] for line in out.splitlines()] == [paths[0], paths[5]]
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["predict", path] for path in paths[1:5]
    ]
    lines = [
        json.loads(line)
        for line in app("predict", "--model", model, "--json", *paths).out.splitlines()
    ]
    assert [line["input"] for line in lines] == paths
    rows = list(csv.DictReader(io.StringIO(app("predict", "--model", model, "--csv", *paths).out)))
    assert [row["input"] for row in rows] == paths
    assert [row["label"] == "" for row in rows] == ["error" in line for line in lines]
    assert ["error" in line for line in lines] == [False, True, True, True, True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a picture is to be"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '|u1'", "cannot be read as .npy"),
        (
            np.zeros((32, 32, 3), np.float32),
            r"is float32 of shape [32, 32, 3]; the model takes uint8",
        ),
        (np.zeros((2, 28, 28, 1), np.uint8), "is uint8 of shape [2, 28, 28, 1]; the model takes"),
        (np.zeros((32, 32), np.uint8), "is uint8 of shape [32, 32]; the model takes"),
        (np.array([{}], object), "cannot be read as .npy"),
    ],
)
def test_a_tensor_that_is_none_is_reported(
    app: App, tmp_path: Path, content: Any, message: str
) -> None:
    path = tmp_path / "bad.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    status, out, err = app("predict", "--model", MODEL, path)
    assert (status, out) == (1, "")
    assert err.startswith(f"predict: {path}: ")
    assert message in err
    assert err.count("\n") == 1


def test_a_model_that_is_none_is_reported(app: App, folder: Path) -> None:
    picture = folder / "cat/00.png"
    status, out, err = app("predict", "--model", picture, picture)
    assert (status, out) == (2, "")
    assert err.startswith(f"predict: {picture}: is no .tflite file")
    assert app("predict", "--model", folder / "gone.tflite", picture).err == (
        f"predict: {folder / 'gone.tflite'}: no such file; name a .tflite file\n"
    )


@pytest.mark.parametrize("verb", ["predict", "info", "bench", "serve"])
@pytest.mark.parametrize("kind", ["of another task", "cut off", "without a contract"])
def test_a_model_that_is_no_image_classifier_of_ours_is_reported(
    app: App, tmp_path: Path, picture_bytes: bytes, verb: str, kind: str
) -> None:
    content, message = {
        "of another task": (
            of_another_task(),
            "the input is float32 of shape [1, 7]; an image classifier's is ",
        ),
        "cut off": (MODEL.read_bytes()[:40_000], "is no .tflite file that can be run"),
        "without a contract": (without_contract(), "holds no class names and input contract"),
    }[kind]
    path = tmp_path / "other.tflite"
    path.write_bytes(content)
    (tmp_path / "one.png").write_bytes(picture_bytes)
    inputs = [tmp_path / "one.png"] if verb == "predict" else []
    status, out, err = app(verb, "--model", path, *inputs)
    assert (status, out) == (2, "")
    assert err.startswith(f"{verb}: {path}: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("classes", [9, 11])
def test_a_contract_of_another_network_is_reported(
    app: App, tmp_path: Path, folder: Path, classes: int
) -> None:
    names = tuple(f"class {number}" for number in range(classes))
    path = tmp_path / "other.tflite"
    path.write_bytes(with_contract(Contract(names, 32, 32, "rgb", "squash", 255)))
    assert "are of another network" in app("predict", "--model", path, folder).err


@pytest.mark.parametrize(("option", "value"), [("--top", 0), ("--top", 11), ("--threads", 0)])
def test_an_option_that_is_not_allowed_is_reported(
    app: App, folder: Path, option: str, value: int
) -> None:
    status, out, err = app("predict", option, value, folder)
    assert (status, out) == (2, "")
    assert f"{value} is not allowed; give 1 to" in err


@pytest.mark.parametrize(
    "name", ["a", "a.JPE", "a.jfif", "a.jpg ", "a.png.1", "a.npy", "a.doc", "ä.图片"]
)
def test_in_a_folder_content_decides_and_not_the_name(
    app: App, tmp_path: Path, picture_bytes: bytes, picture_pixels: Any, name: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(picture_bytes)
    with (tmp_path / "in/tensor.dat").open("wb") as file:
        np.save(file, picture_pixels)
    status, out, err = app("predict", "--model", MODEL, "--json", tmp_path / "in")
    assert (status, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        {
            "input": str(tmp_path / "in" / each),
            "predictions": expected(MODEL, picture_pixels),
            "unknown": False,
        }
        for each in sorted((name, "tensor.dat"))
    ]


def test_what_prepare_ignores_is_ignored_and_reported(
    app: App, folder: Path, tmp_path: Path
) -> None:
    (folder / ".hidden").mkdir()
    for name in (
        ".hidden/a.png",
        "cat/.b.png",
        "cat/Thumbs.db",
        "README.md",
        "Icon\r",
        "notes.txt",
    ):
        (folder / name).write_bytes(b"no picture")
    status, out, err = app("predict", "--model", MODEL, folder)
    assert (status, len(out.splitlines())) == (0, 8)
    begin = f"predict: {folder}: ignored, as not meant as data: "
    assert err == f"{begin}.hidden, Icon , README.md, notes.txt, cat/.b.png and 1 more\n"
    fit = Fit(height=32, width=32, colour="rgb", resize="squash", range="type")
    files = own_images.read_folder(folder, fit, tmp_path / "images.npy").files
    answered = {line.rpartition(":")[0] for line in out.splitlines()}
    assert answered == {str(folder / path) for path in files.paths}
    assert len(files.notes.ignored) == 6


def test_what_else_lies_in_a_folder_is_reported_and_the_rest_is_done(
    app: App, folder: Path
) -> None:
    (folder / "cat/notes.txt").write_text("no picture")  # as prepare: only at the top it is ignored
    (folder / "cat/movie.mp4").write_bytes(bytes(100))
    os.mkfifo(folder / "cat/pipe.png")
    (folder / "cat/gone.png").symlink_to(folder / "nothing")
    (folder / "dog/loop").symlink_to(folder)
    status, out, err = app("predict", "--model", MODEL, folder)
    assert (status, len(out.splitlines())) == (1, 8)
    assert [
        line.removeprefix(f"predict: {folder}/").split(";")[0] for line in err.splitlines()
    ] == [
        "cat/gone.png: there is no such file",
        "cat/movie.mp4: is of none of the formats that can be read",
        "cat/notes.txt: is of none of the formats that can be read",
        "cat/pipe.png: is neither a file nor a folder",
        "dog/loop: is a link to a folder that it lies in, a loop",
    ]


def test_links_to_folders_are_followed(app: App, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/here").symlink_to(folder / "cat")
    status, out, err = app("predict", "--model", MODEL, tmp_path / "linked")
    assert (status, len(out.splitlines()), err) == (0, 3, "")


def test_a_folder_without_any_picture_is_reported(app: App, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/.DS_Store").write_bytes(b"")
    status, out, err = app("predict", "--model", MODEL, tmp_path / "in")
    assert (status, out) == (1, "")
    ignored, nothing = err.splitlines()
    assert ignored.endswith(": ignored, as not meant as data: .DS_Store")
    assert nothing.startswith(f"predict: {tmp_path / 'in'}: no pictures and no .npy files in this ")


def test_an_empty_path_is_not_the_current_folder(app: App, model: Path) -> None:
    assert app("predict", "--model", model, "") == (
        1,
        "",
        "predict: an empty path; give . for the current folder\n",
    )


def test_a_folder_that_cannot_be_read_is_reported(
    app: App, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, which reads everything, these tests cannot have a real one."""
    iterdir = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "dog":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    status, out, err = app("predict", "--model", model, folder)
    assert status == 1
    assert err == (
        f"predict: {folder / 'dog'}: cannot be read (Permission denied); see to its permissions "
        "and its disk\n"
    )
    assert len(out.splitlines()) > 3


def test_a_name_that_is_too_long_is_reported_and_the_rest_is_done(
    app: App, model: Path, folder: Path
) -> None:
    status, out, err = app("predict", "--model", model, "x" * 300, folder / "cat/00.png")
    assert (status, len(out.splitlines())) == (1, 1)
    assert err.startswith(f"predict: {'x' * 300}: cannot be opened (File name too long)")


def test_a_batch_of_none_and_endless_input_are_reported(
    app: App, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 32, 32, 3), np.uint8))
    status, out, err = app("predict", "--model", model, tmp_path / "none.npy")
    assert (status, out, err) == (1, "", f"predict: {tmp_path / 'none.npy'}: holds no images\n")
    monkeypatch.setattr("app.inputs.LARGEST_STANDARD_INPUT", 2**20)
    with Path("/dev/zero").open("rb") as endless:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=endless))
        status, out, err = app("predict", "--model", model, "-")
    assert (status, err) == (1, "predict: standard input: is larger than 1 MiB; give a file\n")
    monkeypatch.setattr("sys.stdin", None)
    assert app("predict", "--model", model, "-").err == "predict: standard input: is closed\n"


@pytest.mark.parametrize("layout", ["--csv", "--json", "--top=2"])
def test_closed_outputs_are_no_failure(layout: str, folder: Path) -> None:
    """As many pictures as a count is shown for."""
    pictures = [*folder.rglob("*.png")][:1] * 20
    command = [sys.executable, "-m", "app", "predict", layout, *map(str, pictures)]
    closed = f"{shlex.join(command)} >&- 2>&-"
    done = subprocess.run(["bash", "-c", closed], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_a_model_whose_name_is_too_long_is_reported(app: App) -> None:
    status, _, err = app("predict", "--model", "m" * 300, "picture.png")
    assert (status, err.count("\n")) == (2, 1)
    assert "no such file; name a .tflite file" in err
