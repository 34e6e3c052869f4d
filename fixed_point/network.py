"""The integer network: the single source of truth that every emitter and witness reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .errors import HwrtsError
from .formats import Format
from .layers import Conv, DepthToSpace, Input, Layer, Requantised
from .requantize import Rounding
from .steps import halo, scales_of, steps_of


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
        from .check import check_network  # the checks read this class

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
            if isinstance(layer, Requantised):
                formats[layer.name] = layer.out
            else:
                formats[layer.name] = formats[layer.source]
        return formats

    def formats_of(self, names: Iterable[str]) -> list[Format]:
        """Formats of some tensors, in that order."""
        return [self.formats[name] for name in names]

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
