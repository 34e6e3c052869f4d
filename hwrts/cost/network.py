"""What a network costs in silicon, counted from its graph: docs/cost.md has the formulas (C1) to (C14).

A graph knows sizes and widths but no trained weights, so its accumulators are the widest that any weights can
need; those of an integer network are the proved ones. Nothing is estimated.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any, Literal, get_args

from hwrts.cost.extremes import extreme_layers, untrained_formats
from hwrts.cost.layer import Accumulator, Count, LayerCost, as_number
from hwrts.cost.modes import Load, Mode, Place
from hwrts.errors import HwrtsError
from hwrts.fixed_point import (
    Bounds,
    Format,
    Layer,
    Lines,
    Network,
    Requantised,
    Rounding,
    Step,
    Tensor,
    frame_bits,
    halo,
    layer_bounds,
    plain,
    plan_lines,
    whole_frame,
)
from hwrts.fixed_point.steps import lacks_of, multiple_of, receptive_field, scales_of
from hwrts.graph import Graph, graph_steps
from hwrts.graph.deploy import deploy_form
from hwrts.graph.fold import fold_scales, fuse_relus
from hwrts.graph.operators.prelu import SLOPE_BITS
from hwrts.graph.pixel_bits import with_pixel_bits
from hwrts.graph.skip_bits import with_skip_bits
from hwrts.graph.weight_bits import NO_OWN_WIDTHS, conv_names, layer_widths
from hwrts.graph.widths import Widths

Form = Literal["drawn", "x2", "same-size"]
"""A network as its figure draws it; rewritten for 8 bits (arithmetic.md, eq. 13); D folded in (eq. 13b)."""
FORMS: tuple[Form, ...] = get_args(Form)

BIAS_BITS = 32
"""A bias is stored as int32, whatever the width of the weights (arithmetic.md, eq. 3)."""


@dataclass(frozen=True)
class Cost:
    """The cost of a network.

    Attributes:
        layers: In the order of computation.
        scale: Height and width of the output, relative to the input.
        halo: Input pixels on each side that an output pixel depends on; None for the whole picture.
        receptive_field: Side of the square of input pixels that an output pixel depends on (C12); None for
            all of them.
        latency_lines: Input rows after which the first output row is there, the current one not counted; None
            if all of them must be there.
        input_bits: Of one pixel of the input picture, all channels.
        proved: Whether the accumulators are those of trained integers.
        whole_frame: Names of the tensors that are made of a whole picture: if there are any, the network
            cannot be streamed and has no line memory.
        frame_bits: Bits per input pixel that a run layer by layer keeps at most (C14).
        multiple: What the sides of a picture are padded to a multiple of.
        lacks: Rows and columns that the output has less than scale times the input.
    """

    layers: tuple[LayerCost, ...]
    scale: Count
    halo: int | None
    receptive_field: int | None
    latency_lines: int | None
    input_bits: int
    proved: bool
    whole_frame: tuple[str, ...]
    frame_bits: Count
    multiple: int = 1
    lacks: tuple[int, int] = (0, 0)

    def __repr__(self) -> str:
        return (
            f"Cost(parameters={self.parameters}, macs_per_input_pixel={self.macs_per_input_pixel}, "
            f"accumulator_bits={self.accumulator_bits}, receptive_field={self.receptive_field}, "
            f"latency_lines={self.latency_lines}, layers={len(self.layers)})"
        )

    @property
    def weights(self) -> int:
        """Weights of all convolutions; papers count these (C1)."""
        return sum(layer.weights for layer in self.layers)

    @property
    def biases(self) -> int:
        """Biases of all convolutions."""
        return sum(layer.biases for layer in self.layers)

    @property
    def slopes(self) -> int:
        """Slopes of all leaky ReLUs, one for each channel."""
        return sum(layer.slopes for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights, biases and slopes."""
        return self.weights + self.biases + self.slopes

    @property
    def memory_bits(self) -> dict[str, int]:
        """Memory of all weights, biases, slopes and tables (C2); of a table one copy."""
        return {
            "weights": sum(layer.weights * (layer.weight_bits or 0) for layer in self.layers),
            "biases": self.biases * BIAS_BITS,
            "slopes": self.slopes * SLOPE_BITS,
            "tables": sum(layer.entries * layer.bits for layer in self.layers),
        }

    @property
    def weight_widths(self) -> set[int]:
        """Widths that weights have."""
        return {layer.weight_bits for layer in self.layers if layer.weight_bits}

    @property
    def table_widths(self) -> set[int]:
        """Widths that entries of tables have."""
        return {layer.bits for layer in self.layers if layer.entries}

    @property
    def macs_per_input_pixel(self) -> Count:
        """Of all convolutions (C3)."""
        return plain(Fraction(sum(layer.macs for layer in self.layers)))

    @property
    def macs_per_output_pixel(self) -> Fraction:
        """The same, shared out over the scale**2 output pixels that an input pixel becomes (C5)."""
        return Fraction(self.macs_per_input_pixel) / self.scale**2

    @property
    def multiplications_per_input_pixel(self) -> Count:
        """By constants and slopes, and of two codes (C4)."""
        return plain(Fraction(sum(layer.multiplications for layer in self.layers)))

    @property
    def accumulator_bits(self) -> int:
        """Of the widest accumulator (C13)."""
        return max((layer.accumulator.bits for layer in self.layers if layer.accumulator), default=0)

    @property
    def traffic_bits_per_input_pixel(self) -> Count:
        """Activations read and written, layer by layer (C9)."""
        return plain(Fraction(sum(layer.read_bits + layer.written_bits for layer in self.layers)))

    def line_bits(self, width: int) -> int:
        """Line memory of all layers for an input picture of that width (C8)."""
        wide = _up_to(width, self.multiple)
        return math.ceil(wide * sum(layer.line_bits_per_column for layer in self.layers))

    def at(self, mode: Mode, place: Place) -> Load:
        """The network at work, with the mode's picture at its input or its output.

        An output that is no multiple of the scale is cut from the next larger one, and an input whose sides
        are no multiple of what the network shrinks by is padded: what is added is computed too.
        """
        size = (mode.width, mode.height)
        down, across = self.lacks
        if place == "output":
            columns, rows = (
                math.ceil(Fraction(pixels + lack) / self.scale)
                for pixels, lack in zip(size, (across, down), strict=True)
            )
        else:
            columns, rows = size
            size = (math.ceil(columns * self.scale) - across, math.ceil(rows * self.scale) - down)
        pixels = _up_to(columns, self.multiple) * _up_to(rows, self.multiple)
        output_bits = size[0] * size[1] * self.layers[-1].channels * self.layers[-1].bits
        return Load(
            place,
            (columns, rows),
            size,
            macs_per_second=math.ceil(self.macs_per_input_pixel * pixels * mode.frames_per_second),
            line_bits=self.line_bits(columns),
            traffic_bits=math.ceil(self.traffic_bits_per_input_pixel * pixels),
            streamed_bits=self.input_bits * pixels + output_bits,
            frames_per_second=mode.frames_per_second,
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is derived from the layers stands beside them."""
        return {
            "scale": as_number(self.scale),
            "multiple": self.multiple,
            "parameters": {
                "weights": self.weights,
                "biases": self.biases,
                "slopes": self.slopes,
                "all": self.parameters,
            },
            "memory_bits": self.memory_bits,
            "macs_per_input_pixel": as_number(self.macs_per_input_pixel),
            "macs_per_output_pixel": float(self.macs_per_output_pixel),
            "multiplications_per_input_pixel": as_number(self.multiplications_per_input_pixel),
            "traffic_bits_per_input_pixel": as_number(self.traffic_bits_per_input_pixel),
            "receptive_field": self.receptive_field,
            "halo": self.halo,
            "streamable": not self.whole_frame,
            "whole_frame": list(self.whole_frame),
            "frame_bits_per_input_pixel": as_number(self.frame_bits),
            "latency_lines": self.latency_lines,
            "accumulator_bits": self.accumulator_bits,
            "accumulators": "proved" if self.proved else "any weights, without bias",
            "layers": [layer.as_json() for layer in self.layers],
        }


def _up_to(pixels: int, multiple: int) -> int:
    """The next multiple."""
    return -(-pixels // multiple) * multiple


def in_form(graph: Graph, form: Form, pixel_bits: int = 8, skip_bits: int = 8) -> Graph:
    """A traced graph in one of its forms, ReLUs and factors in the operators in front of them.

    Args:
        graph: As traced.
        form: Which one.
        pixel_bits: Width of the pixels in and out.
        skip_bits: As of :func:`.with_skip_bits`.

    Raises:
        ConfigError: More of them, and no tensor that could have them.
        UnsupportedOperatorError: The network has no such form, or none for such pixels.
    """
    if form == "drawn":
        made = fuse_relus(fold_scales(graph))
    else:
        made = deploy_form(graph, same_size=form == "same-size")
    return with_skip_bits(with_pixel_bits(made, pixel_bits), skip_bits)


def graph_cost(
    graph: Graph,
    weight_bits: int = 8,
    activation_bits: int = 8,
    layer_weight_bits: Mapping[str, int] = NO_OWN_WIDTHS,
) -> Cost:
    """The cost of a graph whose ReLUs are fused, such as :func:`in_form` makes.

    Args:
        graph: The network. Only the shapes of its weights are read.
        weight_bits: Width of the weights, 2..8.
        activation_bits: Width of the tensors between input and output, 2..8; those on the pixel grid have 8.
        layer_weight_bits: Width of the weights of single layers, by name, in place of ``weight_bits``; names
            of no layer are left out.

    Raises:
        HwrtsError: A width that is not supported, or a graph that is not fused.
    """
    return widths_cost(
        graph, layer_widths(conv_names(graph), weight_bits, layer_weight_bits), activation_bits
    )


def widths_cost(
    graph: Graph,
    widths: Mapping[str, Widths],
    activation_bits: int = 8,
    hidden_bits: int | None = None,
    skip_bits: int = 8,
) -> Cost:
    """The same for widths of each layer, also of its accumulators, and of hidden tensors.

    Arguments as of :func:`graph_cost` and :func:`.inner_bits`.
    """
    given = [("weight", each.weight) for each in widths.values()]
    for name, bits in (*given, ("activation", activation_bits)):
        if not 2 <= bits <= 8:
            raise HwrtsError(f"cost: {bits} {name} bits are not supported; use 2..8")
    formats = untrained_formats(graph, activation_bits, hidden_bits, skip_bits)
    steps = [replace(step, bits=formats[step.name].bits) for step in graph_steps(graph)]
    return _cost(extreme_layers(graph, formats, widths), steps, formats, proved=False)


def network_cost(network: Network) -> Cost:
    """The cost of an integer network, its accumulators proved."""
    return _cost([(layer,) for layer in network.layers], network.steps, network.formats, proved=True)


def _cost(
    layers: Sequence[tuple[Layer, ...]], steps: Sequence[Step], formats: Mapping[str, Format], *, proved: bool
) -> Cost:
    """The cost of layers, each given with the numbers that may decide how wide its accumulator is."""
    lines, by_name, scales = plan_lines(steps), {step.name: step for step in steps}, scales_of(steps)
    volumes = {step.name: plain(step.channels * step.bits * scales[step.name] ** 2) for step in steps}
    column = {name: plain(bits) for name, bits in lines.bits_per_column().items()}
    whole = whole_frame(steps)
    lacks = lacks_of(steps)
    costs = []
    for choices in layers:
        register = _register([_bounds(layer, formats) for layer in choices])
        step = by_name[choices[0].name]
        made = Tensor(step.name, step.channels, scales[step.name], formats[step.name], lacks[step.name])
        costs.append(_layer_cost(choices[0], step, made, volumes, lines, column, register))
    return Cost(
        tuple(costs),
        scale=plain(scales[steps[-1].name]),
        multiple=multiple_of(steps),
        lacks=lacks[steps[-1].name],
        halo=None if whole else halo(steps),
        receptive_field=None if whole else receptive_field(steps),
        latency_lines=lines.latency,
        input_bits=sum(step.channels * step.bits for step in steps if not step.sources),
        proved=proved,
        whole_frame=whole,
        frame_bits=plain(frame_bits(steps)),
    )


def _layer_cost(
    layer: Layer,
    step: Step,
    made: Tensor,
    volumes: Mapping[str, Count],
    lines: Lines,
    column: Mapping[str, Count],
    register: Accumulator | None,
) -> LayerCost:
    before, after, _ = step.window.axes[1]
    return LayerCost(
        layer.name,
        type(layer).__name__,
        step.window.kernel,
        before + 1 + after,
        step.channels,
        step.bits,
        plain(made.scale),
        **asdict(layer.work(made)),
        line_rows=lines.rows(layer.name),
        line_bits_per_column=column[layer.name],
        read_bits=plain(Fraction(sum(volumes[source] for source in set(layer.sources)))),
        written_bits=volumes[layer.name],
        accumulator=register,
    )


def _bounds(layer: Layer, formats: Mapping[str, Format]) -> Bounds | None:
    if isinstance(layer, Requantised):  # whose sums are bounded; what moves codes has none
        return layer_bounds(layer, [formats[source] for source in layer.sources], Rounding.HALF_EVEN)
    return None


def _register(choices: Sequence[Bounds | None]) -> Accumulator | None:
    bounds = [each for each in choices if each is not None]
    if not bounds:
        return None
    lowest = min(int(each.lowest.min()) for each in bounds)
    highest = max(int(each.highest.max()) for each in bounds)
    return Accumulator(lowest, highest, max(int(each.bits.max()) for each in bounds))
