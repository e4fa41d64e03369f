"""The work on a request that holds images: now if it is quick, otherwise in a thread."""

import asyncio
import base64
import io
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from app.server import inference_protocol as protocol
from app.server.http import Request, Response
from app.server.limits import LARGEST_RATIO, Gate, decompressed, is_packed
from app.server.refusal import RefusalError, busy
from app.server.upload import picture_in
from spotimes.errors import InputError, TooManyPixelsError
from spotimes.explanation.explainer import Explainer
from spotimes.inference.classifier import Classifier, top_k
from spotimes.pixels import Images
from spotimes.preprocessing.decode import decode_image
from spotimes.preprocessing.resize import resize_image

# What is done at once, as a thread takes longer than that to begin. A picture of so many pixels
# takes a millisecond.
QUICK_BYTES = 1 << 16
QUICK_PIXELS = 1 << 16
QUICK_SECONDS = 0.005
TRIALS = 5
WORK_PHASES = ("queue", "compute_input", "compute_infer", "compute_output")
DIGITS = 5  # of an explanation's numbers, behind the point


class Bounds(NamedTuple):
    """How much may be worked on.

    Attributes:
        pixels: of each picture.
        images: in a request.
        waits: whether to wait while the network is in use.
    """

    pixels: int
    images: int
    waits: bool


class SlowError(Exception):
    """The work takes longer than its bounds allow."""


class Seen(NamedTuple):
    """An uploaded picture: its own size, and its pixels as the network takes them."""

    width: int
    height: int
    pixels: npt.NDArray[np.uint8]


Work = Callable[[bytes, Bounds], Response]


