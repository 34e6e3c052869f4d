"""A small network in every client; ``-rPs`` shows version and codes of each, and those that are not there."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from hwrts.export.clients import CLIENTS, ONNXRUNTIME, Definitions, check_file, run_file
from hwrts.export.environments import not_installed, python_with, run_there
from hwrts.export.targets import TARGETS, check_pictures, target_file
from hwrts.export.tflite import to_tflite
from hwrts.fixed_point import (
    PIXEL,
    Concat,
    DepthToSpace,
    Format,
    HwrtsError,
    Input,
    Lookup,
    Network,
    Padding,
    PRelu,
    Reorder,
    Rounding,
    RoundingRules,
    Scale,
    Slice,
    SpaceToDepth,
    Upsample,
    run_outputs,
)

from .tflite.networks import conv, network

TARGET_OF = {
    ONNXRUNTIME: "onnx",
    "tvm": "onnx",
    "tract": "onnx",
    "hls4ml": "qonnx",
    "acuity": "verisilicon",
    "acuity-npu": "verisilicon",
}
"""Of clients of ONNX files that have no target of their name."""


def file_for(client, made, size):
    if client.takes == "tflite":
        return to_tflite(made, size).for_clients
    return target_file(made, TARGETS[TARGET_OF.get(client.name, client.name)], size).for_clients


def check(client, made, size):
    pictures = check_pictures(made, size, [])
    found = check_file(file_for(client, made, size), made, pictures, client.name)
    print("{client}, version {version}: {codes_compared:,} codes, {codes_differing} differ".format(**found))
    height, width = made.size_of(made.output, *size)
    assert found["codes_compared"] == len(pictures) * height * width * 3
    if client.rules is None:  # reported; if none differs any more, its rule is to be named
        assert (found["client_rounds_convolutions"], found["codes_that_its_rounding_changes"]) == (None, 0)
        assert 0 < found["codes_differing"] < found["codes_compared"]
    else:
        assert found["codes_differing"] == 0


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_small_network(client):
    if client.python is None:
        pytest.skip(client.not_installed)
    size = (4, 5) if client.name == "hls4ml" else (24, 40)  # half a minute of g++ for each 100 pixels
    check(client, network("x2", client.rules or RoundingRules.of(Rounding.HALF_EVEN)), size)


def test_a_network_is_run_once_of_each_picture_under_each_rule(monkeypatch):
    from hwrts.export.clients import check as module

    made, runs = network("same size", RoundingRules.of(Rounding.HALF_UP)), []

    def counted(definition, picture):
        runs.append(definition.rules)
        return run_outputs(definition, picture)

    monkeypatch.setattr(module, "run_outputs", counted)
    pictures = check_pictures(made, (6, 8), [])
    definitions = Definitions(made, pictures)
    file = file_for(CLIENTS[ONNXRUNTIME], made, (6, 8))
    first, second = (definitions.check(file, ONNXRUNTIME) for _ in range(2))
    assert first == second == check_file(file, made, list(pictures.values()))
    assert first["codes_that_its_rounding_changes"] == definitions.changed(CLIENTS[ONNXRUNTIME].rules) > 0
    assert definitions.changed(made.rules) == definitions.changed(None) == 0
    of_check_file = 2 * len(pictures)
    assert len(runs) - of_check_file == 2 * len(pictures)


def test_what_hls4ml_is_told_in_another_way():
    """Edges, groups, slopes, slices, moves of pixels, interpolation; grids that it infers."""
    client = CLIENTS["hls4ml"]
    if client.python is None:
        pytest.skip(client.not_installed)
    signed = Format(True, 8, 8)
    layers = (
        SpaceToDepth("deep", "x", 2),
        conv("a", "deep", (4, 6, 1, 3), signed, groups=2, padding=Padding.REFLECT),
        PRelu("leaky", "a", np.array([16, -40, 0, 127], np.int8), 6, signed),
        Slice("some", "leaky", 1, 4),
        Reorder("turned", "leaky", np.array([3, 0, 0, 2], np.int32)),
        Upsample("smooth", "some", "bilinear", 2, Format(True, 7, 7)),
        Scale("soft", "smooth", -51, 8, signed),
        conv("b", "turned", (12, 4, 1, 1), signed),
        DepthToSpace("wide", "b", 2),
        Concat("joined", ("wide", "soft", "wide"), signed),
        conv("y", "joined", (3, 9, 3, 3), PIXEL, padding=Padding.ZERO),
    )
    check(client, Network((Input("x", 3, PIXEL),), layers, client.rules.convolutions), (4, 6))


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Upsample("y", "x", "bicubic", 2, PIXEL), "hls4ml computes no Resize of mode cubic by 2"),
        (Upsample("y", "x", "bilinear", 3, PIXEL), "hls4ml computes no channel as a picture of its own"),
        (Lookup("y", "x", np.arange(256, dtype=np.int16), PIXEL), "hls4ml computes no tables"),
    ],
)
def test_what_hls4ml_cannot_be_told(layer, said):
    client = CLIENTS["hls4ml"]
    if client.python is None:
        pytest.skip(client.not_installed)
    with pytest.raises(HwrtsError, match=f"^hls4ml: refuses the file .*{said}"):
        check(client, Network((Input("x", 3, PIXEL),), (layer,)), (6, 8))


def test_hls4ml_is_told_one_output():
    client = CLIENTS["hls4ml"]
    if client.python is None:
        pytest.skip(client.not_installed)
    with pytest.raises(HwrtsError, match=r"^hls4ml: refuses the file .*of one output, this one has 2"):
        check(client, network("scale", client.rules), (6, 8))


def test_sums_of_files_for_verisilicon_are_convolutions():
    """Its NPU rounds additions by no one rule, and convolutions half to even (docs/experiments.md)."""
    client, target = CLIENTS["acuity-npu"], TARGETS["verisilicon"]
    assert client.rules == target.rules == RoundingRules.of(Rounding.HALF_EVEN)
    exact = network("same size", (client.rules.convolutions, client.rules.additions))
    coarser = [
        replace(layer, out=Format(False, 8, layer.out.frac - 1)) if layer.name == "sum" else layer
        for layer in exact.layers
    ]
    for made, names in (
        (exact, ["sum.exact", "y.exact"]),
        (replace(exact, layers=tuple(coarser), like=None), ["y.exact"]),
    ):
        written = onnx.load_from_string(target_file(made, target, (24, 40)).model)
        assert [node.output[0] for node in written.graph.node if node.op_type == "Add"] == names


def test_no_relu_stands_in_a_file_for_verisilicon():
    """Acuity's program for the NPU has no grid for what a Relu reads: 2,844 of 2,880 codes were others."""
    client, target = CLIENTS["acuity-npu"], TARGETS["verisilicon"]
    made = network("same size", client.rules)
    written = onnx.load_from_string(target_file(made, target, (24, 40)).model)
    assert "Relu" not in {node.op_type for node in written.graph.node}
    if client.python is None:
        pytest.skip(client.not_installed)
    other = replace(target, options=replace(target.options, relu=True))
    with pytest.raises(HwrtsError, match=r"^acuity-npu: refuses the file .*no grid for "):
        run_file(target_file(made, other, (24, 40)).for_clients, [], client.name)


