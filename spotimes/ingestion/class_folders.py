"""Pictures in sub-folders that are named after their classes, or after splits and classes.

Whether `train` is a split or a class of vehicles, no name says. Where all folders at the top are
named as splits and hold folders alone, they are splits; where one of them is named so and holds
pictures, it is a class; anything between is refused, and `prepare.split_folders` decides it.
"""

import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path

from spotimes.dataset.prepared import SPLITS, SplitName
from spotimes.errors import InputError, printable
from spotimes.ingestion.file_names import class_name, shortened, shown
from spotimes.ingestion.labelled_paths import ByClass, LabelledPaths, Notes
from spotimes.ingestion.split import NOT_GIVEN
from spotimes.ingestion.split_names import splits_named, splits_named_together
from spotimes.ingestion.tree import Listing, Tree
from spotimes.preprocessing.picture_files import LABELS_CSV

Meant = frozenset[SplitName]  # the splits that a folder's name could stand for


def read_class_folders(root: Path, *, split_folders: bool = True) -> LabelledPaths:
    """Finds a folder's pictures by the names of its sub-folders.

    Args:
        root: the folder.
        split_folders: whether sub-folders may be splits; else each is a class.

    Raises:
        InputError: the sub-folders are neither classes nor splits of classes, not all of them, or
            could be either.
    """
    tree = Tree(root)
    top = _top(tree)
    layout = []
    like_splits = _like_splits(top.folders) if split_folders else {}
    if like_splits:
        inside = {folder: _unnested(tree, tree.listing(folder, top.line)) for folder in like_splits}
        if set(like_splits) != set(top.folders) and _are_classes(like_splits, inside):
            layout.append(
                f"{_named(like_splits)} {'is a class' if len(inside) == 1 else 'are classes'}, "
                "as there are pictures and no folders of classes inside"
            )
        else:
            splits = _ready_made(tree, top, like_splits, inside)
            layout += _unusual_names(splits, inside)
            return LabelledPaths(
                {split: found for split, (_, found) in splits.items()},
                groups={},
                notes=Notes(sorted(tree.ignored), layout, missing={}),
            )
    if len(top.folders) == 1 and tree.listing(top.folders[0], top.line).folders:
        raise InputError(
            f"{shown(root)}: holds only the folder {_named(top.folders)}; if the classes are in "
            f"it, let prepare.source name {shown(root, top.folders[0])}; if it is a class, add "
            "another: a classifier needs two or more"
        )
    classes = _classes(tree, top, check_splits=split_folders)
    layout += _same_inside(classes) if split_folders else []
    notes = Notes(sorted(tree.ignored), layout, missing={})
    return LabelledPaths({NOT_GIVEN: classes}, groups={}, notes=notes)


def _top(tree: Tree) -> Listing:
    """What the folder itself holds.

    Raises:
        InputError: files, or nothing.
    """
    listing = tree.top()
    where = shown(tree.root)
    for name in sorted(tree.ignored):
        if name.lower() == LABELS_CSV:
            raise InputError(f"{shown(tree.root, name)}: rename it to {LABELS_CSV}")
    if listing.files:
        folders = "beside the folders" if listing.folders else "and no folders"
        raise InputError(
            f"{where}: holds {shortened(min(listing.files))} {folders}; "
            f"each class needs a folder with its pictures, or {LABELS_CSV} must name their "
            "classes"
        )
    if not listing.folders:
        raise InputError(
            f"{where}: holds no pictures; each class needs a folder with its pictures, or "
            f"{LABELS_CSV} must name their classes"
        )
    return listing


def _unnested(tree: Tree, listing: Listing) -> Listing:
    """A split's folder, or the only one in it if that stands for the same split."""
    splits = splits_named(posixpath.basename(listing.path))
    while not listing.files and len(listing.folders) == 1:
        inner = tree.listing(listing.folders[0], listing.line)
        is_class = inner.files or not inner.folders
        if is_class or not splits & splits_named(posixpath.basename(inner.path)):
            break
        listing = inner
    return listing


def _like_splits(folders: Iterable[str]) -> dict[str, Meant]:
    """Of folders beside each other those that are named as splits, and which each could be."""
    folder_of = {posixpath.basename(folder): folder for folder in folders}
    together = splits_named_together(folder_of)
    return {folder_of[name]: splits for name, splits in together.items() if splits}


def _are_classes(like_splits: Mapping[str, Meant], inside: Mapping[str, Listing]) -> bool:
    """Whether folders named as splits cannot be any: one split's at most, without class folders."""
    return bool(frozenset.intersection(*like_splits.values())) and not any(
        listing.folders and not listing.files for listing in inside.values()
    )


