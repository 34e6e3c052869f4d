"""The report of a user's own module: its pictures beside what is usual, or in a line why there are none."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import hwrts
from hwrts.data import open_store, to_codes
from hwrts.data.degrade import downscale, upscale
from hwrts.metrics.baselines import usm
from hwrts.report import write_report
from hwrts.report.overview import cells, costs, summary, write_comparison
from hwrts.runs.engines import open_stage

pytestmark = pytest.mark.usefixtures("small_verdict")


def convs(channels, out, scale=1):
    """A convolution or two that keep most of the picture, and a shuffle that enlarges."""
    torch.manual_seed(0)
    last = nn.Conv2d(4, out * scale**2, 3, padding=1)
    assert last.bias is not None
    nn.init.constant_(last.bias, 0.4)
    layers = [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), last]
    return nn.Sequential(*layers, *([nn.PixelShuffle(scale)] if scale > 1 else []))


class Two(nn.Module):
    """A mean of two inputs."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 3, 1)

    def forward(self, x, y):
        return self.conv(torch.cat([x, y], 1))


@pytest.fixture
def made(tmp_path, monkeypatch, picture):
    """Quantises a module on small pictures: the stage, and its page."""
    monkeypatch.setattr("hwrts.runs.own_measures.MEASURED", (2, (64, 64)))
    monkeypatch.setattr("hwrts.runs.own_measures.VERIFY_CROP", (16, 18))

    def make(module, sides=(70, 85)):
        pictures = [picture(*sides, seed) for seed in range(3)]
        stage = hwrts.quantize(module, pictures, output=tmp_path / "own")
        return stage, stage.run.report.read_text("utf-8")

    return make


def shown(html):
    data = json.loads(re.search(r'class="data">(.*?)</script>', html, re.DOTALL).group(1))
    photo = data["photographs"][0]
    pictures = {}
    for each in photo["pictures"]:
        payload = base64.b64decode(each["uri"].partition(",")[2])
        pictures[each["label"]] = np.array(Image.open(io.BytesIO(payload)))
    return data, photo, pictures


def test_of_the_same_size_beside_an_unsharp_mask(made):
    stage, html = made(convs(3, 3))
    data, photo, pictures = shown(html)
    assert [view["panes"] for view in data["views"]] == [["HR0", "unsharp mask", "int8, same size"]]
    assert data["stages"] == []
    store = open_store(stage.root.parent / "data" / "val")
    hr = np.array(store.array(0, "hr"))
    assert re.fullmatch(r"picture000\d", photo["name"])
    assert photo["place"] == "84\u00d770 pixels"
    expected = {"HR0": hr, "unsharp mask": usm(hr), "int8, same size": stage.enhance(hr)}
    assert pictures.keys() == expected.keys()
    for name, pixels in expected.items():
        np.testing.assert_array_equal(pictures[name], pixels)
    assert html.count('type="range"') == 1  # no second slider: it up-scales nothing
    for part in (
        "<h2>Before and after",
        "<h2>Test patterns",
        "hwrts enhance PHOTO.jpg",
        "hwrts handover ",
        "int8 against float",
    ):
        assert part in html
    assert "paper" not in re.sub(r"--paper|var\(--paper\)|\.paper", "", html)  # its curves are of a training


def test_up_scaled_by_three_beside_bicubic_and_lanczos(made):
    stage, html = made(convs(3, 3, 3))
    data, photo, pictures = shown(html)
    up, same = "int8, \u00d73 from LR", "int8, same size"
    assert [view["panes"] for view in data["views"]] == [
        ["bicubic", "Lanczos", up],
        ["HR0", "unsharp mask", same],
    ]
    assert (photo["height"], photo["width"]) == (66, 84)  # multiples of 2 and of 3
    hr = np.array(open_store(stage.root.parent / "data" / "val").array(0, "hr"))
    lr = to_codes(downscale(hr, 3, "bicubic"))
    expected = {
        "LR, pixels repeated": lr.repeat(3, 0).repeat(3, 1),
        "bicubic": to_codes(upscale(lr, 3, "bicubic")),
        "Lanczos": to_codes(upscale(lr, 3, "lanczos")),
        up: stage.upscale(lr),
        same: stage.enhance(hr),
    }
    for name, pixels in expected.items():
        np.testing.assert_array_equal(pictures[name], pixels)
    assert html.count('type="range"') == 2
    assert "\u00d73 from LR</strong><br>PSNR against HR0" in html
    root = stage.root.parent
    line = [*cells(summary(root)), *costs(root)]
    data, _, pictures = shown(write_comparison(root / "both.html", [root, root], [line, line]).read_text())
    assert [view["panes"] for view in data["views"]] == [
        ["HR0", f"{root}, same size", f"{root}, same size"],
        ["bicubic", f"{root}, \u00d73 from LR", f"{root}, \u00d73 from LR"],
    ]
    np.testing.assert_array_equal(pictures[f"{root}, \u00d73 from LR"], expected[up])


def test_of_luma_in_colour_and_shrinking_in_between(made):
    module = nn.Sequential(nn.Conv2d(1, 4, 2, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.PixelShuffle(2))
    stage, html = made(module)
    _, _, pictures = shown(html)
    hr = np.array(open_store(stage.root.parent / "data" / "val").array(0, "hr"))
    np.testing.assert_array_equal(pictures["int8, same size"], open_stage(stage.files).enhance(hr))


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (lambda: nn.Conv2d(3, 1, 3, padding=1), "the network makes 1 channels of 3; a picture to a picture"),
        (Two, "the network takes 2 inputs, x, y; a picture to a picture is needed here"),
        (
            lambda: nn.Conv2d(3, 3, 2, stride=2),
            "the network makes pictures of \u00d71/2, which do not fit beside the photograph.",
        ),
        (
            lambda: nn.Conv2d(3, 3, 3),
            "the network makes pictures of \u00d71 less 2 rows and 2 columns, which do not fit",
        ),
    ],
)
def test_other_kinds_say_in_a_line_why_there_are_none(made, module, why):
    stage, html = made(module())
    assert f'<p class="soft">No pictures: {why}' in html
    assert 'class="viewer"' not in html
    assert "<h2>Before and after" not in html
    assert "hwrts enhance" not in html
    root = stage.root.parent
    assert not (root / "data").exists()
    line = [*cells(summary(root)), *costs(root)]
    page = write_comparison(root / "one.html", [root], [line]).read_text("utf-8")
    assert f"Not shown: {root}: {why}" in page
    assert f"<td>{stage.measures['fidelity_db']:.1f}</td>" in page


def test_a_large_photograph_is_kept_in_part_and_a_run_without_any_says_so(made, monkeypatch):
    monkeypatch.setattr("hwrts.data.pieces.LARGEST", (40, 50))
    stage, html = made(nn.Conv2d(3, 3, 1))
    _, photo, _ = shown(html)
    assert (photo["height"], photo["width"]) == (40, 50)
    assert re.fullmatch(r"picture000\d, columns \d+\u2013\d+, rows \d+\u2013\d+", photo["name"])
    kept = stage.root.parent / "data"
    kept.rename(kept.with_name("elsewhere"))  # as in one of an hwrts that kept none
    page = write_report(stage.run).read_text("utf-8")
    assert "No pictures: its folder has no photographs; quantize the module again." in page
