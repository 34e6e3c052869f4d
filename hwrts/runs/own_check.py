"""Before a user's module is quantised: what was traced of it must be what it computes.

Tracing sees neither hooks nor what depends on values, so the graph is compared with the module itself on
pictures that make such things show.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from hwrts import fixed_point
from hwrts.cost.extremes import extreme_layers, untrained_formats
from hwrts.errors import HwrtsError, UnsupportedOperatorError
from hwrts.fixed_point import scales_of
from hwrts.graph import Graph, Scale, graph_steps, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import Traced, trace_with_clip
from hwrts.graph.user_code import described
from hwrts.graph.weight_bits import conv_names

FARTHEST = 1e-3
"""Most that graph and module may be apart, of the output's largest value or of 1: a quarter of a code. Sums
of float32 in another order are nearer by far."""

SEED = 0
"""Of the pictures that are compared: equal modules get equal verdicts."""


@dataclass(frozen=True)
class Checked:
    """A module that can be quantised.

    Attributes:
        graph: As traced.
        scale: By how much it enlarges.
        layers: The path of each convolution in the module, by the name of its tensor in the graph.
    """

    graph: Graph
    scale: int
    layers: dict[str, str]


@torch.no_grad()
def check_own_module(module: nn.Module, device: str = "cpu") -> Checked:
    """Trace a module and compare the form that will be quantised with the module itself.

    Args:
        module: On the device; it is put into evaluation mode and not changed otherwise.
        device: Where the pictures go.

    Raises:
        UnsupportedOperatorError: An operator outside the closed list, values that are not finite, a forward
            that fails, is none for pictures, changes the module, or computes something else than its graph.
    """
    kind = type(module).__name__
    check_weights_made(module)
    check_finite(module)
    pictures = _pictures(device)
    module.eval()
    with _unchanged(module):
        _called(module, pictures["in range"])  # hooks that compute a weight have done so from here on
        traced = trace_with_clip(module)
        graph = traced.graph
        _check_values(traced)
        deployed = deploy_form(graph)
        _check_as_integers(deployed, traced.places)
        scale = int(scales_of(graph_steps(graph))[graph.output])
        for name, x in pictures.items():
            expected = _called(module, x)
            height, width = x.shape[2:]
            if expected.shape != (len(x), 3, height * scale, width * scale):
                raise UnsupportedOperatorError(
                    f"{kind}: makes {list(expected.shape)} of {list(x.shape)}; "
                    "a picture of 3 channels is supported"
                )
            _compare(kind, name, expected, traced.clip(run_graph(deployed, x)[deployed.output]))
    paths = {name: traced.places[name].strip("'") for name in conv_names(graph)}
    return Checked(graph, scale, paths)


def _pictures(device: str) -> dict[str, Tensor]:
    """By what they are: values of pictures and such that clips and conditions act on, in several sizes."""
    generator = torch.Generator(device).manual_seed(SEED)
    odd = [int(side) for side in 2 * torch.randint(2, 16, (4,), generator=generator, device=device) + 1]

    def noise(count: int, height: int, width: int) -> Tensor:
        return torch.rand(count, 3, height, width, generator=generator, device=device)

    flat = torch.ones(1, 3, 16, 18, device=device)
    return {
        "in range": noise(1, 16, 18),
        "far out of range, -2 to 3": 5 * noise(1, 16, 18) - 2,
        "black": 0 * flat,
        "flat grey": 0.5 * flat,
        "white": flat,
        f"of {odd[1]}x{odd[0]} pixels": noise(1, odd[0], odd[1]),
        f"of {odd[3]}x{odd[2]} pixels, two at once": noise(2, odd[2], odd[3]),
        "of 163x98 pixels": noise(1, 98, 163),
    }


def _called(module: nn.Module, x: Tensor) -> Tensor:
    """What the module makes of a picture, which it may overwrite."""
    kind, (height, width) = type(module).__name__, x.shape[2:]
    try:
        made = module(x.clone())
    except Exception as error:
        raise UnsupportedOperatorError(
            f"{kind}: fails on a picture of 3 channels and {width}x{height} pixels ({described(error)})"
        ) from error
    if not isinstance(made, Tensor):
        raise UnsupportedOperatorError(f"{kind}: returns a {type(made).__name__}; it must return one tensor")
    return made


def _compare(kind: str, picture: str, expected: Tensor, found: Tensor) -> None:
    apart, largest = float((found - expected).abs().max()), float(expected.abs().max())
    if not apart <= FARTHEST * max(1.0, largest):
        raise UnsupportedOperatorError(
            f"{kind}: computes something else than its traced graph on a picture that is {picture}, by "
            f"{apart:.3g}; leave out hooks and value-dependent code"
        )


@contextmanager
def _unchanged(module: nn.Module) -> Iterator[None]:
    """Refuse a module that changes its own weights or statistics when it is called; they are put back."""
    before = {name: value.clone() for name, value in _state(module).items()}
    try:
        yield
    finally:
        after = _state(module)
        changed = [name for name in before if name in after and not _equal(before[name], after[name])]
        for name in changed:
            after[name].copy_(before[name])
    if changed:
        raise UnsupportedOperatorError(
            f"{type(module).__name__}: changes its own {changed[0]!r} when it is called; "
            "a network that is quantised must stay as it is"
        )


def _equal(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same values; NaN, which a buffer may begin with, is the same as NaN."""
    if torch.equal(a, b):
        return True
    return a.is_floating_point() and a.shape == b.shape and torch.allclose(a, b, 0, 0, equal_nan=True)


