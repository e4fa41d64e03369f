import base64
import re
from functools import partial
from pathlib import Path

import pytest

from spotimes.plotting.figure import figure
from spotimes.reporting import report
from spotimes.reporting.report import Section


def draw(path: Path) -> None:
    with figure(path, (2, 1)) as drawing:
        drawing.subplots().plot([0, 1])


@pytest.fixture
def page(tmp_path: Path) -> str:
    sections = [Section("one", "A <title>", "A & text", partial(draw))]
    sections[0].draw(tmp_path / "one.png")
    return report.render(
        "Of <us>", "About & so", [["", "FP32"], ["bytes", "1"]], sections, tmp_path
    )


def test_text_is_escaped_and_nothing_is_loaded(page: str) -> None:
    assert "<h1>Of &lt;us&gt;</h1><p>About &amp; so</p>" in page
    assert 'alt="A &lt;title&gt;. A &amp; text"' in page
    assert re.findall(r"(?:src|href)=\"(?!data:image/png;base64,|#)", page) == []


def test_the_picture_is_there(page: str, tmp_path: Path) -> None:
    (content,) = re.findall(r"base64,([\w+/=]+)", page)
    assert base64.b64decode(content) == (tmp_path / "one.png").read_bytes()
    assert page.count('<img class="chart"') == 1
