import pytest

from spotimes.pretrained.crc32c import POLYNOMIAL, crc32c, masked


@pytest.mark.parametrize(
    ("data", "expected"),
    [  # RFC 3720, appendix B.4; the last is the usual check of all CRCs
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
def test_published_values(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


def bit_by_bit(data: bytes) -> int:
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (POLYNOMIAL if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def test_any_length_is_cut_into_lanes_without_a_trace() -> None:
    data = bytes(number * 7 % 256 for number in range(70))
    for length in range(len(data)):
        assert crc32c(data[:length]) == bit_by_bit(data[:length])


def test_a_mask_turns_and_adds() -> None:
    assert masked(0) == 0xA282EAD8
    assert masked(1 << 15) == 0xA282EAD9
    assert masked(0xFFFFFFFF) == 0xA282EAD7
