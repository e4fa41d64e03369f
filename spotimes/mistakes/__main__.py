"""`python -m spotimes.mistakes`: one page of what the INT8 model gets wrong on the test images.

For example, `python -m spotimes.mistakes --out mistakes.html`, or `make mistakes`. It has the worst
pairs of classes, accuracy by brightness, sharpness and the pictures' own size, and the pictures
themselves with what speaks for the answers, to be filtered by class and by right or wrong. The file
loads nothing from anywhere; it holds test images, so it is not in Git. Takes half a minute on two
cores.
"""

from pathlib import Path

from spotimes import usage
from spotimes.dataset.prepared import load_card, load_split
from spotimes.evaluation import accuracy
from spotimes.explanation.explainer import Explainer
from spotimes.inference.classifier import Classifier
from spotimes.ingestion.dataset_report import load_report
from spotimes.mistakes import measures, page, pictures
from spotimes.system import atomic, command

FP32 = Path("models/model_fp32.tflite")
INT8 = Path("models/model_int8.tflite")
PAGE = Path("mistakes.html")


def main() -> None:
    """Measures, and writes the page."""
    parser = usage.parser("spotimes.mistakes", __doc__, "make mistakes")
    parser.add_argument(
        "--out", type=Path, default=PAGE, metavar="HTML", help=f"the file to write ({PAGE})"
    )
    out = parser.parse_args().out
    card, test, report = load_card(), load_split("test"), load_report()
    predictions = accuracy.predict(FP32, INT8, test, card.class_names)
    shown = pictures.chosen(predictions, Explainer(Classifier(INT8)), report.test)
    tables = measures.tables(predictions, report.test)
    atomic.write_text(out, page.render(card.name, predictions, tables, shown))
    wrong = int((predictions.int8.argmax(axis=1) != test.labels).sum())
    print(f"{out}: {wrong:,} of {len(test.labels):,} test images are classified wrongly")


if __name__ == "__main__":
    command.run("mistakes", main)
