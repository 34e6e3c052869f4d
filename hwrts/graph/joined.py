"""Concatenations of parts of one tensor."""

from typing import Any

import torch
from torch import fx

from hwrts.graph.recording import Moved, Recording

JOINS = (torch.cat, torch.concat, torch.concatenate, torch.stack)


def joined(recording: Recording, node: fx.Node) -> Moved | None:
    """A concatenation of parts of one tensor, one of which at least is rearranged."""
    operands: Any = node.args[0]
    if not isinstance(operands, list | tuple) or not any(each in recording.moved for each in operands):
        return None
    bases = [recording.base(each) for each in operands]
    if any(base is None or base.source is not bases[0].source for base in bases):  # type: ignore[union-attr]
        return None
    function: Any = node.target
    indices = [base.index for base in bases if base is not None]
    return Moved(bases[0].source, function(indices, *node.args[1:], **node.kwargs))  # type: ignore[union-attr]
