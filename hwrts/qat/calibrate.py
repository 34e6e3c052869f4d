"""Before fine-tuning: formats and weight codes that harm the picture least.

The largest error of an int8 network that comes straight from its float weights is that rounded kernels no
longer add up: flat areas shift by up to a code. On photographs (Residual-1, 32 channels) keeping the sums
lowers the error of the x2 picture from 1.54 to 1.06 codes rms, before any fine-tuning.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from hwrts.fixed_point import PIXEL, Format, Rounding, RoundingRules
from hwrts.graph import Clip, Graph, Input, Lookup, run_graph
from hwrts.graph.hidden import inner_bits
from hwrts.graph.rounding import round_by
from hwrts.progress import SILENT, Progress
from hwrts.qat.exact_additions import exact_additions

SATURATION = 2e-3
"""Share of a signed tensor's values that may saturate for the sake of a finer grid."""

COARSEST = -4
"""Fraction bits of the coarsest grid that is tried: with 8 bits values up to 4096 fit."""


@dataclass(frozen=True)
class Ends:
    """What is known of inputs and outputs before anything is calibrated.

    Attributes:
        pictures: Format of each input and output that is a picture.
        states: Inputs that are fed with an output of the frame before, and which: one format for both.
    """

    pictures: Mapping[str, Format]
    states: Mapping[str, str] = field(default_factory=dict)


@torch.no_grad()
def calibrate(
    graph: Graph,
    batches: Iterable[Tensor | Mapping[str, Tensor]],
    activation_bits: int = 8,
    rounding: Rounding | RoundingRules = Rounding.HALF_EVEN,
    progress: Progress = SILENT,
    ends: Ends | None = None,
    *,
    exactly_added: bool = False,
    hidden_bits: int | None = None,
    skip_bits: int = 8,
) -> dict[str, Format]:
    """Choose the format of every quantised tensor.

    The power of two with the smallest squared error wins, the finest of equals: a signal too small for any
    grid would else get the coarsest, and what reads it a left shift out of int32 (eq. 10b). Input and output
    are on the pixel grid, and so is the up-sampled input: a bicubic overshoot beyond white saturates, a
    coarser grid would be seen everywhere.
    No signed tensor gets a finer grid than the picture: it is a correction of it. A coarser one gives way to
    the next finer grid if that saturates almost nothing: an LSB of two codes in the residual is seen in
    flat areas all over the picture, a clipped overshoot is not (docs/experiments.md).

    Args:
        graph: The deploy form, with trained float weights.
        batches: Pictures (N, C, H, W) in 0..1, of the kinds that the network will see; or what each input is
            fed, by its name.
        activation_bits: Width of the activations, 2..8.
        rounding: The tie rule that the network will use, or both rules.
        progress: Where to say how far it is: the graph runs twice on every picture.
        ends: Which inputs and outputs are pictures; None says all.
        exactly_added: Whether no addition may drop a bit: what is added is on the grid of the sum then.
        hidden_bits: Width of the hidden tensors, as of :func:`.inner_bits`.
        skip_bits: Width of those that carry the picture, as there; their grids are as much finer.

    Raises:
        ConfigError: A picture is added up on a coarser grid than its own, and no addition may drop a bit.
    """
    ends = ends or Ends(graph.pixel_ends())
    pictured = graph.picture_formats(ends.pictures)
    states = {name: graph.origins()[after] for name, after in ends.states.items()}
    known = {*pictured, *states}
    rules = {node.name: RoundingRules.of(rounding).rule_of(node) for node in graph.quantised_nodes()}
    inner = [node.name for node in graph.quantised_nodes() if node.name not in known]
    finest = max((PIXEL.frac, *(out.frac for out in ends.pictures.values())))
    coarsest = COARSEST - _wider(ends)
    unsigned = graph.non_negative()
    widths = inner_bits(graph, known, activation_bits, hidden_bits, skip_bits)
    more = {name: max(0, bits - PIXEL.bits) for name, bits in widths.items()}
    candidates = {
        name: [
            Format(name not in unsigned, widths[name], frac)
            for frac in range((PIXEL.frac + 4 if name in unsigned else finest) + more[name], coarsest - 1, -1)
        ]
        for name in inner
    }
    errors = {name: torch.zeros(len(candidates[name]), dtype=torch.float64) for name in inner}
    pictures = list(batches)
    with progress.task("choosing formats", len(pictures)) as advance:
        for done, picture in enumerate(pictures):
            values = _seen(graph, run_graph(graph, picture))
            weights = _weights(graph, values)
            for name in inner:
                for i, out in enumerate(candidates[name]):
                    errors[name][i] += _squared_error(values[name], out, rules[name], weights.get(name))
            advance(done + 1, "")
    chosen = {name: candidates[name][int(errors[name].argmin())] for name in inner}
    finer = {
        name: replace(out, frac=out.frac + 1)
        for name, out in chosen.items()
        if out.signed and out.frac < finest + more.get(name, 0)
    }
    for name, share in _saturated_shares(graph, pictures, finer, progress).items():
        if share < SATURATION:
            chosen[name] = finer[name]
    chosen |= pictured
    chosen |= {name: chosen[after] for name, after in states.items()}
    if exactly_added:
        chosen = exact_additions(graph, chosen, pictured, states)
    return {node.name: chosen[node.name] for node in graph.quantised_nodes()}


