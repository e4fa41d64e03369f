"""The picture in an upload: the body itself, a form's file, or base64 in JSON."""

import base64
import json
import logging
import re
from typing import NamedTuple

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from app.server.refusal import RefusalError

FORM, JSON = "multipart/form-data", "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MOST_PARTS = 8  # of a form; each takes the parser time
SEND_A_FORM = "send the picture as its only field, as curl -F file=@FILE does"
SEND_JSON = 'send {"image": "..."}, the file in base64 or as a data URL'
SEND_BYTES = "send the file's bytes as they are: curl --data-binary @FILE"
DATA_URL_START = re.compile(r"^\s*data:[^,]*;base64\s*,", re.IGNORECASE)
JSON_OBJECT = re.compile(rb"\s*\{")
JSON_UPLOAD = re.compile(rb'\s*\{\s*"image"\s*:\s*("[^"]*")\s*\}\s*')
PPM = re.compile(rb"P[1-6f]\s")

# Without any handler Python prints a logger's warnings, here of each damaged form.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())


class _Part(NamedTuple):
    """A field of a form: its headers, by their names in lower case, and its value."""

    headers: dict[bytes, bytes]
    value: bytearray


def picture_in(body: bytes, content_type: str) -> bytes:
    """The bytes of an upload that are meant as a picture, whether they are one or not.

    Args:
        body: of the request.
        content_type: the header Content-Type, or nothing.

    Raises:
        RefusalError: a form or JSON without one picture, or bytes that are not the file's.
    """
    kind, options = parse_options_header(content_type)
    media_type = kind.decode("latin-1").strip().lower()
    if media_type == FORM:
        return _in_form(body, options.get(b"boundary", b""))
    if media_type.startswith("multipart/"):
        raise RefusalError(415, f"{media_type} is not read; send {FORM}, or the file's bytes")
    if media_type == JSON or JSON_OBJECT.match(body):
        return _in_json(body)
    _check_whole(body, media_type)
    return body


def _in_form(body: bytes, boundary: bytes) -> bytes:
    if not boundary:
        raise RefusalError(400, f"the form: Content-Type has no boundary; {SEND_A_FORM}")
    try:
        parts = _parts(body, boundary)
    except FormParserError as error:
        raise RefusalError(400, f"the form: cannot be read ({error}); {SEND_A_FORM}") from error
    if len(parts) != 1:
        raise RefusalError(400, f"the form: has {len(parts)} fields; {SEND_A_FORM}")
    ((headers, value),) = parts
    encoding = headers.get(b"content-transfer-encoding", b"binary").strip().lower()
    if encoding == b"base64":
        return from_base64(value.decode("latin-1"), "the form", SEND_A_FORM)
    if encoding not in (b"binary", b"8bit", b"7bit"):
        raise RefusalError(400, f"the form: Content-Transfer-Encoding is not read; {SEND_A_FORM}")
    return bytes(value)


def _parts(body: bytes, boundary: bytes) -> list[_Part]:
    """A form's fields.

    Raises:
        FormParserError: it is damaged.
        RefusalError: it is cut off, or has more than `MOST_PARTS` fields.
    """
    parts: list[_Part] = []
    name, value = bytearray(), bytearray()
    ended = False

    def on_part_begin() -> None:
        if len(parts) == MOST_PARTS:
            raise RefusalError(400, f"the form: has over {MOST_PARTS} fields; {SEND_A_FORM}")
        parts.append(_Part({}, bytearray()))

    def on_header_end() -> None:
        parts[-1].headers[bytes(name).lower()] = bytes(value)
        name.clear()
        value.clear()

    def on_end() -> None:
        nonlocal ended
        ended = True

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": on_part_begin,
            "on_part_data": lambda data, start, end: parts[-1].value.extend(data[start:end]),
            "on_header_field": lambda data, start, end: name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: value.extend(data[start:end]),
            "on_header_end": on_header_end,
            "on_end": on_end,
        },
    )
    parser.write(body)
    if not ended:
        raise RefusalError(400, f"the form: is cut off; {SEND_A_FORM}")
    return parts


def _in_json(body: bytes) -> bytes:
    # To parse whatever else it may hold could take seconds, in which the server does nothing else.
    found = JSON_UPLOAD.fullmatch(body)
    if not found:
        raise RefusalError(400, f"the JSON: is not an object of one string, image; {SEND_JSON}")
    try:
        image = json.loads(found[1])
    except ValueError as error:
        raise RefusalError(400, f"image: is no JSON string ({error}); {SEND_JSON}") from error
    return from_base64(image, "image", SEND_JSON)


def from_base64(text: str, where: str, remedy: str) -> bytes:
    """The bytes that a text in base64, or a data URL, stands for.

    Raises:
        RefusalError: it is neither; the message begins with `where` and ends with `remedy`.
    """
    text = DATA_URL_START.sub("", text, count=1)
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise RefusalError(400, f"{where}: is not base64 ({error}); {remedy}") from error


def _check_whole(body: bytes, media_type: str) -> None:
    """Refuses what `curl -d` sends, which takes out each CR, LF and NUL, or a form's fields.

    No picture is without any of these bytes, but for a PPM; and `curl --data-binary` sends the type
    of a form, too, unless it is told another.
    """
    if any(byte in body for byte in (b"\r", b"\n", b"\0")) or PPM.match(body):
        return
    if body and (media_type == URLENCODED or not body.isascii()):
        raise RefusalError(
            400, f"the picture: has no CR, LF or NUL byte; curl -d takes them out; {SEND_BYTES}"
        )
