"""What a node says to the operators around it: all that the rewrites of a graph ask of it."""

from typing import TYPE_CHECKING, ClassVar, Self

from torch import Tensor

if TYPE_CHECKING:
    from hwrts.graph.operators.affine import Affine
    from hwrts.graph.operators.conv import Conv

Limits = tuple[float | None, float | None]
"""The smallest and the largest value of a tensor, None where there is no limit on that side."""


class Neighbour:
    """A node of the graph, an input or an operator.

    A rewrite walks the graph and asks; it knows no kind of operator. What stands here is the answer of a node
    that cannot do it. That is right for every operator: it then stays as it is, and computes the same.
    """

    KERNELS: ClassVar[bool] = False
    """Whether it multiplies by kernels of its own: what is constant around it costs nothing in these."""
    REARRANGES: ClassVar[bool] = False
    """Whether all codes of its source are in its result, and no others: what is done to each of them alone
    is then done in front of it. One that does not say so is right, and costs the bit that a ReLU saves."""
    LETS_FACTORS_THROUGH: ClassVar[bool] = False
    """Whether factors above 0 of the channels of all its sources are those of its result."""

    relu = False
    """Whether its result is max(0, .) of what it computes."""
    zero_on_flat = False
    """Whether what it makes of a flat picture is taken from what it makes of any (``networks.held``)."""

    @property
    def limits(self) -> Limits | None:
        """Between which values it passes on what it reads, if that is all it does."""
        return None

    @property
    def signs(self) -> tuple[int, ...] | None:
        """1 or -1 for each source if it is nothing but their sum, or a difference."""
        return None

    @property
    def linear(self) -> bool:
        """Whether it is a weighted sum of what it reads, apart from its own rounding."""
        return self.signs is not None

    @property
    def filters(self) -> bool:
        """Whether it is part of a chain that is one kernel: what that does to one pixel says all of it."""
        return False

    @property
    def rows(self) -> Tensor | None:
        """Its kernels, a row (O, T) for each channel of its result, if all of a source meets all of them."""
        return None

    @property
    def row_taps(self) -> Tensor:
        """Which weights of its ``rows`` there are, (O, T) of bools: the others are 0 and stay so."""
        raise NotImplementedError(type(self).__name__)

    def meets_taps(self, x: Tensor) -> Tensor:
        """What a row is multiplied by, (N, T, P), of a source (N, I, H, W); only of what has ``rows``."""
        raise NotImplementedError(type(self).__name__)

    @property
    def foldable(self) -> "Conv | None":
        """Itself, if its numbers may become those of another convolution."""
        return None

    def with_factors(self, made: Tensor | None, read: Tensor | None) -> Self | None:
        """The same with factors above 0 on its channels, and reading a source that has such; None if not.

        Args:
            made: (O,), or None for none.
            read: (I,), which it takes back, or None for none.
        """
        return None

    @property
    def without_factor(self) -> tuple[int, ...]:
        """Channels of its source that can have none, where the others can."""
        return ()

    def with_relu(self) -> Self | None:
        """The same with a ReLU behind it."""
        return None

    def times(self, factor: float) -> Self | None:
        """The same with a factor behind it, in its own numbers."""
        return None

    def before(self, constant: "Affine") -> "Affine | None":
        """The constant that does in front of it what this one does behind it."""
        return None

    def without_passing(self) -> "tuple[Self, tuple[int, ...]] | None":
        """The same without a ReLU and less by what each row passes on of one channel, and those channels.

        None if a row passes nothing on, or if its numbers are not free.
        """
        return None

    def branch(self, sign: int, channels: int, like: "Conv") -> "Conv | None":
        """A convolution of what it reads that makes what it makes, times a sign.

        Args:
            sign: 1 or -1.
            channels: Of its result.
            like: Has the type and device of all numbers.
        """
        return None

    def without_channels(self, kept: Tensor) -> Self | None:
        """The same for a source that has no more than some channels, where the others were 0.

        Args:
            kept: Numbers (C,) of those channels.
        """
        return None
