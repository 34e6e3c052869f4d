import platform

import pytest
import torch

from hwrts.errors import ConfigError
from hwrts.export.cpu import cpu_flags, cpu_name
from hwrts.training.device import choose_device, make_deterministic


def test_auto_choice_says_why():
    device = choose_device()
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert device.name == best
    assert device.reason


@pytest.mark.skipif(not cpu_flags(), reason="this system does not list its processor's features")
def test_cpu_precision_follows_the_flags():
    device = choose_device("cpu")
    assert device.bf16 == bool({"avx512_bf16", "amx_bf16"} & cpu_flags())
    assert ("has no bf16" in device.reason) != device.bf16


@pytest.mark.parametrize(("precision", "bf16"), [("float32", False), ("bf16", True)])
def test_asked_precision_wins(precision, bf16):
    device = choose_device("cpu", precision)
    assert (device.name, device.bf16, device.reason) == ("cpu", bf16, f"{precision} was asked for")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "CPU!"])
def test_devices_that_are_not_there_are_refused(name):
    with pytest.raises(ConfigError, match=f"device '{name}': .*; use auto, cpu, cuda, cuda:N or mps"):
        choose_device(name)


@pytest.mark.skipif(platform.system() != "Linux", reason="features are read from Linux's list")
def test_the_processors_features_are_those_that_other_libraries_find():
    """torch asks the processor itself."""
    flags, found = cpu_flags(), torch.backends.cpu.get_cpu_capability()
    if platform.machine() == "x86_64":
        assert {"fpu", "sse2"} <= flags
        assert ("avx2" in flags) == (found in ("AVX2", "AVX512"))
        assert cpu_name()
    assert all(flag == flag.strip() for flag in flags)


def test_equal_seeds_give_equal_numbers():
    drawn = []
    for seed in (5, 5, 6):
        make_deterministic(seed)
        drawn.append(torch.rand(4))
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
