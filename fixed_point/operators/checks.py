"""What is refused of names and numbers, of operators and inputs alike."""

from ..errors import HwrtsError


def check_name(name: object, known: set[str]) -> None:
    """Refuse what is no name of a tensor, or is known already; else it is known from here on.

    Args:
        name: What is to be one.
        known: Names that are taken; it is added to them.

    Raises:
        HwrtsError: It is none, or is taken.
    """
    if not isinstance(name, str) or not name or not name.isprintable():
        raise HwrtsError(f"network: {name!r} is not a name; use one or more printable characters")
    if name in known:
        raise HwrtsError(f"network: the name {name!r} is used twice; each tensor needs its own")
    known.add(name)


def check_whole(where: str, what: str, value: object, low: int, high: int) -> None:
    """A plain int in a range; NumPy integers are refused because they can't be written to JSON.

    Args:
        where: Whose number it is, for the message.
        what: Which one.
        value: The number.
        low: The least that it may be.
        high: The largest.

    Raises:
        HwrtsError: It is not in that range, or no plain int.
    """
    if type(value) is not int or not low <= value <= high:
        raise HwrtsError(f"{where}: {what} {value!r} is not allowed; use a whole number, {low}..{high}")
