"""The integer network: the single source of truth that every emitter and witness reads."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError
from .formats import Format
from .requantize import Rounding
from .steps import halo, scales_of, steps_of


@dataclass(frozen=True)
class Input:
    """A tensor that is fed from outside: codes (H, W, channels) of a format."""

    name: str
    channels: int
    out: Format


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution, stride 1, size kept by zero padding, then one requantisation per channel.

    Attributes:
        name: Name of the tensor it makes.
        source: Name of the tensor it reads.
        weight_i8: Codes (O, I, K, K) int8, symmetric.
        weight_frac: Fraction bits of each output channel's weights, (O,) int32.
        bias_i32: Codes (O,) int32 on the accumulator's grid, fraction bits source.frac + weight_frac (eq. 3).
        out: Format of the result; unsigned means that a ReLU is part of it.
        weight_bits: Width that the weight codes fit in, 2..8.
    """

    name: str
    source: str
    weight_i8: NDArray[np.int8]
    weight_frac: NDArray[np.int32]
    bias_i32: NDArray[np.int32]
    out: Format
    weight_bits: int = 8

    def __post_init__(self) -> None:
        # Read-only copies: an array shared with a training framework would change after its proof.
        for field in ("weight_i8", "weight_frac", "bias_i32"):
            owned = np.array(getattr(self, field), order="C")
            owned.flags.writeable = False
            object.__setattr__(self, field, owned)

    def acc_frac(self, source: Format) -> NDArray[np.int64]:
        """Fraction bits of each output channel's accumulator for a source of that format, (O,) (eq. 3)."""
        return source.frac + self.weight_frac.astype(np.int64)

    def shift(self, source: Format) -> NDArray[np.int64]:
        """Bits that requantising each output channel drops, (O,); negative ones are added (eq. 4)."""
        return self.acc_frac(source) - self.out.frac

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)


@dataclass(frozen=True)
class Add:
    """Sum of two tensors of the same shape, requantised once (eq. 6)."""

    name: str
    sources: tuple[str, str]
    out: Format


@dataclass(frozen=True)
class DepthToSpace:
    """Channels to pixels by ``block``; codes and format stay (eq. 7)."""

    name: str
    source: str
    block: int

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)


@dataclass(frozen=True)
class Repeat:
    """Pixel repetition by ``factor``; codes and format stay (eq. 8)."""

    name: str
    source: str
    factor: int

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)


Layer = Conv | Add | DepthToSpace | Repeat


@dataclass(frozen=True, eq=False)
class Network:
    """Integers, shifts and formats of a whole network, in the order of computation.

    Constructing one checks it: names, sources, channel counts, code ranges, and that no accumulator can
    reach 2**31 (ONNX Runtime's int32 would wrap silently). All inputs have the same height and width.

    Attributes:
        inputs: Tensors fed from outside; a picture network has one, on the pixel grid.
        layers: Layers in an order in which every source comes first; the last one is the output.
        rounding: The tie rule of every requantisation.
    """

    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    rounding: Rounding = Rounding.HALF_EVEN

    def __post_init__(self) -> None:
        from .check import check_network  # the checks read this module's classes

        check_network(self)

    @property
    def output(self) -> str:
        """Name of the output tensor."""
        return self.layers[-1].name

    @cached_property
    def formats(self) -> dict[str, Format]:
        """Format of every tensor by name."""
        formats = {tensor.name: tensor.out for tensor in self.inputs}
        for layer in self.layers:
            if isinstance(layer, Conv | Add):
                formats[layer.name] = layer.out
            else:
                formats[layer.name] = formats[layer.source]
        return formats

    @cached_property
    def channels(self) -> dict[str, int]:
        """Channel count of every tensor by name."""
        channels = {tensor.name: tensor.channels for tensor in self.inputs}
        for layer in self.layers:
            count = channels[layer.sources[0]]
            if isinstance(layer, Conv):
                count = layer.weight_i8.shape[0]
            elif isinstance(layer, DepthToSpace):
                count //= layer.block**2
            channels[layer.name] = count
        return channels

    @cached_property
    def scales(self) -> dict[str, int]:
        """Size of every tensor relative to the input: 2 means twice the height and width."""
        return scales_of(steps_of(self))

    @property
    def convs(self) -> tuple[Conv, ...]:
        """The convolutions, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Conv))

    @property
    def halo(self) -> int:
        """Input pixels on each side that an output pixel depends on.

        A tile cut out with this margin on each inner side gives the same output codes as the whole picture.
        """
        return halo(steps_of(self))

    def layer(self, name: str) -> Layer:
        """The layer that makes the tensor ``name``.

        Raises:
            HwrtsError: No layer has that name.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise HwrtsError(f"network: no layer named {name!r}; it has {known}")

    def single(self, name: str) -> "Network":
        """The one-layer network of ``name``, fed with the codes of its sources."""
        layer = self.layer(name)
        sources = dict.fromkeys(layer.sources)
        inputs = tuple(Input(source, self.channels[source], self.formats[source]) for source in sources)
        return Network(inputs, (layer,), self.rounding)
