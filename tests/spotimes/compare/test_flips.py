from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spotimes.compare.flips import Flip, draw

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(3).integers(0, 256, (20, 32, 32, 3), np.uint8)
MANY = [Flip(index, "US$ $", "cat") for index in range(20)]


@pytest.mark.parametrize(("lost", "gained"), [(MANY[:1], MANY), (MANY, []), ([], [])])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_lost_and_gained_is_a_picture(
    tmp_path: Path, lost: list[Flip], gained: list[Flip], channels: int
) -> None:
    path = tmp_path / "flips.png"
    draw(IMAGES[..., :channels], lost, gained, path)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.size == (800, 720)
        assert len(set(picture.convert("L").get_flattened_data())) > 10
