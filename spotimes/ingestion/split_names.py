"""Which split a folder's name speaks of, however it is spelt: `training_set`, `val2017`, `Test`."""

import re
from collections import defaultdict
from collections.abc import Iterable

from spotimes.dataset.prepared import SplitName

_TEST_OR_VALIDATION: frozenset[SplitName] = frozenset(("test", "validation"))
_SPLITS: dict[str, frozenset[SplitName]] = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), frozenset(("train",))),
    **dict.fromkeys(
        ("val", "valid", "validate", "validating", "validation", "dev", "devel", "development"),
        frozenset(("validation",)),
    ),
    **dict.fromkeys(("test", "tests", "testing", "tst"), frozenset(("test",))),
    # People disagree on which of the two these are.
    **dict.fromkeys(("eval", "evaluation", "holdout"), _TEST_OR_VALIDATION),
    **dict.fromkeys(("fold", "folds", "split"), frozenset(("train", *_TEST_OR_VALIDATION))),
}
_GLUED = r"(?:data(?:set)?s?|sets?|images?|imgs?|pics?|pictures?|photos?|samples?|files?|dir)"
_SPLIT_WORD = re.compile(rf"{_GLUED}?({'|'.join(sorted(_SPLITS, key=len, reverse=True))}){_GLUED}?")
_LETTERS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"[A-Z]?[a-z]+")
_WITHIN_WORDS: dict[str, SplitName] = {"train": "train", "val": "validation", "test": "test"}
_ENDING = "(?:ing|id|idation)?"


def splits_named(name: str) -> frozenset[SplitName]:
    """The splits that a folder of this name could be; none where it speaks of none.

    For example, `splits_named("TrainingSet")` is `{"train"}`, and that of `eval_images` is
    `{"test", "validation"}`.
    """
    words = [*_LETTERS.findall(name.lower()), *map(str.lower, _CAMEL.findall(name))]
    found = (_SPLIT_WORD.fullmatch(word) for word in words)
    return frozenset().union(*(_SPLITS[each[1]] for each in found if each))


def splits_named_together(names: Iterable[str]) -> dict[str, frozenset[SplitName]]:
    """The splits that folders beside each other could be, by the name.

    What no name says alone, two do that differ in nothing but the split: `xtrain` and `xtest`.
    """
    found = {name: splits_named(name) for name in names}
    named: defaultdict[tuple[str, str], dict[str, SplitName]] = defaultdict(dict)
    for name in found:
        for word, split in _WITHIN_WORDS.items():
            for match in re.finditer(word + _ENDING, name.lower()):
                rest = name.lower()[: match.start()], name.lower()[match.end() :]
                named[rest][name] = split
    for splits in named.values():
        if len(set(splits.values())) > 1:
            for name, split in splits.items():
                found[name] |= {split}
    return found
