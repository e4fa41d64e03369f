"""One page that shows what a run gave: self-contained HTML, light and dark."""

import base64
import html
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from spotimes.evaluation.accuracy import Predictions
from spotimes.evaluation.calibration import Reliability
from spotimes.evaluation.layer_error import LayerError
from spotimes.evaluation.metrics import Evaluation, StageMetrics
from spotimes.figures import ACCURACIES, DEVICE, FIGURES, UNKNOWN
from spotimes.reporting import explained, plots
from spotimes.reporting.explained import Maps
from spotimes.tflite.activation_memory import OperatorMemory

STYLE = """
:root { color-scheme: light dark; --ground: light-dark(#fff, #16181c);
  --ink: light-dark(#1c1e21, #eceef1); --faint: light-dark(#5a6068, #a6adb7);
  --line: light-dark(#d6d9dd, #3a414a); }
body { margin: 0 auto; padding: 1rem; max-width: 56rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; font-size: 1.2rem; }
p { color: var(--faint); } img { max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) { .chart { filter: invert(.92) hue-rotate(180deg); } }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
nav ul { padding: 0; list-style: none; columns: 2; }
a { color: light-dark(#00518f, #7cc4ff); }
"""


class Section(NamedTuple):
    """A picture of the page.

    Attributes:
        name: of its PNG, without the suffix.
        title: above it.
        text: what it shows, and what to look for.
        draw: writes the PNG.
        photographs: it shows some; a chart is made light on dark where the reader wants that.
    """

    name: str
    title: str
    text: str
    draw: Callable[[Path], None]
    photographs: bool = False


def sections(
    stages: StageMetrics,
    result: Evaluation,
    predictions: Predictions,
    errors: Sequence[LayerError],
    memory: tuple[Sequence[OperatorMemory], Sequence[OperatorMemory]],
    *,
    maps: tuple[Maps, Maps],
    reliable: tuple[Sequence[Reliability], Sequence[Reliability]],
) -> list[Section]:
    """The pictures of a run of the pipeline.

    Args:
        stages: what the other stages measured.
        result: what evaluate did.
        predictions: both models' answers.
        errors: each layer's.
        memory: each layer's, of the FP32 model and of the INT8 model.
        maps: what makes maps of an image, by the FP32 model and by the INT8 model.
        reliable: the INT8 model's reliability at temperature 1 and at its own.
    """
    return [
        Section(
            "training",
            "Training",
            "Loss and accuracy by epoch; on training images they are augmented ones.",
            partial(plots.training_curves, stages.history),
        ),
        Section(
            "cost",
            "What the models cost",
            "Bytes by part, latency and memory of both models.",
            partial(plots.cost, stages.size, stages.cost),
        ),
        Section(
            "latency",
            "Latency",
            "The share of invocations that are over by a time; both models interleaved in one run.",
            partial(plots.latency, stages.latency),
        ),
        Section(
            "memory",
            "RAM by layer",
            "What is in RAM while a layer runs: layer by layer, all that it reads and writes, to "
            "which an interpreter adds its own; as C, what is left of that by computing several "
            "layers row by row, and writing over what has been read.",
            partial(
                plots.memory,
                *memory,
                list(stages.export.ram_by_layer.values()),
                [error.layer for error in errors],
                arena=stages.size.int8.arena_bytes,
            ),
        ),
        Section(
            "classes",
            "Accuracy by class",
            "FP32 and INT8, the easiest class on top.",
            partial(plots.class_accuracy, result),
        ),
        Section(
            "confusion",
            "Confusion",
            "What the INT8 model takes each class for.",
            partial(plots.confusion, predictions),
        ),
        Section(
            "calibration",
            "Calibration",
            "How often the INT8 model's answers are correct, by how probable it calls them: on the "
            "line they are as often as it says. Below, how many images that is.",
            partial(plots.reliability, *reliable),
        ),
        Section(
            "layers",
            "Quantization error by layer",
            "Of each layer's output, that of the layers before it included: a fall from one layer "
            "to the next is the next one's doing. 6 dB are one bit.",
            partial(plots.layer_error, errors),
        ),
        Section(
            "lost",
            "Lost to quantization",
            "Images that FP32 classifies correctly and INT8 does not. Below each, what speaks for "
            "FP32's answer, in orange, and against it, in blue; and the same of INT8's.",
            partial(explained.disagreements, predictions, *maps),
            photographs=True,
        ),
        Section(
            "mistakes",
            "The most confident mistakes",
            "What INT8 is surest of and wrong about: its answer, what the image is, and beside it "
            "what speaks for the answer, in orange, and against it, in blue.",
            partial(explained.mistakes, predictions, maps[1]),
            photographs=True,
        ),
        Section(
            "examples",
            "Examples",
            "Drawn at random, with the INT8 model's answer.",
            partial(plots.examples, predictions),
            photographs=True,
        ),
    ]


