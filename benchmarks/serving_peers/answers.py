"""What servers answer to the requests that they are measured by: they are to agree."""

import json
import urllib.error
import urllib.request

import numpy as np

from app.server.inference_protocol import HEADER_LENGTH
from benchmarks.serving import Sent
from spotimes.errors import InputError


def likeliest(sent: Sent, port: int, class_names: tuple[str, ...]) -> str:
    """The class that a server finds most probable.

    Args:
        sent: a request of `benchmarks.serving.sent_requests`.
        port: of the server, on loopback.
        class_names: of the model.

    Raises:
        InputError: the server refuses, or what it answers holds no class.
    """
    url = f"http://127.0.0.1:{port}{sent.path}"
    request = urllib.request.Request(url, sent.body, sent.headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            body, length = response.read(), response.headers[HEADER_LENGTH]
    except urllib.error.HTTPError as error:
        raise InputError(f"{url}: {error.code} {error.read()[:200]!r}") from error
    if length is not None:
        return class_names[int(np.frombuffer(body[int(length) :], "<f4").argmax())]
    match json.loads(body):
        case {"outputs": [{"data": list(values)}]}:
            return class_names[int(np.argmax(values))]
        case {"predictions": [{"label": str(label)}, *_]} | {"label": str(label)}:
            return label
    raise InputError(f"{url}: the answer holds no class: {body[:200]!r}")
