"""What --split-screen, --side-by-side and --zoom say of how a result is shown."""

from hwrts.data.looking import SWEEP, Box, Look
from hwrts.errors import ConfigError


def look_of(split: str | None, zoom: str | None, *, side_by_side: bool) -> Look:
    """How a result is shown.

    Raises:
        ConfigError: A word that says no look.

    >>> look_of("0.5", "8,4,32,16", side_by_side=False)
    Look(split=0.5, side_by_side=False, zoom=Box(left=8, top=4, width=32, height=16))
    """
    if split is not None and side_by_side:
        raise ConfigError("--split-screen and --side-by-side: are two looks; leave one of them out")
    return Look(
        None if split is None else _share(split), side_by_side, None if zoom is None else box_of(zoom)
    )


def check_still(look: Look, scale: int | None) -> None:
    """Refuse what pictures can't be shown as.

    Args:
        look: How they should be.
        scale: How much larger they become; None of a network that makes pictures of another size.

    Raises:
        ConfigError: With the flag.
    """
    if look.split == SWEEP:
        raise ConfigError(f"--split-screen {SWEEP}: a picture stands still; give a place, such as 0.5")
    if scale is None and not look.plain:
        raise ConfigError(
            "--split-screen, --side-by-side and --zoom: need a result that lies on the original, and the "
            "network makes pictures of another size; leave them out"
        )


def _share(text: str) -> float | str:
    if text == SWEEP:
        return text
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(
            f"--split-screen {text}: is no place of a line; give 0 (left) to 1, or {SWEEP} for clips"
        )
    return share


def box_of(text: str) -> Box:
    """A piece, as --zoom has it.

    Raises:
        ConfigError: It is none.
    """
    try:
        left, top, width, height = map(int, text.split(","))
    except ValueError:
        left = top = width = height = -1
    if min(left, top) < 0 or min(width, height) < 1:
        raise ConfigError(f"--zoom {text}: is no piece; give X,Y,W,H in pixels of the input, as 64,32,48,27")
    return Box(left, top, width, height)
