"""What is looked at beside one another: pictures, clips at some of their moments, or one through networks.

Letters: H rows, W columns, S how much larger a view is than what is seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwrts.data import MAX_MEGAPIXELS, read_image
from hwrts.data.depth import Codes
from hwrts.errors import DataError
from hwrts.video.layout import Layout, Pixels, Planes


@dataclass(frozen=True)
class Moment:
    """A picture, or a frame of a clip, in all views.

    Attributes:
        name: When it is shown; nothing of a picture.
        seen: What the views were made of, (H, W, 3): the first one, or what networks see.
        made: The views, (SH, SW, 3) with an S of their own.
        before: Of a clip, the frame just before this one; None of its first, and of a picture.
        frame: Of a clip, the planes of the first view, and what they are.
        networks: Of each view what its network saw and made, where that is not ``seen`` and the view.
    """

    name: str
    seen: Codes
    made: tuple[Codes, ...]
    before: "Moment | None" = None
    frame: tuple[Layout, Planes] | None = None
    networks: "tuple[Made, ...]" = ()

    def bits(self, index: int) -> int:
        """Of what :meth:`of` gives."""
        return self.networks[index].bits if self.networks else 8

    def of(self, index: int) -> tuple[Pixels, Pixels]:
        """What a view was made of and its network's codes, whose change from frame to frame is flicker."""
        if not self.networks:
            return self.seen, self.made[index]
        return self.networks[index].seen, self.networks[index].codes


@dataclass(frozen=True)
class Made:
    """What a network makes of a moment.

    Attributes:
        view: As it is shown, (SH, SW, 3).
        seen: What the network saw, (H, W, C).
        codes: What it made of that, (SH, SW, C).
        bits: Of both.
    """

    view: Pixels
    seen: Pixels
    codes: Pixels
    bits: int = 8


Make = Callable[[Moment], Made]


@dataclass(frozen=True)
class Moments:
    """Some moments, one after another.

    Attributes:
        count: How many, as far as the files say.
        each: Themselves, made when they are asked for.
        clips: Whether they are frames.
        found: What could not be read, when they are through.
    """

    count: int
    each: Iterator[Moment]
    clips: bool
    found: list[str]


def of_pictures(paths: Sequence[Path], max_megapixels: int = MAX_MEGAPIXELS) -> Moments:
    """One moment: pictures as 8-bit sRGB codes, transparency over white.

    Raises:
        DataError: One can't be read.
    """
    made = tuple(read_image(path, max_megapixels) for path in paths)
    return Moments(1, iter([Moment("", made[0], made)]), False, [])


def through(moments: Moments, networks: Sequence[Make]) -> Moments:
    """What is seen through several networks, in the place of the views."""

    def of(moment: Moment) -> Moment:
        made = tuple(network(moment) for network in networks)
        before = moment.before and of(moment.before)
        return Moment(moment.name, moment.seen, tuple(each.view for each in made), before, networks=made)

    return Moments(moments.count, map(of, moments.each), moments.clips, moments.found)


def of_colours(network: Callable[[Codes], Codes]) -> Make:
    """A network of what is seen, (H, W, 3)."""

    def make(moment: Moment) -> Made:
        made = network(moment.seen)
        return Made(made, moment.seen, made)

    return make


def page_size(shapes: Sequence[tuple[int, ...]], names: Sequence[str]) -> tuple[int, int]:
    """Rows and columns of the largest view, of which every other is a whole part.

    Args:
        shapes: Of the views.
        names: Of them, for messages.

    Raises:
        DataError: One is none.

    >>> page_size([(20, 30, 3), (40, 60, 3)], ["low.png", "high.png"])
    (40, 60)
    """
    height, width = max((shape[0], shape[1]) for shape in shapes)
    for shape, name in zip(shapes, names, strict=True):
        times = height // shape[0]
        if (shape[0] * times, shape[1] * times) != (height, width):
            raise DataError(
                f"{name}: is {shape[1]}x{shape[0]}, and another is {width}x{height}; give pictures of one "
                "size, or some that are a whole number of times as large as the others"
            )
    return height, width


def enlarged(view: Any, size: Sequence[int]) -> Any:
    """A view with so many rows, or rows and columns, its pixels repeated."""
    times = size[0] // len(view)
    return view if times == 1 else view.repeat(times, 0).repeat(times, 1)
