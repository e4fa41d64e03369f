import json
from collections.abc import Callable

import pytest

from spotimes.system import cores
from tests.app.conftest import Ended
from tests.app.models import MODEL


@pytest.mark.parametrize("kind", ["int8", "fp32"])
def test_it_times_both_interleaved(app: Callable[..., Ended], kind: str) -> None:
    model = MODEL.with_name(f"model_{kind}.tflite")
    status, out, err = app("bench", "--model", model, "--seconds", 0.3, "--json")
    assert (status, err) == (0, "")
    figures = json.loads(out)
    for name in ("bare", "classifier"):
        assert figures[name]["calls"] > 10
        assert 0 < figures[name]["median_us"] <= figures[name]["p95_us"] <= figures[name]["p99_us"]
    assert set(figures) == {"threads", "cores_allowed", "bare", "classifier", "ratio"}


@pytest.mark.parametrize("forced", [False, True])
def test_more_threads_than_cores_are_reported_and_used_if_forced(
    app: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, forced: bool
) -> None:
    monkeypatch.setattr(cores, "allowed", lambda: 1)
    options = ["--force-threads"] if forced else []
    ended = app("bench", "--model", MODEL, "--threads", 2, "--seconds", 0.1, "--json", *options)
    figures = json.loads(ended.out)
    assert (ended.status, figures["threads"], figures["cores_allowed"]) == (0, 1 + forced, 1)
    assert ended.err == (
        ""
        if forced
        else "bench: --threads: 2 is more than the 1 core that this process may use; "
        "no more are used without --force-threads\n"
    )


def test_it_prints_for_people(app: Callable[..., Ended]) -> None:
    lines = app("bench", "--model", MODEL, "--seconds", 0.1).out.splitlines()
    assert [line.split()[0] for line in lines] == ["bare", "classifier", "classifier"]


def test_seconds_that_are_not_allowed(app: Callable[..., Ended]) -> None:
    status, _, err = app("bench", "--model", MODEL, "--seconds", 0)
    assert status == 2
    assert err == "bench: --seconds: 0 is not allowed; give 0.1 to 3600\n"
