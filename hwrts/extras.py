"""What ``pip install hwrts`` leaves out: libraries of single commands, each set an extra of the package."""

from importlib.util import find_spec

from hwrts.errors import HwrtsError

EXTRAS = {"sweep": ("optuna", "plotly", "pyarrow"), "cluster": ("distributed",), "video": ("av",)}


def missing(extra: str) -> list[str]:
    """Libraries of an extra that are not installed."""
    return [name for name in EXTRAS[extra] if find_spec(name) is None]


def need(extra: str, what: str) -> None:
    """Refuse what cannot be done without an extra.

    Args:
        extra: Its name.
        what: What needs it, for the message.

    Raises:
        HwrtsError: One of its libraries is not installed.
    """
    if absent := missing(extra):
        raise HwrtsError(f"{what}: {', '.join(absent)} not installed; pip install 'hwrts[{extra}]'")
