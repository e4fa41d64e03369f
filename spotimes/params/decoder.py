"""`decoder`: what the pixels of a picture depend on besides the code."""

from spotimes.params.versions import Pins


class Decoder(Pins):
    """The packages whose change reads all pictures anew; other pixels then retrain."""

    pillow: str
