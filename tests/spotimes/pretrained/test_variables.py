from spotimes.blocks import Architecture, Block, layers
from spotimes.pretrained.variables import variables

BLOCKS = [
    Block(kind="conv", channels=4, stride=2),
    Block(kind="inverted_residual", channels=4, expansion=1),
    Block(kind="inverted_residual", channels=6, expansion=2),
    Block(kind="conv", channels=8, kernel=1),
]


def test_the_names_are_those_that_converters_of_the_release_read() -> None:
    kernels = {
        "stem/conv2d/kernel": "stem/tpu_batch_normalization",
        "blocks_0/depthwise_conv2d/depthwise_kernel": "blocks_0/tpu_batch_normalization",
        "blocks_0/conv2d/kernel": "blocks_0/tpu_batch_normalization_1",
        "blocks_1/conv2d/kernel": "blocks_1/tpu_batch_normalization",
        "blocks_1/depthwise_conv2d/depthwise_kernel": "blocks_1/tpu_batch_normalization_1",
        "blocks_1/conv2d_1/kernel": "blocks_1/tpu_batch_normalization_2",
        "head/conv2d/kernel": "head/tpu_batch_normalization",
    }
    expected = []
    for kernel, norm in kernels.items():
        expected += [kernel, f"{norm}/gamma", f"{norm}/beta"]
        expected += [f"{norm}/moving_mean", f"{norm}/moving_variance"]
    found = [layer for layer in layers(Architecture(BLOCKS), (8, 8, 3)) if layer.weights]
    assert list(variables(found)) == [*expected, "head/dense/kernel", "head/dense/bias"]
