"""The report of a real run: a network of 4 channels, one stage, photographs of 160 x 160."""

import asyncio
import base64
import io
import itertools
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hwrts.config import QatConfig
from hwrts.data import open_store, to_codes, upscale_by_2
from hwrts.data.pieces import Piece
from hwrts.errors import RunFolderError
from hwrts.files.read import file_sha256, read_json
from hwrts.metrics import artefacts, image_difference_percent
from hwrts.metrics.baselines import bicubic, lanczos, usm
from hwrts.metrics.viqet import score
from hwrts.progress import Silent
from hwrts.report import write_report
from hwrts.report.crops import enhanced_piece, png_uri, upscaled_pieces
from hwrts.report.exports import Exports, exports
from hwrts.report.plots import training_plot
from hwrts.report.strengths import SCORED, strengths
from hwrts.report.tables import paper_change, paper_difference
from hwrts.report.text import NONE, compact, fixed, plural, whole
from hwrts.report.viewer import Network, viewer
from hwrts.runs.engines import open_stage
from hwrts.runs.exports import remember
from hwrts.runs.folder import RunFolder, create_run, write_json
from hwrts.runs.pipeline import quantise_variant, run_stages
from hwrts.runs.session import open_session
from hwrts.settings_file import parse_config

from ..browser import chromium, tab

pytestmark = pytest.mark.usefixtures("small_verdict")

SIDE = 160
SPECIAL = "sky <b>&amp; 'sea\""  # a name that breaks unescaped HTML in text and in attributes
SEED = 20190

VOID = {"meta", "link", "img", "input", "br"}


def photograph(seed: int) -> NDArray[np.uint8]:
    """Smooth areas, edges and a little noise: every code path of a small network."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    waves = [96 + 60 * np.sin(x / (5 + c) + seed) + 40 * ((x // 16 + y // 24) % 2) for c in range(3)]
    picture = np.stack(waves, axis=2) + rng.normal(0, 4, (SIDE, SIDE, 3))  # (H, W, 3)
    return to_codes(picture)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run through the real pipeline; tests that change something work on a copy."""
    base = tmp_path_factory.mktemp("report")
    for part, name, seed in (("train", "wall", 1), ("val", SPECIAL, 2)):
        (base / part).mkdir()
        Image.fromarray(photograph(seed)).save(base / part / f"{name}.png")
    document = {
        "device": "cpu",
        "data": {
            "train": str(base / "train"),
            "val": str(base / "val"),
            "patch": 64,
            "crops_per_image": 8,
        },
        "network": {"channels": 4},
        "rts": {"stages": 1, "first_steps": 4, "batch": 2, "score": False},
        "qat": {"steps": 2, "same_size": False},
    }
    run = create_run(base / "run", parse_config(document, "test"), {}, force=False)
    run_stages(open_session(run, Silent()))
    return run


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.root, tmp_path / "run", ignore=shutil.ignore_patterns("report.html"))
    return RunFolder(tmp_path / "run")


@pytest.fixture(scope="module")
def html(finished: RunFolder) -> str:
    return write_report(finished).read_text("utf-8")


def report(run: RunFolder) -> str:
    return write_report(run).read_text("utf-8")


def change_verdict(run: RunFolder, change: Callable[[dict[str, Any]], None]) -> None:
    path = run.stage(1).verify
    verdict = read_json(path)
    change(verdict)
    write_json(path, verdict)


