"""Classifies a picture by TensorFlow's own interpreter: `by_tensorflow.py MODEL PICTURE`.

Prints the class's index. It is what `benchmarks.cold_start` compares `app predict` with.
"""

import sys

import numpy as np
import tensorflow as tf
from PIL import Image

model_path, picture_path = sys.argv[1:]
model = tf.lite.Interpreter(model_path)
model.allocate_tensors()
(source,), (target,) = model.get_input_details(), model.get_output_details()
_, height, width, _ = source["shape"]
image = Image.open(picture_path).convert("RGB").resize((width, height))
model.set_tensor(source["index"], (np.asarray(image)[None] ^ np.uint8(128)).view(np.int8))
model.invoke()
print(model.get_tensor(target["index"])[0].argmax())
