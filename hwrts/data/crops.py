"""Training crops: where they are, in which order they come, and cutting them out of a store.

Letters: B batch, P side of a crop in LR pixels; its target has 2P.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwrts.data.store import PhotoStore, lr_kind
from hwrts.errors import DataError


@dataclass(frozen=True, eq=False)  # an array in it: == would have no single answer
class CropPlan:
    """Top-left corners of the crops, drawn once for all stages: all stages then see the same LR pictures."""

    crops: NDArray[np.int32]  # (n, 3): image, y, x in LR pixels; read-only


def plan_crops(
    shapes_lr: Sequence[tuple[int, int]],
    per_image: int,
    patch_lr: int,
    seed: int,
    names: Sequence[str] | None = None,
) -> CropPlan:
    """Draw ``per_image`` uniform crop positions in each picture.

    Args:
        shapes_lr: (H, W) of each LR picture.
        per_image: Crops of each, 1 or more.
        patch_lr: Side of a crop in LR pixels.
        seed: Of the positions.
        names: Of the pictures, for the error message.

    Raises:
        DataError: No pictures, a count or size below 1, or a picture smaller than the crop.
    """
    if not shapes_lr:
        raise DataError("no pictures to crop; give at least one")
    if per_image < 1 or patch_lr < 1:
        raise DataError(f"{per_image} crops of {patch_lr} pixels are not allowed; both must be 1 or more")
    for i, (height, width) in enumerate(shapes_lr):
        if min(height, width) < patch_lr:
            who = f"picture {i}" if names is None else f"'{names[i]}'"
            raise DataError(
                f"{who}: LR size {width}x{height} is smaller than the patch {patch_lr}x{patch_lr}; "
                "use a smaller patch or leave the picture out"
            )
    room = np.repeat(np.asarray(shapes_lr, np.int32) - patch_lr, per_image, axis=0)  # (n, 2)
    corners = np.random.default_rng(seed).integers(0, room, endpoint=True, dtype=np.int32)  # (n, 2)
    images = np.repeat(np.arange(len(shapes_lr), dtype=np.int32), per_image)  # (n,)
    crops = np.column_stack([images, corners])  # (n, 3)
    crops.flags.writeable = False
    return CropPlan(crops)


def batch_indices(n: int, batch: int, step: int, seed: int) -> NDArray[np.int64]:
    """The crops of one training step: a pure function of its arguments, so that training resumes at any step.

    The order is one endless sequence, a fresh permutation of 0..n-1 after the other (epoch e uses the
    generator seeded with (seed, e)); step s takes its elements s*batch..(s+1)*batch-1. Batches run across the
    end of an epoch, so each is full.

    Args:
        n: Number of crops, 1 or more.
        batch: Crops in a step, 1 or more; may exceed n.
        step: 0, 1, ...
        seed: 0 or more.

    Returns:
        (batch,) int64 in 0..n-1.

    Raises:
        DataError: An argument below its minimum.
    """
    if n < 1 or batch < 1 or step < 0 or seed < 0:
        raise DataError(
            f"batch of {batch} from {n} crops at step {step}, seed {seed}: use 1, 1, 0, 0 or more"
        )
    positions = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)  # (B,)
    epochs = positions // n  # (B,)
    indices = np.empty(batch, np.int64)
    for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
        here = epochs == epoch
        order = np.random.default_rng((seed, epoch)).permutation(n)  # (n,)
        indices[here] = order[positions[here] % n]
    return indices


def gather(
    store: PhotoStore, plan: CropPlan, indices: NDArray[np.int64], patch_lr: int, target_kind: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut crops and their targets out of a store: LR rows y..y+P belong to target rows 2y..2y+2P.

    Of several versions of LR, crop k of the plan is of version k modulo their number, always.

    Args:
        store: Has "lr" and ``target_kind``.
        plan: Made for this store's LR shapes and ``patch_lr``.
        indices: (B,) rows of the plan.
        patch_lr: P.
        target_kind: "hr", or a kind of the same shape such as "target1".

    Returns:
        LR crops (B, P, P, 3) and targets (B, 2P, 2P, 3), codes of the store in memory of their own.

    Raises:
        DataError: The store has no such kind or picture, or a crop leaves its picture.
    """
    p = patch_lr
    dtype = np.uint8 if store.bits == 8 else np.uint16
    lr = np.empty((len(indices), p, p, 3), dtype)
    target = np.empty((len(indices), 2 * p, 2 * p, 3), dtype)
    for b, (i, y, x) in enumerate(plan.crops[indices].tolist()):
        height, width = store.shapes[i] if i < len(store.shapes) else (0, 0)
        if 2 * (y + p) > height or 2 * (x + p) > width:
            raise DataError(
                f"crop {int(indices[b])} leaves picture {i} of {store.folder}; plan crops for this store"
            )
        lr[b] = store.whole(i, lr_kind(int(indices[b]) % store.versions))[y : y + p, x : x + p]
        target[b] = store.whole(i, target_kind)[2 * y : 2 * (y + p), 2 * x : 2 * (x + p)]
    return lr, target
