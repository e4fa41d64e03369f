"""An existing client of the Open Inference Protocol, as it is."""

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
