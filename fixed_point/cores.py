"""How many cores this process may use: those that it is let run on, for the time that it is given."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

_OWN_GROUPS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Cores that this process may use; not every system can say, then all of them.

    A container's limit counts, rounded up: more threads would be stopped in the middle of their work.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, cpu_quota())))


def cpu_quota(own: Path = _OWN_GROUPS, groups: Path = _GROUPS) -> float:
    """Seconds of computing in each second that Linux's control groups allow; infinite without a limit.

    Args:
        own: The list of groups that this process is in.
        groups: Where the control groups are mounted, of version 1 or 2.
    """
    return min(_limits(own, groups), default=math.inf)


def _limits(own: Path, groups: Path) -> Iterator[float]:
    """The limits of a process's groups and of all groups around them."""
    for line in _text(own).splitlines():
        _, controllers, group = line.split(":", 2) if line.count(":") >= 2 else ("", "", "")
        if group and not controllers:
            mount, read = groups, _limit_v2
        elif "cpu" in controllers.split(","):
            mount, read = groups / controllers, _limit_v1
            mount = mount if mount.is_dir() else groups / "cpu"
        else:
            continue
        folder = mount / group.strip("/")  # in a container perhaps one outside of it: only the mount
        for place in (folder, *folder.parents):
            limit = read(place)
            if limit is not None:
                yield limit
            if place == mount:
                break


def _limit_v2(folder: Path) -> float | None:
    return _share(*_text(folder / "cpu.max").split()[:2])


def _limit_v1(folder: Path) -> float | None:
    return _share(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _share(quota: str = "", period: str = "") -> float | None:
    """Quota by period; "max" and -1 mean no limit."""
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
