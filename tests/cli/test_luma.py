"""Networks of luma by the command line: trained, proved, priced, handed over, on pictures and clips."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from hwrts.cli.stage import print_stages
from hwrts.data.luma import Luma
from hwrts.files.read import read_json
from hwrts.fixed_point import load_network, run
from hwrts.report.page import write_report
from hwrts.report.stages import read_stages
from hwrts.report.tables import stage_rows
from hwrts.runs.folder import open_run
from hwrts.runs.verify_inputs import load_fed, load_verify_inputs

from ..data.test_luma import slowly as coloured_slowly
from .conftest import TINY, make_photographs

LUMA = Luma("bt709", "full", "bilinear")
"""Neither the default, nor what grey pictures and modules of one channel have."""
RUN = ("--run", "runs/luma")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of photographs, in which the first test makes the run."""
    folder = tmp_path_factory.mktemp("luma")
    make_photographs(folder / "photos")
    return folder


@pytest.fixture
def folder(made, hwrts, tmp_path, monkeypatch):
    monkeypatch.chdir(made)
    if not (made / "runs").exists():
        words = ["--colour", "luma", "--matrix", "bt709", "--range", "full", "--chroma", "bilinear"]
        result = hwrts("run", "--data", "photos", *TINY, "--same-size-steps", "3", "--name", "luma", *words)
        assert result.code == 0, result.err
        (made / "table").write_text(result.out)
        assert re.search(r"stage 2: PASSED, .* x2 [\d.]+ dB of Y int8", result.err)
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_a_run_of_luma_is_proved_and_says_what_luma_it_is(folder):
    opened = open_run(folder / "runs/luma")
    assert [stage.name for stage in opened.stages()] == ["1", "1-same", "2", "2-same"]
    for stage in opened.stages():
        verdict, network = read_json(stage.verify), load_network(stage.root)
        assert (verdict["passed"], verdict["mismatches"]) == (True, 0)
        assert (network.inputs[0].channels, network.channels[network.output]) == (1, 1)
        assert {row["layer"] for row in verdict["rows"]} >= {layer.name for layer in network.layers}
    assert opened.luma == opened.config.network.luma == LUMA
    network, pictures = load_network(opened.stage(2).root), load_verify_inputs(opened)
    for name, fed in load_fed(opened, network).items():
        assert np.array_equal(fed["x"], LUMA.of(pictures[name]))
    assert opened.notes()["luma"] == LUMA.as_json()
    table = (folder / "table").read_text()
    assert "x2 PSNR of Y (BT.601, 2 pixels shaved)" in table
    measured = read_json(opened.stage(2).metrics)
    assert f"{measured['psnr_y_int8_db']:.2f}" in table


@pytest.mark.parametrize("scale", [1, 2])
def test_pictures_are_the_equation_around_the_integers(folder, hwrts, scale):
    pixels = np.random.default_rng(4).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save("in.png")
    result = hwrts("enhance", "in.png", "-o", "out.png", *RUN, *(["--x2"] if scale == 2 else []))
    assert result.code == 0, result.err
    passes = "becomes larger, bilinear" if scale == 2 else "passes"
    assert f"the network sees luma (BT.709, full range); chroma {passes}" in result.err
    network = load_network(folder / "runs/luma" / ("stage2" if scale == 2 else "stage2-same"))
    y = run(network, LUMA.of(pixels)).astype(np.uint8)
    expected = coloured_slowly(LUMA, pixels, y, scale)
    np.testing.assert_array_equal(np.asarray(Image.open("out.png")), expected)


def test_colours_pass_where_the_picture_is_made_smaller_again(folder, hwrts):
    """D(S(x)) of the x2 network: of Y' alone, so that colours change alike where none saturates."""
    hwrts("enhance", "photos/photo0.png", "-o", "out.png", *RUN, "--stage", "2")
    before, after = (np.asarray(Image.open(name)).astype(int) for name in ("photos/photo0.png", "out.png"))
    change = after - before
    inside = ((after > 0) & (after < 255)).all(2)
    assert change.any()
    assert inside.mean() > 0.9
    assert (change[inside].max(1) == change[inside].min(1)).all()


def test_grey_pictures_and_16_bits_stay_what_they_are(folder, hwrts):
    grey = np.random.default_rng(2).integers(0, 256, (11, 13)).astype(np.uint8)
    Image.fromarray(grey).save("grey.png")
    result = hwrts("enhance", "grey.png", "-o", "out.png", *RUN)
    assert "grey 8 bits" in result.out
    assert "coloured" not in result.out
    y = run(load_network(folder / "runs/luma/stage2-same"), grey[..., None])[..., 0]
    np.testing.assert_array_equal(np.asarray(Image.open("out.png")), y)  # of full range a grey is its Y'
    Image.fromarray(grey.astype(np.uint16) * 257).save("deep.png")
    assert "grey 16 bits" in hwrts("enhance", "deep.png", "-o", "out16.png", *RUN).out
    np.testing.assert_array_equal(np.asarray(Image.open("out16.png")), 257 * y.astype(int))