def _state(module: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers, those as well that are in no file."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def check_weights_made(module: nn.Module) -> None:
    """Refuse a module whose weights have no values yet.

    Raises:
        UnsupportedOperatorError: A lazy layer, or one on the meta device, by name.
    """
    for name, value in _state(module).items():
        if is_lazy(value) or value.is_meta:
            why = "lazy, it knows its channels when it is called" if is_lazy(value) else "on the meta device"
            raise UnsupportedOperatorError(
                f"{_layer(name, module)}: its {name.rpartition('.')[2]} is {why}; "
                "make a module whose weights are there"
            )
        if value.layout is not torch.strided or value.is_quantized or value.is_inference():
            held = f"{value.dtype}, {value.layout}" + (", of inference_mode" * value.is_inference())
            raise UnsupportedOperatorError(
                f"{_layer(name, module)}: its {name.rpartition('.')[2]} holds {held}; dense numbers are "
                "supported, made outside of torch.inference_mode"
            )


def check_finite(module: nn.Module) -> None:
    """Refuse NaN and infinite weights.

    Raises:
        UnsupportedOperatorError: The first layer that has one, and how many.
    """
    for name, value in module.named_parameters():
        broken = int((~torch.isfinite(value)).sum())
        if broken:
            raise UnsupportedOperatorError(
                f"{_layer(name, module)}: its {name.rpartition('.')[2]} holds {broken} of {value.numel()} "
                "numbers that are NaN or infinite; give weights of a training that did not diverge"
            )


def _layer(tensor: str, module: nn.Module) -> str:
    """The layer that has a weight, by its path in the module."""
    path = tensor.rpartition(".")[0]
    return f"layer {path!r}" if path else type(module).__name__


def _check_values(traced: Traced) -> None:
    """What hooks or batch norms computed of finite weights may still not be."""
    for node in traced.graph.nodes:
        for what, value in vars(node).items():
            if isinstance(value, Tensor) and not bool(torch.isfinite(value).all()):
                raise UnsupportedOperatorError(
                    f"{traced.places[node.name]}: its {what} is NaN or infinite, with the batch norm or the "
                    "hook that is part of it"
                )


def _check_as_integers(graph: Graph, places: dict[str, str]) -> None:
    """Refuse now what no formats could make a legal integer network of: channels, sizes, blocks.

    Weights are -1, 0 and 1 here and factors 1, so that no shift or accumulator is at its limit.
    """
    nodes = [replace(node, factor=1.0) if isinstance(node, Scale) else node for node in graph.nodes]
    drawn = Graph(tuple(nodes))
    formats = untrained_formats(drawn)
    x = drawn.input
    try:
        layers = extreme_layers(drawn, formats, dict.fromkeys(conv_names(drawn), 2))
        fixed_point.Network(
            (fixed_point.Input(x.name, x.channels, formats[x.name]),), tuple(high for high, _ in layers)
        )
    except HwrtsError as error:
        text = str(error)
        for name, place in places.items():
            text = text.replace(f"layer {name!r}:", f"{place}:")
        raise UnsupportedOperatorError(text) from error
