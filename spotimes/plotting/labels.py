"""Names as pictures show them: of bounded length, and in the order in which they are drawn.

Matplotlib draws a text character by character, from the left. So what is written from the right is
turned round before, and Arabic letters are replaced by the forms in which they join.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, partial
from itertools import groupby, pairwise

ABOVE_A_PICTURE = 13  # characters that have room above one of eight pictures in a row

_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
# A character with the marks on it, of the scripts that are written from the right.
_CLUSTER = re.compile(r".[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]*", re.DOTALL)
# Two letters that are written as one, or a character.
_LETTER = re.compile(r"\u0644[\u0622\u0623\u0625\u0627]|.", re.DOTALL)
# What Unicode's kinds of characters do to the direction of writing.
_KINDS = {
    "L": "L",
    "R": "R",
    "AL": "R",
    **dict.fromkeys(("EN", "AN"), "number"),
    **dict.fromkeys(("ES", "CS"), "separator"),
}
_FORMS = {
    (False, False): "<isolated>",
    (False, True): "<initial>",
    (True, True): "<medial>",
    (True, False): "<final>",
}


def label(name: str, most: int) -> str:
    """A name for a figure.

    Args:
        name: whichever.
        most: how many characters it may have; those of Chinese, Japanese and Korean count twice.
    """
    shown = _beginning(name, most)
    if any(map(_is_from_the_right, shown)):
        return _from_the_left(_joined(shown))
    return shown


def width(text: str) -> int:
    """How many characters wide a text is; those of Chinese, Japanese and Korean count twice."""
    return sum(2 if unicodedata.east_asian_width(each) in {"W", "F"} else 1 for each in text)


def _beginning(name: str, most: int) -> str:
    if width(name) <= most:
        return name
    kept = name[: most - 1]
    while width(kept) > most - 1:
        kept = kept[:-1]
    return f"{kept}…"


@cache
def _arabic_forms() -> dict[str, dict[str, str]]:
    """Of letters, and of two that are written as one, the forms by where in a word they stand."""
    forms: dict[str, dict[str, str]] = {}
    for code in (*range(0xFB50, 0xFBB2), *range(0xFBD3, 0xFC00), *range(0xFE80, 0xFEFD)):
        form, *letters = unicodedata.decomposition(chr(code)).split()
        forms.setdefault("".join(chr(int(each, 16)) for each in letters), {})[form] = chr(code)
    return forms


def _joined(text: str) -> str:
    letters = _LETTER.findall(text)
    # Letters join across the marks on them.
    indices = [index for index, each in enumerate(letters) if not unicodedata.combining(each[0])]
    forms = [_arabic_forms().get(letters[index], {}) for index in indices]
    joins = ["<initial>" in first and "<final>" in second for first, second in pairwise(forms)]
    for index, own, around in zip(
        indices, forms, zip([False, *joins], [*joins, False], strict=True), strict=True
    ):
        letters[index] = own.get(_FORMS[around], letters[index])
    return "".join(letters)


def _from_the_left(text: str) -> str:
    """Unicode's bidirectional algorithm (Standard Annex 9), without marks that set a direction."""
    clusters = _CLUSTER.findall(text)
    levels = _levels([each[0] for each in clusters])
    turned = [
        each.translate(_MIRRORED) if level % 2 else each
        for each, level in zip(clusters, levels, strict=True)
    ]
    drawn = [*zip(levels, turned, strict=True)]
    for lowest in range(max(levels), 0, -1):
        runs = groupby(drawn, partial(_is_raised, lowest))
        drawn = [each for raised, run in runs for each in ([*run][::-1] if raised else run)]
    return "".join(each for _, each in drawn)


def _is_raised(lowest: int, character: tuple[int, str]) -> bool:
    return character[0] >= lowest


def _levels(text: Sequence[str]) -> list[int]:
    """How deep each character lies: odd where it is written from the right."""
    kinds = [_KINDS.get(unicodedata.bidirectional(each), "") for each in text]
    base = next(kind for kind in kinds if kind in {"L", "R"})
    last, is_arabic = base, False
    for index, kind in enumerate(kinds):
        if kind in {"L", "R"}:
            last, is_arabic = kind, unicodedata.bidirectional(text[index]) == "AL"
        elif kind == "number" and last == "L":
            kinds[index] = "L"
        elif kind == "separator":  # `1-2` is a number, but not among Arabic letters
            around = [*kinds[index - 1 : index], *kinds[index + 1 : index + 2]]
            is_within = around[1:] == ["number"] and around[0] in {"number", "L"} and not is_arabic
            kinds[index] = kinds[index - 1] if is_within else ""
    sides = ["R" if kind == "number" else kind for kind in kinds]
    levels = []
    for index, kind in enumerate(kinds):
        before = next(filter(None, sides[index::-1]), base)
        after = next(filter(None, sides[index:]), base)
        side = before if before == after else base
        deepest = kind == "number" or (base == "R" and side == "L")
        levels.append(2 if deepest else int(side == "R"))
    return levels


def _is_from_the_right(character: str) -> bool:
    return _KINDS.get(unicodedata.bidirectional(character)) == "R"
