"""Several inputs and outputs: files, every witness, and the verdict."""

from dataclasses import replace

import numpy as np
import pytest

from hwrts.export import to_onnx, verify
from hwrts.export.runtime import open_session, run_session_all
from hwrts.export.stimuli import synthetic_codes
from hwrts.export.witness import from_stored, stored_inputs
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Concat,
    DepthToSpace,
    Format,
    HwrtsError,
    Input,
    LineRun,
    Network,
    Repeat,
    Rounding,
    SpaceToDepth,
    load_network,
    run,
    run_outputs,
    save_network,
    stream_all,
)

from .conftest import random_conv

STATE = Format(True, 8, 5)


def recurrent(rounding=Rounding.HALF_EVEN):
    """x and a state in; a picture of twice the size, the next state, and what both are made of out."""
    rng = np.random.default_rng(3)
    return Network(
        (Input("x", 3, PIXEL), Input("before", 4, STATE)),
        (
            Concat("both", ("x", "before"), STATE),
            random_conv(rng, "h", "both", (6, 7, 3), Format(False, 8, 5)),
            random_conv(rng, "wide", "h", (12, 6, 3), PIXEL),
            random_conv(rng, "step", "h", (4, 6, 1), STATE),
            DepthToSpace("picture", "wide", 2),
            Add("after", ("before", "step"), STATE),
        ),
        rounding,
        outputs=("picture", "after", "h"),
    )


def codes(network, height=9, width=12, seed=1):
    rng = np.random.default_rng(seed)
    return {
        each.name: rng.integers(
            each.out.min, each.out.max, (height, width, each.channels), endpoint=True
        ).astype(each.out.dtype)
        for each in network.inputs
    }


@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.FLOOR})
@pytest.mark.usefixtures("few_stimuli", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
def test_the_verdict_is_about_every_output(rounding):
    network = recurrent(rounding)
    given = codes(network)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": given})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    files = {layer for witness, _, layer in verdict.rows if witness == "onnxruntime, the file"}
    assert files == {"picture", "after", "h"}
    assert verdict.facts["stimuli"]["photo"] == {"x": [9, 12, 3], "before": [9, 12, 4]}


def test_outputs_are_those_of_every_path():
    network = recurrent()
    given = codes(network)
    expected = run_outputs(network, given, "int64")
    assert list(expected) == ["picture", "after", "h"]
    assert expected["picture"].shape == (18, 24, 3)
    fast = run_outputs(network, given)
    session = open_session(to_onnx(network).SerializeToString())
    stored = run_session_all(session, network, stored_inputs(network, given))
    for name, tensor in expected.items():
        np.testing.assert_array_equal(fast[name], tensor)
        np.testing.assert_array_equal(from_stored(stored[name], network.formats[name]), tensor)
    np.testing.assert_array_equal(run(network, given), expected["picture"])


def test_an_error_in_any_output_is_found():
    network = recurrent()
    step = network.layer("step")
    broken = network.exchanged(replace(step, bias_i32=step.bias_i32 + (1 << 7)))
    verdict = verify(network, to_onnx(broken).SerializeToString(), {"photo": codes(network)})
    wrong = {
        layer
        for (witness, _, layer), row in verdict.rows.items()
        if row.mismatches and witness.endswith("the file")
    }
    assert wrong == {"after"}


def test_files_name_outputs_only_where_the_last_layer_is_not_all(tmp_path):
    network = recurrent()
    save_network(network, tmp_path)
    assert load_network(tmp_path).outputs == ("picture", "after", "h")
    usual = replace(network, outputs=("after",))
    save_network(usual, tmp_path)
    assert '"outputs"' not in (tmp_path / "network.json").read_text()
    assert load_network(tmp_path).outputs == ("after",)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (("x",), "its output 'x' is made by no layer"),
        (("nothing",), "its output 'nothing' is made by no layer"),
        (("h", "h"), "its output 'h' is named twice"),
    ],
)
def test_what_is_no_output(outputs, said):
    with pytest.raises(HwrtsError, match=said):
        replace(recurrent(), outputs=outputs)


