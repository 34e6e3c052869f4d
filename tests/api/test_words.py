"""What Python's callers are told: arguments and settings, never a flag, and of a wrong type no traceback."""

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import hwrts
from docs._site.errors import refusals
from hwrts.api.door import check_types
from hwrts.api.export import asked_for
from hwrts.api.words import said_in_python
from hwrts.errors import ConfigError
from hwrts.runs.circuit import AskedCircuit
from hwrts.runs.target import Asked

COMMANDS_ALONE = (
    "hwrts/cli/",
    "hwrts/data/looking.py",
    "hwrts/report/look.py",
    "hwrts/reproduce/",
    "hwrts/sensitivity/",
    "hwrts/runs/client_check.py",
    "hwrts/runs/handover.py",
    "hwrts/runs/requirements.py",
    "hwrts/runs/vectors.py",
    "hwrts/runs/witnesses.py",
    "hwrts/video/",
)
"""Where messages are made that no function of ``import hwrts`` leads to."""

ANY: Any = hwrts
"""Whose types are not checked before the call."""


def flags(text: str) -> list[str]:
    """Those outside of whole commands."""
    return re.findall(r"(?<!\S)--?[a-z][\w-]*", re.sub(r"hwrts [a-z]+[^,;)]*|dask worker [^,;)]*", "", text))


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("--target qnn: takes one for all", "target='qnn': takes one for all"),
        ("--target 'nqn': there is none", "target='nqn': there is none"),
        ("add --size such as 360x640", "add size such as (360, 640)"),
        ("--opset 3: use 13 to 28", "opset=3: use 13 to 28"),
        ("and replace it with --force", "and replace it with force=True"),
        ("insist with --unverified", "insist with unverified=True"),
        ("choose another folder with -o", "choose another folder with output"),
        ("--budget 'x': write unit=number", "budget='x': write unit=number"),
        ("--workers -1: give 1 or more", "workers=-1: give 1 or more"),
        ("quantize with --rounding floor or", "quantize with settings={'rounding': 'floor'} or"),
        ("--rounding half_up,half_even, or", "settings={'rounding': 'half_up,half_even'}, or"),
        ("rounded as --rounding says", "rounded as rounding says"),
        ("with --exact-additions, or", "with settings={'exact_additions': True}, or"),
        ("--mode 3440x1440@100: takes", "circuit={'mode': '3440x1440@100'}: takes"),
        ("--mode and --clock-mhz belong", "mode and clock_mhz belong"),
        ("use hwrts run --resume", "use hwrts.train(..., resume=True)"),
        ("hwrts export --target qnn makes one", "hwrts export --target qnn makes one"),
        ("a word--of two -or three", "a word--of two -or three"),
        ("--unheard-of 3", "--unheard-of 3"),
    ],
)
def test_a_message_in_python(said, heard):
    assert said_in_python(said) == heard


def test_no_message_that_python_can_meet_keeps_a_flag():
    met = [each for each in refusals() if not each.file.startswith(COMMANDS_ALONE)]
    spoken = [each for each in met if flags(each.message)]
    assert len(spoken) >= 30
    assert {each.message: found for each in spoken if (found := flags(said_in_python(each.message)))} == {}


def test_every_function_goes_through_the_door():
    """Those of the package's surface with an argument that a user can get wrong."""
    for owner in (hwrts, hwrts.Stage):
        for name, each in (
            vars(owner).items() if owner is hwrts.Stage else ((n, getattr(hwrts, n)) for n in hwrts.__all__)
        ):
            if (
                inspect.isfunction(each)
                and not name.startswith("_")
                and len(inspect.signature(each).parameters)
            ):
                takes = set(inspect.signature(each).parameters) - {"self"}
                assert hasattr(each, "__wrapped__") == bool(takes), name


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ANY.load(3), "load: path = 3 is of type int; give str or Path"),
        (lambda: ANY.load("r", 1.5), "load: stage = 1.5 is of type float; give str or int or None"),
        (
            lambda: ANY.train("r", "a"),
            "train: settings = 'a' is of type str; give a mapping by name or None",
        ),
        (
            lambda: ANY.train("r", {3: 3}),
            "train: settings = {3: 3} is of type dict; give a mapping by name or None",
        ),
        (lambda: ANY.train("r", resume=1), "train: resume = 1 is of type int; give bool"),
        (lambda: ANY.train("r", progress=3), "train: progress = 3 is of type int; give a function or None"),
        (lambda: ANY.run_sweep("s", workers="2"), "run_sweep: workers = '2' is of type str; give int"),
        (
            lambda: ANY.quantize("runs/first"),
            "runs/first: names no function; give my_file.py:build, or hwrts.load('runs/first') of a run",
        ),
        (
            lambda: ANY.quantize(nn.Identity(), []),
            "pictures: 0 given; give two or more, one is kept to verify on",
        ),
        (lambda: ANY.quantize(nn.Identity(), target="q"), None),
        (lambda: ANY.run_sweep("s", budget="x"), None),
    ],
)
def test_a_wrong_argument_is_one_line_of_python(call, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(hwrts.HwrtsError) as caught:
        call()
    assert said in (str(caught.value), None)
    assert "\n" not in str(caught.value)
    assert flags(str(caught.value)) == []
    assert not list(Path.cwd().iterdir())


def test_what_numpy_makes_is_a_number_and_a_list_a_pair():
    hints = {"a": int | None, "b": tuple[int, int], "c": float, "d": np.ndarray}
    check_types("f", {"a": np.int64(3), "b": [1, 2], "c": 3, "d": np.zeros(2), "e": "anything"}, hints)
    for name, value in {"a": True, "b": 3, "c": "3", "d": [1]}.items():
        with pytest.raises(ConfigError, match=f"^f: {name} = "):
            check_types("f", {name: value}, hints)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": (0, 5)}, r"^size=\(0, 5\): is no height and width; give a pair such as \(360, 640\)$"),
        ({"size": (1.5, 5)}, r"^size=\(1.5, 5\): is no height and width"),
        ({"circuit": {"cycles": 4}}, "^circuit: is of the format rtl; give formats='rtl' too$"),
        (
            {"formats": "rtl", "circuit": {"cyles": 4}},
            "^circuit: 'cyles' is not known; use multipliers, cycles",
        ),
        (
            {"formats": "rtl", "circuit": {"cycles": "4"}},
            "^circuit: cycles = '4' is of type str; give int or",
        ),
    ],
)
def test_what_is_asked_of_a_hand_over(given, said):
    asked = {"size": None, "formats": (), "circuit": None, **given}
    with pytest.raises(ConfigError, match=said):
        asked_for(None, asked["size"], None, None, True, asked["formats"], asked["circuit"])


def test_a_hand_over_is_asked_for_as_the_command_asks():
    asked, forms, circuit = asked_for(
        "qnn", (36, 64), 17, None, False, "rtl", {"mode": "1080p60", "clock_mhz": 300}
    )
    assert (asked, forms) == (Asked("qnn", "36x64", 17, None, False), ("rtl",))
    assert circuit == AskedCircuit(mode="1080p60", clock_mhz=300)
