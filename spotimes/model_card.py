"""The model card (Mitchell et al. 2019, arXiv:1810.03993), as Markdown."""

from collections.abc import Iterable, Sequence

from spotimes.budgets import LOWER_LIMITS
from spotimes.dataset import Card
from spotimes.metrics import Accuracy, Benchmark, Evaluation, Images, Quantization, Training
from spotimes.params.network import Network

BUDGET_NAMES = {
    "bytes": "file, bytes",
    "arena_bytes": "RAM on a microcontroller, bytes",
    "peak_rss_bytes": "peak RSS of a process, bytes",
    "median_ms": "median latency, ms",
    "top1": "top-1",
    "top1_loss": "top-1 lost against FP32",
}


def render(
    network: Network,
    image_shape: Sequence[int],
    card: Card,
    images: Images,
    training: Training,
    size: Quantization,
    cost: Benchmark,
    result: Evaluation,
) -> str:
    """Writes the card; the same figures give the same text.

    Args:
        network: the architecture.
        image_shape: (height, width, channels) of an image.
        card: the dataset's.
        images: of metrics/prepare.json.
        training: of metrics/train.json.
        size: of metrics/quantize.json.
        cost: of metrics/benchmark.json.
        result: of metrics/evaluate.json, with the budgets judged.

    Returns:
        Markdown, whose pictures are in ../metrics/plots.
    """
    sections = [
        _summary(image_shape, card, size, cost, result),
        _use(image_shape, card),
        _accuracy(result),
        _cost(size, cost),
        _budgets(result),
        _architecture(network, image_shape, len(card.class_names), size),
        _training(training),
        _data(card, images),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _summary(
    image_shape: Sequence[int], card: Card, size: Quantization, cost: Benchmark, result: Evaluation
) -> str:
    height, width, _ = image_shape
    return f"""
# Model card: image classifier, {card.name}, INT8

<!-- Written by `dvc repro evaluate` (spotimes/model_card.py); do not edit. -->

A convolutional network that puts a {width} x {height} image into one of {len(card.class_names)}
classes, quantized to full INT8 for devices that have only a CPU.

- `model_int8.tflite`, the model to ship: {_thousands(size.int8.bytes.file)} bytes,
  {_percent(result.int8.top1)} top-1, {_ms(cost.int8.median_ms)} an image on the host below
- `model_fp32.tflite`, the same network in float32, to compare with:
  {_thousands(size.fp32.bytes.file)} bytes, {_percent(result.fp32.top1)} top-1,
  {_ms(cost.fp32.median_ms)}
- `model.keras`, what both are made from

![Test images with the INT8 model's answer](../metrics/plots/examples.png)
"""


def _use(image_shape: Sequence[int], card: Card) -> str:
    height, width, channels = image_shape
    colours = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    return f"""
## Intended use and limits

For images like those of {card.name}: one object that fills the picture, of one of the classes
{", ".join(card.class_names)}. To learn from, to compare with, and to start
from with images of your own.

- It always answers with one of these classes, whatever the picture shows; its highest probability
  is no detector of foreign pictures.
- The figures below hold for pictures drawn like the test images. Other cameras, light, crops or
  scaling from larger pictures lower them by an amount that only your own labelled images tell.
- Not for decisions that affect people's safety or rights.

## Input and output

| | |
| --- | --- |
| image | uint8, {colours}, {width} x {height}, shape [1, {height}, {width}, {channels}] |
| INT8 input | int8, exactly `pixel - 128` |
| FP32 input | float32, `pixel / 255` |
| output | [1, {len(card.class_names)}], the softmax; INT8: `(value - zero_point) * scale` |

The classes are numbered in the order above, from 0.
"""


def _accuracy(result: Evaluation) -> str:
    names = sorted(result.int8.class_top1, key=lambda name: -result.int8.class_top1[name])
    test = result.mcnemar
    verdict = "differ by more than" if test.p_value < 0.05 else "differ by no more than"
    return f"""
## Accuracy

On {
        _thousands(result.images)
    } test images, used for nothing else. Intervals are Wilson's, 95%: other
images of the same kind could give any value in them.

{
        _table(
            ("", "top-1", "95% interval", "expected calibration error"),
            [_accuracy_row("FP32", result.fp32), _accuracy_row("INT8", result.int8)],
        )
    }

INT8 loses {100 * result.top1_loss:.2f} points. Both give the same answer for
{_percent(result.agreement)} of the images; FP32 alone is right on {
        test.fp32_only_right
    }, INT8 alone on
{test.int8_only_right}: the two {verdict} chance would make them
(McNemar's exact test, p = {test.p_value:.2g}).

{
        _table(
            ("class", "FP32", "INT8"),
            [
                (
                    name,
                    _percent(result.fp32.class_top1[name]),
                    _percent(result.int8.class_top1[name]),
                )
                for name in names
            ],
        )
    }

![Accuracy on each class, FP32 and INT8](../metrics/plots/classes.png)

![Confusion matrix of the INT8 model](../metrics/plots/confusion.png)
"""


def _accuracy_row(name: str, accuracy: Accuracy) -> tuple[str, ...]:
    return (
        name,
        _percent(accuracy.top1),
        f"{_percent(accuracy.top1_low)} to {_percent(accuracy.top1_high)}",
        f"{accuracy.calibration_error:.4f}",
    )


def _cost(size: Quantization, cost: Benchmark) -> str:
    parts = ("weights", "quantization", "metadata", "rest", "file")
    sizes = [
        (
            "**all**" if part == "file" else part,
            _thousands(getattr(size.fp32.bytes, part)),
            _thousands(getattr(size.int8.bytes, part)),
        )
        for part in parts
    ]
    timings = [
        (label, *(f"{getattr(model, key):.4g}" for model in (cost.fp32, cost.int8)))
        for label, key in (
            ("latency, median, ms", "median_ms"),
            ("latency, 95th percentile, ms", "p95_ms"),
            ("latency, 99th percentile, ms", "p99_ms"),
            ("load, allocate and first inference, ms", "first_inference_ms"),
        )
    ]
    memory = [
        ("peak RSS of a process, bytes", *_both(cost, "peak_rss_bytes")),
        ("of these before the model is loaded", *_both(cost, "rss_before_load_bytes")),
        (
            "RAM on a microcontroller (arena), bytes",
            *(
                "-" if model.arena_bytes is None else _thousands(model.arena_bytes)
                for model in (size.fp32, size.int8)
            ),
        ),
    ]
    missing = size.int8.arena_note or size.fp32.arena_note
    note = f"\nThe arena: {missing}.\n" if missing else ""
    faster = cost.speedup
    return f"""
## Cost

The INT8 file is {size.ratio:.3g} times smaller than the FP32 file.

{_table(("bytes of the file", "FP32", "INT8"), sizes)}

INT8 is {faster.median:.3g} times as fast as FP32 on the same runtime (95% interval
{faster.low:.3g} to {faster.high:.3g}), timed by turns in one process, one image at a time, LiteRT
{cost.host.get("ai_edge_litert", "")}, {_counted(cost.threads, "thread")}, on {_host(cost)}.
Another machine has other figures.

{_table(("on this host", "FP32", "INT8"), [*timings, *memory])}
{note}
![File, latency and memory, FP32 and INT8](../metrics/plots/cost.png)
"""


def _host(cost: Benchmark) -> str:
    return f"{cost.host.get('cpu')} ({cost.host.get('system')}; {cost.host.get('isa')})"


def _both(cost: Benchmark, key: str) -> tuple[str, str]:
    return _thousands(getattr(cost.fp32, key)), _thousands(getattr(cost.int8, key))


def _budgets(result: Evaluation) -> str:
    if not result.budgets:
        return "## Budgets\n\nparams.yaml sets none."
    rows = [
        (
            BUDGET_NAMES[name],
            f"{'at least' if name in LOWER_LIMITS else 'at most'} {verdict.limit:.8g}",
            "-" if verdict.measured is None else f"{verdict.measured:.6g}",
            {True: "yes", False: "**no**", None: f"unknown: {verdict.reason}"}[verdict.met],
        )
        for name, verdict in result.budgets.items()
    ]
    return (
        "## Budgets\n\nWhat params.yaml allows the INT8 model; `make check` holds it to them.\n\n"
        + _table(("", "limit", "measured", "met"), rows)
    )


def _architecture(
    network: Network, image_shape: Sequence[int], classes: int, size: Quantization
) -> str:
    height, width, channels = image_shape
    layers = {"conv": "3x3 convolution", "separable": "3x3 depthwise + 1x1 convolution"}
    rows = []
    for number, block in enumerate(network.blocks, start=1):
        # "same" padding: a stride halves odd sides upwards.
        height, width, channels = (
            -(-height // block.stride),
            -(-width // block.stride),
            block.channels,
        )
        output = f"{height} x {width} x {channels}"
        rows.append((str(number), layers[block.kind], str(block.stride), output))
    rows.append(("", "global average pooling", "", str(channels)))
    rows.append(("", "dense, softmax", "", str(classes)))
    return f"""
## Architecture

{_table(("block", "layers", "stride", "output"), rows)}

Each convolution has batch norm, folded into its weights, and ReLU behind it.
{_thousands(size.parameters)} parameters, {size.macs / 1e6:.3g} million multiplications an image.
"""


def _training(training: Training) -> str:
    return f"""
## Training

{training.epochs} epochs in {training.seconds / 60:.0f} minutes
({_thousands(round(training.images_per_second))} images a second);
{_percent(training.val_accuracy)} on the validation images, which are set aside from the training
images. The recipe is `train` in params.yaml; `dvc repro` repeats it.

![Loss and accuracy over the epochs](../metrics/plots/training.png)
"""


def _data(card: Card, images: Images) -> str:
    return f"""
## Data

[{card.name}]({card.homepage}): {_thousands(images.train)} training,
{_thousands(images.validation)} validation and {_thousands(images.test)} test images.

Licence: {card.licence}

Citation: {card.citation}
"""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in [header, rule, *rows])
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def _percent(share: float) -> str:
    return f"{share:.2%}"


def _thousands(number: int) -> str:
    return f"{number:,}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.3g} ms"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
