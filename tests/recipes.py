"""A recipe that trains the small network of these tests in seconds."""

from typing import Any

from spotimes.params.train import Train

RECIPE = Train.model_validate(
    {
        "start_from": "data/none",
        "epochs": 3,
        "batch_size": 32,
        "seed": 1,
        "threads": 2,
        "optimizer": {
            "kind": "sgd",
            "peak_learning_rate": 0.05,
            "warmup": 0.25,
            "momentum": 0.9,
            "weight_decay": 0.005,
            "muon": {"peak_learning_rate": 0.02, "momentum": 0.95},
        },
        "fine_tuning": {"head_epochs": 0, "rate_decay": 1},
        "teacher": {
            "model": "data/none",
            "side": 96,
            "epochs": 3,
            "peak_learning_rate": 0.01,
            "temperature": 2,
            "views": 10,
        },
        "augmentation": {
            "flip": True,
            "shift": 0.0625,
            "brightness": 0,
            "contrast": 0,
            "cutout": 0,
            "cutmix": 0,
            "cutmix_until": 1,
        },
        "class_balance": "none",
        "label_smoothing": 0.1,
        "averaging": 0.9,
        "keep": "last",
        "patience": None,
    }
)


def changed(**values: Any) -> Train:
    """The recipe with other values, checked as those in params.yaml are."""
    return Train.model_validate(RECIPE.model_dump() | values)
