import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hwrts.data import CropPlan, Photo, batch_indices, build_store, gather, plan_crops
from hwrts.errors import DataError

# (shapes, per image, patch, what the message says)
BAD_PLANS = [
    ([], 1, 4, "no pictures to crop"),
    ([(4, 4)], 0, 4, "0 crops of 4 pixels"),
    ([(4, 4)], 1, 0, "1 crops of 0 pixels"),
    ([(8, 8), (3, 9)], 1, 4, "picture 1: LR size 9x3 is smaller than the patch 4x4"),
    ([(8, 8), (9, 3)], 1, 4, "picture 1: LR size 3x9 is smaller than the patch 4x4"),
]


@pytest.mark.parametrize(("shapes", "per_image", "patch", "says"), BAD_PLANS)
def test_bad_plans_table(shapes, per_image, patch, says):
    with pytest.raises(DataError, match=says):
        plan_crops(shapes, per_image, patch, seed=0)


def test_a_small_picture_is_named():
    with pytest.raises(DataError, match="'beach': LR size 3x3"):
        plan_crops([(9, 9), (3, 3)], 1, 4, 0, names=["hill", "beach"])


def test_plan():
    plan = plan_crops([(8, 20), (4, 4), (5, 4)], per_image=200, patch_lr=4, seed=3)
    assert plan.crops.shape == (600, 3)
    assert plan.crops.dtype == np.int32
    assert plan.crops[:, 0].tolist() == [0] * 200 + [1] * 200 + [2] * 200
    corners = [{tuple(crop) for crop in plan.crops[200 * i : 200 * (i + 1), 1:].tolist()} for i in range(3)]
    assert {y for y, _ in corners[0]} == set(range(5))  # both ends are drawn
    assert {x for _, x in corners[0]} == set(range(17))
    assert corners[1] == {(0, 0)}
    assert corners[2] == {(0, 0), (1, 0)}
    with pytest.raises(ValueError, match="read-only"):
        plan.crops[0] = 0


def test_plan_is_uniform():
    plan = plan_crops([(14, 14)], per_image=40_000, patch_lr=5, seed=0)
    for column in (1, 2):
        counts = np.bincount(plan.crops[:, column], minlength=10)
        assert len(counts) == 10
        assert np.abs(counts - 4000).max() < 300  # 5 standard deviations of 60


def test_plan_is_a_function_of_the_seed():
    plans = [plan_crops([(50, 60)] * 3, 5, 8, seed).crops.tolist() for seed in (1, 1, 2)]
    assert plans[0] == plans[1]
    assert plans[0] != plans[2]


# (n, batch, steps that are exactly one epoch)
EPOCHS = [(12, 4, 3), (7, 7, 1), (5, 1, 5), (1, 1, 1)]


@pytest.mark.parametrize(("n", "batch", "steps"), EPOCHS)
def test_each_epoch_is_a_permutation(n, batch, steps):
    epochs = []
    for epoch in range(3):
        taken = [batch_indices(n, batch, step, 9) for step in range(epoch * steps, (epoch + 1) * steps)]
        epochs.append(np.concatenate(taken).tolist())
        assert sorted(epochs[-1]) == list(range(n))
    assert n < 7 or epochs[0] != epochs[1]


