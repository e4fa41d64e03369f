"""The model card (Mitchell et al. 2019, arXiv:1810.03993), as Markdown."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spotimes.blocks import LINEAR, Architecture, layers, layers_by_block
from spotimes.dataset.backbone import NO_BACKBONE, Backbone
from spotimes.dataset.prepared import Card
from spotimes.evaluation.metrics import (
    Accuracy,
    Calibration,
    Device,
    Evaluation,
    Export,
    ForeignSet,
    Images,
    Quantization,
    StageMetrics,
    Teacher,
    Temperature,
    Training,
    Unknown,
)
from spotimes.figures import ACCURACIES, DEVICE, FIGURES, FILE_PARTS
from spotimes.params.optional_file import NONE
from spotimes.pixels import Normalization, colour_of
from spotimes.reporting.markdown import escaped


class Origin(NamedTuple):
    """What the network began with.

    Attributes:
        backbone: whose blocks are its first ones, only as many of them as were kept.
        is_pruned: whether these are narrower inside than they were published.
        start_from: an earlier model's file; `data/none` for none.
    """

    backbone: Backbone = NO_BACKBONE
    is_pruned: bool = False
    start_from: str = NONE


RANDOM_WEIGHTS = Origin()


def render(
    network: Architecture,
    image_shape: Sequence[int],
    card: Card,
    stages: StageMetrics,
    result: Evaluation,
    *,
    origin: Origin = RANDOM_WEIGHTS,
) -> str:
    """Writes the card; it holds nothing that depends on the machine.

    Args:
        network: the architecture.
        image_shape: (height, width, channels) of an image.
        card: the dataset's.
        stages: what the other stages measured.
        result: what evaluate did, with the budgets judged.
        origin: what the network began with.

    Returns:
        Markdown, whose pictures are in ../metrics/plots.
    """
    found = result.calibration
    sections = [
        _summary(image_shape, card, stages.size, result),
        _use(image_shape, card, network.normalization),
        _accuracy(result),
        *([_probabilities(stages.size.temperature, found)] if found else []),
        *([_device(result.device)] if result.device else []),
        *([_unknown(result.unknown)] if result.unknown else []),
        _cost(stages.size, stages.export),
        _budgets(result),
        _architecture(network, image_shape, len(card.class_names), stages.size),
        _training(stages.training, origin),
        _data(card, stages.preparation.images),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _summary(image_shape: Sequence[int], card: Card, size: Quantization, result: Evaluation) -> str:
    height, width, _ = image_shape
    return f"""
# Model card: image classifier, {escaped(card.name)}, INT8

<!-- Written by `dvc repro evaluate` (spotimes/reporting/model_card.py); do not edit. -->

A convolutional network that puts a {width} x {height} image into one of {len(card.class_names)}
classes, quantized to full INT8 for devices that have only a CPU.

- `model_int8.tflite`, the model to ship: {_thousands(size.int8.bytes.file)} bytes,
  {_percent(result.int8.top1)} top-1
- `model_fp32.tflite`, the same network in float32, to compare with:
  {_thousands(size.fp32.bytes.file)} bytes, {_percent(result.fp32.top1)} top-1
- `model.keras`, what both are made from

![Test images with the INT8 model's answer](../metrics/plots/examples.png)
"""


def _use(image_shape: Sequence[int], card: Card, normalization: Normalization) -> str:
    height, width, channels = image_shape
    name, names = escaped(card.name), ", ".join(map(escaped, card.class_names))
    colour = {"rgb": "RGB", "grey": "grey"}[colour_of(channels)]
    return f"""
## Intended use and limits

For images like those of {name}: one object that fills the picture, of one of the classes
{names}. To learn from, to compare with, and to start
from with images of your own.

- A picture of something else gets one of these classes, too. A score says that it is likely
  unknown, which is right of some such pictures only: see below.
- The figures below hold for pictures drawn like the test images. Other cameras, light, crops or
  scaling from larger pictures lower them by an amount that only your own labelled images show.
- Not for decisions that affect people's safety or rights.

## Input and output

| | |
| --- | --- |
| image | uint8, {colour}, {width} x {height}, shape [1, {height}, {width}, {channels}] |
| INT8 input | int8, exactly `pixel - 128` |
| FP32 input | float32, `{normalization}` |
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
    } test images, which only this evaluation reads. Intervals are Wilson's, 95%: other
