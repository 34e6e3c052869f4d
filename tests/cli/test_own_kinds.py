"""Every command on networks of users' own, of every shape: it works, or says in a line what it cannot."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.data import tiles
from hwrts.fixed_point import load_network, run
from hwrts.runs.engines import make_engine
from hwrts.runs.folder import open_run

from ..runs.own_files import FILES
from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line

INPUTS = "takes 2 inputs"
OWN = "made by net.py:inputs"
CHANNELS = "a picture to a picture is needed here"
KEEPS = "keeps the size"
OTHER_SIZE = "enhances none at the size that it has"
TORCH = "engine torch: computes pixels of 0..1 alone"

WORKS = (
    "inspect RUN",
    "inspect RUN --json --width 333",
    "cost RUN",
    "cost RUN/stage1 --json",
    "verify RUN",
    "export RUN -o handover",
    "view RUN --no-browser --port 0",
)
"""Whatever the network is."""

COMMANDS = {
    "evaluate": "evaluate RUN --data photos -q",
    "patterns": "patterns RUN -q",
    "enhance": "enhance photos/photo0.png -o made.png --run RUN -q",
    "enhance x2": "enhance photos/photo0.png -o larger.png --run RUN -q --x2",
    "enhance numpy": "enhance photos/photo0.png -o numpy.png --run RUN -q --engine numpy",
    "enhance torch": "enhance photos/photo0.png -o torch.png --run RUN -q --engine torch",
    "sensitivity": "sensitivity RUN",
    "run": "run --resume RUN",
    "quantize": "quantize RUN",
}
NEVER = {"sensitivity": "photographs are not kept", "run": "no config.toml", "quantize": "no config.toml"}
ENHANCING = ("enhance", "enhance numpy", "enhance torch", "enhance x2", "evaluate", "patterns")


def none(why: str) -> dict[str, str]:
    return dict.fromkeys(ENHANCING, why)


SAME = {"evaluate": KEEPS, "enhance x2": KEEPS}

REFUSED: dict[str, dict[str, str]] = {
    "luma": {},
    "Bayer": none(CHANNELS),
    "packed 4:2:0": {**none(OWN), "enhance x2": KEEPS},
    "a larger frame before": none(INPUTS),
    "a state": none(INPUTS),
    "outputs of two sizes": SAME,
    "0..255": {**SAME, "enhance torch": TORCH},
    "smaller": {"evaluate": "makes pictures of x1/2; use", "patterns": OTHER_SIZE},
    "without padding": {
        "evaluate": "x1 less 4 rows and 4 columns",
        "enhance x2": KEEPS,
        "patterns": OTHER_SIZE,
    },
    "x2 that shrinks inside": {},
    "x3/2": {"evaluate": "makes pictures of x3/2; use", "patterns": OTHER_SIZE},
    "norm over channels": SAME,
    "mean of the picture": SAME,
    "five channels out": {**none(CHANNELS), "enhance x2": KEEPS},
}
"""By network and command, what is said; what is not named works."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socketserver.BaseServer.serve_forever", lambda server: None)  # view ends at once
    make_photographs(tmp_path / "photos", count=2, size=(67, 73))
    return tmp_path


def quantised(hwrts, name):
    Path("net.py").write_text(FILES[name])
    made = hwrts("quantize", "net.py:build", "--data", "photos", "-o", "runs/net", "-q")
    assert "PASSED: 0 of" in made.out, made.err


# Every sentence is said by one of these.
@pytest.mark.usually(
    name={"luma", "Bayer", "packed 4:2:0", "a state", "0..255", "smaller", "without padding"}
)
@pytest.mark.parametrize("name", REFUSED)
def test_each_command_works_or_says_what_it_cannot(folder, hwrts, name):
    quantised(hwrts, name)
    for command in WORKS:
        result = hwrts(*command.replace("RUN", "runs/net").split())
        assert result.code == 0, (command, result.err)
    for command, words in COMMANDS.items():
        result = hwrts(*words.replace("RUN", "runs/net").split())
        why = {**NEVER, **REFUSED[name]}.get(command)
        if why is None:
            assert result.code == 0, (command, result.err)
        else:
            assert_one_clear_line(result, why)
    same = [name for name in ("made.png", "numpy.png", "torch.png") if Path(name).is_file()]
    made = [np.asarray(Image.open(name)) for name in same]
    for other in made[1:]:
        np.testing.assert_array_equal(made[0], other)


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_what_was_padded_is_cut_behind_the_enlargement(folder, hwrts, engine, monkeypatch):
    """The last rows and columns too are those of the definition, of the whole picture padded by its edge."""
    quantised(hwrts, "x2 that shrinks inside")
    stage = open_run(Path("runs/net")).stage(1)
    network = load_network(stage.root)
    assert network.multiple == 2
    monkeypatch.setattr(tiles, "TILE", 16)
    monkeypatch.setattr(tiles, "WIDEST", 1)
    pixels = np.asarray(Image.open("photos/photo0.png"))
    assert pixels.shape == (67, 73, 3)
    padded = np.pad(pixels, ((0, 1), (0, 1), (0, 0)), mode="edge")
    expected = run(network, padded, "int64")[:134, :146]
    np.testing.assert_array_equal(make_engine(engine, stage).upscale(pixels), expected)