def test_polygraphy_reads_the_file_for_tensorrt(tmp_path):
    """The tool of NVIDIA's that needs no GPU; each file was given to onnx's checker before."""
    python = python_with("polygraphy", "polygraphy")
    if python is None:
        pytest.skip("polygraphy is not installed: make targets")
    made = network("same size", TARGETS["tensorrt"].rules)
    layers = [
        replace(layer, out=Format(False, 7, layer.out.frac - 1))
        if layer.name in ("in", "hidden", "sum")
        else layer
        for layer in made.layers
    ]
    file = target_file(replace(made, layers=tuple(layers), like=None), TARGETS["tensorrt"], (24, 40))
    (tmp_path / "model.onnx").write_bytes(file.model)
    program = "import sys; from polygraphy.tools import main; sys.exit(main())"
    done = run_there("polygraphy", [python, "-c", program, "inspect", "model", "model.onnx"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "x [dtype=int8, shape=(1, 3, 24, 40)]" in done.stdout
    assert "y [dtype=int8, shape=(1, 3, 24, 40)]" in done.stdout


def test_each_client_has_an_environment_and_all_but_three_an_extra():
    root = Path(__file__).parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    script = (root / "benchmarks/targets/environments").read_text()
    named = {client.environment for client in CLIENTS.values()} - {ONNXRUNTIME} | {"vela"}
    assert all(f"        {name}) echo" in script for name in named)
    assert named - set(extras) == {"tosa", "acuity", "rknn"}
    (together,) = extras["targets"]
    assert set(together.removeprefix("hwrts[").removesuffix("]").split(",")) == named - {
        "tosa",
        "acuity",
        "rknn",
    }
    sentences = {name: not_installed(name, name) for name in named}
    assert {
        name for name, said in sentences.items() if f"pip install hwrts[{name}], or make" in said
    } == named - {"tosa", "acuity", "rknn"}
    assert "so the file was not run in it; make targets and set" in sentences["tosa"]
    assert "so the file was not run in it; benchmarks/targets/environments rknn and set" in sentences["rknn"]
