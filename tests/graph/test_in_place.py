"""Operators that overwrite what they read, in every spelling of torch and at every place of a module."""

import operator
import re
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.convert import FUNCTIONS
from hwrts.graph.trace import trace_with_clip

ARGUMENTS = {
    "relu": (),
    "leaky_relu": (0.2,),
    "add": (torch.tensor,),
    **dict.fromkeys(("sub", "subtract"), (torch.tensor,)),
    **dict.fromkeys(("neg", "negative"), ()),
    "mul": (3,),
    "multiply": (-2,),
    "div": (4,),
    "divide": (4,),
    "true_divide": (4,),
    "clamp": (0, 1),
    "clip": (0, 1),
    "hardtanh": (0, 1),
    "clamp_min": (0,),
    "clamp_max": (0.5,),
    **dict.fromkeys(("sigmoid", "tanh", "exp", "sqrt"), ()),
    "elu": (0.3,),
    **dict.fromkeys(("abs", "absolute", "arctan", "atan", "celu", "cos", "cosh", "erf", "exp2", "expm1"), ()),
    **dict.fromkeys(("selu", "sin", "sinh", "square"), ()),
    "pow": (2,),
    **dict.fromkeys(("sign", "sgn"), ()),
    **dict.fromkeys(("gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal"), (0.1,)),
    "threshold": (0.1, 0.2),
    "rrelu": (0.1, 0.3),
}
"""What each function that has a form in place is called with; torch.tensor stands for the tensor itself."""
WITHOUT = {"prelu", "pixel_shuffle", "interpolate", "pad", "cat", "concat", "concatenate"}
WITHOUT |= {"relu6", "special_expit", "gelu", "silu", "hardswish", "hardsigmoid", "mish", "softplus"}
WITHOUT |= {"chunk", "split", "getitem", "conv2d", "conv_transpose2d", "avg_pool2d"}
WITHOUT |= {
    "_threshold",
    "hardshrink",
    "log_sigmoid",
    "softshrink",
    "softsign",
    "tanhshrink",
    "reorder",
    "shift",
}
WITHOUT |= {"adaptive_avg_pool2d", "adaptive_max_pool2d", "amax", "max_pool2d", "mean", "pixel_unshuffle"}
WITHOUT |= {"resized", "special_erf", "special_exp2", "special_expm1", "special_log1p"}
"""Functions without a form in place."""


def called(owner, name, h):
    arguments = [h if each is torch.tensor else each for each in ARGUMENTS[name]]
    if owner is torch.Tensor:
        return getattr(h, f"{name}_")(*arguments)
    return getattr(owner, f"{name}_")(h, *arguments)


def augmented(change, value, h):
    change(h, h if value is None else value)


SPELLINGS = {
    f"{owner.__name__}.{name}_": partial(called, owner, name)
    for name in ARGUMENTS
    for owner in (torch.Tensor, torch, F)
    if hasattr(owner, f"{name}_")
} | {
    "h += h": partial(augmented, operator.iadd, None),
    "h -= h": partial(augmented, operator.isub, None),
    "h *= 3": partial(augmented, operator.imul, 3),
    "h /= 4": partial(augmented, operator.itruediv, 4),
    "F.relu(h, True)": lambda h: F.relu(h, True),
    "F.relu(h, inplace=True)": lambda h: F.relu(h, inplace=True),
    "F.leaky_relu(h, 0.2, True)": lambda h: F.leaky_relu(h, 0.2, True),
    "F.leaky_relu(h, inplace=True)": lambda h: F.leaky_relu(h, inplace=True),
    "F.hardtanh(h, 0, 1, True)": lambda h: F.hardtanh(h, 0, 1, True),
    "F.hardtanh(h, 0, 1, inplace=True)": lambda h: F.hardtanh(h, 0, 1, inplace=True),
    "F.hardtanh(h, 0, max_val=1, inplace=True)": lambda h: F.hardtanh(h, 0, max_val=1, inplace=True),
    "F.hardtanh_(h)": F.hardtanh_,
    "nn.Hardtanh(inplace=True)": nn.Hardtanh(inplace=True),
    "nn.ReLU6(inplace=True)": nn.ReLU6(inplace=True),
    "F.relu6(h, True)": lambda h: F.relu6(h, True),
    "F.relu6(h, inplace=True)": lambda h: F.relu6(h, inplace=True),
    "h.clamp_(0, 2)": lambda h: h.clamp_(0, 2),
    "h.clamp_(max=1)": lambda h: h.clamp_(max=1),
    "h.clamp_(min=0)": lambda h: h.clamp_(min=0),
    "h.clamp_(min=0, max=1)": lambda h: h.clamp_(min=0, max=1),
    "torch.clip_(h, 0.0, max=1.0)": lambda h: torch.clip_(h, 0.0, max=1.0),
    "F.elu(h, 0.2, True)": lambda h: F.elu(h, 0.2, True),
    "F.silu(h, inplace=True)": lambda h: F.silu(h, inplace=True),
    "F.hardswish(h, True)": lambda h: F.hardswish(h, True),
    "nn.Mish(inplace=True)": nn.Mish(inplace=True),
    "nn.ReLU(inplace=True)": nn.ReLU(inplace=True),
    "nn.LeakyReLU(0.2, inplace=True)": nn.LeakyReLU(0.2, inplace=True),
    "nn.Hardtanh(0, 1, inplace=True)": nn.Hardtanh(0, 1, inplace=True),
    "nn.Dropout(inplace=True)": nn.Dropout(inplace=True),
}


