"""The errors that a command reports in one line, and the status that it exits with.

    SpotimesError
    ├── InputError              2  something outside the code is wrong; its user can fix it
    │   ├── MirrorError         2  a mirror of a dataset cannot deliver; another may
    │   ├── TooManyPixelsError  2  a picture has more pixels than may be read
    │   └── StrideTooLargeError 2  a network's strides shrink its images below one pixel
    └── LimitBrokenError        3  a model breaks a limit that params.yaml sets

`spotimes.system.command.run` turns them into that line and status. Any other exception is a defect
of the code: it keeps its traceback, and Python exits with 1.
"""

import re
from typing import ClassVar

# A terminal obeys some of these, and str.splitlines() ends a line at others.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SURROGATE = re.compile("[\ud800-\udfff]")  # what Python makes of a name that is not UTF-8
UNPRINTABLE = re.compile(f"{CONTROL.pattern}|{SURROGATE.pattern}")


class SpotimesError(Exception):
    """Base of all errors that are reported without a traceback.

    The message is one line, such as `params.yaml: train.epochs: 0 is not allowed: ...`, which says
    what is wrong, where, and what would be right.

    Attributes:
        status: what a command that raises it exits with.
    """

    status: ClassVar[int]


class InputError(SpotimesError):
    """Something outside the code is wrong: params, a dataset, a download, a model, the machine."""

    status = 2


class MirrorError(InputError):
    """A mirror of a dataset cannot deliver; another may. The message is the URL and why."""


class TooManyPixelsError(InputError):
    """A picture has more pixels than may be read."""


class StrideTooLargeError(InputError):
    """A network's strides shrink its images below one pixel. The message names the block."""


class LimitBrokenError(SpotimesError):
    """A model breaks a limit that params.yaml sets, a budget or the regression allowed to it.

    The message names the limits. What was measured is printed before it is raised.
    """

    status = 3


def printable(text: str) -> str:
    """A text, such as a message that quotes others, with Python's escapes for `UNPRINTABLE`."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)
