"""How a command ends: one line and a status, never a traceback for what the user can mend."""

import errno
import signal
import sys
from collections.abc import Callable

from spotimes.errors import InputError

MENDS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EACCES: "permit it",
    errno.EPERM: "permit it",
    errno.EROFS: "make it writable",
}


def run(name: str, main: Callable[[], None]) -> None:
    """Runs `main` and exits: 0 when it returned, 2 on bad input, 130 on Ctrl-C.

    Args:
        name: what the line on standard error begins with, such as `train`.
        main: the command. An exception other than those below is a defect and keeps its traceback.

    Raises:
        SystemExit: always. `InputError` gives 2, and so does an `OSError` that says that a file
            may not be written there; `KeyboardInterrupt` gives 130, and `SIGTERM` 143, both
            after the clean-up that `with` and `finally` do.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        main()
    except InputError as error:
        sys.exit(_last_words(name, str(error)))
    except KeyboardInterrupt:
        _last_words(name, "interrupted")
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if error.errno not in MENDS:
            raise
        where = f": {error.filename}" if error.filename else ""
        sys.exit(
            _last_words(name, f"{error.strerror}{where}; {MENDS[error.errno]}, then run again")
        )
    sys.exit(0)


def _last_words(name: str, message: str) -> int:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 2
