"""The network: a depthwise-separable CNN whose architecture is data (`network` in params.yaml).

    image/255 -> block -> ... -> block -> global average pooling -> dense -> softmax

    conv        convolution                                   - batch norm - ReLU
    separable   depthwise - batch norm - ReLU - 1x1 convolution - batch norm - ReLU

Blocks that halve large images come first, as many as `network.largest_side` asks for.

Separable convolutions after Howard et al., MobileNets, 2017 (arXiv:1704.04861).
"""

from spotimes.errors import InputError
from spotimes.nn.frameworks import keras
from spotimes.params.network import Block, Network

Norm = type[keras.layers.BatchNormalization] | None
NORM = "_norm"  # a convolution's batch norm is named after it, with this behind


def build(
    network: Network,
    image_shape: tuple[int, int, int],
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
        InputError: the strides shrink the image below one pixel.
    """
    _check_downsampling(network, image_shape)
    image = x = keras.Input(image_shape, name="image")
    blocks = network.blocks_for(*image_shape[:2])
    for number, block in enumerate(blocks, start=1):
        x = _block(x, block, f"block{number}", norm)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    logits = keras.layers.Dense(classes, name="logits")(x)
    return keras.Model(image, keras.layers.Softmax(name="probabilities")(logits), name="spotimes")


def _block(x: keras.KerasTensor, block: Block, name: str, norm: Norm) -> keras.KerasTensor:
    if block.kind == "conv":
        conv = keras.layers.Conv2D(
            block.channels,
            block.kernel,
            block.stride,
            padding="same",
            use_bias=norm is None,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )
        return _activated(x, conv, norm)
    depthwise = keras.layers.DepthwiseConv2D(
        block.kernel,
        block.stride,
        padding="same",
        use_bias=norm is None,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise",
    )
    pointwise = keras.layers.Conv2D(
        block.channels,
        1,
        use_bias=norm is None,
        kernel_initializer="he_normal",
        name=f"{name}_pointwise",
    )
    return _activated(_activated(x, depthwise, norm), pointwise, norm)


def _activated(x: keras.KerasTensor, convolution: keras.Layer, norm: Norm) -> keras.KerasTensor:
    x = convolution(x)
    if norm is not None:
        # At the default momentum, 0.99, the statistics lag behind the falling learning rate.
        x = norm(momentum=0.95, name=convolution.name + NORM)(x)
    return keras.layers.ReLU(name=f"{convolution.name}_relu")(x)


def _check_downsampling(network: Network, image_shape: tuple[int, int, int]) -> None:
    height, width = image_shape[:2]
    halvings = network.halvings(height, width)
    side = min(height, width)
    for number, block in enumerate(network.blocks_for(height, width)):
        if side == 1 and block.stride > 1:
            raise InputError(
                f"params.yaml: network.blocks[{number - halvings}].stride: {block.stride} is not "
                f"allowed: {height}x{width} images are down to one pixel there; use 1"
            )
        side = -(-side // block.stride)
