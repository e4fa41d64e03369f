from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.dataset.prepared import Split, SplitName
from spotimes.params.train import Augmentation, Train
from spotimes.pixels import to_float32
from spotimes.training import batches as batches_module
from spotimes.training.batches import (
    EvaluationBatches,
    TrainingBatches,
    class_weights,
    one_hot,
)
from tests.recipes import RECIPE

pytestmark = pytest.mark.usefixtures("reseed")

AS_IT_IS = Augmentation(
    flip=False, shift=0, brightness=0, contrast=0, cutout=0, cutmix=0, cutmix_until=1
)
CHANGED = Augmentation(
    flip=True, shift=0.125, brightness=0.1, contrast=0.1, cutout=0.25, cutmix=0.5, cutmix_until=1
)
Batch = tuple[npt.NDArray[np.float32], ...]


def recipe(augmentation: Augmentation = AS_IT_IS, **values: Any) -> Train:
    """Four epochs with these changes of the images."""
    return RECIPE.model_copy(update={"epochs": 4, "augmentation": augmentation, **values})


@pytest.fixture
def split(cifar10: dict[SplitName, Split]) -> Split:
    return cifar10["train"]


@pytest.fixture
def make(split: Split) -> Callable[..., TrainingBatches]:
    def make(augmentation: Augmentation = CHANGED, seed: int = 1) -> TrainingBatches:
        return TrainingBatches(split, 10, recipe(augmentation, seed=seed))

    return make


def same(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(*arrays) for arrays in zip(one, other, strict=True))


