"""The HTTP application: the inference protocol, a plain upload, metrics, and a page to try it."""

import asyncio
import base64
import functools
import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app import info
from app.server import inference_protocol as protocol
from app.server.limits import Gate, Limits
from app.server.middleware import NAME, Measures, Observed
from app.server.refusal import RefusalError, busy
from app.server.upload import picture_in
from spotimes.errors import InputError, TooManyPixelsError
from spotimes.inference.classifier import Classifier, top_k
from spotimes.preprocessing.decode import decode_image, read_header
from spotimes.preprocessing.picture_files import TITLES, is_left_behind
from spotimes.preprocessing.resize import resize_image

VERSION = "1"  # of the one model that is served
PAGE = Path(__file__).parent / "page"
OPENAPI = Path(__file__).parent / "openapi.json"
FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
}


class Seen(NamedTuple):
    """An uploaded picture: its own size, and its pixels as the network takes them."""

    width: int
    height: int
    pixels: npt.NDArray[np.uint8]


class Service:
    """The routes of one classifier."""

    def __init__(self, classifier: Classifier, limits: Limits, samples: Path | None) -> None:
        self.classifier = classifier
        self.gate = Gate(limits)
        self.measures = Measures(self.gate)
        self.model = protocol.Model(classifier.path.stem, VERSION, classifier.contract)
        self.about = info.about(classifier) | {"name": self.model.name}
        self.openapi_document = openapi(self.model, limits)
        self.samples = {path.name: path for path in sorted(_pictures(samples) if samples else [])}
        titles = _titles(samples / TITLES) if samples else {}
        self.titles = {name: titles.get(name, path.stem) for name, path in self.samples.items()}

    async def page(self, _: Request) -> Response:
        """The page."""
        return FileResponse(PAGE / "index.html", media_type="text/html")

    async def file(self, request: Request) -> Response:
        """A file that the page loads."""
        name = request.path_params["name"]
        if name not in FILES:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return FileResponse(PAGE / name, media_type=FILES[name])

    async def sample_list(self, _: Request) -> Response:
        """The names of sample pictures, and what they show."""
        return JSONResponse({"samples": [*self.samples], "titles": self.titles})

    async def sample(self, request: Request) -> Response:
        """A sample picture."""
        path = self.samples.get(request.path_params["name"])
        if path is None or not os.access(path, os.R_OK):  # it could be read at the start
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return FileResponse(path)

    async def model_facts(self, _: Request) -> Response:
        """What the model is."""
        return JSONResponse(self.about)

    async def metrics(self, _: Request) -> Response:
        """Prometheus' text format."""
        return Response(
            generate_latest(self.measures.registry), media_type="text/plain; version=0.0.4"
        )

    async def openapi(self, _: Request) -> Response:
        """This description."""
        return JSONResponse(self.openapi_document)

    async def server_metadata(self, _: Request) -> Response:
        """The protocol's: this server."""
        return JSONResponse({"name": NAME, "version": VERSION, "extensions": protocol.EXTENSIONS})

    async def live(self, _: Request) -> Response:
        """The protocol's: whether requests are answered."""
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        """The protocol's: whether inference is."""
        return JSONResponse({"ready": True})

    async def model_metadata(self, request: Request) -> Response:
        """The protocol's: a model's tensors."""
        self._check_model(request)
        return JSONResponse(protocol.metadata(self.model))

    async def model_ready(self, request: Request) -> Response:
        """The protocol's: whether a model is ready."""
        self._check_model(request)
        return JSONResponse({"name": self.model.name, "ready": True})

    async def infer(self, request: Request) -> Response:
        """The protocol's: inference."""
        self._check_model(request)
        with self.gate.entered() as entry:
            body = await entry.body(
                request.stream(),
                request.headers.get("content-length"),
                ", ".join(request.headers.getlist("content-encoding")),
            )
            answer = await entry.work(
                functools.partial(self._inferred, body, request.headers.get(protocol.HEADER_LENGTH))
            )
        if answer.header_length is None:
            return Response(answer.body, media_type="application/json")
        return Response(
            answer.body,
            media_type="application/octet-stream",
            headers={protocol.HEADER_LENGTH: str(answer.header_length)},
        )

    async def predict(self, request: Request) -> Response:
        """Classifies an uploaded picture."""
        top = _whole(request, "top", 1, self.classifier.classes, self.classifier.classes)
        seen = _whole(request, "seen", 0, 1, 0)
        with self.gate.entered() as entry:
            body = await entry.body(
                request.stream(),
                request.headers.get("content-length"),
                ", ".join(request.headers.getlist("content-encoding")),
            )
            kind = request.headers.get("content-type", "")
            return JSONResponse(
                await entry.work(functools.partial(self._predicted, body, kind, top, bool(seen)))
            )

    def _check_model(self, request: Request) -> None:
        name, version = request.path_params["model"], request.path_params.get("version", VERSION)
        if name != self.model.name:
            raise RefusalError(404, f"there is no model {name}; there is {self.model.name}")
        if version != VERSION:
            raise RefusalError(404, f"there is no version {version} of {name}; there is {VERSION}")

    def _inferred(self, body: bytes, header_length: str | None) -> protocol.Answer:
        understood = protocol.parse(
            body, header_length, self.model.contract, self.gate.limits.batch
        )
        probabilities = self._probabilities(understood.images)
        return protocol.render(understood, probabilities, self.model)

    def _predicted(self, body: bytes, kind: str, top: int, seen: bool) -> dict[str, Any]:
        image = self._read(body, kind)
        began = time.perf_counter()
        probabilities = self._probabilities(image.pixels[np.newaxis])
        milliseconds = 1000 * (time.perf_counter() - began)
        names = self.classifier.contract.class_names
        answer: dict[str, Any] = {
            "predictions": [
                {"label": names[index], "probability": float(probabilities[0, index])}
                for index in top_k(probabilities, top)[0]
            ],
            "milliseconds": milliseconds,
            "width": image.width,
            "height": image.height,
        }
        if seen:
            answer["seen"] = _data_url(image.pixels)
        return answer

    def _read(self, body: bytes, kind: str) -> Seen:
        try:
            content = io.BytesIO(picture_in(body, kind))
            contract, most = self.classifier.contract, self.gate.limits.pixels
            found = decode_image(content, "the picture", most, chosen_range=contract.range)
            pixels = resize_image(found, contract)
        except TooManyPixelsError as error:
            raise RefusalError(413, str(error)) from error
        except InputError as error:
            raise RefusalError(400, str(error)) from error
        except MemoryError as error:
            raise busy("the picture needs more memory than there is; send a smaller one") from error
        return Seen(*found.size, pixels)

    def _probabilities(self, images: Any) -> npt.NDArray[np.float32]:
        began = time.perf_counter()
        probabilities = self.classifier.probabilities(images)
        self.measures.inference.observe(time.perf_counter() - began)
        self.measures.images.inc(len(images))
        return probabilities


