"""Where the project is, and what of it is measured."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models/model_int8.tflite"
PICTURE = ROOT / "data/samples/3_cat.png"