class Page(HTMLParser):
    """Elements with their attributes, and the text, of a page whose tags must nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data

    def attributes(self, *names: str) -> list[str]:
        return [value or "" for _, attrs in self.elements for name, value in attrs.items() if name in names]


# ---- the page ----


def test_nothing_outside_is_referred_to(html: str) -> None:
    assert not re.search(r"https?:|@import|\bfetch\b|XMLHttpRequest|srcset", html)
    page = Page(html)
    references = page.attributes("src", "href", "xlink:href", "action", "data", "poster")
    assert len(references) > 6  # six pictures at least
    assert all(reference.startswith(("data:", "#")) for reference in references)
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)\)", html))


def test_tags_nest_and_ids_are_unique(html: str) -> None:
    page = Page(html)
    assert page.open == []
    ids = page.attributes("id")
    assert len(ids) == len(set(ids)) > 0
    targets = set(re.findall(r"url\(#([^)]*)\)", html)) | {
        reference[1:] for reference in page.attributes("href") if reference.startswith("#")
    }
    assert targets <= set(ids)  # markers and clips of a plot are found after the renaming
    assert targets


def test_verdict_and_number_of_compared_codes(finished: RunFolder, html: str) -> None:
    verdict = read_json(finished.stage(1).verify)
    assert verdict["compared"] > 1_000_000
    text = Page(html).text
    witnesses = len({row["witness"] for row in verdict["rows"]})
    assert (
        f"0 of {verdict['compared']:,} codes differ: 1 stage, {plural(witnesses, 'witness')} against the "
        "int64 definition, tolerance 0; the run keeps stage 1."
    ) in text
    assert "PASSED" in text
    assert "FAILED" not in text


def test_measures_and_settings_are_in_it(finished: RunFolder, html: str) -> None:
    text, measures = Page(html).text, read_json(finished.stage(1).metrics)
    for name in ("psnr_bicubic_db", "psnr_float_db", "psnr_int8_db", "difference_int8_percent"):
        assert fixed(measures[name], 2) in text
    start = html.index("noise gain</th>")
    cells = re.findall("<td[^>]*>([^<]*)</td>", html[start : html.index("</table>", start)])[1:]
    measured = [
        fixed(measures.get(f"{name}_{kind}{unit}"), decimals, sign="shift" in name)
        for name, unit, decimals in (
            ("mean_shift", "_codes", 2),
            ("overshoot", "_codes", 2),
            ("overshoot_99", "_codes", 1),
            ("noise_gain", "", 2),
        )
        for kind in ("float", "int8")
    ]
    measured += [fixed(measures["fidelity_db"], 1), fixed(measures["saturated_percent"], 2)]
    measured.append(fixed(measures["jpeg_gain_int8"], 2))
    assert cells == measured
    assert any(cell != NONE for cell in cells)
    assert (finished.root / "config.toml").read_text() in text
    # 3*4 + 4*4 + 4*3 + 3*12 kernels of nine; the deployed form has conv_ext twice.
    assert "Residual-1, 4 channels: 684 weights (biases not counted); 1,008 weights of 8 bits" in text
    assert "cpu, " in text


def test_what_is_wrong_with_the_pictures_is_said(run: RunFolder) -> None:
    path = run.stage(1).metrics
    measures = read_json(path)
    bad = {"psnr_bicubic_db": 31.2, "psnr_int8_db": 30.1, "psnr_float_db": 32.0, "fidelity_db": 20.0}
    write_json(path, measures | bad | {"saturated_percent": 3.0})
    text = Page(report(run)).text
    assert "Stage 1: int8 is below bicubic: 30.10 dB, bicubic has 31.20" in text
    assert "Stage 1: int8 is 20.00 dB from the float network and 3.0 % of its output saturates" in text
    good = {"psnr_int8_db": 31.5, "fidelity_db": 45.0, "saturated_percent": 0.1}
    write_json(path, measures | bad | good)
    assert "whatever the bits are" not in Page(report(run)).text


def test_every_layer_and_control_is_in_it(finished: RunFolder, html: str) -> None:
    verdict, text = read_json(finished.stage(1).verify), Page(html).text
    for row in verdict["rows"]:
        assert row["layer"] in text
        assert f"0/{compact(row['compared'])}" in text
    for control in verdict["controls"]:
        assert control["name"] in text
    for name, sha256 in verdict["sha256"].items():
        assert name in text
        assert sha256 in text


def test_special_characters_in_a_name_are_escaped(finished: RunFolder, html: str) -> None:
    assert open_store(finished.root / "data" / "val").names == (SPECIAL,)
    assert SPECIAL not in html
    assert "<b>" not in html
    page = Page(html)
    assert SPECIAL in page.text
    assert sum(SPECIAL in label for label in page.attributes("aria-label")) == 2  # the two sliders


def test_command_and_notes_are_shown_and_escaped(run: RunFolder) -> None:
    run.update_notes(
        command="hwrts run <script>alert(1)</script>",
        commit="abc1234",
        started="2026-01-02T03:04:05Z",
        seed=7,
        versions={"torch": "9.9.9"},
        skipped=["<i>.png: broken"],
    )
    html = report(run)
    assert "<script>alert" not in html
    assert "<i>" not in html
    text = Page(html).text
    for expected in ("hwrts run <script>", "abc1234", "2026-01-02T03:04:05Z", "torch 9.9.9", "1 left out"):
        assert expected in text


def test_equal_runs_give_equal_bytes_and_nothing_temporary(run: RunFolder) -> None:
    path = write_report(run)
    assert path == run.root / "report.html"
    first = path.read_bytes()
    assert write_report(run).read_bytes() == first
    assert not list(run.root.glob(".report*"))


# ---- failures ----


def fail(verdict: dict[str, Any]) -> None:
    layer = "conv_out"
    for row in verdict["rows"]:
        if row["witness"] == "onnxruntime fused" and row["layer"] in (layer, "picture"):
            convolution = row["layer"] == layer
            row["mismatches"], row["largest"] = 12, 3.0
            row["first"] = {
                "stimulus": "ramp",
                "index": [3, 5, 2],
                "expected": 17,
                "found": 18.0,
                "accumulator": 4480 if convolution else None,
                "shift": 8 if convolution else None,
                "rounding": "half_even",
            }
            row["where"] = [[0, 5, 0], [0, 0, 7]]
    verdict["mismatches"] = sum(row["mismatches"] for row in verdict["rows"])
    verdict["passed"] = False


def test_a_failure_is_shown_with_its_first_difference(run: RunFolder) -> None:
    change_verdict(run, fail)
    html = report(run)
    text = Page(html).text
    assert "FAILED" in text
    assert "PASSED" not in text
    compared = read_json(run.stage(1).verify)["compared"]
    assert f"48 of {compared:,} codes differ" in text
    assert "Failed: stage 1" in text
    assert (
        "Witness onnxruntime fused, fed the definition\u2019s own codes, layer conv_out (s8 lsb 2^-8), "
        "stimulus ramp, row 3, column 5, channel 2: expected code 17, found 18. The accumulator is 4,480, "
        "the shift 8: 4,480 / 2^8 = 17.5000, rounded by half_even, then saturated."
    ) in text
    assert f"hwrts verify {run.root} --stage 1 --layer conv_out --stimulus ramp" in text
    layers = re.findall(r'<th scope="row">(\w+)</th><td class="text">[us]8', html)
    assert layers[:2] == ["conv_out", "picture"]  # worst first, then in the order of computation
    assert layers[2] == "conv_in"
    assert "by up to 3" in html
    uri = re.search(r'<img src="data:image/png;base64,([^"]+)" alt="map of the codes', html).group(1)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri))))
    assert pixels.shape == (2 * 85, 3 * 85, 3)
    cells = pixels[::85, ::85].astype(int)
    assert (cells[..., 0] == [[20, 255, 20], [20, 20, 255]]).all()  # red where codes differ
    assert cells[1, 2, 1] > cells[0, 1, 1]  # lighter where more of them do


def test_what_each_layer_loses_is_shown(run: RunFolder) -> None:
    verdict = read_json(run.stage(1).verify)
    assert set(verdict["sqnr_db"]) == set(verdict["saturation"]) | {"x"}
    assert verdict["sqnr_db"]["x"] == 120.0  # the input is on its grid already
    assert 5 < verdict["sqnr_db"]["picture"] < 120
    change_verdict(
        run,
        lambda verdict: verdict.update(
            sqnr_db={"conv_in": 43.21}, saturation={"conv_in": {"below_percent": 0.5, "above_percent": 0.25}}
        ),
    )
    html = report(run)
    row = re.search(r'<th scope="row">conv_in</th>(.{0,200})', html, re.DOTALL).group(1)
    assert "<td>43.2</td><td>0.750</td>" in row


def test_not_a_number_and_codes_that_are_no_picture(run: RunFolder) -> None:
    def change(verdict: dict[str, Any]) -> None:
        fail(verdict)
        for row in verdict["rows"]:
            if row["first"]:
                row["first"] |= {"found": None, "stimulus": "codes of noise"}  # JSON's form of a NaN
                row["largest"] = None

    change_verdict(run, change)
    text = Page(report(run)).text
    assert "expected code 17, found not a number." in text
    assert "--layer conv_out" in text
    assert "--stimulus" not in text  # hwrts verify makes these codes whatever pictures it is given


def test_json_of_a_failure_can_be_read_back(run: RunFolder) -> None:
    change_verdict(run, fail)
    assert json.loads(run.stage(1).verify.read_text())["mismatches"] == 48


def not_caught(verdict: dict[str, Any]) -> None:
    verdict["controls"][0]["caught"] = False


def wrong_total(verdict: dict[str, Any]) -> None:
    verdict["rows"][0]["mismatches"] = 1


def nothing_in_a_row(verdict: dict[str, Any]) -> None:
    verdict["compared"] -= verdict["rows"][0]["compared"]
    verdict["rows"][0]["compared"] = 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (not_caught, "negative control not caught: flipped weight bit in conv_in"),
        (lambda verdict: verdict.update(controls=[]), "no negative control was run"),
        (wrong_total, "the totals of verify.json are not the sums of its rows"),
        (nothing_in_a_row, "nothing was compared"),
        (lambda verdict: verdict.update(rows=[], compared=0), "0 of 0 codes differ"),
        (lambda verdict: verdict.update(problems=["float Conv: 1"]), "float Conv: 1"),
        (lambda verdict: verdict.update(passed=False), "Stage 1 failed"),
    ],
)
def test_a_pass_that_its_own_numbers_contradict_is_a_failure(
    run: RunFolder, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    change_verdict(run, change)
    text = Page(report(run)).text
    assert "FAILED" in text
    assert "PASSED" not in text
    assert reason in text


@pytest.mark.parametrize("name", ["model.int8.onnx", "network.json", "network.npz"])
def test_a_file_changed_after_its_verification_is_a_failure(run: RunFolder, name: str) -> None:
    path = run.stage(1).root / name
    payload = bytearray(path.read_bytes())
    payload[len(payload) // 2] ^= 1
    path.write_bytes(payload)
    page = Page(report(run))
    assert "FAILED" in page.text
    assert f"{name} is not the file that was verified" in page.text
    assert "No pictures" in page.text  # a network of unknown content is not run
    assert not [source for source in page.attributes("src") if source.startswith("data:image")]


def test_no_finished_stage_is_a_clear_error(run: RunFolder) -> None:
    run.stage(1).verify.unlink()
    with pytest.raises(RunFolderError, match=r"no stage is finished.*hwrts run --resume"):
        write_report(run)
    assert not run.report.exists()


def test_damaged_verdict_is_a_clear_error(run: RunFolder) -> None:
    run.stage(1).verify.write_text('{"passed": tr')
    with pytest.raises(RunFolderError, match=r"verify\.json: missing or damaged"):
        write_report(run)


# ---- runs that are not finished, or more than finished ----


def test_interrupted_run_says_so(run: RunFolder) -> None:
    run.stage(2)  # begun
    write_json(run.root / "run.json", {"status": "running"})
    html = report(run)
    text = Page(html).text
    assert "The run is not finished (status running)" in text
    assert '<span class="kept">latest' in html
    assert '<span class="kept">kept' not in html
    assert "PASSED" in text


def test_empty_notes_are_enough(run: RunFolder) -> None:
    write_json(run.root / "run.json", {})
    (run.root / "metrics.jsonl").unlink()
    assert "PASSED" in Page(report(run)).text


def test_variants_have_their_rows(run: RunFolder) -> None:
    shutil.copytree(run.stage(1).root, run.root / "stage1-w4a8")
    html = report(run)
    text = Page(html).text
    compared = 2 * read_json(run.stage(1).verify)["compared"]
    assert f"0 of {compared:,} codes differ: 1 stage and 1 variant" in text
    assert "the run keeps stage 1." in text
    assert html.count('<th scope="row">1-w4a8</th>') == 4
    assert "Stage 1-w4a8" in text
    change_verdict(run, fail)
    assert "Failed: stage 1." in Page(report(run)).text


def test_the_same_size_network_is_what_enhances(run: RunFolder) -> None:
    session = open_session(run, Silent())
    assert quantise_variant(session, 1, "1-same", QatConfig(same_size_steps=0))
    html = report(run)
    assert html.count('<th scope="row">1-same</th>') == 1 + 4  # of the cost, and of the stages
    stages = html[html.index("<h2>Stages</h2>") :]
    row = stages[stages.index('<th scope="row">1-same</th>') :][:900]
    assert NONE in row  # no x2 picture, so no PSNR of it
    int8 = open_stage(run.stage("1-same"))
    hr = np.array(open_store(run.root / "data" / "val").array(0, "hr"))
    assert png_uri(int8.enhance(hr)) in html  # 160 x 160: the piece is the whole


def rows_of(run: RunFolder) -> dict[str, tuple[str, ...]]:
    found = strengths(run, "1")
    assert found is not None
    return dict(found.rows)


def test_strengths_of_the_same_size_network_stand_beside_a_mask(run: RunFolder) -> None:
    session = open_session(run, Silent())
    assert quantise_variant(session, 1, "1-same", QatConfig(same_size_steps=0))
    rows = rows_of(run)
    assert [*rows] == [
        "strength 0, the original",
        *(f"strength {k}" for k in ("0.5", "1", "1.5", "2")),
        *(f"unsharp mask, amount {k}" for k in ("0.5", "1")),
    ]
    hr = np.array(open_store(run.root / "data" / "val").array(0, "hr"))
    made, masked = open_stage(run.stage("1-same")).enhance(hr), usm(hr, 0.5)
    for name, picture in (("strength 1", made), ("unsharp mask, amount 0.5", masked)):
        found = artefacts(picture, hr)
        assert rows[name][0] == f"{image_difference_percent(picture, hr)[0]:.2f}"
        assert rows[name][1:3] == (f"{found.overshoot:.2f}", f"{found.overshoot_99:.1f}")
    assert float(rows["strength 2"][0]) > float(rows["strength 0.5"][0])
    assert "unsharp mask, amount 1</th>" in report(run)
    shutil.rmtree(run.root / "data")
    assert "unsharp mask, amount 1</th>" not in report(run)


def test_strengths_have_scores_where_the_run_measures_them(run: RunFolder) -> None:
    """Of strength 0 that of the original; of the others as the score's own function says."""
    assert quantise_variant(open_session(run, Silent()), 1, "1-same", QatConfig(same_size_steps=0))
    assert all(len(cells) == 4 for cells in rows_of(run).values())  # rts.score is off
    settings = run.root / "config.toml"
    settings.write_text(settings.read_text().replace("score = false", "score = true"))
    assert run.config.rts.scored
    rows = rows_of(run)
    store = open_store(run.root / "data" / "val")
    pictures = [np.array(store.array(i, "hr")) for i in range(min(SCORED, len(store.names)))]
    network = open_stage(run.stage("1-same"))
    for name, enhance in (
        ("strength 0, the original", lambda x: x),
        ("strength 1", network.enhance),
        ("unsharp mask, amount 0.5", lambda x: usm(x, 0.5)),
    ):
        wanted = float(np.mean([score(enhance(each)).mos_raw for each in pictures]))
        assert rows[name][4] == fixed(wanted, 3)
    assert rows["strength 0, the original"][:3] == ("0.00", "0.00", "0.0")  # they have no flat blocks
    html = report(run)
    assert "<th>noise gain</th><th>MOS</th></tr>" in html
    assert f"<td>{rows['strength 2'][4]}</td>" in html
    assert len(pictures) == 1  # the run has no more
    assert "MOS: of 1 photograph of these, unclipped;" in html


