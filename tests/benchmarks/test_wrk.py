import http.server
import shutil
import threading
from collections.abc import Iterator

import pytest

from benchmarks import wrk
from benchmarks.serving import Sent
from spotimes.errors import InputError

SENT = Sent("/predict", b"\0\r\nbody", {"X-Name": "value"})
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="needs apt-get install wrk")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sound = (self.path, body, self.headers["X-Name"]) == (SENT.path, SENT.body, "value")
        self.send_response(200 if sound else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@needs_wrk
def test_sends_the_request_and_counts_what_is_refused(port: int) -> None:
    looked: list[int] = []
    load = wrk.load(SENT, port, 2, 1, meanwhile=lambda: looked.append(1))
    assert looked == [1]
    assert load.rate > 10
    assert (load.refused, load.failed) == (0, 0)
    assert 0 < load.p50 <= load.p99
    assert 0 < load.core < 1
    refused = wrk.load(Sent("/other", SENT.body, SENT.headers), port, 1, 1)
    assert refused.refused == pytest.approx(refused.rate, rel=0.3)


@needs_wrk
def test_reports_that_nobody_listens() -> None:
    with pytest.raises(InputError, match=r"wrk ended with status 1: .*onnect"):
        wrk.load(SENT, 1, 1, 1)


def test_reports_that_wrk_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="apt-get install wrk"):
        wrk.check_installed()
