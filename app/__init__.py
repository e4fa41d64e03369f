"""What runs on the device: the INT8 classifier, without TensorFlow."""
