"""Sets whole groups of images aside, so that of each class as nearly its share goes as can be."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

# Of groups that are tied by classes, in how many orders they are tried; of many groups in fewer,
# as the more there are the less the order matters.
ORDERS = 32
GROUPS_IN_ALL_ORDERS = 20_000

Contents = Mapping[int, Mapping[int, int]]  # by group, how many images it has of each class


def set_groups_aside(
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    shares: Sequence[int],
    seed: int,
    kept: int,
) -> npt.NDArray[np.bool_]:
    """Chooses whole groups at random, so that of each class about its share is chosen.

    Of each class at least one group is chosen and `kept` are not, where that can be found. Then the
    sum over the classes of the squared differences from the shares, each divided by the share, is
    made small: it is a local minimum, the least of several.

    Args:
        labels: int64, shape (images,).
        groups: int64, shape (images,).
        shares: of each class, how many images are to be chosen, at least 1.
        seed: of the choice; the same arguments, the same choice.
        kept: how many groups of each class are to be left.

    Returns:
        Shape (images,): whether an image is chosen.
    """
    contents: dict[int, dict[int, int]] = defaultdict(dict)
    pairs, counts = np.unique(np.stack([groups, labels]), axis=1, return_counts=True)
    for group, label, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
        contents[group][label] = count
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen: list[int] = []
    for tied in _tied_by_classes(contents):
        best = _Choice(contents, shares, kept, generator.permutation(tied).tolist())
        for _ in range(min(ORDERS, GROUPS_IN_ALL_ORDERS // len(tied)) - 1):
            if not any(best.fault()):
                break
            other = _Choice(contents, shares, kept, generator.permutation(tied).tolist())
            best = min(best, other, key=_Choice.fault)
        chosen += best.chosen
    return np.isin(groups, chosen)


def _tied_by_classes(contents: Contents) -> list[list[int]]:
    """The groups, each with all that share a class with it, or with another that does."""
    of_class: dict[int, list[int]] = defaultdict(list)
    for group, labels in contents.items():
        for label in labels:
            of_class[label].append(group)
    waiting = dict.fromkeys(contents)
    tied = []
    while waiting:
        together = [waiting.popitem()[0]]
        for group in together:
            for label in contents[group]:
                for each in of_class.pop(label, []):
                    if each in waiting:
                        del waiting[each]
                        together.append(each)
        tied.append(sorted(together))
    return sorted(tied)


class _Choice:
    """Of some groups those that are chosen, once each was taken or given back where that helps.

    Attributes:
        chosen: the groups.
    """

    def __init__(
        self, contents: Contents, shares: Sequence[int], kept: int, order: Sequence[int]
    ) -> None:
        self._shares = shares
        self._kept = kept
        self._images: dict[int, int] = defaultdict(int)  # that are chosen, by class
        self._groups: dict[int, int] = defaultdict(int)  # likewise
        self._left: dict[int, int] = defaultdict(int)  # groups that are not
        for group in order:
            for label in contents[group]:
                self._left[label] += 1
        is_chosen = dict.fromkeys(order, False)
        changes = True
        while changes:
            changes = False
            for group in order:
                step = -1 if is_chosen[group] else 1
                before = [self._fault_of(label) for label in contents[group]]
                self._move(contents[group], step)
                after = [self._fault_of(label) for label in contents[group]]
                if _sum(after) < (_sum(before)[0], _sum(before)[1] - 1e-9):
                    is_chosen[group] = step > 0
                    changes = True
                else:
                    self._move(contents[group], -step)
        self.chosen = [group for group, chosen in is_chosen.items() if chosen]

    def fault(self) -> tuple[int, float]:
        """How many groups are lacking, and by how much the shares are missed."""
        return _sum([self._fault_of(label) for label in self._left])

    def _fault_of(self, label: int) -> tuple[int, float]:
        lacking = max(0, 1 - self._groups[label]) + max(0, self._kept - self._left[label])
        return lacking, (self._images[label] - self._shares[label]) ** 2 / self._shares[label]

    def _move(self, images: Mapping[int, int], step: int) -> None:
        for label, count in images.items():
            self._images[label] += step * count
            self._groups[label] += step
            self._left[label] -= step


def _sum(faults: Sequence[tuple[int, float]]) -> tuple[int, float]:
    return sum(lacking for lacking, _ in faults), sum(missed for _, missed in faults)
