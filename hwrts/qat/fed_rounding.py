"""Weights rounded for what they are fed: the error of one is made up for by those that come behind it.

Hassibi and Stork's surgery of 1993, by the Cholesky factor as Frantar et al. have it (GPTQ, 2022). Pixels of
a picture are much alike, so 243 taps on it can round to a kernel that answers to pictures as the exact one
does, though each tap is up to half an LSB off. Keeping the sum of each kernel, as calibration does, is the
same for flat pictures alone.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hwrts.fixed_point import weight_limit
from hwrts.graph import Operation
from hwrts.graph.operators.conv_part import put_rounded
from hwrts.qat.network import QuantNetwork

MOST_TAPS = 2048
"""Of a row: its products with each other are so many numbers squared, and take the cube of it in time."""

DAMPING = 1e-3
"""Of the mean square of what is fed, added to each: values that hardly occur are not made use of. 1e-2 leaves
twice the error in SRResNet's first kernel (docs/experiments.md)."""

PIXELS, SIDE = 4096, 64
"""Of a batch, drawn, as neighbours say the same; and of a picture, whose middle is looked at: memory holds
each of its pixels as often as there are taps."""

# Letters of the shape comments: O output channels, T taps of a row (input channels and kernel), P pixels.


def free_rows(quantised: QuantNetwork) -> dict[str, Tensor]:
    """Exact rows (O, T), by layer, of those that :func:`round_as_fed` gives other codes; empty: of none."""
    rows = {node.name: _free(quantised, node) for node in quantised.graph.operations}
    return {name: each for name, each in rows.items() if each is not None}


@torch.no_grad()
def round_as_fed(quantised: QuantNetwork, batches: Sequence[Tensor | Mapping[str, Tensor]]) -> QuantNetwork:
    """Give a calibrated network, not yet trained, the codes of weights that make the smallest error.

    Grids stay. So do weights that are trained towards their codes, or of which more is held than which taps
    there are, rows of very many taps, and what all pictures feed nothing but 0: channels that never answer,
    or black.

    Args:
        quantised: It is changed, and returned.
        batches: Pictures (N, C, H, W) of the kinds that it will see, or what each input is fed by its name.
    """
    free = free_rows(quantised)
    nodes = [node for node in quantised.graph.operations if node.name in free]
    products: dict[str, Tensor] = {}
    quantised.eval()
    for batch in batches:
        picture = next(iter(batch.values())) if isinstance(batch, Mapping) else batch
        values = quantised.to(picture.device).values(batch)
        for node in nodes:
            x = _fed(node, values[node.sources[0]]).double()  # (T, P)
            products[node.name] = products.get(node.name, 0) + x @ x.T
    for node in nodes:
        part = quantised.part(node)
        lsb = part.quant_weight().scale.reshape(-1, 1).double()  # (O, 1), or one for all
        exact = free[node.name].to(lsb) / lsb  # (O, T)
        codes = part.quant_weight().value.flatten(1).double() / lsb
        largest = weight_limit(quantised.widths[node.name].weight)
        # The phases of a transposed convolution have each their own.
        kinds, kind = node.row_taps.unique(dim=0, return_inverse=True)  # type: ignore[no-untyped-call]
        for i, there in enumerate(kinds):
            rows, taps = (kind == i).nonzero(), there.nonzero().squeeze(1)  # (R, 1) and (T',)
            fed = products[node.name][taps[:, None], taps]
            if fed.any():
                codes[rows, taps] = rounded(exact[rows, taps], fed, largest)
        put_rounded(part, (codes * lsb).reshape(part.weight.shape))
    quantised.train()
    return quantised


def rounded(exact: Tensor, products: Tensor, largest: int) -> Tensor:
    """Codes with a small square of (codes - exact) x, summed over what is fed.

    Args:
        exact: Rows (O, T) in LSB, float64.
        products: x x^T (T, T), summed over what is fed, which is not all 0.
        largest: Largest magnitude of a code.

    Returns:
        Whole numbers (O, T). Of two inputs that are alike, one makes up for the other:

    >>> alike = torch.ones(2, 2, dtype=torch.float64)
    >>> rounded(torch.tensor([[0.4, 0.4]], dtype=torch.float64), alike, 127).tolist()
    [[0.0, 1.0]]
    """
    damped = products + DAMPING * products.diagonal().mean() * torch.eye(len(products)).to(products)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor = torch.linalg.cholesky(inverse, upper=True)  # (T, T)
    left, codes = exact.clone(), torch.empty_like(exact)
    for tap in range(exact.shape[1]):
        codes[:, tap] = left[:, tap].round().clamp(-largest, largest)
        error = (left[:, tap] - codes[:, tap]) / factor[tap, tap]  # (O,)
        left[:, tap:] -= error[:, None] * factor[tap, tap:]
    return codes


def _free(quantised: QuantNetwork, node: Operation) -> Tensor | None:
    """Rows (O, T) whose codes may be any, and are found once."""
    widths, rows = quantised.widths.get(node.name), node.rows
    if widths is None or widths.accumulator is not None or widths.settled:
        return None
    return rows if rows is not None and rows.shape[1] <= MOST_TAPS else None


def _fed(node: Operation, x: Tensor) -> Tensor:
    """What the rows are multiplied by, (T, P): of some pixels."""
    rows, columns = x.shape[2:]
    top, left = max(0, rows - SIDE) // 2, max(0, columns - SIDE) // 2
    x = x[:, :, top : top + SIDE, left : left + SIDE]
    pixels = node.meets_taps(x[:1]).shape[2]  # of one picture, P
    met = torch.zeros(len(x) * pixels, dtype=torch.bool)
    # A step would share a factor with the width, or with the shuffle's phases, and meet some columns alone.
    met[torch.randperm(len(met), generator=torch.Generator().manual_seed(0))[:PIXELS]] = True
    kept = met.reshape(len(x), pixels).to(x.device)
    return torch.cat([node.meets_taps(x[i : i + 1])[0, :, kept[i]] for i in range(len(x))], 1)
