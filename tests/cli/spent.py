"""Whether a process hangs: what it computed and how long it slept, but not how long others had the cores.

A limit of a clock is none of the process: with sixty others in front of two cores, a second of computing took
half a minute, and campaigns failed that had found nothing.
"""

import os
import time
from pathlib import Path


class Spent:
    """Seconds of a process since this was made; on Linux, elsewhere all of them count as sleep."""

    def __init__(self, pid: int) -> None:
        self._files = Path(f"/proc/{pid}/stat"), Path(f"/proc/{pid}/schedstat")
        self._last = 0.0, 0.0
        self._clock, self._begin = time.monotonic(), self._read()

    def computing(self) -> float:
        """Of all its threads, in the kernel too."""
        return self._read()[0] - self._begin[0]

    def asleep(self) -> float:
        """That its first thread wanted no core: it waits for a lock, a pipe, a disk, or another thread."""
        return time.monotonic() - self._clock - (self._read()[1] - self._begin[1])

    def __str__(self) -> str:
        return f"{self.computing():.1f} s of computing, {self.asleep():.1f} s asleep"

    def _read(self) -> tuple[float, float]:
        """Computed; and by its first thread, or ready to. Of one that has ended what was read last."""
        try:
            fields = self._files[0].read_text().rpartition(")")[2].split()
            on_core, ready = (int(field) / 1e9 for field in self._files[1].read_text().split()[:2])
        except (OSError, ValueError):
            return self._last
        self._last = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK"), on_core + ready
        return self._last
