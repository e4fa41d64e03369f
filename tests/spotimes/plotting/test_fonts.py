from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
from PIL import Image

from spotimes.plotting import fonts
from spotimes.plotting.figure import figure


@pytest.fixture(autouse=True)
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the fonts that the system has: none, unless a test adds some."""
    paths: list[str] = []
    monkeypatch.setattr(fonts, "findSystemFonts", lambda: paths)
    monkeypatch.setattr(fonts, "_RECOMMENDED", set())
    fonts._system_fonts.cache_clear()
    return paths


def font_with(path: Path, characters: str) -> str:
    """Writes a font in which each of the characters is a full square."""
    pen = TTGlyphPen(None)
    for x, y in ((0, 0), (0, 900), (900, 900), (900, 0)):
        (pen.lineTo if pen.points else pen.moveTo)((x, y))
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap(dict.fromkeys(map(ord, characters), "square"))
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return str(path)


def drawn(path: Path, *names: str) -> npt.NDArray[np.uint8]:
    """A figure that shows names as labels of an axis, each at the same place."""
    with figure(path, (4, 2)) as drawing:
        drawing.set_layout_engine("none")
        axes = drawing.add_axes((0.5, 0.1, 0.4, 0.8))
        axes.set_yticks(range(len(names)), names)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))[:, :190]


def test_the_same_figure_gives_the_same_bytes_whatever_fonts_there_are(
    tmp_path: Path, no_system_fonts: list[str]
) -> None:
    names = ("cat", "Bär_$a$", "Κύων", "Кошка", "<b>|*_c_")
    drawn(tmp_path / "a.png", *names)
    no_system_fonts.append(font_with(tmp_path / "Other.ttf", "".join(names)))
    drawn(tmp_path / "b.png", *names)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_what_no_font_has_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_boxes = drawn(tmp_path / "a.png", "猫", "犬", "แมว")
    drawn(tmp_path / "b.png", "ねこ", "고양이")
    assert np.ptp(with_boxes) > 100
    assert capsys.readouterr().err == (
        "pictures have boxes for characters that no font on this system has, such as 犬 and ม; on "
        "Debian and Ubuntu: apt-get install fonts-noto-cjk fonts-noto-core\n"
    )
    drawn(tmp_path / "c.png", "🦤")
    assert "such as 🦤; on Debian and Ubuntu: apt-get install fonts-symbola\n" in (
        capsys.readouterr().err
    )


def test_a_font_of_the_system_is_used_for_what_matplotlibs_own_lacks(
    tmp_path: Path, no_system_fonts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with_boxes = drawn(tmp_path / "boxes.png", "dog 猫", "ねこ")
    capsys.readouterr()
    (tmp_path / "damaged.ttf").write_bytes(b"no font")
    no_system_fonts += [
        str(tmp_path / "damaged.ttf"),
        font_with(tmp_path / "FewCharacters.ttf", "猫"),
        font_with(tmp_path / "KanaAndKanji.ttf", "猫ねこ"),
    ]
    fonts._system_fonts.cache_clear()
    with_squares = drawn(tmp_path / "squares.png", "dog 猫", "ねこ")
    # A square is darker than a box; letters that are there stay as they are.
    assert with_squares.mean() < with_boxes.mean() - 1
    assert fonts._system_fonts(frozenset("猫ねこ")) == (["KanaAndKanji"], "")
    assert capsys.readouterr().err == ""


def test_as_many_fonts_as_are_needed(tmp_path: Path, no_system_fonts: list[str]) -> None:
    no_system_fonts += [
        font_with(tmp_path / "Kanji.ttf", "猫犬"),
        font_with(tmp_path / "Thai.ttf", "แมว"),
        font_with(tmp_path / "One.ttf", "犬"),
    ]
    assert fonts._system_fonts(frozenset("猫犬แมวह")) == (["Thai", "Kanji"], "ह")