def _ready_made(
    tree: Tree, top: Listing, like_splits: Mapping[str, Meant], inside: Mapping[str, Listing]
) -> dict[int, tuple[str, ByClass]]:
    """By split, the folder that is it and its pictures by class."""

    def refuse(problem: str, remedy: str) -> InputError:
        one = len(like_splits) == 1
        return InputError(
            f"{shown(tree.root)}: holds the folder{'s' * (not one)} {_named(like_splits)}, which "
            f"seem{'s' * one} to be {'a split' if one else 'splits'}, but {problem}. For splits: "
            f"{remedy}. For classes: "
            + ("set prepare.split_folders to false" if len(top.folders) > 1 else "add another")
        )

    if none := set(top.folders) - set(like_splits):
        raise refuse(f"not {_named(none)}", f"move {_named(none)} into one, or away")
    folder_of: dict[SplitName, str] = {}
    for folder, splits in sorted(like_splits.items()):
        name = posixpath.basename(folder)
        if len(splits) > 1:
            raise refuse(f"{name} could be {' or '.join(sorted(splits))}", "rename it")
        (split,) = splits
        if split in folder_of:
            both = _named([folder_of[split], folder])
            raise refuse(f"{both} are both {split}", "put what they hold into one of them")
        folder_of[split] = folder
    if "train" not in folder_of:
        raise refuse("none is train", "name one train, which the network learns from")
    found: dict[int, tuple[str, ByClass]] = {}
    for split in SPLITS:
        if split not in folder_of:
            continue
        folder = folder_of[split]
        listing = inside[folder]
        if listing.files:
            raise refuse(
                f"{shortened(min(listing.files))} is a file, and not a folder for each class",
                "move it into its class' folder",
            )
        if not listing.folders:
            raise refuse(f"{_named([folder])} is empty", "put a folder for each class there")
        within = [splits_named(posixpath.basename(each)) for each in listing.folders]
        if all(within) and not frozenset.intersection(*within):
            raise refuse(
                f"{_named([folder])} holds {_named(listing.folders)}, which seem to be splits, too",
                "let it hold a folder for each class",
            )
        classes = _classes(tree, listing)
        train = next(iter(found.values()), (folder, classes))[1]
        if lacking := sorted(set(classes) - set(train)):
            raise refuse(
                f"{_named([folder])} has the class {lacking[0]}, which train lacks",
                "give train pictures of it, or take it away",
            )
        found[SPLITS.index(split)] = folder, classes
    return found


def _unusual_names(
    splits: Mapping[int, tuple[str, ByClass]], inside: Mapping[str, Listing]
) -> list[str]:
    pairs = [(SPLITS[split], inside[folder].path) for split, (folder, _) in splits.items()]
    if all(posixpath.basename(path) == split for split, path in pairs):
        return []
    return [", ".join(f"{split} is {printable(path)}/" for split, path in pairs)]


def _classes(tree: Tree, parent: Listing, *, check_splits: bool = False) -> ByClass:
    classes: ByClass = {}
    folder_of: dict[str, str] = {}
    for folder in sorted(parent.folders):
        where = shown(tree.root, folder)
        name = class_name(posixpath.basename(folder), where)
        if name in classes:
            raise InputError(
                f"{where}: in Unicode's form NFC its name equals that of another folder "
                f"({folder_of[name]!a} and {folder!a}); put both classes into one"
            )
        folder_of[name] = folder
        listing = tree.listing(folder, parent.line)
        if check_splits:
            _refuse_splits_within_a_class(listing, where)
        classes[name] = tree.files_within(listing)
        if not classes[name]:
            raise InputError(
                f"{where}: the class has no pictures; put some there, or remove the folder"
            )
    return classes


def _same_inside(classes: ByClass) -> list[str]:
    """Says so if all classes hold the same folders and nothing else, as splits do.

    Their names may say it in a language that `splits_named` does not know.
    """
    inside = {
        frozenset(path.split("/", 2)[1] if path.count("/") > 1 else "" for path in paths)
        for paths in classes.values()
    }
    (within, *others) = inside
    if others or "" in within or len(classes) == 1 or len(within) == 1:
        return []
    return [
        f"{_named(classes)} are classes, though each holds the folders {_named(within)}, as splits "
        "would; if they are splits, name them train, validation and test"
    ]


def _refuse_splits_within_a_class(listing: Listing, where: str) -> None:
    like_splits = _like_splits(listing.folders)
    if like_splits and not frozenset.intersection(*like_splits.values()):
        folder = posixpath.basename(listing.path)
        raise InputError(
            f"{where}: holds the folders {_named(like_splits)}, which seem to be splits within a "
            f"class. For splits: put the class into them (train/{folder}, test/{folder}). For one "
            "class of all that is there: set prepare.split_folders to false"
        )


def _named(folders: Iterable[str], most: int = 4) -> str:
    """The folders' own names, the first few of them, as a list in a sentence."""
    names = [shortened(posixpath.basename(folder)) for folder in sorted(folders)]
    if len(names) > most:
        names[most - 1 :] = [f"{len(names) - most + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
