"""Measures the models' accuracy on the test split, and whether the budgets are met.

In: models/model_fp32.tflite, models/model_int8.tflite, the test split of data/prepared, which no
other stage reads, and the metrics of the other stages.
Out: metrics/evaluate.json, metrics/confusion.csv (INT8; `dvc plots show`), metrics/plots/*.png, the
same in one page, metrics/report.html, and the model card, models/README.md.
Takes about a minute on two cores.
Expect the INT8 model within half a point of the FP32 one and the same answer for 98% of images.

`python -m stages.evaluate --check` only holds the metrics files against the budgets in params.yaml:
it names each and exits with 3 if one is not met, or could not be measured and is not among
`evaluate.optional`.
"""

from pathlib import Path

from spotimes import usage
from spotimes.dataset.prepared import PREPARED, load_backbone, load_card, load_split
from spotimes.evaluation import (
    accuracy,
    budgets,
    calibration,
    device,
    foreign,
    layer_error,
    metrics,
)
from spotimes.evaluation.calibration import Confidence
from spotimes.explanation.explainer import Explainer
from spotimes.inference.classifier import Classifier
from spotimes.inference.unknown import scores
from spotimes.nn.architecture import architecture
from spotimes.params.evaluate import Evaluate
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.runtime import Runtime
from spotimes.params.train import Train
from spotimes.reporting import explained, model_card, report
from spotimes.system import atomic, command
from spotimes.system.packages import check_installed
from spotimes.tflite import activation_memory

PARAMS = ("runtime", "network", "train", "evaluate")

FP32 = Path("models/model_fp32.tflite")
INT8 = Path("models/model_int8.tflite")
METRICS = Path("metrics/evaluate.json")
CONFUSION = Path("metrics/confusion.csv")
PLOTS = Path("metrics/plots")
MODEL_CARD = Path("models/README.md")
REPORT = Path("metrics/report.html")
LAYER_IMAGES = 200


def main() -> None:
    """Runs the stage, or the check."""
    parser = usage.parser("stages.evaluate", __doc__, "dvc repro evaluate", "make check")
    parser.add_argument("--check", action="store_true", help="only say whether the budgets are met")
    only_check = parser.parse_args().check
    params = load_group("evaluate", Evaluate)
    if only_check:
        check(params)
    else:
        evaluate(params)


def evaluate(params: Evaluate) -> None:
    """Measures, and writes every output."""
    check_installed(load_group("runtime", Runtime))
    choice, backbone = load_group("network", Network), load_backbone()
    network, kept = architecture(choice, backbone), backbone.kept(choice.backbone.keep)
    start_from = load_group("train", Train).start_from
    origin = model_card.Origin(kept, bool(choice.backbone.widths), start_from)
    stages = metrics.load_stages()
    card, test = load_card(PREPARED), load_split("test", PREPARED)
    image_shape = test.images.shape[1:]

    predictions = accuracy.predict(FP32, INT8, test, card.class_names)
    result = accuracy.compare(predictions, params.calibration_bins)
    uncalibrated = accuracy.at_temperature_1(INT8, test, len(card.class_names))
    before, after = (
        calibration.reliability(Confidence.of(each, test.labels), params.calibration_bins)
        for each in (uncalibrated, predictions.int8)
    )
    int8 = Classifier(INT8)
    scored = foreign.scored(int8, test.images, scores(predictions.int8))
    unknown = foreign.measure(scored)
    result = result.model_copy(
        update={
            "calibration": calibration.measure(
                uncalibrated, predictions.int8, test.labels, params.calibration_bins
            ),
            "device": device.measure(
                device.steps(predictions.int8), device.outputs(INT8, test.images), test.labels
            ),
            "unknown": unknown,
        }
    )
    found = budgets.Measured(stages.size, stages.export, stages.cost, result)
    verdicts = budgets.judge(params.budgets, INT8, found)
    result = result.model_copy(update={"budgets": verdicts})

    layers = layer_error.layer_names(network, image_shape)
    errors = layer_error.measure(FP32, INT8, test.images[:LAYER_IMAGES], layers)
    memory = activation_memory.of_file(FP32), activation_memory.of_file(INT8)
    maps = maps_of(FP32), maps_of(INT8)
    sections = report.sections(
        stages, result, predictions, errors, memory, reliable=(before, after), maps=maps
    )

    atomic.write_text(REPORT, report.page(card.name, stages, result, sections, PLOTS))
    atomic.write_text(CONFUSION, predictions.table().to_csv(index=False))
    atomic.write_text(
        MODEL_CARD,
        model_card.render(network, image_shape, card, stages, result, origin=origin),
    )
    atomic.write_json(METRICS, result.model_dump(exclude_defaults=True))
    print(f"top-1 FP32 {result.fp32.top1:.2%}, INT8 {result.int8.top1:.2%}")
    print(f"calibration error {result.int8.calibration_error:.2%}")
    print(foreign.sentence(unknown))
    print("\n".join(budgets.sentences(verdicts)))


def maps_of(model: Path) -> explained.Maps:
    """What makes maps of an image by a model."""
    explainer = Explainer(Classifier(model))
    return lambda image: explainer.explain(image).maps


def check(params: Evaluate) -> None:
    """Holds what the stages measured to the budgets as they are now.

    Raises:
        LimitBrokenError: one is exceeded, or could not be measured and is not optional.
    """
    found = budgets.Measured(
        metrics.load("quantize", metrics.Quantization),
        metrics.load("export", metrics.Export),
        metrics.load("benchmark", metrics.Benchmark),
        metrics.load("evaluate", metrics.Evaluation),
    )
    verdicts = budgets.judge(params.budgets, INT8, found)
    print("\n".join(budgets.sentences(verdicts)))
    budgets.check(verdicts, params.optional)


if __name__ == "__main__":
    command.run("evaluate", main)
