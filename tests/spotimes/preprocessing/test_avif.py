import io
from pathlib import Path

import pytest
from PIL.AvifImagePlugin import AvifImageFile

from spotimes.preprocessing.avif import AvifFile
from tests.pictures import drawn, encoded

STATUS = Path("/proc/self/status")


def threads() -> int:
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("Threads:"))
    return int(line.split()[1])


@pytest.mark.skipif(not STATUS.exists(), reason="threads are counted as Linux tells them")
def test_it_is_decoded_in_the_callers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(drawn(512, 512), "AVIF", speed=10, tile_rows=1, tile_cols=1)
    before = threads()
    ours = AvifFile(io.BytesIO(content))
    ours.load()
    assert threads() == before
    monkeypatch.setattr("PIL.AvifImagePlugin.DEFAULT_MAX_THREADS", 4)
    pillows = AvifImageFile(io.BytesIO(content))
    pillows.load()
    assert threads() > before
    assert ours.tobytes() == pillows.tobytes()
