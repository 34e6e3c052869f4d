"""Modules of a user's own with pixels of 10 bits, and with a luma that is said: 0 differing codes."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

import hwrts
from hwrts.data import read_picture, write_picture
from hwrts.data.depth import corrected, on_grid
from hwrts.data.luma import OWN, Luma
from hwrts.data.picture import Picture
from hwrts.fixed_point import Format, pixel_format, run
from hwrts.runs.engines import make_engine
from hwrts.runs.own_ends import Own
from hwrts.runs.own_feed import Feeder
from hwrts.runs.own_pixels import with_pixels
from hwrts.runs.verify_inputs import load_verify_inputs
from hwrts.video.layout import layout_of
from hwrts.video.luma import OfLuma

from ..cli.conftest import call
from ..conftest import few_pictures
from ..data.test_luma import slowly as coloured_slowly
from ..video import slowly
from .test_ten_bits import deep_ramp
from .tiny import photographs

HD = Luma("bt709", "limited")


class Corrects(nn.Module):
    """The picture, enlarged if need be, and a correction of it."""

    def __init__(self, channels, scale=1, white=1.0):
        super().__init__()
        torch.manual_seed(3)
        self.scale, self.white = scale, white
        self.first = nn.Conv2d(channels, 6, 3, padding=1)
        self.last = nn.Conv2d(6, channels * scale**2, 3, padding=1)

    def forward(self, x):
        d = 0.2 * self.last(F.relu(self.first(x)))
        if self.scale == 1:
            return x + d
        return F.interpolate(x, scale_factor=self.scale, mode="bilinear") + F.pixel_shuffle(d, self.scale)


class Enlarged(Corrects):
    """As VDSR: its layers read the enlarged picture."""

    def forward(self, x):
        x = F.interpolate(x, scale_factor=2, mode="bilinear")
        return x + self.last(F.relu(self.first(x)))


class Blends(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, y):
        return x + self.conv(y)


FILE = """
import sys
sys.path.insert(0, {root!r})
from tests.runs.test_own_pixels import Blends, Corrects, Enlarged

def colours():
    return Corrects(3)

def luma():
    return Corrects(1, 2)

def enlarged():
    return Enlarged(3)