@pytest.mark.parametrize(("n", "batch"), [(10, 4), (10, 3), (3, 8), (1, 5), (7, 7)])
def test_batches_run_across_epochs(n, batch):
    steps = 3 * n
    sequence = np.concatenate([batch_indices(n, batch, step, 5) for step in range(steps)])
    assert len(sequence) == steps * batch  # each is full
    for epoch in range(len(sequence) // n):
        expected = np.random.default_rng((5, epoch)).permutation(n)
        assert sequence[epoch * n : (epoch + 1) * n].tolist() == expected.tolist()


def test_batch_indices_are_a_pure_function():
    """Resuming at step s gives what the first run had: in any order, after other draws, in a new process."""
    forward = [batch_indices(100, 8, step, 1).tolist() for step in range(40)]
    np.random.default_rng(0).random(10)
    backward = [batch_indices(100, 8, step, 1).tolist() for step in reversed(range(40))]
    assert forward == backward[::-1]
    assert forward != [batch_indices(100, 8, step, 2).tolist() for step in range(40)]
    code = "from hwrts.data import batch_indices; print(batch_indices(100, 8, 39, 1).tolist())"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == str(forward[39])


def test_batch_indices_far_out():
    out = batch_indices(80_000, 8, 10**9, seed=0)
    assert out.dtype == np.int64
    assert out.shape == (8,)
    assert len(set(out.tolist())) == 8
    assert (out >= 0).all()
    assert (out < 80_000).all()


@pytest.mark.parametrize("arguments", [(0, 1, 0, 0), (1, 0, 0, 0), (1, 1, -1, 0), (1, 1, 0, -1)])
def test_batch_indices_refusals(arguments):
    with pytest.raises(DataError, match="or more"):
        batch_indices(*arguments)


@pytest.fixture
def coded_store(tmp_path):
    """Three pictures whose HR pixel (y, x) has the codes (y, x, picture); by box LR is (2y, 2x, picture)."""
    photos = []
    for k, (height, width) in enumerate([(40, 60), (24, 32), (60, 21)]):
        y, x = np.mgrid[:height, :width]
        pixels = np.stack([y, x, np.full_like(y, k)], axis=2).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
        photos.append(Photo(str(k), tmp_path / f"{k}.png"))
    store, _ = build_store(
        photos,
        tmp_path / "store",
        jpeg=None,
        kernel="box",
        seed=0,
        strict=True,
        min_size=8,
        progress=None,
    )
    return store


def test_crops_and_targets_are_aligned(coded_store):
    """Box averages 2y and 2y+1 to 2y + 0.5, a tie that goes to 2y: LR is every second target pixel."""
    plan = plan_crops([(h // 2, w // 2) for h, w in coded_store.shapes], per_image=30, patch_lr=6, seed=2)
    indices = batch_indices(len(plan.crops), 90, 0, seed=4)
    lr, target = gather(coded_store, plan, indices, 6, "hr")
    assert lr.shape == (90, 6, 6, 3)
    assert target.shape == (90, 12, 12, 3)
    assert lr.dtype == target.dtype == np.uint8
    for b, index in enumerate(indices):
        image, y, x = plan.crops[index]
        rows, columns = np.mgrid[2 * y : 2 * y + 12, 2 * x : 2 * x + 12]
        assert np.array_equal(target[b, :, :, 0], rows)
        assert np.array_equal(target[b, :, :, 1], columns)
        assert (target[b, :, :, 2] == image).all()
        assert np.array_equal(lr[b], target[b, ::2, ::2])


def test_gather_takes_the_target_kind(coded_store):
    for i in range(3):
        coded_store.write(i, "target1", 255 - coded_store.array(i, "hr"))
    plan = plan_crops([(h // 2, w // 2) for h, w in coded_store.shapes], 4, 5, seed=0)
    indices = np.arange(12)
    lr, hr = gather(coded_store, plan, indices, 5, "hr")
    lr_again, target = gather(coded_store, plan, indices, 5, "target1")
    assert np.array_equal(lr, lr_again)
    assert np.array_equal(target, 255 - hr)
    lr[:] = 0  # memory of its own, not the file's
    with pytest.raises(DataError, match="no 'target2'"):
        gather(coded_store, plan, indices, 5, "target2")


@pytest.mark.parametrize("crop", [(0, 15, 0), (0, 0, 25), (1, 7, 0), (3, 0, 0)])
def test_a_plan_of_another_store_is_refused(coded_store, crop):
    plan = CropPlan(np.array([crop], np.int32))
    with pytest.raises(DataError, match="plan crops for this store"):
        gather(coded_store, plan, np.array([0]), 6, "hr")
