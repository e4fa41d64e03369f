"""The network: a convolutional network whose architecture is data (`network` in params.yaml).

    image/255 -> block -> ... -> block -> global average pooling -> dense -> softmax

Each convolution of a block (`spotimes.blocks` has the kinds) has batch norm and its activation
behind it.
"""

from spotimes.blocks import LINEAR, Architecture, Layer, Shape, layers_by_block
from spotimes.nn.frameworks import keras
from spotimes.pixels import PLAIN, Normalization

Norm = type[keras.layers.BatchNormalization] | None
NORM = "_norm"  # a convolution's batch norm is named after it, with this behind
_NAME = "spotimes"


def build(
    network: Architecture,
    image_shape: Shape,
    classes: int,
    *,
    norm: Norm = keras.layers.BatchNormalization,
) -> keras.Model:
    """Builds the network with fresh weights.

    Args:
        network: the blocks.
        image_shape: (height, width, channels) of an image.
        classes: how many there are.
        norm: the batch norm behind each convolution. With None, each convolution has a bias
            instead; the layers' names stay the same, so that `spotimes.quantization.fold` can carry
            the weights over.

    Returns:
        A model from float32 images in [0, 1], shape (batch, height, width, channels), to float32
        probabilities, shape (batch, classes). The layer `logits` is what comes before softmax.

    Raises:
        StrideTooLargeError: the strides shrink the image below one pixel.
    """
    image = x = keras.Input(image_shape, name="image")
    if network.scaled_to is not None:
        x = keras.ops.image.resize(x, network.scaled(*image_shape[:2]))  # bilinear
    for _, layers in layers_by_block(network, image_shape):
        x = _block(x, layers, norm)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    logits = keras.layers.Dense(classes, name="logits")(x)
    # Of what its input is made must be known wherever its file is.
    normalization = (
        "" if network.normalization == PLAIN else "_{}_{}".format(*network.normalization)
    )
    probabilities = keras.layers.Softmax(name="probabilities")(logits)
    return keras.Model(image, probabilities, name=_NAME + normalization)


def normalization_of(model: keras.Model) -> Normalization:
    """What the images are normalized by that a network takes which `build` has made."""
    numbers = model.name.removeprefix(_NAME).split("_")[1:]
    return Normalization(*map(int, numbers)) if numbers else PLAIN


def _block(x: keras.KerasTensor, layers: list[Layer], norm: Norm) -> keras.KerasTensor:
    block_input = x
    for layer in layers:
        if layer.operation == "add":
            x = keras.layers.Add(name=layer.name)([block_input, x])
        else:
            x = _convolved(x, layer, norm)
    return x


def _convolved(x: keras.KerasTensor, layer: Layer, norm: Norm) -> keras.KerasTensor:
    settings = {
        "kernel_size": layer.kernel,
        "strides": layer.stride,
        "padding": "same" if layer.kernel > 1 else "valid",  # of one pixel there is nothing to pad
        "use_bias": norm is None,
        "name": layer.name,
    }
    if layer.operation == "depthwise":
        x = keras.layers.DepthwiseConv2D(depthwise_initializer="he_normal", **settings)(x)
    else:
        channels = layer.output_shape[2]
        x = keras.layers.Conv2D(channels, kernel_initializer="he_normal", **settings)(x)
    if norm is not None:
        # At the default momentum, 0.99, the statistics lag behind the falling learning rate.
        x = norm(momentum=0.95, name=layer.name + NORM)(x)
    if layer.activation is LINEAR:
        return x
    name = f"{layer.name}_{layer.activation.title.lower()}"
    return keras.layers.ReLU(layer.activation.maximum, name=name)(x)
