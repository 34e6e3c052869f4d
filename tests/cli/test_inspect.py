"""hwrts inspect on a finished run's files, as a silicon engineer calls it: no torch."""

import json
import sys

import numpy as np
import pytest

from hwrts.fixed_point import (
    FLOAT32_LIMIT,
    PIXEL,
    Conv,
    Format,
    Input,
    Network,
    PRelu,
    Scale,
    Upsample,
    load_network,
    save_network,
)


@pytest.fixture
def stage(finished):
    return finished / "runs" / "tiny" / "stage2"


def test_json_holds_the_proof_of_every_channel(hwrts, stage):
    result = hwrts("inspect", stage, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    network = load_network(stage)
    assert [entry["name"] for entry in document["layers"]] == [layer.name for layer in network.layers]
    stored = json.loads((stage / "network.json").read_text())["proofs"]
    convs = {entry["name"]: entry for entry in document["layers"] if entry["operator"] == "Conv"}
    assert len(convs) == 5
    for conv in network.convs:
        proof, source = convs[conv.name]["accumulator"], network.formats[conv.source]
        assert proof == stored[conv.name]
        for o, kernel in enumerate(conv.weight_i8.astype(int)):  # by brute force, eq. 9 written out
            ends = [(w * source.min, w * source.max) for w in kernel.ravel().tolist()]
            lowest = sum(min(pair) for pair in ends) + int(conv.bias_i32[o])
            highest = sum(max(pair) for pair in ends) + int(conv.bias_i32[o])
            assert (proof["lowest"][o], proof["highest"][o]) == (lowest, highest)
            bits = proof["bits"][o]
            assert -(2 ** (bits - 1)) <= lowest <= highest < 2 ** (bits - 1)
            assert lowest < -(2 ** (bits - 2)) or highest >= 2 ** (bits - 2)  # one bit less is too few
        attacked = convs[conv.name]["attacked"]
        assert (attacked["lowest"], attacked["highest"]) == (proof["lowest"], proof["highest"])
        assert ("float32" in proof["exact_in"]) == (max(proof["partial_sum"]) < FLOAT32_LIMIT)
    assert document["line_buffer_bytes"] == sum(e["line_buffer_bytes"] for e in document["layers"])
    assert document["line_buffer_bytes"] == 1920 * (2 * 2 * 4 + 9 * 3)


def test_tables(hwrts, stage):
    result = hwrts("inspect", stage / "network.json", "--width", "960")
    assert result.code == 0, result.err
    assert "worst-case inputs reach the interval's ends in 8 of 8 layers" in result.out
    assert "line memory at 960 pixels" in result.out
    assert max(len(line) for line in result.out.splitlines() if "│" in line) <= 100
    channels = hwrts("inspect", stage, "--layer", "conv_out")
    rows = [line.split("│") for line in channels.out.splitlines() if "│" in line]
    assert len(rows) == 3
    for row in rows:
        assert row[2].strip() == row[3].strip()
        assert row[4].strip() == row[5].strip()


@pytest.fixture
def upscaler(tmp_path):
    """A network of the operators that a Residual-N has not."""
    zero = np.zeros(2, np.int32)
    layers = (
        Upsample("up", "x", "bicubic", 2, PIXEL),
        Conv("c", "up", np.full((2, 3, 1, 1), 5, np.int8), zero + 5, zero, Format(True, 8, 6)),
        PRelu("p", "c", np.array([100, -3], np.int8), 7, Format(True, 8, 6)),
        Scale("y", "p", -5, 3, PIXEL),
    )
    save_network(Network((Input("x", 3, PIXEL),), layers), tmp_path)
    return tmp_path


def test_every_operator_that_computes_is_proved_and_attacked(hwrts, upscaler):
    document = json.loads(hwrts("inspect", upscaler, "--json").out)
    stored = json.loads((upscaler / "network.json").read_text())["proofs"]
    entries = {entry["name"]: entry for entry in document["layers"]}
    for name, entry in entries.items():
        proof = entry["accumulator"]
        assert proof == stored[name]
        assert (entry["attacked"]["lowest"], entry["attacked"]["highest"]) == (
            proof["lowest"],
            proof["highest"],
        )
        assert len(entry["shift"]) == len(proof["bits"])
    assert (entries["up"]["shift"], entries["up"]["accumulator"]["bits"]) == ([14] * 4, [24] * 4)
    assert (entries["p"]["shift"], entries["p"]["accumulator"]["lowest"]) == ([7, 7], [-12800, 0])
    assert (entries["y"]["shift"], entries["y"]["accumulator"]["highest"]) == ([1], [640])
    assert entries["up"]["line_buffer_rows"] == 4


def test_the_table_shows_them(hwrts, upscaler):
    result = hwrts("inspect", upscaler)
    lines = [line.split("│") for line in result.out.splitlines() if "│" in line]
    rows = {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}
    assert rows["up"] == ["", "u8 lsb 2^-8", "", "14", "-856,800 .. 5,034,720", "24", "float32", "4", "22.5"]
    assert rows["y"] == ["", "u8 lsb 2^-8", "", "1", "-635 .. 640", "11", "float32", "0", "0.0"]
    assert "reach the interval's ends in 4 of 4 layers" in result.out
    shown = hwrts("inspect", upscaler, "--layer", "up")
    assert len([line for line in shown.out.splitlines() if "│" in line]) == 4  # one for each new pixel


def test_refusals(hwrts, stage, tmp_path):
    result = hwrts("inspect", stage, "--layer", "nothing")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(
        "error: inspect: no layer with accumulators named 'nothing'; there are conv_in, "
    )
    result = hwrts("inspect", tmp_path)
    assert result.code == 2
    assert "network.json: cannot be read" in result.err
    assert result.err.count("\n") == 1


def test_an_attack_that_misses_is_seen(hwrts, stage, monkeypatch):
    conv = sys.modules["hwrts.fixed_point.operators.conv"]
    honest = conv.conv_accumulate
    monkeypatch.setattr(conv, "conv_accumulate", lambda *args, **shape: honest(*args, **shape) - np.int64(1))
    result = hwrts("inspect", stage)
    assert "reach the interval's ends in 3 of 8 layers" in result.out  # the additions
    assert result.code == 1


def test_sides_that_are_padded_and_cut_are_said(hwrts, tmp_path):
    """Stride 2, then 3 rows and columns without padding: of 9 x 8 pixels 10 x 8, of these 3 x 2."""
    zero = np.zeros(3, np.int32)
    weight, out = np.full((3, 3, 3, 3), 5, np.int8), Format(False, 8, 8)
    layers = (
        Conv("h", "x", weight, zero + 7, zero, out, stride=2),
        Conv("y", "h", weight, zero + 7, zero, PIXEL, pads=(0, 0, 0, 0)),
    )
    save_network(Network((Input("x", 3, PIXEL),), layers), tmp_path)
    sizes = json.loads(hwrts("inspect", tmp_path, "--json").out)["sizes"]
    assert sizes == {"scale": 0.5, "multiple": 2, "smallest": [6, 6], "lacks": [2, 2]}
    said = " ".join(hwrts("inspect", tmp_path).out.split())
    assert "sides: padded to multiples of 2, at least 6 rows and 6 columns, by repeating the edge" in said
    assert "of H rows and W columns it makes ceil(0.5*H) - 2 rows and ceil(0.5*W) - 2 columns" in said


def test_nothing_is_said_of_sides_where_all_will_do(hwrts, upscaler):
    assert "sides:" not in hwrts("inspect", upscaler).out
