"""Names of files and classes: which are sound, and how messages show them."""

import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from spotimes.errors import CONTROL, SURROGATE, InputError, printable

SHOWN_AT_MOST = 200
# Nobody sees these: soft hyphens, blanks without width, marks of direction, fillers, tags. Joiners
# are none of them, which Persian, Hindi and emojis are written with.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d\ufe0e\ufe0f"))


def class_name(spelt: str, where: str) -> str:
    """A class' name in Unicode's form NFC.

    Raises:
        InputError: it is empty, or whoever reads the model's label file could take it for another.
    """
    if not spelt.strip():
        raise InputError(f"{where}: is empty; a class needs a name")
    checked_name(spelt, where)
    if spelt != spelt.strip():
        # Some readers of the model's label file would strip it.
        raise InputError(f"{where}: '{shortened(spelt)}' begins or ends with a blank; remove it")
    if found := _INVISIBLE.search(spelt):
        character = f"U+{ord(found[0]):04X} ({unicodedata.name(found[0], 'without a name')})"
        raise InputError(
            f"{where}: has the character {character} in its name, which nobody sees; remove it"
        )
    if spelt in {".", ".."}:
        raise InputError(f"{where}: {spelt} is no class' name")
    return unicodedata.normalize("NFC", spelt)


def refuse_look_alikes(class_names: Iterable[str], where: str) -> None:
    """Refuses names of which nobody sees the difference.

    Raises:
        InputError: two of them differ in the kind of a blank or in joiners alone.
    """
    seen: dict[str, str] = {}
    for name in class_names:
        other = seen.setdefault(" ".join(name.translate(_JOINERS).split()), name)
        if other != name:
            raise InputError(
                f"{where}: the names of two classes look the same ({other!a} and {name!a}); put "
                "both classes into one, or give them names that differ"
            )


def checked_name(text: str, where: str) -> str:
    """`text`, if it can be written in a line of UTF-8.

    Raises:
        InputError: it cannot.
    """
    if SURROGATE.search(text):
        raise InputError(f"{where}: the name is not UTF-8; rename it")
    if CONTROL.search(text):
        raise InputError(f"{where}: has a line break or control character in its name; rename it")
    return text


def shown(root: Path, path: str = "") -> str:
    """A path within a folder as messages show it."""
    return printable(str(root / path))


def shortened(text: str) -> str:
    """A name as messages show it, of any length."""
    whole = printable(text)
    return whole if len(whole) <= SHOWN_AT_MOST else f"{whole[:SHOWN_AT_MOST]}..."


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turns what the system refuses within into an InputError that begins with `where`."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{where}: cannot be read ({error.strerror}); see to its permissions and its disk"
        ) from error


def is_folder(mode: int, where: str) -> bool:
    """Whether a file's mode is that of a folder.

    Raises:
        InputError: it is neither a file nor a folder; to read a named pipe would wait for ever.
    """
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise InputError(f"{where}: is neither a file nor a folder; remove it")
    return stat.S_ISDIR(mode)
