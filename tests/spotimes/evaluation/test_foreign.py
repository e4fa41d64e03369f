import numpy as np
import pytest

from spotimes.evaluation import foreign
from spotimes.evaluation.foreign import Scored
from spotimes.inference.classifier import Classifier
from spotimes.inference.unknown import scores
from tests.project import ROOT


def noise(*shape: int) -> foreign.Images:
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (30, 33, 3), (3, 5, 1), (2, 2, 3)])
def test_tiles_are_the_same_pixels_in_another_order(shape: tuple[int, int, int]) -> None:
    images = noise(20, *shape)
    made = foreign.tiles(images)
    assert (made.shape, made.dtype.name) == (images.shape, "uint8")
    for image, cut in zip(images, made, strict=True):
        pixels = [each.reshape(-1, shape[2]) for each in (image, cut)]
        assert sorted(map(tuple, pixels[0])) == sorted(map(tuple, pixels[1]))
    assert np.mean(np.all(images == made, axis=(1, 2, 3))) < 0.2


def test_each_tile_stays_whole() -> None:
    """All pixels of a tile have its number, so a tile of the result has just one, too."""
    numbers = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    image = numbers.repeat(8, axis=1).repeat(8, axis=2)
    made = foreign.tiles(image)[0, ..., 0].reshape(4, 8, 4, 8).swapaxes(1, 2)
    corners = made[:, :, 0, 0]
    np.testing.assert_array_equal(made, np.broadcast_to(corners[..., None, None], made.shape))
    assert sorted(corners.ravel().tolist()) == list(range(16))
    assert corners.ravel().tolist() != list(range(16))


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (2, 3, 3), (1, 1, 1)])
def test_textures_are_of_any_size_and_in_all_colours(shape: tuple[int, int, int]) -> None:
    made = foreign.textures(100, shape)
    assert (made.shape, made.dtype.name) == ((100, *shape), "uint8")
    np.testing.assert_array_equal(foreign.textures(100, shape), made)
    assert len({each.tobytes() for each in made}) > 60
    assert made.min() < 16
    assert made.max() > 239
    if shape[:2] == (32, 32):
        assert made.std(axis=(1, 2)).max(axis=1).min() > 1  # none of a single colour


def test_the_sets_are_made_of_some_of_the_images() -> None:
    images = noise(30, 8, 8, 3)
    found = foreign.foreign_sets(images, 12)
    assert {name: len(each) for name, each in found.items()} == {"tiles": 12, "textures": 12}
    histograms = {np.sort(each.ravel()).tobytes() for each in images}
    assert {np.sort(each.ravel()).tobytes() for each in found["tiles"]} < histograms
    assert len(foreign.foreign_sets(images, 100)["tiles"]) == 30


def test_what_is_taken_as_known_is_measured() -> None:
    sets = {"tiles": np.array([1, 2, 3, 9]), "textures": np.array([4, 6])}
    found = foreign.measure(Scored(np.array([5, 6, 7, 8, 4]), sets, 5))
    assert (found.known_kept, found.foreign_accepted) == (0.8, 2 / 6)
    tiles, textures = found.sets["tiles"], found.sets["textures"]
    assert (tiles.images, tiles.accepted, tiles.auroc) == (4, 0.25, 0.75)
    assert textures.accepted == 0.5
    assert textures.auroc == pytest.approx((2 + 1.5 + 2 + 1 + 0.5) / 10)
    assert found.foreign_auroc == pytest.approx((4 * 0.75 + 2 * textures.auroc) / 6)
    low, high = tiles.accepted_low, tiles.accepted_high
    assert low is not None
    assert high is not None
    assert 0 < low < 0.25 < high < 1
    assert "taken as known: 80.0% of the known, 33.3% of the foreign" in foreign.sentence(found)


def test_without_a_limit_only_auroc_is_measured() -> None:
    found = foreign.measure(Scored(np.array([5, 6]), {"tiles": np.array([1, 5])}, None))
    assert found.model_dump(exclude_none=True) == {
        "foreign_auroc": 0.875,
        "sets": {"tiles": {"images": 2, "auroc": 0.875}},
    }
    assert foreign.sentence(found).endswith("AUROC 87.5%; the model has no limit of the score")


@pytest.mark.slow
def test_a_models_answers_are_scored() -> None:
    classifier = Classifier(ROOT / "models/model_int8.tflite")
    images = noise(10, 32, 32, 3)
    known = scores(classifier.probabilities(images))
    found = foreign.scored(classifier, images, known)
    textures = foreign.textures(foreign.COUNT, (32, 32, 3))
    np.testing.assert_array_equal(
        found.foreign["textures"][:20], scores(classifier.probabilities(textures[:20]))
    )
    assert found.unknown_below == classifier.contract.unknown_below
    assert len(found.every_foreign) == foreign.COUNT + 10
