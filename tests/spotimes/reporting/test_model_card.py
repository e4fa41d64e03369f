import re
from typing import Any

import pandas as pd
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import Card
from spotimes.evaluation import metrics
from spotimes.pixels import Normalization
from spotimes.pretrained.card import load_backbone_card
from spotimes.reporting.model_card import Origin, render
from tests.project import ROOT

NETWORK = Architecture(
    [Block(kind="conv", channels=8), Block(kind="separable", channels=24, stride=2)], 48
)
CARD = Card(
    name="Two",
    class_names=["cat", "dog"],
    licence="CC0",
    citation="Doe, Two, 2020",
    homepage="https://two.example",
)


def size(file: int, arena: int | None, note: str | None = None) -> metrics.ModelSize:
    parts = metrics.FileParts(
        file=file, weights=file - 600, quantization=300, metadata=200, rest=100
    )
    return metrics.ModelSize(bytes=parts, arena_bytes=arena, arena_note=note)


def accuracy(top1: float) -> metrics.Accuracy:
    return metrics.Accuracy(
        top1=top1,
        top1_low=top1 - 0.01,
        top1_high=top1 + 0.01,
        balanced_accuracy=top1 - 0.02,
        worst_class=top1 - 0.05,
        calibration_error=0.0123,
        class_top1={"cat": top1 - 0.05, "dog": top1 + 0.05},
    )


COST = metrics.ModelCost(
    median_ms=0.0815,
    median_low_ms=0.08,
    median_high_ms=0.09,
    p95_ms=0.1,
    p99_ms=0.2,
    first_inference_ms=3,
    peak_rss_bytes=40_000_000,
    rss_before_load_bytes=30_000_000,
)
UNKNOWN = metrics.Unknown(
    known_kept=0.95,
    known_kept_low=0.94,
    known_kept_high=0.96,
    foreign_accepted=0.4,
    foreign_auroc=0.81,
    sets={
        "tiles": metrics.ForeignSet(
            images=1000, auroc=0.83, accepted=0.3, accepted_low=0.27, accepted_high=0.33
        )
    },
)
FIGURES: dict[str, Any] = {
    "network": NETWORK,
    "image_shape": (9, 8, 3),
    "card": CARD,
    "stages": metrics.StageMetrics(
        preparation=metrics.Preparation(
            images=metrics.Images(train=1234, validation=90, test=2000)
        ),
        training=metrics.Training(val_accuracy=0.9, epochs=5),
        history=pd.DataFrame(),
        size=metrics.Quantization(
            fp32=size(9000, 5000),
            int8=size(3000, 2500),
            ratio=3,
            parameters=4321,
            macs=1_500_000,
            temperature=metrics.Temperature(value=0.65, low=0.59, high=0.71, images=1234),
        ),
        export=metrics.Export(ram_bytes=1234, ram_by_layer={"conv1": 1234}, flash={}),
        cost=metrics.Benchmark(
            fp32=COST,
            int8=COST,
            speedup=metrics.Speedup(median=1.25, low=1.2, high=1.3),
            threads=1,
            host={"cpu": "some CPU"},
        ),
        latency=pd.DataFrame(),
    ),
    "result": metrics.Evaluation(
        images=2000,
        fp32=accuracy(0.85),
        int8=accuracy(0.84),
        top1_loss=0.01,
        agreement=0.97,
        mcnemar=metrics.Disagreement(fp32_only_correct=40, int8_only_correct=20, p_value=0.0135),
        calibration=metrics.Calibration(
            error=0.0123,
            error_low=0.009,
            error_high=0.016,
            error_at_1=0.0703,
            error_at_1_low=0.065,
            error_at_1_high=0.075,
        ),
        device=metrics.Device(
            device_top1=0.8385, device_agreement=0.987, device_difference=22, same_bytes=0.77
        ),
        unknown=UNKNOWN,
        budgets={
            "bytes": metrics.Verdict(limit=4000, measured=3000, met=True),
            "median_ms": metrics.Verdict(limit=5, measured=0.0815, met=True),
            "top1": metrics.Verdict(limit=0.9, measured=0.84, met=False),
        },
    ),
}


