"""A user's own code in the process: what it raises, prints, wraps and calls its layers."""

import json
import os
import re

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from hwrts.errors import HwrtsError
from hwrts.runs.own_module import load_own

from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line

FILE = """\
import torch
from torch import nn

print("imported")
torch.set_grad_enabled(False)


class Net(nn.Module):
    def __init__(self, act=nn.ReLU):
        super().__init__()
        self.update, self.keys = nn.Conv2d(3, 4, 3, padding=1), act()
        self.items, self.pop = nn.PReLU(), nn.Conv2d(4, 27, 3, padding=1)
        self.values = nn.PixelShuffle(3)

    def forward(self, x):
        print("called")
        return self.values(self.pop(self.items(self.keys(self.update(x)))))


def build():
    print("built")
    torch.set_default_dtype(torch.float64)
    return Net()


def compiled():
    net = Net()
    net.update = torch.compile(net.update)
    net.pop.compile()
    return torch.compile(nn.DataParallel(net))


def scripted():
    return torch.jit.script(nn.Sequential(nn.Conv2d(3, 3, 1)))


def scripted_part():
    return nn.Sequential(nn.Sequential(nn.ReLU(), scripted()))


def missing():
    return {}["weights"]


def ended():
    raise SystemExit(3)


class Asserts(Net):
    def forward(self, x):
        assert x.shape[0] < 0, "wrong\\nsize"


def asserts():
    return Asserts()


class Branches(Net):
    def forward(self, x):
        if x.mean() > 0:
            return super().forward(x)
        return x


def branches():
    return Branches()


class Late(Net):
    calls = 0

    def forward(self, x):
        Late.calls += 1
        if Late.calls > 9:  # after the check, where int8 is measured
            raise OSError("gone")
        return super().forward(x)


def late():
    return Late()


class Clamped(Net):
    def forward(self, x):
        h = self.update(x)
        h.clamp_(1, 0)
        return super().forward(h[0] if False else x) + self.values(self.pop(h))


def clamped():
    return Clamped()


class Empty(nn.Module):
    def __init__(self):
        pass


class Mute(Exception):
    def __str__(self):
        return 3


def mute():
    raise Mute


def circle():
    net = Net()
    net.me = net
    return net
"""


def line(text):
    """Number of the line of FILE that starts so."""
    return 1 + next(i for i, each in enumerate(FILE.splitlines()) if each.strip().startswith(text))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(FILE)
    (tmp_path / "syntax.py").write_text("def build():\n    return (\n")
    (tmp_path / "needs.py").write_text("\nimport no_such_package\n")
    return tmp_path


RAISED = {
    "syntax.py:build": ["line 2 of syntax.py: SyntaxError"],
    "needs.py:build": ["line 2 of needs.py: ModuleNotFoundError: No module named 'no_such_package'"],
    "own.py:missing": [f"line {line('return {}')} of own.py: KeyError: 'weights'"],
    "own.py:ended": [f"line {line('raise SystemExit')} of own.py: SystemExit: 3"],
    "own.py:asserts": [f"line {line('assert x')} of own.py: AssertionError: wrong size", "18x16"],
    "own.py:branches": [f"line {line('if x.mean')} of own.py: TraceError", "control flow"],
    "own.py:clamped": [f"line {line('h.clamp_')} of own.py, 'clamp_'", "limits 1 and 0 leave one value"],
    "own.py:scripted": ["a scripted module", "before torch.jit.script"],
    "own.py:scripted_part": ["part '1' of Sequential is a scripted module", "without torch.jit.script"],
    "own.py:Empty": ["own.py:Empty: its Empty is no working module", "_modules"],
    "own.py:circle": ["own.py:circle: its Net is no working module", "RecursionError"],
    "own.py:mute": [f"line {line('raise Mute')} of own.py: Mute: without a text"],
    "own.py:late": [f"line {line('raise OSError')} of own.py: OSError: gone"],
}


@pytest.mark.parametrize("reference", RAISED)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_what_own_code_raises_is_told_with_its_line(folder, hwrts, reference):
    result = hwrts("quantize", reference, "--json", "-o", "out")
    assert_one_clear_line(result, *RAISED[reference])
    assert not result.out  # what the code prints is no result
    assert [path for path in folder.iterdir() if "out" in path.name and path.is_dir()] == []
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()


