import base64
import io
import json
import re
import time
from typing import Any

import pytest
from PIL import Image

from app.server.refusal import RefusalError
from app.server.upload import MOST_PARTS, SEND_JSON, URLENCODED, picture_in
from spotimes.preprocessing.opening import FORMATS

PICTURE = b"\x89PNG\r\n\x1a\n\0\0--x\r\n--x" + bytes(range(256))
BASE64 = base64.b64encode(PICTURE).decode()
NO_UPLOAD = "the JSON: is not an object of one string, image; "
FORM = "multipart/form-data; boundary=x1"
FILE = b'Content-Disposition: form-data; name="file"; filename="a cat.png"\r\n'


def form(*parts: bytes) -> bytes:
    return b"".join(b"--x1\r\n" + part + b"\r\n" for part in parts) + b"--x1--\r\n"


def without_some(content: bytes) -> bytes:
    """As `curl -d` sends a file."""
    return content.translate(None, b"\r\n\0")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "image/jpeg",
        "application/octet-stream",
        "text/plain",
        URLENCODED,
    ],
)
def test_a_body_is_the_picture_whatever_it_is_called(content_type: str) -> None:
    """`curl --data-binary` calls it a form."""
    assert picture_in(PICTURE, content_type) == PICTURE
    assert picture_in(b"", content_type) == b""


@pytest.mark.parametrize(
    "content_type", [FORM, 'Multipart/Form-Data; charset=utf-8; boundary="x1"']
)
@pytest.mark.parametrize(
    "headers",
    [
        FILE,
        FILE + b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n",
        b"content-disposition: form-data; name=picture\r\n",
        b'Content-Disposition: form-data; name="\xc3\xa4"; filename="\xff;\\"x"\r\n',
    ],
)
def test_a_form_of_one_file(content_type: str, headers: bytes) -> None:
    assert picture_in(form(headers + b"\r\n" + PICTURE), content_type) == PICTURE


def test_a_form_whose_file_is_in_base64() -> None:
    headers = FILE + b"Content-Transfer-Encoding: Base64\r\n\r\n"
    assert picture_in(form(headers + base64.encodebytes(PICTURE)), FORM) == PICTURE