def test_stimuli_fit_every_format_and_differ_between_inputs():
    one, two = Input("a", 4, PIXEL), Input("b", 4, Format(True, 4, 2))
    made = synthetic_codes((one, two))
    assert made["all 255"]["b"].max() == made["all 255"]["b"].min() == 7
    assert made["all 0"]["b"].max() == -8
    assert made["noise"]["a"].dtype == np.uint8
    assert made["noise"]["b"].dtype == np.int8
    assert len(np.unique(made["noise"]["b"])) == 16
    assert (made["noise"]["a"] // 16 - 8 != made["noise"]["b"]).mean() > 0.8


@pytest.mark.parametrize("path", ["int64", "fast"])
@pytest.mark.parametrize("height", [1, 2, 9])
def test_rows_of_all_inputs_give_rows_of_all_outputs(path, height):
    network = recurrent()
    given = codes(network, height, 7)
    expected = run_outputs(network, given, "int64")
    rows = [{name: x[y] for name, x in given.items()} for y in range(height)]
    made: dict[str, list[np.ndarray]] = {name: [] for name in network.outputs}
    first: dict[str, int] = {}
    for tick, found in enumerate(stream_all(network, rows, path)):
        for name, new in found.items():
            made[name] += new
            if new:
                first.setdefault(name, tick)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(np.stack(made[name]), tensor, err_msg=name)
    if height == 9:
        assert first["h"] < first["picture"]  # each as soon as its rows are there


def test_parts_of_many_rows_meet_without_a_seam():
    network = recurrent()
    given = codes(network, 150, 6)
    expected = run_outputs(network, given, "int64")
    for name, tensor in run_outputs(network, given).items():
        np.testing.assert_array_equal(tensor, expected[name])


def test_a_row_of_every_input_is_needed():
    network = recurrent()
    engine = LineRun(network)
    with pytest.raises(HwrtsError, match="input 'before' has no row; push one of every input at once"):
        engine.push(np.zeros((4, 3), np.uint8))
    with pytest.raises(HwrtsError, match="a row of 5 pixels follows rows of 4"):
        engine.push_all({"x": np.zeros((4, 3), np.uint8), "before": np.zeros((5, 4), np.int8)})


def with_a_map(grow=1, shrink=2):
    """A picture and another input of another size, which meets what is made of the picture."""
    rng = np.random.default_rng(5)
    return Network(
        (Input("x", 3, PIXEL), Input("map", 1, PIXEL, grow=grow, shrink=shrink)),
        (
            SpaceToDepth("packed", "x", 2) if shrink == 2 else Repeat("packed", "x", grow),
            Concat("both", ("packed", "map"), PIXEL),
            random_conv(rng, "y", "both", (3, 13 if shrink == 2 else 4, 3), PIXEL),
        ),
    )


@pytest.mark.parametrize("sizes", [(1, 2), (2, 1)])
def test_inputs_of_another_size(tmp_path, sizes):
    network = with_a_map(*sizes)
    rng = np.random.default_rng(2)
    rows, columns = network.size_of("map", 8, 12)
    given = {
        "x": rng.integers(0, 256, (8, 12, 3), np.uint8),
        "map": rng.integers(0, 256, (rows, columns, 1), np.uint8),
    }
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": given})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    save_network(network, tmp_path)
    again = load_network(tmp_path)
    assert again.inputs == network.inputs
    assert not again.streamable
    with pytest.raises(HwrtsError, match="input 'map' has another size than the first"):
        LineRun(network)
    with pytest.raises(HwrtsError, match=r"differ in height or width: .*'map' needs \(\d+, \d+\)"):
        run(network, {**given, "map": given["map"][:-1]})


@pytest.mark.parametrize(
    ("grow", "shrink", "said"), [(3, 2, "3/2 times as large"), (65, 1, "grow"), (0, 1, "grow")]
)
def test_sizes_that_are_none(grow, shrink, said):
    with pytest.raises(HwrtsError, match=said):
        with_a_map(grow, shrink)
