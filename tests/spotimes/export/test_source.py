"""The C computes what TensorFlow Lite Micro computes, byte for byte."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spotimes.errors import InputError
from spotimes.export import source
from spotimes.export.exported import Exported, exported
from spotimes.inference.contract import Contract, read_contract
from spotimes.inference.unknown import scores
from spotimes.pixels import to_int8
from tests.fuzz.small_models import CONTRACT, small_model
from tests.project import ROOT
from tests.spotimes.export import compiled
from tests.spotimes.export.random_models import random_images, random_model

DEFAULT = ROOT / "models/model_int8.tflite"
CONTRACT_OF_DEFAULT = read_contract(DEFAULT)._replace(unknown_below=None)
SANITIZED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def check(content: bytes, images: compiled.Images, folder: Path, *flags: str) -> None:
    """Compares the outputs of a model; `compiler=clang` among the flags takes that one."""
    folder.mkdir(exist_ok=True)
    path = folder / "model.tflite"
    path.write_bytes(content)
    found = exported(path)
    compiler = "clang" if "clang" in flags else "gcc"
    flags = tuple(flag for flag in flags if flag != "clang")
    program = compiled.build(found, folder, *flags, compiler=compiler)
    got = compiled.outputs(program, images, found.network.maps[-1].channels)
    np.testing.assert_array_equal(got, compiled.expected(content, images))


@pytest.mark.parametrize("seed", range(5))
def test_random_models(seed: int, tmp_path: Path) -> None:
    content, shape = random_model(seed)
    check(content, random_images(shape, 10), tmp_path, "-O1")


def test_a_model_of_every_operator_without_undefined_behaviour(tmp_path: Path) -> None:
    flags = (*SANITIZED, "-DSPOTIMES_OWN_ARENA")
    check(small_model(quantized=True), random_images((6, 5, 3), 50), tmp_path, *flags)


def test_the_committed_model(tmp_path: Path) -> None:
    check(DEFAULT.read_bytes(), random_images((32, 32, 3), 5), tmp_path, "-O2")


@pytest.mark.proof
@pytest.mark.parametrize("flags", [("-O2",), ("-O0",), ("clang", "-O2"), SANITIZED])
def test_many_random_models(flags: tuple[str, ...], tmp_path: Path) -> None:
    for seed in range(100, 160):
        content, shape = random_model(seed)
        check(content, random_images(shape, 12), tmp_path / str(seed), *flags)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("flags", "count"),
    [(("-O2",), 10_000), (("-O0",), 500), (("clang", "-O2"), 500), (SANITIZED, 500)],
)
def test_the_committed_model_on_test_images(
    flags: tuple[str, ...], count: int, tmp_path: Path
) -> None:
    images = to_int8(np.load(ROOT / "data/prepared/test_images.npy")[:count])
    check(DEFAULT.read_bytes(), images, tmp_path, *flags)


@pytest.fixture(scope="module")
def default() -> Exported:
    """The committed model."""
    return exported(DEFAULT)


def test_the_text_is_the_same_again(default: Exported) -> None:
    assert exported(DEFAULT).sources == default.sources


def test_the_header_says_what_the_caller_needs(default: Exported) -> None:
    header = default.sources.header
    for name, value in {
        "INPUT_HEIGHT": 32,
        "INPUT_WIDTH": 32,
        "INPUT_CHANNELS": 3,
        "CLASSES": 10,
        "RAM_BYTES": default.plan.arena_bytes,
    }.items():
        assert f"#define SPOTIMES_{name} {value}\n" in header
    assert max(map(len, header.splitlines())) <= 100


def test_lines_are_short(default: Exported) -> None:
    assert max(map(len, default.sources.source.splitlines())) <= 100


def test_labels_of_any_script(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    names = ('a "quoted" \\ name', "what??/", "été")
    path.write_bytes(small_model(quantized=True, contract=Contract(names, 6, 5, "rgb")))
    found = exported(path)
    labels = re.findall(r'^    "(.*)",$', found.sources.source, re.MULTILINE)
    read = [re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), label) for label in labels]
    assert [text.encode("latin-1").decode() for text in read] == list(names)
    compiled.build(found, tmp_path)


def test_the_score_in_c_is_the_one_in_python(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(small_model(quantized=True, contract=CONTRACT._replace(unknown_below=100)))
    exported(path).sources.write(tmp_path, "spotimes_model")
    main = compiled.DRIVER.with_name("score_main.c")
    program = compiled.link(tmp_path, [tmp_path / "spotimes_model.c", main])
    values = np.arange(-128, 128).astype(np.int8)
    outputs = np.stack([values, np.roll(values, 40), values[::-1]], axis=1)
    said = subprocess.run([program], input=outputs.tobytes(), capture_output=True, check=True)
    found = np.array(said.stdout.split(), int).reshape(-1, 2)
    expected = scores((outputs.astype(np.float32) + 128) / 256)
    np.testing.assert_array_equal(found, np.stack([expected, expected < 100], axis=1))
    assert 0 < found[:, 1].sum() < len(found)


def test_a_model_without_a_limit_has_no_score(default: Exported) -> None:
    without = source.written(default.network, default.plan, CONTRACT_OF_DEFAULT)
    limited = CONTRACT_OF_DEFAULT._replace(unknown_below=417)
    header, text = source.written(default.network, default.plan, limited)
    assert "#define SPOTIMES_UNKNOWN_BELOW 417\n" in header
    assert max(map(len, [*header.splitlines(), *text.splitlines()])) <= 100
    assert "spotimes_score" not in "".join(without)
    assert text.startswith(without.source)


def test_a_contract_of_another_network(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    other = Contract(("one", "two"), 6, 5, "rgb")
    path.write_bytes(small_model(quantized=True, contract=other))
    with pytest.raises(InputError, match=r"model.tflite: its input contract, for .* 2 classes"):
        exported(path)


def test_the_self_test_fails_where_an_output_differs(default: Exported, tmp_path: Path) -> None:
    test = source.selftest(default.network, random_images((32, 32, 3), 2))
    default.sources.write(tmp_path, "spotimes_model")
    test.write(tmp_path, "spotimes_selftest")
    assert compiled.selftest_status(tmp_path) == 0
    (values,) = re.findall(r"outputs\[20\] = \{\n\s+(.*),\n", test.source)
    *others, last = values.split(", ")
    wrong = ", ".join([*others, str(-int(last) - 1)])
    (tmp_path / "spotimes_selftest.c").write_text(test.source.replace(values, wrong))
    assert compiled.selftest_status(tmp_path) == 2
