"""Whole sweeps whose processes are killed in the middle, on this machine and on a dask cluster."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import distributed
import psutil
import pytest

from hwrts.progress import Silent
from hwrts.sweep import results
from hwrts.sweep.runner import Sweep
from hwrts.sweep.workers import cluster_workers, local_workers, run_quietly

from ..conftest import on_two_cores

MEASURED = ("key", "rung", "quality_float", "quality_int8", "passed", "compared", "mismatches")


SWEEP = """
[axes]
"network.channels" = [4, 6, 8]
"qat.weight_bits" = [4, 8]
[base.data]
train = "{photos}/train"
val = "{photos}/val"
patch = 32
crops_per_image = 4
[base.network]
blocks = 1
[base.rts]
first_steps = 9
batch = 2
[base.qat]
steps = 3
"""


def measured(root):
    return [tuple(row[name] for name in MEASURED) for row in results.read_rows(root)]


def kill_one_that_trains(root, found):
    """Wait until a checkpoint of a training is there, then kill the process that wrote it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not found:
        for checkpoint in root.glob("floats/*/rung0/state.safetensors"):
            lock = checkpoint.parent.with_name(".rung0.lock").resolve()  # who trains holds it
            for child in psutil.Process().children(recursive=True):
                if any(Path(file.path) == lock for file in child.open_files()):
                    os.kill(child.pid, signal.SIGKILL)
                    found.append(child.pid)
                    return
        time.sleep(0.05)


def save_often():
    """Checkpoints every half a second: a training of some seconds has to meet one, on any machine."""
    from hwrts.runs import resumable

    resumable.CHECKPOINT_SECONDS = 0.5


def run_saving_often(task):
    save_often()
    return run_quietly(task)


def two_trainings(tiny):
    """Two float networks, each trained for some seconds."""
    return tiny(
        first_steps=1800, halving={"rungs": 1}, axes={"network.channels": [4, 6], "network.blocks": [1]}
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, tiny):
    """What is measured when nothing is killed."""
    root = tmp_path_factory.mktemp("undisturbed") / "s"
    with on_two_cores(), local_workers(2) as workers:
        Sweep(root, two_trainings(tiny)).run(workers, Silent())
    return measured(root)


def continued_once(root):
    """Whether no training began anew: each wrote its first line of metrics once."""
    logs = list(root.glob("floats/*/rung0/metrics.jsonl"))
    return len(logs) == 2 and all(log.read_text().count('"step": 20,') == 1 for log in logs)


@pytest.mark.slow
def test_a_killed_process_costs_a_retry_from_its_checkpoint(tmp_path, tiny, two_cores, undisturbed):
    root = tmp_path / "killed"
    killed: list[Any] = []
    watcher = threading.Thread(target=kill_one_that_trains, args=(root, killed))
    with local_workers(2, run_saving_often) as workers:
        watcher.start()
        Sweep(root, two_trainings(tiny)).run(workers, Silent())
        watcher.join()
    assert killed
    assert continued_once(root)
    assert measured(root) == undisturbed


@pytest.mark.slow
def test_a_killed_command_goes_on(tmp_path, photos):
    """SIGKILL after the first finished trial: the same command ends the sweep and does nothing twice."""
    root = tmp_path / "s"
    (tmp_path / "sweep.toml").write_text(SWEEP.format(photos=photos.as_posix()))
    command = [sys.executable, "-m", "hwrts", "sweep", str(tmp_path / "sweep.toml"), "-o", str(root), "-q"]
    with subprocess.Popen(command) as running:
        while not list(root.glob("trials/*/rung0/trial.json")):
            assert running.poll() is None
            time.sleep(0.05)
        running.kill()
    before = {path: path.stat().st_mtime_ns for path in root.glob("trials/*/rung*/trial.json")}
    assert 1 <= len(before) < 8
    subprocess.run(command, check=True)
    after = {path: path.stat().st_mtime_ns for path in root.glob("trials/*/rung*/trial.json")}
    assert len(after) == 6 + 2  # a third of six goes on
    assert {path: after[path] for path in before} == before


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of dask, about ports and sockets while a worker is killed
def test_a_cluster_gives_what_this_machine_gives(tmp_path, tiny, two_cores, undisturbed):
    root = tmp_path / "cluster"
    killed: list[Any] = []
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster:
        with distributed.Client(cluster) as client:
            client.run(save_often)
        watcher = threading.Thread(target=kill_one_that_trains, args=(root, killed))
        with cluster_workers(cluster.scheduler_address) as workers:
            assert workers.count == 2
            watcher.start()
            Sweep(root, two_trainings(tiny)).run(workers, Silent())
            watcher.join()
    assert killed
    assert continued_once(root)
    assert measured(root) == undisturbed
