"""What the generator of an operator is given and gives back: one function of C a layer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from hwrts.export.c.codes import Stored
from hwrts.export.c.names import identifiers
from hwrts.export.c.requantise import Requantiser
from hwrts.export.c.text import constants
from hwrts.export.templates import filled
from hwrts.fixed_point import Layer, Network, Padding, Requantised, Rounding


@dataclass
class Function:
    """The function of a layer, which makes the rows of one step.

    Attributes:
        text: Its constants and its definition.
        rows: The rows of each source that it is given, counted from row step*shrink.
        padding: What it is given for those outside the picture; of ZERO a null pointer.
        scratch: Bytes that it needs while it runs.
        scratch_tiles: The same where it makes tiles.
    """

    text: str
    rows: tuple[int, ...] = (0,)
    padding: Padding = Padding.ZERO
    scratch: int = 0
    scratch_tiles: int = 0


@dataclass
class Writer:
    """What generators read and collect.

    Attributes:
        network: The integer network.
        rounding: Shifts that some function calls, by rule and type.
        dots: Lengths of the dot products that some function calls.
        blocks: Weights of these again, in the order of intrinsics.
    """

    network: Network
    rounding: set[tuple[Rounding, str]] = field(default_factory=set)
    dots: set[int] = field(default_factory=set)
    blocks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = identifiers(self.network)

    def stored(self, name: str) -> Stored:
        """How a tensor is stored."""
        return Stored(self.network.formats[name])

    def requantiser(self, layer: Requantised) -> Requantiser:
        """What is done to the accumulators of a layer; its functions will be there."""
        made = Requantiser.of(self.network, layer)
        self.rounding |= made.needs
        return made

    def function(
        self, layer: Layer, body: str, tables: Sequence[tuple[str, str, Sequence[int]]] = (), before: str = ""
    ) -> str:
        """A definition with its constants.

        Args:
            layer: Whose it is.
            body: Statements, which read rows ``x0[k]`` of ``width`` columns, ``x1[k]`` of the second source
                and so on, and write rows ``y[i]`` of ``made`` columns.
            tables: Type, name behind that of the layer, and values of its constants.
            before: Other functions of its own.
        """
        name = self.names[layer.name]
        head = "\n".join(constants(kind, f"{name}_{what}", values) for kind, what, values in tables)
        body = _with_rows(body, [self.stored(each).kind for each in (*layer.sources, layer.name)])
        sources = [
            f"const {self.stored(source).kind} *const *x{place}" for place, source in enumerate(layer.sources)
        ]
        others = ["int32_t width", "int32_t made", "void *scratch"]
        unused = [
            word
            for each in (*sources, *others)
            if not re.search(rf"\b{(word := each.split('*')[-1].split()[-1])}\b", body)
        ]
        return filled(
            _FUNCTION,
            head=head,
            before=before,
            name=name,
            parameters=", ".join([*sources, *others, f"{self.stored(layer.name).kind} *const *y"]),
            unused=unused,
            body=body,
        )


def _with_rows(body: str, kinds: Sequence[str]) -> str:
    """First rows as variables: bytes may be anything to a compiler, also the pointers to rows.

    Without, each byte that is written makes it read those again, and no loop becomes one of vectors.
    """
    *read, made = kinds
    rows = [(f"x{place}[0][", f"in{place}", f"const {kind}") for place, kind in enumerate(read)]
    heads = []
    for row, name, kind in (*rows, ("y[0][", "out", made)):
        if row in body:
            heads.append(f"    {kind} *const restrict {name} = {row[:-1]};\n")
            body = body.replace(row, f"{name}[")
    return "".join(heads) + body


_FUNCTION = """\
{{ head }}{{ "\n" if head }}{{ before }}{{ "\n" if before }}static void {{ name }}_step({{ parameters }})
{
{% for word in unused %}
    (void){{ word }};
{% endfor %}
{{ body }}}
"""
