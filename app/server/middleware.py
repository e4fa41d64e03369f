"""What happens to every request: it is counted and timed, and its answer gets headers."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.server.limits import Gate

NAME = "spotimes"  # the server's; its metrics' names begin with it
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]


class Measures:
    """What /metrics reports."""

    def __init__(self, gate: Gate) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            f"{NAME}_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            f"{NAME}_request_seconds",
            "From a request's first byte to its answer's last.",
            ["route"],
            registry=self.registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
        )
        self.images = Counter(f"{NAME}_images", "Images classified.", registry=self.registry)
        self.inference = Histogram(
            f"{NAME}_inference_seconds",
            "The network's time for the images of a request.",
            registry=self.registry,
            buckets=(5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 1),
        )
        for name, text, value in (
            ("requests_in", "Requests being read or answered.", lambda: gate.requests),
            ("buffered_bytes", "Bytes of their bodies.", lambda: gate.buffered),
        ):
            Gauge(f"{NAME}_{name}", text, registry=self.registry).set_function(value)


class Observed:
    """Middleware that counts and times requests by route, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self.app = app
        self.measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            # The endpoint's name, since the paths that clients ask for are without bound.
            endpoint = scope.get("endpoint")
            route = getattr(endpoint, "__name__", "none")
            self.measures.requests.labels(route, status).inc()
            self.measures.seconds.labels(route).observe(time.perf_counter() - began)
