"""Bytes that packages and all that they require take: `installed_size.py PACKAGE ...`.

It imports the standard library alone, so that any environment's Python runs it.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


def installed_size(*packages: str) -> int:
    """The bytes of the files of packages and of all that they require; those absent count none."""
    names, seen, size = list(packages), set(), 0
    while names:
        match = re.match(r"[\w.-]+", names.pop())
        assert match is not None, "a requirement begins with a name"
        name = re.sub(r"[-_.]+", "-", match[0]).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another system
            continue
        paths = [Path(str(file.locate())) for file in found.files or []]
        size += sum(path.stat().st_size for path in paths if path.is_file())
        names += [each for each in found.requires or [] if "extra ==" not in each]
    return size


if __name__ == "__main__":
    print(installed_size(*sys.argv[1:]))
