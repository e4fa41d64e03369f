"""Whether a picture shows any of a model's classes: a score of its probabilities.

It is the mean of -log p over the classes: of equal probabilities the lowest, of a certain answer
the highest. Where the logits' mean is the same for every picture, it is, but for a constant, the
logarithm of the sum of their exponentials, the energy of Liu et al. 2020 (arXiv:2010.03759). In our
networks it is: the gradient of the cross-entropy sums to 0 over the classes, and weight decay takes
the rest. So what needs the logits elsewhere is had from the softmax's output alone
(`python -m benchmarks.unknown` compares the two, and other scores).

It is summed, in sixteenths of a bit, by a table of the 256 values that an INT8 output can have: on
every machine the same, microcontrollers included.
"""

import math

import numpy as np
import numpy.typing as npt

STEPS = 16  # of a bit
# For a probability of 0 to 255 of 256 its -log2; that of 0 counts as a half.
COSTS = np.array(
    [round(STEPS * (8 - math.log2(value or 0.5))) for value in range(256)], dtype=np.uint8
)


def scores(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """The higher, the more likely a picture shows one of the classes.

    Args:
        probabilities: shape (..., classes), of an INT8 network, or of one in FP32, which are
            rounded to those that an INT8 network can give.

    Returns:
        Shape (...): 0 to 144 times as much as there are classes.

    Example:
        >>> scores(np.array([[0.5, 0.5], [0.98, 0.02]], np.float32))
        array([32, 91])
    """
    values = np.clip(np.rint(probabilities * np.float32(256)), 0, 255).astype(np.uint8)
    total: npt.NDArray[np.int64] = COSTS[values].sum(axis=-1, dtype=np.int64)
    return total
