"""Trials without processes: what a test changed in this one, such as few pictures a proof, holds in them."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from hwrts.sweep.workers import Workers, run_quietly


@contextmanager
def in_process(count: int) -> Iterator[Workers]:
    """Workers in this process, one task after the other."""

    def submit(task: Any) -> Future[dict[str, Any]]:
        done: Future[dict[str, Any]] = Future()
        done.set_result(run_quietly(task))
        return done

    yield Workers(count, submit)
