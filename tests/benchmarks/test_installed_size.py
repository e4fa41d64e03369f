from importlib.metadata import files
from pathlib import Path

from benchmarks.installed_size import installed_size


def test_a_package_takes_its_files_and_those_that_it_requires() -> None:
    own = [Path(str(file.locate())) for file in files("markdown-it-py") or []]
    size = sum(path.stat().st_size for path in own if path.is_file())
    required = installed_size("mdurl")
    assert required > 0
    assert installed_size("markdown_it_py", "no-such-package") == size + required
