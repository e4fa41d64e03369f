"""Reads AVIF. Its library, 5 MB, is loaded only for those who have such a file."""

from PIL import AvifImagePlugin, _avif


class AvifFile(AvifImagePlugin.AvifImageFile):
    """Pillow's reader, without EXIF, which may be damaged, and in one thread: callers have theirs.

    Attributes:
        orientation: as EXIF numbers them, of the picture's own turns. They go before EXIF's.
    """

    orientation: int

    def _open(self) -> None:
        assert self.fp is not None
        self._decoder = _avif.AvifDecoder(self.fp.read(), "auto", 1)
        found = self._decoder.get_info()
        self._size, self.n_frames, self._mode, _, _, self.orientation, _ = found
        self.is_animated = self.n_frames > 1
        self.seek(0)
