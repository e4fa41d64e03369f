"""Stage `prepare`: a source's pictures as arrays, looked at and divided into three splits.

In: what `prepare.source` in params.yaml names: a catalog file, whose dataset comes from the first
of its mirrors that delivers or from the cache, or a folder of pictures; and the folder of pictures
without labels that `prepare.unlabelled` names.
Out: data/prepared/ (`spotimes.dataset.prepared` says what is in it), data/report.json (all that was
found, by name: what was excluded, copies), data/samples/ (a validation image of each class, to try
the app with), metrics/prepare.json (its figures) and metrics/dataset.png, a look at the data. All
are the same bytes on every run and from every mirror.
Time: for CIFAR-10 about 30 s on two cores once the 140 to 170 MB are in the cache.
Result: for CIFAR-10 49,000 training, 1,000 validation and 10,000 test images of 32 x 32 x 3, the
same number of each of 10 classes.
"""

from pathlib import Path

from spotimes.dataset.image_file import Selected
from spotimes.dataset.prepared import PREPARED, SPLITS, LazySplit, write_prepared
from spotimes.ingestion import dataset_figure, dataset_summary, disk, source, unlabelled
from spotimes.ingestion.dataset_report import REPORT, metrics_of, report_of
from spotimes.ingestion.samples import write_samples
from spotimes.ingestion.selection import select
from spotimes.params.decoder import Decoder
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.prepare import Prepare
from spotimes.pretrained.card import load_backbone_card
from spotimes.pretrained.readers import fetch
from spotimes.system import atomic, command
from spotimes.system.packages import check_installed

PARAMS = ("decoder", "prepare", "network.backbone.card")
METRICS = Path("metrics/prepare.json")
PICTURE = Path("metrics/dataset.png")
SAMPLES = Path("data/samples")
# A folder's images before they are divided: on the disk that will hold them divided.
IMAGES = Path("data/.images.tmp")
UNLABELLED = Path("data/.unlabelled.tmp")  # likewise


def main() -> None:
    """Runs the stage from the repository's root."""
    check_installed(load_group("decoder", Decoder))
    params = load_group("prepare", Prepare)
    backbone = load_backbone_card(Path(load_group("network", Network).backbone.card))
    IMAGES.parent.mkdir(exist_ok=True)
    try:
        without_labels = unlabelled.find(params)
        also = len(without_labels.paths) if without_labels else 0
        found = source.read(
            params,
            IMAGES,
            lambda images, shape: disk.check(images._replace(unlabelled=also), shape),
        )
        selection = select(found, params)
        others = without_labels and unlabelled.read(
            without_labels, found, selection, params, UNLABELLED
        )
        splits, groups = {}, {}
        for index, name in enumerate(SPLITS):
            chosen = selection.indices_of(index)
            splits[name] = LazySplit(Selected(found.images, chosen), found.labels[chosen])
            if found.groups is not None:
                groups[name] = found.groups[chosen]
        tensors = fetch(backbone)
        write_prepared(
            PREPARED,
            found.card,
            splits,
            backbone.backbone,
            tensors,
            groups=groups,
            unlabelled=others and others.images,
        )
        write_samples(SAMPLES, found.card, splits["validation"])
        report = report_of(found, selection, others)
        dataset_figure.draw(report, found, selection, PICTURE)
    finally:
        IMAGES.unlink(missing_ok=True)
        UNLABELLED.unlink(missing_ok=True)
    atomic.write_json(REPORT, report.model_dump())
    atomic.write_json(METRICS, metrics_of(report, found, selection))
    advice = [] if backbone.blocks else dataset_summary.advice(report)
    print("\n".join([*dataset_summary.lines(report), *advice]))


if __name__ == "__main__":
    command.run("prepare", main)
