import pytest

from spotimes.preprocessing.picture_files import is_about_the_data, is_left_behind


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store", "._1.png", ".AppleDouble", ".Trash-1000", ".fuse_hidden0001", ".nfs0001",
        ".dropbox.cache", ".@__thumb", ".picasa.ini", ".ipynb_checkpoints", ".~lock.labels.csv#",
        "Thumbs.db", "THUMBS.DB", "ehthumbs.db", "ehthumbs_vista.db", "Desktop.ini", "cat.lnk",
        "$RECYCLE.BIN", "$Recycle.Bin", "RECYCLER", "System Volume Information", "found.000",
        "pagefile.sys",
        "1.png:Zone.Identifier", "1.PNG:ZONE.IDENTIFIER", "1.png:Zone.Identifier:$DATA",
        "1.png\uf03aZone.Identifier", "1.png#Uf03aZone.Identifier", "1.png%3AZone.Identifier",
        "1.pngZone.Identifier", "1.png_Zone.Identifier", "cat:Zone.Identifier",
        "1.png:SmartScreen", "1.png:AFP_AfpInfo", "1.png:com.dropbox.attrs",
        "Thumbs.db:encryptable", "1.png:com.apple.lastuseddate#PS",
        "1.png:{4c8cc155-6c1e-11d1-8e41-00c04fb9386d}",
        "Icon\r", "Icon\uf00d", "Icon^M", "Icon_", "__MACOSX", ":2eDS_Store", "Temporary Items",
        "Network Trash Folder", "Desktop DB", "site.webloc",
        "lost+found", "LOST.DIR",
        "@eaDir", "#recycle", "#Recycle", "#snapshot", "1.png@SynoEAStream", "@Recycle",
        "@Recently-Snapshot", "Network Recycle Bin 1", "~snapshot",
        "sync.ffs_db", "1.png.part", "1.png.crdownload", "Unconfirmed 1.crdownload",
        "1.png~", "~$labels.xlsx", "~WRL0001.tmp", "#1.png#", "1.png.bak", "1.png.orig", "1.swp",
        "labels.csv", "1.aae", "1.png.xmp", "ZbThumbnail.info", "__pycache__",
    ],
)  # fmt: skip
def test_what_systems_and_programs_leave(name: str) -> None:
    assert is_left_behind(name)


@pytest.mark.parametrize(
    "name",
    [
        "1.png", "1", "cat", "thumbs", "Thumbs", "icon", "Icon", "icons", "recycled", "trash",
        "desktop", "temporary", "download", "old", "lost", "found", "tmp", "part", "a.b", "~cat",
        "#1", "#1.png", "$100", "@home", "12:30.png", "photo.jpg:large", "a:b", "Identifier",
        "zone", "thumbs.db.png", "a.png ", "notes.txt", "1 (copy).png", "backup", "picasa",
        "1.png.jpg", "Icon 1",
    ],
)  # fmt: skip
def test_what_may_be_a_picture_or_a_class(name: str) -> None:
    assert not is_left_behind(name)


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
