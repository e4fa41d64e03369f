import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.cold_start import installed, run
from benchmarks.installed_size import installed_size
from benchmarks.project import MODEL, ROOT
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.preprocessing.resize import load_image


@pytest.mark.slow  # imports TensorFlow in a process of its own
def test_tensorflow_finds_the_class_that_the_app_does(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.linear_gradient("L").resize((32, 32)).convert("RGB").save(picture)
    program = ROOT / "benchmarks/by_tensorflow.py"
    printed = subprocess.check_output([sys.executable, program, MODEL, picture], text=True)
    classifier = Classifier(MODEL)
    image = load_image(picture, "the picture", classifier.contract)
    assert int(printed) == classifier.probabilities(image).argmax()


def test_a_package_takes_its_files_and_those_that_it_requires() -> None:
    own = [Path(str(file.locate())) for file in files("markdown-it-py") or []]
    size = sum(path.stat().st_size for path in own if path.is_file())
    required = installed_size("mdurl")
    assert required > 0
    assert installed_size("markdown_it_py", "no-such-package") == size + required
    assert installed(Path(sys.executable), "mdurl") == required / 2**20


def test_what_fails_is_reported(tmp_path: Path) -> None:
    assert run([sys.executable, "-c", ""], tmp_path).seconds > 0
    with pytest.raises(InputError, match="status 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