class Applications(NamedTuple):
    """The applications that answer connections.

    Attributes:
        all_routes: answers connections within the limit.
        full: answers those beyond it by 503.
    """

    all_routes: Starlette
    full: ASGIApp


def applications(
    classifier: Classifier, limits: Limits, samples: Path | None = None
) -> Applications:
    """Makes the application, and the one for when there are too many connections.

    Args:
        classifier: answers all requests.
        limits: the most that is admitted.
        samples: a folder of pictures that the page offers to try.
    """
    service = Service(classifier, limits, samples)
    model = "/v2/models/{model}"
    versions = (model, model + "/versions/{version}")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        await asyncio.to_thread(service.gate.close)

    async def full(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = busy(f"{limits.connections} connections are open already; try again")
        answer = JSONResponse(
            {"error": refusal.message}, refusal.status, refusal.headers | {"Connection": "close"}
        )
        await answer(scope, receive, send)

    all_routes = Starlette(
        routes=[
            Route("/", service.page),
            Route("/page/{name}", service.file),
            Route("/samples", service.sample_list),
            Route("/samples/{name}", service.sample),
            Route("/model", service.model_facts),
            Route("/predict", service.predict, methods=["POST"]),
            Route("/metrics", service.metrics),
            Route("/openapi.json", service.openapi),
            Route("/v2", service.server_metadata),
            Route("/v2/health/live", service.live),
            Route("/v2/health/ready", service.ready),
            *(Route(path, service.model_metadata) for path in versions),
            *(Route(f"{path}/ready", service.model_ready) for path in versions),
            *(Route(f"{path}/infer", service.infer, methods=["POST"]) for path in versions),
        ],
        middleware=[Middleware(Observed, measures=service.measures)],
        exception_handlers={
            RefusalError: _refused,
            HTTPException: _not_served,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
        lifespan=lifespan,
    )
    return Applications(all_routes, Observed(full, service.measures))


def openapi(model: protocol.Model, limits: Limits) -> dict[str, Any]:
    """openapi.json, with what depends on the model and the limits filled in."""
    document: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
    parameters, schemas = document["components"]["parameters"], document["components"]["schemas"]
    parameters["model"]["example"] = model.name
    parameters["top"]["schema"]["maximum"] = len(model.contract.class_names)
    schemas["Shape"]["prefixItems"] = [
        {"type": "integer", "minimum": 1, "maximum": limits.batch},
        *({"const": side} for side in model.contract.image_shape),
    ]
    return document


def _pictures(folder: Path) -> Iterator[Path]:
    """The pictures that can be read and whose names are valid Unicode."""
    for path in folder.iterdir():
        is_named = os.fsencode(path.name).decode(errors="ignore") == path.name
        if not is_named or is_left_behind(path.name) or not os.path.isfile(path):  # noqa: PTH113
            continue
        with suppress(InputError):
            read_header(path, path.name)
            yield path


def _titles(file: Path) -> dict[str, str]:
    """What pictures show, by name, as far as a file says it; a device may have none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: title for name, title in pairs if isinstance(title, str)}


def _whole(request: Request, name: str, lowest: int, highest: int, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    whole = text.isdecimal() and text.isascii() and len(text) <= protocol.MOST_DIGITS
    if not whole or not lowest <= int(text) <= highest:
        raise RefusalError(400, f"{name}: must be {lowest} to {highest}")
    return int(text)


def _data_url(pixels: npt.NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    return JSONResponse({"error": error.message}, error.status, error.headers)


async def _not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = f"{request.method} {request.url.path}: {HTTPStatus(error.status_code).phrase.lower()}"
    return JSONResponse({"error": text}, error.status_code, error.headers)


async def _gone(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "the client has gone"}, 499)


async def _failed(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "the server failed; its log says how"}, 500)