def test_the_report_shows_colours(folder):
    page = (folder / "runs/luma/report.html").read_text("utf-8")
    assert "Residual-1 of luma, 4 channels, BT.709, full range" in page
    assert "PSNR of Y, " in page
    measured = read_json(folder / "runs/luma/stage2/metrics.json")
    assert f'<td class="edge">{measured["psnr_y_bicubic_db"]:.2f}</td>' in page
    uris = re.findall(r"data:image/(?:png|webp);base64,([A-Za-z0-9+/=]+)", page)
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(uri))).convert("RGB")) for uri in uris]
    colourful = [each for each in pictures if np.ptp(each.astype(int), axis=2).max() > 60]
    assert len(colourful) >= 6  # originals, bicubic, and what the networks made, of each kind


def test_it_is_handed_over_with_its_integers(folder, hwrts):
    assert hwrts("export", "runs/luma", "-o", "out", "-q").code == 0
    manifest = read_json(folder / "out/manifest.json")
    assert manifest["luma"] == LUMA.as_json()
    assert manifest["luma"]["seen"] == "Y' = (13933 R + 46871 G + 4732 B + 32768) >> 16"
    assert hwrts("handover", "runs/luma", "-o", "kit", "--without", "rtl", "-q").code == 0
    readme = (folder / "kit/README.md").read_text("utf-8")
    assert manifest["luma"]["put_back"] in readme
    assert "the Y plane of video of 8 bits, or of R, G, B of as many" in readme
    assert "bt709, full range" in readme
    assert "What it sees is luma" not in (folder / "kit/report.md").read_text("utf-8")


def test_a_run_that_was_measured_before_y_was_has_that_of_colours(folder, capfd):
    """In the table and in the report, both of which say whose PSNR it is."""
    opened = open_run(folder / "runs/luma")
    for stage in opened.stages():
        kept = {name: value for name, value in read_json(stage.metrics).items() if "psnr_y" not in name}
        stage.metrics.write_text(json.dumps(kept))
    print_stages(opened)
    table = capfd.readouterr().out
    assert f"{opened.root}: x2 PSNR, and image" in table
    assert "PSNR of Y, " not in write_report(opened).read_text("utf-8")
    stages = read_stages(opened)
    row = next(each for each in stage_rows(stages, stages[0]) if each.name == "2")
    for name, cell in zip(("bicubic", "float", "int8"), row.quality, strict=False):
        value = f"{read_json(opened.stage(2).metrics)[f'psnr_{name}_db']:.2f}"
        assert value in table
        assert value == cell


