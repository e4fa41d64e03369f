"""Each kind of operator as the converter writes it, and with one thing changed."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spotimes.inference.flatbuffer import DamagedError
from spotimes.inference.operators import CHECKS, Cost, Tensor
from spotimes.inference.tflite_schema import KINDS

NONE = np.empty(0, np.float32)
NO_POINTS = np.empty(0, np.int64)
CONV = {"padding": 0, "stride_h": 2, "stride_w": 1, "fused_activation_function": 1}
CONV |= {"dilation_h_factor": 1, "dilation_w_factor": 1, "depth_multiplier": 1}
DENSE = {"fused_activation_function": 0}


def computed(*shape: int, scale: float = 0.02, zero_point: int = -128) -> Tensor:
    return Tensor(shape, "int8", np.array([scale], np.float32), np.array([zero_point]), 0, None)


def weights(*shape: int, axis: int = 0) -> Tensor:
    scale, zero_point = np.full(shape[axis], 0.01, np.float32), np.zeros(shape[axis], np.int64)
    return Tensor(shape, "int8", scale, zero_point, axis, np.ones(shape, np.int8))


def integers(*values: int) -> Tensor:
    return Tensor((len(values),), "int32", NONE, NO_POINTS, 0, np.array(values, np.int32))


IMAGE = computed(1, 6, 5, 3)
CONV_2D = ([IMAGE, weights(4, 3, 3, 3), integers(0, 0, 0, 0)], computed(1, 3, 5, 4), CONV)
DEPTHWISE = ([IMAGE, weights(1, 3, 3, 3, axis=3), integers(0, 0, 0)], computed(1, 3, 5, 3), CONV)
FULLY = ([computed(1, 4), weights(3, 4), integers(0, 0, 0)], computed(1, 3), DENSE)
ADD = ([IMAGE, IMAGE], IMAGE, DENSE)
RELU: Any = ([IMAGE], IMAGE, {})
SOFTMAX = ([computed(1, 3)], computed(1, 3, scale=1 / 256), {"beta": 1.0})
MEAN = ([IMAGE, integers(1, 2)], computed(1, 3), {"keep_dims": False})
GOOD: dict[str, Any] = {
    "CONV_2D": CONV_2D,
    "DEPTHWISE_CONV_2D": DEPTHWISE,
    "FULLY_CONNECTED": FULLY,
    "ADD": ADD,
    "RELU": RELU,
    "RELU6": RELU,
    "SOFTMAX": SOFTMAX,
    "MEAN": MEAN,
}


def check(kind: str, inputs: Any, output: Any, options: Any) -> Cost:
    return CHECKS[kind](inputs, output, SimpleNamespace(**options))


def test_every_kind_that_is_read_is_checked() -> None:
    assert set(CHECKS) == {kind.name for kind in KINDS.values()} == set(GOOD)


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("CONV_2D", 3 * 5 * 16 * 27),
        ("DEPTHWISE_CONV_2D", 3 * 5 * 16 * 9),
        ("FULLY_CONNECTED", 4 * 16),
        ("ADD", 90 * 16),
        ("RELU", 90 * 16),
        ("SOFTMAX", 3 * 16),
        ("MEAN", 90 * 64),
    ],
)
def test_what_the_converter_writes_is_sound(kind: str, steps: int) -> None:
    assert check(kind, *GOOD[kind]).steps == steps


def test_a_convolution_may_lay_out_its_windows() -> None:
    cost = check("CONV_2D", *CONV_2D)
    assert (cost.scratch, cost.kept) == (3 * 5 * 27, 3 * 5 * 9 * 8)


def test_a_mean_may_keep_its_sides() -> None:
    check("MEAN", MEAN[0], computed(1, 1, 1, 3), {"keep_dims": True})


def test_valid_padding_shrinks() -> None:
    options = CONV | {"padding": 1}
    check("CONV_2D", CONV_2D[0], computed(1, 2, 3, 4), options)
    with pytest.raises(DamagedError, match=r"shape \[1, 3, 5, 4\], not \[1, 2, 3, 4\]"):
        check("CONV_2D", *CONV_2D[:2], options)


def with_one(kind: str, place: int, **fields: Any) -> Any:
    """A good operator with other fields of an input, or of the output at -1."""
    inputs, output, options = GOOD[kind]
    if place < 0:
        return inputs, output._replace(**fields), options
    inputs = list(inputs)
    inputs[place] = inputs[place]._replace(**fields)
    return inputs, output, options


def with_option(kind: str, **fields: Any) -> Any:
    inputs, output, options = GOOD[kind]
    return inputs, output, {**options, **fields}


@pytest.mark.parametrize(
    ("kind", "operator", "message"),
    [
        ("CONV_2D", (CONV_2D[0][:2], *CONV_2D[1:]), "it has 2 inputs, not 3"),
        ("CONV_2D", with_one("CONV_2D", 0, shape=(6, 5, 3)), "its kernel has not"),
        ("CONV_2D", with_one("CONV_2D", 0, shape=(1, 6, 5, 4)), "its kernel has not"),
        ("CONV_2D", with_one("CONV_2D", -1, shape=(1, 3, 5, 5)), "its output is of shape"),
        ("CONV_2D", with_one("CONV_2D", -1, dtype="float32"), "all float32, nor all int8"),
        ("CONV_2D", with_one("CONV_2D", -1, scale=NONE), "int8 without a scale"),
        ("CONV_2D", with_one("CONV_2D", -1, scale=np.array([1e-12])), "scale is too small"),
        ("CONV_2D", with_one("CONV_2D", 0, values=NONE), "a constant where none is expected"),
        ("CONV_2D", with_one("CONV_2D", 1, values=None), "its weights are no constants"),
        ("CONV_2D", with_one("CONV_2D", 1, dtype="int32"), "its weights are not int8"),
        ("CONV_2D", with_one("CONV_2D", 1, scale=NONE), "have not one scale, nor 4"),
        ("CONV_2D", with_one("CONV_2D", 1, axis=1), "have not one scale, nor 4"),
        ("CONV_2D", with_one("CONV_2D", 1, zero_point=np.ones(4)), "zero points other than 0"),
        ("CONV_2D", with_one("CONV_2D", 2, shape=(3,)), "its bias has not 4 values"),
        ("CONV_2D", with_option("CONV_2D", stride_h=0), "its stride is not positive"),
        ("CONV_2D", with_option("CONV_2D", padding=2), "its padding is of no known kind"),
        ("CONV_2D", with_option("CONV_2D", dilation_w_factor=2), "its dilation is not 1"),
        ("CONV_2D", with_option("CONV_2D", fused_activation_function=9), "activation is not known"),
        ("DEPTHWISE_CONV_2D", with_option("DEPTHWISE_CONV_2D", depth_multiplier=2), "is not 1"),
        ("DEPTHWISE_CONV_2D", with_one("DEPTHWISE_CONV_2D", 1, shape=(3,)), "its kernel has not"),
        ("FULLY_CONNECTED", with_one("FULLY_CONNECTED", 0, shape=(1, 5)), "input's features"),
        ("FULLY_CONNECTED", with_one("FULLY_CONNECTED", 0, shape=(4,)), "input's features"),
        ("ADD", with_one("ADD", 1, shape=(1,)), "its inputs have two shapes"),
        ("ADD", with_one("ADD", -1, scale=np.array([1e-12])), "its output's scale is too small"),
        ("RELU", with_one("RELU", -1, shape=(1,)), "its output is of shape"),
        ("SOFTMAX", with_one("SOFTMAX", 0, shape=(3,)), "its input has not two sides"),
        ("SOFTMAX", with_one("SOFTMAX", -1, scale=np.array([0.1])), "not the scale 1/256"),
        ("SOFTMAX", with_option("SOFTMAX", beta=float("nan")), "its beta is nan"),
        ("SOFTMAX", with_option("SOFTMAX", beta=0.0), "its beta is 0"),
        ("SOFTMAX", with_option("SOFTMAX", beta=2000.0), "its beta is 2000"),
        ("MEAN", with_one("MEAN", 0, shape=(1, 3)), "its input has not four sides"),
        ("MEAN", with_one("MEAN", 1, values=np.array([1, 9])), "not the constants 1 and 2"),
        ("MEAN", with_one("MEAN", 1, values=None), "not the constants 1 and 2"),
    ],
)
def test_what_the_kernels_do_not_expect_is_refused(kind: str, operator: Any, message: str) -> None:
    with pytest.raises(DamagedError, match=message):
        check(kind, *operator)


def test_a_kernel_larger_than_the_image_fits_with_padding_alone() -> None:
    image, kernel = computed(1, 2, 2, 3), CONV_2D[0][1]
    bias = CONV_2D[0][2]
    check("CONV_2D", [image, kernel, bias], computed(1, 1, 2, 4), CONV)
    with pytest.raises(DamagedError, match="its kernel is larger than its input"):
        check("CONV_2D", [image, kernel, bias], computed(1, 1, 2, 4), CONV | {"padding": 1})


def test_a_dense_layers_bias_may_be_missing() -> None:
    features, kernel, _ = FULLY[0]
    check("FULLY_CONNECTED", [features, kernel], FULLY[1], FULLY[2])
    with pytest.raises(DamagedError, match="it has 1 inputs, not 3"):
        check("FULLY_CONNECTED", [features], FULLY[1], FULLY[2])
    with pytest.raises(DamagedError, match="it has 2 inputs, not 3"):
        check("CONV_2D", CONV_2D[0][:2], CONV_2D[1], CONV_2D[2])