@pytest.mark.parametrize(
    "line",
    [
        "# Model card: image classifier, Two, INT8",
        "- `model_int8.tflite`, the model to ship: 3,000 bytes,",
        "| image | uint8, RGB, 8 x 9, shape [1, 9, 8, 3] |",
        "| INT8 input | int8, exactly `pixel - 128` |",
        "| FP32 | 85.00% | 84.00% to 86.00% | 83.00% | 80.00% | 0.0123 |",
        "| INT8 | 84.00% | 83.00% to 85.00% | 82.00% | 79.00% | 0.0123 |",
        "| dog | 90.00% | 89.00% |",
        "| tiles | 1,000 | 83.00% | 30.00% | 27.00% to 33.00% |",
        "| quantization | 300 | 300 |",
        "| **all** | 9,000 | 3,000 |",
        "| RAM on a microcontroller, bytes | 5,000 | 2,500 |",
        "| file, bytes | at most 4,000 | 3,000 | yes |",
        "| top-1 | at least 0.9 | 0.84 | **no** |",
        "| 1 | 3x3 convolution | 1 | 9 x 8 x 8 |",
        "| 2 | 3x3 depthwise + 1x1 convolution | 2 | 5 x 4 x 24 |",
        "|  | dense, softmax |  | 2 |",
        "Each convolution has batch norm, folded into its weights, and ReLU behind it.",
        "Licence: CC0",
        "Citation: Doe, Two, 2020",
    ],
)
def test_the_card_has_the_line(line: str) -> None:
    assert line in render(**FIGURES).splitlines()


def test_nothing_in_it_depends_on_the_machine() -> None:
    text = render(**FIGURES)
    assert "0.0815" not in text
    assert " ms" not in text
    assert "latency, median" not in text
    assert "some CPU" not in text


def test_the_pictures_are_those_that_evaluate_draws() -> None:
    source = (ROOT / "spotimes/reporting/report.py").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(\.\./metrics/plots/(\w+)\.png\)", render(**FIGURES))
    assert len(linked) == 6
    assert set(linked) <= set(re.findall(r'Section\(\n +"(\w+)"', source))


def test_tables_are_rectangular() -> None:
    for table in re.findall(r"(?:^\|.*\n?)+", render(**FIGURES), flags=re.MULTILINE):
        assert len({line.count(" | ") for line in table.splitlines() if "---" not in line}) == 1


def test_a_model_without_a_limit_tells_foreign_pictures_by_the_score_alone() -> None:
    text = " ".join(render(**FIGURES).split())
    assert "So 95.00% of the test images are taken as known (94.00% to 96.00%)" in text
    bare = metrics.Unknown(
        foreign_auroc=0.8, sets={"tiles": metrics.ForeignSet(images=10, auroc=0.8)}
    )
    text = render(**FIGURES | {"result": FIGURES["result"].model_copy(update={"unknown": bare})})
    assert "| tiles | 10 | 80.00% | - | - |" in text.splitlines()
    assert "This model has no limit." in text


def test_an_unknown_arena_says_why() -> None:
    sizes = FIGURES["stages"].size.model_copy(update={"int8": size(3000, None, "no wheel here")})
    budget = {
        "arena_bytes": metrics.Verdict(limit=1, measured=None, met=None, reason="no wheel here")
    }
    judged = FIGURES["result"].model_copy(update={"budgets": budget})
    stages = FIGURES["stages"]._replace(size=sizes)
    text = render(**FIGURES | {"stages": stages, "result": judged})
    assert "| RAM on a microcontroller, bytes | 5,000 | - |" in text
    assert "The arena: no wheel here." in text
    assert "| at most 1 | - | unknown: no wheel here |" in text


@pytest.mark.parametrize(
    ("p_value", "verdict"), [(0.04, "by more than"), (0.06, "by no more than")]
)
def test_the_difference_is_called_by_its_p_value(p_value: float, verdict: str) -> None:
    test = metrics.Disagreement(fp32_only_correct=40, int8_only_correct=20, p_value=p_value)
    text = render(**FIGURES | {"result": FIGURES["result"].model_copy(update={"mcnemar": test})})
    assert f"the two differ {verdict} chance" in " ".join(text.split())


