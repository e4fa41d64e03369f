import sys

import numpy as np
import pytest

from benchmarks import runtimes
from benchmarks.runtimes import Difference
from spotimes.errors import InputError
from tests.project import ROOT

INT8 = ROOT / "models/model_int8.tflite"


def test_an_operator_alone_differs_less_than_all_before_it_together() -> None:
    images = np.random.default_rng(1).integers(-128, 128, (4, 32, 32, 3), np.int8)
    found = list(runtimes.differences(INT8, images).values())
    assert found[0].alone == found[0].so_far
    assert all(each.alone.largest <= 1 for each in found)
    assert sum(each.so_far.differing for each in found) > sum(
        each.alone.differing for each in found
    )
    assert found[0].answer == found[-1].so_far
    assert found[-1].answer == found[-1].alone


def test_differences_add_up() -> None:
    one, other = np.array([-128, 0, 5], np.int8), np.array([127, 0, 6], np.int8)
    found = Difference().with_more(one, other).with_more(one, one)
    assert found == (6, 2, 255)
    assert str(found) == "33.333% | 255"


def test_no_images_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["runtimes", "--images", "0"])
    with pytest.raises(InputError, match="--images: 0 is not allowed"):
        runtimes.main()
