"""`versions`: what the trained bytes depend on besides the code."""

from importlib.metadata import PackageNotFoundError, version

from spotimes.errors import InputError
from spotimes.params.load import Frozen


class Pins(Frozen):
    """Packages by import name, with the version that requirements.txt pins."""

    def check_installed(self) -> None:
        """Compares the installed packages with these.

        Raises:
            InputError: one is missing or has another version.
        """
        for name, wanted in self:
            try:
                installed = version(name)
            except PackageNotFoundError:
                installed = "none"
            if installed != wanted:
                raise InputError(
                    f"{name}: params.yaml wants version {wanted}, installed is {installed}; "
                    "`make install` installs what requirements.txt pins"
                )


class Versions(Pins):
    """The packages whose change retrains; a test holds them equal to requirements.txt."""

    tensorflow: str
    keras: str
    numpy: str
    h5py: str