def _wider(ends: Ends) -> int:
    """Bits by which the range of pictures is wider than 0..1: features of such networks may be as well."""
    return max((out.bits - out.frac for out in ends.pictures.values()), default=0)


def _saturated_shares(
    graph: Graph,
    pictures: Sequence[Tensor | Mapping[str, Tensor]],
    formats: Mapping[str, Format],
    progress: Progress,
) -> dict[str, float]:
    """The share of each tensor's values that its format has no codes for; the graph runs once for all."""
    if not formats:
        return {}
    count, saturated = dict.fromkeys(formats, 0), dict.fromkeys(formats, 0)
    with progress.task("counting what finer formats would saturate", len(pictures)) as advance:
        for done, picture in enumerate(pictures):
            values = _seen(graph, run_graph(graph, picture))
            for name, out in formats.items():
                codes = (values[name] * 2.0**out.frac).round_()
                count[name] += codes.numel()
                saturated[name] += int(((codes > out.max) | (codes < out.min)).sum())
            advance(done + 1, "")
    return {name: saturated[name] / count[name] for name in formats}


def _seen(graph: Graph, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor as those see it that read it: limited, where a clip alone reads it or what it is moved to.

    A format needs no codes for what is clipped away: those are the finer grid's.
    """
    seen = dict(values)
    for node in graph.of(Clip):
        source = graph.node(node.sources[0])
        while graph.uses(source.name) == 1:
            seen[source.name] = values[node.name]  # moved codes have the same errors, or so many times them
            if isinstance(source, Input) or not source.MOVES:
                break
            source = graph.node(source.sources[0])
    return seen


def _weights(graph: Graph, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """How much an error counts, squared, in tensors that products alone read: as much as it is multiplied by.

    It is asked for where a function has a pole: 1 / length of a pixel of 0 is beyond any format, and is
    multiplied by 0. It alone would else say which format all others get.
    """
    found = {}
    for node in graph.of(Lookup):
        readers = graph.readers(node.name)
        if not node.has_pole or len(readers) != graph.uses(node.name) or not readers:
            continue
        others = [reader.multiplier_of(node.name, values) for reader in readers]
        ones = torch.ones_like(values[node.name])  # one channel, which many are multiplied by, or many
        counted = [(ones * each.square()).sum_to_size(ones.shape) for each in others if each is not None]
        if len(counted) == len(readers):
            found[node.name] = torch.stack(counted).sum(0)
    return found


def _squared_error(x: Tensor, out: Format, rounding: Rounding, weight: Tensor | None = None) -> float:
    codes = round_by(x * 2.0**out.frac, rounding).clamp_(out.min, out.max)
    errors = (codes.mul_(2.0**-out.frac) - x).square_()
    if weight is not None:
        errors = (errors * weight).nan_to_num_(0.0)  # of what is beyond float32 and multiplied by 0
    return float(errors.sum())