def test_what_it_costs_is_a_third_of_the_pictures_lines(hwrts):
    found = {}
    for colour in ("rgb", "luma"):
        result = hwrts("cost", "residual", "--colour", colour, "--form", "same-size", "--json")
        found[colour] = json.loads(result.out)
    assert (found["rgb"]["colour"], found["luma"]["colour"]) == ("rgb", "luma")
    lines = {
        colour: next(each for each in cost["layers"] if each["name"].startswith("conv_in"))
        for colour, cost in found.items()
    }
    assert 3 * lines["luma"]["line_bits_per_column"] == lines["rgb"]["line_bits_per_column"]
    assert found["luma"]["parameters"]["weights"] < found["rgb"]["parameters"]["weights"]
    assert "residual of luma: x2 form" in hwrts("cost", "residual", "--colour", "luma").out
    assert hwrts("cost", "srcnn-luma").code == 0  # its old name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--colour", "purple"],
            "--colour (network.colour) = 'purple' is not allowed: Input should be 'rgb'",
        ),
        (["--colour", "luma", "--matrix", "bt2020"], "--matrix (network.matrix) = 'bt2020' is not allowed"),
        (["--range", "full"], "range is of networks of luma; leave it out, or use colour"),
        (["--network", "vdsr-luma", "--colour", "rgb"], 'vdsr-luma sees luma; use name = "vdsr"'),
    ],
)
def test_settings_that_are_refused(hwrts, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = hwrts("run", *words)
    assert result.code == 2
    assert said in result.err
    assert not (tmp_path / "runs").exists()


def test_a_flag_wins_over_settings_of_luma(tmp_path):
    from hwrts.runs.settings import resolve_config

    file = tmp_path / "luma.toml"
    file.write_text('[network]\ncolour = "luma"\nmatrix = "bt601"\n[rts]\nloss = "luma"\n')
    of_luma = resolve_config(str(file), {})
    assert (of_luma.network.luma, of_luma.rts.loss) == (Luma("bt601", "limited"), "luma")
    of_colours = resolve_config(str(file), {"network.colour": "rgb"})
    assert (of_colours.network.luma, of_colours.rts.loss) == (None, "squared")
    assert resolve_config("upscale", {"network.name": "vdsr", "network.colour": "luma"}).rts.loss == "luma"


@pytest.mark.parametrize(
    ("pixels", "name", "codec", "size"),
    [
        ("yuv420p", "in.mkv", "ffv1", (23, 15)),
        ("yuv422p", "in.mp4", "libx264", (22, 15)),
        ("yuv444p", "in.mp4", "libx264", (23, 15)),
        ("yuv420p10le", "in.mkv", "ffv1", (23, 15)),
        ("yuv422p10le", "in.mkv", "libx264", (22, 15)),
        ("yuv444p10le", "in.mkv", "ffv1", (23, 15)),
        ("gray", "in.mkv", "ffv1", (23, 15)),
    ],
)
@pytest.mark.parametrize("scale", [1, 2])
def test_clips_are_the_integers_on_their_plane(folder, hwrts, pixels, name, codec, size, scale):
    """Decoded again from what was encoded without loss: 0 codes differ; at the same size chroma is kept."""
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from ..video import slowly
    from ..video.clips import decoded, make_clip
    from .test_clips import differing

    planes = make_clip(folder / name, pixels, size, count=2, codec=codec)
    out = "out" + name[2:]
    words = ["--x2"] if scale == 2 else []
    result = hwrts("enhance", name, "-o", out, *RUN, "--codec", codec, "--lossless", *words)
    assert result.code == 0, result.err
    assert ", of which the network sees luma" in result.err
    said = (
        "limited range, and the network has learnt from bt709, full range: its codes go through as they are"
    )
    assert said in result.out
    network = load_network(folder / "runs/luma" / ("stage2" if scale == 2 else "stage2-same"))
    bits, kinds = (10 if "10" in pixels else 8), {"420": (2, 2), "422": (2, 1), "444": (1, 1)}
    across, down = kinds.get(pixels[3:6], (1, 1))
    wanted = []
    for frame in planes:
        y = run(network, slowly.luma_seen(frame[0], bits)).astype(np.uint8)
        wanted.append(slowly.luma_back(frame, y, bits, across, down, scale, slowly.triangle))
    made, times = decoded(folder / out)
    assert differing(made, wanted) == 0
    assert times == decoded(folder / name)[1]
    if scale == 1 and len(planes[0]) == 3:
        assert differing([frame[1:] for frame in made], [frame[1:] for frame in planes]) == 0


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le"])
def test_a_page_of_a_clip_is_what_enhance_makes(folder, hwrts, pixels, scale):
    """Its plane of Y' through the network, chroma beside it: the pixels of the clip, and its flicker."""
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from hwrts.video.colours import Rgb
    from hwrts.video.layout import layout_of

    from ..report import test_look as page
    from ..video.clips import decoded, make_clip, pattern
    from .test_clip_flicker import noisy

    picture = noisy if pixels == "yuv420p" else (lambda *words: pattern(words[0], words[1], words[2] // 2))
    make_clip("in.mkv", pixels, (40, 24), count=3, picture=picture)
    words = ["--x2"] if scale == 2 else []
    told = hwrts(
        "enhance", "in.mkv", "-o", "out.mkv", *RUN, "--codec", "ffv1", "--flicker", "8", "--json", *words
    )
    result = hwrts("compare", "runs/luma", "--on", "in.mkv", "-q", *words)
    assert result.code == 0
    said = "limited range, and the network has learnt from bt709, full range"
    assert result.err.count(f"runs/luma: the clip's luma is bt709, {said}") == 1
    shown = page.data_of(folder / "compare.html")["views"][1]["uris"]
    layout = layout_of("", pixels, 24 * scale, 40 * scale, full=False, space=1)
    frames, _ = decoded("out.mkv")
    assert len(shown) == len(frames) == 3
    for uri, planes in zip(shown, frames, strict=True):
        np.testing.assert_array_equal(page.pixels(uri), Rgb(layout, 1).seen(tuple(planes)))
    found = json.loads(hwrts("compare", "runs/luma", "--on", "in.mkv", "--json", "-q", *words).out)[1]
    flicker = json.loads(told.out)[0]["flicker"]
    assert {"still": 8, **found["flicker"]} == flicker
    assert flicker["mean"]
    assert flicker["pairs"] == 2
