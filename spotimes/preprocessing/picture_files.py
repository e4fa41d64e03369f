"""Which files of a folder are meant as pictures: all but those that these names tell apart.

`prepare` and the app on the device both go by them, so that a suffix decides in neither: whether a
file is a picture, its content says.
"""

import re

LABELS_CSV = "labels.csv"  # names the classes of a folder's pictures
# What systems and their archives leave behind, in lower case.
_LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", LABELS_CSV}
_ABOUT_THE_DATA = re.compile(r"(readme|licen[cs]e).*|.*\.(txt|md)", re.IGNORECASE | re.DOTALL)


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name, wherever it lies, is not meant as data.

    Names that begin with a dot, what systems leave behind (Thumbs.db, ...), and labels.csv.
    """
    return name.startswith(".") or name.lower() in _LITTER


def is_about_the_data(name: str) -> bool:
    """Whether a file of this name, at a folder's top, is about its pictures and is none.

    README*, LICENSE*, *.txt and *.md.
    """
    return _ABOUT_THE_DATA.fullmatch(name) is not None
