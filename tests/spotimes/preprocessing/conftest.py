import pytest
from PIL import Image

from spotimes.dataset.prepared import Split
from tests.pictures import sample


@pytest.fixture
def real(cifar10: dict[str, Split]) -> Image.Image:
    """A real picture, 48 wide and 32 high."""
    return Image.fromarray(sample(cifar10, 48))
