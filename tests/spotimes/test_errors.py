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
