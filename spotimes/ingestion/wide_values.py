"""The values of a source's pictures of more than 8 bits a channel, and which of them are used."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from spotimes.errors import InputError
from spotimes.preprocessing.wide import Range, Values


class WideValues(NamedTuple):
    """Of all such pictures together, as far as they can be read.

    Attributes:
        pictures: how many there are.
        low: the lowest value.
        high: the highest one.
        of_type: what black and white would be by the kind of pixels alone; None if it does not
            say, or not the same for all.
        chosen: the values that become black and white; None takes those of the kind of pixels.
    """

    pictures: int
    low: float
    high: float
    of_type: Range | None
    chosen: Range | None

    @property
    def of_data(self) -> Range | None:
        """The lowest and the highest value; None if they are the same."""
        return (self.low, self.high) if self.low < self.high else None

    @property
    def ends(self) -> Range | None:
        """The values that become black and white; None if pictures differ in them."""
        return self.chosen or self.of_type


def together(
    where: str, values: Mapping[int, Values], wanted: str | Sequence[float]
) -> WideValues | None:
    """Sums up what was found in pictures.

    Args:
        where: the source.
        values: of each picture, by its index.
        wanted: `prepare.image.range`.

    Returns:
        None if there are no such pictures.

    Raises:
        InputError: the range of the data is wanted, and they have but one value.
    """
    if not values:
        return None
    low = min((each.low for each in values.values() if each.low == each.low), default=0.0)
    high = max((each.high for each in values.values() if each.high == each.high), default=0.0)
    types = {each.of_type for each in values.values()}
    of_type = types.pop() if len(types) == 1 else None
    chosen = None
    if wanted != "type":
        chosen = (low, high) if isinstance(wanted, str) else (wanted[0], wanted[1])
    if wanted == "data" and low == high:
        raise InputError(
            f"{where}: all pixels of more than 8 bits have the value {low:g}, so "
            "prepare.image.range cannot be data; let it be type or two numbers"
        )
    return WideValues(len(values), low, high, of_type, chosen)
