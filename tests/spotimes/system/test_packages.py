import re
from importlib.metadata import version

import pytest

from spotimes.errors import InputError
from spotimes.params.decoder import Decoder
from spotimes.params.load import PARAMS_FILE, load_group
from spotimes.params.runtime import Runtime
from spotimes.params.versions import Pins, Versions
from spotimes.system.packages import check_installed
from tests.project import ROOT

INSTALLED = Versions(**{name: version(name) for name in Versions.model_fields})


@pytest.mark.parametrize(
    ("group", "kind"), [("versions", Versions), ("runtime", Runtime), ("decoder", Decoder)]
)
def test_they_are_those_that_requirements_txt_pins(group: str, kind: type[Pins]) -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))
    wanted = load_group(group, kind, ROOT / PARAMS_FILE).model_dump()
    assert wanted == {name: pins[name.replace("_", "-")] for name in wanted}


def test_the_installed_versions_pass() -> None:
    check_installed(INSTALLED)


@pytest.mark.parametrize("name", Versions.model_fields)
def test_another_version_is_reported_with_what_fixes_it(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_installed(INSTALLED.model_copy(update={name: "0.1"}))
    assert str(caught.value) == (
        f"{name}: params.yaml wants version 0.1, installed is {version(name)}; "
        "`make install` installs what requirements.txt pins"
    )


def test_a_package_that_is_not_installed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(InputError, match=r"wants version .*, installed is none; `make"):
        check_installed(INSTALLED)