def test_an_x2_network_has_no_row_of_strengths(run: RunFolder) -> None:
    assert strengths(run, "1") is None


def test_without_photographs_the_rest_is_written(run: RunFolder) -> None:
    shutil.rmtree(run.root / "data")
    text = Page(report(run)).text
    assert "No pictures" in text
    assert "PASSED" in text


@pytest.mark.parametrize(
    ("wrong", "vnni", "start"),
    [
        (42_294, False, "This CPU has no VNNI: an ONNX Runtime session opened without"),
        (5, True, "On this CPU: an ONNX Runtime session opened without"),
        (0, False, None),
    ],
)
def test_what_a_session_without_options_would_return(
    run: RunFolder, wrong: int, vnni: bool, start: str | None
) -> None:
    cpu = {"name": "some processor", "vnni": vnni}
    change_verdict(run, lambda verdict: verdict.update(default_session_mismatches=wrong, cpu=cpu))
    text = Page(report(run)).text
    assert f"some processor, {'with' if vnni else 'without'} VNNI" in text
    if start is None:
        assert "x64quantprecision" not in text
        return
    assert f"{start} session.x64quantprecision=1 returns {wrong:,} wrong codes" in text
    assert "eq. 14" in text
    assert "--reduce-range" in text
    assert "PASSED" in text  # a fact about sessions, no part of the verdict