def shown_indices(batches: TrainingBatches, split: Split) -> list[int]:
    """Which images of the split an epoch shows, by their pixels."""
    index_of = {image.tobytes(): index for index, image in enumerate(split.images)}
    assert len(index_of) == len(split.images)
    shown = []
    for images, labels, *_ in batches:
        pixels = np.rint(images * 255).astype(np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            found = index_of[image.tobytes()]
            assert label.argmax() == split.labels[found]
            shown.append(found)
    return shown


def test_a_pixel_becomes_the_float_that_is_nearest_to_its_share() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    shares = to_float32(pixels)
    assert shares.dtype == np.float32
    for pixel, share in zip(pixels.tolist(), shares, strict=True):
        exact = Fraction(pixel, 255)
        error = abs(Fraction(float(share)) - exact)
        for neighbour in (np.nextafter(share, np.float32(-1)), np.nextafter(share, np.float32(2))):
            assert error < abs(Fraction(float(neighbour)) - exact)


def test_labels_become_rows_with_a_single_one() -> None:
    rows = one_hot(np.array([2, 0]), 3)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_a_batch_has_the_promised_shape(make: Callable[..., TrainingBatches]) -> None:
    images, labels = make()[3]
    assert (str(images.dtype), images.shape) == ("float32", (32, 32, 32, 3))
    assert (str(labels.dtype), labels.shape) == ("float32", (32, 10))
    assert images.min() >= 0
    assert images.max() <= 1


def test_an_epoch_shows_whole_batches_of_different_images(
    make: Callable[..., TrainingBatches], split: Split
) -> None:
    batches = make(AS_IT_IS)
    assert len(batches) == 240 // 32
    shown = shown_indices(batches, split)
    assert len(shown) == len(set(shown)) == 224


def test_what_is_skipped_is_not_always_the_same(
    make: Callable[..., TrainingBatches], split: Split
) -> None:
    batches = make(AS_IT_IS)
    seen: set[int] = set()
    for epoch in range(6):
        batches.begin(epoch)
        seen |= set(shown_indices(batches, split))
    assert len(seen) == 240


def test_a_batch_depends_on_seed_epoch_and_index_alone(
    make: Callable[..., TrainingBatches],
) -> None:
    batches, other = make(), make()
    batches.begin(2)
    expected = {index: batches[index] for index in range(len(batches))}
    for epoch in (0, 5, 2):  # another way to the same epoch
        other.begin(epoch)
        _ = other[1]
    for index in reversed(range(len(other))):
        assert same(other[index], expected[index])
    assert same(other[0], expected[0])


def test_epochs_and_seeds_differ(make: Callable[..., TrainingBatches], split: Split) -> None:
    batches = make(AS_IT_IS)
    first = shown_indices(batches, split)
    batches.begin(1)
    second = shown_indices(batches, split)
    assert first != second
    assert shown_indices(make(AS_IT_IS, seed=2), split) not in (first, second)


def test_the_same_image_is_changed_in_another_way_in_another_epoch(
    make: Callable[..., TrainingBatches],
) -> None:
    batches = make()
    batches.order = np.arange(240)
    first = batches[0]
    batches.epoch = 1
    assert not same(batches[0], first)


def test_training_leaves_the_split_as_it_is(
    make: Callable[..., TrainingBatches], split: Split
) -> None:
    before = split.images.copy()
    batches = make()
    for index in range(len(batches)):
        _ = batches[index]
    np.testing.assert_array_equal(split.images, before)


@pytest.mark.parametrize("batch_size", [1, 80, 33, 500])
def test_evaluation_covers_all_in_order(
    cifar10: dict[SplitName, Split], batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches_module, "PIXELS_AT_ONCE", batch_size * 32 * 32 + 1000)
    split = cifar10["validation"]
    batches = EvaluationBatches(split, 10)
    parts = [batches[index] for index in range(len(batches))]
    assert all(0 < len(images) == len(labels) <= batch_size for images, labels in parts)
    np.testing.assert_array_equal(
        np.concatenate([part[0] for part in parts]), to_float32(split.images)
    )
    labels = np.concatenate([part[1] for part in parts])
    np.testing.assert_array_equal(labels, one_hot(split.labels, 10))


@pytest.mark.parametrize(("side", "batch_size"), [(32, 500), (96, 55), (224, 10), (1024, 1)])
def test_evaluation_takes_fewer_of_larger_images(side: int, batch_size: int) -> None:
    split = Split(np.zeros((3, side, side, 1), np.uint8), np.zeros(3, np.int64))
    assert EvaluationBatches(split, 10).batch_size == batch_size


@pytest.fixture
def uneven(split: Split) -> Split:
    """Images of three classes: 24, 12 and 4."""
    indices = [
        np.flatnonzero(split.labels == label)[:count] for label, count in enumerate((24, 12))
    ]
    chosen = np.concatenate([*indices, np.flatnonzero(split.labels == 2)[:4]])
    return Split(split.images[chosen], split.labels[chosen])


def counts(split: Split, balance: str, epochs: int) -> npt.NDArray[np.int64]:
    """How often each image of the split is shown."""
    batches = TrainingBatches(split, 10, recipe(batch_size=8, class_balance=balance))
    shown = np.zeros(len(split.labels), np.int64)
    for epoch in range(epochs):
        batches.begin(epoch)
        np.add.at(shown, shown_indices(batches, split), 1)
    return shown


def test_sampling_shows_each_class_equally_often(uneven: Split) -> None:
    shown = counts(uneven, "sampling", 3)
    assert shown.sum() == 3 * 40
    for label in range(3):
        assert 3 * 13 <= shown[uneven.labels == label].sum() <= 3 * 14
    small = shown[uneven.labels == 2]
    assert small.max() - small.min() <= 3  # within an epoch they differ by one at most


def test_without_balance_each_image_is_shown_once_an_epoch(uneven: Split) -> None:
    assert counts(uneven, "none", 2).tolist() == [2] * 40
    assert counts(uneven, "weights", 2).tolist() == [2] * 40


def test_weights_let_each_class_count_alike(uneven: Split) -> None:
    batches = TrainingBatches(uneven, 10, recipe(batch_size=8, class_balance="weights"))
    total = np.zeros(3)
    for index in range(len(batches)):
        _, labels, weights = batches[index]
        assert (str(weights.dtype), weights.shape) == ("float32", (8,))
        np.add.at(total, labels.argmax(axis=1), weights)
    np.testing.assert_allclose(total, 40 / 3, rtol=1e-6)


def test_a_mixed_image_weighs_what_its_classes_do(uneven: Split) -> None:
    mixing = AS_IT_IS.model_copy(update={"cutmix": 1})
    params = recipe(mixing, batch_size=8, class_balance="weights")
    batches = TrainingBatches(uneven, 10, params)
    _, targets, weights = batches[0]
    assert ((targets > 0).sum(axis=1) == 2).any()
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
    of_classes = class_weights(uneven.labels, 10)
    np.testing.assert_allclose(weights, (targets * of_classes).sum(axis=1), rtol=1e-6)


@pytest.fixture
def half_labelled(split: Split) -> tuple[Split, npt.NDArray[np.uint8]]:
    """24 images with labels of two classes, 18 and 6, and 16 without."""
    chosen = [np.flatnonzero(split.labels == label)[:count] for label, count in ((0, 18), (1, 6))]
    indices = np.concatenate(chosen)
    unlabelled = split.images[np.flatnonzero(split.labels > 1)[:16]]
    return Split(split.images[indices], split.labels[indices]), unlabelled


@pytest.mark.parametrize("balance", ["none", "weights", "sampling"])
def test_images_without_labels_are_shown_among_the_others(
    half_labelled: tuple[Split, npt.NDArray[np.uint8]], balance: str
) -> None:
    labelled, unlabelled = half_labelled
    params = recipe(batch_size=8, class_balance=balance)
    batches = TrainingBatches(labelled, 10, params, unlabelled=unlabelled)
    assert len(batches) == 5
    known = {image.tobytes() for image in unlabelled}
    seen, mixed = set(), 0
    for images, targets, *_ in batches:
        pixels = np.rint(images * 255).astype(np.uint8)
        without = np.array([image.tobytes() in known for image in pixels])
        np.testing.assert_array_equal(targets.sum(axis=1), ~without)
        seen |= {image.tobytes() for image in pixels[without]}
        mixed += 0 < without.sum() < 8
    assert seen == known  # so each is shown once
    assert mixed > 2


def test_an_image_without_a_label_weighs_one_by_its_share(
    half_labelled: tuple[Split, npt.NDArray[np.uint8]],
) -> None:
    labelled, unlabelled = half_labelled
    mixing = AS_IT_IS.model_copy(update={"cutmix": 0.5})
    params = recipe(mixing, batch_size=8, class_balance="weights")
    batches = TrainingBatches(labelled, 10, params, unlabelled=unlabelled)
    of_classes = np.array([24 / (2 * 18), 24 / (2 * 6), *[0] * 8])
    shares = []
    for _, targets, weights in batches:
        share = targets.sum(axis=1)
        np.testing.assert_allclose(weights, targets @ of_classes + 1 - share, rtol=1e-5)
        shares += share.round(6).tolist()
    assert {0, 1} < set(shares)  # and those that are mixed of both


def test_the_last_epochs_are_of_whole_images(split: Split) -> None:
    mixing = AS_IT_IS.model_copy(update={"cutmix": 1, "cutmix_until": 0.75})
    batches = TrainingBatches(split, 10, recipe(mixing))
    mixed = []
    for epoch in range(4):
        batches.begin(epoch)
        mixed.append(bool(((batches[0][1] > 0).sum(axis=1) == 2).any()))
    assert mixed == [True, True, True, False]


def test_weights_of_classes_alike_are_one_and_of_none_zero() -> None:
    assert class_weights(np.array([0, 0, 2, 2]), 4).tolist() == [1, 0, 1, 0]


def test_the_stream_is_the_epoch_that_was_begun(make: Callable[..., TrainingBatches]) -> None:
    batches = make()
    stream = batches.stream()
    assert int(stream.cardinality()) == len(batches)
    for epoch in (0, 3):
        batches.begin(epoch)
        expected = list(batches)
        found = [tuple(each.numpy() for each in batch) for batch in stream]
        assert len(found) == len(expected) == len(batches)
        for ours, theirs in zip(found, expected, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one, other)


def test_nothing_tunes_the_stream_for_fit_waits_for_it(split: Split) -> None:
    assert EvaluationBatches(split, 10).stream().options().autotune.enabled is False
