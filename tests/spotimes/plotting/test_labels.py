import pytest

from spotimes.plotting.labels import label, width


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat", "cat"),
        ("0123456789", "0123456789"),
        ("0123456789x", "012345678…"),
        ("猫犬鳥馬鹿", "猫犬鳥馬鹿"),
        ("猫犬鳥馬鹿x", "猫犬鳥馬…"),
        ("x猫犬鳥馬鹿", "x猫犬鳥馬…"),
        ("고양이고양이", "고양이고…"),
        ("Ελληνικά", "Ελληνικά"),
        ("x" * 300, "xxxxxxxxx…"),
    ],
)
def test_a_label_is_of_bounded_width(name: str, shown: str) -> None:
    assert label(name, 10) == shown
    assert width(shown) <= 10


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("חתול", "לותח"),
        ("חתול (קטן)", "(ןטק) לותח"),
        ("חתול 12", "12 לותח"),
        ("cat חתול dog", "cat לותח dog"),
        ("חתול cat", "cat לותח"),
        ("cat-1 א", "cat-1 א"),
        ("א 1-2", "1-2 א"),
        ("ב\u05bcא", "אב\u05bc"),  # a mark stays behind its letter
    ],
)
def test_what_is_written_from_the_right_is_turned_round(name: str, drawn: str) -> None:
    assert label(name, 20) == drawn


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("قطة", "\ufe94\ufec4\ufed7"),  # final, medial, initial
        ("دار", "\ufead\ufe8d\ufea9"),  # none joins the next
        ("سلام", "\ufee1\ufefc\ufeb3"),  # lam and alef are one
        ("لا", "\ufefb"),
        ("بطّة", "\ufe94\ufec4\u0651\ufe91"),  # the mark on a letter parts nothing
        ("ریچھ", "\ufbab\ufb7d\ufbfe\ufead"),  # Urdu
        ("ب ب", "\ufe8f \ufe8f"),
    ],
)
def test_arabic_letters_join(name: str, drawn: str) -> None:
    assert label(name, 20) == drawn


def test_of_a_long_name_from_the_right_the_beginning_is_shown() -> None:
    assert label("אבגדהוזחטי", 5) == "…דגבא"