def test_names_are_shown_as_they_are() -> None:
    names = ["- <b>|*_c_", "[d](e) & `f`"]
    card = CARD.model_copy(update={"name": "my_*pets*", "class_names": names})
    odd = FIGURES["result"].int8.model_copy(update={"class_top1": dict.fromkeys(names, 0.5)})
    judged = FIGURES["result"].model_copy(update={"int8": odd, "fp32": odd})
    text = render(**FIGURES | {"result": judged, "card": card})
    assert "\n" r"\- &lt;b&gt;\|\*\_c\_, \[d\](e) &amp; \`f\`. To learn" in text
    assert r"| \- &lt;b&gt;\|\*\_c\_ | 50.00% | 50.00% |" in text.splitlines()
    assert r"# Model card: image classifier, my\_\*pets\*, INT8" in text.splitlines()
    assert r"[my\_\*pets\*](https://two.example): " in text


def test_linear_bottlenecks_are_described() -> None:
    blocks = [
        Block(kind="conv", channels=8, activation="relu6"),
        Block(kind="inverted_residual", channels=8, kernel=5, expansion=6, activation="relu6"),
    ]
    lines = render(**FIGURES | {"network": Architecture(blocks, 48)}).splitlines()
    layers = "1x1 convolution + 5x5 depthwise + linear 1x1 convolution + addition"
    assert f"| 2 | {layers} | 1 | 9 x 8 x 8 |" in lines
    assert (
        "Each convolution has batch norm, folded into its weights, and ReLU6 behind it; a linear "
        "one has no activation."
    ) in lines


def test_no_budgets() -> None:
    none = FIGURES["result"].model_copy(update={"budgets": {}})
    assert "params.yaml sets none" in render(**FIGURES | {"result": none})


def test_a_backbone_is_named_with_its_licence_and_citation() -> None:
    card = load_backbone_card(ROOT / "data/backbones/efficientnet_lite0.yaml")
    text = render(**FIGURES, origin=Origin(card.backbone.kept(3)))
    assert f"The first 3 blocks began with the weights of [{card.name}]({card.homepage})" in text
    assert f"Licence of these weights: {card.licence}" in text
    assert card.citation in text
    assert "channels inside them" not in text
    pruned = render(**FIGURES, origin=Origin(card.backbone.kept(3), is_pruned=True))
    assert "channels inside them were removed" in pruned
    assert "began with the weights" not in render(**FIGURES)


def test_an_earlier_model_is_named_with_what_it_may_have_seen() -> None:
    text = render(**FIGURES, origin=Origin(start_from="data/my_start.keras"))
    assert r"began with the weights of an earlier model, data/my\_start.keras" in text
    assert "Of test images that this one learned from, the accuracy above is too high." in text


def test_a_teacher_is_named_with_its_accuracy() -> None:
    taught = metrics.Training(val_accuracy=0.9, epochs=5, teacher=metrics.Teacher(val_accuracy=0.8))
    stages = FIGURES["stages"]._replace(training=taught)
    said = "learned from the answers of a teacher (`train.teacher`), which is right about 80.00%"
    assert said in render(**FIGURES | {"stages": stages})
    assert "of a teacher" not in render(**FIGURES)


def test_the_input_is_written_as_the_network_takes_it() -> None:
    shifted = NETWORK._replace(normalization=Normalization(127, 128))
    assert "| FP32 input | float32, `(pixel - 127) / 128` |" in render(
        **FIGURES | {"network": shifted}
    )
    assert "| FP32 input | float32, `pixel / 255` |" in render(**FIGURES)


def test_it_says_how_far_probabilities_are_off() -> None:
    text = render(**FIGURES)
    assert (
        "temperature of 0.65,\nfitted on 1,234 validation images (95% interval 0.59 to 0.71)"
        in text
    )
    assert "highest probability is so 1.23% from how often it is correct" in text
    assert "at a temperature of 1 it would be 7.03% (6.50% to\n7.50%)" in text


def test_it_says_what_a_microcontroller_answers() -> None:
    text = render(**FIGURES)
    for row in (
        "| top-1 on a microcontroller | 83.85% |",
        "| same answer on a microcontroller | 98.70% |",
        "| largest difference there, in 256ths | 22 |",
        "| same bytes of output | 77.00% |",
    ):
        assert row in text
