"""What benchmarks share: means, pieces at 1:1, values of photographs; and a sweep by its axes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import sweep_axes
from benchmarks.fine_tuning import fine_tune, value
from benchmarks.pictures import means, photographs, piece_of, side_by_side
from hwrts.config import QatConfig
from hwrts.fixed_point import Network
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.progress import SILENT
from hwrts.runs.quantise import start_qat
from hwrts.sweep.results import cell


def test_means_are_of_the_pictures_that_have_a_figure():
    assert means(("gain", "score"), [(1.0, None), (3.0, 2.5)]) == {"gain": 2.0, "score": 2.5}


def test_pieces_stand_side_by_side_one_pixel_a_pixel(picture):
    pieces = {name: picture(8, 8, seed) for seed, name in enumerate("abc")}
    page = np.array(side_by_side(pieces, columns=2, side=8))
    for name, (top, left) in {"a": (0, 0), "b": (0, 12), "c": (28, 0)}.items():
        assert np.array_equal(page[top : top + 8, left : left + 8], pieces[name])
    assert (page[28:36, 12:20] == 255).all()


def test_the_piece_is_where_the_detail_is(picture):
    original = np.full((64, 96, 3), 128, np.uint8)
    original[40:56, 72:88] = picture(16, 16)
    rows, columns = piece_of(original, 32)
    assert original[rows, columns].shape == (32, 32, 3)
    assert original[rows, columns].std() > 0


def test_photographs_are_those_of_a_folder(tmp_path, picture):
    Image.fromarray(picture(6, 10)).save(tmp_path / "one.png")
    (found,) = photographs(SimpleNamespace(root=Path("nowhere")), tmp_path)  # type: ignore[arg-type]
    assert np.array_equal(found, picture(6, 10))


def test_a_value_is_the_mean_over_photographs():
    """An error of 1 code is 48.13 dB, of 2 codes 42.11."""
    flat = [np.full((4, 4, 3), level, np.uint8) for level in (10, 20)]
    kinds = {"lr": [x[::2, ::2] for x in flat], "hr": [flat[0] + 1, flat[1] + 2]}
    session: Any = SimpleNamespace(val=SimpleNamespace(pictures=kinds.__getitem__))
    found = value(session, lambda x: x.repeat(2, axis=0).repeat(2, axis=1))
    assert found == pytest.approx(20 * np.log10(255) - 10 * np.log10(2), abs=1e-9)


def test_integers_are_those_after_the_last_step():
    def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(step))
        return x, torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(step + 1))

    def numbers(network: Network) -> list[bytes]:
        return [part.tobytes() for conv in network.convs for part in (conv.weight_i8, conv.bias_i32)]

    torch.manual_seed(0)
    qat, told = QatConfig(steps=3, learning_rate=1e-2, weight_bits=4), []
    quantised = start_qat(trace(Residual(1, 4).eval()), qat, lambda step: batches(step)[0], SILENT)
    calibrated = quantised.lower()
    network = fine_tune(quantised, qat, batches, lambda done, loss: told.append(done))
    assert told == [1, 2, 3]
    assert numbers(network) != numbers(calibrated)
    assert numbers(network) == numbers(quantised.train().lower())


ROWS = [
    {"network.channels": channels, "network.expand": expand, "pruned_from": pruned, "line_kib": 10 * channels,
     "quality_float": db + 0.1, "quality_int8": db, "key": f"{channels} {expand} {pruned}", "seconds": 1.0,
     "compared": 100, "mismatches": channels // 64, "final": True, "passed": channels < 64}
    for channels, expand, pruned, db in [
        (8, 1, 0, 30.0), (8, 4, 0, 30.5), (8, 1, 32, 29.5), (16, 1, 0, 31.0), (16, 4, 32, 30.4),
        (64, 1, 0, 40.0),
    ]
]  # fmt: skip
AXES = {"network.channels": [8, 16, 64], "network.expand": [1, 4], "pruned_from": [0, 32]}


@pytest.fixture
def swept(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep_axes, "open_sweep", lambda root: (SimpleNamespace(axes=AXES), None))
    monkeypatch.setattr(sweep_axes, "read_rows", lambda root: ROWS)
    return tmp_path


def test_a_sweep_is_told_apart_by_its_axes(swept, monkeypatch, capsys):
    """Plain first, then what has one axis, then two; what did not pass the comparison is no result."""
    ways = sweep_axes.by_way(swept, ["network.expand", "pruned_from"], "line_kib")
    assert {way: [row["key"] for row in rows] for way, rows in ways.items()} == {
        "plain": ["8 1 0", "16 1 0"],
        "network.expand 4": ["8 4 0"],
        "pruned_from 32": ["8 1 32"],
        "network.expand 4, pruned_from 32": ["16 4 32"],
    }
    assert next(iter(ways)) == "plain"
    monkeypatch.setattr(
        "sys.argv", ["sweep_axes.py", "swept", "network.expand,pruned_from", "-o", "some.png"]
    )
    sweep_axes.main()
    said = capsys.readouterr().out
    assert "| 80.0 | network.expand 4 | 30.600 | 30.500 | yes |" in said
    assert "| 80.0 | plain | 30.100 | 30.000 |  |" in said
    assert "| 160.0 | plain | 31.100 | 31.000 | yes |" in said
    assert "; 1 of 600 codes differ" in said
    with Image.open("some.png") as plotted:
        assert plotted.width > 500


def test_an_axis_of_tables_and_more_ways_than_colours(swept, monkeypatch):
    """Rows have tables as JSON; each way has a line of its own in both pictures."""
    tables = [{}, *({"conv_in": bits} for bits in range(2, 2 + len(sweep_axes.COLOURS)))]
    rows = [{**ROWS[0], "widths": cell(table)} for table in tables]
    monkeypatch.setattr(
        sweep_axes, "open_sweep", lambda root: (SimpleNamespace(axes={"widths": tables}), None)
    )
    monkeypatch.setattr(sweep_axes, "read_rows", lambda root: rows)
    ways = sweep_axes.by_way(swept, ["widths"], "line_kib")
    assert [*ways][:2] == ["plain", 'widths {"conv_in": 2}']
    drawn: list[Any] = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_, **__: drawn.append(figure))
    sweep_axes.plot(ways, "line_kib", Path("some.png"))
    for axes in drawn[0].axes:
        lines = [line for line in axes.lines if line.get_label() in ways]
        assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(tables)


def test_a_cost_that_not_all_networks_have(swept, monkeypatch, capsys):
    monkeypatch.setattr(sweep_axes, "read_rows", lambda root: [*ROWS[:1], {**ROWS[1], "line_kib": None}])
    monkeypatch.setattr("sys.argv", ["sweep_axes.py", "swept", "network.expand"])
    with pytest.raises(SystemExit) as ended:
        sweep_axes.main()
    assert ended.value.code == 2
    assert "not all of its networks have line_kib; take another --cost" in capsys.readouterr().err


def test_an_axis_that_a_sweep_has_not(swept, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sweep_axes.py", "swept", "rts.teacher_share"])
    with pytest.raises(SystemExit) as ended:
        sweep_axes.main()
    assert ended.value.code == 2
    assert "has no axis 'rts.teacher_share'; take of network.channels" in capsys.readouterr().err
