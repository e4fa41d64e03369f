"""`versions`: what the trained bytes depend on besides the code."""

from spotimes.system.validation import Frozen


class Pins(Frozen):
    """Packages by import name, with the version that requirements.txt pins."""


class Versions(Pins):
    """The packages whose change retrains; a test holds them equal to requirements.txt."""

    tensorflow: str
    keras: str
    numpy: str
    h5py: str
