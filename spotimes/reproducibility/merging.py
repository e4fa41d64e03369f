"""Files that a merge of two branches left in conflict."""

import re
from pathlib import Path

HOW_TO = "docs/git-and-dvc.md"


def conflict(path: Path) -> str:
    """What to say of a file that is in conflict; empty if it is in none, or not there."""
    if path.is_file() and re.search(rb"^<{7} ", path.read_bytes(), re.MULTILINE):
        return f"{path}: in conflict after a merge: {HOW_TO} resolves it"
    return ""
