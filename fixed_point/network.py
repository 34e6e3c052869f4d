"""The integer network: the single source of truth that every emitter and witness reads."""

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TypeVar

from .bounds import Bounds, check_bounds
from .codes import Input
from .errors import HwrtsError
from .formats import Format
from .inputs import check_input, check_outputs
from .operators import OPERATORS, Conv, Layer
from .operators.checks import check_name
from .operators.operator import Operator
from .operators.requantised import Requantised, layer_bounds
from .operators.tensor import Tensor, check_sizes, fed, plain
from .requantize import Rounding
from .rules import RoundingRules
from .sizes import check_sides, legal_sides
from .steps import Step, halo, multiple_of, smallest_of, whole_frame

Kind = TypeVar("Kind", bound=Operator)

_MAX_LAYERS = 4096  # the deepest of the field have a few hundred


@dataclass(frozen=True, eq=False)
class Network:
    """Integers, shifts and formats of a whole network, in the order of computation.

    Constructing one checks it: names, sources, channel counts, code ranges, and that no accumulator can
    reach 2**31 (ONNX Runtime's int32 would wrap silently). All inputs have the same height and width.

    Attributes:
        inputs: Tensors fed from outside; most picture networks have one, on the pixel grid.
        layers: Layers in an order in which every source comes first.
        rounding: The tie rule of convolutions and of what is computed as one, of all if no other is named.
        bounds: What the accumulators of every layer that computes can be, by name.
        outputs: Names of the layers that are given to the outside, in that order; if none is named, the
            last layer.
        additions: The tie rule of every other requantisation; None is ``rounding``.

    Raises:
        HwrtsError: The first fact that does not hold, with the layer's name and what is allowed.
    """

    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    rounding: Rounding = Rounding.HALF_EVEN
    bounds: dict[str, Bounds] = field(init=False, repr=False)
    outputs: tuple[str, ...] = ()
    additions: Rounding | None = None
    like: InitVar["Network | None"] = None
    """A network whose proofs are taken over for the layers that stand in this one as well."""

    def __post_init__(self, like: "Network | None") -> None:
        self._check_alone()
        object.__setattr__(self, "outputs", self.outputs or (self.layers[-1].name,))
        check_outputs(self.outputs, [layer.name for layer in self.layers])
        object.__setattr__(self, "bounds", self._proved(self.tensors, like))
        check_sizes(self.tensors.values(), part=like is not None)

    def _check_alone(self) -> None:
        """Names, sources, and what can be said of each layer without knowing what it reads."""
        if not self.inputs or not self.layers:
            raise HwrtsError("network: it needs at least one input and one layer")
        for rule in self.rules:
            if not isinstance(rule, Rounding):
                raise HwrtsError(f"network: rounding {rule!r} is not a member of Rounding")
        if (count := len(self.inputs) + len(self.layers)) > _MAX_LAYERS:
            raise HwrtsError(
                f"network: {count} inputs and layers are not supported; use at most {_MAX_LAYERS}"
            )
        known: set[str] = set()
        for tensor in self.inputs:
            check_input(tensor, known, first=tensor is self.inputs[0])
        for layer in self.layers:
            for source in layer.sources:
                if source not in known:
                    raise HwrtsError(
                        f"layer {layer.name!r}: its source {source!r} is not made before it; order layers so"
                    )
            check_name(layer.name, known)
            if type(layer) not in OPERATORS.values():
                names = ", ".join(OPERATORS)
                raise HwrtsError(f"layer {layer.name!r}: {type(layer).__name__} is no layer; use {names}")
            layer.check()

    def _proved(self, tensors: Mapping[str, Tensor], like: "Network | None") -> dict[str, Bounds]:
        """The bounds of each layer that computes; making the tensors has shown that it can read them."""
        bounds: dict[str, Bounds] = {}
        for layer in self.requantised:
            sources = [tensors[source].out for source in layer.sources]
            known = like and like._known(layer, sources, self.rule_of(layer))
            bounds[layer.name] = known or layer_bounds(layer, sources, self.rule_of(layer))
            check_bounds(layer.where, bounds[layer.name], layer.shift(*sources))
        return bounds

    def _known(self, layer: Requantised, sources: list[Format], rounding: Rounding) -> Bounds | None:
        """The bounds of that very layer, if it stands here too, reads the same and rounds alike."""
        alike = self.rule_of(layer) is rounding and any(own is layer for own in self.layers)
        return self.bounds[layer.name] if alike and self.formats_of(layer.sources) == sources else None

    @property
    def rules(self) -> RoundingRules:
        """The tie rules of all operators."""
        return RoundingRules.of(self.rounding, self.additions)

    def rule_of(self, layer: Operator) -> Rounding:
        """The tie rule of a layer; one that only moves codes has no use for it."""
        return self.rules.rule_of(layer)

    @property
    def output(self) -> str:
        """Name of the output tensor, of several the first."""
        return self.outputs[0]

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Channels, size and format of every tensor by name."""
        tensors = {each.name: fed(each) for each in self.inputs}
        for layer in self.layers:
            tensors[layer.name] = layer.made(*(tensors[source] for source in layer.sources))
        return tensors

    @cached_property
    def formats(self) -> dict[str, Format]:
        """Format of every tensor by name."""
        return {name: tensor.out for name, tensor in self.tensors.items()}

    def formats_of(self, names: Iterable[str]) -> list[Format]:
        """Formats of some tensors, in that order."""
        return [self.formats[name] for name in names]

    @cached_property
    def channels(self) -> dict[str, int]:
        """Channel count of every tensor by name."""
        return {name: tensor.channels for name, tensor in self.tensors.items()}

    @cached_property
    def scales(self) -> dict[str, int | Fraction]:
        """Size of every tensor relative to the input: 2 means twice as large, 1/2 half, 0 one pixel."""
        return {name: plain(tensor.scale) for name, tensor in self.tensors.items()}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Its shape without its numbers, inputs first."""
        made = [
            *((each.name, (), each.window) for each in self.inputs),
            *((each.name, each.sources, each.window) for each in self.layers),
        ]
        channels, outs = self.channels, self.formats
        return tuple(Step(name, read, window, channels[name], outs[name].bits) for name, read, window in made)

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """Every layer of a kind, in order: where those alone are the subject, and none is forgotten by it."""
        return tuple(layer for layer in self.layers if isinstance(layer, kind))

    @property
    def requantised(self) -> tuple[Requantised, ...]:
        """The layers that compute, in order; the others move codes."""
        return tuple(layer for layer in self.layers if isinstance(layer, Requantised))  # an abstract kind

    @property
    def convs(self) -> tuple[Conv, ...]:
        """The convolutions, in order."""
        return self.of(Conv)

    @property
    def streamable(self) -> bool:
        """Whether it runs row by row: no layer needs the whole picture, inputs have one size or a pixel."""
        return not whole_frame(self.steps) and all(each.grow == each.shrink for each in self.inputs)

    @property
    def halo(self) -> int:
        """Input pixels on each side that an output pixel depends on.

        A tile cut out with this margin on each inner side, or more, gives the same output codes as the whole
        picture, if it begins and ends at multiples of ``multiple``.

        Raises:
            HwrtsError: It depends on the whole picture, as of a network that is not streamable.
        """
        return halo(self.steps)

    @cached_property
    def multiple(self) -> int:
        """What the height and width of a picture must be a multiple of."""
        return multiple_of(self.steps)

    @cached_property
    def smallest(self) -> tuple[int, int]:
        """Height and width that a picture must have at least."""
        return smallest_of(self.steps)

    def size_of(self, name: str, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of a tensor, for a picture of that size."""
        scale, lacks = self.tensors[name].shape
        return int(scale * height) - lacks[0], int(scale * width) - lacks[1]

    def legal_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest picture that it takes and that holds one of that size: where to pad it to."""
        return legal_sides(self.multiple, self.smallest, height, width)

    def check_size(self, height: int, width: int) -> None:
        """Refuse a picture that the network cannot take.

        Raises:
            HwrtsError: Its sides are no multiples of ``multiple``, or below ``smallest``.
        """
        check_sides(self.multiple, self.smallest, height, width)

    def layer(self, name: str) -> Layer:
        """The layer that makes the tensor ``name``.

        Raises:
            HwrtsError: No layer has that name.
        """
        known = {layer.name: layer for layer in self.layers}
        if name not in known:
            raise HwrtsError(f"network: no layer named {name!r}; it has {', '.join(known)}")
        return known[name]

    def single(self, name: str) -> "Network":
        """The one-layer network of ``name``, fed with the codes of its sources."""
        layer = self.layer(name)
        sources, like = dict.fromkeys(layer.sources), layer.window.like
        inputs = tuple(
            Input(
                source,
                self.channels[source],
                self.formats[source],
                self.scales[source] == 0,
                free=self.scales[source] != 0 and like is not None and source != layer.sources[like],
            )
            for source in sources
        )
        return Network(inputs, (layer,), self.rounding, additions=self.additions, like=self)

    def exchanged(self, layer: Layer) -> "Network":
        """The network with that layer in place of the one of its name; the others keep their proofs.

        Raises:
            HwrtsError: No layer has that name, or the network with it is not legal.
        """
        old = self.layer(layer.name)
        return replace(self, layers=tuple(layer if each is old else each for each in self.layers), like=self)