def is_clip(spelling):
    """Whether it is a clip to 0..1, which saturation to pixels does at the output."""
    named = spelling.endswith((".clamp_", ".clip_", ".hardtanh_"))
    return named or bool(re.search(r"[ (](?:min=)?0(?:\.0)?, (?:max=|max_val=)?1", spelling))


class Made(nn.Module):
    """Two convolutions, and a change in place of what the first of them makes."""

    def __init__(self, forward, change) -> None:
        super().__init__()
        self.a, self.b = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))
        self.same, self.change, self.run = nn.Identity(), change, forward

    def forward(self, x):
        return self.run(self, x)


def in_the_middle(self, x):
    h = self.a(x)
    self.change(h)
    return self.b(h)


def by_another_name(self, x):
    h = self.a(x)
    other = self.same(h)
    self.change(h)
    return self.b(other)


def beside_a_branch(self, x):
    h = self.a(x)
    y = self.b(h)
    self.change(h)
    return h + y


def of_the_picture(self, x):
    self.change(x)
    return self.a(x)


def at_the_end(self, x):
    h = self.b(self.a(x))
    self.change(h)
    return h


def at_the_end_by_another_name(self, x):
    h = self.b(self.a(x))
    other = self.same(h)
    self.change(self.same(h))
    return other


def never_read_again(self, x):
    h = self.a(x)
    y = self.b(h)
    self.change(h)
    return y


INSIDE = (in_the_middle, by_another_name, beside_a_branch, of_the_picture)
END = (at_the_end, at_the_end_by_another_name)


def test_every_function_that_is_read_is_tried_in_place():
    names = {each if isinstance(each, str) else each.__name__ for each in FUNCTIONS}
    names = {name.rstrip("_") for name in names} - {"iadd", "isub", "imul", "itruediv", "truediv"}
    names -= {"reciprocal", "rsqrt", "log", "log2", "log10", "log1p"}  # known, and refused in all their forms
    assert names == set(ARGUMENTS) | WITHOUT
    for name in WITHOUT:
        assert not any(hasattr(owner, f"{name}_") for owner in (torch.Tensor, torch, F))
    for name in ARGUMENTS:
        assert any(f".{name}_" in spelling for spelling in SPELLINGS), name


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("forward", [*INSIDE, *END, never_read_again])
def test_what_is_read_later_is_what_was_overwritten(forward, spelling):
    """A clamp in place was taken for one at the output and left out: 75 codes from the module, PASSED."""
    module = Made(forward, SPELLINGS[spelling]).eval()
    traced = trace_with_clip(module)
    assert bool(traced.clipped) == (is_clip(spelling) and forward in END)
    for x in (torch.rand(1, 3, 6, 5), 5 * torch.rand(1, 3, 6, 5) - 2):
        torch.testing.assert_close(traced.output(x), module(x.clone()), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("change", [
    lambda h: torch.clamp(h, 0, 1, out=h), lambda h: h.fmod_(h), lambda h: h.cumprod_(1),
])  # fmt: skip
@pytest.mark.parametrize("forward", [*INSIDE, *END])
def test_others_are_refused_wherever_they_stand(forward, change):
    with pytest.raises(UnsupportedOperatorError, match="supported") as caught:
        trace_with_clip(Made(forward, change))
    assert "\n" not in str(caught.value)
