"""hwrts evaluate: the protocol of the papers, float and int8 beside bicubic and Lanczos."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.data import enlarge, read_image, shrink, write_image
from hwrts.metrics import psnr_db, ssim
from hwrts.progress import SILENT
from hwrts.runs.benchmark import GREY_DB, benchmark, means

from .conftest import make_photographs

BENCHMARKS = os.environ.get("HWRTS_BENCHMARKS")


@pytest.mark.skipif(BENCHMARKS is None, reason="HWRTS_BENCHMARKS names no folder with set5/ and set14/")
@pytest.mark.parametrize(("name", "db", "similarity"), [("set5", 33.66, 0.9299), ("set14", 30.24, 0.8688)])
def test_bicubic_has_the_published_figures(name, db, similarity):
    found = means(benchmark(Path(BENCHMARKS or "") / name, {}, 2, "bicubic", SILENT))
    assert found["psnr_y_db"]["bicubic"] == pytest.approx(db, abs=0.03)  # Y is rounded in some scripts
    assert found["ssim_y"]["bicubic"] == pytest.approx(similarity, abs=0.001)


def _repeated(low):
    return low.repeat(2, 0).repeat(2, 1)


def test_what_is_measured(tmp_path):
    folder = make_photographs(tmp_path / "set", count=2, size=(41, 52))
    original = read_image(folder / "photo1.png")[:40]  # cropped to a multiple of 2
    (_, scored) = benchmark(folder, {"repeated": _repeated}, 2, "bilinear", SILENT)
    low = shrink(original, 2, "bilinear")
    assert (scored.name, scored.height, scored.width, scored.grey) == ("photo1.png", 40, 52, False)
    for name, made in (
        ("bicubic", enlarge(low, 2)),
        ("lanczos", enlarge(low, 2, "lanczos")),
        ("repeated", _repeated(low)),
    ):
        assert scored.psnr_y_db[name] == psnr_db(made, original, shave=2, luma=True)
        assert scored.ssim_y[name] == ssim(made, original, shave=2, luma=True)


def test_a_file_of_one_channel_is_measured_on_its_codes(tmp_path):
    (tmp_path / "grey").mkdir()
    (tmp_path / "colour").mkdir()
    codes = np.random.default_rng(0).integers(0, 256, (32, 40), dtype=np.uint8)
    Image.fromarray(codes).save(tmp_path / "grey" / "a.png")
    Image.fromarray(codes).convert("RGB").save(tmp_path / "colour" / "a.png")
    grey, colour = (
        benchmark(tmp_path / name, {}, 2, "bicubic", SILENT)[0].psnr_y_db["bicubic"]
        for name in ("grey", "colour")
    )
    low = np.repeat(codes[..., None], 3, 2)
    made = enlarge(shrink(low, 2), 2)[..., 0].astype(float)
    error = np.mean(np.square(made - codes)[2:-2, 2:-2])
    assert grey == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)
    assert colour == pytest.approx(grey + GREY_DB, abs=1e-9)


def test_a_run_is_evaluated_in_float_and_int8(workspace, hwrts):
    result = hwrts("evaluate", "runs/tiny", "--data", "photos", "--json")
    assert result.code == 0, result.err
    assert "network: stage 2 of runs/tiny, the x2 network of the kept stage" in result.err
    found = json.loads(result.out)
    assert (found["stage"], found["scale"], found["lr"]) == ("2", 2, "bicubic")
    assert [each["name"] for each in found["pictures"]] == ["photo0.png", "photo1.png", "photo2.png"]
    for measure in ("psnr_y_db", "ssim_y"):
        assert list(found["mean"][measure]) == ["bicubic", "lanczos", "float", "int8"]
        each = [picture[measure]["int8"] for picture in found["pictures"]]
        assert found["mean"][measure]["int8"] == pytest.approx(np.mean(each))
    # Six steps make no up-scaler, and one of this kind is not trained to be one.
    assert [text.split(":")[0] for text in found["warnings"]] == [
        "int8 is below bicubic",
        "stage 2 is trained to enhance, not to up-scale",
    ]

    # The int8 figures are those of the very pictures that enhance writes.
    write_image(Path("low.png"), shrink(read_image(Path("photos/photo0.png")), 2))
    hwrts("enhance", "low.png", "-o", "up.png", "--run", "runs/tiny", "--x2")
    made, original = read_image(Path("up.png")), read_image(Path("photos/photo0.png"))
    assert found["pictures"][0]["psnr_y_db"]["int8"] == psnr_db(made, original, shave=2, luma=True)

    table = hwrts("evaluate", "runs/tiny", "--data", "photos", "--stage", "1", "--lr", "bilinear", "-q")
    assert table.code == 0
    assert table.err == ""
    assert "stage 1 is trained to enhance, not to up-scale: its LR was made by the bilinear" in table.out
    assert [line.split()[0] for line in table.out.splitlines()[4:8]] == [
        "photo0.png", "photo1.png", "photo2.png", "mean",
    ]  # fmt: skip


def test_lr_pictures_of_ones_own(workspace, hwrts):
    folder = Path("lr")
    folder.mkdir()
    for name, end in (("photo0", ""), ("photo1", "x2"), ("photo2", "_x2")):
        write_image(folder / f"{name}{end}.bmp", shrink(read_image(Path(f"photos/{name}.png")), 2))
    arguments = ("evaluate", "runs/tiny", "--data", "photos", "-q", "--json")
    own = json.loads(hwrts(*arguments, "--lr", folder).out)
    assert own["pictures"] == json.loads(hwrts(*arguments).out)["pictures"]
    (folder / "photo1x2.bmp").rename(folder / "photo1x3.bmp")
    missing = hwrts(*arguments, "--lr", folder)
    assert (missing.code, missing.out) == (2, "")
    assert "lr: has no LR picture of photo1.png; name it photo1, photo1x2 or photo1_x2" in missing.err
    write_image(folder / "photo1.bmp", np.zeros((1000, 1001, 3), np.uint8))
    large = hwrts(*arguments, "--lr", folder, "--max-megapixels", "1")
    assert (large.code, large.out) == (2, "")
    assert "photo1.bmp: 1001x1000 is 1.0 megapixels, more than the limit" in large.err
    write_image(folder / "photo1.bmp", read_image(Path("photos/photo1.png")))
    wrong = hwrts(*arguments, "--lr", folder)
    assert (wrong.code, wrong.out) == (2, "")
    assert "photo1.bmp: is 120x96, and LR of its original is 60x48" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nothing"), "nothing: no such folder"),
        (("--data", "photos", "--lr", "cubic"), "--lr cubic: is no folder; give bicubic, bilinear, or"),
        (("--data", "photos", "--stage", "2-same"), "keeps the size; use --stage 2"),
        (("--data", "photos", "--stage", "9"), "stage 9 is not finished"),
        (("--data", "small"), "small/dot.png: a picture of 10x10 with 2 pixels shaved"),
        (("--data", "photos", "--max-megapixels", "0"), "max-megapixels"),
        (("--data", "broken"), "broken/text.png: not an image"),
    ],
)
def test_wrong_use_is_one_line(workspace, hwrts, arguments, words):
    for name in ("small", "broken"):
        Path(name).mkdir()
    Image.new("RGB", (10, 10)).save("small/dot.png")
    Path("broken/text.png").write_text("no picture")
    result = hwrts("evaluate", "runs/tiny", "-q", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert len(result.err.splitlines()) == 1
