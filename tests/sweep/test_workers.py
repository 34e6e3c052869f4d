"""Real processes that wait for trials, die, are interrupted and end; what a trial is they need not know."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hwrts.errors import ConfigError, HwrtsError
from hwrts.sweep.workers import RETRIES, cluster_workers, local_workers, share_cores


def submit(workers, task):
    """Whatever the function of these workers takes; mostly a path is enough."""
    return workers.submit(task)


@pytest.mark.parametrize(("count", "cores"), [(1, 2), (2, 2), (2, 5), (4, 2)])
def test_cores_are_dealt_out(count, cores, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    groups = share_cores(count)
    assert len(groups) == count
    assert set().union(*groups) == set(range(cores))
    if count <= cores:
        assert sum(len(group) for group in groups) == cores  # none twice


@pytest.mark.usually(count=2)
@pytest.mark.parametrize(("count", "each"), [(2, (1, 1)), (1, (2, 2))])
def test_a_worker_has_a_thread_for_each_of_its_cores(two_cores, count, each):
    with local_workers(count, threads_and_cores) as workers:
        found = [submit(workers, None) for _ in range(count)]
        assert [result.result() for result in found] == [each] * count


def threads_and_cores(task):
    import torch

    time.sleep(2)  # so that each worker has one of the two
    return torch.get_num_threads(), len(os.sched_getaffinity(0))


@pytest.mark.usually(count=2)
@pytest.mark.parametrize("count", [1, 2])
def test_a_task_that_kills_its_worker_costs_itself_alone(tmp_path, count):
    """Ten others go on, whether they wait or run; the deadly one is tried again and given up."""
    with local_workers(count, die_or_answer) as workers:
        results = [submit(workers, path) for path in (tmp_path / "deadly", *map(Path, "abcdefghij"))]
        assert [result.result() for result in results[1:]] == [{"name": name} for name in "abcdefghij"]
        with pytest.raises(HwrtsError, match=f"its worker died {1 + RETRIES} times"):
            results[0].result()
    assert (tmp_path / "deadly").read_text() == "x" * (1 + RETRIES)


def die_or_answer(task):
    if task.name == "deadly":
        with task.open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    if task.name == "broken":
        raise ConfigError("no such thing")
    if task.name == "full":
        raise OSError(28, "No space left on device")
    if task.name == "odd":
        raise ZeroDivisionError("odd")
    if task.name == "slow":
        time.sleep(600)
    return {"name": task.name}


def test_errors_travel(tmp_path):
    with local_workers(1, die_or_answer) as workers:
        for name, kind in (("broken", ConfigError), ("full", OSError), ("odd", RuntimeError)):
            with pytest.raises(kind, match=r"no such thing|No space left|ZeroDivisionError: odd"):
                submit(workers, Path(name)).result()
        assert submit(workers, Path("a")).result() == {"name": "a"}


def test_what_still_runs_is_stopped_with_the_workers():
    start = time.monotonic()
    with local_workers(1, die_or_answer) as workers:
        running, waiting = submit(workers, Path("slow")), submit(workers, Path("b"))
        while not running.running():
            time.sleep(0.05)
    assert time.monotonic() - start < 60
    assert waiting.cancelled()


def test_workers_end_with_a_parent_that_is_killed():
    """A sweep that is killed for good must not leave processes with its memory and its locks."""
    program = (
        "from hwrts.sweep.workers import local_workers; import operator, os, time\n"
        "if __name__ == '__main__':\n"
        "    with local_workers(1, operator.call) as workers:\n"
        "        print(workers.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([worker], timeout=30)
    assert gone


def test_idle_workers_clean_up():
    """A semaphore that a library holds until its process ends: killed, Python would complain of a leak."""
    hold = "import builtins, multiprocessing; builtins.held = multiprocessing.Lock()"
    program = (
        "from hwrts.sweep.workers import local_workers; import functools, operator\n"
        "if __name__ == '__main__':\n"
        "    with local_workers(1, operator.call) as workers:\n"
        f"        workers.submit(functools.partial(exec, {hold!r})).result()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


HOLD = """
import os, sys, time
from hwrts.sweep.workers import local_workers

def hold(task):
    import multiprocessing
    lock = multiprocessing.Lock()  # as a library may, for as long as its process lives
    task.touch()
    time.sleep(600)

if __name__ == "__main__":
    from pathlib import Path
    try:
        with local_workers(2, hold) as workers:
            for name in sys.argv[1:]:
                workers.submit(Path(name))
            print("started", flush=True)
            time.sleep(600)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("moment", ["while the workers start", "while they work"])
def test_ctrl_c_ends_busy_workers_without_a_word(tmp_path, moment):
    """A terminal sends SIGINT to all processes; a worker killed with a semaphore made Python complain."""
    script = tmp_path / "hold.py"
    script.write_text(HOLD)
    started = [tmp_path / "a", tmp_path / "b"]
    with subprocess.Popen(
        [sys.executable, script, *started],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "started\n"
        deadline = time.monotonic() + 240
        if moment == "while they work":
            while not all(path.exists() for path in started):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        else:
            while not psutil.Process(process.pid).children():
                time.sleep(0.02)
            time.sleep(0.3)
        workers = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (130, "")
    gone, _ = psutil.wait_procs(workers, timeout=60)
    assert len(gone) == len(workers)


def test_no_workers():
    with pytest.raises(ConfigError, match="--workers 0"), local_workers(0):
        pass


def test_no_scheduler():
    with (
        pytest.raises(HwrtsError, match="no dask scheduler answers"),
        cluster_workers("tcp://127.0.0.1:9", timeout="1s"),
    ):
        pass
