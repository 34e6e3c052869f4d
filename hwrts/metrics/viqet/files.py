"""Scoring image files, several at a time in processes of their own."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from hwrts.data import MAX_MEGAPIXELS, read_image
from hwrts.errors import DataError, HwrtsError
from hwrts.fixed_point.cores import available_cores
from hwrts.metrics.viqet.model import Score, score
from hwrts.progress import Advance

# Libraries read these when they are loaded. One process a core leaves nothing for threads inside.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def score_files(
    paths: Sequence[Path],
    workers: int | None = None,
    advance: Advance | None = None,
    max_megapixels: int = MAX_MEGAPIXELS,
) -> list[Score | DataError]:
    """Score image files, in their order; one that can't be read or scored gives the error that names it.

    Each process takes about 0.3 GB and a second to start; one file is scored in this process. Processes
    are spawned, which is safe beside threads (torch, BLAS) but imports the program's main module again: a
    script needs ``if __name__ == "__main__":``.

    Args:
        paths: Image files.
        workers: Processes; None takes one a core.
        advance: Called with the number of files done and the name of the last one.
        max_megapixels: A larger picture is an error.

    Raises:
        HwrtsError: A process died, most likely for want of memory.
    """
    report = advance or (lambda done, text: None)
    processes = min(available_cores() if workers is None else workers, len(paths))
    if processes <= 1:
        scores: list[Score | DataError] = []
        for done, path in enumerate(paths, 1):
            scores.append(_score_or_error(path, max_megapixels))
            report(done, path.name)
        return scores
    context, others = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    with _one_thread_each(), ProcessPoolExecutor(processes, context, initializer=_leave_interrupts) as pool:
        futures = {pool.submit(_score_or_error, path, max_megapixels): path for path in paths}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                report(done, futures[future].name)
        except BrokenProcessPool as error:
            raise HwrtsError(
                f"one of {processes} scoring processes died, most likely for want of memory; "
                "use fewer workers"
            ) from error
        except BaseException:  # Ctrl-C does not wait for a picture of minutes
            for process in multiprocessing.active_children():
                if process not in others:
                    process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        return [future.result() for future in futures]


def score_file(path: Path, max_megapixels: int = MAX_MEGAPIXELS) -> Score:
    """Score an image file in sRGB; errors name it.

    Raises:
        DataError: It can't be read, has more pixels than the limit, or is too elongated.
    """
    pixels = read_image(path, max_megapixels)
    try:
        return score(pixels)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _score_or_error(path: Path, max_megapixels: int) -> Score | DataError:
    """One broken file must not cost the hour that a thousand others took."""
    try:
        return score_file(path, max_megapixels)
    except DataError as error:
        return error


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside compute with one thread; this process keeps its settings."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the parent alone answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
