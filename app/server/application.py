"""The routes: the inference protocol, a plain upload, metrics, and a page to try the model."""

import json
import mimetypes
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec

from app import info
from app.server import inference_protocol as protocol
from app.server.classification import Classification
from app.server.http import Request, Response, Route
from app.server.limits import Gate, Limits
from app.server.metrics import NAME, Metrics
from app.server.refusal import RefusalError
from app.server.workers import Place
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.preprocessing.decode import read_header
from spotimes.preprocessing.picture_files import TITLES, is_left_behind

VERSION = "1"  # of the one model that is served
PAGE = Path(__file__).parent / "page"
OPENAPI = Path(__file__).parent / "openapi.json"
FILES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
HTML = "text/html; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
OF_MODEL, OF_VERSION = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
MODEL_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?(?:/\w+)?")
Handler = Callable[[Request], Response | Awaitable[Response]]


class Served(NamedTuple):
    """A route and where it is.

    Attributes:
        template: its path, as openapi.json names it.
        method: GET or POST.
        route: it.
    """

    template: str
    method: str
    route: Route


class Application:
    """The routes of one classifier.

    Attributes:
        gate: what is admitted.
        metrics: what is counted.
        served: the routes.
    """

    def __init__(
        self,
        classifier: Classifier,
        limits: Limits,
        samples: Path | None = None,
        place: Place | None = None,
    ) -> None:
        """Prepares to answer.

        Args:
            classifier: answers all requests.
            limits: the most that is admitted.
            samples: a folder of pictures that the page offers to try.
            place: of this worker among others; None if it is the only one.
        """
        self._classes = classifier.classes
        self._model = protocol.Model(classifier.path.stem, VERSION, classifier.contract)
        self._samples = {path.name: path for path in sorted(_pictures(samples) if samples else [])}
        titles = _titles(samples / TITLES) if samples else {}
        self._titles = {name: titles.get(name, path.stem) for name, path in self._samples.items()}
        self._limits = limits
        self._about = info.about(classifier) | {"name": self._model.name}
        self._openapi = openapi(self._model, limits)
        self.served = [*self._routes()]
        names = dict.fromkeys(each.route.name for each in self.served)
        self.metrics = Metrics(names, place.memory, place.number) if place else Metrics(names)
        self.gate = Gate(limits, self.metrics)
        self._classification = Classification(classifier, self._model, self.gate)
        self._by_path: dict[str, dict[str, Route]] = {}
        for template, method, route in self.served:
            for path in self._paths(template):
                self._by_path.setdefault(path, {})[method] = route

    def find_route(self, request: Request) -> Route:
        """What handles a request.

        Raises:
            RefusalError: nothing does.
        """
        methods = self._by_path.get(request.path)
        if methods is None:
            self._check_model(request.path)
            raise not_served(request, HTTPStatus.NOT_FOUND)
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            allowed = ", ".join(["HEAD", *methods] if "GET" in methods else methods)
            raise not_served(request, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": allowed})
        return route

    def close(self) -> None:
        """Ends the work in progress."""
        self._classification.close()

    def _routes(self) -> Iterator[Served]:
        about_server = {"name": NAME, "version": VERSION, "extensions": protocol.EXTENSIONS}
        is_ready = {"name": self._model.name, "ready": True}
        handlers: dict[str, tuple[str, Handler]] = {
            "/": ("page", lambda _: _file(PAGE / "index.html", HTML)),
            "/page/{name}": ("file", self._page_file),
            "/samples": (
                "sample_list",
                _always({"samples": [*self._samples], "titles": self._titles}),
            ),
            "/samples/{name}": ("sample", self._sample),
            "/model": ("model_facts", _always(self._about)),
            "/metrics": (
                "metrics",
                lambda _: Response(200, self.metrics.report().encode(), METRICS),
            ),
            "/openapi.json": ("openapi", _always(self._openapi)),
            "/v2": ("server_metadata", _always(about_server)),
            "/v2/health/live": ("live", _always({"live": True})),
            "/v2/health/ready": ("ready", _always({"ready": True})),
            OF_MODEL: ("model_metadata", _always(protocol.metadata(self._model))),
            f"{OF_MODEL}/ready": ("model_ready", _always(is_ready)),
            f"{OF_MODEL}/config": (
                "model_config",
                _always(protocol.config(self._model, self._limits.batch)),
            ),
            f"{OF_MODEL}/stats": ("model_statistics", self._statistics),
            "/v2/models/stats": ("model_statistics", self._statistics),
        }
        for template, (name, handle) in handlers.items():
            yield from _served(template, "GET", Route(name, handle))
        models = Route("repository_index", _always(protocol.repository_index(self._model)))
        yield from _served("/v2/repository/index", "POST", models)
        yield from _served("/predict", "POST", Route("predict", self._predict, takes_body=True))
        infer = Route("infer", self._infer, takes_body=True)
        yield from _served(f"{OF_MODEL}/infer", "POST", infer)

    def _paths(self, template: str) -> list[str]:
        """The paths that a template stands for."""
        named = {"/page/{name}": [*FILES], "/samples/{name}": [*self._samples]}
        known = template.replace("{model}", self._model.name).replace("{version}", VERSION)
        return [known.replace("{name}", name) for name in named.get(template, [""])]

    def _check_model(self, path: str) -> None:
        """Says if what is asked for is of another model or version."""
        found = MODEL_PATH.fullmatch(path)
        if found is None:
            return
        known, name, version = self._model.name, found[1], found[2] or VERSION
        if name != known:
            raise RefusalError(404, f"there is no model {name}; there is {known}")
        if version != VERSION:
            raise RefusalError(404, f"there is no version {version} of {name}; there is {VERSION}")

    def _predict(self, request: Request) -> Response | Awaitable[Response]:
        query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
        top = _whole(query, "top", 1, self._classes, self._classes)
        seen, explain = (bool(_whole(query, name, 0, 1, 0)) for name in ("seen", "explain"))
        return self._classification.predict(request, top, seen=seen, explain=explain)

    def _infer(self, request: Request) -> Response | Awaitable[Response]:
        return self._classification.infer(request)

    def _statistics(self, _: Request) -> Response:
        model = {"name": self._model.name, "version": VERSION}
        document = {"model_stats": [model | self.metrics.statistics()]}
        return Response(200, msgspec.json.encode(document))

    def _page_file(self, request: Request) -> Response:
        name = request.path.rpartition("/")[2]
        return _file(PAGE / name, FILES[name])

    def _sample(self, request: Request) -> Response:
        path = self._samples[request.path.rpartition("/")[2]]
        try:
            return _file(path, mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        except OSError as error:  # it could be read at the start
            raise not_served(request, HTTPStatus.NOT_FOUND) from error


def _served(template: str, method: str, route: Route) -> Iterator[Served]:
    """A route at its path, and a model's also with the version."""
    yield Served(template, method, route)
    if template.startswith(OF_MODEL):
        yield Served(template.replace(OF_MODEL, OF_VERSION), method, route)


def _always(document: object) -> Handler:
    response = Response(200, msgspec.json.encode(document))
    return lambda _: response


def _file(path: Path, kind: str) -> Response:
    return Response(200, path.read_bytes(), kind)


def not_served(
    request: Request, status: HTTPStatus, headers: Mapping[str, str] | None = None
) -> RefusalError:
    """The refusal of a request that has no route."""
    text = f"{request.method} {request.path}: {status.phrase.lower()}"
    return RefusalError(status, text, headers)


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


def _whole(
    query: Mapping[str, list[str]], name: str, lowest: int, highest: int, default: int
) -> int:
    if name not in query:
        return default
    text = query[name][-1]
    whole = text.isdecimal() and text.isascii() and len(text) <= protocol.MOST_DIGITS
    if not whole or not lowest <= int(text) <= highest:
        raise RefusalError(400, f"{name}: must be {lowest} to {highest}")
    return int(text)