def test_a_module_of_methods_names_that_prints_and_enlarges_by_three(folder, hwrts):
    """update, keys, items, pop, values: ModuleDict's; x3 was accepted here and refused by enhance."""
    make_photographs(folder / "photos", size=(66, 80))
    widths = ("--layer-weight-bits", "update=6,pop=5", "--qat-steps", "2")
    result = hwrts("quantize", "own.py:build", "--data", "photos", "-o", "out", "--json", *widths)
    assert result.code == 0, result.err
    assert json.loads(result.out)["scale"] == 3
    assert {"imported", "built", "called"} <= set(result.err.splitlines())
    assert re.search(r"choosing formats: 8 in .*\n", result.err)
    assert hwrts("verify", "out").code == 0
    for flags, size in (((), (80, 66)), (("--x2",), (240, 198))):
        for engine in ("onnxruntime", "numpy", "torch"):
            target = f"{engine}{size[0]}.png"
            made = hwrts(
                "enhance", "photos/photo0.png", "-o", target, "--run", "out", "--engine", engine, *flags
            )
            assert made.code == 0, made.err
            with Image.open(target) as picture:
                assert picture.size == size
    for width in (80, 240):
        onnx, torch = (folder / f"{engine}{width}.png" for engine in ("onnxruntime", "torch"))
        assert onnx.read_bytes() == torch.read_bytes()
    refused = hwrts("quantize", "own.py:build", "--layer-weight-bits", "push=6", "-o", "other")
    assert_one_clear_line(refused, "no layer 'push'", "it has update, pop")
    idle = hwrts("quantize", "own.py:build", *widths[:2], "--weight-bits", "4", "-o", "other", "-q")
    assert_one_clear_line(idle, "--weight-bits: would do nothing")


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_wrappers_of_torch_are_taken_off(folder):
    module = load_own("own.py:compiled").module
    assert type(module).__name__ == "Net"
    assert type(module.update) is nn.Conv2d
    assert module.pop._compiled_call_impl is None
    assert module(torch.zeros(1, 3, 4, 5)).shape == (1, 3, 12, 15)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda n: f"module.{n}",
        lambda n: f"_orig_mod.{n}",
        lambda n: f"_orig_mod.module.{n}",
        lambda n: f"module._orig_mod.{n}",
        lambda n: n.replace("pop.", "pop._orig_mod."),
    ],
)
def test_weights_saved_from_a_wrapper(folder, wrapped):
    state = load_own("own.py:build").module.state_dict()
    save_file({wrapped(name): value for name, value in state.items()}, "w.safetensors")
    found = load_own("own.py:build", folder / "w.safetensors").module.state_dict()
    assert all(torch.equal(found[name], value) for name, value in state.items())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"pop.weight": lambda value: value.to(torch.int8)}, ["pop.weight holds torch.int8"]),
        ({"items.weight": lambda value: value.bool()}, ["items.weight holds torch.bool"]),
        ({"pop.bias": lambda value: value / 0 - value / 0}, ["layer 'pop': its bias holds 27 of 27", "NaN"]),
        ({"update.weight": lambda value: value.double() * 1e300}, ["layer 'update'", "NaN or infinite"]),
    ],
)
def test_weights_that_are_no_numbers_to_compute_with(folder, changed, words):
    state = load_own("own.py:build").module.state_dict()
    save_file(
        {name: changed.get(name, lambda value: value)(value) for name, value in state.items()},
        "w.safetensors",
    )
    with pytest.raises(HwrtsError) as caught:
        load_own("own.py:build", folder / "w.safetensors")
    assert [word for word in words if word not in str(caught.value)] == []


def test_weights_that_are_no_file(folder):
    """A pipe was waited for, and neither Ctrl-C nor SIGTERM ended that."""
    os.mkfifo("w.safetensors")
    with pytest.raises(HwrtsError, match=r"w\.safetensors: cannot be read \(not a regular file\)"):
        load_own("own.py:build", folder / "w.safetensors")


def test_other_number_types_of_the_same_kind_are_taken(folder):
    state = load_own("own.py:build").module.state_dict()
    save_file({name: value.half() for name, value in state.items()}, "w.safetensors")
    assert load_own("own.py:build", folder / "w.safetensors").module.pop.weight.dtype is torch.float32


class Odd(nn.Module):
    """train() returns nothing, two layers share their weights, and the state holds more than tensors."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.epoch = (*(nn.Conv2d(3, 3, 1, bias=False) for _ in range(2)), 1)
        self.second.weight = nn.init.dirac_(self.first.weight)

    def forward(self, x):
        return self.second(self.first(x))

    def train(self, mode=True):
        super().train(mode)

    def __getattr__(self, name):
        return self if name == "_orig_mod" else super().__getattr__(name)

    def get_extra_state(self):
        return {"epoch": self.epoch}

    def set_extra_state(self, state):
        self.epoch = state["epoch"]


def test_a_module_that_is_correct_but_unusual(folder, hwrts):
    """Each of the three ended in a traceback."""
    make_photographs(folder / "photos", size=(66, 80))
    (folder / "odd.py").write_text(f"from {__name__} import Odd as build\n")
    given = {name: value.clone() for name, value in Odd().state_dict().items() if "extra" not in name}
    save_file(given, "w.safetensors")
    result = hwrts(
        "quantize",
        "odd.py:build",
        "--weights",
        "w.safetensors",
        "--data",
        "photos",
        "-o",
        "out",
        "--qat-steps",
        "2",
    )
    assert result.code == 0, result.err
    stored = load_file("out/stage1/float.safetensors")
    assert stored.keys() == given.keys()
    assert all(torch.equal(stored[name], value) for name, value in given.items())
