"""Baselines, the paper's numbers, and rows and sentences from made-up measurements."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwrts import __version__
from hwrts.config import RunConfig
from hwrts.data import upscale_by_2
from hwrts.data.twins import picture_key
from hwrts.errors import ConfigError, DataError, RunFolderError
from hwrts.metrics import Artefacts, image_difference_percent, spread
from hwrts.metrics.baselines import bicubic, lanczos, repeated_usm, usm
from hwrts.metrics.viqet import UNITS, Score
from hwrts.report import paper, plots
from hwrts.report.plots import Curve, line_plot, standalone_svg
from hwrts.reproduce import sentences, tables
from hwrts.reproduce.budgets import Selection, budget
from hwrts.reproduce.measure import quality, tiles
from hwrts.reproduce.page import result_plots
from hwrts.reproduce.results import TARGETS, chosen_targets
from hwrts.reproduce.scores import ScoreCache
from hwrts.settings_file import BEFORE


def grey(rows: list[list[int]]) -> np.ndarray:
    return np.repeat(np.array(rows, np.uint8)[:, :, None], 3, axis=2)


def test_usm_of_an_impulse_by_hand():
    # blur of +80: 20 in the middle, 10 beside, 5 at the corners; out = x + k * (x - blur)
    x = grey([[100] * 5, [100] * 5, [100, 100, 180, 100, 100], [100] * 5, [100] * 5])
    quarter = [
        [100, 100, 100, 100, 100],
        [100, 99, 98, 99, 100],  # 98.75, and 97.5: a tie, to even
        [100, 98, 195, 98, 100],
        [100, 99, 98, 99, 100],
        [100, 100, 100, 100, 100],
    ]
    assert np.array_equal(usm(x, 0.25), grey(quarter))
    full = [[100] * 5, [100, 95, 90, 95, 100], [100, 90, 240, 90, 100], [100, 95, 90, 95, 100], [100] * 5]
    assert np.array_equal(usm(x, 1.0), grey(full))
    assert np.array_equal(usm(x), usm(x, 0.25))


def test_usm_saturates_and_keeps_flat_areas_and_colours_apart():
    assert usm(grey([[0, 0, 0], [0, 200, 0], [0, 0, 0]]), 1.0)[:, :, 0].tolist() == [
        [0, 0, 0],
        [0, 255, 0],
        [0, 0, 0],
    ]
    for level in (0, 1, 128, 255):
        flat = np.full((4, 6, 3), level, np.uint8)
        assert np.array_equal(usm(flat, 1.0), flat)  # also at the border, which is repeated
    red = np.zeros((3, 3, 3), np.uint8)
    red[1, 1, 0] = 100
    assert usm(red)[:, :, 1:].max() == 0


def test_repeated_usm_grows(picture):
    x = picture(24, 24) // 2 + 64
    masked = repeated_usm(x, 4)
    assert np.array_equal(masked[1], usm(usm(x)))
    levels = [image_difference_percent(each, x)[0] for each in masked]
    steps = sentences.changes(levels)
    assert len(masked) == 4
    assert min(steps) > 0
    assert steps[-1] > steps[0] / 2  # no sign of settling
    for times, amount in ((0, 0.25), (2, 0.0), (2, float("nan"))):
        with pytest.raises(DataError, match="give 1 or more times, and more than 0"):
            repeated_usm(x, times, amount)


@pytest.mark.parametrize(("scale", "kernel"), [(bicubic, "bicubic"), (lanczos, "lanczos")])
def test_up_scalers_are_the_named_kernels(scale, kernel, picture):
    lr = picture(6, 8)
    found = scale(lr)
    assert found.shape == (12, 16, 3)
    assert np.array_equal(found, np.rint(np.clip(upscale_by_2(lr, kernel), 0, 255)))
    assert np.array_equal(scale(np.full((4, 4, 3), 77, np.uint8)), np.full((8, 8, 3), 77))


def test_bicubic_weights_by_hand():
    # Keys, a = -1/2, at 1/4 and 3/4 of a step: (-9, 111, 29, -3) / 128 around an edge of 0 to 128
    row = grey([[0, 0, 0, 128, 128, 128]] * 2)
    assert bicubic(row)[0, :, 0].tolist() == [0, 0, 0, 0, 0, 26, 102, 137, 131, 128, 128, 128]
    # (128 * (29 - 3) / 128 = 26; 111 - 9 = 102; undershoots of -3 and -9 are clipped to 0)


def test_numbers_of_the_paper():
    assert paper.DIFFERENCE_PERCENT[3] == 1.48
    changes = [round(change, 2) for change in sentences.changes(paper.DIFFERENCE_PERCENT)]
    assert changes == [0.95, 0.40, 0.12, 0.01, 0.03, 0.04, 0.07, 0.14]
    assert list(paper.QUALITY) == ["LR", *(f"HR{n}" for n in range(9))]
    assert {len(row.features) for row in paper.QUALITY.values()} == {len(UNITS)}
    at = {name: i for i, name in enumerate(UNITS)}
    assert paper.QUALITY["HR3"].mos == 4.057
    assert paper.QUALITY["LR"].features[at["Multi-scale Texture Acutance"]] == 96.3
    assert paper.QUALITY["HR8"].features[at["Noise Signature Index"]] == 331.1
    assert paper.QUALITY["HR2"].features[at["Over Exposed"]] == 0.0
    assert paper.NETWORKS["Residual1"] == ("41K", (2.384, 2.639, 2.701, 2.712))
    assert paper.NETWORKS["SRResNet"].mos[3] == 2.703
    assert len(paper.NETWORKS) == 7


def test_the_paper_agrees_with_itself():
    mos = [paper.QUALITY[f"HR{n}"].mos for n in range(9)]
    line = [0.5 * n for n in range(1, 9)]
    networks = {name: row.mos for name, row in paper.NETWORKS.items()}
    findings = [
        sentences.differences_converge(paper.DIFFERENCE_PERCENT),
        sentences.usm_is_linear(line, paper.DIFFERENCE_PERCENT),
        sentences.usm_does_not_settle(line, paper.DIFFERENCE_PERCENT),
        sentences.mos_rises_and_peaks(mos),
        sentences.int8_keeps_gain(mos, mos[1:]),
        sentences.repetition_beats_size(networks),
        sentences.stages_help_every_network(networks),
        sentences.int8_is_proved(4, 4, 1_000, 0),
        sentences.contracts(spread([0.681, 0.877])),
        sentences.int8_keeps_every_gain(networks, {name: scores[1:] for name, scores in networks.items()}),
        sentences.peaks_are_the_papers(networks),
        sentences.int8_repetition_beats_size(2.712, 2.632, 4000, 4000, 3),
    ]
    assert [finding.agrees for finding in findings] == [True] * 12
    assert "smallest at stage 4, 0.01 % after 0.95 %" in findings[0].text
    assert "in a line: its largest step is 1.0 times its smallest" in findings[1].text
    assert findings[3].text.startswith(
        "MOS rises up to stage 3 and falls after it, the paper's up to 3: 4.057"
    )
    assert findings[3].text.endswith("4.057 is +0.232 over HR0, the paper's 4.057 +0.232.")
    plateau = sentences.mos_rises_and_peaks([2.6, 2.9, 3.0, 2.99, 3.03])
    assert plateau.agrees
    assert plateau.text.startswith(
        "MOS rises up to stage 2 and is level after it (within 0.030), the paper's up"
    )
    assert "100 % of it" in findings[4].text
    assert "2.712 against 2.632, in the paper 2.712 against 2.632. It is above 7 of the 7" in findings[5].text
    assert "0 of 1,000 codes" in findings[7].text
    assert findings[8].text.startswith(
        "The contraction a of stage 1 is 0.779 +- 0.098 over 2 photographs, below"
    )
    assert findings[8].text.endswith(f"has {paper.CONTRACTION}.")
    assert "of the gain with 7 of 7 networks; the least is 100 %" in findings[9].text
    assert findings[10].text == "The best stage is the paper's with 7 of 7 networks."
    assert findings[11].text == (
        "Residual1 in int8 after 3 stages of 4,000 steps together is above the float EDSR after 1 of 4,000: "
        "2.712 against 2.632."
    )
    equal = {"SRCNN": [2.3, 2.5, 2.7, 2.6]}  # the paper's HR2 and HR3 are equal
    assert sentences.peaks_are_the_papers(equal).agrees


def test_what_differs_is_said():
    networks = {"Residual1": [2.0, 2.1, 2.2, 2.3], "EDSR": [2.0, 2.4, 2.3, 2.2]}
    cases = [
        (sentences.differences_converge([1.0, 2.0, 3.0]), "do not converge"),
        (sentences.differences_converge([0.0, 0.0]), "do not converge"),
        (sentences.differences_converge([1.0, 1.4, 2.9, 6.0]), "The last step is 3.10 %"),
        (sentences.differences_converge([1.0, 1.45, 1.9, 2.35, 2.8]), "do not converge"),
        (sentences.usm_is_linear([0.1, 0.3, 0.7], [1.0, 1.5]), "faster than a line: its largest step is 4"),
        (sentences.usm_is_linear([0.4, 0.6, 0.7], [1.0, 1.4, 1.5]), "slower than a line"),
        (sentences.usm_is_linear([0.0, 0.0], [1.0, 1.4]), "its largest step is inf times"),
        (sentences.usm_does_not_settle([0.5, 0.7], [1.0, 1.4]), "not only recurrent training settles"),
        (sentences.mos_rises_and_peaks([3.0, 2.9, 3.2]), "MOS does not rise: HR1 has 2.900, HR0 3.000"),
        (sentences.mos_rises_and_peaks([3.0, 3.1, 3.2]), "up to stage 2, the last, the paper's up to"),
        (sentences.mos_rises_and_peaks([3.0, 3.1, 3.05, 3.2]), "falls after it; stage 3 is better by 0.100"),
        (sentences.int8_keeps_gain([3.0, 3.2, 3.1], [3.1, 3.1]), "does not keep the gain: the float"),
        (sentences.int8_keeps_gain([3.0, 2.9], [3.1]), "so there is no gain to keep"),
        (sentences.repetition_beats_size(networks), "not above EDSR after stage 1: 2.300 against 2.400"),
        (sentences.stages_help_every_network(networks), "with 1 of 2 networks, not with EDSR"),
        (sentences.contracts(spread([1.1])), "is 1.100 +- 0.000 over 1 photographs, not between 0 and 1 for"),
        (
            sentences.int8_keeps_every_gain(
                {"A": [2.0, 2.4, 2.3], "B": [2.0, 2.2, 2.3]}, {"A": [2.4, 2.0], "B": [2.3, 2.25]}
            ),
            "with 1 of 2 networks; the least is 83 % (B)",
        ),
        (sentences.int8_keeps_every_gain({"A": [2.0, 1.9]}, {"A": [2.0]}), "with 0 of 1 networks"),
        (
            sentences.peaks_are_the_papers({**networks, "SRResNet": [2.3, 2.5, 2.6, 2.7]}),
            "with 1 of 3 networks, not with EDSR HR1 (HR3), SRResNet HR3 (HR2).",
        ),
        (
            sentences.int8_repetition_beats_size(2.6, 2.7, 800, 800, 3),
            "is not above the float EDSR after 1 of 800: 2.600 against 2.700.",
        ),
        (
            sentences.int8_repetition_beats_size(2.8, 2.7, 800, 400, 3),
            "2.800 against 2.700, but it had more steps, so that is no fair comparison.",
        ),
        (sentences.int8_is_proved(3, 4, 1_000, 2), "3 of 4 int8 networks passed the bit comparison: 2 of"),
        (sentences.int8_is_proved(0, 0, 0, 0), "0 of 0"),
    ]
    for finding, words in cases:
        assert not finding.agrees, finding
        assert words in finding.text, finding.text


SWINGS = [3.27, -0.49, -0.35, -0.04, 0.17, 0.31, 0.16, -0.16]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([0.95, 0.40, 0.12, 0.01, 0.03, 0.04, 0.07, 0.14], None),  # the paper
        ([0.59, 0.23, 0.06, 0.02, 0.01, 0.009, 0.011, 0.015], None),  # ours
        ([1.0, 0.5, 0.2], None),
        ([1.0, 0.3, 0.04, -0.04, 0.04, -0.04], None),  # noise about a level
        ([1.0, 0.3, 0.0, 0.24], None),
        (SWINGS, "stage 2 goes back by 0.49 %"),
        ([1.0, 0.4, 0.1, -0.1, 0.1, -0.1], "stage 4 goes back by 0.10 %"),
        ([1.0, -0.5, 0.25, -0.12, 0.06], "stage 2 goes back by 0.50 %"),  # it swings, shrinking
        ([1.0, 0.4, 0.1, -0.06], "stage 4 goes back by 0.06 %"),
        ([1.0, 0.6, 0.4, 0.3], "stage 4 still changes by 0.30 %"),
        ([1.0, 0.3, 0.01, 0.25], "stage 4 still changes by 0.25 %"),
        ([1.0, 0.1, 0.2, 0.01], "the change grows at stage 3, from 0.10 % to 0.20 %"),
        ([1.0, 1.1, 0.5, 0.1], "the change grows at stage 2, from 1.00 % to 1.10 %"),
        ([1.0, 1.0, 1.0], "stage 1 still changes"),  # the smallest is the first
        ([0.0, 0.0, 0.0], "stage 1 does not change"),
        ([-1.0, 0.1, 0.0], "stage 1 does not change"),
        ([1.0, 0.1], "2 changes are too few"),
        ([1.0], "1 changes are too few"),
    ],
)
def test_what_converges(steps, why):
    found = sentences.unsettled(steps)
    assert (found is None) if why is None else found is not None and found.startswith(why)
    levels = np.cumsum(steps).tolist()
    assert sentences.differences_converge(levels).agrees == (why is None)


@pytest.mark.parametrize(
    ("steps", "line", "endless"),
    [
        ([0.5, 0.5, 0.5], True, True),
        ([0.5, 0.55, 0.6], True, True),
        ([0.24, 0.27, 0.31, 0.36], False, True),  # of amount 1/4
        ([0.5, 1.0, 0.5, 1.0], False, True),
        ([0.5, 0.46, 0.46], True, True),
        ([0.6, 0.5, 0.48], True, False),
        ([0.5, 0.1, 0.6], False, False),  # judged by its ends, it does not settle
        ([0.5, -0.1, 0.6], False, False),
        ([0.5, 0.5], False, False),
    ],
)
def test_what_usm_does(steps, line, endless):
    usm = np.cumsum(steps).tolist()
    assert sentences.usm_is_linear(usm, paper.DIFFERENCE_PERCENT).agrees == line
    assert sentences.usm_does_not_settle(usm, paper.DIFFERENCE_PERCENT).agrees == endless
    assert not sentences.usm_does_not_settle(usm, np.cumsum(SWINGS).tolist()).agrees


@pytest.mark.parametrize(
    ("mos", "agrees", "words"),
    [
        ([2.6, 2.9, 3.0, 2.9, 2.8], True, "stage 2 and falls after it"),
        ([2.643, 2.913, 3.009, 3.029, 3.024, 3.029, 3.027, 3.032, 3.037], True, "is level after it"),
        ([2.6, 2.9, 3.0, 2.99, 3.02], True, "is level after it"),
        ([2.6, 2.9, 3.0, 2.8, 3.01, 2.8], False, "stage 4 is better by 0.010"),
        ([2.6, 2.9, 3.0, 2.7, 2.95, 2.7], False, "swings after it, up by 0.250 again"),
        ([2.6, 2.601, 2.6], False, "rises by 0.001 up to stage 1, which is nothing"),
        ([2.6, 2.9, 3.0], False, "the last"),
    ],
)
def test_what_a_peak_is(mos, agrees, words):
    found = sentences.mos_rises_and_peaks(mos)
    assert found.agrees == agrees
    assert words in found.text


@pytest.mark.parametrize(
    ("values", "agrees"),
    [
        ([0.681, 0.877], True),
        ([0.3, 0.4], True),
        ([0.5, 1.3], False),  # the mean is 0.9, and half of the photographs do not contract
        ([-0.2, 0.4], False),
        ([1.1], False),
    ],
)
def test_what_contracts(values, agrees):
    assert sentences.contracts(spread(values)).agrees == agrees
    assert not sentences.contracts(None).agrees


def test_a_gain_of_nothing_is_not_kept():
    assert not sentences.int8_keeps_gain([3.0, 3.001], [3.002]).agrees
    assert not sentences.int8_keeps_every_gain({"A": [3.0, 3.001]}, {"A": [3.002]}).agrees
    idle = {"Residual1": [2.0, 2.7, 2.6, 2.65], "EDSR": [2.0, 2.4, 2.5, 2.6]}
    found = sentences.repetition_beats_size(idle)
    assert not found.agrees  # above EDSR, and not by repetition
    assert "above EDSR after stage 1 but not above itself after stage 1" in found.text


def test_ringing_is_compared_at_equal_score():
    stages = {"HR1": (2.9, Artefacts(0.5, 9.0, 1.1)), "HR2": (3.0, Artefacts(0.9, 12.0, 1.2))}
    masks = [
        (2.8, Artefacts(0.1, 2.0, 1.0)),
        (3.0, Artefacts(1.0, 14.0, 1.3)),
        (3.2, Artefacts(2.0, 20.0, 2.0)),
    ]
    found = sentences.cleaner_than_usm(2.6, stages, masks)
    assert found.agrees
    assert (
        "HR2 (MOS 3.000) overshoots edges by 0.90 codes and multiplies noise by 1.20; USM 2 times"
        in found.text
    )
    assert "(3.000), by 1.00 codes and 1.30." in found.text
    halo, noise = (3.0, Artefacts(0.8, 14.0, 1.3)), (3.0, Artefacts(1.0, 14.0, 1.1))
    assert not sentences.cleaner_than_usm(2.6, stages, [masks[0], halo]).agrees
    assert not sentences.cleaner_than_usm(2.6, stages, [masks[0], noise]).agrees
    assert not sentences.cleaner_than_usm(2.6, stages, [(3.1, Artefacts(None, None, 1.1))]).agrees
    weak = sentences.cleaner_than_usm(2.6, stages, masks[:1])  # it has no halos, and no such score
    assert not weak.agrees
    assert "USM 1 times, which do not reach this MOS (2.800)" in weak.text
    assert sentences.cleaner_than_usm(2.6, stages, [(2.8, Artefacts(1.0, 20.0, 1.3))]).agrees
    assert "No stage has a better score" in sentences.cleaner_than_usm(3.0, stages, masks).text


def test_rows_of_differences():
    columns, rows = tables.difference_rows([(0.6, 2.0), (0.9, 2.8)], [(0.7, 2.2), (0.95, 3.0)])
    assert [column.title for column in columns][:3] == [
        "stage",
        "paper: difference from HR0, %",
        "difference, % of full scale",
    ]
    assert rows[1] == ("HR2", 1.35, 0.9, 0.4, pytest.approx(0.3), 2.8, 0.95, pytest.approx(0.25))
    columns, rows = tables.difference_rows([(0.6, 2.0)] * 9, [])
    assert len(columns) == 6
    assert rows[8] == ("HR9", None, 0.6, None, 0.0, 2.0)  # the paper has eight stages


def test_rows_of_usm():
    columns, rows = tables.usm_rows([0.6, 0.9], [0.2, 0.5])
    assert len(columns) == len(rows[0])
    assert rows == (
        (1, 0.95, 0.6, 0.6, 0.2, 0.2),
        (2, 1.35, 0.9, pytest.approx(0.3), 0.5, pytest.approx(0.3)),
    )


def test_rows_of_quality():
    features = tuple(float(i) for i in range(10))
    measured = {name: tables.Quality(4.6, 4.5, features) for name in ("LR", "HR3", "HR3 int8")}
    columns, rows = tables.quality_rows(measured)
    assert {len(row) for row in rows} == {len(columns)} == {24}
    assert rows[0][:6] == ("LR", 3.645, 4.6, 4.5, 2.8, 0.0)
    assert rows[1][6:8] == (94.3, 1.0)
    assert rows[2][:6] == ("HR3 int8", None, 4.6, 4.5, None, 0.0)
    assert columns[6].title == "paper: Multi-scale Edge Acutance"


def test_rows_of_networks():
    one = tables.NetworkResult(
        "Residual1", 40_787, (2000, 1000, 1000), (2.4, 2.6, 2.7, 2.8), (2.5, 2.6, 2.7), 10.0, 5.0, 7.0
    )
    columns, rows = tables.network_rows([one])
    assert len(columns) == len(rows[0])
    assert rows[0] == (
        "Residual1", "41K", 40_787, "2,000 + 1,000 + 1,000", 2.384, 2.4, 2.639, 2.6, 2.701, 2.7, 2.712, 2.8,
        10.0, 5.0, 2.5, 2.6, 2.7, 7.0,
    )  # fmt: skip
    float_only = tables.NetworkResult("other", 9, (20,), (2.4, 2.6), (), 10.0, 5.0, 0.0)
    columns, rows = tables.network_rows([float_only])
    assert rows == (("other", None, 9, "20", None, 2.4, None, 2.6, 10.0, 5.0),)
    assert len(columns) == 10
    columns, rows = tables.network_rows([one, replace(one, label="EDSR", mos_int8=())])
    assert {len(row) for row in rows} == {len(columns)}
    assert rows[0][-4:] == (2.5, 2.6, 2.7, 7.0)
    assert rows[1][-4:] == (None,) * 4


def test_tiles_are_four_along_the_longer_side(picture):
    wide, high = picture(10, 21), picture(21, 10)
    assert [tile.shape for tile in tiles(wide)] == [(5, 5, 3)] * 8
    assert [tile.shape for tile in tiles(high)] == [(5, 5, 3)] * 8
    assert np.array_equal(tiles(wide)[5], wide[5:10, 5:10])
    assert np.array_equal(tiles(high)[3], high[5:10, 5:10])


def made_up(pixels: np.ndarray) -> Score:
    return Score(float(pixels.mean()), 0.0, dict.fromkeys(UNITS, float(pixels.max())))


def test_scores_are_kept_by_the_pixels(tmp_path, picture):
    asked = []

    def measure(pixels):
        asked.append(pixels)
        return made_up(pixels)

    path, pictures = tmp_path / "scores.json", [picture(4, 6, seed) for seed in range(3)]
    done: list[Any] = []
    found = ScoreCache(path, measure).of(iter([*pictures, pictures[0]]), done.append)
    assert found == [made_up(each) for each in (*pictures, pictures[0])]
    assert done[-1] == 4
    assert len(asked) == 3
    assert ScoreCache(path, measure).of(pictures) == found[:3]
    assert len(asked) == 3  # read back
    document = json.loads(path.read_text())
    assert (document["schema"], document["schema_version"]) == ("hwrts viqet scores", 1)
    assert set(document["scores"]) == {picture_key(each) for each in pictures}
    assert picture_key(pictures[0]) != picture_key(pictures[0].reshape(6, 4, 3))

    path.write_text(json.dumps({**document, "hwrts": __version__ + "+"}))
    ScoreCache(path, measure).of(pictures[:1])
    assert len(asked) == 4  # another version may measure something else
    path.write_text("{")
    with pytest.raises(RunFolderError, match=r"scores\.json: missing or damaged .* delete it to score"):
        ScoreCache(path, measure)


def test_quality_is_the_mean():
    features = dict.fromkeys(UNITS, 2.0)
    found = quality([Score(4.7, 0.0, features), Score(3.5, 0.0, dict.fromkeys(UNITS, 4.0))])
    assert found.mos_raw == pytest.approx(4.1)
    assert (found.mos, found.features) == (4.0, (3.0,) * 10)  # 4.7 is shown as 4.5


def test_budgets_are_valid_settings(tmp_path):
    for name in ("tiny", "small", "paper"):
        found = budget(name)
        assert [each.label for each in found.networks] == list(paper.NETWORKS)
        configs = [each.config(tmp_path, None, 3, "cpu") for each in (found.stages, *found.networks)]
        assert all(isinstance(config, RunConfig) and config.seed == 3 for config in configs)
        assert configs[0].stage_limit == 8
        assert configs[0].network.title == "Residual-3, 64 channels"
        assert len({(config.rts.batch, config.data.patch, config.rts.first_steps, config.rts.steps,
                     config.rts.epochs) for config in configs[1:]}) == 1  # the same pixels  # fmt: skip
        assert len({each.name for each in found.networks}) == 7
    assert (
        budget("paper").networks[1] is budget("paper").stages
        or budget("paper").networks[1].name == "paper-stages"
    )
    config = budget("paper").networks[4].config(tmp_path, tmp_path / "val", 0, "auto")
    assert (config.network.name, config.rts.epochs, config.rts.stages) == ("vdsr", 20, 3)
    assert config.data.val == str(tmp_path / "val")
    with pytest.raises(ConfigError, match="'huge' is not allowed; use tiny"):
        budget("huge")


def test_a_night_is_fair_and_begins_with_what_is_cheap(tmp_path):
    """Whole photographs are cut into tiles; all stages of Residual1 are as long as the first of EDSR."""
    found = budget("medium")
    assert {each.label for each in found.networks} == set(paper.NETWORKS)
    assert found.networks[0].label == "Residual1"
    assert {each.selection for each in found.networks} == {Selection(26, 8, (640, 640), None)}
    configs = {each.label: each.config(tmp_path, None, 0, "cpu") for each in found.networks}
    small, large = (configs[name].rts for name in ("Residual1", "EDSR"))
    assert small.first_steps + 2 * small.steps == large.first_steps
    assert {config.stage_limit for config in configs.values()} == {3}
    assert found.stages.settings == budget("small").stages.settings


def test_targets():
    assert chosen_targets("all") == TARGETS
    with pytest.raises(ConfigError, match="'table4' can't be reproduced; use table1"):
        chosen_targets("table4")


def test_plot_of_curves_stands_alone_too():
    curves = Curve("paper", ((1, 1.0), (2, 1.5)), paper=True), Curve("float", ((1, 0.6), (2, 0.9)))
    plot = line_plot("fig", "title", "n", "%", curves)
    assert "var(--ink)" in plot.svg
    assert {"paper", "float"} <= {text.split("<")[0] for text in plot.svg.split(">")}
    alone = standalone_svg(plot)
    assert alone.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "var(" not in alone


def test_a_plot_is_drawn_once_however_often_its_page_is_written(monkeypatch):
    drawn = []
    draw = plots._svg

    def counted(*arguments: Any) -> str:
        drawn.append(arguments)
        return draw(*arguments)

    monkeypatch.setattr(plots, "_svg", counted)
    columns = ["n", "HRn, %", "change", "paper: HRn, %", "USM n times, %", "change of USM"]
    rows = [[1, 0.5, None, 0.625, None, None], [2, 0.75, 0.25, 0.625, None, None]]
    entry: dict[str, Any] = {"columns": columns, "rows": rows}
    first, again = result_plots("fig4", entry), result_plots("fig4", entry)
    assert first == again
    assert len(drawn) == len(first) == 2
    rows[1][1] = 0.875
    assert result_plots("fig4", entry)["fig4"] != first["fig4"]
    assert len(drawn) == 3


@pytest.mark.parametrize("name", ["tiny", "small", "medium", "paper"])
def test_experiments_are_trained_as_before_there_was_a_choice(name, tmp_path):
    """So the paper's set-up stays what it was, and folders of older reproductions go on."""
    found = budget(name)
    for experiment in (found.stages, *found.networks):
        settings = experiment.config(tmp_path, None, 0, "cpu", 256).model_dump(mode="json")
        for table, before in BEFORE.items():
            assert {key: settings[table][key] for key in before} == before, experiment.name
