"""Real processes: trials on this machine and on a dask cluster, and workers that are killed in the middle."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from hwrts.errors import ConfigError, HwrtsError
from hwrts.progress import Silent
from hwrts.sweep import results
from hwrts.sweep.runner import Sweep
from hwrts.sweep.workers import _Pool, cluster_workers, local_workers, share_cores

MEASURED = ("key", "rung", "quality_float", "quality_int8", "passed", "compared", "mismatches")


def measured(root):
    return [tuple(row[name] for name in MEASURED) for row in results.read_rows(root)]


def kill_one_that_trains(root, found):
    """Wait until a checkpoint of a training is there, then kill the process that wrote it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(root.glob("floats/*/rung0/metrics.jsonl")):
            for child in psutil.Process().children(recursive=True):
                names = " ".join(child.cmdline())
                if ("spawn_main" in names and "resource_tracker" not in names) and child.cpu_times().user > 1:
                    os.kill(child.pid, signal.SIGKILL)
                    found.append(child.pid)
                    return
        time.sleep(0.05)


@pytest.fixture
def two_cores():
    """Two cores, so that each of two workers has one: another number of threads adds up in another order."""
    affinity = getattr(os, "sched_getaffinity", None)
    if affinity is None or len(affinity(0)) < 2:
        pytest.skip("needs two cores that can be chosen")
    before = affinity(0)
    os.sched_setaffinity(0, sorted(before)[:2])
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("count", "cores"), [(1, 2), (2, 2), (2, 5), (4, 2)])
def test_cores_are_dealt_out(count, cores, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    groups = share_cores(count)
    assert len(groups) == count
    assert set().union(*groups) == set(range(cores))
    if count <= cores:
        assert sum(len(group) for group in groups) == cores  # none twice


def test_a_worker_has_a_thread_for_each_of_its_cores(two_cores):
    pool = _Pool(2)
    executor = pool._new()
    found = [executor.submit(threads_and_cores, 2.0) for _ in range(2)]
    assert [future.result() for future in found] == [(1, 1), (1, 1)]
    executor.shutdown()


def threads_and_cores(seconds):
    import torch

    time.sleep(seconds)  # so that each worker has one of the two
    return torch.get_num_threads(), len(os.sched_getaffinity(0))


def test_workers_end_with_a_parent_that_is_killed():
    """A sweep that is killed for good must not leave processes with its memory and its locks."""
    program = (
        "from hwrts.sweep.workers import _Pool; import os, time\n"
        "if __name__ == '__main__':\n"
        "    executor = _Pool(1)._new()\n"
        "    print(executor.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([worker], timeout=30)
    assert gone


def test_no_workers():
    with pytest.raises(ConfigError, match="--workers 0"), local_workers(0):
        pass


def test_no_scheduler():
    with (
        pytest.raises(HwrtsError, match="no dask scheduler answers"),
        cluster_workers("tcp://127.0.0.1:9", timeout="1s"),
    ):
        pass


@pytest.mark.slow
def test_a_killed_process_costs_a_retry_and_nothing_else(tmp_path, tiny, two_cores):
    spec = tiny(first_steps=1500, halving={"rungs": 1})
    with local_workers(2) as workers:
        Sweep(tmp_path / "undisturbed", spec).run(workers, Silent())
    root, killed = tmp_path / "killed", []
    watcher = threading.Thread(target=kill_one_that_trains, args=(root, killed))
    with local_workers(2) as workers:
        watcher.start()
        Sweep(root, spec).run(workers, Silent())
        watcher.join()
    assert killed
    assert measured(root) == measured(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of dask, about ports and sockets while a worker is killed
def test_a_cluster_gives_what_this_machine_gives(tmp_path, tiny, two_cores):
    distributed = pytest.importorskip("distributed")
    spec = tiny(first_steps=1500, halving={"rungs": 1})
    with local_workers(2) as workers:
        Sweep(tmp_path / "local", spec).run(workers, Silent())
    root, killed = tmp_path / "cluster", []
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster:
        watcher = threading.Thread(target=kill_one_that_trains, args=(root, killed))
        with cluster_workers(cluster.scheduler_address) as workers:
            assert workers.count == 2
            watcher.start()
            Sweep(root, spec).run(workers, Silent())
            watcher.join()
    assert killed
    assert measured(root) == measured(tmp_path / "local")
