"""From the trained Keras model to FP32 and INT8 .tflite files."""
