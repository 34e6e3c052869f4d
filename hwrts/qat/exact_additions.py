"""Grids on which no addition drops a bit: its result is then the same under every rounding rule."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from hwrts.errors import ConfigError
from hwrts.fixed_point import Format
from hwrts.graph import Add, Graph


def exact_additions(
    graph: Graph, formats: Mapping[str, Format], fixed: Collection[str], states: Mapping[str, str]
) -> dict[str, Format]:
    """The formats with each operand of an addition on a grid no finer than that of the sum (eq. 6).

    A sum keeps its grid and its operands give way, for it is what is read on; of an operand of several sums
    the coarsest counts, and of sums of sums the last. Operands that are coarser than their sum stay: they
    are shifted to the left, which loses nothing.

    Args:
        graph: The deploy form.
        formats: Of each quantised tensor, as they were calibrated.
        fixed: Tensors whose format is not to be chosen: pictures.
        states: Inputs that have the format of another tensor, and which.

    Raises:
        ConfigError: A picture is added up on a coarser grid than its own.
    """
    exact, origins = dict(formats), graph.origins()
    while True:
        before = dict(exact)
        for node in reversed(graph.of(Add)):
            out = exact[node.name]
            for source in node.sources:
                name = states.get(origins[source], origins[source])
                if exact[name].frac <= out.frac:
                    continue
                if name in fixed:
                    raise ConfigError(
                        f"exact_additions: layer {node.name!r} adds the picture {source!r}, {exact[name]}, "
                        f"to a sum of {out}, which drops bits of it; leave exact_additions out"
                    )
                exact[name] = replace(exact[name], frac=out.frac)
        exact |= {name: exact[after] for name, after in states.items()}
        if exact == before:  # a state can be a sum that it is an operand of
            return exact
