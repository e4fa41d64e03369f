import json
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from spotimes.dataset.prepared import Split
from spotimes.evaluation.accuracy import Predictions
from spotimes.explanation.explainer import Explainer, Explanation
from spotimes.mistakes import measures, page, pictures

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
LABELS = np.arange(90) % 3
IMAGES = np.random.default_rng(1).integers(0, 256, (90, 16, 16, 3), np.uint8)
NAMES = ["</script><b>", "US$ & @@DATA@@", "c"]


@pytest.fixture(scope="module")
def written() -> str:
    """Of the first 70 images those of the first class are taken for the second."""
    int8 = np.eye(3, dtype=np.float32)[np.where((LABELS == 0) & (np.arange(90) < 70), 1, LABELS)]
    fp32 = np.eye(3, dtype=np.float32)[LABELS]
    predictions = Predictions(Split(IMAGES, LABELS), NAMES, fp32, int8)
    map_ = np.linspace(-1, 1, 3 * 4, dtype=np.float32).reshape(3, 2, 2)
    explainer = SimpleNamespace(explain=lambda _: Explanation(int8[0], map_, None))
    shown = pictures.chosen(predictions, cast(Explainer, explainer), None)
    return page.render("<mine>", predictions, measures.tables(predictions, None), shown)


def test_nothing_is_loaded_and_names_are_text(written: str) -> None:
    assert re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:)", written) == []
    assert "default-src 'none'" in written
    assert (
        "&lt;mine&gt;: of 90 test images the INT8 model classifies 24 wrongly, 26.67%." in written
    )
    assert written.count("</script>") == 2
    assert "<td>&lt;/script&gt;&lt;b&gt;</td><td>US$ &amp; @@DATA@@</td>" in written
    (data,) = re.findall(r'id="data">(.*?)</script>', written)
    assert json.loads(data)["classes"] == NAMES
    assert "all 24 of the 24 that are wrong" in written
    assert "66 of the 66 that are correct" in written


@pytest.mark.slow
@pytest.mark.skipif(
    BROWSER is None and "CI" not in os.environ, reason="needs chromium: apt-get install chromium"
)
def test_in_a_browser_it_is_filtered_by_class_and_by_right_or_wrong(
    written: str, tmp_path: Path
) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    path = tmp_path / "mistakes.html"
    path.write_text(written, encoding="utf-8")
    asked: list[str] = []
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("console", lambda message: errors.append(message.text))
        opened.goto(path.as_uri())

        def shown(which: str, actual: str = "", answer: str = "") -> Any:
            for name, value in (("which", which), ("actual", actual), ("answer", answer)):
                opened.select_option(f"#{name}", value)
            cards = opened.locator("#pictures li").count()
            return opened.locator("#count").text_content(), cards

        opened.get_by_text("24 pictures", exact=True).wait_for()
        assert shown("wrong") == ("24 pictures", 24)
        assert shown("correct") == ("66 pictures, the first 60", 60)
        opened.get_by_role("button", name="Show more").click()
        assert opened.locator("#pictures li").count() == 66
        assert shown("changed") == ("24 pictures", 24)
        assert shown("all", actual="0") == ("30 pictures", 30)
        assert shown("all", answer="1") == ("54 pictures", 54)
        assert shown("wrong", actual="2") == ("0 pictures", 0)
        opened.locator("button[data-actual]").first.click()
        assert opened.locator("#count").text_content() == "24 pictures"
        first = opened.locator("#pictures li").first
        assert first.locator("p").all_text_contents() == [
            "US$ & @@DATA@@ 100.0%",
            "is </script><b>",
            "FP32: </script><b>",
            "test image 0",
        ]
        drawn = "document.querySelector('#pictures canvas').toDataURL()"
        with_map = opened.evaluate(drawn)
        opened.uncheck("#maps")
        assert opened.evaluate(drawn) != with_map
        browser.close()
    assert [url for url in asked if not url.startswith(("data:", path.as_uri()))] == []
    assert errors == []
