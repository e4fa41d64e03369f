"""Why a .tflite file answers as it does: a map of each image; on the device, without TensorFlow."""
