import numpy as np

from benchmarks.explanations import SHARES, area, around, blanked, enlarged


def test_the_positions_that_a_map_names_are_blanked_first() -> None:
    image = np.zeros((4, 4, 1), np.uint8)
    image[:2, :2] = 200
    map_ = np.array([[3, 0], [1, 2]], np.float32)

    by_map, by_its_opposite = (
        (blanked(image, each) == 200).mean(axis=(1, 2, 3)).tolist() for each in (map_, -map_)
    )
    assert by_map == [0.25 if share * 4 < 0.6 else 0 for share in SHARES]
    assert by_its_opposite == [0.25] * (len(SHARES) - 1) + [0]
    assert area(by_map) < area(by_its_opposite)


def test_a_cell_covers_its_pixels() -> None:
    cells = np.array([[True, False, False], [False, False, True]])
    expected = np.zeros((4, 7), np.bool_)
    expected[:2, :3] = True
    expected[2:, 5:] = True
    np.testing.assert_array_equal(enlarged(cells, (4, 7, 3))[..., 0], expected)


def test_a_region_grows_around_its_centre() -> None:
    map_ = around((3, 5), np.array([1, 4]))
    assert map_.argmax() == 1 * 5 + 4
    assert map_[1, 3] == map_[0, 4] == -1


def test_the_area_of_a_curve_that_stays_is_its_height() -> None:
    np.testing.assert_allclose(area([0.7] * len(SHARES)), 0.7)