# ---- pictures ----


def test_pictures_are_the_pieces_they_claim_to_be(finished: RunFolder, html: str) -> None:
    before = html[: html.index("<h2>Test patterns</h2>")]
    sources = [value for value in Page(before).attributes("src") if value.startswith("data:image")]
    found = [_decode(source) for source in sources]
    store = open_store(finished.root / "data" / "val")
    int8 = open_stage(finished.stage(1))
    hr, lr = np.array(store.array(0, "hr")), np.array(store.array(0, "lr"))
    enhanced, doubled = int8.enhance(hr), int8.upscale(lr)
    bicubic = to_codes(upscale_by_2(lr))
    expected = [
        enhanced,
        hr,
        _amplified(hr, enhanced),
        doubled,
        bicubic,
        _amplified(bicubic, doubled),
    ]
    assert len(found) == len(expected)
    for picture, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(picture, wanted)  # 160 pixels: the piece is the whole photograph


@pytest.mark.parametrize(
    "piece",
    [
        Piece(0, 0, 32, 32),
        Piece(62, 50, 32, 40),
        Piece(128, 120, 32, 40),
        Piece(0, 0, SIDE, SIDE),
    ],
)
def test_a_piece_equals_that_of_the_whole_picture(finished: RunFolder, piece: Piece) -> None:
    store = open_store(finished.root / "data" / "val")
    int8 = open_stage(finished.stage(1))
    hr, lr = np.array(store.array(0, "hr")), np.array(store.array(0, "lr"))
    inside = (
        slice(piece.top, piece.top + piece.height),
        slice(piece.left, piece.left + piece.width),
    )
    found = enhanced_piece(int8, hr, piece)
    np.testing.assert_array_equal(found, int8.enhance(hr)[inside])
    bicubic, doubled = upscaled_pieces(int8, lr, piece)
    np.testing.assert_array_equal(bicubic, to_codes(upscale_by_2(lr))[inside])
    np.testing.assert_array_equal(doubled, int8.upscale(lr)[inside])


