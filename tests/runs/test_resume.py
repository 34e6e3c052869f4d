"""Runs that are killed for real, at random moments, and continued until they end."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hwrts.runs.session
from hwrts.networks import Residual
from hwrts.progress import Silent
from hwrts.runs import pipeline
from hwrts.runs.folder import RunFolder, create_run, open_run
from hwrts.runs.pipeline import run_stages
from hwrts.runs.session import open_session
from hwrts.settings_file import parse_config

from .tiny import TINY, photographs

SCRIPT = """
import sys
from pathlib import Path
import torch
import hwrts.runs.pipeline
import hwrts.runs.resumable
import hwrts.runs.session
from hwrts.progress import Silent
from hwrts.runs.folder import open_run

torch.set_num_threads(1)
hwrts.runs.resumable.CHECKPOINT_SECONDS = 0.05   # so that a kill meets a checkpoint
hwrts.runs.session.VERIFY_CROP = (9, 11)        # the verdict is not what is tested here
verify = sys.modules["hwrts.export.verify"]  # the function of that name hides the module
made = verify.synthetic_codes
verify.synthetic_codes = lambda inputs: dict(list(made(inputs).items())[:2])

class Lines(Silent):
    def say(self, text):
        if "continuing after step" in text:
            with open(sys.argv[2], "a") as stream:
                stream.write(text + "\\n")

hwrts.runs.pipeline.run_stages(hwrts.runs.session.open_session(open_run(Path(sys.argv[1])), Lines()))
"""

COMPARED = ("float.safetensors", "qat.safetensors", "network.npz", "network.json", "model.int8.onnx")


def _make(root: Path, photos: Path) -> RunFolder:
    settings = {
        "device": "cpu",
        "precision": "float32",
        "data": {"train": str(photos), "val_fraction": 0.5, "patch": 16, "crops_per_image": 20},
        "network": {"blocks": 1, "channels": 4},
        "rts": {"stages": 2, "first_steps": 240, "steps": 80, "batch": 2, "score": False},
        "qat": {"steps": 80, "same_size_steps": 80},
    }
    return create_run(root, parse_config(settings, "test"), {}, force=False)


def _start(script: Path, run: RunFolder, log: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(script), str(run.root), str(log)])


def _lines(run: RunFolder) -> list[tuple[str, str, int]]:
    return [(entry["stage"], entry["phase"], entry["step"]) for entry in run.metrics()]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(tmp_path, monkeypatch):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (10, 10, 3), dtype=np.uint8)
        Image.fromarray(pixels.repeat(8, axis=0).repeat(8, axis=1)).save(photos / f"p{i}.png")
    script, log = tmp_path / "script.py", tmp_path / "log"
    script.write_text(SCRIPT)

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    straight, killed = _make(tmp_path / "a" / "run", photos), _make(tmp_path / "b" / "run", photos)
    verify = sys.modules["hwrts.export.verify"]
    made = verify.synthetic_codes
    monkeypatch.setattr(verify, "synthetic_codes", lambda inputs: dict(list(made(inputs).items())[:2]))
    monkeypatch.setattr(hwrts.runs.session, "VERIFY_CROP", (9, 11))
    run_stages(open_session(straight, Silent()))

    moments = [
        ("1", "float", rng.randrange(40, 200, 20)),
        (rng.choice(["1", "2"]), "qat", rng.randrange(20, 80, 20)),
    ]
    for stage, phase, step in moments:
        process = _start(script, killed, log)
        deadline = time.monotonic() + 120
        try:
            while not any((s, p) == (stage, phase) and n >= step for s, p, n in _lines(killed)):
                assert process.poll() is None, f"ended before {stage} {phase} {step}"
                assert time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.1))
        finally:
            process.send_signal(signal.SIGKILL)
            code = process.wait()
        assert code == -signal.SIGKILL
        print("killed at", _lines(killed)[-1])
    assert _start(script, killed, log).wait(timeout=300) == 0

    continued = [int(line.split()[-1]) for line in log.read_text().splitlines()]
    print("continued after", continued)
    assert continued  # or it started again, which gives the same bytes
    assert min(continued) > 0
    assert open_run(killed.root).notes()["status"] == "finished"
    for stage in ("stage1", "stage2"):
        assert json.loads((killed.root / stage / "verify.json").read_text())["passed"]
        for name in COMPARED:
            ours, theirs = (made.root / stage / name for made in (straight, killed))
            assert ours.read_bytes() == theirs.read_bytes(), f"{stage}/{name}, seed {seed}"
    steps = [n for s, p, n in _lines(killed) if (s, p) == ("1", "float")]
    assert sorted(set(steps)) == list(range(20, 241, 20))


def test_targets_are_those_of_the_network_as_it_is_used(tmp_path):
    """A run that was stopped between the targets of its two sets of photographs had others in bf16.

    A new network is in training, where one that keeps levels subtracts what it makes of a flat picture: 0 but
    for rounding.
    """
    data = {**TINY["data"], "train": str(photographs(tmp_path / "photos"))}
    config = parse_config({**TINY, "precision": "bf16", "data": data}, "test")
    session = open_session(create_run(tmp_path / "run", config, {}, force=False), Silent())
    torch.manual_seed(3)
    model = Residual(1, 4, keeps="grey")
    with torch.no_grad():
        for parameter in (model.conv_in.bias, model.conv_out.weight):
            parameter.normal_(0, 0.3)
    model.hold_weights()
    made = []
    for number, mode in enumerate((True, False), 1):
        pipeline._write_targets(session, number, model.train(mode), session.train, "training")
        made.append(np.array(session.train.array(0, f"target{number}")))
    assert np.array_equal(made[0], made[1])
