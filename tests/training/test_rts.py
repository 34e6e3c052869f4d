import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hwrts.data import Photo, PhotoStore, build_store, downscale_by_2, plan_crops, to_codes
from hwrts.data.luma import Luma
from hwrts.networks import Residual
from hwrts.settings_file import parse_config
from hwrts.training.device import Device
from hwrts.training.fit import Schedule
from hwrts.training.rts import (
    best_stage,
    crop_batches,
    float_upscaler,
    stage_schedule,
    target_kind,
    to_values,
    update_targets,
)

CPU = Device("cpu", False, "test")


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ([], None),
        ([0.95], None),
        ([0.95, 0.40], None),
        ([0.95, 0.40, 0.12], None),
        ([0.95, 0.40, 0.12, 0.01], None),
        ([0.95, 0.40, 0.12, 0.01, 0.03], 4),  # Table 1 of the paper: the change grows at stage 5
        ([0.5, 0.5], None),  # equal is not grown
        ([0.5, 0.2, -0.1], None),  # a change is a size, whatever its sign
        ([0.5, 0.2, -0.3], 2),
        ([0.5, -0.1, 0.11], 2),
    ],
)
def test_best_stage(changes, kept):
    assert best_stage(changes) == kept


def test_table_1_stops_at_the_papers_stage():
    ratios = [0.0, 0.95, 1.35, 1.47, 1.48, 1.51, 1.55, 1.62, 1.76]
    changes = [after - before for before, after in itertools.pairwise(ratios)]
    found = [best_stage(changes[:n]) for n in range(1, len(changes) + 1)]
    assert found[:5] == [None, None, None, None, 4]


@pytest.mark.parametrize(
    ("rts", "stage", "crops", "expected"),
    [
        ({}, 1, 99, Schedule(2e-3, 1000, "one-cycle")),
        ({}, 2, 99, Schedule(1e-3, 400, "one-cycle")),
        ({"first_steps": 7, "steps": 5, "schedule": "constant"}, 1, 9, Schedule(2e-3, 7, "constant")),
        ({"first_steps": 7, "steps": 5, "schedule": "constant"}, 3, 9, Schedule(1e-3, 5, "constant")),
        ({"epochs": 20, "batch": 8}, 1, 80_000, Schedule(2e-3, 200_000, "one-cycle")),  # the paper's
        ({"epochs": 20, "batch": 8}, 2, 80_000, Schedule(1e-3, 200_000, "one-cycle")),
        ({"epochs": 1, "batch": 16}, 2, 17, Schedule(1e-3, 2, "one-cycle")),  # a rest is a batch too
        ({"epochs": 1, "batch": 16}, 2, 1, Schedule(1e-3, 1, "one-cycle")),
    ],
)
def test_stage_schedule(rts, stage, crops, expected):
    assert stage_schedule(parse_config({"rts": rts}, "test"), stage, crops) == expected


def test_target_kinds():
    assert [target_kind(stage) for stage in (0, 1, 2, 10)] == ["hr", "target1", "target2", "target10"]


def test_values_are_codes_over_256_channels_last():
    codes = np.array([0, 1, 128, 255, 7, 9], np.uint8).reshape(1, 1, 2, 3)
    values = to_values(codes)
    assert values.shape == (1, 3, 1, 2)
    assert (values[0, :, 0, 0] * 256).tolist() == [0, 1, 128]
    assert values.dtype == torch.float32
    large = to_values(np.zeros((2, 8, 8, 3), np.uint8))
    assert large.is_contiguous(memory_format=torch.channels_last)


def _doubled(values: torch.Tensor, offset: float) -> torch.Tensor:
    return values.repeat(1, 1, 2, 2) + offset


def test_float_upscaler_clips_and_does_not_round():
    x = np.full((2, 3, 3), 100, np.uint8)
    for offset, expected in ((0.25, 100.25), (200.0, 255.0), (-200.0, 0.0)):
        forward = partial(_doubled, offset=offset / 256)
        up = float_upscaler(torch.nn.Identity(), forward, "cpu")(x)
        assert up.dtype == np.float32
        assert up.shape == (4, 6, 3)
        assert set(up.ravel().tolist()) == {expected}


Make = Callable[[list[np.ndarray]], PhotoStore]


@pytest.fixture
def store(tmp_path: Path) -> Make:
    def make(pictures: list[np.ndarray]) -> PhotoStore:
        photos = []
        for i, pixels in enumerate(pictures):
            path = tmp_path / f"p{i}.png"
            Image.fromarray(pixels).save(path)
            photos.append(Photo(path.stem, path))
        made, broken = build_store(
            photos,
            tmp_path / "store",
            jpeg=None,
            kernel="bilinear",
            seed=0,
            strict=True,
            min_size=16,
            progress=lambda i, n: None,
        )
        assert not broken
        return made

    return make


