"""Answers over HTTP: the Open Inference Protocol v2, picture uploads, and a page to try it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.server import workers
from app.server.listening import listen
from spotimes.errors import InputError

if TYPE_CHECKING:
    from app.server.limits import Limits
    from spotimes.inference.classifier import Classifier

SAMPLES = Path("data/samples")  # written by `prepare`; a device may have none


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `run` reads."""
    number = parser.add_argument
    number(
        "--host",
        default="127.0.0.1",
        help="address to listen at; :: for all, 0.0.0.0 for all of IPv4 (127.0.0.1)",
    )
    number("--port", type=int, default=8000, help="port to listen at; 0 for a free one (8000)")
    number(
        "--workers", type=int, default=1, help="processes, of which each has the limits below (1)"
    )
    number("--samples", type=Path, help=f"folder of pictures that the page offers ({SAMPLES})")
    number("--max-body-mib", type=float, default=10, help="of a request (10)")
    number("--max-buffered-mib", type=float, default=64, help="of all requests at once (64)")
    number("--max-connections", type=int, default=512, help="open at once (512)")
    number("--max-requests", type=int, default=128, help="read or answered at once (128)")
    number("--max-megapixels", type=float, default=25, help="of an uploaded picture (25)")
    number("--max-batch", type=int, default=64, help="images in a request (64)")
    number("--timeout", type=float, default=10, help="seconds for a request, and its answer (10)")


def run(arguments: argparse.Namespace) -> None:
    """Serves until SIGTERM or Ctrl-C, and then answers the requests in progress.

    Raises:
        InputError: the model cannot be used, an option is not allowed, or the address is not
            available.
    """
    _check(arguments)
    # Workers are forked before what they import, so only one that is alone can be ready before.
    ready = _loaded(arguments) if arguments.workers == 1 else None
    listening = listen(arguments.host, arguments.port, arguments.max_connections)

    def work(place: workers.Place) -> None:
        # Only now: importing these takes longer than an answer.
        from app.server.application import Application  # noqa: PLC0415
        from app.server.worker import work  # noqa: PLC0415

        samples = arguments.samples or (SAMPLES if _is_folder(SAMPLES) else None)
        classifier, limits = ready or _loaded(arguments)
        work(Application(classifier, limits, samples, place), listening.socket, place)

    with listening.socket:
        workers.run(arguments.workers, listening.socket, work, listening.url)


def _loaded(arguments: argparse.Namespace) -> "tuple[Classifier, Limits]":
    import app.server.worker  # noqa: F401, PLC0415  # if a package is missing, it is said first
    from spotimes.inference.classifier import Classifier  # noqa: PLC0415

    return Classifier(arguments.model, arguments.threads), chosen_limits(arguments)


def chosen_limits(arguments: argparse.Namespace) -> "Limits":
    """The limits that the options set.

    Raises:
        InputError: pictures are to have more pixels than are ever read.
    """
    from app.server.limits import Limits  # noqa: PLC0415
    from spotimes.preprocessing.opening import MAX_PIXELS  # noqa: PLC0415

    if arguments.max_megapixels > MAX_PIXELS / 1e6:
        raise InputError(
            f"--max-megapixels: {arguments.max_megapixels:g} is not allowed; give at most "
            f"{MAX_PIXELS / 1e6:g}"
        )
    return Limits(
        body_bytes=int(arguments.max_body_mib * 2**20),
        buffered_bytes=int(arguments.max_buffered_mib * 2**20),
        connections=arguments.max_connections,
        requests=arguments.max_requests,
        pixels=int(arguments.max_megapixels * 1e6),
        batch=arguments.max_batch,
        seconds=arguments.timeout,
    )


def _check(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.port <= 65535:
        raise InputError(f"--port: {arguments.port} is not allowed; give 0 to 65535")
    for name in ("body-mib", "buffered-mib", "connections", "requests", "megapixels", "batch"):
        value = getattr(arguments, f"max_{name.replace('-', '_')}")
        if not 0 < value < 1e6:
            raise InputError(f"--max-{name}: {value:g} is not allowed; give more than 0")
    if not arguments.host:
        raise InputError("--host: is empty; give an address, or :: for all of this machine's")
    if not 0 < arguments.timeout <= 3600:
        raise InputError(
            f"--timeout: {arguments.timeout:g} is not allowed; give more than 0, up to 3600"
        )
    if not 1 <= arguments.workers <= 256:
        raise InputError(f"--workers: {arguments.workers} is not allowed; give 1 to 256")
    if arguments.max_buffered_mib < 2 * arguments.max_body_mib:
        raise InputError(
            f"--max-buffered-mib: {arguments.max_buffered_mib:g} is not allowed; give at least "
            f"twice --max-body-mib, {2 * arguments.max_body_mib:g}, as a body may be held "
            "compressed and decompressed"
        )
    if arguments.samples is not None and not _is_folder(arguments.samples):
        raise InputError(
            f"--samples: {arguments.samples}: is no folder that can be read; name another"
        )


def _is_folder(path: Path) -> bool:
    try:
        next(path.iterdir(), None)
    except (OSError, ValueError):
        return False
    return True
