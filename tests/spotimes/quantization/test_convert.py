from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from spotimes.dataset.prepared import Split, SplitName
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import Contract
from spotimes.pixels import Normalization, to_float32
from spotimes.quantization import convert
from spotimes.tflite.metadata import embedded

pytestmark = pytest.mark.usefixtures("reseed")


def interpreter(content: bytes) -> Interpreter:
    loaded = Interpreter(model_content=content)
    loaded.allocate_tensors()
    return loaded


def outputs(content: bytes, inputs: Any) -> Any:
    model = interpreter(content)
    output = model.get_output_details()[0]["index"]
    rows = []
    for each in inputs:
        model.set_tensor(model.get_input_details()[0]["index"], each[np.newaxis])
        model.invoke()
        rows.append(model.get_tensor(output)[0])
    return np.array(rows)


def test_fp32_agrees_with_keras(
    fp32: bytes, without_norm: Any, cifar10: dict[SplitName, Split]
) -> None:
    images = to_float32(cifar10["test"].images)
    expected = without_norm(images).numpy()
    assert expected.std(axis=0).max() > 1e-2
    np.testing.assert_allclose(outputs(fp32, images), expected, atol=1e-5)


def test_fp32_takes_one_image_of_floats(fp32: bytes) -> None:
    model = interpreter(fp32)
    (image,), (probabilities,) = model.get_input_details(), model.get_output_details()
    assert (image["shape"].tolist(), image["dtype"]) == ([1, 32, 32, 3], np.float32)
    assert image["shape_signature"].tolist() == [1, 32, 32, 3]
    assert (probabilities["shape"].tolist(), probabilities["dtype"]) == ([1, 10], np.float32)


def test_int8_takes_pixels_less_128(int8: bytes) -> None:
    model = interpreter(int8)
    (image,), (probabilities,) = model.get_input_details(), model.get_output_details()
    assert (image["shape_signature"].tolist(), image["dtype"]) == ([1, 32, 32, 3], np.int8)
    (scale,), (zero_point,) = (
        image["quantization_parameters"][key] for key in ("scales", "zero_points")
    )
    assert scale == np.float32(1 / 255)
    assert zero_point == -128
    assert (probabilities["shape"].tolist(), probabilities["dtype"]) == ([1, 10], np.int8)
    assert probabilities["quantization"] == (1 / 256, -128)


def test_int8_takes_pixels_less_128_whatever_the_normalization(
    without_norm: Any, cifar10: dict[SplitName, Split], tmp_path: Path
) -> None:
    normalization, images = Normalization(127, 128), cifar10["train"].images[:50]
    content = convert.to_int8(without_norm, images, normalization)
    (image,) = interpreter(content).get_input_details()
    assert image["quantization"] == (1 / 128, -1)

    names = [f"class {label}" for label in range(10)]
    contract = Contract.of(names, (32, 32, 3), "squash", normalization)
    (tmp_path / "int8.tflite").write_bytes(embedded(content, contract))
    (tmp_path / "fp32.tflite").write_bytes(embedded(convert.to_fp32(without_norm), contract))
    fp32, int8 = (
        Classifier(tmp_path / f"{name}.tflite").probabilities(images) for name in ("fp32", "int8")
    )
    expected = without_norm(to_float32(images, normalization)).numpy()
    np.testing.assert_allclose(fp32, expected, atol=1e-5)
    assert np.abs(int8 - expected).mean() < 0.02
    assert np.abs(without_norm(to_float32(images)).numpy() - expected).mean() > 0.02


def test_int8_stays_near_the_float_model(
    int8: bytes, without_norm: Any, cifar10: dict[SplitName, Split]
) -> None:
    images = cifar10["test"].images
    rows = outputs(int8, (images.astype(np.int16) - 128).astype(np.int8))
    probabilities = (rows.astype(np.float32) + 128) / 256
    expected = without_norm(to_float32(images)).numpy()
    assert np.abs(probabilities - expected).mean() < 0.02
    assert (probabilities.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.8


def test_weights_are_per_channel_and_symmetric(int8: bytes) -> None:
    channels = []
    for tensor in interpreter(int8).get_tensor_details():
        parameters = tensor["quantization_parameters"]
        if len(tensor["shape"]) == 4 and len(parameters["scales"]) > 1:
            channels.append(len(parameters["scales"]))
            assert tensor["shape"][parameters["quantized_dimension"]] == channels[-1]
            assert not parameters["zero_points"].any()
    assert sorted(channels) == [4, 4, 8]


def test_the_same_images_give_the_same_bytes(
    int8: bytes, without_norm: Any, cifar10: dict[SplitName, Split]
) -> None:
    images = cifar10["train"].images[:50]
    assert convert.to_int8(without_norm, iter(images)) == int8


def test_the_scale_of_the_input_does_not_depend_on_the_images(
    int8: bytes, without_norm: Any
) -> None:
    dark = np.full((2, 32, 32, 3), 40, np.uint8)
    content = convert.to_int8(without_norm, dark)
    image = interpreter(content).get_input_details()[0]
    assert image["quantization"] == interpreter(int8).get_input_details()[0]["quantization"]
    assert content != int8


def test_names_are_stripped(fp32: bytes, int8: bytes) -> None:
    for content in (fp32, int8):
        assert b"block1" not in content
        assert b"pointwise" not in content