def _decode(source: str) -> NDArray[np.uint8]:
    payload = base64.b64decode(source.removeprefix("data:image/png;base64,"), validate=True)
    return np.array(Image.open(io.BytesIO(payload)))


def _amplified(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.clip(8 * (after.astype(int) - before) + 128, 0, 255).astype(np.uint8)


def shown(html: str) -> dict[str, Any]:
    """What the whole pictures at the top are made of."""
    data = re.search(r'<script type="application/json" class="data">(.*?)</script>', html, re.DOTALL)
    found: dict[str, Any] = json.loads(data.group(1))
    return found


def test_the_page_opens_with_verdict_cost_and_pictures_and_ends_with_provenance(html: str) -> None:
    order = [
        "codes differ", "Stage 1 costs", 'class="viewer"', "<h2>Cost in silicon", "<h2>Next commands",
        "<h2>Stages", "<h2>Bit comparison", "<h2>Provenance", "Settings (config.toml)", "<h2>Terms",
    ]  # fmt: skip
    places = [html.index(each) for each in order]
    assert places == sorted(places)
    text = Page(html).text
    # 4 channels: 3*4 + 4*4 + 4*12 + the two that are joined; what hwrts cost prints
    assert "1,008 MAC per input pixel" in text
    assert re.search(
        r"[\d.]+ KiB of line memory, 0.98 KiB of weights, accumulators of at most \d\d bits", text
    )


def test_whole_pictures_are_what_they_are_called(finished: RunFolder, html: str) -> None:
    store, int8 = open_store(finished.root / "data" / "val"), open_stage(finished.stage(1))
    hr, lr = np.array(store.array(0, "hr")), np.array(store.array(0, "lr"))
    data = shown(html)
    assert [view["panes"] for view in data["views"]] == [
        ["HR0", "unsharp mask", "int8, stage 1, same size"],
        ["bicubic", "Lanczos", "int8, stage 1, \u00d72 from LR"],
    ]
    photo = data["photographs"][0]
    assert (photo["name"], photo["width"], photo["height"]) == (SPECIAL, SIDE, SIDE)
    expected = {
        "HR0": hr,
        "unsharp mask": usm(hr),
        "LR, pixels repeated": lr.repeat(2, 0).repeat(2, 1),
        "bicubic": bicubic(lr),
        "Lanczos": lanczos(lr),
        "int8, stage 1, same size": int8.enhance(hr),
        "int8, stage 1, \u00d72 from LR": int8.upscale(lr),
    }
    assert [each["label"] for each in photo["pictures"]] == list(expected)
    for each in photo["pictures"]:
        payload = base64.b64decode(each["uri"].removeprefix("data:image/webp;base64,"), validate=True)
        np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(payload))), expected[each["label"]])


