"""Where trials run: processes of this machine, or a dask cluster; a worker that dies costs a retry."""

import math
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker, util
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TYPE_CHECKING, Any

from hwrts.errors import ConfigError, HwrtsError
from hwrts.extras import need
from hwrts.fixed_point.cores import available_cores, cpu_quota
from hwrts.progress import Silent

if TYPE_CHECKING:  # a process that waits for its first trial need not know how one goes
    from hwrts.sweep.trial import Task

RETRIES = 2
"""A trial whose worker died is started so many times again; it continues from its checkpoint."""

END_SECONDS = 10
"""How long a process may take to end by itself."""

Run = Callable[["Task"], dict[str, Any]]


@dataclass(frozen=True)
class Workers:
    """Something that runs trials.

    Attributes:
        count: How many at a time.
        submit: Starts one; a future of its trial.json.
    """

    count: int
    submit: Callable[["Task"], "Future[dict[str, Any]]"]


def run_quietly(task: "Task") -> dict[str, Any]:
    """A trial in a worker, whose terminal belongs to somebody else."""
    from hwrts.sweep.trial import run_trial

    return run_trial(task, Silent())


@contextmanager
def local_workers(count: int, run: Run = run_quietly) -> Iterator[Workers]:
    """Processes of this machine, each on cores of its own, so that their threads don't fight.

    What still runs when the block ends is ended: files that exist are complete, and the same sweep goes on
    from them.

    Raises:
        ConfigError: No worker at all.
    """
    if count < 1:
        raise ConfigError(f"--workers {count}: give 1 or more")
    tasks: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
    groups, share = share_cores(count), max(1, available_cores() // count)
    # A share where a system cannot say which cores are ours, or where a container has all of them but not all
    # of their time.
    counts = [len(cores) if cores and cpu_quota() == math.inf else share for cores in groups]
    threads = [_Worker(tasks, cores, each, run) for cores, each in zip(groups, counts, strict=True)]
    for thread in threads:
        thread.start()

    def submit(task: "Task") -> "Future[dict[str, Any]]":
        result: Future[dict[str, Any]] = Future()
        tasks.put((task, result))
        return result

    try:
        yield Workers(count, submit)
    finally:
        for thread in threads:
            thread.stop()
            tasks.put(None)
        for thread in threads:
            thread.join()


@contextmanager
def cluster_workers(address: str, timeout: str = "10s") -> Iterator[Workers]:
    """The workers of a dask cluster by the address of its scheduler, which is waited for no longer than that.

    The scheduler gives the trial of a worker that died to another one.

    Raises:
        HwrtsError: dask is not installed, or no scheduler answers.
    """
    need("cluster", "--cluster")
    from distributed import Client

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
                f"--cluster {address}: the scheduler has no workers; start some with: "
                f"dask worker {address} --nthreads 1"
            )
        executor = client.get_executor(pure=False)
        yield Workers(count, lambda task: executor.submit(run_quietly, task))


_Item = tuple["Task", "Future[dict[str, Any]]"]


class _Worker(threading.Thread):
    """Sends one trial after another to a process of its own, and starts another one when that dies.

    Not an executor of processes: where one of those dies, every trial that any of them has is lost.
    """

    def __init__(
        self, tasks: "queue.SimpleQueue[_Item | None]", cores: tuple[int, ...], threads: int, run: Run
    ) -> None:
        super().__init__(daemon=True)
        self._tasks, self._cores, self._threads, self._run_task = tasks, cores, threads, run
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._stopped = self._busy = False

    def run(self) -> None:
        # Ctrl-C reaches every process of a terminal; only the main thread of this one answers. What a thread
        # blocks is blocked in the processes that it starts, from their first moment.
        resource_tracker.ensure_running()  # its start unblocks
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        if self._cores:
            os.sched_setaffinity(0, self._cores)  # of this thread, and of the processes that it starts
        while (item := self._tasks.get()) is not None:
            task, result = item
            if self._stopped:
                result.cancel()
            elif result.set_running_or_notify_cancel():
                self._answer(task, result)

    def stop(self) -> None:
        """End what runs; what is waiting is not started. A process that has nothing to do ends by itself."""
        self._stopped = True
        if self._process is None:
            return
        if self._connection is not None and not self._busy:
            self._connection.close()
        else:
            self._process.terminate()
        self._process.join(END_SECONDS)  # with what libraries have to clean up
        self._process.kill()
        self._process.join()

    def _answer(self, task: "Task", result: "Future[dict[str, Any]]") -> None:
        for _ in range(1 + RETRIES):
            if self._stopped:
                break
            connection = self._connection or self._start()
            try:
                self._busy = True
                connection.send(task)
                document, error = connection.recv()
                self._busy = False  # before the answer is known: who has it may stop us
            except (EOFError, OSError):  # the process died, by itself or by stop
                self._connection = None
                continue
            if error is None:
                result.set_result(document)
            else:
                result.set_exception(error)
            return
        result.set_exception(
            HwrtsError(
                f"its worker died {1 + RETRIES} times, perhaps of too little memory; give fewer --workers"
            )
        )

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads' locks
        self._connection, end = context.Pipe()
        self._process = context.Process(target=_serve, args=(end, self._threads, self._run_task))
        self._process.start()
        end.close()  # or the death of the process would not end the pipe
        if self._stopped:  # in between
            self._process.kill()
        return self._connection


def _serve(connection: Connection, threads: int, run: Run) -> None:
    """A worker's process: trials come, their documents or errors go, until the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be blocked
    signal.signal(signal.SIGTERM, _end)
    import torch

    threading.Thread(target=_follow_parent, daemon=True).start()
    torch.set_num_threads(threads)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            answer: tuple[dict[str, Any] | None, Exception | None] = run(task), None
        except (HwrtsError, OSError) as error:
            answer = None, error
        except Exception as error:  # may be of a kind that does not travel
            answer = None, RuntimeError(f"{type(error).__name__}: {error}")
        connection.send(answer)


def _end(number: int, frame: FrameType | None) -> None:
    """End at once, but for what Python has to clean up between processes: it would complain of a leak."""
    util._exit_function()  # type: ignore[attr-defined]
    os._exit(128 + number)  # files that exist are complete at any moment


def _follow_parent() -> None:
    """A parent that was killed cannot stop its workers, which would end a trial that nobody waits for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # files that exist are complete at any moment


def share_cores(count: int) -> list[tuple[int, ...]]:
    """The cores that this process may use, dealt out to so many workers; one each where they are too few.

    Empty groups where a system cannot say.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    if affinity is None:
        return [()] * count
    cores = sorted(affinity(0))
    return [tuple(cores[i % len(cores) :: count]) for i in range(count)]
