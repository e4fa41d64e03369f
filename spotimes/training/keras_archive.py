"""Byte-stable .keras files."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from spotimes.nn.frameworks import keras
from spotimes.system import atomic

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip archive can hold


def save(model: keras.Model, path: Path) -> None:
    """Writes `model` so that equal weights and architecture give equal bytes.

    Keras stamps the archive with the time twice, `date_saved` in metadata.json and each member's
    date, and with an address in memory, `shared_object_id` in config.json, by which the layers of a
    fresh model (not of a loaded one) share their dtype policy. Here the dates are fixed and the
    addresses removed.

    Args:
        model: a built model, not compiled: an optimizer would be saved with it.
        path: the file, whose name ends in .keras.

    Raises:
        OSError: the disk is full, or the file cannot be written.
    """
    # The weights, of which there are two copies meanwhile, and the architecture.
    with atomic.scratch(8 * model.count_params() + (1 << 24)) as folder:
        as_saved = folder / "model.keras"  # Keras insists on the suffix
        model.save(as_saved)
        atomic.write_bytes(path, _stable(as_saved.read_bytes()))


def _stable(archive: bytes) -> bytes:
    stable = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as source,
        zipfile.ZipFile(stable, "w", zipfile.ZIP_STORED) as target,
    ):
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "metadata.json":
                content = _json({**json.loads(content), "date_saved": "1980-01-01@00:00:00"})
            elif name == "config.json":
                content = _json(_without_addresses(json.loads(content)))
            target.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return stable.getvalue()


def _without_addresses(config: Any) -> Any:
    if isinstance(config, list):
        return [_without_addresses(item) for item in config]
    if not isinstance(config, dict):
        return config
    return {
        key: _without_addresses(value) for key, value in config.items() if key != "shared_object_id"
    }


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()
