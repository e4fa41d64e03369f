"""Reads an image file part by part and copies it; prints by how many KiB its memory grew."""

import resource
import sys
from pathlib import Path

from spotimes.dataset.image_file import ImageFile, write_images

source, copy = map(Path, sys.argv[1:])
images = ImageFile(source)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for start in range(0, len(images), 10):
    images[start : start + 10].sum()
write_images(copy, images)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
