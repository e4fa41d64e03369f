"""An INT8 .tflite file as C for microcontrollers, which needs no interpreter."""
