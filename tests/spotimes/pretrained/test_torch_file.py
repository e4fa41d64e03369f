import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

from spotimes.errors import InputError
from spotimes.pretrained.torch_file import read_tensors
from tests.spotimes.pretrained.torch_files import saved

ARRAYS = {
    "kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "double": np.array([0.5, 1e-300]),
    "half": np.array([0.5], np.float16),
    "steps": np.array(7),
    "none": np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("offset", [0, 5])
def test_tensors_come_in_the_order_types_and_shapes_that_were_saved(offset: int) -> None:
    found = read_tensors(saved(ARRAYS, offset=offset, order=reversed(ARRAYS)), "file")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def refusal(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read_tensors(content, "weights.pth")
    message = str(caught.value)
    assert message.startswith("weights.pth: cannot be read as tensors of PyTorch: ")
    assert "\n" not in message
    return message


def test_every_truncated_file_is_refused() -> None:
    content = saved({"kernel": np.arange(6, dtype=np.float32)})
    for length in range(len(content)):
        refusal(content[:length])


def test_no_other_name_than_a_tensors_is_imported(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "touched"),)

    begin = saved({})
    for pickled in (pickle.dumps(Evil(), 2), begin[: _end(begin, 3)] + pickle.dumps(Evil(), 2)):
        assert "which is no tensor's" in refusal(pickled)
    assert not (tmp_path / "touched").exists()


def _end(content: bytes, count: int) -> int:
    """Where so many pickles end."""
    position = 0
    for _ in range(count):
        *_, (_, _, stop) = pickletools.genops(content[position:])
        assert stop is not None
        position += stop + 1
    return position


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x18", "the format"),
        (b"M\xe9\x03.", b"M\xe8\x03.", "is not in the format of torch.save before PyTorch 1.6"),
        (b"little_endian", b"little_indian", "little_endian"),
        (b"FloatStorage", b"GloatStorage", "torch.GloatStorage, which is no tensor's"),
    ],
)
def test_another_format_is_refused(old: bytes, new: bytes, reason: str) -> None:
    content = saved({"kernel": np.arange(6, dtype=np.float32)})
    assert old in content
    assert reason in refusal(content.replace(old, new))


def test_a_tensor_outside_its_storage_is_refused() -> None:
    content = saved({"kernel": np.zeros((3, 5), np.float32)})
    larger = content.replace(b"K\x03K\x05\x86", b"K\x03K\x06\x86")
    assert larger != content
    assert "a tensor of (3, 6) lies outside its storage" in refusal(larger)
