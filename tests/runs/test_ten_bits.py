"""A run with pictures of 10 bits: photographs of 8 and of 16, training, files, and pictures enhanced."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from hwrts.data import read_picture, write_picture
from hwrts.data.depth import corrected, on_grid
from hwrts.data.luma import Luma
from hwrts.data.picture import Picture
from hwrts.data.store import open_store
from hwrts.errors import HwrtsError, UnsupportedOperatorError
from hwrts.files.read import read_json
from hwrts.fixed_point import Adjusted, adjusted, load_network, pixel_format, run
from hwrts.progress import Silent
from hwrts.runs.engines import make_engine
from hwrts.runs.folder import create_run
from hwrts.runs.session import open_session
from hwrts.runs.verify_inputs import load_fed, load_verify_inputs
from hwrts.settings_file import parse_config
from hwrts.video.colours import Rgb
from hwrts.video.layout import layout_of
from hwrts.video.luma import OfLuma

from ..cli.conftest import call
from ..data.test_luma import slowly as coloured_slowly
from ..video import slowly
from .tiny import TINY, photographs, start


def deep_ramp(height=70, width=90):
    """16 bits, less than an 8-bit code from pixel to pixel."""
    plane = 9000 + np.add.outer(np.arange(height) * 11, np.arange(width) * 37)
    return np.repeat(plane[..., None], 3, axis=2).astype(np.uint16)


LUMA = Luma("bt601", "limited", "bilinear")


def start_with(root, bits, **network):
    """Of two photographs of 8 bits and one of 16."""
    photos = photographs(root / "photos", count=3)
    rng = np.random.default_rng(5)
    write_picture(photos / "deep.png", Picture(rng.integers(0, 65536, (130, 140, 3)).astype(np.uint16)))
    rts, qat = {**TINY["rts"], "stages": 1}, {**TINY["qat"], "pixel_bits": bits}
    return start(root / "run", photos, rts=rts, qat=qat, network={**TINY["network"], **network})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return start_with(tmp_path_factory.mktemp("ten"), 10)


@pytest.fixture(scope="module")
def of_luma(tmp_path_factory):
    return start_with(tmp_path_factory.mktemp("luma"), 10, colour="luma", **vars(LUMA))


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    return start_with(tmp_path_factory.mktemp("twelve"), 12)


@pytest.mark.parametrize(("kind", "bits"), [("made", 10), ("of_luma", 10), ("twelve", 12)])
def test_both_forms_are_proved_with_all_bits_at_the_ends(kind, bits, request):
    run_made = request.getfixturevalue(kind)
    for stage in (run_made.stage(1), run_made.stage("1-same")):
        verdict, network = read_json(stage.verify), load_network(stage.root)
        assert (verdict["passed"], verdict["mismatches"]) == (True, 0)
        assert {network.inputs[0].out, network.formats[network.output]} == {pixel_format(bits)}
        assert verdict["census"]["Add of int32"] == 1
        assert verdict["census"]["QLinearConv"] == len(network.convs)
    measures = read_json(run_made.stage(1).metrics)
    assert measures["psnr_all_bits_int8_db"] > 20
    assert measures["psnr_all_bits_bicubic_db"] > 20


def test_photographs_of_8_bits_have_codes_between_where_they_are_scaled(made):
    stores = [open_store(made.root / "data" / part) for part in ("train", "val")]
    seen = set()
    for store in stores:
        assert store.bits == 10
        for i, name in enumerate(store.names):
            original, lr = store.whole(i, "hr"), store.whole(i, "lr")
            assert original.dtype == lr.dtype == np.uint16
            assert int(original.max()) <= 1023
            assert (original % 4 > 0).any() == (name == "deep")
            np.testing.assert_array_equal(store.array(i, "hr"), np.rint(original / 4).clip(0, 255))
            seen.add(name)
    lr = stores[1].whole(0, "lr")  # without noise and JPEG of its own
    assert (lr % 4 > 0).mean() > 0.5
    assert "deep" in seen
    targets = stores[0].whole(0, "target1")
    assert (targets % 4 > 0).mean() > 0.2


def test_what_is_verified_on_has_10_bits(made):
    (only,) = load_network(made.stage(1).root).inputs
    for picture in load_verify_inputs(made, (only,)).values():
        assert picture.dtype == np.uint16
        assert (picture % 4 > 0).any()


def test_engines_agree_and_bytes_go_through(made):
    stage = made.stage("1-same")
    codes = np.random.default_rng(3).integers(0, 1024, (31, 37, 3)).astype(np.uint16)
    engines = [make_engine(name, stage) for name in ("onnxruntime", "numpy")]
    first, second = (engine.enhance(codes) for engine in engines)
    assert first.dtype == np.uint16
    np.testing.assert_array_equal(first, second)
    assert engines[0].bits == 10
    small = np.random.default_rng(4).integers(0, 256, (31, 37, 3)).astype(np.uint8)
    whole = engines[0].enhance(on_grid(small, 10))
    np.testing.assert_array_equal(engines[0].enhance(small), np.rint(whole / 4).clip(0, 255))
    doubled = make_engine("onnxruntime", made.stage(1))
    assert doubled.upscale(codes).shape == (62, 74, 3)
    assert doubled.enhance(codes).dtype == np.uint16  # D(S(x)), rounded to 10 bits


def test_luma_is_made_on_the_grid_of_the_pixels(of_luma):
    """What is trained, verified and handed over: Y' of 10 bits, of 10-bit colours."""
    (only,) = (network := load_network(of_luma.stage(1).root)).inputs
    pictures = load_verify_inputs(of_luma, network.inputs)
    for name, fed in load_fed(of_luma, network).items():
        assert np.array_equal(fed[only.name], LUMA.of(pictures[name], 10))
        assert (fed[only.name] % 4 > 0).any()
    assert of_luma.notes()["luma"] == LUMA.as_json(10)
    assert "sat10(" in LUMA.as_json(10)["put_back"]
    x, target = open_session(of_luma, Silent()).batches(1, "hr")(0)
    codes = (x * 1024).numpy()
    assert x.shape[1] == target.shape[1] == 1
    assert np.array_equal(codes, codes.round())
    assert 64 <= codes.min() < codes.max() <= 940


