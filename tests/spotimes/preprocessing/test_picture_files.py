import pytest

from spotimes.preprocessing.picture_files import is_about_the_data, is_litter


@pytest.mark.parametrize(
    ("name", "litter"),
    [
        (".DS_Store", True),
        (".a.png", True),
        ("THUMBS.DB", True),
        ("Icon\r", True),
        ("__MACOSX", True),
        ("labels.csv", True),
        ("thumbs.db.png", False),
        ("noext", False),
        ("a.png ", False),
        ("notes.txt", False),
    ],
)
def test_what_is_litter_wherever_it_lies(name: str, litter: bool) -> None:
    assert is_litter(name) is litter


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("README", True),
        ("readme.html", True),
        ("Licence.rst", True),
        ("license", True),
        ("notes.TXT", True),
        ("two\nlines.md", True),
        ("my readme", False),
        ("a.jpg", False),
        ("a.md.jpg", False),
    ],
)
def test_what_is_about_the_data_at_the_top(name: str, about: bool) -> None:
    assert is_about_the_data(name) is about
