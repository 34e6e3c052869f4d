"""The Recurrent Training Strategy of the paper (README): train on targets, then make better targets.

stage n, phase A:  minimise MSE(S_n(LR), HR_{n-1}), the network trained on from stage n-1
stage n, phase B:  HR_n = D(S_n(HR0)), always from the original HR0
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwrts.config import RunConfig
from hwrts.data import CropPlan, PhotoStore, batch_indices, gather
from hwrts.data.depth import Codes, Samples
from hwrts.data.luma import Luma, through
from hwrts.data.tiles import Sizes, Upscaler, enhance
from hwrts.fixed_point import PIXEL, halo, whole_frame
from hwrts.fixed_point.steps import multiple_of, smallest_of
from hwrts.graph import graph_steps
from hwrts.graph.trace import trace
from hwrts.metrics.artefacts import REACH
from hwrts.training.device import Device
from hwrts.training.fit import Batches, Schedule


def target_kind(stage: int) -> str:
    """Name in the store of the pictures that stage+1 is trained toward: HR_0 is the originals."""
    return "hr" if stage == 0 else f"target{stage}"


def stage_schedule(config: RunConfig, stage: int, crops: int) -> Schedule:
    """Length and learning rates of phase A of a stage, 1 the first."""
    rts = config.rts
    first = stage == 1
    steps = rts.first_steps if first else rts.steps
    if rts.epochs is not None:
        steps = -(-rts.epochs * crops // rts.batch)
    return Schedule(rts.first_learning_rate if first else rts.learning_rate, steps, rts.schedule)


def crop_batches(
    store: PhotoStore,
    plan: CropPlan,
    target: str,
    *,
    batch: int,
    patch: int,
    seed: int,
    device: str,
    same_size: bool = False,
    luma: Luma | None = None,
) -> Batches:
    """Step number to a batch of aligned crops, values code * 2**-8, channels last in memory.

    Args:
        store: Pictures with their low-resolution versions and targets.
        plan: Where the crops are.
        target: Kind of target in the store.
        batch: B, crops per step.
        patch: Side of a low-resolution crop.
        seed: Order of the crops; stages use different ones.
        device: Where the tensors go.
        same_size: Take the originals in place of their low-resolution versions.
        luma: Their Y' alone, one channel; None gives red, green and blue.
    """

    def batches(step: int) -> tuple[Tensor, Tensor]:
        indices = batch_indices(len(plan.crops), batch, step, seed)
        lr, hr = gather(store, plan, indices, patch, target)  # (B, P, P, 3), (B, 2P, 2P, 3)
        x = gather(store, plan, indices, patch, target_kind(0))[1] if same_size else lr
        if luma is not None:
            x, hr = luma.of(x, store.bits), luma.of(hr, store.bits)
        return to_values(x, device, store.bits), to_values(hr, device, store.bits)

    return batches


def to_values(codes: Samples, device: str = "cpu", bits: int = 8) -> Tensor:
    """Codes (B, H, W, C) to values code * 2**-bits (B, C, H, W); the strides stay channels last."""
    whole = codes if bits == 8 else codes.astype(np.int32)  # torch computes nothing of uint16
    return torch.from_numpy(whole).to(device).permute(0, 3, 1, 2).float().mul_(2.0**-bits)


def float_upscaler(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    device: str,
    *,
    clipped: bool = True,
    bits: int = 8,
) -> Upscaler:
    """A float network as a function on codes: (H, W, C) to (2H, 2W, C) float32, C 3, or 1 of luma.

    It is given codes of ``bits`` bits, and makes units of 8-bit codes: clipped to 0 and white, as a picture
    is, unless they are to be measured as the network made them.
    """

    def upscaler(pixels: Codes) -> NDArray[np.float32]:
        model.eval()
        with torch.inference_mode():
            values = forward(to_values(np.array(pixels)[None], device, bits))  # (1, C, 2H, 2W)
            y = values.float().mul(2.0**PIXEL.frac)
            y = y.clamp_(0, 256 - 2.0 ** (8 - bits)) if clipped else y
            codes: NDArray[np.float32] = y[0].permute(1, 2, 0).contiguous().cpu().numpy()
            return codes

    return upscaler


def update_targets(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    device: Device,
    store: PhotoStore,
    stage: int,
    progress: Callable[[int, int], None],
    *,
    bounded: bool = False,
    luma: Luma | None = None,
) -> None:
    """Phase B: write HR_n = D(S_n(HR0)) of every picture into the store, in its bits, rounded once.

    Bounded, each code is clipped to the range of HR0's codes of its colour over the pixels around, so that a
    steeper edge stays a target and a halo beside it does not. A network of ``luma`` sees Y' alone, and the
    pictures' colours get the correction of it.

    The network's output is not rounded between S and D: a rounding there would be amplified by the next
    stage. Pictures that are there already (an interrupted run) are written again with the same bytes.
    """
    steps = graph_steps(trace(model))
    margin = None if whole_frame(steps) else halo(steps)
    sizes = Sizes(multiple_of(steps), smallest_of(steps))
    upscaler = float_upscaler(model, forward, device.name, bits=store.bits)
    count = len(store.names)
    for i in range(count):
        original = np.array(store.whole(i, "hr"))
        made = through(
            luma,
            original,
            lambda seen: enhance(upscaler, seen, margin, sizes=sizes, bits=store.bits),
            1,
            store.bits,
        )
        store.write(i, target_kind(stage), _within(made, original) if bounded else made)
        progress(i + 1, count)


def _within(picture: NDArray[Any], original: NDArray[Any]) -> NDArray[Any]:
    """A picture (H, W, 3) clipped to the range that its original has over 7x7 pixels, colour by colour."""
    from scipy.ndimage import maximum_filter, minimum_filter  # here: a training without it need not wait

    around = (2 * REACH + 1, 2 * REACH + 1, 1)
    low, high = minimum_filter(original, around), maximum_filter(original, around)
    clipped: NDArray[Any] = np.clip(picture, low, high)
    return clipped


def best_scored_stage(scores: Sequence[float]) -> int | None:
    """The paper's second stopping rule: the stage of the best quality score, once the score falls.

    Args:
        scores: Mean quality score of HR_n for each stage so far.

    Returns:
        The stage to keep, 1 the first, or None while the score still rises.

    >>> best_scored_stage([3.962, 4.028, 4.057]), best_scored_stage([3.962, 4.028, 4.057, 4.050])
    (None, 3)
    """
    return len(scores) - 1 if len(scores) > 1 and scores[-1] <= scores[-2] else None


def best_stage(changes: Sequence[float]) -> int | None:
    """The paper's first stopping rule: the stage of smallest change, once the change grows again.

    Args:
        changes: For each stage so far, how much the image difference ratio grew over the stage before.

    Returns:
        The stage to keep, 1 the first, or None while the change still shrinks.

    >>> best_stage([0.95, 0.40, 0.12, 0.01]), best_stage([0.95, 0.40, 0.12, 0.01, 0.03])
    (None, 4)
    """
    sizes = [abs(change) for change in changes]
    if len(sizes) < 2 or sizes[-1] <= sizes[-2]:
        return None
    return len(sizes) - 1
