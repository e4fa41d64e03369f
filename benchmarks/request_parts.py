"""Where the time of a request to the server goes: each part's microseconds.

    python -m benchmarks.request_parts

The same request is answered by more and more: the runtime alone, `Classifier`, the same steps from
body to answer that the server takes, the application without a connection, and the server over
one connection on loopback. All are interleaved; a part is what the next answer takes longer than
the one before it. Takes half a minute; prints a Markdown table.
"""

import argparse
import io
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app import serve
from app.server import inference_protocol as protocol
from app.server.application import Application
from app.server.http import Request, Response
from app.server.limits import Limits
from benchmarks.parts import check_rounds, medians
from benchmarks.project import MODEL, PICTURE
from benchmarks.serving import Sent, sent_requests, serving
from spotimes import usage
from spotimes.benchmarking import timing
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier, top_k
from spotimes.inference.interpreter import load_interpreter
from spotimes.pixels import to_int8
from spotimes.preprocessing.resize import load_image
from spotimes.system import command

PARTS = ("network", "`Classifier`", "body and answer", "application", "HTTP on loopback")
WARMUP_MS = 300
ROUND_MS = 20


def main() -> None:
    """Measures all kinds of request; prints a Markdown table."""
    parser = usage.parser("benchmarks.request_parts", __doc__, "python -m benchmarks.request_parts")
    parser.add_argument("--rounds", type=int, default=100, help="of each kind (100)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="what is sent")
    arguments = parser.parse_args()
    check_rounds(arguments.rounds)
    requests = sent_requests(arguments.picture)
    pixels = decoded(Classifier(MODEL), requests["picture"].body)
    columns = {
        kind: measured(kind, sent, pixels, arguments.rounds) for kind, sent in requests.items()
    }
    print(f"| microseconds | {' | '.join(columns)} |")
    print(f"| --- |{' ---: |' * len(columns)}")
    for number, part in enumerate(PARTS):
        row = (f"{column[number]:,.0f}" for column in columns.values())
        print(f"| {part} | {' | '.join(row)} |")
    print(f"| all | {' | '.join(f'{sum(column):,.0f}' for column in columns.values())} |")


def measured(kind: str, sent: Sent, pixels: npt.NDArray[np.uint8], rounds: int) -> list[float]:
    """Microseconds of each of `PARTS`, medians over the rounds.

    Args:
        kind: of `READING`.
        sent: such a request.
        pixels: what it holds.
        rounds: how many.
    """
    with answering(kind, sent, pixels) as answers:
        for answer in answers.values():
            timing.timed(answer, WARMUP_MS * 10**6)
        taken = medians(answers, ROUND_MS, rounds, kind)
    parts = np.diff([taken[part] / 1e3 for part in PARTS], axis=0, prepend=0)
    found: list[float] = np.median(parts, axis=1).tolist()
    return found


@contextmanager
def answering(
    kind: str, sent: Sent, pixels: npt.NDArray[np.uint8]
) -> Iterator[dict[str, Callable[[], Any]]]:
    """What answers a request: for each of `PARTS` with it and all before it.

    Args:
        kind: of `READING`.
        sent: such a request.
        pixels: what it holds, as the network takes it.
    """
    classifier, interpreter = Classifier(MODEL), load_interpreter(MODEL)
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    answer = READING[kind]
    tensor = to_int8(pixels[np.newaxis])

    def network() -> npt.NDArray[np.int8]:
        interpreter.set_tensor(source, tensor)
        interpreter.invoke()
        probabilities: npt.NDArray[np.int8] = interpreter.get_tensor(target)
        return probabilities

    application = Application(classifier, default_limits())
    with (
        closing(application),
        serving() as server,
        socket.create_connection(("127.0.0.1", server.port)) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        functions = (
            network,
            lambda: classifier.probabilities(pixels),
            lambda: answer(classifier, sent),
            lambda: by_application(application, sent),
            lambda: by_server(connection, sent),
        )
        yield dict(zip(PARTS, functions, strict=True))


def default_limits() -> Limits:
    """Those of `app serve` without options."""
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return serve.chosen_limits(parser.parse_args([]))


def decoded(classifier: Classifier, body: bytes) -> npt.NDArray[np.uint8]:
    """A picture as the network takes it: uint8, shape `classifier.image_shape`."""
    return load_image(io.BytesIO(body), "the picture", classifier.contract)


def by_picture(classifier: Classifier, sent: Sent) -> bytes:
    """The answer to a picture."""
    rows = classifier.probabilities(decoded(classifier, sent.body)[np.newaxis])
    names = classifier.contract.class_names
    predictions = [
        {"label": names[index], "probability": float(rows[0, index])}
        for index in top_k(rows, classifier.classes)[0]
    ]
    return json.dumps({"predictions": predictions}).encode()


def by_tensor(classifier: Classifier, sent: Sent) -> bytes:
    """The inference protocol's answer."""
    length = sent.headers.get(protocol.HEADER_LENGTH)
    model = protocol.Model(MODEL.stem, "1", classifier.contract)
    request = protocol.parse(sent.body, length, model.contract, 1)
    assert not isinstance(request.images, list)  # of picture files, which are not sent here
    return protocol.render(request, classifier.probabilities(request.images), model).body


READING = {"picture": by_picture, "tensor": by_tensor, "json": by_tensor}


def by_application(application: Application, sent: Sent) -> bytes:
    """The body of the application's answer.

    Raises:
        InputError: it refuses, or hands the request to a thread.
    """
    request = Request()
    request.method, request.path, request.body = "POST", sent.path, sent.body
    request.headers = {name.lower().encode(): each.encode() for name, each in sent.headers.items()}
    response = application.find_route(request).handle(request)
    if not isinstance(response, Response):
        raise InputError(f"{sent.path}: is not answered at once")
    return response.body


def by_server(connection: socket.socket, sent: Sent) -> bytes:
    """The body of the server's answer.

    Raises:
        InputError: it refuses.
    """
    headers = {"Host": "127.0.0.1", "Content-Length": str(len(sent.body)), **sent.headers}
    lines = [f"POST {sent.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + sent.body)
    answer = HTTPResponse(connection, method="POST")
    answer.begin()
    body = answer.read()
    if answer.status != 200:
        raise InputError(f"{sent.path}: {answer.status} {body.decode()}")
    return body


if __name__ == "__main__":
    command.run("request_parts", main)
