"""The optimizer: SGD with Nesterov momentum, and Muon for dense and pointwise convolutions."""

import math
from typing import Any

from spotimes.nn.frameworks import keras, tf
from spotimes.params.train import Muon, Optimizer

# Of the quintic polynomial whose iteration brings a matrix's singular values near 1 (from the
# largest on): Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def make(params: Optimizer, steps: int) -> keras.optimizers.Optimizer:
    """Makes the optimizer under its one-cycle rate.

        model.compile(optimizer.make(recipe.optimizer, steps=220 * 382), loss)

    Args:
        params: the rate, and what else the steps depend on.
        steps: how many batches the whole run has.
    """
    warmup = round(params.warmup * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        params.peak_learning_rate / 20 if warmup else params.peak_learning_rate,
        decay_steps=max(steps - warmup, 1),
        warmup_target=params.peak_learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    settings: dict[str, Any] = {
        "learning_rate": rate,
        "momentum": params.momentum,
        "nesterov": params.momentum > 0,
        "weight_decay": params.weight_decay or None,
    }
    if params.muon is None:
        made = keras.optimizers.SGD(**settings)
    else:
        share = params.muon.peak_learning_rate / params.peak_learning_rate
        made = _WithMuon(params.muon, share, **settings)
    # Small networks underfit: what scales or shifts a whole channel is left free.
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made


class _WithMuon(keras.optimizers.SGD):  # type: ignore[misc]
    """SGD, but for the kernels of dense and pointwise convolutions behind the first layer.

    Such a kernel is a matrix of (inputs, outputs). It goes along the orthogonal matrix that is
    nearest to its Nesterov momentum, so a step turns it in all directions alike. As the batch norm
    behind it undoes its scale, it is held at the norm of an orthogonal matrix of its shape: the
    rate alone then says by what share a step changes it.
    """

    def __init__(self, muon: Muon, share: float, **settings: Any) -> None:
        super().__init__(**settings)
        self._muon = muon
        self._share = share  # of SGD's rate

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Changes one variable."""
        index = self._get_variable_index(variable)
        if index == 0 or len(variable.shape) != 4 or variable.shape[-1] == 1:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self.momentums[index]
        momentum.assign(self._muon.momentum * momentum + gradient)
        direction = gradient + self._muon.momentum * momentum
        inputs, outputs = math.prod(variable.shape[:-1]), variable.shape[-1]
        kernel = tf.reshape(variable, (inputs, outputs))
        kernel *= min(inputs, outputs) ** 0.5 / tf.norm(kernel)
        kernel -= self._share * learning_rate * orthogonal(tf.reshape(direction, (inputs, outputs)))
        variable.assign(tf.reshape(kernel, variable.shape))


def orthogonal(matrix: tf.Tensor) -> tf.Tensor:
    """Returns roughly the nearest orthogonal matrix: its singular values are 0.7 to 1.2.

    Args:
        matrix: float32, shape (rows, columns).
    """
    a, b, c = _COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else tf.transpose(matrix)
    wide /= tf.norm(wide) + 1e-7
    for _ in range(_ITERATIONS):
        square = tf.matmul(wide, wide, transpose_b=True)
        wide = a * wide + tf.matmul(b * square + c * tf.matmul(square, square), wide)
    return wide if matrix.shape[0] <= matrix.shape[1] else tf.transpose(wide)
