import json
from collections.abc import Callable

import pytest

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
    assert set(figures) == {"threads", "bare", "classifier", "ratio"}


def test_it_prints_for_people(app: Callable[..., Ended]) -> None:
    lines = app("bench", "--model", MODEL, "--seconds", 0.1).out.splitlines()
    assert [line.split()[0] for line in lines] == ["bare", "classifier", "classifier"]


def test_seconds_that_are_not_allowed(app: Callable[..., Ended]) -> None:
    status, _, err = app("bench", "--model", MODEL, "--seconds", 0)
    assert status == 2
    assert err == "bench: --seconds: 0 is not allowed; give 0.1 to 3600\n"
