import io
import json
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from spotimes.errors import InputError
from spotimes.inference.contract import CONTRACT, LABELS, Contract, read_contract
from spotimes.tflite.metadata import embedded
from tests.project import ROOT

GOOD = Contract(("cat", "Löwe", "犬 🐕", "two words"), 32, 30, "rgb", "squash", 255)
FIELDS = {key: value for key, value in GOOD._asdict().items() if key != "class_names"}


def without(*names: str) -> dict[str, object]:
    return {key: value for key, value in FIELDS.items() if key not in names}


@pytest.fixture
def path(int8: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(embedded(int8, GOOD))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_contract(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO(b"model")
    with zipfile.ZipFile(stream, "a") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return stream.getvalue()


def test_what_is_embedded_can_be_read(path: Path) -> None:
    found = read_contract(path)
    assert found == GOOD
    assert isinstance(found.class_names, tuple)


@pytest.mark.parametrize("name", ["a\u2028b", "a\x85b", "a\x0bb", " padded "])
def test_a_class_name_may_hold_any_character_of_a_line(int8: bytes, path: Path, name: str) -> None:
    """To labels.txt a line ends with a newline alone, as to TensorFlow's tools."""
    contract = GOOD._replace(class_names=("first", name, "last"))
    path.write_bytes(embedded(int8, contract))
    assert read_contract(path) == contract


def test_labels_may_have_line_ends_of_windows(path: Path) -> None:
    labels = "\r\n".join([*GOOD.class_names, ""])
    members = {LABELS: labels.encode(), CONTRACT: json.dumps(FIELDS).encode()}
    path.write_bytes(archive(members))
    assert read_contract(path) == GOOD


def test_a_part_of_a_file_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for kept in (0, 1, 100, len(whole) // 2, len(whole) - 300, len(whole) - 1):
        path.write_bytes(whole[:kept])
        assert refusal(path).startswith("holds no class names and input contract")


def test_a_model_without_a_contract_is_refused(path: Path, int8: bytes) -> None:
    path.write_bytes(int8)
    assert refusal(path) == (
        "holds no class names and input contract, as the models do that Spotimes' quantize stage "
        "writes; give one of those"
    )


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "model.tflite") == "cannot be read: No such file or directory"
    assert refusal(tmp_path) == "cannot be read: Is a directory"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {LABELS: b"cat\n"},
        {CONTRACT: json.dumps(FIELDS).encode()},
        {LABELS: b"cat\n", CONTRACT: b"{"},
        {LABELS: b"cat\n", CONTRACT: b"[]"},
        {LABELS: b"cat\n", CONTRACT: b"\xff"},
        {LABELS: b"\xff\n", CONTRACT: json.dumps(FIELDS).encode()},
        {LABELS: b"", CONTRACT: json.dumps(FIELDS).encode()},
        {LABELS: b"cat\n\ndog\n", CONTRACT: json.dumps(FIELDS).encode()},
        {LABELS: b"cat\n", CONTRACT: b"{}"},
        {LABELS: b"cat\n", CONTRACT: json.dumps(without("height")).encode()},
        {LABELS: b"cat\n", CONTRACT: json.dumps(without("colour")).encode()},
        {LABELS: b"cat\n", CONTRACT: json.dumps(FIELDS | {"colour": "cmyk"}).encode()},
        {LABELS: b"cat\n", CONTRACT: json.dumps(FIELDS | {"colour": ["rgb"]}).encode()},
        {LABELS: b"cat\n", CONTRACT: json.dumps(FIELDS | {"resize": "none"}).encode()},
        {LABELS: b"cat\n", CONTRACT: json.dumps(FIELDS | {"height": "32"}).encode()},
        {LABELS: b"cat\n", CONTRACT: json.dumps(FIELDS | {"width": -1}).encode()},
        {LABELS: b"cat\n", CONTRACT: json.dumps(FIELDS | {"scale": 0}).encode()},
    ],
)
def test_a_broken_contract_is_refused(path: Path, members: dict[str, bytes]) -> None:
    path.write_bytes(archive(members))
    refusal(path)


@pytest.mark.parametrize("name", [CONTRACT, LABELS])
def test_a_file_that_grows_beyond_measure_is_refused(path: Path, name: str) -> None:
    """A thousandth of its size is enough to make it."""
    stream = io.BytesIO(b"model")
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as target:
        for each, content in {CONTRACT: json.dumps(FIELDS), LABELS: "cat\n"}.items():
            target.writestr(each, content + " " * (2**25 if each == name else 0))
    path.write_bytes(stream.getvalue())
    tracemalloc.start()
    assert refusal(path) == f"{name} in it is larger than 1 MiB; give a model that Spotimes wrote"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23


def test_a_compression_that_takes_memory_beforehand_is_refused(path: Path) -> None:
    stream = io.BytesIO(b"model")
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_LZMA) as target:
        target.writestr(CONTRACT, json.dumps(FIELDS))
    path.write_bytes(stream.getvalue())
    assert refusal(path).startswith("holds no class names and input contract")


@pytest.mark.parametrize("change", [{"colour": "x" * 5000}, {"version": "x" * 5000}])
def test_a_long_value_is_shown_in_part(path: Path, change: dict[str, object]) -> None:
    assert len(refusal(saying(path, FIELDS | change))) < 400