@pytest.mark.parametrize(
    ("content_type", "body", "status", "message"),
    [
        ("multipart/form-data", form(FILE + b"\r\n1"), 400, "Content-Type has no boundary"),
        ("multipart/form-data; boundary=", b"", 400, "Content-Type has no boundary"),
        (f"multipart/form-data; boundary={'x' * 999}", b"", 400, "cannot be read (Boundary"),
        ("multipart/mixed; boundary=x1", form(b"\r\n1"), 415, "multipart/mixed is not read; send "),
        (FORM, b"", 400, "is cut off"),
        (FORM, PICTURE, 400, "cannot be read ("),
        (FORM, form(FILE + b"\r\n" + PICTURE)[:-6], 400, "is cut off"),
        (FORM, form(FILE + b"\r\n" + PICTURE)[:50], 400, "is cut off"),
        (FORM, form(FILE * 500 + b"\r\n1"), 400, "cannot be read (Maximum"),
        (
            FORM,
            form(FILE + b"\r\n1", b"A: b\r\n\r\n3"),
            400,
            "has 2 fields; send the picture as its",
        ),
        (FORM, form(*[b"\r\n1"] * 100_000), 400, f"has over {MOST_PARTS} fields; send"),
        (FORM, form(b"Content-Transfer-Encoding: x\r\n\r\n1"), 400, "Encoding is not read; send"),
        (FORM, form(b"Content-Transfer-Encoding: base64\r\n\r\n?"), 400, "is not base64 ("),
    ],
)
def test_what_is_wrong_with_a_form(
    content_type: str, body: bytes, status: int, message: str
) -> None:
    with pytest.raises(RefusalError, match=re.escape(message)) as caught:
        picture_in(body, content_type)
    assert caught.value.status == status
    assert "; send" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        URLENCODED,  # curl -d
        "text/plain",
        "",
    ],
)
@pytest.mark.parametrize(
    "image",
    [
        BASE64,
        base64.encodebytes(PICTURE).decode(),
        f"data:image/png;base64,{BASE64}",
        f"DATA:image/png;name=a.png;Base64, {BASE64}",
        f"data:;base64,{BASE64}",
    ],
)
def test_base64_in_json(content_type: str, image: str) -> None:
    assert picture_in(json.dumps({"image": image}).encode(), content_type) == PICTURE
    assert picture_in(json.dumps({"image": image}, indent=2).encode(), content_type) == PICTURE
    escaped = json.dumps({"image": image}).replace("/", r"\/")  # as PHP writes it
    assert picture_in(escaped.encode(), content_type) == PICTURE


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"image": ["' + b"[]," * 10**6 + b"0]}"),
        ("application/json", b" " * 10**7),
        ("application/json", b'{"image":' + b" " * 10**7),
        ("application/json", b'{"image": "' + b"A" * 10**7),
        ("application/json", b'{"image": "data:' + b";base64" * 10**6 + b'"}'),
        (FORM, form(*[b"\r\n"] * 10**6)),
        (FORM, form(b"A: " + b"b" * 10**7)),
    ],
)
def test_what_is_wrong_is_found_in_no_time(content_type: str, body: bytes) -> None:
    """While it is sought, the server does nothing else; to parse these would take seconds."""
    began = time.process_time()
    with pytest.raises(RefusalError):
        picture_in(body, content_type)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", NO_UPLOAD),
        (PICTURE, NO_UPLOAD),
        (b'{"image": "', NO_UPLOAD),
        (b'{"image": ' + b"[" * 100_000, NO_UPLOAD),
        (b'{"image": "", "image": ""}', NO_UPLOAD),
        ([BASE64], NO_UPLOAD),
        (BASE64, NO_UPLOAD),
        ({}, NO_UPLOAD),
        ({"picture": BASE64}, NO_UPLOAD),
        ({"image": BASE64, "top": 3}, NO_UPLOAD),
        ({"image": None}, NO_UPLOAD),
        ({"image": [137, 80]}, NO_UPLOAD),
        (b'{"image": "\\x"}', "image: is no JSON string ("),
        (b'{"image": "\xff"}', "image: is no JSON string ("),
        ({"image": "cat.jpg"}, "image: is not base64 ("),
        ({"image": BASE64[:-1]}, "image: is not base64 ("),
        ({"image": "ä" + BASE64}, "image: is not base64 ("),
        ({"image": f"data:image/png,{BASE64}"}, "image: is not base64 ("),
        ({"image": "https://example.org/cat.jpg"}, "image: is not base64 ("),
    ],
)
def test_what_is_wrong_with_json(document: Any, message: str) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(RefusalError) as caught:
        picture_in(body, "application/json")
    assert caught.value.status == 400
    assert caught.value.message.startswith(message)
    assert caught.value.message.endswith(f"; {SEND_JSON}")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (300, 200)])
def test_a_picture_that_curl_d_has_mangled(kind: str, size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.effect_noise(size, 9).convert("RGB").save(file, kind)
    assert picture_in(file.getvalue(), URLENCODED) == file.getvalue()
    mangled = without_some(file.getvalue())
    assert mangled != file.getvalue()
    with pytest.raises(RefusalError, match=r"curl -d takes them out; .*curl --data-binary @FILE"):
        picture_in(mangled, URLENCODED)


@pytest.mark.parametrize(
    ("body", "content_type", "refused"),
    [
        (b"file=cat.jpg", f"{URLENCODED}; charset=utf-8", True),
        (b"image=%FF%D8%FF", URLENCODED, True),
        (without_some(PICTURE), "image/png", True),
        (b"no picture", "application/octet-stream", False),  # what it is says the decoder
        (b"P3 1 1 255 7 8 9", URLENCODED, False),
        (PICTURE[:20], URLENCODED, False),  # damaged otherwise
    ],
)
def test_what_has_lost_bytes(body: bytes, content_type: str, refused: bool) -> None:
    if refused:
        with pytest.raises(RefusalError, match="has no CR, LF or NUL byte"):
            picture_in(body, content_type)
    else:
        assert picture_in(body, content_type) == body
