"""Folders of real pictures, as users have them."""

from pathlib import Path

from PIL import Image

from spotimes.dataset.prepared import Split

CLASSES = ["cat", "dog", "frog"]  # of CIFAR-10, in its order


def write_folder(
    root: Path, split: Split, class_names: list[str], images_per_class: int, suffix: str = "png"
) -> Path:
    """Writes the first images of three classes as pictures, one sub-folder a class."""
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        of_class = [
            image
            for image, label in zip(split.images, split.labels, strict=True)
            if class_names[label] == name
        ]
        for number, image in enumerate(of_class[:images_per_class]):
            Image.fromarray(image).save(root / name / f"{number:02}.{suffix}")
    return root
