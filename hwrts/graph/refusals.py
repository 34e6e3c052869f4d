"""All that stands in the way of a module in one line, and which of several refusals says most."""

from collections.abc import Sequence

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.operators.call import RefusedCallError

_MOST = 8
"""Refusals that a line names: more than a reader takes in; the others are counted."""


class UntraceableError(UnsupportedOperatorError):
    """A forward that a door cannot follow: nobody knows which operators it has."""


class RefusedOperatorsError(UnsupportedOperatorError):
    """Operators that stand in the way.

    Attributes:
        count: How many different reasons there are.
        listed: Whether the line ends with the list of what is allowed.
    """

    def __init__(self, text: str, count: int, *, listed: bool) -> None:
        super().__init__(text)
        self.count, self.listed = count, listed


def gathered(kind: str, refusals: Sequence[UnsupportedOperatorError]) -> UnsupportedOperatorError:
    """One error of one or more refusals; a single one stays as it is.

    Args:
        kind: Class of the module.
        refusals: In the order of the module.

    >>> from hwrts.graph.operators.call import RefusedCallError
    >>> print(gathered("Net", [RefusedCallError("'a'", "no"), RefusedCallError("'b'", "why; use c")]))
    Net: 2 operators stand in the way: (1) 'a': no; (2) 'b': why; use c
    """
    places: dict[tuple[str, str], list[str]] = {}
    for refusal in refusals:
        if isinstance(refusal, RefusedCallError):
            places.setdefault((refusal.why, refusal.allowed), []).append(refusal.where)
        else:
            places.setdefault((str(refusal), ""), []).append("")
    if len(places) == 1:
        return refusals[0]
    shown = [
        f"({number}) {_places(where)}{why}"
        for number, ((why, _), where) in enumerate(list(places.items())[:_MOST], 1)
    ]
    more = f"; and {len(places) - _MOST} more" if len(places) > _MOST else ""
    allowed = next((allowed for _, allowed in places if allowed), "")
    text = f"{kind}: {len(places)} operators stand in the way: {'; '.join(shown)}{more}{allowed}"
    return RefusedOperatorsError(text, len(places), listed=bool(allowed))


def _places(where: Sequence[str]) -> str:
    """Where one reason stands: the first place, and how many others."""
    others = f" and {len(where) - 1} more" if len(where) > 1 else ""
    return f"{where[0]}{others}: " if where[0] else ""


def better(
    first: UnsupportedOperatorError | None, second: UnsupportedOperatorError
) -> UnsupportedOperatorError:
    """That of two doors' refusals which says more: names instead of none, fewer of them, no list."""
    return second if first is None or _rank(second) < _rank(first) else first


def _rank(error: UnsupportedOperatorError) -> tuple[int, bool]:
    if isinstance(error, UntraceableError):
        return 1 << 16, True
    if isinstance(error, RefusedOperatorsError):
        return error.count, error.listed
    return 1, isinstance(error, RefusedCallError) and bool(error.allowed)
