"""The system's fonts, for what Matplotlib's own lacks."""

import sys
import unicodedata
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

# How Unicode's names begin of what Debian's fonts-noto-cjk has.
CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH")

_RECOMMENDED: set[str] = set()


def set_where_lacking(drawing: Figure) -> bool:
    """Gives the texts of a figure fonts that have all of their characters.

    Of those that no font has, standard error says once which package does.

    Args:
        drawing: which was drawn before; what an axis' labels are is known only then.

    Returns:
        Whether a text has other fonts now.
    """
    lacking = _lacking(drawing)
    if not lacking:
        return False
    families, nowhere = _system_fonts(lacking)
    for text in drawing.findobj(Text):
        if not lacking.isdisjoint(text.get_text()):
            text.set_fontfamily([*text.get_fontfamily(), *families])
    if nowhere:
        _recommend(nowhere)
    return bool(families)


def _lacking(drawing: Figure) -> frozenset[str]:
    """The characters of a figure that Matplotlib's own font lacks."""
    own = FT2Font(findfont(FontProperties()))
    shown = {each for text in drawing.findobj(Text) for each in text.get_text()}
    invisible = {"Cc", "Cf"}  # line breaks, and what joins or turns its neighbours
    return frozenset(
        each
        for each in shown
        if unicodedata.category(each) not in invisible and not _has(own, each)
    )


@cache
def _system_fonts(lacking: frozenset[str]) -> tuple[list[str], str]:
    """The families of as few fonts as have them, and those that none has."""
    covered = {}
    for path in sorted(findSystemFonts()):
        try:
            font = FT2Font(path)
        except (OSError, RuntimeError):  # it is damaged, or of a kind that Matplotlib cannot read
            continue
        if font.scalable and (has := {each for each in lacking if _has(font, each)}):
            order = (font.style_name != "Regular", not font.family_name.startswith("Noto Sans"))
            covered[order, font.family_name, path] = has
    families = []
    rest = set(lacking)
    while best := min(
        (each for each in covered if covered[each] & rest),
        key=lambda each: (-len(covered[each] & rest), each),
        default=None,
    ):
        _, family, path = best
        fontManager.addfont(path)
        families.append(family)
        rest -= covered[best]
    return families, "".join(sorted(rest))


def _has(font: FT2Font, character: str) -> bool:
    return font.get_char_index(ord(character)) != 0


def _recommend(lacking: str) -> None:
    """Says which packages have the characters, unless it has named them before."""
    packages = {_package(each): each for each in reversed(lacking)}
    if new := sorted(set(packages) - _RECOMMENDED):
        print(
            "pictures have boxes for characters that no font on this system has, such as "
            f"{' and '.join(packages[each] for each in new)}; on Debian and Ubuntu: apt-get "
            f"install {' '.join(new)}",
            file=sys.stderr,
            flush=True,
        )
    _RECOMMENDED.update(new)


def _package(character: str) -> str:
    if unicodedata.name(character, "").startswith(CJK):
        return "fonts-noto-cjk"
    # Of the fonts with emoji, Matplotlib can draw the black and white ones.
    return "fonts-symbola" if unicodedata.category(character) == "So" else "fonts-noto-core"