def test_a_large_picture_is_shown_around_its_detail(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hwrts.data.pieces.LARGEST", (64, 96))
    int8 = open_stage(finished.stage(1))
    page = viewer(finished, {1: [Network("net", int8)], 2: [Network("net", int8)]}, enlarge_first=True)
    data = shown(page)
    assert [view["panes"][-1] for view in data["views"]] == [
        "net, \u00d72 from LR",
        "net, same size",
    ]
    photo = data["photographs"][0]
    left, right, top, bottom = map(int, re.findall(r"\d+", photo["place"].partition("columns")[2]))
    assert (bottom - top + 1, right - left + 1) == (64, 96) == (photo["height"], photo["width"])
    store = open_store(finished.root / "data" / "val")
    inside = (slice(top, bottom + 1), slice(left, right + 1))
    lr = np.array(store.array(0, "lr"))
    expected = {
        "net, same size": int8.enhance(np.array(store.array(0, "hr"))),
        "net, \u00d72 from LR": int8.upscale(lr),
        "unsharp mask": usm(np.array(store.array(0, "hr"))),
        "bicubic": bicubic(lr),
        "Lanczos": lanczos(lr),
    }
    for each in photo["pictures"]:
        if each["label"] in expected:
            payload = base64.b64decode(each["uri"].partition(",")[2])
            found = np.array(Image.open(io.BytesIO(payload)))
            np.testing.assert_array_equal(found, expected[each["label"]][inside])


OVERFLOW = """[document.documentElement.scrollWidth, Array.from(document.querySelectorAll("body *")).filter(
  each => each.getBoundingClientRect().right > innerWidth + 1 &&
    !each.closest(".scroll, pre, .frame, svg")).map(each => each.outerHTML.slice(0, 80))]"""
PLACES = "Array.from(document.querySelectorAll('.frame img'), each => each.style.transform)"
DRAG = """["pointerdown", "pointermove", "pointerup"].forEach((name, i) => {
  const at = {pointerId: 1, clientX: 100 - 30 * i, clientY: 100, bubbles: true};
  document.querySelectorAll(".frame")[1].dispatchEvent(new PointerEvent(name, at)); })"""
LOADED = "document.readyState === 'complete' && !!document.querySelector('.frame')"


async def seen(page_file: Path, profile: Path, width: int) -> dict[str, Any]:
    """What a browser of this width shows, before and after its buttons are used."""
    found: dict[str, Any] = {}
    async with tab(profile) as page:
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        await page.call("Emulation.setDeviceMetricsOverride", **size)
        await page.call("Page.navigate", url=page_file.as_uri())
        while not await page.value(
            "document.readyState === 'complete' && !!document.querySelector('.frame')"
        ):
            await asyncio.sleep(0.1)
        found["overflow"] = await page.value(OVERFLOW)
        found["fit"] = await page.value(PLACES)
        await page.value("document.querySelector('.viewer [data-zoom=\"4\"]').click()")
        found["zoomed"] = await page.value(PLACES)
        await page.value("Element.prototype.setPointerCapture = () => {}")  # of a pointer that is made up
        await page.value(DRAG)
        found["moved"] = await page.value(PLACES)
        await page.value("document.querySelectorAll('.viewer .views button')[1].click()")
        found["shown"] = await page.value("Array.from(document.querySelectorAll('.frame'), e => e.ariaLabel)")
        bar = "document.querySelector('.slider input')"
        await page.value(f"{bar}.value = 10; {bar}.dispatchEvent(new Event('input'))")
        found["slider"] = await page.value(f"{bar}.closest('.slider').style.getPropertyValue('--at')")
    return found


def test_a_browser_zooms_all_pictures_alike_and_cuts_nothing_off(
    finished: RunFolder, html: str, tmp_path: Path
) -> None:
    profile = tmp_path / "profile"
    with chromium(profile):
        for width in (1280, 390):
            found = asyncio.run(seen(finished.report, profile, width))
            assert found["overflow"][0] <= width
            assert found["overflow"][1] == []
            for name in ("fit", "zoomed", "moved"):
                assert len(found[name]) == 3
                assert len(set(found[name])) == 1, name
            assert "scale(4)" in found["zoomed"][0]
            places = [
                [float(x) for x in re.findall(r"-?[\d.]+", found[name][0])] for name in ("zoomed", "moved")
            ]
            assert places[1] == [places[0][0] - 30, *places[0][1:]]
            assert found["shown"] == ["bicubic", "Lanczos", "int8, stage 1, \u00d72 from LR"]
            assert found["slider"] == "6.25%"


# ---- numbers and plots ----


@pytest.mark.parametrize(
    ("value", "decimals", "sign", "text"),
    [
        (None, 2, False, "\u2013"),
        (float("nan"), 2, False, "\u2013"),
        (float("inf"), 2, False, "\u221e"),
        (float("-inf"), 2, False, "\u2212\u221e"),
        (0.0, 2, True, "0.00"),
        (-0.004, 2, True, "0.00"),
        (0.004, 2, True, "0.00"),
        (-0.006, 2, False, "\u22120.01"),
        (0.4, 2, True, "+0.40"),
        (1234.5, 1, False, "1,234.5"),
        (-1234.5, 1, False, "\u22121,234.5"),
    ],
)
def test_fixed(value: float | None, decimals: int, sign: bool, text: str) -> None:
    assert fixed(value, decimals, sign=sign) == text


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (9_999, "9,999"), (10_000, "10.0k"), (99_949, "99.9k"), (99_951, "100k"), (999_499, "999k"),
    (999_500, "1.00M"), (9_994_999, "9.99M"), (9_995_000, "10.0M"), (10**12, "1,000G"),
])  # fmt: skip
def test_compact(value: int, text: str) -> None:
    assert compact(value) == text


