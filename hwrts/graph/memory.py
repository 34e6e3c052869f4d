"""Tensors that lie in the same memory: a part of a tensor is changed where the whole one is overwritten."""

from collections.abc import Iterable
from typing import Any

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.cut import Cut


class Memory:
    """Which traced tensors are parts of others, so that overwriting one of them changes those too.

    A graph has no memory: a value that was changed behind its back is refused where it is read.
    """

    def __init__(self) -> None:
        self._cuts: dict[str, Cut] = {}
        self._overwritten: set[str] = set()
        self._changed: set[str] = set()
        self._late: dict[str, str] = {}

    def read(self, made: Any, place: str) -> None:
        """Note what is made of which tensors, and whether one of them was changed behind its back."""
        changed = self._changed
        if isinstance(made, Cut):  # of several parts, one may be asked for after all were overwritten
            changed = changed | self._overwritten
            self._cuts[made.name] = made
        if changed.intersection(getattr(made, "sources", ())):
            self._late[made.name] = place

    def check(self, needed: Iterable[str]) -> None:
        """Refuse values that were changed behind their back, where they matter.

        Args:
            needed: The tensors that the output depends on.

        Raises:
            UnsupportedOperatorError: One of them was made of such a value.
        """
        for name in needed:
            if name in self._late:
                raise UnsupportedOperatorError(
                    f"{self._late[name]}: reads what was overwritten through another name of its memory; "
                    "near split and slices, leave out inplace=True and the underscore of methods"
                )

    def overwrite(self, old: str, new: str) -> None:
        """Note that a tensor is overwritten: what it was cut from, and what was cut from it, change too."""
        if old == new:  # passed on as it is
            return
        self._overwritten.add(old)
        self._changed |= self._within(old)
        cut = self._cuts.get(old)
        while cut is not None:
            (source,) = cut.sources
            self._changed.add(source)
            for other in self._cuts.values():
                if _may_overlap(cut, other):
                    self._changed |= {other.name, *self._within(other.name)}
            cut = self._cuts.get(source)

    def _within(self, name: str) -> set[str]:
        """All that was cut from a tensor, and from its parts."""
        found = {cut.name for cut in self._cuts.values() if cut.sources == (name,)}
        return found.union(*(self._within(each) for each in found))


def _may_overlap(cut: Cut, other: Cut) -> bool:
    """Whether two different cuts of one tensor can have a channel in common: parts of one split have none."""
    if other is cut or other.sources != cut.sources:
        return False
    one_split = cut.parts is not None and other.parts is not None and cut.parts[0] == other.parts[0]
    return not one_split or cut.parts == other.parts