@pytest.mark.parametrize("scale", [1, 2])
def test_pictures_of_16_bits_get_the_correction_of_10_bit_luma(of_luma, tmp_path, capfd, scale):
    """Eq. 50 on the grid of 10 bits, by the definition, and eq. 52 around it."""
    ramp = deep_ramp(9, 12)
    ramp[..., 0] //= 3
    write_picture(tmp_path / "in.png", Picture(ramp))
    words = ["--x2"] if scale == 2 else []
    found = call(
        capfd, "enhance", tmp_path / "in.png", "-o", tmp_path / "out.png", "--run", of_luma.root, *words
    )
    assert found.code == 0, found.err
    assert "the network sees luma (BT.601, limited range)" in found.err
    x10 = on_grid(ramp, 10)
    network = load_network(of_luma.stage("1" if scale == 2 else "1-same").root)
    y = run(network, LUMA.of(x10, 10)).astype(np.uint16)
    y10 = coloured_slowly(LUMA, x10, y, scale, 10)
    samples = read_picture(tmp_path / "out.png").samples
    np.testing.assert_array_equal(samples, corrected(ramp, y10, scale, 10))
    if scale == 1:
        assert np.array_equal(samples, ramp + 64 * (y10.astype(int) - x10))
    small = (ramp >> 8).astype(np.uint8)
    engine = make_engine("onnxruntime", of_luma.stage("1-same"))
    whole = engine.enhance(on_grid(small, 10))
    np.testing.assert_array_equal(engine.enhance(small), np.rint(whole / 4).clip(0, 255))


