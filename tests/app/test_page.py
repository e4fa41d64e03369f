"""The page in a real browser: Debian's chromium, driven by Playwright."""

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spotimes.inference.classifier import Classifier
from tests.app.models import MODEL
from tests.app.serving import Server, serving

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
# Where there is no browser, as on a developer's server, CI sees to it that these are run.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None and "CI" not in os.environ,
        reason="needs chromium: apt-get install chromium",
    ),
]
SCREENSHOTS = os.environ.get("SPOTIMES_SCREENSHOTS")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", *camera]
        )
        yield running
        running.close()


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """The page as it opens; any error in its console fails the test."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and "status of 4" not in message.text
            else None
        ),
    )
    # Choosers are caught once Chromium has heard so, which a key pressed at once may overtake.
    opened.on("filechooser", lambda _: None)
    opened.goto(server.url)
    opened.get_by_alt_text("Sample: a cat").wait_for()
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def file(tmp_path: Path, picture_bytes: bytes) -> Path:
    path = tmp_path / "mine.png"
    path.write_bytes(picture_bytes)
    return path


@pytest.fixture(scope="module")
def prediction(picture_pixels: Any) -> Any:
    classifier = Classifier(MODEL)
    rows = classifier.probabilities(picture_pixels[None])
    ((first,),) = classifier.named(rows)
    said = f"{first.label}, {100 * first.probability:.1f}%"
    return f"Unknown; nearest is {said}" if classifier.unknown(rows)[0] else said


def answered(page: Any, prediction: str) -> None:
    page.get_by_role("heading", name=prediction).wait_for()
    assert page.get_by_role("status").text_content() == prediction
    assert page.get_by_role("row").count() == 1 + 10
    assert page.locator("#problem").text_content() == ""


def screenshot(page: Any, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/{name}.png", full_page=True)


def test_a_chosen_file(page: Any, file: Path, prediction: str) -> None:
    page.locator("#file").set_input_files(file)
    answered(page, prediction)
    assert page.locator("#unknown").is_visible() == prediction.startswith("Unknown")
    assert page.locator("#picture-caption").text_content() == "mine.png, 32 \u00d7 32"
    assert "32 \u00d7 32" in page.locator("#seen-caption").text_content()
    assert page.locator("#seen").get_attribute("src").startswith("data:image/png;base64,")
    assert "ms" in page.locator("#latency").text_content()
    assert "KB" in page.locator("#model").text_content()
    screenshot(page, "light")


def test_what_speaks_for_a_class_is_shown_on_demand(page: Any, file: Path, prediction: str) -> None:
    """Another class has another map, and another picture none until it is asked for."""
    drawn = "document.getElementById('map').toDataURL()"
    page.locator("#file").set_input_files(file)
    answered(page, prediction)
    canvas = page.get_by_role("img", name="What speaks for")
    assert not canvas.is_visible()
    button = page.get_by_role("button", name="Show what speaks for it")
    button.click()
    canvas.wait_for()
    assert not button.is_visible()
    choice = page.get_by_label("The class that the map is of")
    assert choice.evaluate("each => each === document.activeElement && each.length") == 10
    assert prediction.startswith(choice.input_value())
    first = page.evaluate(drawn)
    screenshot(page, "explained")
    choice.select_option(index=9)
    assert page.evaluate(drawn) != first
    assert f"What speaks for {choice.input_value()}," in canvas.get_attribute("aria-label")
    page.locator("#file").set_input_files(file)
    button.wait_for()
    assert not canvas.is_visible()


def test_by_keyboard_alone(page: Any, file: Path, prediction: str) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(file)
    answered(page, prediction)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "camera"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.title") == "a cat"


def test_a_sample(page: Any, prediction: str) -> None:
    page.get_by_role("button", name="Sample: a cat").click()
    answered(page, prediction)
    assert page.locator("#picture-caption").text_content() == "a cat, 32 \u00d7 32"


def test_what_is_unknown_is_said_to_be(
    browser: Any, doubting: Path, file: Path, prediction: str
) -> None:
    with serving("--model", doubting) as server:
        page = browser.new_page()
        page.goto(server.url)
        page.locator("#file").set_input_files(file)
        answered(page, f"Unknown; nearest is {prediction.removeprefix('Unknown; nearest is ')}")
        assert page.locator("#unknown").is_visible()
        screenshot(page, "unknown")
        page.close()


TRANSFER = """([kind, bytes, name, target]) => {
    const data = new DataTransfer();
    if (bytes) {
        const content = Uint8Array.from(atob(bytes), (each) => each.charCodeAt(0));
        data.items.add(new File([content], name, { type: "image/png" }));
    } else data.setData("text/plain", "no picture");
    const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
        : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector(target).dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_paste_and_drop(page: Any, picture_bytes: bytes, prediction: str, kind: str) -> None:
    content = base64.b64encode(picture_bytes).decode()
    page.evaluate(TRANSFER, [kind, content, "mine.png", "body"])
    answered(page, prediction)
    page.evaluate(TRANSFER, [kind, "", "", "body"])
    page.get_by_role("alert").filter(has_text="picture").wait_for()
    assert page.locator("#answer").is_hidden()


def test_a_bad_file_is_reported_and_the_next_one_answered(
    page: Any, file: Path, tmp_path: Path, prediction: str
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    page.locator("#file").set_input_files(tmp_path / "bad.png")
    page.get_by_role("alert").filter(has_text="a picture is to be PNG, JPEG").wait_for()
    assert page.locator("#answer").is_hidden()
    screenshot(page, "bad file")
    page.locator("#file").set_input_files(file)
    answered(page, prediction)


def test_the_camera(page: Any) -> None:
    use = page.get_by_role("button", name="Use the camera")
    use.click()
    take = page.get_by_role("button", name="Take the picture")
    assert use.is_disabled()
    take.click()
    page.locator("#answer").wait_for()
    assert "the camera's picture" in page.locator("#picture-caption").text_content()
    tracks = page.evaluate_handle("document.getElementById('video').srcObject.getTracks()")
    page.get_by_role("button", name="Stop the camera").click()
    assert page.locator("#filming").is_hidden()
    assert page.evaluate("(tracks) => tracks.map((each) => each.readyState)", tracks) == ["ended"]
    use.click()
    take.click()


def test_a_camera_that_is_not_allowed(page: Any) -> None:
    page.evaluate(
        """() => {
            navigator.mediaDevices.getUserMedia = async () => {
                throw new DOMException("Permission denied", "NotAllowedError");
            };
        }"""
    )
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("alert").filter(has_text="cannot be used: Permission denied").wait_for()
    assert page.get_by_role("button", name="Use the camera").is_enabled()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            {"status": 502, "body": "<html>"},
            "The server answers with status 502 and gives no reason.",
        ),
        ({"status": 200, "body": "<html>"}, "The server's answer cannot be read."),
        ({"status": 503, "body": '{"error": "try again"}'}, "try again"),
    ],
)
def test_what_a_proxy_answers_instead_is_reported(
    browser: Any, server: Server, file: Path, answer: dict[str, Any], message: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    page.route("**/predict*", lambda route: route.fulfill(**answer))
    page.locator("#file").set_input_files(file)
    page.get_by_role("alert").filter(has_text=message).wait_for()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (360, "dark")])
def test_a_phones_width(browser: Any, server: Server, file: Path, scheme: Any, width: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 740}, color_scheme=scheme, device_scale_factor=2
    )
    page = context.new_page()
    page.goto(server.url)
    page.locator("#file").set_input_files(file)
    page.locator("#answer").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.locator("button, .button").all():
        if button.is_visible():
            assert button.bounding_box()["height"] >= 44
    screenshot(page, f"phone {width} {scheme}")
    context.close()


def test_a_server_that_has_gone_is_reported(browser: Any, file: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    with serving("--samples", file.parent) as running:
        page.goto(running.url)
        page.get_by_alt_text("Sample: mine").wait_for()
        page.locator("#file").set_input_files(file)
        page.locator("#answer").wait_for()
    unreachable = page.get_by_role("alert").filter(has_text="The server cannot be reached.")
    page.locator("#file").set_input_files(file)
    unreachable.wait_for()
    page.evaluate("document.getElementById('problem').textContent = ''")
    page.get_by_role("button", name="Sample: mine").click()
    unreachable.wait_for()
    context.close()