class Classification:
    """Answers requests by one classifier, whose network runs once at a time.

    While it runs for long, in the thread, what else comes waits its turn there. What is quick does
    not wait for pictures that are large, whose decoding leaves the network free.
    """

    def __init__(self, classifier: Classifier, model: protocol.Model, gate: Gate) -> None:
        self._classifier = classifier
        self._model = model
        self._gate = gate
        self._metrics = gate.metrics
        self._network = threading.Lock()
        self._explainer: Explainer | None = None
        self._thread = ThreadPoolExecutor(1, "classifier")
        limits = gate.limits
        self._all = Bounds(limits.pixels, limits.batch, waits=True)
        images = min(limits.batch, int(QUICK_SECONDS / seconds_of(classifier)))
        self._quick = Bounds(min(limits.pixels, QUICK_PIXELS), images, waits=False)

    def close(self) -> None:
        """Ends the thread once it is done with what it works on."""
        self._thread.shutdown(cancel_futures=True)

    def predict(
        self, request: Request, top: int, *, seen: bool, explain: bool
    ) -> Response | Awaitable[Response]:
        """Classifies an uploaded picture.

        Args:
            request: its body is the upload.
            top: how many classes to name.
            seen: whether to return the picture as the network sees it.
            explain: whether to return what speaks for each of these classes, and where.
        """
        kind = request.header(b"content-type") or ""
        limit = self._classifier.contract.unknown_below

        def predicted(body: bytes, bounds: Bounds) -> Response:
            if explain and not bounds.waits:
                raise SlowError
            image = self._read(picture_in(body, kind), bounds)
            began = time.perf_counter()
            (row,) = self._probabilities(image.pixels[np.newaxis], bounds)
            milliseconds = 1000 * (time.perf_counter() - began)
            names = self._classifier.contract.class_names
            indices, shares = top_k(row[np.newaxis], top)[0].tolist(), row.tolist()
            answer: dict[str, Any] = {
                "predictions": [
                    {"label": names[index], "probability": shares[index]} for index in indices
                ],
                "unknown": None if limit is None else bool(self._classifier.unknown(row)),
                "milliseconds": milliseconds,
                "width": image.width,
                "height": image.height,
            }
            if seen:
                answer["seen"] = _data_url(image.pixels)
            if explain:
                answer["explanation"] = self._explained(image.pixels, indices)
            return Response(200, msgspec.json.encode(answer))

        return self._worked(request, predicted)

    def infer(self, request: Request) -> Response | Awaitable[Response]:
        """Answers by the inference protocol."""
        length = request.header(protocol.HEADER_LENGTH.lower().encode())

        came = time.perf_counter()

        def inferred(body: bytes, bounds: Bounds) -> Response:
            times = [came, time.perf_counter()]
            try:
                asked = protocol.parse(body, length, self._model.contract, self._all.images)
                images = self._images(asked.images, bounds)
                times.append(time.perf_counter())
                probabilities = self._probabilities(images, bounds)
                times.append(time.perf_counter())
                answer = protocol.render(asked, probabilities, self._model)
                times.append(time.perf_counter())
            except RefusalError:
                self._metrics.add_phases({"fail": time.perf_counter() - came})
                raise
            taken = (after - before for before, after in pairwise(times))
            phases = dict(zip(WORK_PHASES, taken, strict=True))
            self._metrics.add_phases({"success": times[-1] - came, **phases})
            if answer.header_length is None:
                return Response(200, answer.body)
            headers = {protocol.HEADER_LENGTH: str(answer.header_length)}
            return Response(200, answer.body, "application/octet-stream", headers)

        return self._worked(request, inferred)

    def _images(self, sent: Images | list[bytes], bounds: Bounds) -> Images:
        """The images of a batch, whose pictures are read; more than one are not quick."""
        if len(sent) > (bounds.images if bounds.waits or not isinstance(sent, list) else 1):
            raise SlowError
        if not isinstance(sent, list):
            return sent
        return np.stack([self._read(picture, bounds).pixels for picture in sent])

    def _worked(self, request: Request, work: Work) -> Response | Awaitable[Response]:
        packed = is_packed(request.header(b"content-encoding"))
        if not packed and len(request.body) <= QUICK_BYTES and self._quick.images:
            try:
                return work(request.body, self._quick)
            except SlowError:
                pass
        return self._worked_in_thread(request, work, packed=packed)

    async def _worked_in_thread(self, request: Request, work: Work, *, packed: bool) -> Response:
        most = self._gate.limits.body_bytes
        if packed:  # what it may grow to is held, as the thread cannot ask for more
            self._gate.hold(request, min(most, LARGEST_RATIO * len(request.body)))

        def worked() -> Response:
            if request.is_abandoned:
                raise busy("its turn did not come in time")
            body = decompressed(request.body, most) if packed else request.body
            return work(body, self._all)

        return await asyncio.get_running_loop().run_in_executor(self._thread, worked)

    def _read(self, picture: bytes, bounds: Bounds) -> Seen:
        contract = self._classifier.contract
        try:
            found = decode_image(
                io.BytesIO(picture), "the picture", bounds.pixels, chosen_range=contract.range
            )
            return Seen(*found.size, resize_image(found, contract))
        except TooManyPixelsError as error:
            if bounds.pixels < self._all.pixels:
                raise SlowError from error
            raise RefusalError(413, str(error)) from error
        except InputError as error:
            raise RefusalError(400, str(error)) from error
        except MemoryError as error:
            raise busy("the picture needs more memory than there is; send a smaller one") from error

    def _probabilities(self, images: Images, bounds: Bounds) -> npt.NDArray[np.float32]:
        if not self._network.acquire(blocking=bounds.waits):
            raise SlowError
        try:
            began = time.perf_counter()
            probabilities = self._classifier.probabilities(images)
        finally:
            self._network.release()
        self._metrics.add_inference(len(images), time.perf_counter() - began)
        return probabilities

    def _explained(self, pixels: npt.NDArray[np.uint8], indices: list[int]) -> dict[str, Any]:
        """What `spotimes.explanation` says of some classes, as a JSON object."""
        with self._network:
            began = time.perf_counter()
            if self._explainer is None:  # few are ever asked for an explanation
                try:
                    self._explainer = Explainer(self._classifier)
                except InputError as error:
                    raise RefusalError(500, str(error)) from error
            found = self._explainer.explain(pixels)
            milliseconds = 1000 * (time.perf_counter() - began)
        parts: dict[str, npt.NDArray[np.float32]] = {}
        if found.logits is not None and found.remainders is not None:
            parts = {"logit": found.logits.values, "bias": found.logits.bias}
            parts |= {"remainder": found.remainders}
        return {
            "method": found.method,
            "milliseconds": milliseconds,
            "classes": [
                {
                    "label": self._classifier.contract.class_names[index],
                    **{name: round(float(values[index]), DIGITS) for name, values in parts.items()},
                    "map": np.round(found.maps[index].astype(np.float64), DIGITS).tolist(),
                }
                for index in indices
            ],
        }


def seconds_of(classifier: Classifier) -> float:
    """How long the network takes for an image: the fastest of a few trials."""
    image = np.zeros(classifier.image_shape, np.uint8)
    taken = []
    for _ in range(TRIALS):
        began = time.perf_counter()
        classifier.probabilities(image)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _data_url(pixels: npt.NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
