"""Which files of a folder are meant as pictures: all but those whose names say otherwise.

`prepare` and the app on the device both go by them, so that a suffix decides in neither: whether a
file is a picture, its content says.
"""

import re

LABELS_CSV = "labels.csv"  # names the classes of a folder's pictures
TITLES = "titles.json"  # says what a folder's pictures show, by the files' names, to people
# The part before a stream's name is a file's; a colon that a file system or a program could not
# keep is U+F03A (WSL, Samba), or written out.
_STREAM = r".*(?::|\uf03a|%3a|#uf03a)"
_LEFT_BEHIND = re.compile(
    "|".join(
        [
            r"\..*",  # hidden on Unix: .DS_Store, ._cat.png, .Trash-1000, .dropbox.cache, .zfs
            # Windows: thumbnails, folder settings, shortcuts, and what lies at the top of a disk
            r"(eh)?thumbs(_vista)?\.db|photothumb\.db|desktop\.ini|folder\.htt|autorun\.inf",
            r".*\.(lnk|url)",
            r"\$(recycle\.bin|extend|winreagent|sysreset|getcurrent|windows\.~(bt|ws))|recycler",
            r"system volume information|msocache|config\.msi|found\.\d{3}",
            r"(pagefile|hiberfil|swapfile)\.sys|dumpstack\.log(\.tmp)?",
            # Its alternate data streams, which other systems make files of. Not every colon begins
            # one: `photo.jpg:large` is how Twitter's pictures were saved.
            r".*zone\.identifier(:\$data)?",
            _STREAM + r"(smartscreen|encryptable|favicon|mshield|kavichs|oecustomproperty|onedrive"
            r"|ms-properties|wofcompresseddata|afp_(afpinfo|resource)|com\.(dropbox|apple)\..*"
            r"|\$data|\{[0-9a-f-]{36}\})(:\$data)?",
            # macOS: a folder's icon, as zip tools and file servers spell its carriage return, what
            # its archives hold, and what it keeps at the top of a disk
            r"icon(\r|\uf00d|\u240d|\^m|#u000d|%0d|_)",
            r"__macosx|:2e.*|.*\.(webloc|textclipping)|resource\.frk|finder\.dat",
            r"desktop d[bf]|network trash folder|temporary items|the(volumesettings|findbycontent)"
            r"folder",
            # Linux and Android
            r"lost\+found|lost\.dir|.*\.desktop",
            # file servers: Synology, QNAP, NetApp
            r"@(eadir|tmp|sharebin|sharesnap)|#(recycle|snapshot)|.*@syno(eastream|resource|stream)",
            r"@(recycle|recently-snapshot|transcode|__thumb)|network recycle bin( \d+)?|~snapshot",
            # synchronising programs and downloads that were not finished
            r"sync\.ffs_db|.*\.(ffs_tmp|ffs_lock|unison|!sync)|onedrivetemp",
            r".*\.(part|partial|filepart|crdownload|opdownload|download|aria2|!ut|!qb)",
            # editors and office programs: backups, locks, and changes that were not saved
            r".*~|~\$.*|~wrl\d+\.tmp|#.*#|.*\.(bak|backup|orig|rej|old|save|tmp|temp|sw[a-p]|kate-swp)",
            # programs for pictures: sidecars and indices
            r".*\.(xmp|aae)|picasa\.ini|zbthumbnail\.info|pspbrwse\.jbf|descript\.ion",
            r"__pycache__",
            re.escape(LABELS_CSV),
            re.escape(TITLES),
        ]
    ),
    re.IGNORECASE | re.DOTALL,
)
_ABOUT_THE_DATA = re.compile(r"(readme|licen[cs]e).*|.*\.(txt|md)", re.IGNORECASE | re.DOTALL)


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of this name, wherever it lies, is not meant as data.

    What begins with a dot, what systems, file servers, synchronising programs and editors leave
    behind (`Thumbs.db`, `1.png:Zone.Identifier`, `@eaDir`, `1.png~`, ...), labels.csv and
    titles.json. Upper and lower case are alike: the systems that leave most of it take them so.
    """
    return _LEFT_BEHIND.fullmatch(name) is not None


def is_about_the_data(name: str) -> bool:
    """Whether a file of this name, at a folder's top, is about its pictures and is none.

    README*, LICENSE*, *.txt and *.md.
    """
    return _ABOUT_THE_DATA.fullmatch(name) is not None
