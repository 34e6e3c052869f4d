"""Weights of a user's module: made, finite, and not changed by a call; and what was traced of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.trace import Traced


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


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
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


def check_values(traced: Traced) -> None:
    """What hooks or batch norms computed of finite weights may still not be."""
    for node in traced.graph.nodes:
        for what, value in vars(node).items():
            if isinstance(value, Tensor) and not bool(torch.isfinite(value).all()):
                raise UnsupportedOperatorError(
                    f"{traced.places[node.name]}: its {what} is NaN or infinite, with the batch norm or the "
                    "hook that is part of it; give numbers of a training that did not diverge"
                )


def _layer(tensor: str, module: nn.Module) -> str:
    """The layer that has a weight, by its path in the module."""
    path = tensor.rpartition(".")[0]
    return f"layer {path!r}" if path else type(module).__name__


def _equal(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same values; NaN, which a buffer may begin with, is the same as NaN."""
    if torch.equal(a, b):
        return True
    return a.is_floating_point() and a.shape == b.shape and torch.allclose(a, b, 0, 0, equal_nan=True)


def _state(module: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers, those as well that are in no file."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
