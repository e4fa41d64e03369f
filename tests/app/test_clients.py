"""An existing client of the Open Inference Protocol, as it is."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton

from spotimes.inference.classifier import Classifier
from tests.app.models import MODEL
from tests.app.serving import Server


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    connected = triton.InferenceServerClient(server.url.removeprefix("http://"))
    yield connected
    connected.close()


def test_it_reads_what_the_server_and_the_model_are(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("model_int8")
    assert client.is_model_ready("model_int8", "1")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "spotimes"
    assert client.get_model_metadata("model_int8")["outputs"] == [
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}
    ]


def test_it_reads_the_models_configuration(client: Any) -> None:
    for version in ("", "1"):
        found = client.get_model_config("model_int8", version)
        assert found["max_batch_size"] == 64
        assert found["input"] == [{"name": "image", "data_type": "TYPE_UINT8", "dims": [32, 32, 3]}]
        assert found["output"] == [
            {"name": "probabilities", "data_type": "TYPE_FP32", "dims": [10]}
        ]
    with pytest.raises(triton.InferenceServerException, match="there is no model other"):
        client.get_model_config("other")


def test_it_lists_the_models(client: Any) -> None:
    assert client.get_model_repository_index() == [
        {"name": "model_int8", "version": "1", "state": "READY", "reason": ""}
    ]


def test_it_reads_what_inference_took(client: Any, picture_pixels: Any) -> None:
    def statistics(*model: str) -> Any:
        (found,) = client.get_inference_statistics(*model)["model_stats"]
        assert (found["name"], found["version"]) == ("model_int8", "1")
        return found

    before = statistics()
    tensor = triton.InferInput("image", [3, *picture_pixels.shape], "UINT8")
    tensor.set_data_from_numpy(np.stack([picture_pixels] * 3))
    client.infer("model_int8", [tensor])
    with pytest.raises(triton.InferenceServerException):
        client.infer("model_int8", [triton.InferInput("image", [1, 2], "UINT8")])
    after = statistics("model_int8", "1")
    assert after["inference_count"] == before["inference_count"] + 3
    assert after["execution_count"] == before["execution_count"] + 1
    assert after["last_inference"] > before["last_inference"]
    old, new = before["inference_stats"], after["inference_stats"]
    for phase in new:
        assert new[phase]["count"] == old[phase]["count"] + 1, phase
    parts = ("queue", "compute_input", "compute_infer", "compute_output")
    taken = {phase: new[phase]["ns"] - old[phase]["ns"] for phase in new}
    assert min(taken.values()) > 0
    assert sum(taken[phase] for phase in parts) == pytest.approx(taken["success"], abs=10)


@pytest.mark.parametrize("binary", [False, True])
def test_it_sends_real_numbers_as_the_network_takes_them(
    client: Any, picture_pixels: Any, binary: bool
) -> None:
    tensor = triton.InferInput("image", [1, *picture_pixels.shape], "FP32")
    tensor.set_data_from_numpy(np.float32(picture_pixels[None] / 255), binary_data=binary)
    found = client.infer("model_int8", [tensor]).as_numpy("probabilities")
    np.testing.assert_array_equal(found, Classifier(MODEL).probabilities(picture_pixels[None]))


@pytest.mark.parametrize("shape", [[1], [5], [5, 1]])
@pytest.mark.parametrize("binary", [False, True])
def test_it_sends_pictures(
    client: Any, picture_bytes: bytes, picture_pixels: Any, binary: bool, shape: Any
) -> None:
    """Files as bytes behind the JSON, or in it as base64."""
    sent = picture_bytes if binary else base64.b64encode(picture_bytes)
    tensor = triton.InferInput("image", shape, "BYTES")
    pictures = np.array([sent] * shape[0], np.object_).reshape(shape)
    tensor.set_data_from_numpy(pictures, binary_data=binary)
    found = client.infer("model_int8", [tensor]).as_numpy("probabilities")
    expected = Classifier(MODEL).probabilities(picture_pixels[None])
    np.testing.assert_array_equal(found, np.repeat(expected, shape[0], axis=0))


@pytest.mark.parametrize("packing", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("dtype", ["UINT8", "INT8"])
def test_it_infers_as_the_library_does(
    client: Any, picture_pixels: Any, packing: str | None, binary: bool, dtype: str
) -> None:
    images = np.stack([picture_pixels, picture_pixels[::-1]])
    values = images if dtype == "UINT8" else (images.astype(int) - 128).astype(np.int8)
    tensor = triton.InferInput("image", list(images.shape), dtype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    expected = Classifier(MODEL).probabilities(images)
    for outputs in (None, [triton.InferRequestedOutput("probabilities", binary_data=binary)]):
        result = client.infer(
            "model_int8",
            [tensor],
            outputs=outputs,
            request_id="7",
            request_compression_algorithm=packing,
        )
        np.testing.assert_array_equal(result.as_numpy("probabilities"), expected)
        assert result.get_response()["id"] == "7"


@pytest.mark.parametrize("binary", [False, True])
def test_it_gets_the_most_probable_classes(client: Any, picture_pixels: Any, binary: bool) -> None:
    tensor = triton.InferInput("image", [1, *picture_pixels.shape], "UINT8")
    tensor.set_data_from_numpy(picture_pixels[None])
    output = triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=2)
    texts = client.infer("model_int8", [tensor], outputs=[output]).as_numpy("probabilities")
    (expected,) = Classifier(MODEL).predict(picture_pixels[None], 2)
    found = [
        (text.decode() if isinstance(text, bytes) else text).split(":") for text in texts.ravel()
    ]
    assert [text[2] for text in found] == [each.label for each in expected]
    assert [float(text[0]) for text in found] == pytest.approx(
        [each.probability for each in expected], abs=1e-6
    )


def test_it_gets_the_reason_of_a_refusal(client: Any, picture_pixels: Any) -> None:
    tensor = triton.InferInput("picture", [1, *picture_pixels.shape], "UINT8")
    tensor.set_data_from_numpy(picture_pixels[None])
    with pytest.raises(triton.InferenceServerException, match=r"inputs\[0\].name: must be image"):
        client.infer("model_int8", [tensor])
