from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter

from spotimes.errors import InputError
from spotimes.inference import classifier
from spotimes.inference.classifier import AT_ONCE, Classifier, top_k
from spotimes.inference.contract import Contract, read_contract
from spotimes.inference.interpreter import Verified, interpreter_of
from spotimes.inference.verification import Graph
from tests.programs import output_of
from tests.project import ROOT

FP32 = ROOT / "models/model_fp32.tflite"
INT8 = ROOT / "models/model_int8.tflite"

INPUT = {"index": 0, "shape": np.array([1, 4, 4, 3]), "dtype": np.int8}
OUTPUT = {"index": 1, "shape": np.array([1, 2]), "dtype": np.int8, "quantization": (1 / 256, -128)}


def pictures(count: int) -> npt.NDArray[np.uint8]:
    """Every value of a pixel occurs."""
    height, width, channels = Classifier(INT8).image_shape
    shape = (count, height, width, channels)
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def run_litert(path: Path, tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    result: npt.NDArray[Any] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return result


def pretend(monkeypatch: pytest.MonkeyPatch, inputs: list[Any], outputs: list[Any]) -> None:
    class Model:
        def get_input_details(self) -> list[Any]:
            return inputs

        def get_output_details(self) -> list[Any]:
            return outputs

    monkeypatch.setattr(classifier, "read_verified", lambda _: Verified(b"", Graph([], [], [])))
    monkeypatch.setattr(classifier, "interpreter_of", lambda *_: Model())
    contract = Contract(("cat", "dog"), 4, 4, "rgb", "squash", 255)
    monkeypatch.setattr(classifier, "read_contract", lambda _: contract)


def test_int8_is_fed_pixel_minus_128_and_dequantized() -> None:
    images = pictures(2)
    expected = [
        (run_litert(INT8, (image.astype(np.int16) - 128).astype(np.int8)[np.newaxis]) + 128.0) / 256
        for image in images
    ]
    probabilities = Classifier(INT8).probabilities(images)
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(probabilities, np.concatenate(expected))


def test_fp32_is_fed_pixel_over_255() -> None:
    images = pictures(2)
    expected = [
        run_litert(FP32, image[np.newaxis].astype(np.float32) / np.float32(255)) for image in images
    ]
    probabilities = Classifier(FP32, threads=2).probabilities(images)
    np.testing.assert_allclose(probabilities, np.concatenate(expected), rtol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("path", [INT8, FP32])
def test_quantized_tensors_and_single_images_give_the_same(path: Path) -> None:
    model, images = Classifier(path), pictures(3)
    expected = model.probabilities(images)
    quantized = (images.astype(np.int16) - 128).astype(np.int8)
    np.testing.assert_array_equal(model.probabilities(quantized), expected)
    np.testing.assert_array_equal(model.probabilities(images[1]), expected[1])
    np.testing.assert_array_equal(model.probabilities(quantized[2]), expected[2])


@pytest.mark.parametrize("path", [INT8, FP32])  # of which INT8 alone is run several at once
@pytest.mark.parametrize("count", [AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE + 3])
def test_images_of_a_batch_get_the_bytes_that_they_get_alone(path: Path, count: int) -> None:
    model, images = Classifier(path), pictures(count)
    alone = np.stack([model.probabilities(image) for image in images])
    assert ("_of_several" in vars(model)) is False
    np.testing.assert_array_equal(model.probabilities(images), alone)
    assert ("_of_several" in vars(model)) is (count >= AT_ONCE)
    assert (vars(model).get("_of_several") is not None) is (count >= AT_ONCE and path == INT8)
    quantized = (images.astype(np.int16) - 128).astype(np.int8)
    np.testing.assert_array_equal(model.probabilities(quantized), alone)


@pytest.mark.parametrize("why", ["it fails", "another shape", "memory"])
def test_a_model_that_takes_no_batch_is_run_one_by_one(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images = Classifier(INT8), pictures(AT_ONCE + 1)
    expected = model.probabilities(images)
    make = interpreter_of

    def other(content: bytes, path: Path, threads: int, *, images: int = 1) -> Any:
        if why == "it fails" and images > 1:
            raise InputError("cannot be resized")
        return make(content, path, threads)  # of one image

    monkeypatch.setattr(classifier, "interpreter_of", other)
    if why == "memory":
        monkeypatch.setattr(classifier, "MOST_BYTES", 100_000)
    model = Classifier(INT8)
    np.testing.assert_array_equal(model.probabilities(images), expected)
    assert model._of_several is None


def test_the_most_probable_classes_by_name() -> None:
    model, images = Classifier(INT8), pictures(3)
    names = read_contract(INT8).class_names
    for row, predictions in zip(model.probabilities(images), model.predict(images, 4), strict=True):
        assert len(predictions) == 4
        assert predictions[0].label == names[row.argmax()]
        assert [each.probability for each in predictions] == sorted(row.tolist(), reverse=True)[:4]
        for label, probability in predictions:
            assert row[names.index(label)] == probability


def test_threads_get_their_own_answers() -> None:
    model, images = Classifier(INT8), pictures(200)
    expected = model.probabilities(images)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(model.probabilities, images))
    np.testing.assert_array_equal(found, expected)


def test_a_file_without_a_contract_is_refused(int8: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(int8)
    with pytest.raises(InputError, match="holds no class names and input contract"):
        Classifier(tmp_path / "model.tflite")


def test_a_tenth_of_a_per_cent_of_scale_leaves_every_quantized_pixel_the_same() -> None:
    pixels = np.arange(256)
    for scale in (0.999 / 255, 1 / 255, 1.001 / 255):
        quantized = np.clip(np.round(pixels / 255 / scale) - 128, -128, 127)
        np.testing.assert_array_equal(quantized, pixels - 128)


def test_no_images_give_no_rows() -> None:
    model = Classifier(INT8)
    assert model.probabilities(pictures(0)).shape == (0, model.classes)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((32, 32), np.uint8),
        np.zeros((1, 1, 32, 32, 3), np.uint8),
        np.zeros((1, 31, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 1), np.uint8),
    ],
)
def test_other_images_are_refused(images: npt.NDArray[Any]) -> None:
    with pytest.raises(InputError, match=r"not uint8 or int8 of shape \[32, 32, 3\] or \[images, "):
        Classifier(INT8).probabilities(images)


@pytest.mark.parametrize("kept", [0, 100, 20_000])
def test_a_damaged_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(INT8.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"model\.tflite: is no \.tflite file"):
        Classifier(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no file; name a \.tflite file"):
        Classifier(tmp_path)
    with pytest.raises(InputError, match=r"no such file; name a \.tflite file"):
        Classifier(tmp_path / "model.tflite")


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([INPUT, INPUT], [OUTPUT], "2 inputs and 1 outputs"),
        ([INPUT], [OUTPUT, OUTPUT], "1 inputs and 2 outputs"),
        ([INPUT | {"shape": np.array([1, 48])}], [OUTPUT], r"int8 of shape \[1, 48\]"),
        ([INPUT | {"shape": np.array([8, 4, 4, 3])}], [OUTPUT], r"of shape \[8, 4, 4, 3\]"),
        ([INPUT | {"dtype": np.uint8}], [OUTPUT], "the input is uint8"),
        ([INPUT], [OUTPUT | {"shape": np.array([1, 2, 2, 2])}], "the output is int8 of shape"),
        ([INPUT], [OUTPUT | {"quantization": (0.0, 0)}], "the output is int8 without a scale"),
        ([INPUT | {"quantization": (1.0, -128)}], [OUTPUT], "scale 1 and zero point -128"),
        ([INPUT | {"quantization": (1 / 255, 0)}], [OUTPUT], "zero point 0, not 1/255 and -128"),
    ],
)
def test_what_is_no_image_classifier_is_refused(
    monkeypatch: pytest.MonkeyPatch, inputs: list[Any], outputs: list[Any], message: str
) -> None:
    pretend(monkeypatch, [{"quantization": (1 / 255, -128)} | each for each in inputs], outputs)
    with pytest.raises(InputError, match=message):
        Classifier(Path("some.tflite"))


def test_the_device_needs_only_numpy_and_litert() -> None:
    loaded = output_of("loaded_by_classifier").split()
    assert "numpy" in loaded
    assert not {"tensorflow", "keras", "pandas", "scipy", "dvc", "pydantic", "yaml"} & set(loaded)


def test_of_equally_probable_classes_the_first_comes_first() -> None:
    rows = np.array([[0.2, 0.4, 0.4], [0.5, 0.0, 0.5]], np.float32)
    assert top_k(rows, 2).tolist() == [[1, 2], [0, 2]]