def two():
    return Blends()
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three of 8 bits and one of 16."""
    folder = photographs(tmp_path_factory.mktemp("photos") / "of", count=3)
    rng = np.random.default_rng(5)
    write_picture(folder / "deep.png", Picture(rng.integers(0, 65536, (130, 140, 3)).astype(np.uint16)))
    return folder


def quantised(module, photos, root, **given):
    with pytest.MonkeyPatch.context() as patch:
        few_pictures(patch)
        return hwrts.quantize(module, photos, output=root, **given)


@pytest.fixture(scope="module")
def colours(photos, tmp_path_factory):
    root = tmp_path_factory.mktemp("colours") / "run"
    return quantised(Corrects(3), photos, root, settings={"pixel_bits": 10, "steps": 2})


@pytest.fixture(scope="module")
def luma(photos, tmp_path_factory):
    root = tmp_path_factory.mktemp("luma") / "run"
    said = {"matrix": "bt709", "range": "limited"}
    return quantised(Corrects(1, 2), photos, root, settings={"pixel_bits": 10}, **said)


@pytest.mark.parametrize("kind", ["colours", "luma"])
def test_all_bits_at_both_ends_and_no_code_differs(kind, request):
    made = request.getfixturevalue(kind)
    network, verdict = made.network, json.loads(made.files.verify.read_text())
    assert (verdict["passed"], verdict["mismatches"]) == (True, 0)
    assert verdict["census"]["Add of int32"] == 1
    assert {network.inputs[0].out, network.formats[network.output]} == {pixel_format(10)}
    hidden = [out for name, out in network.formats.items() if name not in {network.output, "x"}]
    assert {out.bits for out in hidden} <= {8, 10}
    assert made.measures["fidelity_db"] > 45  # in codes of 8 bits, as of any module
    for picture in load_verify_inputs(made.run, network.inputs).values():
        assert picture.dtype == np.uint16
        assert (picture % 4 > 0).any()
        assert kind == "colours" or 64 <= picture.min() < picture.max() <= 940


def test_pictures_of_16_bits_keep_10(colours, tmp_path, capfd):
    ramp = deep_ramp(21, 33)
    write_picture(tmp_path / "in.png", Picture(ramp))
    words = ("enhance", tmp_path / "in.png", "-o", tmp_path / "out.png", "--run", colours.root.parent)
    found = call(capfd, *words)
    assert found.code == 0, found.err
    x10 = on_grid(ramp, 10)
    y10 = run(colours.network, x10).astype(np.uint16)
    assert (y10 != x10).any()
    samples = read_picture(tmp_path / "out.png").samples
    np.testing.assert_array_equal(samples, corrected(ramp, y10, 1, 10))
    for name in ("numpy", "native"):
        np.testing.assert_array_equal(make_engine(name, colours.files).enhance(x10), y10)
    with pytest.raises(hwrts.HwrtsError, match=r"engine torch: computes pixels of 0\.\.1 alone"):
        make_engine("torch", colours.files, lambda: lambda codes: codes)


def test_the_luma_that_is_said_is_seen_and_put_back(luma, tmp_path, capfd):
    ramp = deep_ramp(9, 12)
    ramp[..., 0] //= 3
    write_picture(tmp_path / "in.png", Picture(ramp))
    words = ("enhance", tmp_path / "in.png", "-o", tmp_path / "out.png", "--run", luma.root.parent, "--x2")
    found = call(capfd, *words)
    assert found.code == 0, found.err
    assert "the network sees luma (BT.709, limited range)" in found.err
    x10 = on_grid(ramp, 10)
    y = run(luma.network, HD.of(x10, 10)).astype(np.uint16)
    y10 = coloured_slowly(HD, x10, y, 2, 10)
    np.testing.assert_array_equal(read_picture(tmp_path / "out.png").samples, corrected(ramp, y10, 2, 10))


def test_it_is_in_the_run_and_in_what_is_handed_over(luma, tmp_path, capfd):
    assert luma.run.luma == HD
    assert luma.run.notes()["luma"] == HD.as_json(10)
    found = call(capfd, "export", luma.root.parent, "-o", tmp_path / "out")
    assert found.code == 0, found.err
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["luma"] == HD.as_json(10)
    found = call(capfd, "verify", luma.root.parent)
    assert found.code == 0, found.err
    assert "0 of " in found.out


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv420p"])
def test_a_clips_luma_goes_through_code_for_code(pixels, luma, tmp_path, capfd):
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from ..cli.test_clips import differing
    from ..video.clips import decoded, make_clip

    planes = make_clip(tmp_path / "in.mkv", pixels, (23, 15), count=2)
    words = ("enhance", tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--run", luma.root.parent)
    found = call(capfd, *words, "--codec", "ffv1", "--x2")
    assert found.code == 0, found.err
    bits = 10 if "10" in pixels else 8
    wanted = []
    for frame in planes:
        y = run(luma.network, slowly.luma_seen(frame[0], bits, 10)).astype(np.uint16)
        wanted.append(slowly.luma_back(frame, y, bits, 2, 2, 2, slowly.keys, 10))
    result, _ = decoded(tmp_path / "out.mkv")
    assert differing(result, wanted) == 0


def test_whether_somebody_said_it_is_known(luma, photos, tmp_path):
    """A module of which nobody says it goes on as before, and its run says nothing."""
    made = quantised(Corrects(1), photos, tmp_path / "run")
    assert made.run.luma is None
    assert "luma" not in made.run.notes()
    engine = make_engine("onnxruntime", made.files)
    assert engine.luma is OWN
    layout = layout_of("", "yuv420p", 15, 23, full=False, space=1)
    assert "is assumed to have learnt from bt601" in (OfLuma(layout, 1, OWN).differs() or "")
    said = quantised(Corrects(1), photos, tmp_path / "said", matrix="bt601")
    assert said.run.luma == OWN
    assert "has learnt from bt601" in (OfLuma(layout, 1, said.run.luma or HD).differs() or "")
    assert make_engine("onnxruntime", luma.files).luma == HD


def test_a_range_of_0_to_255_has_more_bits_behind(photos, tmp_path):
    module = nn.Sequential(Corrects(3))
    made = quantised(module, photos, tmp_path / "run", settings={"pixel_bits": 12}, value_range=(0, 255))
    network = made.network
    assert made.proved
    assert {network.inputs[0].out, network.formats[network.output]} == {Format(signed=False, bits=12, frac=4)}
    assert Format(signed=False, bits=8, frac=0) in network.formats.values()
    codes = np.random.default_rng(3).integers(0, 4096, (11, 13, 3)).astype(np.uint16)
    engine = make_engine("onnxruntime", made.files)
    np.testing.assert_array_equal(engine.enhance(codes), run(network, codes))


@pytest.mark.parametrize(
    ("function", "words", "said"),
    [
        ("enlarged", ["--pixel-bits", "10"], "reads the enlarged picture of 10 bits"),
        ("two", ["--pixel-bits", "12"], "--pixel-bits 12: is for modules of one picture, and this one has 2"),
        ("colours", ["--pixel-bits", "9"], "--pixel-bits"),
        ("colours", ["--matrix", "bt709"], "are of luma, for modules of one channel; this one takes 3"),
        ("colours", ["--range", "full", "--check"], "are of luma, for modules of one channel"),
        ("luma", ["--matrix", "bt2020"], "--matrix bt2020: is none of luma; use bt709 or bt601"),
        ("luma", ["--range", "tv"], "--range tv: is none of luma; use limited or full"),
        ("enlarged", ["--pixel-bits", "10", "--check"], "reads the enlarged picture of 10 bits"),
    ],
)
def test_what_a_module_cannot_have(function, words, said, photos, tmp_path, capfd, pytestconfig):
    (tmp_path / "my_file.py").write_text(FILE.format(root=str(pytestconfig.rootpath)))
    out = ["-o", tmp_path / "run", "--data", photos] if "--check" not in words else []
    found = call(capfd, "quantize", f"{tmp_path / 'my_file.py'}:{function}", *out, *words, "--quiet")
    assert found.code == 2
    assert said in found.err
    assert len(found.err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("module", "given", "said"),
    [
        (
            Corrects(3),
            {"settings": {"pixel_bits": 10}, "inputs": lambda picture: 3 * picture - 1},
            r"^settings=\{'pixel_bits': 10\}: what inputs\(\) makes is no picture: its values leave 0\.\.1;",
        ),
        (
            Corrects(1),
            {"matrix": "bt709", "inputs": lambda picture: picture[:1]},
            r"^matrix, range: the file's inputs\(\) says what the module sees; leave them out",
        ),
        (
            nn.Sequential(Corrects(1), nn.AvgPool2d(2)),
            {"range": "limited"},
            r"^range='limited': the module makes pictures of another size than whole times",
        ),
    ],
)
def test_what_python_cannot_ask(module, given, said, photos, tmp_path):
    with pytest.raises(hwrts.HwrtsError, match=said):
        hwrts.quantize(module, photos, output=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_a_module_without_the_picture_in_its_last_sum_says_what_is_lost(photos, tmp_path):
    told: list[str] = []
    module = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Sigmoid())
    made = quantised(
        module,
        photos,
        tmp_path / "run",
        settings={"pixel_bits": 10},
        progress=lambda *what: told.append(str(what)),
    )
    assert made.proved
    assert any("what a picture has below 8 bits is lost" in line for line in told)


@pytest.mark.parametrize("bits", [8, 10])
def test_a_module_is_fed_the_luma_that_is_said(bits):
    kind = np.uint8 if bits == 8 else np.uint16
    codes: NDArray[Any] = np.random.default_rng(6).integers(0, 1 << bits, (2, 8, 6, 3)).astype(kind)
    feeder = Feeder(with_pixels(Own(Corrects(1)), bits, HD), ("x",), (1,), {})
    (x,) = feeder.given(codes, "cpu").tensors
    np.testing.assert_array_equal(x.numpy() * 2**bits, HD.of(codes, bits).transpose(0, 3, 1, 2))
    assert feeder.said().startswith("inputs: x is fed luma (BT.709, limited range);")
