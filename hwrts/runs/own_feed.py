"""What a checked module is fed: photographs in, values of every input and output out."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from hwrts.data.depth import Samples
from hwrts.data.luma import OWN
from hwrts.data.planes import planes, said_of
from hwrts.errors import UnsupportedOperatorError
from hwrts.runs.own_ends import HOW, PIXELS, Given, Own, asked

# Letters of the shape comments: B pictures, C channels, H rows, W columns.


@dataclass(frozen=True)
class Feeder:
    """How a module is fed.

    Attributes:
        own: The module and what its file says.
        names: Of the graph's inputs, in their order.
        channels: Of each.
        states: Inputs that are an output of the frame before, and the place of that output, by name.
        step: What the sides of pictures must be multiples of.
        sizes: Of each input against the first.
    """

    own: Own
    names: tuple[str, ...]
    channels: tuple[int, ...]
    states: Mapping[str, int]
    step: int = 1
    sizes: tuple[Fraction, ...] = ()

    @torch.no_grad()
    def given(self, codes: Samples, device: str, frames: int = 0) -> Given:
        """What the module is called with for pixels (B, H, W, 3) of its bits.

        Args:
            codes: The pictures.
            device: Where the tensors go.
            frames: How many frames of the same picture come before, for what has a state.

        Raises:
            UnsupportedOperatorError: Nobody knows what the module takes.
        """
        if self.own.inputs is not None:
            given = asked(self.own, PIXELS.of_bits(self.own.bits).values(codes, device))
        else:
            given = Given(tuple(self._usual(codes, i, device) for i in range(len(self.names))))
        for _ in range(frames if self.states else 0):
            made = returned(given.call(self.own.module))
            tensors = list(given.tensors)
            for name, place in self.states.items():
                tensors[self.names.index(name)] = made[place]
            given = Given(tuple(tensors))
        return given

    def by_name(self, given: Given) -> dict[str, Tensor]:
        """What each input of the graph is fed."""
        return dict(zip(self.names, given.tensors, strict=True))

    @torch.no_grad()
    def outputs(self, given: Given) -> list[Tensor]:
        """What the module returns, in the order of the graph's outputs."""
        return returned(given.call(self.own.module))

    def said(self) -> str:
        """What photographs are fed as, if that is worth a line.

        Raises:
            UnsupportedOperatorError: Nobody knows what the module takes.
        """
        if self.own.inputs is not None:
            return "inputs: as the file's inputs() says"
        plain = {}
        for place, (name, count) in enumerate(zip(self.names, self.channels, strict=True)):
            if name in self.states:
                plain[name] = f"its output {self.states[name] + 1} of the frame before, 0 at first"
            elif (what := said_of(count, self._frames_before(place))) is not None:
                plain[name] = what if count > 1 or self.own.luma is OWN else f"{what} ({self.own.luma.said})"
            else:
                raise _unknown(name, count)
        if list(plain.values()) == ["the picture"]:
            return ""
        return (
            "inputs: " + ", ".join(f"{name} is fed {what}" for name, what in plain.items()) + f"; else {HOW}"
        )

    def _usual(self, codes: Samples, place: int, device: str) -> Tensor:
        name, channels = self.names[place], self.channels[place]
        size = self.sizes[place] if self.sizes else Fraction(1)
        if name in self.states:
            rows, columns = (int(side * size) for side in codes.shape[1:3])
            return torch.zeros(len(codes), channels, rows, columns, device=device)
        own, first = self.own, self._frames_before(place)
        made = planes(_resized(codes, size), channels, first, own.luma, own.bits)
        if made is None:
            raise _unknown(name, channels)
        return own.pixels.values(made, device)

    def _frames_before(self, place: int) -> int:
        """How many frames of the picture the inputs before this one are fed."""
        before = zip(self.names[:place], self.channels[:place], strict=True)
        return sum(max(1, count // 3) for name, count in before if name not in self.states)


def _unknown(name: str, channels: int) -> UnsupportedOperatorError:
    """What is said of an input that no photograph is known for."""
    return UnsupportedOperatorError(f"input {name!r}: has {channels} channels; {HOW}")


def _resized(codes: Samples, size: Fraction) -> Samples:
    """Pixels (B, H, W, 3) in another size: repeated, or one of each square."""
    step = size.denominator
    repeated = codes.repeat(size.numerator, axis=1).repeat(size.numerator, axis=2)
    return repeated[:, ::step, ::step]


def returned(made: object) -> list[Tensor]:
    """The tensors that a module returns, in their order.

    Raises:
        UnsupportedOperatorError: Something else than tensors.
    """
    several = list(made.values()) if isinstance(made, Mapping) else made
    tensors = [several] if isinstance(several, Tensor) else several
    holding = ""
    if isinstance(tensors, tuple | list):
        others = [type(each).__name__ for each in tensors if not isinstance(each, Tensor)]
        if not others:
            return list(tensors)
        holding = f" that holds a {others[0]}"
    raise UnsupportedOperatorError(
        f"returns a {type(made).__name__}{holding}; a module must return a tensor, or a tuple, list or "
        "dictionary of tensors"
    )
