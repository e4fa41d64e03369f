"""`runtime`: what the .tflite files' bytes and cost depend on, and the weights do not."""

from spotimes.params.versions import Pins


class Runtime(Pins):
    """The packages whose change quantizes and measures anew, but does not retrain."""

    ai_edge_litert: str
    flatbuffers: str