@pytest.fixture
def sharpener() -> Residual:
    """A network that changes its input visibly: the centre weight raised, the neighbours lowered."""
    model = Residual(0, 4).eval()
    with torch.no_grad():
        for parameter in model.conv_out.parameters():
            parameter.zero_()
        model.conv_ext.weight.mul_(1.5)
        for phase in range(12):
            model.conv_ext.weight[phase, phase // 4, 0, 0] -= 0.5
    return model


def _update(store: PhotoStore, model: torch.nn.Module, stage: int) -> None:
    update_targets(model, model, CPU, store, stage, lambda i, n: None)


@pytest.mark.parametrize("code", [0, 1, 77, 128, 254, 255])
def test_targets_keep_the_mean_of_a_flat_picture(store, code):
    """An up-scaler changes no flat picture; nor may D and rounding, whose bias would add up per stage."""
    model = Residual(0, 4).eval()
    for parameter in model.conv_out.parameters():
        torch.nn.init.zeros_(parameter)
    made = store([np.full((40, 40, 3), code, np.uint8)])
    for stage in (1, 2, 3):
        _update(made, model, stage)
        inside = made.array(0, target_kind(stage))[4:-4, 4:-4]  # zero padding darkens the frame
        assert set(np.unique(inside).tolist()) == {code}


def test_bounded_targets_are_steeper_edges_without_halos(store, sharpener):
    ramp = np.clip((np.arange(48) - 20) * 25 + 60, 60, 185).astype(np.uint8)
    original = np.repeat(np.repeat(ramp[None, :, None], 40, 0), 3, 2)
    made = store([original])
    _update(made, sharpener, 1)
    free = np.array(made.array(0, target_kind(1)))
    update_targets(sharpener, sharpener, CPU, made, 1, lambda i, n: None, bounded=True)
    bounded = np.array(made.array(0, target_kind(1)))
    inside = (slice(8, -8), slice(8, -8))  # zero padding darkens the frame
    assert free[inside].min() < 60  # there is a halo to lose
    assert free[inside].max() > 185
    assert (bounded[inside].min(), bounded[inside].max()) == (60, 185)
    within = (free >= 60) & (free <= 185)
    assert np.array_equal(bounded[inside][within[inside]], free[inside][within[inside]])
    assert np.abs(bounded[20].astype(int) - original[20]).max() > 3  # the edge is still steeper


def test_targets_keep_the_mean_of_a_photograph(store):
    """0.02 codes: D and rounding without bias leave the mean of 60,000 codes within the noise of rounding."""
    rng = np.random.default_rng(4)
    noise = rng.integers(30, 226, (18, 18, 3)).astype(np.float32).repeat(8, axis=0).repeat(8, axis=1)
    pixels = to_codes(noise + rng.uniform(-8, 8, noise.shape))
    model = Residual(0, 4).eval()
    for parameter in model.conv_out.parameters():
        torch.nn.init.zeros_(parameter)
    made = store([pixels])
    _update(made, model, 1)
    inside = (slice(4, -4), slice(4, -4))
    x2 = float_upscaler(model, model, "cpu")(pixels)
    unrounded = downscale_by_2(x2, "lanczos")[inside]
    assert abs(float(made.array(0, "target1")[inside].mean() - unrounded.clip(0, 255).mean())) < 0.02


def test_targets_are_always_made_of_the_original(store, sharpener):
    """HR_2 = D(S(HR0)): the same network gives the same target at every stage, not a target of a target."""
    pixels = np.random.default_rng(1).integers(60, 190, (32, 36, 3), dtype=np.uint8)
    made = store([pixels])
    _update(made, sharpener, 1)
    _update(made, sharpener, 2)
    upscaler = float_upscaler(sharpener, sharpener, "cpu")
    of_original = to_codes(downscale_by_2(upscaler(pixels), "lanczos"))
    of_target = to_codes(downscale_by_2(upscaler(np.array(made.array(0, "target1"))), "lanczos"))
    np.testing.assert_array_equal(made.array(0, "target1"), of_original)
    np.testing.assert_array_equal(made.array(0, "target2"), of_original)
    assert (of_target != of_original).any()
    np.testing.assert_array_equal(made.array(0, "hr"), pixels)


def test_batches_are_pure_and_aligned(store):
    ramp = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    made = store([np.repeat(ramp[..., None], 3, axis=2), np.full((50, 50, 3), 200, np.uint8)])
    plan = plan_crops([(32, 24), (25, 25)], 5, 8, 0)
    batches = crop_batches(made, plan, "hr", batch=4, patch=8, seed=3, device="cpu")
    x, target = batches(2)
    again_x, again_target = batches(2)
    assert torch.equal(x, again_x)
    assert torch.equal(target, again_target)
    assert (x.shape, target.shape) == ((4, 3, 8, 8), (4, 3, 16, 16))
    # Half-size of a ramp is the mean of 2x2 pixels up to rounding, 1/256, when crop and target are aligned.
    half = torch.nn.functional.avg_pool2d(target, 2)[..., 1:-1, 1:-1]
    assert float((half - x[..., 1:-1, 1:-1]).abs().max()) <= 1 / 256
    assert not torch.equal(x, batches(3)[0])


def test_batches_of_luma_are_y_of_the_same_crops(store, picture):
    """Of the matrix and range that the network has, LR and target alike, also where originals are read."""
    made = store([picture(64, 48)])
    plan, luma = plan_crops([(32, 24)], 5, 8, 0), Luma("bt709", "full")
    for same_size in (False, True):
        how: dict[str, Any] = {"batch": 3, "patch": 8, "seed": 3, "device": "cpu", "same_size": same_size}
        colours = crop_batches(made, plan, "hr", **how)(1)
        for of_luma, of_colours in zip(
            crop_batches(made, plan, "hr", luma=luma, **how)(1), colours, strict=True
        ):
            codes = (of_colours * 256).byte().permute(0, 2, 3, 1).numpy()
            assert torch.equal(of_luma, to_values(luma.of(codes)))


def test_targets_of_luma_are_pictures_whose_colours_got_the_correction(store):
    """A network that adds 10 codes to Y' adds 255/219 of it, 12 codes, to red, green and blue of HR0."""
    flat = np.full((40, 36, 3), (200, 100, 40), np.uint8)
    made, model = store([flat]), Residual(0, 4, planes=1).eval()
    luma = Luma("bt709", "limited")

    def forward(x):
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) + 10 / 256

    update_targets(model, forward, CPU, made, 1, lambda i, n: None, luma=luma)
    np.testing.assert_array_equal(made.array(0, target_kind(1)), flat + 12)
