import math
import os

import pytest

from hwrts.fixed_point import cores
from hwrts.fixed_point.cores import available_cores, cpu_quota


def tree(root, own, files):
    """The two places that Linux shows control groups in."""
    (root / "groups").mkdir()
    (root / "own").write_text(own)
    for name, text in files.items():
        path = root / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "own", root / "groups"


V1 = "5:memory:/box\n3:cpu,cpuacct:/box/job\n"


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 0.5),
        ("0::/box/job\n", {"box/job/cpu.max": "400000 100000", "box/cpu.max": "150000 100000"}, 1.5),
        ("0::/box/job\n", {"box/job/cpu.max": "max 100000", "cpu.max": "300000 100000"}, 3.0),
        ("0::/../outside\n", {"cpu.max": "200000 100000"}, 2.0),
        (
            V1,
            {"cpu,cpuacct/box/cpu.cfs_quota_us": "250000", "cpu,cpuacct/box/cpu.cfs_period_us": "100000"},
            2.5,
        ),
        (V1, {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "50000\n"}, 2.0),
        (V1, {"cpu/box/cpu.cfs_quota_us": "-1\n", "cpu/box/cpu.cfs_period_us": "100000\n"}, math.inf),
        (V1 + "0::/\n", {"cpu.max": "100000 100000", "cpu/cpu.cfs_quota_us": "-1"}, 1.0),
        ("0::/\n", {"cpu.max": ""}, math.inf),
        ("0::/\n", {"cpu.max": "100000 0"}, math.inf),
        ("0::/\n", {"cpu.max": "many 100000 x"}, math.inf),
        ("", {"cpu.max": "100000 100000"}, math.inf),
        ("nonsense\n:\n", {}, math.inf),
    ],
)
def test_the_smallest_limit_around_a_process_counts(tmp_path, own, files, quota):
    assert cpu_quota(*tree(tmp_path, own, files)) == quota


def test_without_control_groups_there_is_no_limit(tmp_path):
    assert cpu_quota(tmp_path / "none", tmp_path / "nothing") == math.inf


@pytest.mark.parametrize(("quota", "expected"), [(math.inf, 8), (16.0, 8), (2.0, 2), (1.5, 2), (0.1, 1)])
def test_a_containers_limit_is_rounded_up(monkeypatch, quota, expected):
    """A container of two cores on a machine of 64 started 64 threads, and was stopped most of the time."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)
    assert available_cores() == expected


def test_a_system_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1
