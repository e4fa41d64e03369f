"""Which inputs of a linear layer can go, and what the others' weights are to be then.

Inputs that vary alike can stand for each other. So the inputs go one by one, and each time the
others' weights become those of least squares: the one goes without which the outputs change least.
Where P is the inverse of the inputs' covariance and w_c the weights of input c, the outputs'
variance changes by |w_c|^2 / P_cc. Source: Hassibi and Stork, Second order derivatives for network
pruning: optimal brain surgeon, 1992, equations 5 and 6, which remove one weight.

All is done element by element, which gives the same bits with any number of threads.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RIDGE = 1e-3  # of the inputs' mean variance, added to each: what is learned of few images is rough

Float64 = npt.NDArray[np.float64]


class Elimination(NamedTuple):
    """What came of it.

    Attributes:
        stay: int64, shape (inputs that stay,): their indices, in order.
        weights: float64, shape (inputs that stay, outputs).
        losses: float64, shape (inputs that went,): by how much the variance of all outputs together
            changed with each, in the order in which they went. Those of all inputs add up to it.
    """

    stay: npt.NDArray[np.int64]
    weights: Float64
    losses: Float64


def eliminate(covariance: Float64, weights: Float64, scale: Float64, inputs: int) -> Elimination:
    """Removes inputs until so many are left.

    Args:
        covariance: of the inputs, float64, shape (inputs, inputs).
        weights: float64, shape (inputs, outputs).
        scale: what the outputs are multiplied by, float64, shape (outputs,).
        inputs: how many stay.
    """
    weights = weights.copy()
    variance = np.mean(np.diagonal(covariance))
    inverse = inverted(covariance + np.diag(np.full(len(covariance), RIDGE * variance + 1e-12)))
    here, losses = np.ones(len(weights), bool), []
    for _ in range(len(weights) - inputs):
        changes = np.sum((weights * scale) ** 2, axis=1) / np.diagonal(inverse)
        gone = int(np.argmin(np.where(here, changes, np.inf)))
        share = inverse[:, gone] / inverse[gone, gone]
        weights -= np.outer(share, weights[gone])
        inverse -= np.outer(share, inverse[gone])
        here[gone], weights[gone], inverse[gone], inverse[:, gone] = False, 0, 0, 0
        inverse[gone, gone] = 1  # not to divide by zero; it cannot go twice
        losses.append(changes[gone])
    stay = np.flatnonzero(here)
    return Elimination(stay, weights[stay], np.array(losses))


def inverted(matrix: Float64) -> Float64:
    """Inverts a symmetric, positive definite matrix, by Gauss and Jordan."""
    found = matrix.copy()
    for row in range(len(found)):
        pivot = found[row, row]
        column = found[:, row].copy()
        column[row] = 0
        found[row] /= pivot
        found[row, row] = 1 / pivot
        found[:, row] = np.where(np.arange(len(found)) == row, found[:, row], 0)
        found -= np.outer(column, found[row])
    return found