@pytest.mark.parametrize("kind", ["made", "of_luma"])
@pytest.mark.parametrize(
    ("pixels", "name", "scale"),
    [
        ("yuv420p10le", "in.mkv", 1),
        ("yuv422p10le", "in.mkv", 2),
        ("yuv420p", "in.mkv", 1),
        ("gray10le", "in.mkv", 1),
    ],
)
def test_clips_go_through_with_all_their_bits(kind, pixels, name, scale, request, tmp_path, capfd):
    """Decoded again, each code is that of the equations around the definition; bytes have zeros behind."""
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from ..cli.test_clips import differing
    from ..video.clips import decoded, make_clip

    run_made = request.getfixturevalue(kind)
    planes = make_clip(tmp_path / name, pixels, (23, 15), count=2)
    words = ["--x2"] if scale == 2 else []
    found = call(
        capfd,
        *("enhance", tmp_path / name, "-o", tmp_path / "out.mkv", "--run", run_made.root),
        *("--codec", "ffv1", *words),
    )
    assert found.code == 0, found.err
    assert "of which the network sees 8" not in found.err
    network = load_network(run_made.stage("1" if scale == 2 else "1-same").root)
    layout = layout_of("", pixels, 15, 23, full=False, space=1)
    bits, sides = layout.bits, (layout.across or 1, layout.down or 1)
    wanted = []
    for frame in planes:
        if kind == "of_luma":
            y = run(network, slowly.luma_seen(frame[0], bits, 10)).astype(np.uint16)
            wanted.append(slowly.luma_back(frame, y, bits, *sides, scale, slowly.triangle, 10))
        else:
            said = (bits, *sides, False, "bt709")
            seen = slowly.colours(frame, *said, 10)
            y = run(network, seen).astype(np.uint16)
            wanted.append(slowly.back(frame, seen, y, *said, scale, 10))
    result, _ = decoded(tmp_path / "out.mkv")
    assert differing(result, wanted) == 0
    if scale == 1 and kind == "of_luma" and bits == 10:
        exact = [run(network, frame[0][..., None])[..., 0] for frame in planes]
        assert differing([frame[:1] for frame in result], [[each] for each in exact]) == 0
        assert differing([frame[1:] for frame in result], [frame[1:] for frame in planes]) == 0
        assert differing(result, planes) > 0


def ramp_of_ten(pixels, size, number):
    """A frame of every code of 10 bits, a code from pixel to pixel, that moves; chroma likewise."""
    import av

    frame = av.VideoFrame(*size, pixels)
    for index, plane in enumerate(frame.planes):
        codes = np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)
        y, x = np.mgrid[: plane.height, : plane.width]
        codes[: plane.height, : plane.width] = (x + y + number * 3 + index * 100) % 1024
    return frame