def page(
    dataset: str,
    stages: StageMetrics,
    result: Evaluation,
    sections: Sequence[Section],
    folder: Path,
) -> str:
    """Draws the pictures, and writes the page that shows them.

    Args:
        dataset: its name.
        stages: what the other stages measured.
        result: what evaluate did.
        sections: the pictures.
        folder: where they are drawn, a PNG each.
    """
    for section in sections:
        section.draw(folder / f"{section.name}.png")
    cpu = stages.cost.host.get("cpu")
    about = f"{dataset}, {result.images:,} test images; measured on {cpu}."
    return render("Spotimes: what a run gave", about, table(stages, result), sections, folder)


def table(stages: StageMetrics, result: Evaluation) -> list[list[str]]:
    """The table of what both models cost and answer; its first row is the head."""
    sizes = (stages.size.fp32, stages.size.int8)
    costs = (stages.cost.fp32, stages.cost.int8)
    rows: list[tuple[str, list[float | None]]] = [
        *(
            (figure.key, [getattr(each, figure.key) for each in (result.fp32, result.int8)])
            for figure in ACCURACIES
        ),
        (
            "calibration_error",
            [each.calibration_error for each in (result.fp32, result.int8)],
        ),
        *(
            (figure.key, [None, getattr(result.device, figure.key)])
            for figure in (DEVICE if result.device else ())
        ),
        *(
            (figure.key, [None, getattr(result.unknown, figure.key)])
            for figure in (UNKNOWN if result.unknown else ())
        ),
        ("bytes", [each.bytes.file for each in sizes]),
        ("arena_bytes", [each.arena_bytes for each in sizes]),
        ("c_ram_bytes", [None, stages.export.ram_bytes]),
        ("median_ms", [each.median_ms for each in costs]),
        ("p99_ms", [each.p99_ms for each in costs]),
    ]
    return [
        ["", "FP32", "INT8"],
        *([FIGURES[key].heading, *map(FIGURES[key].text, values)] for key, values in rows),
    ]


def render(
    title: str,
    about: str,
    table: Sequence[Sequence[str]],
    sections: Sequence[Section],
    folder: Path,
) -> str:
    """Writes the page.

    Args:
        title: of the page.
        about: a sentence below it.
        table: the figures; its first row is the head.
        sections: the pictures.
        folder: where each section's PNG lies.
    """
    head, *rows = table
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1><p>{html.escape(about)}</p>",
        "<table><thead><tr>",
        *(f'<th scope="col">{html.escape(cell)}</th>' for cell in head),
        "</tr></thead><tbody>",
        *(
            f'<tr><th scope="row">{html.escape(row[0])}</th>'
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in rows
        ),
        "</tbody></table><nav><ul>",
        *(f'<li><a href="#{each.name}">{html.escape(each.title)}</a></li>' for each in sections),
        "</ul></nav>",
    ]
    for section in sections:
        title, text = html.escape(section.title), html.escape(section.text)
        kind = "photographs" if section.photographs else "chart"
        content = base64.b64encode((folder / f"{section.name}.png").read_bytes()).decode()
        parts += [
            f'<section id="{section.name}"><h2>{title}</h2><p>{text}</p>',
            f'<img class="{kind}" alt="{title}. {text}" src="data:image/png;base64,{content}">',
            "</section>",
        ]
    return "\n".join([*parts, "</body></html>\n"])
