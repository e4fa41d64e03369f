"""TensorFlow and Keras, imported in one place, with what their results depend on fixed."""

import logging
import os

from spotimes.system import native_stderr

# These are read at import, and a user's shell or ~/.keras/keras.json may have set them otherwise.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
os.environ["TF_USE_LEGACY_KERAS"] = "0"
for choice_of_kernels in ("TF_XLA_FLAGS", "XLA_FLAGS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
    os.environ.pop(choice_of_kernels, None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# TensorFlow greets before it heeds its log level: eight lines about oneDNN and CUDA at each stage.
with native_stderr.captured():
    import keras
    import tensorflow as tf

logging.getLogger("tensorflow").setLevel(logging.ERROR)
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
keras.config.set_dtype_policy("float32")

__all__ = ["keras", "tf"]