def test_whole() -> None:
    assert (whole(0), whole(-228403), whole(None)) == ("0", "\u2212228,403", "\u2013")


def test_values_of_the_paper() -> None:
    changes = [paper_change(n) for n in range(1, 9)]
    assert (
        ", ".join(fixed(change, 2) for change in changes) == "0.95, 0.40, 0.12, 0.01, 0.03, 0.04, 0.07, 0.14"
    )
    assert (paper_difference(0), paper_difference(1), paper_difference(8)) == (None, 0.95, 1.76)
    assert (paper_difference(9), paper_change(9)) == (None, None)


def test_a_slow_machine_is_told_nothing_of_legends(monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib warns where finding their place takes more than a second, whatever they are of."""
    clock = SimpleNamespace(perf_counter=itertools.count(0, 2).__next__)
    monkeypatch.setattr("matplotlib.legend.time", clock)
    metrics = [{"stage": "1", "phase": "float", "step": n, "loss": 0.1 / n, "rate": 1e-3} for n in (1, 2, 3)]
    assert training_plot(metrics, "float", "slow") is not None
    assert clock.perf_counter() > 2  # it was asked


def test_training_plot_has_a_line_per_stage_in_order() -> None:
    names = ["10", "2", "2-w4a8", "1"]
    metrics = [
        {"stage": name, "phase": "float", "step": step, "loss": 0.002 / step, "rate": 1e-3}
        for name in names
        for step in range(20, 2000, 20)
    ]
    plot = training_plot(metrics, "float", "title")
    assert plot is not None
    labels = re.findall(r">stage ([\w-]+)</text>", plot.svg)
    assert labels == ["1", "2", "2-w4a8", "10"]
    assert "var(--ink)" in plot.svg
    assert not re.search(r"#010203|#040506|http|nan", plot.svg)
    assert training_plot(metrics, "qat", "title") is None
    assert "bicubic" not in plot.svg
    beside = training_plot(metrics, "float", "title", bicubic_db=28.25)
    assert beside is not None
    assert ">bicubic, validation, against HR0</text>" in beside.svg


def test_files_that_were_handed_over_are_in_the_report(run: RunFolder) -> None:
    """Of the network that the stage holds, with Vela's estimates; of an earlier one nothing but its name."""
    check = {"client": "litert", "version": "9.9", "codes_compared": 12345, "codes_differing": 7}
    guess = {
        "accelerator": "ethos-u55-256",
        "version": "ethos-u-vela 5.2.0",
        "milliseconds": 12.5,
        "cycles": 6250000,
        "sram_kib": 1024.4,
        "dram_kib": 0.0,
        "on_cpu": ["GATHER"],
    }
    target = {
        "name": "ethos-u",
        "file": "m.tflite",
        "size": [24, 40],
        "checks": [check],
        "not_run": [],
        "vela": [guess],
    }
    manifest = {
        "source": {"stage": "1"},
        "rounding": "double",
        "rounding_of_additions": "half_away",
        "target": target,
        "files": {
            "network.npz": {"sha256": file_sha256(run.root / "stage1/network.npz")},
            "m.tflite": {"bytes": 4321},
        },
    }
    remember(run, manifest)
    made = exports(run)
    assert [(row.words, row.numbers, row.failed) for row in made.rows] == [
        (("1", "ethos-u", "litert", "9.9"), ("24x40", "4,321", "12,345", "7"), True)
    ]
    assert [row.numbers for row in made.vela] == [("24x40", "12.5", "80.0", "6,250,000", "1,024", "0", "1")]
    html = write_report(run).read_text("utf-8")
    assert '<td class="wrong">7</td>' in html
    assert "<td>80.0</td>" in html
    manifest["files"]["network.npz"] = {"sha256": "0" * 64}
    remember(run, manifest)
    assert exports(run) == Exports((), (), ("1",))
    assert "of an earlier network of stage 1" in write_report(run).read_text("utf-8")
