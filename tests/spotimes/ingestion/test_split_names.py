import pytest

from spotimes.ingestion.split_names import splits_named, splits_named_together


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("TRAIN", "train"),
        ("training_set", "train"),
        ("trainset", "train"),
        ("TrainingSet", "train"),
        ("MyTrainData", "train"),
        ("train-images", "train"),
        ("images_train", "train"),
        ("ImagesTrain", "train"),
        ("images.train", "train"),
        ("01 train", "train"),
        ("train2017", "train"),
        ("2017train", "train"),
        ("seg_train", "train"),
        ("trainval", "train"),
        ("bullet train", "train"),
        ("val", "validation"),
        ("Valid", "validation"),
        ("val2017", "validation"),
        ("validation_set", "validation"),
        ("dev", "validation"),
        ("DevSet", "validation"),
        ("test", "test"),
        ("test1", "test"),
        ("Testing", "test"),
        ("x_test", "test"),
        ("TestData2", "test"),
        ("test_set", "test"),
        ("eval", "test validation"),
        ("holdout", "test validation"),
        ("train_val", "train validation"),
        ("fold1", "test train validation"),
        ("cat", ""),
        ("trainer", ""),
        ("restraint", ""),
        ("contest", ""),
        ("valley", ""),
        ("invalid", ""),
        ("device", ""),
        ("evaluating", ""),
        ("Teststrecke", ""),
        ("folder", ""),
        ("tést", ""),
        ("試験", ""),
        ("123", ""),
        ("", ""),
    ],
)
def test_splits_named(name: str, splits: str) -> None:
    assert splits_named(name) == set(splits.split())


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("xtrain", "xtest"), ("train", "test")),
        (("CIFARtraining", "cifarval", "cifarTesting"), ("train", "validation", "test")),
        (("petstrainpart", "petsvalidpart"), ("train", "validation")),
        (("train", "cat"), ("train", "")),
        (("restraint", "contest"), ("", "")),
        (("invalid", "valley"), ("", "")),
        (("trainer", "train"), ("", "train")),
        (("xtrain", "xtraining"), ("", "")),
    ],
)
def test_splits_named_together(names: tuple[str, ...], splits: tuple[str, ...]) -> None:
    assert splits_named_together(names) == {
        name: set(split.split()) for name, split in zip(names, splits, strict=True)
    }
