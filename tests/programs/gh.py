#!/usr/bin/env python3
"""Stands in for GitHub's `gh`: appends its arguments to ./asked, prints the contents of ./own."""

import json
import sys
from pathlib import Path

words = sys.argv[1:]
asked: dict[str, object] = {"words": words}
for word in words:
    if word.startswith("body=@"):
        asked["body"] = Path(word.removeprefix("body=@")).read_text()
with Path("asked").open("a") as log:
    print(json.dumps(asked), file=log)
if "--jq" in words:
    print(Path("own").read_text(), end="")
