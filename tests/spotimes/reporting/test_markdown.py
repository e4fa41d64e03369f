import re

import pytest
from markdown_it import MarkdownIt

from spotimes.reporting.markdown import escaped

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.mark.parametrize(
    "text",
    [
        "cat", "T-shirt/top", "<b>|*_c_", "*a*", "_a_", "__a__", "`a`", "[a](b)", "![a](b)", "<a>",
        "&amp;", "a & b", "~~a~~", "# a", "#a", "- a", "+ a", "* a", "1. a", "12) a", "> a",
        "\\", "\\*", "---", "===", "```", "$a$", "a|b", "|", "<!-- a", "http://a_b_c",
        "[a]: b", "-", "1.", "猫",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("page", "around"),
    [
        ("{}", "<p>{}</p>"),
        ("of\n{}, and", "<p>of\n{}, and</p>"),
        ("# {}, INT8", "<h1>{}, INT8</h1>"),
        ("| a |\n| --- |\n| {} |", "<td>{}</td>"),
    ],
)  # fmt: skip
def test_text_is_shown_as_it_is(text: str, page: str, around: str) -> None:
    shown = MARKDOWN.render(page.format(escaped(text)))
    as_html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert around.format(as_html) in shown
    tags = set(re.findall("<(\\w+)", shown))
    assert tags <= {"p", "h1", "table", "thead", "tbody", "tr", "th", "td"}


def test_nobody_is_notified() -> None:
    assert escaped("a @b") == "a @\u200bb"


def test_it_stays_in_its_line() -> None:
    assert escaped("a\n b\tc") == "a b c"
