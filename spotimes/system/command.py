"""How a command ends: with one line and a status, and no traceback for what its user can fix."""

import errno
import signal
import sys
from collections.abc import Callable

from spotimes.errors import InputError, SpotimesError

REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EACCES: "permit it",
    errno.EPERM: "permit it",
    errno.EROFS: "make it writable",
}


def run(name: str, main: Callable[[], None]) -> None:
    """Runs `main`, and exits with 0 when it returns.

    Every stage and every command ends with it:

        if __name__ == "__main__":
            command.run("train", main)

    Args:
        name: what the line on standard error begins with, such as `train`.
        main: the command. An exception other than those below is a defect and keeps its traceback.

    Raises:
        SystemExit: always. A `SpotimesError` gives its own status, and an `OSError` that says that
            a file may not be written there gives 2, both after its line on standard error;
            `KeyboardInterrupt` gives 130 and `SIGTERM` 143. `with` and `finally` have cleaned up
            by then.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        main()
    except SpotimesError as error:
        _report(name, str(error))
        sys.exit(error.status)
    except KeyboardInterrupt:
        _report(name, "interrupted")
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        where = f": {error.filename}" if error.filename else ""
        _report(name, f"{error.strerror}{where}; {REMEDIES[error.errno]}, then run again")
        sys.exit(InputError.status)
    sys.exit(0)


def _report(name: str, message: str) -> None:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr, flush=True)
