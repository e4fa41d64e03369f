"""Where the time of a training step goes: each part's milliseconds, and what they might be.

    python -m benchmarks.training_step

One batch of params.yaml's recipe goes through more and more of a step: forward, backward, the
optimizer; interleaved, so a part is what the next takes longer than the one before it. Beside them:

- a batch being made, which training does in the background, on the same cores;
- forward and backward without batch norm, which is what the convolutions need;
- what their multiplications would take at the rate of a large matrix product here: three times
  the network's multiply-accumulates, as backward needs two for each of forward.

Takes half a minute; prints a Markdown table.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.parts import check_rounds, medians
from spotimes import usage
from spotimes.blocks import Architecture
from spotimes.dataset.prepared import load_backbone, load_card, load_split
from spotimes.errors import InputError
from spotimes.nn import network as networks
from spotimes.nn.architecture import architecture
from spotimes.nn.frameworks import keras, tf
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.train import Train
from spotimes.search import architecture_cost
from spotimes.system import command
from spotimes.training import optimizer
from spotimes.training.batch_norm import FusedBatchNormalization
from spotimes.training.batches import FloatArray, TrainingBatches
from spotimes.training.determinism import make_deterministic

PARTS = ("forward", "backward", "optimizer")
BATCH, BARE, PRODUCT = "batch", "without batch norm", "product"
STEPS = 1000  # of the schedule; what a step takes does not depend on it
SIDE = 2048  # of the matrices
ROUND_MS = 200


def main() -> None:
    """Measures, and prints a Markdown table."""
    parser = usage.parser("benchmarks.training_step", __doc__, "python -m benchmarks.training_step")
    parser.add_argument("--rounds", type=int, default=20, help="how many (20)")
    rounds = parser.parse_args().rounds
    check_rounds(rounds)
    network = architecture(load_group("network", Network), load_backbone())
    recipe = load_group("train", Train)
    make_deterministic(recipe.seed, recipe.threads)
    split, classes = load_split("train"), len(load_card().class_names)
    if recipe.batch_size > len(split.labels):
        raise InputError(
            f"params.yaml: train.batch_size: {recipe.batch_size} is not allowed: there are only "
            f"{len(split.labels)} training images"
        )
    batches = TrainingBatches(split, classes, recipe, network.normalization)
    functions = {
        **steps(network, recipe, classes, *batches[0]),
        BATCH: lambda: batches[0],
        PRODUCT: product(),
    }
    for function in functions.values():
        function()  # traces it
    taken = medians(functions, ROUND_MS, rounds, "rounds")
    milliseconds = {name: times / 1e6 for name, times in taken.items()}
    parts = np.diff([milliseconds[part] for part in PARTS], axis=0, prepend=0)
    whole = float(np.median(milliseconds[PARTS[-1]]))
    height, width, channels = split.images.shape[1:]
    shape = (height, width, channels)
    macs = 3 * recipe.batch_size * architecture_cost.estimate(network, shape, classes).macs
    per_ms = SIDE**3 / float(np.median(milliseconds[PRODUCT]))
    rows = {
        **dict(zip(PARTS, np.median(parts, axis=1).tolist(), strict=True)),
        "a step": whole,
        "a batch, made beside it": float(np.median(milliseconds[BATCH])),
        "forward and backward without batch norm": float(np.median(milliseconds[BARE])),
        f"{macs / 1e6:,.0f} M MACs at {per_ms / 1e6:.0f} G a second": macs / per_ms,
    }
    print(f"| a batch of {recipe.batch_size}, {recipe.threads} threads | ms | of a step |")
    print("| --- | ---: | ---: |")
    for name, each in rows.items():
        print(f"| {name} | {each:.1f} | {each / whole:.0%} |")


def steps(
    network: Architecture, recipe: Train, classes: int, images: FloatArray, targets: FloatArray
) -> dict[str, Callable[[], float]]:
    """What goes through more and more of a step: `PARTS`, each with all before it, and `BARE`.

    Args:
        network: the architecture.
        recipe: its optimizer and label smoothing count.
        classes: how many there are.
        images: a batch, float32 in [0, 1], shape (batch, height, width, channels).
        targets: how much each class counts, float32, shape (batch, classes).

    Returns:
        Functions that give the loss. The optimizer's changes the weights of the one network that
        `PARTS` have in common.
    """
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.label_smoothing
    )
    height, width, channels = images.shape[1:]
    shape = (height, width, channels)
    batch, wanted = tf.constant(images), tf.constant(targets)

    def logits(norm: networks.Norm) -> keras.Model:
        whole = networks.build(network, shape, classes, norm=norm)
        return keras.Model(whole.input, whole.get_layer("logits").output)

    model, bare = logits(FusedBatchNormalization), logits(None)
    rule = optimizer.make(recipe.optimizer, STEPS)
    rule.build(model.trainable_variables)

    def gradients(of: keras.Model) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            value = loss(wanted, of(batch, training=True))
        return value, tape.gradient(value, of.trainable_variables)

    @tf.function  # type: ignore[untyped-decorator]
    def forward() -> tf.Tensor:
        return loss(wanted, model(batch, training=True))

    @tf.function  # type: ignore[untyped-decorator]
    def backward(of: keras.Model) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return gradients(of)  # given back, as TensorFlow omits what nobody reads

    @tf.function  # type: ignore[untyped-decorator]
    def step() -> tf.Tensor:
        value, found = gradients(model)
        rule.apply(found, model.trainable_variables)
        return value

    functions = (
        lambda: float(forward()),
        lambda: float(backward(model)[0]),
        lambda: float(step()),
        lambda: float(backward(bare)[0]),
    )
    return dict(zip((*PARTS, BARE), functions, strict=True))


def product() -> Callable[[], object]:
    """A product of two float32 matrices of `SIDE` x `SIDE`."""
    matrix = tf.random.stateless_uniform((SIDE, SIDE), (1, 1))
    return lambda: tf.matmul(matrix, matrix).numpy()


if __name__ == "__main__":
    command.run("training_step", main)
