import os
import subprocess

import pytest

from spotimes.system.native_stderr import captured
from tests.programs import output_of, program
from tests.project import ROOT


def test_what_goes_to_the_descriptor_is_kept_and_not_shown(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with captured() as kept:
        os.write(2, b"native\n")
        subprocess.run(program("complain", "é"), cwd=ROOT, check=True)
        assert kept.getvalue() == b""
    assert kept.getvalue() == "native\né\n".encode()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_an_exception_brings_standard_error_back(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(2, b"reported\n")
        raise ValueError

    with pytest.raises(ValueError), captured() as kept:
        fail()
    assert kept.getvalue() == b"reported\n"
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_one_within_another(capfd: pytest.CaptureFixture[str]) -> None:
    with captured() as outer:
        with captured() as inner:
            os.write(2, b"inner")
        os.write(2, b"outer")
    assert (inner.getvalue(), outer.getvalue()) == (b"inner", b"outer")
    assert capfd.readouterr().err == ""


def test_no_descriptor_is_left_open() -> None:
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    for _ in range(3):
        with captured():
            pass
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208


def test_without_a_standard_error_and_without_a_writable_folder() -> None:
    """As of a service that is started with its descriptors closed, on a read-only device."""
    output_of("capture_without_stderr")
