"""Every operator that stays refused is refused with a sentence of its own, however it is spelled."""

import operator
import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.convert import convert
from hwrts.graph.instead import _SENTENCES
from hwrts.graph.trace import trace

ENTRIES = [(sentence, each) for sentence, spelled in _SENTENCES.items() for each in spelled]

MADE_WITH: dict[type[nn.Module], tuple[int, ...]] = {
    nn.MultiheadAttention: (4, 2),
    nn.Bilinear: (4, 4, 4),
    nn.LocalResponseNorm: (3,),
    nn.LPPool2d: (2, 2),
    nn.Unfold: (3,),
    nn.Fold: (4, 3),
    **dict.fromkeys((nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell), (4, 4)),
}


def named(each: Any) -> str:
    return each if isinstance(each, str) else getattr(each, "__name__", str(each))


def one_line(error: UnsupportedOperatorError) -> str:
    text = str(error)
    assert "\n" not in text
    assert "is not supported: " in text
    return text


@pytest.mark.parametrize(
    ("sentence", "each"), ENTRIES, ids=[f"{i} {named(each)}" for i, (_, each) in enumerate(ENTRIES)]
)
def test_each_has_its_sentence(sentence: str, each: Any) -> None:
    graph = fx.Graph()
    x, modules = graph.placeholder("x"), {}
    if isinstance(each, type):
        modules = {"part": each(*MADE_WITH.get(each, ()))}
        node = graph.call_module("part", (x,))
    elif isinstance(each, str):
        node = graph.call_method(each, (x,))
    else:
        node = graph.call_function(each, (x, x))
    with pytest.raises(UnsupportedOperatorError) as caught:
        convert(node, modules, {}, {"x": "x"}, {}, {})
    assert sentence in one_line(caught.value)
    assert "allowed are" not in str(caught.value)  # the list of all is no help here


def assigned(h: Tensor) -> Tensor:
    made = h.clone()
    made[h > 0.5] = 0
    return made


class Stands(nn.Module):
    """A convolution, what stands in the way, a convolution."""

    def __init__(self, middle: Any, part: nn.Module | None) -> None:
        super().__init__()
        self.a, self.b, self.middle = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1), middle
        if part is not None:
            self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.middle(self, self.a(x)))


WAYS: dict[str, tuple[Any, nn.Module | None, str]] = {
    "LSTM": (
        lambda s, h: s.part(h.flatten(2).permute(2, 0, 1))[0],
        nn.LSTM(4, 4),
        "give the state as an input",
    ),
    "GRU": (
        lambda s, h: s.part(h.flatten(2).permute(2, 0, 1))[0],
        nn.GRU(4, 4),
        "give the state as an input",
    ),
    "Unfold": (lambda s, h: s.part(h), nn.Unfold(3), "rows of a matrix"),
    "F.unfold": (lambda s, h: F.unfold(h, 3), None, "rows of a matrix"),
    "fft2": (lambda s, h: torch.fft.fft2(h).real, None, "Fourier transform"),
    "irfft2": (lambda s, h: torch.fft.irfft2(torch.fft.rfft2(h)), None, "Fourier transform"),
    "normalize": (lambda s, h: F.normalize(h, dim=2), None, "a length made of values"),
    "norm": (lambda s, h: h / h.norm(dim=2, keepdim=True), None, "a length made of values"),
    "LocalResponseNorm": (lambda s, h: s.part(h), nn.LocalResponseNorm(3), "use BatchNorm2d"),
    "std": (lambda s, h: h / (h.std((2, 3), keepdim=True) + 1), None, "unbiased=False"),
    "std of rows": (lambda s, h: h / (h.std(3, keepdim=True) + 1), None, "unbiased=False"),
    "attention": (lambda s, h: F.scaled_dot_product_attention(h, h, h), None, "use a gate"),
    "assigned": (lambda s, h: assigned(h), None, "writing into a tensor"),
    "choice": (lambda s, h: torch.where(operator.eq(h, 0), h, h * 2), None, "write a choice with"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_module_with_it_is_refused_in_one_line(way: str) -> None:
    middle, part, words = WAYS[way]
    with warnings.catch_warnings(action="ignore"), pytest.raises(UnsupportedOperatorError) as caught:
        trace(Stands(middle, part))
    assert words in one_line(caught.value)
