"""hwrts verify --client: exit 0 of equal codes, 1 of a wrong file with its layer, 2 in one line otherwise."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hwrts.fixed_point import load_network
from hwrts.runs.client_check import manifest_beside
from hwrts.runs.folder import RunFolder

from ..export.known_bad import BAD
from .conftest import make_photographs
from .test_own_network import PLAIN

SIZE = ("--size", "24x40", "--no-check")


def written(hwrts, target, folder="out", *options):
    assert hwrts("export", "runs/tiny", "-o", folder, "--target", target, *options, *SIZE).code == 0


def one_bit_of(path, layer):
    """Flip the fifth bit of one weight of a layer."""
    model = onnx.load(path)
    (weight,) = [each for each in model.graph.initializer if each.name == f"{layer}.weight"]
    codes = numpy_helper.to_array(weight).copy()
    codes[0, 0, 0, 0] ^= 16
    weight.CopyFrom(numpy_helper.from_array(codes, weight.name))
    onnx.save(model, path)


def test_a_file_and_its_manifest(workspace, hwrts):
    """Stage, client and size are those of the file; every picture is compared."""
    written(hwrts, "onnx", "out", "--stage", "2")
    result = hwrts("verify", "runs/tiny", "--client", "out/model.qdq.onnx")
    assert result.code == 0, result.err
    assert "network: stage 2 of runs/tiny" in result.err
    assert "out/model.qdq.onnx: NCHW, 24x40, beside stage 2" in result.out
    assert "picture: uint8, code +0" in result.out
    assert result.out.splitlines()[-1].startswith("PASSED: 0 of ")
    found = json.loads(hwrts("verify", "runs/tiny", "--client", "out/model.qdq.onnx", "--json").out)
    assert (found["passed"], found["client"], found["size"], found["remarks"]) == (
        True,
        "onnxruntime",
        [24, 40],
        [],
    )
    assert {"photograph 0", "noise", "all lowest", "all highest", "checkerboard"} <= set(found["pictures"])
    assert any("attack" in name for name in found["pictures"])
    assert found["compared"] == len(found["pictures"]) * 48 * 80 * 3
    assert (found["first_layer"], found["layers_seen_as"]) == (None, None)


def test_a_wrong_weight_is_exit_code_1_and_its_layer(workspace, hwrts):
    written(hwrts, "onnx", "out", "--stage", "2")
    one_bit_of("out/model.qdq.onnx", "conv_0")
    result = hwrts("verify", "runs/tiny", "--client", "out/model.qdq.onnx")
    assert result.code == 1
    assert "layer conv_0 (" in result.out
    assert "manifest.json: describes another model.qdq.onnx" in " ".join(result.err.split())
    assert result.out.splitlines()[-1].startswith("FAILED: ")
    found = json.loads(hwrts("verify", "runs/tiny", "--client", "out/model.qdq.onnx", "--json").out)
    assert (found["passed"], found["first_layer"]) == (False, "conv_0")
    rows = {row["layer"]: row for row in found["rows"]}
    assert rows["conv_in"]["mismatches"] == 0 < rows["conv_0"]["mismatches"]
    first = rows["conv_0"]["first"]
    assert first["index"][2] == 0
    assert {"stimulus", "expected", "found", "accumulator", "shift"} <= set(first)


def test_the_file_of_every_day_without_a_manifest(workspace, hwrts):
    result = hwrts(
        "verify", "runs/tiny", "--stage", "2-same", "--client", "runs/tiny/stage2-same/model.int8.onnx"
    )
    assert result.code == 0
    assert "any size, beside stage 2-same" in result.out
    assert "pictures of 72x120: photograph 0; " in result.out


def test_a_size_that_the_network_does_not_take_is_refused_by_its_flag():
    from hwrts.errors import ConfigError
    from hwrts.export.clients.read import read_file
    from hwrts.export.targets import TARGETS, target_file
    from hwrts.fixed_point import PIXEL, Input, Network, SpaceToDepth
    from hwrts.runs.client_check import _size

    network = Network((Input("x", 3, PIXEL),), (SpaceToDepth("y", "x", 2),))
    free, fixed = (
        read_file(target_file(network, TARGETS["onnx"], size).model, network) for size in (None, (8, 6))
    )
    assert _size(free, (8, 6)) == _size(fixed, (8, 6)) == _size(fixed, None) == (8, 6)
    with pytest.raises(ConfigError, match=r"^--size 8x5: .* multiple"):
        _size(free, (8, 5))


def test_a_file_of_any_size_is_compared_at_the_size_that_is_asked_for(workspace, hwrts):
    words = ("runs/tiny", "--stage", "2", "--client", "runs/tiny/stage2/model.int8.onnx", "--json", "--size")
    for height, width in ((9, 14), (33, 20)):
        result = hwrts("verify", *words, f"{height}x{width}")
        found = json.loads(result.out)
        assert (result.code, found["size"], found["picture_size"]) == (0, None, [height, width])
        assert found["compared"] == len(found["pictures"]) * 2 * height * 2 * width * 3


@pytest.mark.parametrize("target", ["tflite", "ethos-u"])
def test_a_tensorflow_lite_file_goes_to_its_client(workspace, hwrts, monkeypatch, target):
    from hwrts.export.clients import client_of

    client = {"tflite": "litert", "ethos-u": "litert-reference"}[target]
    written(hwrts, target)
    if client_of(client).python is None:
        result = hwrts("verify", "runs/tiny", "--client", f"out/model.{target}.tflite")
        assert result.code == 2
        assert (
            f"{client}: is not installed, so the file was not run in it; pip install hwrts[litert]"
            in result.err
        )
        pytest.skip(f"{client} is not installed")
    result = hwrts("verify", "runs/tiny", "--client", f"out/model.{target}.tflite")
    assert result.code == 0
    assert f"client: {client} " in result.out
    assert "where nothing is set" not in result.err
    assert "rounds in another way than the network was trained for" in " ".join(result.err.split())


@pytest.mark.parametrize("words", [(), ("--in", "litert-reference"), ("--in", "litert")])
def test_a_runtime_that_was_chosen_says_which_one_runs_where_nothing_is_set(
    workspace, hwrts, monkeypatch, words
):
    """The runtimes are played by the network under their rules."""
    from hwrts.export.clients import CLIENTS, under
    from hwrts.export.clients.client import Client
    from hwrts.fixed_point import RoundingRules, run_outputs
    from hwrts.runs import client_check
    from hwrts.runs import target as of_all

    rules = RoundingRules.parse("double,half_away")
    own = under(load_network(workspace / "runs/tiny/stage2"), rules)
    for module in (client_check, of_all):
        monkeypatch.setattr(module, "load_network", lambda root: own)
    monkeypatch.setattr(client_check, "_photographs", lambda run, network: [])
    monkeypatch.setattr(Client, "python", Path("python"))

    def played(file, pictures, client):
        definition = under(own, CLIENTS[client].rules)
        return [run_outputs(definition, picture) for picture in pictures], "played"

    monkeypatch.setattr("hwrts.export.clients.check.run_file", played)
    written(hwrts, "tflite", "out", "--stage", "2")
    result = hwrts("verify", "runs/tiny", "--client", "out/model.tflite.tflite", *words)
    assert result.code == 0, result.err
    said = (
        "run in litert-reference, which rounds as the network does; litert, which runs it where nothing is "
        "set, does not, so its codes are others: compare with --in litert"
    )
    assert (said in " ".join(result.err.split())) is (words == ())
    assert ("which changes" in result.err) is (words == ("--in", "litert"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--client", "no.onnx"),
            "no.onnx: cannot be read (No such file or directory); give a file of hwrts",
        ),
        (
            ("--client", "short.onnx"),
            "short.onnx: is no file of stage 2 (is no ONNX or TensorFlow Lite file, or",
        ),
        (
            ("--client", "other.onnx"),
            "other.onnx: is no file of stage 2 ('x' has 5 channels where 'x' of the",
        ),
        (("--client", "float.onnx"), "float.onnx: is no file of stage 2 (holds real values and no codes"),
        (
            ("--client", "good.onnx", "--in", "chip"),
            "client 'chip': there is none of that name; use onnxruntime,",
        ),
        (("--client", "good.onnx", "--in", "litert"), "--in litert: takes tflite files, and this is onnx"),
        (
            ("--client", "good.onnx", "--in", "qnn"),
            "qnn: is not installed, so the file was not run in it; pip",
        ),
        (("--client", "good.onnx", "--layer", "conv_0"), "--layer and --stimulus: are of the witnesses"),
        (("--in", "qnn"), "--in qnn: is for a file; add --client FILE"),
        (("--size", "24x40"), "--size 24x40: is for a file; add --client FILE"),
        (("--client", "good.onnx", "--size", "24"), "--size '24': is no height and width; write it as 360x"),
        (
            ("--client", "static.onnx", "--size", "24x42"),
            "--size 24x42: the file takes 24x40 alone; leave it out, or export the file of that size",
        ),
    ],
)
def test_refusals_are_one_line(workspace, hwrts, monkeypatch, words, said):
    from hwrts.export.onnx_writer import to_onnx, to_qdq
    from hwrts.export.qdq_options import QdqOptions

    monkeypatch.setenv("HWRTS_TARGETS", str(workspace / "none"))
    good = (workspace / "runs/tiny/stage2/model.int8.onnx").read_bytes()
    (workspace / "good.onnx").write_bytes(good)
    (workspace / "short.onnx").write_bytes(good[: len(good) // 2])
    static = to_qdq(load_network(workspace / "runs/tiny/stage2"), QdqOptions(size=(24, 40)))
    onnx.save(static, workspace / "static.onnx")
    model = to_onnx(load_network(workspace / "runs/tiny/stage2"))
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    onnx.save(model, workspace / "other.onnx")
    kept = [node for node in model.graph.node if node.op_type == "Nothing"]
    del model.graph.node[:], model.metadata_props[:]
    model.graph.node.extend([*kept, onnx.helper.make_node("Identity", ["x"], [model.graph.output[0].name])])
    onnx.save(model, workspace / "float.onnx")
    refused = hwrts("verify", "runs/tiny", "--stage", "2", *words)
    assert (refused.code, refused.out) == (2, "")
    line = " ".join(refused.err.split())
    assert said in line
    assert "Traceback" not in line


@pytest.mark.parametrize("what", BAD)
def test_known_bad_files_are_exit_code_1(workspace, hwrts, what):
    from hwrts.export.clients import client_of

    make, client, _ = BAD[what]
    if client_of(client).python is None:
        pytest.skip(
            f"{client} is not installed: make targets, or pip install hwrts[{client_of(client).environment}]"
        )
    file = make(load_network(workspace / "runs/tiny/stage2"), (24, 40))
    (workspace / "bad").write_bytes(file.model)
    result = hwrts("verify", "runs/tiny", "--stage", "2", "--client", "bad", "--in", client)
    assert result.code == 1
    named = {
        "the usual depth to space": "shuffle",
        "a fused sum": "add",
        "nearest pixels by corners": "repeat",
    }
    assert f"layer {named.get(what, '')}" in result.out.partition("first difference: ")[2]


def test_a_network_of_ones_own(tmp_path, monkeypatch, hwrts):
    monkeypatch.chdir(tmp_path)
    make_photographs(tmp_path / "photos", size=(66, 80))
    (tmp_path / "plain.py").write_text(PLAIN)
    made = hwrts("quantize", "plain.py:build", "--data", "photos", "-o", "own", "--qat-steps", "0")
    assert made.code == 0, made.err
    (model,) = (tmp_path / "own").glob("*/model.int8.onnx")
    assert hwrts("verify", "own", "--client", model).code == 0
    network = load_network(model.parent)
    one_bit_of(model, network.convs[0].name)
    found = json.loads(hwrts("verify", "own", "--client", model, "--json").out)
    assert found["first_layer"] == network.convs[0].name


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        '{"target": {"file": "model.onnx"}}',
        '{"target": {"file": "model.onnx", "name": 3, "size": null}, "source": {"run": "a", "stage": 2},'
        ' "files": {"model.onnx": {"sha256": ""}}}',
        '{"target": {"file": "other.onnx"}, "source": {}}',
        "[" * 100_000,  # a RecursionError
    ],
)
def test_a_manifest_that_says_nothing_of_a_file_is_none(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert manifest_beside(tmp_path / "model.onnx") is None


def test_a_manifest_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")
    assert manifest_beside(tmp_path / "model.onnx") is None


@pytest.mark.parametrize(("channels", "signed"), [(3, False), (1, False), (3, True), (4, False)])
def test_photographs_are_those_that_the_network_takes(monkeypatch, channels, signed):
    """Colours, luma, and what was kept beside the run of what takes neither."""
    from hwrts.fixed_point import Format, Input, Network
    from hwrts.fixed_point.operators import Slice
    from hwrts.runs import client_check

    kept = [{"x": np.zeros((5, 6, channels), np.int8)}]
    monkeypatch.setattr(client_check, "load_fed", lambda run, network: {"kept": kept[0]})
    tensor = Input("x", channels, Format(signed, 8, 8))
    found = client_check._photographs(RunFolder(Path("none")), Network((tensor,), (Slice("y", "x", 0, 1),)))
    if signed or channels == 4:
        assert found == kept
    else:
        assert [each["x"].shape for each in found] == [(400, 600, channels), (427, 640, channels)]


def test_the_help_names_every_client():
    from typer.main import get_command

    from hwrts.cli.app import app, register_commands
    from hwrts.export.clients import CLIENTS

    register_commands()
    group: Any = get_command(app)
    (option,) = [each for each in group.commands["verify"].params if "--in" in each.opts]
    assert set(CLIENTS) <= set(re.findall(r"[\w-]+", option.help))


@pytest.mark.parametrize("rules", ["half_even,floor", "half_up"])
def test_the_rules_of_the_client_are_advised(workspace, hwrts, monkeypatch, rules):
    from dataclasses import replace

    from hwrts.export.clients import CLIENTS, compared, under
    from hwrts.fixed_point import RoundingRules, load_network
    from hwrts.runs import client_check

    written(hwrts, "verisilicon")
    theirs = RoundingRules.parse(rules)
    monkeypatch.setattr(client_check, "load_network", lambda root: under(load_network(root), theirs))
    monkeypatch.setattr(
        client_check, "compared", lambda file, network, fed, _, outputs: compared(file, network, fed)
    )
    monkeypatch.setattr(client_check, "_photographs", lambda run, network: [])
    monkeypatch.setitem(CLIENTS, "acuity", replace(CLIENTS["acuity"], module="numpy"))
    result = hwrts("verify", "runs/tiny", "--client", "out/model.verisilicon.onnx")
    assert result.code == 0, result.err
    assert "codes; quantize with --rounding half_even" in " ".join(result.err.split())
