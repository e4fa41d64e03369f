from pathlib import Path

import numpy as np
import pytest

from spotimes.errors import InputError
from spotimes.inference import interpreter
from tests.project import ROOT

INT8, FP32 = ROOT / "models/model_int8.tflite", ROOT / "models/model_fp32.tflite"


@pytest.mark.parametrize(("path", "dtype"), [(INT8, np.int8), (FP32, np.float32)])
def test_inputs_are_filled_as_they_want_it(path: Path, dtype: type) -> None:
    loaded = interpreter.load_interpreter(path)
    (details,) = loaded.get_input_details()
    generator = np.random.default_rng(1)
    interpreter.fill_inputs(loaded, lambda each: interpreter.noise(each, generator))
    filled = loaded.get_tensor(details["index"])
    assert filled.dtype == dtype
    assert filled.std() > 0
    interpreter.fill_inputs(loaded, interpreter.zeros)
    assert not loaded.get_tensor(details["index"]).any()
    interpreter.invoke(loaded, path)


def test_keeping_tensors_does_not_change_the_answer() -> None:
    answers = []
    for keep in (True, False):
        loaded = interpreter.load_interpreter(FP32, keep_tensors=keep)
        interpreter.fill_inputs(loaded, interpreter.zeros)
        interpreter.invoke(loaded, FP32)
        answers.append(loaded.get_tensor(loaded.get_output_details()[0]["index"]))
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-3)


def test_an_index_is_never_out_of_range() -> None:
    details = {"shape": np.array([2]), "dtype": np.int32}
    assert not interpreter.noise(details, np.random.default_rng(1)).any()


def test_pixels_are_what_the_network_takes() -> None:
    images = np.array([0, 128, 255], np.uint8)
    assert interpreter.as_input(images, np.int8).tolist() == [-128, 0, 127]
    assert interpreter.as_input(images, np.float32).tolist() == pytest.approx([0, 128 / 255, 1])


def test_a_runtime_that_fails_is_reported_in_one_line() -> None:
    class Broken:
        def invoke(self) -> None:
            raise RuntimeError("no memory")

    with pytest.raises(InputError, match=r"^the model cannot be run: no memory$"):
        interpreter.invoke(Broken(), "the model")
