"""Figures in one style, as PNG files whose bytes depend on what is drawn alone.

Matplotlib's own font has Latin, Greek, Cyrillic and a few more scripts. For others the system's
fonts are used, and the bytes depend on these, too.
"""

import sys
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from PIL import Image

from spotimes.system import atomic

# Okabe and Ito's colours (2008), which the colour-blind tell apart as well.
BLUE, ORANGE, PURPLE, GREY = "#0072B2", "#E69F00", "#CC79A7", "#999999"
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e5e5",
    "legend.frameon": False,
    "text.parse_math": False,  # a class may be called US$
}
# How Unicode's names begin of what Debian's fonts-noto-cjk has.
CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH")

_RECOMMENDED: set[str] = set()


@contextmanager
def figure(path: Path, inches: tuple[float, float], *, refine: bool = True) -> Iterator[Figure]:
    """Gives an empty figure and writes it, whole or not at all, in 100 dots an inch.

    A box stands for a character that no font of the system has; standard error says once which
    package has it.

    Args:
        path: the PNG to write.
        inches: width and height.
        refine: choose the palette's 256 colours with care, which takes seconds where there are
            many photographs.
    """
    with mpl.rc_context({**mpl.rcParamsDefault, **STYLE}):
        drawing = Figure(inches, dpi=100, layout="constrained")
        yield drawing
        drawn = _drawn(drawing)
        # What the labels of an axis are is known once it is drawn.
        if lacking := _lacking(drawing):
            families, nowhere = _system_fonts(lacking)
            for text in drawing.findobj(Text):
                if not lacking.isdisjoint(text.get_text()):
                    text.set_fontfamily([*text.get_fontfamily(), *families])
            drawn = _drawn(drawing)
            if nowhere:
                _recommend(nowhere)
    # A palette makes the file half as large; what is not copied is Matplotlib's version, which
    # would change the bytes.
    palette = Image.open(drawn).convert("RGB").quantize(256, kmeans=4 if refine else 0)
    palette.info.clear()
    with atomic.replacing(path) as beside:
        palette.save(beside, format="png", optimize=True)


def _drawn(drawing: Figure) -> BytesIO:
    png = BytesIO()
    with warnings.catch_warnings():
        # `_recommend` says it in one line. Where a script's letters join, they are drawn apart.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        warnings.filterwarnings("ignore", "Matplotlib currently does not support .* natively")
        drawing.savefig(png, format="png")
    return png


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
