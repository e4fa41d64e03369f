import re

from spotimes import errors


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


def test_what_a_terminal_would_obey_is_escaped_and_no_script_is() -> None:
    text = "gzip\x1b[2J\x85\u2028\udce9 é 犬 👩\u200d🌾\u3000."
    shown = errors.printable(text)
    assert shown == "gzip\\x1b[2J\\x85\\u2028\\udce9 é 犬 👩\u200d🌾\u3000."
    assert len(shown.splitlines()) == 1
