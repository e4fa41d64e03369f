"""Runs a .tflite file; what the device needs, so without TensorFlow."""