@pytest.mark.parametrize("kind", ["made", "of_luma"])
def test_a_ramp_of_ten_bits_stays_one_where_nothing_is_corrected(kind, request, tmp_path, capfd):
    """853x480, strength 0: every code of every plane; and at strength 1 those of the integers."""
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from ..cli.test_clips import differing
    from ..video.clips import decoded, make_clip

    run_made = request.getfixturevalue(kind)
    pixels, size = "yuv420p10le", (853, 480)
    planes = make_clip(tmp_path / "in.mkv", pixels, size, count=2, picture=ramp_of_ten)
    words = ["enhance", tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--run", run_made.root]
    words += ["--codec", "ffv1", "--flicker", "8", "--json", "--force"]
    for strength in ("0", "1"):
        found = call(capfd, *words, "--strength", strength)
        assert found.code == 0, found.err
        result, _ = decoded(tmp_path / "out.mkv")
        if strength == "0":
            assert differing(result, planes) == 0
            flicker = json.loads(found.out)[0]["flicker"]  # in codes of 8 bits, of which 3 of 10 are 3/4
            assert flicker["mean"] == 0
            assert kind == "made" or flicker["input_mean"] == 0.75
    network, layout = (
        load_network(run_made.stage("1-same").root),
        layout_of("", pixels, 480, 853, full=False, space=1),
    )
    conversion = OfLuma(layout, 1, LUMA, 10) if kind == "of_luma" else Rgb(layout, 1, 10)
    frame = tuple(planes[1])
    seen = conversion.seen(frame)
    wanted = conversion.made(frame, seen, run(network, seen).astype(np.uint16))
    assert differing(result[1:], [wanted]) == 0
    assert differing(result, planes) > 0


@pytest.mark.parametrize("kind", ["made", "of_luma"])
def test_codes_beyond_ten_bits_reach_no_engine(kind, request, tmp_path, monkeypatch, capfd):
    """Words of 16 bits in a clip of 10: with tables of 1024 entries all three engines make one file."""
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")

    root = request.getfixturevalue(kind).root
    monkeypatch.chdir(tmp_path)
    rng, content = np.random.default_rng(7), b"YUV4MPEG2 W40 H24 F25:1 Ip C444p10\n"
    for most in (1024, 65_536, 1024, 1100):
        content += b"FRAME\n" + rng.integers(0, most, (3, 24, 40), np.uint16).tobytes()
    (tmp_path / "in.y4m").write_bytes(content)
    made = {}
    for engine in ("onnxruntime", "numpy", "native"):
        words = ("enhance", "in.y4m", "-o", f"{engine}.y4m", "--run", root, "--overshoot", "8", "-q")
        found = call(capfd, *words, "--engine", engine)
        said = [line for line in found.err.splitlines() if "is not enhanced: it holds code" in line]
        assert (found.code, len(said)) == (1, 2), found.err
        made[engine] = (tmp_path / f"{engine}.y4m").read_bytes()
    assert made["numpy"] == made["onnxruntime"] == made["native"]


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy", "native"])
def test_an_engine_refuses_codes_of_more_bits(engine, made, of_luma):
    codes = np.full((8, 8, 3), 1023, np.uint16)
    codes[0, 0, 0] = 1024
    for each in (made, of_luma):
        with pytest.raises(HwrtsError, match=r"pixels of 10 bits: codes 1023..1024 leave 0..1023"):
            make_engine(engine, each.stage("1-same")).enhance(codes)


@pytest.mark.parametrize("kind", ["made", "of_luma"])
def test_a_page_of_a_clip_is_what_enhance_makes_of_ten_bits(kind, request, tmp_path, monkeypatch, capfd):
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from ..report import test_look as page
    from ..video.clips import decoded, make_clip

    root = request.getfixturevalue(kind).root
    monkeypatch.chdir(tmp_path)
    make_clip("in.mkv", "yuv420p10le", (40, 24), count=3)
    words = (
        "enhance",
        "in.mkv",
        "-o",
        "out.mkv",
        "--run",
        root,
        "--codec",
        "ffv1",
        "--flicker",
        "60",
        "--json",
    )
    flicker = json.loads(call(capfd, *words).out)[0]["flicker"]
    assert flicker["pairs"] == 2
    assert call(capfd, "compare", root, "--on", "in.mkv", "-q").code == 0
    layout = layout_of("", "yuv420p10le", 24, 40, full=False, space=1)
    shown = page.data_of(tmp_path / "compare.html")["views"][1]["uris"]
    for uri, planes in zip(shown, decoded("out.mkv")[0], strict=True):
        np.testing.assert_array_equal(page.pixels(uri), Rgb(layout, 1).seen(tuple(planes)))


def test_luma_of_ten_bits_is_handed_over_with_its_integers(of_luma, tmp_path, capfd):
    words = "--stage", "1-same", "-o", tmp_path / "kit", "--without", "rtl", "-q"
    found = call(capfd, "handover", of_luma.root, *words)
    assert found.code == 0, found.err
    manifest = read_json(tmp_path / "kit/manifest.json")
    assert manifest["luma"] == LUMA.as_json(10)
    readme = (tmp_path / "kit/README.md").read_text("utf-8")
    assert manifest["luma"]["put_back"] in readme
    assert "the Y plane of video of 10 bits, or of R, G, B of as many" in readme
    assert "8-bit" not in readme


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_files_go_through_with_all_their_bits(made, tmp_path, capfd, suffix):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    flat = np.full((20, 24, 3), 12345, np.uint16)
    write_picture(source, Picture(flat))
    words = ["enhance", source, "-o", target, "--run", made.root, "--json"]
    assert call(capfd, *words).code == 0
    np.testing.assert_array_equal(read_picture(target).samples, flat)  # flat areas are kept, all 16 bits
    ramp = deep_ramp()
    write_picture(source, Picture(ramp))
    assert json.loads(call(capfd, *words, "--force").out)[0]["kind"] == "RGB 16 bits"
    found = read_picture(target).samples.astype(int)
    x10 = on_grid(ramp, 10)
    y10 = make_engine("numpy", made.stage("1-same")).enhance(x10).astype(int)
    np.testing.assert_array_equal(found, np.clip(ramp + 64 * (y10 - x10), 0, 65535))
    small = tmp_path / "small.png"
    Image.fromarray((ramp >> 8).astype(np.uint8)).save(small)
    words = ["enhance", small, "-o", tmp_path / "b.png", "--run", made.root, "--json"]
    assert json.loads(call(capfd, *words).out)[0]["kind"] == "RGB 8 bits"


def test_a_network_that_reads_the_enlarged_picture_is_refused_before_it_is_trained(tmp_path, monkeypatch):
    """VDSR's body reads it; that was said behind the whole float training."""
    config = {**TINY, "network": {"name": "vdsr", "channels": 4}, "qat": {"pixel_bits": 10}}
    run = create_run(tmp_path / "run", parse_config(config, "test"), {}, force=False)
    monkeypatch.setattr("hwrts.runs.session.build_store", None)  # no photograph is read
    with pytest.raises(UnsupportedOperatorError, match=r"^'conv_in': reads the enlarged picture of 10 bits"):
        open_session(run, Silent())


def test_a_file_of_bytes_is_left_out_by_name(made, tmp_path, capfd):
    found = call(capfd, "export", made.root, "--stage", "1", "-o", tmp_path / "out")
    assert found.code == 0
    assert (
        "model.qdq.onnx is left out: --target onnx: tensor 'x' of 10 bits: this client's file holds at "
        "most 8; take model.int8.onnx, which is handed over without --target"
    ) in found.out
    assert (tmp_path / "out" / "model.int8.onnx").is_file()


def test_an_overshoot_is_of_codes_of_8_bits_in_every_engine(made, tmp_path, capfd):
    """With 0 no code leaves the range of the picture's 3x3 codes of 10 bits; with 8 by 32 of them at most."""
    source, stage = tmp_path / "in.png", made.stage("1-same")
    rng = np.random.default_rng(8)
    picture = (rng.integers(0, 2, (40, 32, 3)) * 40000 + rng.integers(0, 9000, (40, 32, 3))).astype(np.uint16)
    write_picture(source, Picture(picture))
    x10 = on_grid(picture, 10)
    most, least = maximum_filter(x10, (3, 3, 1)), minimum_filter(x10, (3, 3, 1))
    plain = adjusted(load_network(stage.root), Adjusted(strength=32))
    free = run(plain, x10).astype(int)
    assert (free > most).any()
    for overshoot, words in ((0, ["--overshoot", "0"]), (8, ["--overshoot", "8"])):
        wanted = np.clip(free, least.astype(int) - 4 * overshoot, most.astype(int) + 4 * overshoot)
        wanted = wanted.clip(0, 1023)
        pictures = []
        for engine in ("onnxruntime", "numpy", "native"):
            target = tmp_path / f"{engine}{overshoot}.png"
            run_words = ["enhance", source, "-o", target, "--run", made.root, "--engine", engine]
            found = call(capfd, *run_words, "--strength", "2", *words)
            assert found.code == 0, found.err
            pictures.append(read_picture(target).samples)
        for each in pictures:
            np.testing.assert_array_equal(each, corrected(picture, wanted.astype(np.uint16), 1, 10))
