"""Width of each convolution's weights: one for the network, and one of its own where a layer has it."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from hwrts.config import NetworkConfig, QatConfig
from hwrts.errors import ConfigError
from hwrts.graph import Conv, Graph
from hwrts.graph.deploy import enlarging_form, fused_form
from hwrts.graph.pixel_bits import with_pixel_bits
from hwrts.graph.same_size import has_same_size_form, same_size_form
from hwrts.graph.skip_bits import with_skip_bits
from hwrts.graph.trace import trace
from hwrts.graph.widths import Widths
from hwrts.networks.build import build_network

FEW_BITS = 6
"""Weights of no more are brought to rest: an LSB of theirs is more than a training moves a weight."""

NO_OWN_WIDTHS: Mapping[str, int] = MappingProxyType({})
"""Every layer has the width of the network."""


def conv_names(graph: Graph) -> tuple[str, ...]:
    """The layers of a deploy form that have weights, in order."""
    return tuple(node.name for node in graph.of(Conv))


def own_widths(graph: Graph, given: Mapping[str, int]) -> dict[str, int]:
    """Of the widths in the settings, which name the layers of both forms, those of one form's layers."""
    return {name: bits for name, bits in given.items() if name in conv_names(graph)}


def layer_names(traced: Graph) -> tuple[str, ...]:
    """The layers with weights in both forms that a network can be quantised in; most are in both.

    Args:
        traced: The float network as traced.
    """
    fused = fused_form(traced)
    forms = [enlarging_form(fused)]
    if has_same_size_form(fused):
        forms.append(same_size_form(fused))
    return tuple(dict.fromkeys(name for form in forms for name in conv_names(form)))


def check_layers(given: Iterable[str], known: Iterable[str], setting: str = "layer_weight_bits") -> None:
    """Refuse a width of a layer that there is not.

    Args:
        given: Layers that the setting names.
        known: Those that there are.
        setting: Of QatConfig.

    Raises:
        ConfigError: Names the first unknown layer and all known ones.
    """
    names = tuple(known)
    for layer in given:
        if layer not in names:
            raise ConfigError(
                f"qat.{setting}: the network has no layer {layer!r} with weights; it has {', '.join(names)}"
            )


_FLAGS = {
    "weight_bits": ("--weight-bits", "--layer-weight-bits"),
    "accumulator_bits": ("--accumulator-bits", "--layer-accumulator-bits"),
}
"""Those of one width for all layers, and of one for each."""


def check_one_width(given: Collection[str], names: Iterable[str], setting: str = "weight_bits") -> None:
    """Refuse one width for all layers where each has its own.

    Raises:
        ConfigError: It would do nothing.
    """
    if set(names) <= set(given):
        one, each = _FLAGS[setting]
        raise ConfigError(
            f"{one}: would do nothing, {each} gives every layer its width; leave one of the two out"
        )


def check_settings(network: NetworkConfig, qat: QatConfig) -> None:
    """Refuse widths that the network of the settings cannot have, before anything is trained.

    Raises:
        ConfigError: As :func:`check_layers` and :func:`.with_skip_bits`, or a width of a group that is not
            there (network.widths).
        UnsupportedOperatorError: Of pixels, as :func:`.with_pixel_bits`.
    """
    if network.widths:
        build_network(network)
    if qat.layer_weight_bits or qat.layer_accumulator_bits:
        check_all_layers(qat, layer_names(trace(build_network(network).eval())))
    if max(qat.pixel_bits, qat.skip_bits) > 8:
        fused = fused_form(trace(build_network(network).eval()))
        with_skip_bits(with_pixel_bits(enlarging_form(fused), qat.pixel_bits), qat.skip_bits)
        if qat.same_size and has_same_size_form(fused):
            with_pixel_bits(same_size_form(fused), qat.pixel_bits)


def check_all_layers(qat: QatConfig, names: Iterable[str]) -> None:
    """The same with the names of all layers known."""
    known = tuple(names)
    check_layers(qat.layer_weight_bits, known)
    check_layers(qat.layer_accumulator_bits, known, "layer_accumulator_bits")


def widths_of(graph: Graph, qat: QatConfig) -> dict[str, Widths]:
    """Widths that settings give each layer of a deploy form; of its layers alone."""
    given = qat.layer_weight_bits, qat.accumulator_bits, qat.layer_accumulator_bits
    return layer_widths(conv_names(graph), qat.weight_bits, *given)


def layer_widths(
    names: Iterable[str],
    weight_bits: int,
    own: Mapping[str, int] = NO_OWN_WIDTHS,
    accumulator_bits: int | None = None,
    own_accumulators: Mapping[str, int] = NO_OWN_WIDTHS,
    *,
    settle: bool = False,
) -> dict[str, Widths]:
    """Widths of each layer.

    >>> layer_widths(("conv_in", "conv_out"), 8, {"conv_out": 5, "fold_x": 4}, 16)["conv_out"]
    Widths(weight=5, accumulator=16, settled=False)
    """
    bits = {name: own.get(name, weight_bits) for name in names}
    return {
        name: Widths(width, own_accumulators.get(name, accumulator_bits), settle and width <= FEW_BITS)
        for name, width in bits.items()
    }


def widths_name(widths: Mapping[str, int]) -> str:
    """What the name of a variant's folder calls its widths: one digit if all are equal, else one per layer.

    >>> widths_name({"conv_in": 4, "conv_out": 4}), widths_name({"conv_in": 8, "conv_out": 5})
    ('w4', 'w85')
    """
    bits = list(widths.values())
    return "w" + "".join(map(str, bits[:1] if len(set(bits)) == 1 else bits))
