"""What to write in the place of operators that no line buffer computes, each in a sentence of its own."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hwrts.graph.assembled import assembled, taken

_SOFTMAX = (
    "attention by softmax divides by a sum over many pixels; use a gate in its place, such as "
    "x * sigmoid(conv(x)); over the channels of a pixel, or of a mean over the picture, it is supported"
)
_MATRIX = (
    "a product of matrices that are made of the picture needs all of it at once; use convolutions, products "
    "value by value (a * b), or a constant matrix times the channels"
)
_WARP = (
    "it reads where values say, and no line buffer knows which rows; warp outside, and give the result as an "
    "input of its own"
)
_LOOP = (
    "a recurrent layer runs along a sequence inside; use convolutions, and give the state as an input and "
    "return it as an output"
)
_ORDER = "which values it takes depends on the values; use convolutions, gates or MaxPool2d"
_STATISTICS = (
    "it computes statistics of some pixels; use BatchNorm2d, whose statistics are stored, InstanceNorm2d or "
    "GroupNorm, or var and std of the channels of a pixel, var(1), or of the picture by all its pixels, "
    "var((2, 3), unbiased=False)"
)
_LARGEST = (
    "of two tensors, write max(a, b) as a + relu(b - a), and min(a, b) as a - relu(a - b); of one tensor, "
    "amax(1, keepdim=True), over the channels, and AdaptiveMaxPool2d(1), over the picture, are supported; "
    "the smallest as -(-x).amax(..)"
)
_JUMP = (
    "it jumps where a value changes by next to nothing; write it as (x > 0).float(), through which nothing "
    "is fine-tuned, or as sigmoid(k * x)"
)
_WHOLE = (
    "it jumps where a value changes by next to nothing, and nothing can be fine-tuned through it; leave it "
    "out: integers are rounded as --rounding says"
)
_GATED = "write glu(x, 1): over the channels it is supported"
_CHOICE = (
    "write a choice with a comparison in it, where(x > c, a, b), or as a gate, "
    "a * sigmoid(m) + b * sigmoid(-m)"
)
_ASSIGNED = (
    "writing into a tensor is supported for whole channels, every second (third, ..) row and column, and "
    "channels moved by some pixels, at places that depend on no values"
)
_WINDOWS = "windows as rows of a matrix are for attention; use convolutions, PixelShuffle and PixelUnshuffle"
_ROLL = "it carries rows around the picture's edge; leave shifted windows out, use larger kernels"
_FOURIER = "a Fourier transform needs the whole picture in complex numbers; use convolutions of large kernels"
_POWERS = (
    "a root of a sum of powers: for p=2 over k x k pixels write k * sqrt(avg_pool2d(x * x, k)), else use "
    "MaxPool2d or AvgPool2d"
)
_LENGTH = (
    "a length made of values is supported over the channels of a pixel, such as F.normalize(x, dim=1), with "
    "p=2; use that, BatchNorm2d or a fixed factor"
)

_SENTENCES: dict[str, tuple[Any, ...]] = {
    _SOFTMAX: (
        *(nn.Softmax, nn.Softmax2d, nn.LogSoftmax, nn.Softmin, nn.MultiheadAttention),
        *(F.softmax, torch.softmax, "softmax", F.log_softmax, torch.log_softmax, "log_softmax", F.softmin),
        *(F.scaled_dot_product_attention, F.gumbel_softmax),
    ),
    _MATRIX: (
        *(torch.matmul, torch.bmm, torch.mm, torch.einsum, torch.baddbmm, operator.matmul),
        *("matmul", "bmm", "mm", "__matmul__", nn.Bilinear, torch.cdist),
    ),
    _WARP: (F.grid_sample, torch.grid_sampler, F.affine_grid, torch.gather, "gather", torch.take_along_dim),
    _LOOP: (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell),
    _ORDER: (
        *(torch.sort, torch.topk, torch.argmax, torch.argmin, torch.argsort, torch.median, torch.cumsum),
        *("sort", "topk", "argmax", "argmin", "argsort", "median", "cumsum"),
    ),
    _STATISTICS: (
        *(
            F.instance_norm,
            F.group_norm,
            F.batch_norm,
            torch.var,
            torch.std,
            "var",
            "std",
        ),
        *(torch.var_mean, torch.std_mean, nn.LocalResponseNorm, F.local_response_norm),
    ),
    _LARGEST: (
        *(torch.max, torch.min, torch.maximum, torch.minimum, "max", "min", "maximum", "minimum"),
        *(torch.amin, "amin"),
    ),
    _JUMP: (torch.heaviside, "heaviside"),
    _WHOLE: (
        *(torch.round, torch.floor, torch.ceil, torch.trunc, torch.fix, torch.frac, round),
        *("round", "floor", "ceil", "trunc", "fix", "frac", "round_", "floor_", "ceil_", "trunc_", "frac_"),
        *(operator.floordiv, operator.mod, torch.fmod, torch.remainder, "fmod", "remainder"),
    ),
    _GATED: (F.glu, nn.GLU),
    _POWERS: (nn.LPPool2d, F.lp_pool2d),
    _CHOICE: (torch.where, "where", "masked_fill", torch.masked_fill, operator.eq, operator.ne),
    _ASSIGNED: (operator.setitem, "copy_", assembled, taken),
    _WINDOWS: (nn.Unfold, nn.Fold, F.unfold, F.fold, "unfold"),
    _ROLL: (torch.roll, "roll"),
    _FOURIER: (torch.fft.fft2, torch.fft.rfft2, torch.fft.irfft2, torch.fft.ifft2, torch.fft.rfftn),
    _LENGTH: (
        F.normalize,
        torch.norm,
        torch.linalg.norm,
        torch.linalg.vector_norm,
        "norm",
        nn.CosineSimilarity,
    ),
}


def instead_of(module: nn.Module | None, function: Any) -> str | None:
    """What to do instead of an operator that is not supported; None where only the list of all helps."""
    for sentence, spelled in _SENTENCES.items():
        for each in spelled:
            if isinstance(each, type) and isinstance(module, each):
                return sentence
            if module is None and not isinstance(each, type) and each == function:
                return sentence
    return None
