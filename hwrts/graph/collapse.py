"""Linear blocks that are trained wide or in branches, as the one convolution that they are.

Branches of one tensor that are summed with nothing between (RepVGG, ACNet, diverse branches), an identity
among them, and convolutions in a row of which one is 1x1 (SESR): equal in real numbers, and one rounding
where there were several. Done where no multiplication is added, to modules of users: ours are as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hwrts.graph import Add, Conv, Graph, Input, Node, graph_steps
from hwrts.graph.fold import fold_scales
from hwrts.graph.kernels import chained, multiplications, summed

NAMED = 4
"""Folded convolutions that a note names."""


@dataclass(frozen=True)
class Collapsed:
    """A graph of fewer operators.

    Attributes:
        graph: The graph.
        parts: How many operators each convolution stands for, by name, of those that stand for several.
    """

    graph: Graph
    parts: Mapping[str, int]

    def said(self, places: Mapping[str, str]) -> tuple[str, ...]:
        """A line of what was folded, none if nothing was.

        Args:
            places: Where each tensor is made, by its name.
        """
        named = [f"{place} of {self.parts[name]}" for name, place in places.items() if name in self.parts]
        if not named:
            return ()
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        return (
            f"folded exactly, branches and rows of linear operators into one convolution each: "
            f"{', '.join(named[:NAMED])}{more}",
        )


@dataclass(frozen=True)
class _Term:
    """What a sum is made of.

    Attributes:
        name: Of its tensor.
        sign: -1 if it is subtracted.
    """

    name: str
    sign: int


def collapsed(graph: Graph) -> Collapsed:
    """The graph with such blocks as one convolution each; without any it comes back as it is."""
    found = _folded_once(fold_scales(graph))
    parts: dict[str, int] = {}
    if found is None:
        return Collapsed(graph, parts)
    while found is not None:
        graph, name, taken = found
        parts[name] = sum(parts.pop(each, 1) for each in taken)
        found = _folded_once(graph)
    return Collapsed(graph, parts)


_Found = tuple[Graph, str, tuple[str, ...]]
"""A graph, the convolution that was made, and the nodes that it stands for."""


def _folded_once(graph: Graph) -> _Found | None:
    for node in reversed(graph.operations):
        found = _row(graph, node) or _sum(graph, node)
        if found is not None:
            return found
    return None


def _row(graph: Graph, second: Node) -> _Found | None:
    """A convolution behind another that nobody else reads, as one of fewer multiplications."""
    outer = second.foldable
    inner = None if outer is None else graph.node(outer.sources[0]).foldable
    if outer is None or inner is None or graph.uses(inner.name) > 1:
        return None
    both = multiplications(inner) + multiplications(outer)
    made = chained(inner, outer)
    if made is None or multiplications(made) >= both:
        return None
    nodes: list[Node] = [made if node is inner else node for node in graph.nodes if node is not outer]
    return _renamed(graph, nodes, {outer.name: made.name}), made.name, (inner.name, outer.name)


def _sum(graph: Graph, top: Node) -> _Found | None:
    """Branches of one tensor in a sum, as one convolution of no more multiplications."""
    if top.signs is None:
        return None
    steps = {step.name: step for step in graph_steps(graph)}
    terms, adds = _terms(graph, top, {name: step.channels for name, step in steps.items()})
    branches = [
        (i, _branch(graph, term, steps[top.name].channels, steps[term.name].channels))
        for i, term in enumerate(terms)
    ]
    known = [(i, conv) for i, conv in branches if conv is not None]
    for i, conv in sorted(known, key=lambda each: -multiplications(each[1])):
        if not graph.node(terms[i].name).KERNELS:
            continue  # an identity alone has no kernel to be part of
        made, taken = conv, [i]
        for j, other in known:
            both = _with(graph, made, other, terms[j]) if j != i else None
            if both is not None:
                made, taken = both, [*taken, j]
        if len(taken) > 1:
            if not made.name:  # of identities alone: this addition is not made again
                made = replace(made, name=adds[-1].name)
            names = tuple(dict.fromkeys(terms[k].name for k in taken))
            return _rebuilt(graph, top, adds, terms, made, taken), made.name, names
    return None


def _with(graph: Graph, made: Conv, other: Conv, term: _Term) -> Conv | None:
    """Two branches as one; an identity costs nothing, a picture's codes stay as they are in an addition."""
    node = graph.node(term.name)
    if made.sources != other.sources or (
        not node.KERNELS and isinstance(graph.node(other.sources[0]), Input)
    ):
        return None
    both = summed(made, other)
    cost = multiplications(made) + (multiplications(other) if node.KERNELS else 0)
    return both if both is not None and multiplications(both) <= cost else None


def _terms(graph: Graph, top: Node, channels: Mapping[str, int]) -> tuple[list[_Term], list[Node]]:
    """The terms of a sum and the additions that make it, the last one first."""
    terms: list[_Term] = []
    adds: list[Node] = []
    waiting = [_Term(top.name, 1)]
    while waiting:
        term = waiting.pop()
        node = graph.node(term.name)
        alone = node is top or graph.uses(term.name) == 1
        twice = len(set(node.sources)) < len(node.sources)
        if node.signs is None or not alone or channels[node.name] != channels[top.name] or twice:
            terms.append(term)
            continue
        adds.append(node)
        inside = [_Term(*each) for each in zip(node.sources, node.signs, strict=True)]
        waiting.extend(replace(each, sign=each.sign * term.sign) for each in reversed(inside))
    return terms, adds


def _branch(graph: Graph, term: _Term, channels: int, own: int) -> Conv | None:
    """A term of a sum as a convolution of its source, with its sign; None if it is none."""
    node = graph.node(term.name)
    if own != channels:  # one channel that is spread over all
        return None
    like = next((conv for conv in graph.of(Conv)), None)
    if like is None:
        return None
    made = node.branch(term.sign, channels, like) if graph.uses(node.name) == 1 else None
    return made or replace(like.identity(channels, float(term.sign)), sources=(node.name,))


def _rebuilt(
    graph: Graph, top: Node, adds: list[Node], terms: list[_Term], made: Conv, taken: list[int]
) -> Graph:
    """The graph in which a convolution stands for some terms of a sum."""
    left = [term for i, term in enumerate(terms) if i not in taken]
    parts = {terms[i].name for i in taken} - {*made.sources}  # what is summed itself stays
    gone = parts | {add.name for add in adds}
    last: list[Node] = [made]
    names = [add.name for add in reversed(adds)][-len(left) :] if left else []
    for name, term in zip(names, left, strict=True):
        last.append(Add(name, (last[-1].name, term.name), negated=term.sign < 0))
    nodes: list[Node] = []
    for node in graph.nodes:
        if node is top:
            nodes.extend(last)
        elif node.name not in gone:
            nodes.append(node)
    return _renamed(graph, nodes, {} if left else {top.name: made.name})


def _renamed(graph: Graph, nodes: list[Node], renamed: Mapping[str, str]) -> Graph:
    return graph.rewritten((node.reading(renamed) for node in nodes), renamed)
