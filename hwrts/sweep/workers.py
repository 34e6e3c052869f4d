"""Where trials run: processes of this machine, or a dask cluster; a worker that dies costs a retry."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hwrts.errors import ConfigError, HwrtsError
from hwrts.progress import Silent
from hwrts.sweep.trial import Task, run_trial

RETRIES = 2
"""A trial whose worker died is started so many times again; it continues from its checkpoint."""


@dataclass(frozen=True)
class Workers:
    """Something that runs trials.

    Attributes:
        count: How many at a time.
        submit: Starts one; a future of its trial.json.
    """

    count: int
    submit: Callable[[Task], "Future[dict[str, Any]]"]


def run_quietly(task: Task) -> dict[str, Any]:
    """A trial in a worker, whose terminal belongs to somebody else."""
    return run_trial(task, Silent())


@contextmanager
def local_workers(count: int) -> Iterator[Workers]:
    """Processes of this machine, each on cores of its own, so that their threads don't fight.

    Raises:
        ConfigError: No worker at all.
    """
    if count < 1:
        raise ConfigError(f"--workers {count}: give 1 or more")
    pool = _Pool(count)
    try:
        yield Workers(count, pool.submit)
    finally:
        pool.close()


@contextmanager
def cluster_workers(address: str, timeout: str = "10s") -> Iterator[Workers]:
    """The workers of a dask cluster by the address of its scheduler, which is waited for no longer than that.

    Raises:
        HwrtsError: dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise HwrtsError(
            "--cluster: dask.distributed is not installed; pip install 'hwrts[cluster]'"
        ) from error
    try:
        client = Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError) as error:
        raise HwrtsError(
            f"--cluster {address}: no dask scheduler answers; start one with: dask scheduler"
        ) from error
    with client:
        count = len(client.scheduler_info()["workers"])
        if not count:
            raise HwrtsError(
                f"--cluster {address}: the scheduler has no workers; start some with: dask worker {address}"
            )
        executor = client.get_executor(pure=False, retries=RETRIES)
        yield Workers(count, lambda task: executor.submit(run_quietly, task))


class _Pool:
    """A pool of processes that is made again when one of them dies."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.RLock()  # futures end in threads of their own
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, task: Task) -> "Future[dict[str, Any]]":
        result: Future[dict[str, Any]] = Future()
        self._start(task, result, RETRIES)
        return result

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self, task: Task, result: "Future[dict[str, Any]]", retries: int) -> None:
        def finish(future: "Future[dict[str, Any]]") -> None:
            if future.cancelled():
                result.cancel()
                return
            error = future.exception()
            if isinstance(error, BrokenProcessPool) and retries:
                self._start(task, result, retries - 1)
            elif isinstance(error, BrokenProcessPool):
                result.set_exception(
                    HwrtsError(f"its worker died {RETRIES + 1} times, perhaps of too little memory")
                )
            elif error is not None:
                result.set_exception(error)
            else:
                result.set_result(future.result())

        with self._lock:
            try:
                self._executor = self._executor or self._new()
                future = self._executor.submit(run_quietly, task)
            except BrokenProcessPool:  # a worker has died, its trial's or another one's
                self._executor = self._new()
                future = self._executor.submit(run_quietly, task)
        future.add_done_callback(finish)

    def _new(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads' locks
        groups = context.Queue()
        for group in share_cores(self._count):
            groups.put(group)
        return ProcessPoolExecutor(
            self._count, mp_context=context, initializer=_start_worker, initargs=(groups,)
        )


def share_cores(count: int) -> list[tuple[int, ...]]:
    """The cores that this process may use, dealt out to so many workers; all to all if they are too few.

    Empty groups where a system cannot say.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    if affinity is None:
        return [()] * count
    cores = sorted(affinity(0))
    if count > len(cores):
        return [tuple(cores)] * count
    return [tuple(cores[i::count]) for i in range(count)]


def _start_worker(groups: Any) -> None:
    """In a new worker: keep to one group of cores, with a thread of torch for each; end with the parent."""
    import torch

    threading.Thread(target=_follow_parent, daemon=True).start()
    cores = groups.get()
    if cores:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(len(cores))  # it counted all cores when it was imported, a moment ago


def _follow_parent() -> None:
    """A parent that was killed cannot stop its workers, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # files that exist are complete at any moment
