import shutil

import numpy as np
import pytest

from benchmarks.instructions import TOOLS, counted
from spotimes.errors import InputError
from spotimes.export.exported import Exported, exported
from tests.project import ROOT
from tests.spotimes.export.random_models import random_images

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in TOOLS),
        reason="needs Debian's gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm",
    ),
]
IMAGE = random_images((32, 32, 3), 1).tobytes()


@pytest.fixture(scope="module")
def default() -> Exported:
    return exported(ROOT / "models/model_int8.tflite")


def test_each_layer_takes_its_share(default: Exported) -> None:
    plain = np.array(counted(default, IMAGE, "mps2-an386", dsp=False))
    dsp = np.array(counted(default, IMAGE, "mps2-an386", dsp=True))
    macs = np.array(default.network.macs_by_layer)
    assert len(plain) == len(default.network.layers)
    assert (plain > 2 * macs).all()  # a load and a multiplication at least
    assert (dsp < plain)[macs > 0].all()
    # The timer ticks every ten instructions.
    assert np.abs(dsp - plain)[macs == 0].max() < 30


def test_counts_repeat_to_the_digit(default: Exported) -> None:
    assert counted(default, IMAGE, "mps2-an386", dsp=True) == counted(
        default, IMAGE, "mps2-an386", dsp=True
    )


def test_a_model_that_does_not_fit_the_board(default: Exported) -> None:
    with pytest.raises(InputError, match=r"cannot be run on stm32vldiscovery: .*RAM"):
        counted(default, IMAGE, "stm32vldiscovery", dsp=False)
