import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import yaml
from PIL import Image

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import (
    Card,
    Split,
    SplitName,
    load_card,
    load_groups,
    load_split,
    load_unlabelled,
)
from spotimes.downloads import download
from spotimes.ingestion import dataset_figure, disk, own_images, processes
from spotimes.ingestion.dataset_report import Report
from spotimes.ingestion.exact_copies import combined_digest, image_digests
from spotimes.ingestion.selection import Selection
from spotimes.ingestion.source import Source
from spotimes.system import command, cores
from stages import prepare
from tests.folders import write_folder
from tests.pictures import drawn
from tests.programs import program
from tests.project import ROOT
from tests.repository import link_cards, network_group, prepare_group, save_params
from tests.waiting import until

pytestmark = pytest.mark.slow

CIFAR10 = ROOT / "data/catalog/cifar10.yaml"
BATCHES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
GROUP = prepare_group("tiny.yaml", validation_fraction=0.1)

Prepare = Callable[..., str]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository to work in."""
    monkeypatch.chdir(tmp_path)
    link_cards()
    return tmp_path


@pytest.fixture
def run(repo: Path, capsys: pytest.CaptureFixture[str]) -> Prepare:
    """Runs the stage with some params; gives what it wrote on standard error."""

    def run(status: int = 0, **params: Any) -> str:
        write_params(**params)
        with pytest.raises(SystemExit) as ended:
            command.run("prepare", prepare.main)
        assert ended.value.code == status
        return capsys.readouterr().err

    return run


@pytest.fixture
def pictured() -> None:
    """For tests of the dataset's picture; to draw it takes longer than all else."""


