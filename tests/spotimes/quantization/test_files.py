from typing import Any

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import Card, Split
from spotimes.params.quantize import Quantize
from spotimes.quantization.files import quantize


def test_of_few_training_images_all_are_calibrated_on(
    network: Architecture, trained: Any, card: Card, cifar10: dict[str, Split]
) -> None:
    of_all, of_more = (
        quantize(
            trained,
            network,
            cifar10["train"],
            card,
            Quantize(calibration_images=images, temperature="fit", known_share=0.9, seed=1),
            validation=cifar10["validation"],
        )
        for images in (240, 10_000)
    )
    assert of_all == of_more
