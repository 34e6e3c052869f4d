"""Refusals that other tests of runs do not end in: what is done, and the line that it gives."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hwrts import extras
from hwrts.api.sweep import _workers
from hwrts.cli import app, enhance, evaluate
from hwrts.data import Photo, write_image
from hwrts.errors import HwrtsError
from hwrts.fixed_point import PIXEL, Add, Format, Input, Network, Rounding, RoundingRules, SpaceToDepth
from hwrts.graph.trace import trace_with_clip
from hwrts.progress import Silent
from hwrts.report import viewer
from hwrts.reproduce.measure import quality
from hwrts.runs import client_check, engines, quantise
from hwrts.runs.benchmark import benchmark
from hwrts.runs.client_check import _size
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.own_ends import Given, Own, normalised
from hwrts.runs.own_feed import returned
from hwrts.runs.own_module import _bare, load_own
from hwrts.runs.own_states import feeder_of
from hwrts.runs.own_weights import check_values, check_weights_made
from hwrts.runs.pipeline import stage_changes
from hwrts.runs.quantise_own import _loaded
from hwrts.runs.verify_inputs import load_fed, load_verify_inputs
from hwrts.settings_file import read_toml
from hwrts.sweep import trial
from hwrts.sweep.folder import open_sweep
from hwrts.sweep.workers import cluster_workers, local_workers
from hwrts.training.checkpoint import load_weights

from .test_engines import stage  # noqa: F401 - a fixture

X = Input("x", 3, PIXEL)


class Two(nn.Module):
    """Of two pictures."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x, y):
        return self.conv(x) + self.conv(y)


def fewer_tensors(folder):
    module, x = Two(), torch.zeros(1, 3, 8, 8)
    feeder_of(Own(module), trace_with_clip(module, [x, x]), Given((x, x, x)), 1)


def no_photograph(folder):
    _loaded([Photo("a", folder / "a.png")], [], 8)


def nested(folder):
    (folder / "my.toml").write_text("a = " + "[" * 100_000)
    read_toml(folder / "my.toml")


def odd_sides(folder):
    network = Network((X,), (SpaceToDepth("s", "x", 2),))
    read: Any = SimpleNamespace(size=None, network=network)
    _size(read, (3, 4))


def other_sides(folder):
    read: Any = SimpleNamespace(size=(4, 6))
    _size(read, (3, 4))


def three_means(folder):
    normalised(nn.Conv2d(3, 3, 1), (0.5, 0.5), (0.5,))


def scripted_within(folder):
    _bare(nn.Sequential(torch.jit.script(nn.Conv2d(3, 3, 1))))


def scripted(folder):
    (folder / "own.py").write_text(
        "import torch\ndef build():\n    return torch.jit.script(torch.nn.Conv2d(3, 3, 1))\n"
    )
    load_own(f"{folder / 'own.py'}:build")


def made_in_inference_mode(folder):
    with torch.inference_mode():
        module = nn.Conv2d(3, 3, 1)
    check_weights_made(module)


def variance_below_zero(folder):
    norm = nn.BatchNorm2d(3)
    assert norm.running_var is not None
    norm.running_var.fill_(-1)
    check_values(trace_with_clip(nn.Sequential(nn.Conv2d(3, 3, 1), norm)))


def one_pixel(folder):
    write_image(folder / "a.png", np.zeros((1, 1, 3), np.uint8))
    benchmark(folder, {}, 2, "bicubic", Silent(), 100)


def without_measures(folder):
    (folder / "stage1").mkdir()
    (folder / "stage1/metrics.json").write_text("{}")
    stage_changes(RunFolder(folder), 1)


