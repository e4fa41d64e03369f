"""Stage `prepare`: a source's pictures as arrays, looked at and divided into three splits.

In: what `prepare.source` in params.yaml names: a catalog file, whose dataset comes from the first
of its mirrors that delivers or from the cache, or a folder of pictures.
Out: data/prepared/ (`spotimes.dataset.prepared` says what is in it), data/report.json (all that was
found, by name: what was left out, copies), data/samples/ (a validation image of each class, to try
the app with), metrics/prepare.json (its figures) and metrics/dataset.png, a look at the data. All
are the same bytes on every run and from every mirror.
Time: for CIFAR-10 about 30 s on two cores once the 140 to 170 MB are in the cache.
Result: for CIFAR-10 49,000 training, 1,000 validation and 10,000 test images of 32 x 32 x 3, the
same number of each of 10 classes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spotimes.dataset.image_file import Selected
from spotimes.dataset.prepared import (
    PREPARED,
    SPLITS,
    Card,
    LabelledImages,
    LazySplit,
    SplitName,
    write_prepared,
)
from spotimes.ingestion import dataset_report, source
from spotimes.ingestion.dataset_report import DRAWN_EXAMPLES, DRAWN_PAIRS, Report
from spotimes.ingestion.exact_copies import combined_digest
from spotimes.ingestion.selection import Selection, select
from spotimes.ingestion.source import Source
from spotimes.ingestion.split import TEST
from spotimes.params.decoder import Decoder
from spotimes.params.load import load_group
from spotimes.params.prepare import Prepare
from spotimes.system import atomic, command
from spotimes.system.packages import check_installed

PARAMS = ("decoder", "prepare")
METRICS = Path("metrics/prepare.json")
PICTURE = Path("metrics/dataset.png")
REPORT = Path("data/report.json")
SAMPLES = Path("data/samples")
WHY = {
    "unreadable": "cannot be read",
    "duplicates": "a copy of another picture",
    "near_duplicates": "nearly the same as a picture in another split",
}
# A folder's images before they are divided: on the disk that will hold them divided.
IMAGES = Path("data/.images.tmp")


def main() -> None:
    """Runs the stage from the repository's root."""
    check_installed(load_group("decoder", Decoder))
    params = load_group("prepare", Prepare)
    IMAGES.parent.mkdir(exist_ok=True)
    try:
        found = source.read(Path(params.source), params.image, IMAGES)
        selection = select(found, params)
        splits: dict[SplitName, LabelledImages] = {}
        for place, name in enumerate(SPLITS):
            chosen = np.flatnonzero(selection.split_of == place)
            splits[name] = LazySplit(Selected(found.images, chosen), found.labels[chosen])
        write_prepared(PREPARED, found.card, splits)
        write_samples(SAMPLES, found.card, splits["validation"])
        report = look(found, selection, PICTURE)
    finally:
        IMAGES.unlink(missing_ok=True)
    atomic.write_json(REPORT, report.model_dump())
    tested = found.digests[selection.split_of == TEST]
    atomic.write_json(METRICS, metrics(found, report) | {"test_digest": combined_digest(tested)})
    print("\n".join(dataset_report.lines(report)))


def write_samples(folder: Path, card: Card, split: LabelledImages) -> None:
    """Writes the first image of each class as a PNG that is named after the class."""
    with atomic.replacing(folder) as beside:
        beside.mkdir()
        for label, name in enumerate(card.class_names):
            places = np.flatnonzero(split.labels == label)[:1]
            for image in split.images[places]:
                file = beside / f"{name.replace('/', '-')}.png"
                Image.fromarray(image.squeeze()).save(file)


def look(found: Source, selection: Selection, picture: Path) -> Report:
    """What is found in the images that are used; draws it as well."""
    used = np.flatnonzero(selection.split_of >= 0)
    rank = np.full(len(found.labels), -1)  # of each used place among the used ones
    rank[used] = np.arange(len(used))
    exact = [rank[group][rank[group] >= 0] for group in selection.exact]
    exact = [group for group in exact if len(group) > 1]
    near = rank[selection.near]
    near = near[(near >= 0).all(axis=1)]
    height, width, channels = found.images.shape[1:]
    if found.looks is None:
        sizes = np.broadcast_to(np.array([width, height]), (len(used), 2))
        modes, animated = ["RGB" if channels == 3 else "L"] * len(used), 0
    else:
        sizes = found.looks.sizes[used]
        modes = [found.looks.modes[mode] for mode in found.looks.mode_of[used]]
        animated = int(found.looks.animated[used].sum())
    report = dataset_report.look(
        found.card.class_names,
        found.labels[used],
        selection.split_of[used],
        [found.name_of(place) for place in used],
        sizes.astype(np.int64),
        modes,
        animated,
        {
            name: found.unreadable.get(place, WHY[reason]).removeprefix(f"{name}: ")
            for reason, places in selection.left_out.items()
            for place, name in ((place, found.name_of(place)) for place in places.tolist())
        },
        found.passed_over,
        exact,
        near,
        selection.near_all,
    )
    pairs = used[dataset_report.without_exact(near, exact)[:DRAWN_PAIRS]]
    images = found.images[pairs.reshape(-1)].reshape(len(pairs), 2, height, width, channels)
    dataset_report.draw(
        report, sizes.astype(np.int64), _examples(found, selection.split_of), images, picture
    )
    return report


def _examples(found: Source, split_of: npt.NDArray[np.int8]) -> dict[str, npt.NDArray[np.uint8]]:
    """The first training images of each class."""
    return {
        name: found.images[
            np.flatnonzero((split_of == 0) & (found.labels == label))[:DRAWN_EXAMPLES]
        ]
        for label, name in enumerate(found.card.class_names)
    }


def metrics(found: Source, report: Report) -> dict[str, Any]:
    """What metrics/prepare.json holds: sizes, and counts per split and class and of what is odd."""
    per_class = report.images.items()
    across = [group for group in report.exact_groups if len({each.split for each in group}) > 1]
    return {
        "image": dict(zip(("height", "width", "channels"), found.images.shape[1:], strict=True)),
        "images": {split: sum(counts[split] for _, counts in per_class) for split in SPLITS},
        "images_per_class": {
            split: {name: counts[split] for name, counts in per_class} for split in SPLITS
        },
        "left_out": len(report.left_out),
        "passed_over": len(report.passed_over),
        "duplicates": {
            "groups": len(report.exact_groups),
            "groups_across_splits": len(across),
            "near_pairs_across_splits": report.near_pairs_found,
        },
    }


if __name__ == "__main__":
    command.run("prepare", main)
