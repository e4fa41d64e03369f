import re

import pytest

from spotimes import errors
from spotimes.errors import one_line


def subclasses(kind: type[Exception]) -> set[type[Exception]]:
    direct = set(kind.__subclasses__())
    return direct.union(*map(subclasses, direct))


def test_the_docstrings_tree_has_every_error_with_its_status() -> None:
    assert errors.__doc__ is not None
    drawn = re.findall(r"─ (\w+) +(\d)  \w", errors.__doc__)
    existing = {kind.__name__: kind for kind in subclasses(errors.SpotimesError)}
    assert dict(drawn) == {
        name: str(kind.status)  # type: ignore[attr-defined]
        for name, kind in existing.items()
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a  b\n\tc\u2028d", "a b c d"),
        ("a\x1b[2Jb\x85\x00", r"a\x1b[2Jb \x00"),
        ("\ud800", r"\ud800"),
        ("Löwe 犬 👩‍🔬", "Löwe 犬 👩‍🔬"),
    ],
)
def test_a_message_is_one_line_without_control_characters(text: str, line: str) -> None:
    assert one_line(text) == line
