import json
from typing import Any

import numpy as np
import pytest

from spotimes.ingestion import dataset_report
from spotimes.ingestion.dataset_report import Report, metrics_of, report_of
from spotimes.ingestion.exact_copies import combined_digest
from spotimes.ingestion.split import EXCLUDED
from tests.spotimes.ingestion.sources import selection_of, source_of

IMAGES = np.random.default_rng(1).integers(0, 256, (120, 4, 6, 3), np.uint8)
CLASSES = ["class 0", "class 1", "class 2"]


def report(split_of: Any = None, headers: dict[str, Any] | None = None, **selected: Any) -> Report:
    """Of 120 images that take classes and splits in turn."""
    source = source_of(IMAGES, CLASSES, **(headers or {}))
    return report_of(source, selection_of(source, split_of, **selected))


def test_every_used_image_is_counted_in_its_class_and_split() -> None:
    source = source_of(IMAGES, CLASSES, labels=np.array([0, 0, 1, 1, 1, 0] * 20))
    split_of = np.array([0, 0, 0, 1, 2, 2] * 20)
    split_of[:6] = EXCLUDED
    found = report_of(source, selection_of(source, split_of))
    assert found.images == {
        "class 0": {"train": 38, "validation": 0, "test": 19},
        "class 1": {"train": 19, "validation": 19, "test": 19},
        "class 2": {"train": 0, "validation": 0, "test": 0},
    }
    assert found.few_images == {"class 2": 0}


def test_the_pictures_of_the_test_split_are_named_in_its_order_with_their_own_sizes() -> None:
    sizes = np.stack([np.arange(120) + 10, np.arange(120) + 500], axis=1)
    split_of = np.zeros(120)
    split_of[[5, 3, 90]] = 2
    found = report(split_of, {"sizes": sizes}).test
    assert found is not None
    assert [(each.name, each.width, each.height) for each in found] == [
        ("3.png", 13, 503),
        ("5.png", 15, 505),
        ("90.png", 100, 590),
    ]
    source = source_of(IMAGES, CLASSES)._replace(files=None, given=np.zeros(120, np.int8))
    assert report_of(source, selection_of(source)).test is None


def test_classes_with_few_images_come_the_fewest_first() -> None:
    source = source_of(IMAGES, CLASSES, labels=np.repeat([0, 1, 2], [60, 40, 20]))
    assert list(report_of(source, selection_of(source)).few_images.items()) == [
        ("class 2", 20),
        ("class 1", 40),
    ]


def test_sizes_and_modes_of_used_pictures_are_counted_the_commonest_first() -> None:
    sizes = np.array([(640, 480), (20, 30), (640, 480), (1000, 25), (20, 30), (640, 480)])
    split_of = np.full(120, EXCLUDED)
    split_of[:6] = 0
    found = report(
        split_of,
        {
            "sizes": np.concatenate([sizes, np.full((114, 2), 7)]),
            "modes": ["P", "RGB", "L", "CMYK"],
            "mode_of": np.array([0, 1, 2, 1, 1, 2] + [3] * 114),
            "animated": np.arange(120) > 4,
        },
    )
    assert list(found.sizes.commonest.items()) == [
        ("640 x 480", 3),
        ("20 x 30", 2),
        ("1000 x 25", 1),
    ]
    assert found.sizes.distinct == 3
    assert found.sizes.width.model_dump() == {"min": 20, "median": 640, "max": 1000}
    assert found.sizes.height.model_dump() == {"min": 25, "median": 255, "max": 480}
    assert list(found.modes.items()) == [("RGB", 3), ("L", 2), ("P", 1)]
    assert found.animated == 1


def test_of_many_sizes_the_ten_commonest_are_kept() -> None:
    sizes = np.stack([np.arange(120) // 2 + 5, np.full(120, 9)], axis=1)
    found = report(headers={"sizes": sizes})
    assert found.sizes.distinct == 60
    assert len(found.sizes.commonest) == 10


def test_what_is_excluded_is_named_with_its_reason() -> None:
    found = report(
        headers={"unreadable": {3: "3.png: is truncated"}},
        excluded={"unreadable": np.array([3]), "duplicates": np.array([5, 8])},
    )
    assert found.excluded == {
        "3.png": "is truncated",
        "5.png": "a copy of another picture",
        "8.png": "a copy of another picture",
    }


def test_copies_are_named_with_their_splits() -> None:
    found = report(exact=[np.array([0, 5, 9]), np.array([2, 11])], near=np.array([(2, 5)]))
    assert [[(each.name, each.split) for each in group] for group in found.exact_groups] == [
        [("0.png", "train"), ("5.png", "validation"), ("9.png", "train")],
        [("2.png", "train"), ("11.png", "train")],
    ]
    assert found.groups_across_splits == found.exact_groups[:1]
    assert found.groups_within_a_split == found.exact_groups[1:]
    assert [each.name for each in found.near_pairs[0]] == ["2.png", "5.png"]


def test_of_very_many_near_pairs_some_are_listed_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dataset_report, "LISTED_PAIRS", 20)
    near = np.stack([np.arange(30), np.arange(31, 61)], axis=1)
    found = report(near=near, near_all=False)
    assert (len(found.near_pairs), found.near_pairs_found, found.near_pairs_all) == (20, 30, False)


def test_the_report_is_plain_json() -> None:
    found = report(exact=[np.array([0, 5])], near=np.array([(1, 6)]))
    assert Report.model_validate(json.loads(json.dumps(found.model_dump()))) == found


def test_metrics_count_what_the_report_names() -> None:
    source = source_of(IMAGES, CLASSES, unreadable={3: "3.png: bad"})
    selection = selection_of(
        source,
        excluded={"unreadable": np.array([3])},
        exact=[np.array([0, 5]), np.array([2, 11])],
        near=np.array([(1, 6)]),
    )
    metrics = metrics_of(report_of(source, selection), source, selection)
    assert metrics["image"] == {"height": 4, "width": 6, "channels": 3}
    assert metrics["images"] == {"train": 42, "validation": 39, "test": 39}
    assert metrics["images_per_class"]["test"] == dict.fromkeys(CLASSES, 13)
    assert (metrics["excluded"], metrics["ignored"]) == (1, 0)
    assert metrics["duplicates"] == {
        "groups": 2,
        "groups_across_splits": 1,
        "near_pairs_across_splits": 1,
    }
    tested = selection.indices_of(2)[::-1]
    assert metrics["test_digest"] == combined_digest(source.fingerprints.digests[tested])