images of the same kind could give any value in them.

{
        _table(
            (
                *("", FIGURES["top1"].title, "95% interval"),
                *(figure.title for figure in ACCURACIES[1:]),
                "expected calibration error",
            ),
            [_accuracy_row("FP32", result.fp32), _accuracy_row("INT8", result.int8)],
        )
    }

INT8 {"loses" if result.top1_loss >= 0 else "gains"} {
        abs(100 * result.top1_loss):.2f} points. Both give the same answer for
{_percent(result.agreement)} of the images; FP32 alone is correct on {
        test.fp32_only_correct
    }, INT8 alone on
{test.int8_only_correct}: the two {verdict} chance would make them
(McNemar's exact test, p = {test.p_value:.2g}).

{
        _table(
            ("class", "FP32", "INT8"),
            [
                (
                    escaped(name),
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
        *(figure.text(getattr(accuracy, figure.key)) for figure in ACCURACIES[1:]),
        f"{accuracy.calibration_error:.4f}",
    )


def _probabilities(temperature: Temperature, found: Calibration) -> str:
    fitted = ""
    if temperature.low is not None and temperature.high is not None:
        fitted = (
            f",\nfitted on {_thousands(temperature.images)} validation images (95% interval "
            f"{temperature.low:g} to {temperature.high:g})"
        )
    return f"""
## Probabilities

Both models divide their logits by a temperature of {temperature.value:g}{fitted}. The INT8 model's
highest probability is so {_percent(found.error)} from how often it is correct, on average over the
test images ({_percent(found.error_low)} to {_percent(found.error_high)}; expected calibration error
in equal bins, 95% interval by the bootstrap); at a temperature of 1 it would be {
        _percent(found.error_at_1)
    } ({_percent(found.error_at_1_low)} to
{_percent(found.error_at_1_high)}).

![How often answers are correct, by how probable they are called](../metrics/plots/calibration.png)
"""


def _device(found: Device) -> str:
    rows = [(each.title, each.text(getattr(found, each.key))) for each in DEVICE]
    return f"""
## On a microcontroller

What the C of `models/c` answers for the test images, and TensorFlow Lite Micro, byte for byte. The
figures above are those of LiteRT, which scales by floating point where these do by integers.

{_table(("", "INT8"), [*rows, ("same bytes of output", _percent(found.same_bytes))])}
"""


def _unknown(found: Unknown) -> str:
    rows = [
        (name, _thousands(each.images), _percent(each.auroc), *_accepted(each))
        for name, each in found.sets.items()
    ]
    return f"""
## Pictures of something else

Each answer has a score, and is called unknown where that is below the limit in the model's file
(`spotimes/inference/unknown.py`). {_kept(found)} Foreign pictures here are test images whose tiles
are shuffled, and generated textures. AUROC is how often a test image's score is above theirs: 50%
if the score told nothing. Pictures of objects much like those of the classes are harder to tell.

{_table(("", "pictures", "AUROC", "taken as known", "95% interval"), rows)}
"""


def _kept(found: Unknown) -> str:
    kept, low, high = found.known_kept, found.known_kept_low, found.known_kept_high
    if kept is None or low is None or high is None:
        return "This model has no limit."
    return (
        f"So {_percent(kept)} of the test images\nare taken as known ({_percent(low)} to "
        f"{_percent(high)}), as the limit was set on the validation images."
    )


def _accepted(found: ForeignSet) -> tuple[str, str]:
    if found.accepted is None or found.accepted_low is None or found.accepted_high is None:
        return "-", "-"
    interval = f"{_percent(found.accepted_low)} to {_percent(found.accepted_high)}"
    return _percent(found.accepted), interval


def _cost(size: Quantization, export: Export) -> str:
    rows = [
        (
            "**all**" if part == "file" else part,
            _thousands(getattr(size.fp32.bytes, part)),
            _thousands(getattr(size.int8.bytes, part)),
        )
        for part in (*FILE_PARTS, "file")
    ]
    arena, as_c = FIGURES["arena_bytes"], FIGURES["c_ram_bytes"]
    memory = [
        (arena.heading, *(arena.text(model.arena_bytes) for model in (size.fp32, size.int8))),
        (as_c.heading, as_c.text(None), as_c.text(export.ram_bytes)),
    ]
    missing = size.int8.arena_note or size.fp32.arena_note
    note = f"\nThe arena: {missing}.\n" if missing else ""
    return f"""
## Cost

The INT8 file is {size.ratio:.3g} times smaller than the FP32 file.

{_table(("bytes of the file", "FP32", "INT8"), rows)}

{_table(("", "FP32", "INT8"), memory)}
{note}
Latency, speedup and the memory of a process are a machine's: metrics/benchmark.json has them beside
the host that they were measured on.

![File, latency and memory, FP32 and INT8](../metrics/plots/cost.png)
"""


def _budgets(result: Evaluation) -> str:
    if not result.budgets:
        return "## Budgets\n\nparams.yaml sets none."
    rows = [
        (
            figure.heading,
            f"{figure.bound} {figure.exact(verdict.limit)}",
            "-" if verdict.measured is None else figure.exact(verdict.measured),
            {True: "yes", False: "**no**", None: f"unknown: {verdict.reason}"}[verdict.met],
        )
        for figure, verdict in ((FIGURES[key], each) for key, each in result.budgets.items())
        if not figure.machine_dependent
    ]
    return (
        "## Budgets\n\n"
        "What params.yaml allows the INT8 model. `make check` holds it to these, and to those of\n"
        "latency, instructions and a process' memory, which are each machine's.\n\n"
        + _table(("", "limit", "measured", "met"), rows)
    )


def _architecture(
    network: Architecture, image_shape: Sequence[int], classes: int, size: Quantization
) -> str:
    rows = []
    for number, (block, made) in enumerate(layers_by_block(network, image_shape), start=1):
        output = " x ".join(str(side) for side in made[-1].output_shape)
        described = " + ".join(layer.description for layer in made)
        rows.append((str(number), described, str(block.stride), output))
    rows.append(("", "global average pooling", "", output.split()[-1]))
    rows.append(("", "dense, softmax", "", str(classes)))
    activations = dict.fromkeys(layer.activation for layer in layers(network, image_shape))
    titles = " or ".join(each.title for each in activations if each is not LINEAR)
    linear = "; a linear one has no activation" if LINEAR in activations else ""
    return f"""
## Architecture

{_table(("block", "layers", "stride", "output"), rows)}

Each convolution has batch norm, folded into its weights, and {titles} behind it{linear}.
{_thousands(size.parameters)} parameters, {size.macs / 1e6:.3g} million multiplications an image.
"""


def _training(training: Training, origin: Origin) -> str:
    return f"""
## Training

{training.epochs} epochs; {_percent(training.val_accuracy)} on the validation images, which are set
aside from the training images. The recipe is `train` in params.yaml; `dvc repro` repeats it.
{_start(origin)}{_teacher(training.teacher)}
![Loss and accuracy over the epochs](../metrics/plots/training.png)
"""


def _start(origin: Origin) -> str:
    if origin.start_from != NONE:
        return f"""
It began with the weights of an earlier model, {escaped(origin.start_from)}, all but those of the
dense layer. Of test images that this one learned from, the accuracy above is too high.
"""
    backbone = origin.backbone
    if not backbone.blocks:
        return ""
    narrower = "; channels inside them were removed before the training" if origin.is_pruned else ""
    return f"""
The first {len(backbone.blocks)} blocks began with the weights of [{backbone.name}]({
        backbone.homepage
    }), trained
on {backbone.trained_on}{narrower}. Licence of these weights: {backbone.licence}.

Citation: {backbone.citation}
"""


def _teacher(teacher: Teacher | None) -> str:
    if teacher is None:
        return ""
    return f"""
It learned from the answers of a teacher (`train.teacher`), which is right about {
        _percent(teacher.val_accuracy)
    } of
the validation images.
"""


def _data(card: Card, images: Images) -> str:
    name = escaped(card.name)
    if card.homepage:
        name = f"[{name}]({card.homepage})"
    return f"""
## Data

{name}: {_thousands(images.train)} training,
{_thousands(images.validation)} validation and {_thousands(images.test)} test images.

Licence: {card.licence}

Citation: {card.citation}
"""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def _percent(share: float) -> str:
    return f"{share:.2%}"


def _thousands(number: int) -> str:
    return f"{number:,}"
