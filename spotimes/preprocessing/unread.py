"""Why a picture that may be sound is not read."""


class ElaborateError(Exception):
    """It consists of more parts than there is time to read."""


class MissingPackageError(Exception):
    """It is read by a package that is not installed; the message is its name."""


class UnknownKindError(Exception):
    """It is of a kind that is not read."""
