import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.project import MODEL, ROOT
from spotimes.inference.classifier import Classifier
from spotimes.preprocessing.resize import load_image


@pytest.mark.slow  # imports TensorFlow in a process of its own
def test_it_finds_the_class_that_the_app_does(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.linear_gradient("L").resize((32, 32)).convert("RGB").save(picture)
    program = ROOT / "benchmarks/by_tensorflow.py"
    printed = subprocess.check_output([sys.executable, program, MODEL, picture], text=True)
    classifier = Classifier(MODEL)
    image = load_image(picture, "the picture", classifier.contract)
    assert int(printed) == classifier.probabilities(image).argmax()
