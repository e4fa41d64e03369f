"""Text in Markdown as it is, such as the name of a class, which may be anything."""

import html
import re

# What begins a list or a heading, if it stands at a line's begin; html.escape sees to a quotation.
_BEGIN = re.compile(r"^([-+]|\d+(?=[.)]))")
_ANYWHERE = re.compile(r"([\\`*_$\[\]|#~])")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in a table too; an @ in it notifies nobody."""
    text = " ".join(text.split()).replace("@", "@\N{ZERO WIDTH SPACE}")
    return _begin_escaped(_ANYWHERE.sub(r"\\\1", html.escape(text, quote=False)))


def _begin_escaped(text: str) -> str:
    return _BEGIN.sub(lambda begin: f"\\{begin[0]}" if begin[0] in "-+" else f"{begin[0]}\\", text)
