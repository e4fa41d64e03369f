"""The optimizer: SGD with Nesterov momentum, Muon beside it for some kernels, or AdamW."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from spotimes.nn.frameworks import keras, tf
from spotimes.params.train import Muon, Optimizer

# Of the quintic polynomial whose iteration brings a matrix's singular values near 1 (from the
# largest on): Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Share(NamedTuple):
    """How much of the learning rate a variable gets.

    Attributes:
        of_rate: 1 for all of it.
        from_step: before this step it gets nothing.
    """

    of_rate: float = 1.0
    from_step: int = 0


def make(
    params: Optimizer, steps: int, shares: Sequence[Share] | None = None
) -> keras.optimizers.Optimizer:
    """Makes the optimizer under its one-cycle rate.

        model.compile(optimizer.make(recipe.optimizer, steps=220 * 382), loss)

    Args:
        params: the rate, and what else the steps depend on.
        steps: how many batches the whole run has.
        shares: of the rate, and so of the weight decay, one for each trainable variable; None gives
            all of it to each.
    """
    warmup = round(params.warmup * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        params.peak_learning_rate / 20 if warmup else params.peak_learning_rate,
        decay_steps=max(steps - warmup, 1),
        warmup_target=params.peak_learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    settings: dict[str, Any] = {"learning_rate": rate}
    kind = keras.optimizers.SGD
    if params.kind == "adamw":
        kind = keras.optimizers.Adam  # Keras' AdamW, but that its decay may be None
        settings |= {"beta_1": params.momentum}
    else:
        settings |= {"momentum": params.momentum, "nesterov": params.momentum > 0}
    if params.muon is not None:
        kind = _WithMuon
        share = params.muon.peak_learning_rate / params.peak_learning_rate
        settings |= {"muon": params.muon, "share": share}
    if shares is not None:
        kind = type("WithShares", (_WithShares, kind), {})
        settings |= {"shares": shares, "decay": params.weight_decay}
        return kind(**settings, weight_decay=None)
    made = kind(**settings, weight_decay=params.weight_decay or None)
    # Small networks underfit: what scales or shifts a whole channel is left free.
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made


class _WithShares:
    """An optimizer in which each variable has its share of the rate, and of the weight decay.

    Keras' own decay knows no shares.
    """

    def __init__(self, *, shares: Sequence[Share], decay: float, **settings: Any) -> None:
        super().__init__(**settings)
        self._shares = shares
        self._decay = decay

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Changes one variable."""
        share = self._shares[self._get_variable_index(variable)]  # type: ignore[attr-defined]
        begun = self.iterations >= share.from_step  # type: ignore[attr-defined]
        rate = learning_rate * share.of_rate * tf.cast(begun, tf.float32)
        if self._decay and len(variable.shape) > 1:  # a kernel
            variable.assign(variable * (1 - self._decay * rate))
        super().update_step(gradient, variable, rate)  # type: ignore[misc]


class _WithMuon(keras.optimizers.SGD):  # type: ignore[misc]
    """SGD, but for the kernels of dense and pointwise convolutions behind the first layer.

    Such a kernel is a matrix of (inputs, outputs). It goes along the orthogonal matrix that is
    nearest to its Nesterov momentum, so a step turns it in all directions alike. As the batch norm
    behind it undoes its scale, it is held at the norm of an orthogonal matrix of its shape: the
    rate alone then says by what share a step changes it.
    """

    def __init__(self, *, muon: Muon, share: float, **settings: Any) -> None:
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