def edited_settings(folder):
    (folder / "config.toml").write_text("seed = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "notes", lambda run: {"settings_sha256": ""})
        RunFolder(folder).check_settings()


def fed(folder, sides=(4, 6), names=("a [x]",)):
    pictures: dict[str, Any] = {name: np.zeros((*sides, 3), np.uint8) for name in names}
    np.savez(folder / "verify_inputs.npz", **pictures)
    return RunFolder(folder)


def one_of_two_fed(folder):
    load_fed(fed(folder), Network((X, replace(X, name="z")), (Add("y", ("x", "z"), PIXEL),)))


def another_fed(folder):
    load_fed(fed(folder, names=("a",)), Network((X, replace(X, name="z")), (Add("y", ("x", "z"), PIXEL),)))


def tables_of_another_rule(folder):
    network = Network((X,), (SpaceToDepth("s", "x", 2),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_check, "own_rule", lambda *given: "its table was rounded by half_even")
        read: Any = SimpleNamespace(rounds_itself=False, target=None)
        client_check._check_tables(read, network, RoundingRules.of(Rounding.FLOOR), "chip")


def torch_of_other_pixels(folder):
    wide = Format(True, 8, 7)
    network = Network((replace(X, out=wide),), (Add("y", ("x", "x"), wide),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "load_network", lambda root: network)
        patch.setattr(engines, "read_proof", lambda stage: SimpleNamespace(changed=()))
        patch.setattr(engines, "_of_own_inputs", lambda stage: None)
        engines.make_engine("torch", StageFolder(folder), lambda: lambda x: x)


def pictures_of_half_the_size(folder):
    sizes = SimpleNamespace(lacks=(0, 0))
    found = SimpleNamespace(refusal=None, enlargement=None, scale="1/2", sizes=sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viewer, "open_stage", lambda folder: found)
        viewer.of_pictures("a", StageFolder(folder))


def no_photographs_to_show(folder):
    viewer.viewer(RunFolder(folder), {}, enlarge_first=False)


def same_size_enlarged(folder):
    found = SimpleNamespace(scale=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hwrts.runs.folder.open_run", lambda path: SimpleNamespace(trained=False))
        patch.setattr(enhance, "choose_network", lambda *given, **how: StageFolder(folder))
        patch.setattr(engines, "make_engine", lambda *given: found)
        enhance.enhance([folder / "a.png"], folder / "b.png", Path("run"), same_size=False)


def half_the_size_evaluated(folder):
    sizes = SimpleNamespace(lacks=(0, 0))
    found = SimpleNamespace(refusal=None, enlargement=None, scale="1/2", sizes=sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "make_engine", lambda *given: found)
        run: Any = SimpleNamespace(root=Path("run"), trained=False)
        evaluate._methods(run, StageFolder(Path("run/stage1")))


def workers_of_a_cluster(folder):
    with _workers(2, "tcp://there:8786"):
        pass


def no_workers(folder):
    with local_workers(0):
        pass


class EmptyCluster:
    """As dask's client of a scheduler that nobody works for."""

    def __init__(self, *given, **how):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def scheduler_info(self):
        return {"workers": {}}


def cluster_without_workers(folder):
    pytest.importorskip("distributed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("distributed.Client", EmptyCluster)
        with cluster_workers("tcp://there:8786"):
            pass


def library_that_is_missing(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extras, "find_spec", lambda name: None)
        extras.need("cluster", "--cluster")


def folder_that_is_gone(folder):
    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "cwd", gone)
        app._check_current_folder()


@pytest.mark.filterwarnings("ignore:.torch.jit.script")
@pytest.mark.parametrize(
    ("does", "message"),
    [
        (scripted, "F/own.py:build: build() returns a scripted module; return it before torch.jit.script"),
        (
            scripted_within,
            "part '0' of Sequential is a scripted module; put it there without torch.jit.script, "
            "which hides its layers",
        ),
        (
            made_in_inference_mode,
            "Conv2d: its weight holds torch.float32, torch.strided, of inference_mode; dense "
            "numbers are supported, made outside of torch.inference_mode",
        ),
        (
            variance_below_zero,
            "'0': its weight is NaN or infinite, with the batch norm or the hook that is part of it; give "
            "numbers of a training that did not diverge",
        ),
        (one_pixel, "F/a.png: is smaller than the scale, 2; leave it out"),
        (
            without_measures,
            "F/stage1/metrics.json: damaged, difference_float_percent is missing; delete it (of a "
            "stage: its folder) and continue",
        ),
        (
            edited_settings,
            "F/config.toml: was edited after the run was made; put the old settings back, or "
            "train with these in a run of their own: hwrts run F/config.toml --name NAME",
        ),
        (one_of_two_fed, "F/verify_inputs.npz: has no 'a [z]'; quantize the module again"),
        (another_fed, "F/verify_inputs.npz: is of another network; quantize the module again"),
        (
            lambda folder: load_verify_inputs(fed(folder, (400, 600))),
            "F/verify_inputs.npz: damaged, 'a [x]' is uint8 (400, 600, 3); pictures are uint8 (H, "
            "W, 3) of at most 127x129; it is made by hwrts run, of photographs",
        ),
        (
            lambda folder: load_verify_inputs(fed(folder, names=map(str, range(99)))),
            "F/verify_inputs.npz: damaged, 99 pictures where 1..8 belong; it is made by hwrts "
            "run, of photographs",
        ),
        (
            tables_of_another_rule,
            "chip: its table was rounded by half_even; quantize with --rounding floor, or choose "
            "another client by --in",
        ),
        (torch_of_other_pixels, "engine torch: computes pixels of 0..1 alone; use onnxruntime or numpy"),
        (
            lambda folder: returned([torch.zeros(1), 3]),
            "returns a list that holds a int; a module must return a tensor, or a tuple, list or "
            "dictionary of tensors",
        ),
        (
            pictures_of_half_the_size,
            "the network makes pictures of \u00d71/2, which do not fit beside the photograph",
        ),
        (no_photographs_to_show, "its folder has no photographs; quantize the module again"),
        (same_size_enlarged, "run: its network keeps the size; leave --x2 out"),
        (
            half_the_size_evaluated,
            "stage 1 of run: its network makes pictures of x1/2; use a network that enlarges by a "
            "whole number",
        ),
        (workers_of_a_cluster, "--workers: a cluster has its own workers; give --workers or --cluster"),
        (no_workers, "--workers 0: give 1 or more"),
        (
            cluster_without_workers,
            "--cluster tcp://there:8786: the scheduler has no workers; start some with: dask "
            "worker tcp://there:8786 --nthreads 1",
        ),
        (library_that_is_missing, "--cluster: distributed not installed; pip install 'hwrts[cluster]'"),
        (
            folder_that_is_gone,
            "the current folder cannot be used (No such file or directory); change to another",
        ),
        (open_sweep, "F: is not a sweep's folder (no sweep.json); hwrts sweep makes one"),
        (
            lambda folder: quality([None]),
            "all photographs to validate on are too elongated to score; give others",
        ),
        (
            lambda folder: normalised(Two(), (0.5,), (0.5,)),
            "Two: value_range with mean and std is for modules of one picture in and one out; let this one "
            "normalise its pixels itself",
        ),
        (three_means, "Conv2d: value_range has 2 numbers for 3 channels; give one for all, or one for each"),
        (
            fewer_tensors,
            "Two: is called with 3 tensors and reads 2; leave out of inputs() what it does not read",
        ),
        (no_photograph, "no photograph can be read; the first: F/a.png: no such file; check the name"),
        (
            nested,
            "F/my.toml: not TOML of settings (nested too deeply); a setting is a number, a text, or a list",
        ),
        (
            odd_sides,
            "--size 3x4: network: a picture of 3x4 does not divide by 2, by which layers shrink it; pad its "
            "sides to multiples of 2",
        ),
        (other_sides, "--size 3x4: the file takes 4x6 alone; leave it out, or export the file of that size"),
    ],
)
def test_a_refusal_is_one_line(does, message, tmp_path):
    with pytest.raises(HwrtsError) as caught:
        does(tmp_path)
    assert str(caught.value).replace(str(tmp_path), "F") == message


def test_a_note_of_more_weights_than_there_are(stage, monkeypatch):  # noqa: F811
    _, notes = load_weights(stage.qat_weights)
    monkeypatch.setattr(quantise, "load_weights", lambda path: ({}, notes))
    with pytest.raises(HwrtsError) as caught:
        quantise.load_quantised(stage)
    assert str(caught.value) == (
        f"{stage.qat_weights}: its note promises more weights than the file has; delete its stage folder and "
        "use hwrts run --resume"
    )


def test_a_trial_without_a_score(monkeypatch):
    run: Any = SimpleNamespace(stage=lambda name: SimpleNamespace(root=Path("r"), verify=None, metrics=None))
    task: Any = SimpleNamespace(head="x2", quality="score")
    monkeypatch.setattr(trial, "read_verdict", lambda path: {})
    monkeypatch.setattr(trial, "read_measures", lambda path: {})
    with pytest.raises(HwrtsError) as caught:
        trial._document(task, run, 1)
    assert str(caught.value) == (
        'r: no mos_raw_int8 was measured; photographs that are too long have no score, use quality = "psnr"'
    )