def test_a_wrong_byte_in_the_archive_never_gives_a_traceback(path: Path) -> None:
    whole = path.read_bytes()
    start = whole.index(b"PK\x03\x04")
    refused = 0
    for index in range(start, len(whole)):
        damaged = bytearray(whole)
        damaged[index] ^= 0x09
        path.write_bytes(damaged)
        try:
            assert read_contract(path) == GOOD
        except InputError:
            refused += 1
    assert refused > (len(whole) - start) / 3


def saying(path: Path, fields: Mapping[str, object]) -> Path:
    path.write_bytes(archive({LABELS: b"cat\n", CONTRACT: json.dumps(fields).encode()}))
    return path


def test_a_file_says_its_version(path: Path) -> None:
    with zipfile.ZipFile(path) as found:
        assert json.loads(found.read(CONTRACT)) == {"version": "1.0", **FIELDS}


def test_an_offset_needs_a_reader_of_version_2(path: Path, int8: bytes) -> None:
    """One of version 1 would ignore it, and give an FP32 network other values."""
    shifted = GOOD._replace(offset=127, scale=128)
    path.write_bytes(embedded(int8, shifted))
    with zipfile.ZipFile(path) as found:
        assert json.loads(found.read(CONTRACT))["version"] == "2.0"
    assert read_contract(path) == shifted
    assert read_contract(saying(path, without("offset"))).offset == 0


@pytest.mark.parametrize("offset", [-1, 256, 1.5, True, "1"])
def test_an_offset_that_is_no_pixel_is_refused(path: Path, offset: object) -> None:
    said = refusal(saying(path, FIELDS | {"version": "2.0", "offset": offset}))
    assert said.startswith("its class names or its input contract are unusable")


def test_a_range_needs_a_reader_of_version_2(int8: bytes, path: Path) -> None:
    for ends in ((0, 4080), (-1.5, 0.25)):
        path.write_bytes(embedded(int8, GOOD._replace(range=ends)))
        assert read_contract(path) == GOOD._replace(range=ends)
        with zipfile.ZipFile(path) as found:
            said = json.loads(found.read(CONTRACT))
        assert said == {"version": "2.0", **FIELDS, "range": list(ends)}


@pytest.mark.parametrize(
    "ends", [[], [1], [1, 2, 3], [2, 1], [1, 1], ["0", "1"], [0, True], 5, "01", {"0": 1}]
)
def test_what_is_no_range_is_refused(path: Path, ends: object) -> None:
    assert "unusable" in refusal(saying(path, {**FIELDS, "range": ends}))


@pytest.mark.parametrize(
    ("other", "version"), [(GOOD, "1.1"), (GOOD._replace(offset=127, scale=128), "2.1")]
)
def test_a_limit_of_the_score_needs_no_other_reader(
    int8: bytes, path: Path, other: Contract, version: str
) -> None:
    limited = other._replace(unknown_below=417)
    path.write_bytes(embedded(int8, limited))
    assert read_contract(path) == limited
    with zipfile.ZipFile(path) as found:
        assert json.loads(found.read(CONTRACT))["version"] == version


@pytest.mark.parametrize("found", [-1, 1.5, True, "417", [417]])
def test_what_is_no_score_is_refused(path: Path, found: object) -> None:
    assert "unusable" in refusal(saying(path, {**FIELDS, "unknown_below": found}))


def test_a_file_without_a_version_is_read(path: Path) -> None:
    """As all were that were made before there was one."""
    assert read_contract(saying(path, FIELDS)) == GOOD._replace(class_names=("cat",))


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.12.3", "0.9", 1, "2.7"])
def test_a_key_of_a_later_minor_version_is_ignored(path: Path, version: object) -> None:
    found = read_contract(saying(path, {"version": version, "more": [1], **FIELDS}))
    assert found == GOOD._replace(class_names=("cat",))


def test_what_has_a_default_may_be_missing(path: Path) -> None:
    found = read_contract(saying(path, without("resize", "scale")))
    assert (found.resize, found.scale) == ("squash", 255)


@pytest.mark.parametrize("version", ["3.0", "3", 3, 3.0, "10.1"])
@pytest.mark.parametrize("fields", [FIELDS, {}])
def test_a_newer_major_version_is_refused(
    path: Path, version: object, fields: dict[str, object]
) -> None:
    assert refusal(saying(path, {"version": version, **fields})) == (
        f"its input contract has version {version}, and this Spotimes reads 2.1; use the Spotimes "
        "that made the model, or a newer one"
    )


@pytest.mark.parametrize("version", ["", "new", "-1", None, [1], "1.", "²", "1.0\n"])
def test_what_is_no_version_is_refused(path: Path, version: object) -> None:
    assert refusal(saying(path, {"version": version, **FIELDS})) == (
        f"the version of its input contract is {version!r}; it must be numbers, such as 2.1"
    )


@pytest.mark.parametrize("name", ["int8", "fp32"])
def test_the_committed_models_are_read(name: str) -> None:
    contract = read_contract(ROOT / f"models/model_{name}.tflite")
    assert (len(contract.class_names), contract.image_shape) == (10, (32, 32, 3))