@pytest.fixture(autouse=True)
def _draws_nothing_else(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(report: Report, source: Source, selection: Selection, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{report}{source.images[selection.near[:6]]}")

    if "pictured" not in request.fixturenames:
        monkeypatch.setattr(dataset_figure, "draw", draw)


def tar_gz(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


@pytest.fixture
def tiny(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A catalog of 60 images, which a server of this machine offers in both archive formats.

    The mapping is what `tiny.yaml` holds.
    """
    monkeypatch.setenv("SPOTIMES_CACHE", str(repo / "cache"))
    served = repo / "served"
    served.mkdir()
    images = np.random.default_rng(1).integers(0, 256, (6, 10, 32, 32, 3), np.uint8)
    labels = np.tile(np.arange(10), (6, 1))
    planes = images.transpose(0, 1, 4, 2, 3).reshape(6, 10, -1)
    records = np.concatenate([labels[..., None].astype(np.uint8), planes], axis=2)
    binary, sheets = {}, {}
    for batch, name in enumerate(BATCHES):
        binary[f"cifar-10-batches-bin/{name}.bin"] = records[batch].tobytes()
        stream = io.BytesIO()
        Image.fromarray(images[batch].reshape(10, 1024, 3)).save(stream, "PNG")
        sheets[f"package/{name}.png"] = stream.getvalue()
    for name, some in (("train", labels[:5]), ("test", labels[5:])):
        sheets[f"package/{name}_lables.json"] = json.dumps(some.ravel().tolist()).encode()
    tar_gz(served / "binary.tar.gz", binary)
    tar_gz(served / "sheets.tgz", sheets)

    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(QuietHandler, directory=str(served))
    ) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        cifar10 = yaml.safe_load(CIFAR10.read_text())
        catalog = cifar10 | {
            "name": "Tiny",
            "splits": {
                "train": canonical(images[:5], labels[:5]),
                "test": canonical(images[5:], labels[5:]),
            },
            "mirrors": [
                mirror
                | {
                    "files": [
                        {
                            "url": f"http://127.0.0.1:{server.server_port}/{name}",
                            "hash": f"md5:{digest('md5', (served / name).read_bytes())}",
                        }
                    ]
                }
                for mirror, name in zip(
                    cifar10["mirrors"], ("binary.tar.gz", "sheets.tgz"), strict=True
                )
            ],
        }
        write(catalog)
        yield catalog
        server.shutdown()
        thread.join()


def digest(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


def canonical(images: Any, labels: Any) -> dict[str, Any]:
    return {
        "images": labels.size,
        "images_sha256": digest("sha256", images.tobytes()),
        "labels_sha256": digest("sha256", labels.tobytes()),
    }


def write_params(**params: Any) -> None:
    groups = {
        "decoder": {"pillow": version("pillow")},
        "prepare": GROUP | params,
        "network": network_group(Architecture([Block(kind="conv", channels=1)])),
    }
    save_params(groups)


def write(catalog: dict[str, Any]) -> None:
    Path("tiny.yaml").write_text(yaml.safe_dump(catalog))


def written() -> dict[str, bytes]:
    """Everything that the stage has written, with its content."""
    files = [*Path("data").rglob("*"), *Path("metrics").rglob("*")]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


@pytest.mark.usefixtures("pictured")
def test_prepares_cifar10(run: Prepare) -> None:
    run(source=str(CIFAR10), images_per_class={"train": 20, "test": 20})
    assert load_card(Path("data/prepared")).name == "CIFAR-10"
    for name, per_class in (("train", 18), ("validation", 2), ("test", 20)):
        images, labels = load_split(name, Path("data/prepared"))  # type: ignore[arg-type]
        assert images.shape == (10 * per_class, 32, 32, 3)
        assert np.bincount(labels).tolist() == [per_class] * 10
    metrics = json.loads(Path("metrics/prepare.json").read_text())
    assert metrics["image"] == {"height": 32, "width": 32, "channels": 3}
    assert metrics["images"] == {"train": 180, "validation": 20, "test": 200}
    assert metrics["images_per_class"]["validation"]["truck"] == 2
    assert (metrics["excluded"], metrics["ignored"]) == (0, 0)
    tested = load_split("test", Path("data/prepared")).images[:]
    assert metrics["test_digest"] == combined_digest(image_digests(tested[::-1]))
    with Image.open("metrics/dataset.png") as picture:
        assert picture.width == 1000
    images, labels = load_split("validation", Path("data/prepared"))
    assert len(list(Path("data/samples").glob("*.png"))) == 10
    with Image.open("data/samples/8_ship.png") as picture:
        np.testing.assert_array_equal(picture, images[np.flatnonzero(labels == 8)[:1]][0])


@pytest.mark.usefixtures("pictured")
def test_every_mirror_and_every_run_give_the_same_bytes(
    run: Prepare, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for mirrors in (tiny["mirrors"][:1], tiny["mirrors"][1:], tiny["mirrors"]):
        write(tiny | {"mirrors": mirrors})
        run()
        results.append(written())
    assert results[0] == results[1] == results[2]
    assert len(results[0]) == 22


def test_a_lost_mirror_changes_nothing_but_a_line(run: Prepare, tiny: dict[str, Any]) -> None:
    Path("served/binary.tar.gz").unlink()
    errors = run()
    url = tiny["mirrors"][0]["files"][0]["url"]
    assert f"mirror failed: {url}: HTTP 404 File not found\n" in errors
    assert load_card(Path("data/prepared")).name == "Tiny"


def test_runs_as_a_module(repo: Path) -> None:
    write_params(source="gone.yaml")
    done = subprocess.run(
        [sys.executable, "-m", "stages.prepare"],
        check=False,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "prepare: gone.yaml: no such file; let prepare.source name a catalog file, such as "
        "data/catalog/cifar10.yaml, or a folder of pictures\n"
    )


WRONG_HASH = {"images": 50, "images_sha256": "0" * 64, "labels_sha256": "0" * 64}


@pytest.mark.parametrize(
    ("catalog", "params", "message"),
    [
        ({}, {"source": "served"}, "served: "),
        ({}, {"source": ""}, "params.yaml: prepare.source: '' is not allowed"),
        (
            {},
            {"images_per_class": {"train": 7, "test": None}},
            "params.yaml: prepare.images_per_class.train: 7 is not allowed: train has only 5",
        ),
        ({"mirors": []}, {}, "tiny.yaml.mirors: unknown key; allowed are name, class_names"),
        ({"mirrors": []}, {}, "tiny.yaml.mirrors: [] is not allowed"),
        ({"class_names": ["a", "a"]}, {}, "tiny.yaml.class_names: ['a', 'a'] is not allowed"),
        (
            {"splits": {"train": WRONG_HASH, "test": WRONG_HASH}},
            {},
            "binary.tar.gz: train images: SHA-256 is ",
        ),
    ],
)
def test_a_fault_gives_one_line_and_leaves_what_was_there(
    run: Prepare,
    tiny: dict[str, Any],
    catalog: dict[str, Any],
    params: dict[str, Any],
    message: str,
) -> None:
    run()
    before = written()
    write(tiny | catalog)
    last_line = run(status=2, **params).splitlines()[-1]
    assert last_line.startswith("prepare: ")
    assert message in last_line
    assert written() == before
    write(tiny)
    run()
    assert written() == before


def test_another_pillow_is_reported(run: Prepare, tiny: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setattr("spotimes.system.packages.version", lambda _: "1.0")
    last_line = run(status=2).splitlines()[-1]
    assert last_line.startswith(f"prepare: pillow: params.yaml wants version {version('pillow')}, ")
    assert written() == {}


def test_without_any_mirror_nothing_is_written(run: Prepare, tiny: dict[str, Any]) -> None:
    for file in Path("served").iterdir():
        file.unlink()
    last_line = run(status=2).splitlines()[-1]
    assert last_line.startswith("prepare: no mirror delivers: http://127.0.0.1")
    assert last_line.count("HTTP 404 File not found") == 2
    assert written() == {}


def test_an_archive_in_another_format_is_refused(run: Prepare, tiny: dict[str, Any]) -> None:
    binary, sheets = tiny["mirrors"]
    swapped = [{"files": binary["files"], "png_rows": sheets["png_rows"]}]
    write(tiny | {"mirrors": swapped})
    last_line = run(status=2).splitlines()[-1]
    assert last_line.endswith("binary.tar.gz: has no package/data_batch_1.png")
    assert written() == {}


@pytest.fixture
def pets(repo: Path, cifar10: dict[SplitName, Split], card: Card) -> Path:
    """36 real pictures of three classes, in a folder whose name is no plain word."""
    return write_folder(Path("data/mes bêtes"), cifar10["train"], card.class_names, 12)


def test_prepares_a_folder(run: Prepare, pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(source=str(pets), image=GROUP["image"] | {"resize": "fit_longest"})
    card = load_card(Path("data/prepared"))
    assert (card.name, card.class_names) == ("mes bêtes", ["cat", "dog", "frog"])
    assert card.resize == "fit_longest"
    own = {np.asarray(Image.open(path)).tobytes() for path in pets.rglob("*.png")}
    seen = []
    for name, per_class in (("train", 8), ("validation", 1), ("test", 3)):
        split = load_split(name, Path("data/prepared"))  # type: ignore[arg-type]
        assert np.bincount(split.labels).tolist() == [per_class] * 3
        seen += [image.tobytes() for image in split.images[:]]
    assert sorted(seen) == sorted(own)
    assert list(Path("data").glob("*.tmp")) == []


@pytest.mark.usefixtures("pictured")
def test_the_same_folder_gives_the_same_bytes_in_any_order_of_files(
    run: Prepare, pets: Path, cifar10: dict[SplitName, Split]
) -> None:
    run(source=str(pets))
    first = written()
    contents = {path: path.read_bytes() for path in pets.rglob("*.png")}
    for path in sorted(contents, reverse=True):
        path.unlink()
    for path in sorted(contents, reverse=True):
        path.write_bytes(contents[path])
    run(source=str(pets))
    assert written() == first


def test_any_number_of_cores_gives_the_same_bytes(
    run: Prepare, pets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (pets / "cat/notes.doc").write_text("no picture")
    monkeypatch.setattr(processes, "WORTH_STARTING", 1)
    monkeypatch.setattr(own_images, "AT_ONCE", 5)
    found = {}
    for count in (1, 2, 4):
        monkeypatch.setattr(cores, "allowed", lambda count=count: count)
        refused = run(status=2, source=str(pets))
        run(source=str(pets), leave_out=["unreadable"])
        found[count] = refused, capsys.readouterr().out, written()
    assert found[2] == found[1]
    assert found[4] == found[1]


def test_a_disk_without_room_is_refused_before_an_image_is_written(
    run: Prepare, pets: Path, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "OTHERS", 1 << 60)
    monkeypatch.setattr(own_images, "ImageWriter", None)
    monkeypatch.setattr(download, "fetch_any", None)
    before = written()
    for source, images in ((str(pets), 36), ("tiny.yaml", 60)):
        line = run(status=2, source=source)
        assert re.fullmatch(
            rf"prepare: {images} images of 32 x 32 x 3 need up to 1,152,921,504.6 GB in data, "
            r"where .* are free; free some, or .*\n",
            line,
        )
    assert written() == before


@pytest.fixture
def stage(repo: Path) -> Iterator["subprocess.Popen[str]"]:
    """The stage in a process group of its own, once its two processes read pictures of 9 MP."""
    for number in range(24):
        path = repo / "large" / ("cat", "dog")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3000, 3000), number).save(path, compress_level=1)
    write_params(source="large")
    with subprocess.Popen(
        program("prepare_on_two_cores"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as leader:
        until(lambda: Path("data/.images.tmp").exists() and len(helpers(leader)) == 2)
        yield leader
        leader.kill()


def helpers(leader: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(leader.pid).children()


def test_a_helper_that_is_killed_gives_one_line_and_leaves_nothing(
    stage: "subprocess.Popen[str]",
) -> None:
    killed, other = helpers(stage)
    killed.kill()
    output, error = stage.communicate(timeout=60)
    assert stage.returncode == 2
    assert re.fullmatch(r"disk: 24 images of .*\n", output)
    assert re.fullmatch(
        r"prepare: large: (cat|dog)/\d\d.png: the process that read these pictures ended "
        r"\(SIGKILL\); if memory is short, free some .*\n",
        error,
    )
    assert not other.is_running()
    assert written() == {}


@pytest.mark.parametrize(
    ("by", "status", "line"),
    [(signal.SIGINT, 130, "prepare: interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_when_it_is_interrupted_so_are_its_helpers(
    stage: "subprocess.Popen[str]", by: int, status: int, line: str
) -> None:
    workers = helpers(stage)
    os.killpg(stage.pid, by)
    output, error = stage.communicate(timeout=60)
    assert (stage.returncode, error) == (status, line)
    assert re.fullmatch(r"disk: 24 images of .*\n", output)
    assert not any(worker.is_running() for worker in workers)
    assert written() == {}


def test_files_that_are_cut_off_are_refused_or_used(
    run: Prepare, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pets / "cat/long.jpg"
    drawn(32, 320).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:-2])
    run(source=str(pets))  # without its end marker it is whole
    assert json.loads(Path("data/report.json").read_text())["cut_off"] == {}
    path.write_bytes(content[: len(content) * 9 // 10])
    assert "cat/long.jpg: is cut off: of its 320 rows 2" in run(source=str(pets), status=2)
    write_params(source=str(pets), truncated=0.8)
    prepare.main()
    (missing,) = json.loads(Path("data/report.json").read_text())["cut_off"].values()
    assert f"  cat/long.jpg: {missing}\n" in capsys.readouterr().out


def test_of_values_of_more_than_8_bits_it_reports_the_range(
    run: Prepare, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in pets.rglob("*.png"):
        grey = np.asarray(Image.open(path).convert("L"))
        Image.fromarray(grey.astype(np.uint16) * 16).save(path)
    image = GROUP["image"]
    levels = {}
    for wanted in ("type", "data", [0, 4080]):
        write_params(source=str(pets), image=image | {"range": wanted})
        prepare.main()
        out = capsys.readouterr().out
        assert ("prepare.image.range: data spreads it over all" in out) is (wanted == "type")
        assert "nearly the same image in different splits: none" in out
        assert "more than 8 bits a channel: 36 pictures, with values " in out
        images = load_split("train", Path("data/prepared")).images[:]
        levels[str(wanted)] = len(np.unique(images))
    assert levels["type"] <= 17
    assert levels["data"] > 200 < levels["[0, 4080]"]
    assert load_card(Path("data/prepared")).range == [0, 4080]


def test_what_is_excluded_is_named(
    run: Prepare, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pets / "cat/broken.jpg").write_bytes(b"no picture")
    (pets / "dog/copy.png").write_bytes((pets / "dog/00.png").read_bytes())
    write_params(source=str(pets), leave_out=["unreadable", "duplicates"])
    prepare.main()
    out = capsys.readouterr().out
    assert "cat/broken.jpg" in out
    assert "dog/copy.png" in out
    assert "\nfew images to train on: " in out
    report = json.loads(Path("data/report.json").read_text())
    assert set(report["excluded"]) == {"cat/broken.jpg", "dog/copy.png"}
    metrics = json.loads(Path("metrics/prepare.json").read_text())
    assert metrics["excluded"] == 2
    assert sum(metrics["images"].values()) == 36


def test_missing_files_are_excluded_by_name(run: Prepare, pets: Path) -> None:
    there = [f"{path.relative_to(pets)},{path.parent.name}" for path in sorted(pets.rglob("*.png"))]
    lost = [f"cat/lost{number}.png,cat" for number in range(12)]
    (pets / "labels.csv").write_text("\n".join(["path,label", *there, *lost]))
    last_line = run(status=2, source=str(pets)).splitlines()[-1]
    assert "labels.csv: names 12 files that cannot be found: cat/lost0.png (line 38), " in last_line
    assert ", cat/lost9.png (line 47) and 2 more; " in last_line
    run(source=str(pets), leave_out=["missing"])
    report = json.loads(Path("data/report.json").read_text())
    assert list(report["excluded"]) == [f"cat/lost{number}.png" for number in range(12)]
    assert report["excluded"]["cat/lost3.png"] == (
        "is not there, but labels.csv names it on line 41"
    )
    assert json.loads(Path("metrics/prepare.json").read_text())["excluded"] == 12


def test_how_a_folder_was_understood_is_reported(
    run: Prepare, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training, test = pets / "training_set", pets / "test_set/test_set"
    for folder in (training, test):
        folder.mkdir(parents=True)
    for name in ("cat", "dog", "frog"):
        (test / name).mkdir()
        for number in ("00", "01"):
            (pets / name / f"{number}.png").rename(test / name / f"{number}.png")
        (pets / name).rename(training / name)
    write_params(source=str(pets))
    prepare.main()
    layout = "train is training_set/, test is test_set/test_set/"
    assert f"\nfolders: {layout}\n" in capsys.readouterr().out
    report = json.loads(Path("data/report.json").read_text())
    assert report["layout"] == [layout]
    assert report["images"]["cat"] == {"train": 9, "validation": 1, "test": 2}


def test_pictures_of_a_group_stay_in_one_split(
    run: Prepare, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in pets.rglob("*.png"):
        path.rename(path.with_name(f"{int(path.stem) // 2}_{path.name}"))
    write_params(source=str(pets), group=r"(\w+/\d+)_", test_fraction=0.3)
    prepare.main()
    assert "groups that stay together: 18: 9 train, 3 validation, 6 test" in capsys.readouterr().out
    report = json.loads(Path("data/report.json").read_text())
    assert report["groups"] == {"train": 9, "validation": 3, "test": 6}
    assert report["images"]["dog"] == {"train": 6, "validation": 2, "test": 4}
    for name, count in report["groups"].items():
        groups = load_groups(name)
        assert groups is not None
        np.testing.assert_array_equal(np.unique(groups, return_counts=True)[1], [2] * count)


def test_a_catalogs_images_have_no_groups(run: Prepare, tiny: dict[str, Any]) -> None:
    last_line = run(status=2, group="(.+)").splitlines()[-1]
    assert last_line == (
        "prepare: prepare.group: is (.+), but the images of a catalog's dataset have no paths; set "
        "it to null"
    )


def test_pictures_without_labels_become_a_file_of_their_own(
    run: Prepare,
    pets: Path,
    cifar10: dict[SplitName, Split],
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = GROUP["image"] | {"height": 20, "width": 24}
    run(source=str(pets), image=image)
    before = {name: content for name, content in written().items() if "prepared" in name}
    metrics = json.loads(Path("metrics/prepare.json").read_text())
    more = Path("data/more/indoors")
    more.mkdir(parents=True)
    for number, picture in enumerate(cifar10["validation"].images[:10]):
        Image.fromarray(picture).save(more / f"{number}.png")
    tested = load_split("test").images[:]
    for path in pets.rglob("*.png"):
        (more / f"{path.parent.name}_{path.name}").write_bytes(path.read_bytes())

    write_params(source=str(pets), image=image, unlabelled="data/more")
    prepare.main()
    after = {name: content for name, content in written().items() if "prepared" in name}
    assert after.keys() - before.keys() == {"data/prepared/unlabelled_images.npy"}
    assert before.items() <= after.items()
    found = load_unlabelled()
    assert found is not None
    assert found.shape == (10 + 36 - 3 - 9, 20, 24, 3)
    assert not {each.tobytes() for each in found[:]} & {each.tobytes() for each in tested}
    assert json.loads(Path("metrics/prepare.json").read_text()) == metrics | {
        "unlabelled": {"images": 34, "excluded": 12, "copies": 24, "near_validation_or_test": 0}
    }
    report = json.loads(Path("data/report.json").read_text())["unlabelled"]
    assert report["images"] == 34
    assert len(report["excluded"]) == 12
    assert "without labels: 34 images, 24 of them copies" in capsys.readouterr().out
    assert list(Path("data").glob(".*.tmp")) == []


def test_beside_a_catalog_s_dataset_they_become_images_like_its(
    run: Prepare, tiny: dict[str, Any], cifar10: dict[SplitName, Split]
) -> None:
    image = GROUP["image"] | {"height": 16, "width": 16, "colour": "grey"}
    run()
    tested = load_split("test").images[:]
    Path("more").mkdir()
    for number, picture in enumerate([tested[4], *cifar10["train"].images[:3]]):
        Image.fromarray(picture).save(f"more/{number}.png")
    run(image=image, unlabelled="more")
    found = load_unlabelled()
    assert found is not None
    assert found.shape == (3, 16, 16, 1)
    report = json.loads(Path("data/report.json").read_text())["unlabelled"]
    assert report["excluded"] == {"0.png": "the same picture as test 4 (test)"}


def damage(pets: Path) -> None:
    path = pets / "cat/03.png"
    path.write_bytes(path.read_bytes()[:-200])


def huge(pets: Path) -> None:
    Image.new("1", (10_000, 10_001)).save(pets / "cat/huge.png")


def missing(pets: Path) -> None:
    (pets / "labels.csv").write_text("path,label\ncat/00.png,cat\ndog/77.png,dog\n")


def copy_across(pets: Path) -> None:
    for split, number in (("train", "00"), ("train", "01"), ("test", "02")):
        for name in ("cat", "dog"):
            (pets / split / name).mkdir(parents=True, exist_ok=True)
            (pets / name / f"{number}.png").rename(pets / split / name / f"{number}.png")
    for path in (*pets.glob("*/*.png"), *pets.glob("frog")):
        path.unlink() if path.is_file() else path.rmdir()
    for name in ("cat", "dog", "frog"):
        if (pets / name).exists():
            (pets / name).rmdir()
    (pets / "test/dog/again.png").write_bytes((pets / "train/dog/01.png").read_bytes())


def loop(pets: Path) -> None:
    (pets / "cat/self").symlink_to(pets.resolve() / "cat")


def empty_class(pets: Path) -> None:
    (pets / "owl").mkdir()


def one_class(pets: Path) -> None:
    for name in ("dog", "frog"):
        for path in (pets / name).iterdir():
            path.unlink()
        (pets / name).rmdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damage, ["1 of 36 files cannot be used", "cat/03.png", "prepare.leave_out"]),
        (huge, ["cat/huge.png", "10,000 x 10,001", "64,000,000"]),
        (missing, ["labels.csv", "dog/77.png", "line 3"]),
        (copy_across, ["train/dog/01.png", "test/dog/again.png", "duplicates"]),
        (loop, ["cat/self", "loop"]),
        (empty_class, ["owl", "no pictures"]),
        (one_class, ["cat", "two"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_faulty_folder_gives_one_line_that_names_it(
    run: Prepare, pets: Path, spoil: Callable[[Path], None], words: list[str]
) -> None:
    run(source=str(pets))
    kept = {name: content for name, content in written().items() if "mes b" not in name}
    spoil(pets)
    last_line = run(status=2, source=str(pets)).splitlines()[-1]
    assert last_line.startswith("prepare: data/mes bêtes")
    for word in words:
        assert word in last_line
    assert {name: content for name, content in written().items() if "mes b" not in name} == kept


@pytest.mark.parametrize("kind", ["CMYK", "16 bits", "animated", "alpha"])
def test_pictures_of_other_kinds_are_read_and_counted(run: Prepare, pets: Path, kind: str) -> None:
    picture = Image.open(pets / "cat/00.png")
    picture.load()
    if kind == "CMYK":
        picture.convert("CMYK").save(pets / "cat/00.tif")
    elif kind == "16 bits":
        grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
        Image.fromarray(grey).save(pets / "cat/00.tif")
    elif kind == "animated":
        picture.save(pets / "cat/00.webp", save_all=True, append_images=[picture.rotate(90)])
    else:
        picture.putalpha(128)
        picture.save(pets / "cat/00.webp", lossless=True)
    (pets / "cat/00.png").unlink()
    run(source=str(pets))
    report = json.loads(Path("data/report.json").read_text())
    assert sum(report["modes"].values()) == 36
    assert report["animated"] == (kind == "animated")
    assert report["images"]["cat"] == {"train": 8, "validation": 1, "test": 3}
