"""Figures in one style, as PNG files whose bytes depend on what is drawn alone.

Matplotlib's own font has Latin, Greek, Cyrillic and a few more scripts. For others the system's
fonts are used, and the bytes depend on these, too.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from spotimes.plotting import fonts
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
        if fonts.set_where_lacking(drawing):
            drawn = _drawn(drawing)
    # A palette makes the file half as large; what is not copied is Matplotlib's version, which
    # would change the bytes.
    palette = Image.open(drawn).convert("RGB").quantize(256, kmeans=4 if refine else 0)
    palette.info.clear()
    with atomic.replacing(path) as beside:
        palette.save(beside, format="png", optimize=True)


def _drawn(drawing: Figure) -> BytesIO:
    png = BytesIO()
    with warnings.catch_warnings():
        # `fonts` says it in one line. Where a script's letters join, they are drawn apart.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        warnings.filterwarnings("ignore", "Matplotlib currently does not support .* natively")
        drawing.savefig(png, format="png")
    return png
