"""hwrts cost: what it finds, what it prints, what it refuses."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch
from pydantic import BaseModel

from hwrts.cli.cost import network_names
from hwrts.config import NetworkConfig, QatConfig
from hwrts.cost.network import FORMS, network_cost
from hwrts.fixed_point import load_network
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import SILENT
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import export_stage, start_qat

DOCUMENT = Path(__file__).parents[2] / "docs" / "cost.md"
COMMANDS = re.findall(r"^    (hwrts cost .+)$", DOCUMENT.read_text("utf-8"), re.MULTILINE)


@pytest.fixture
def stage(finished):
    return finished / "runs" / "tiny" / "stage2"


def document(hwrts, *arguments):
    result = hwrts("cost", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def assert_one_clear_line(result, *words):
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    for word in words:
        assert word in result.err


def test_the_example_of_the_issue(hwrts):
    found = document(hwrts, "residual", "--blocks", "3", "--channels", "64")
    assert (found["schema"], found["schema_version"]) == ("hwrts.cost", 1)
    assert (found["network"], found["form"], found["weight_bits"], found["activation_bits"]) == (
        "residual",
        "x2",
        8,
        8,
    )
    assert found["parameters"] == {"weights": 114_696, "biases": 283, "slopes": 0, "all": 114_979}
    assert found["memory_bits"] == {"weights": 114_696 * 8, "biases": 283 * 32, "slopes": 0, "tables": 0}
    assert (found["macs_per_input_pixel"], found["macs_per_output_pixel"]) == (114_696, 28_674)
    assert found["mode"] == {"name": "2160p60", "width": 3840, "height": 2160, "frames_per_second": 60}
    at_output, at_input = found["as_output"], found["as_input"]
    assert (at_output["input_size"], at_output["output_size"]) == ([1920, 1080], [3840, 2160])
    assert (at_input["input_size"], at_input["output_size"]) == ([3840, 2160], [7680, 4320])
    assert at_output["macs_per_second"] == 114_696 * 1920 * 1080 * 60
    assert at_input["gmac_per_second"] == 114_696 * 3840 * 2160 * 60 / 1e9
    assert at_output["line_bits"] == 8 * 1920 * (512 + 33)
    assert at_output["line_bits"] == 1920 * sum(layer["line_bits_per_column"] for layer in found["layers"])
    assert (found["receptive_field"], found["latency_lines"], found["accumulator_bits"]) == (13, 6, 26)
    assert found["accumulators"] == "any weights, without bias"


def test_forms_modes_and_widths(hwrts):
    weights = {form: document(hwrts, "residual", "--form", form)["parameters"]["weights"] for form in FORMS}
    assert weights == {"drawn": 11_268, "x2": 11_592, "same-size": 11_394}
    found = document(hwrts, "residual", "--mode", "4320p60", "--weight-bits", "3", "--activation-bits", "5")
    assert (found["weight_bits"], found["activation_bits"]) == (3, 5)
    assert found["as_output"]["input_size"] == [3840, 2160]
    assert {layer["weight_bits"] for layer in found["layers"]} == {3, None}
    assert found["memory_bits"]["weights"] == 3 * 11_592
    assert found["hidden_bits"] is None
    wide = found["as_output"]["line_bits"]
    found = document(hwrts, "residual", "--mode", "4320p60", "--activation-bits", "5", "--hidden-bits", "4")
    assert (found["activation_bits"], found["hidden_bits"]) == (5, 4)
    assert found["as_output"]["line_bits"] < wide
    assert (
        "5-bit activations, 4-bit hidden tensors"
        in hwrts("cost", "residual", "--activation-bits", "5", "--hidden-bits", "4").out
    )
    words = "srresnet", "--channels", "8", "--blocks", "1"
    usual, skip = document(hwrts, *words), document(hwrts, *words, "--skip-bits", "10")
    assert (usual["skip_bits"], skip["skip_bits"]) == (8, 10)
    assert skip["as_output"]["line_bits"] > usual["as_output"]["line_bits"]
    assert skip["parameters"] == usual["parameters"]
    assert "10 bits where the picture is carried" in hwrts("cost", *words, "--skip-bits", "10").out
    found = document(hwrts, "residual", "--accumulator-bits", "16")
    registers = {each["name"]: (each["accumulator"] or {}).get("bits") for each in found["layers"]}
    assert (registers["conv_0"], registers["add"], registers["shuffle"]) == (16, 10, None)


def test_pixels_of_10_bits(hwrts, tmp_path):
    """Of settings in a file and by the flag: the wider picture's lines, and those of the rounded one."""
    words = "residual", "--channels", "8"
    eight, ten = document(hwrts, *words), document(hwrts, *words, "--pixel-bits", "10")
    assert (eight["pixel_bits"], ten["pixel_bits"]) == (8, 10)
    found = [round(each["as_output"]["line_bits"] / 8192, 1) for each in (eight, ten)]
    assert found == [110.6, 138.8]  # as docs/pictures.md has it
    path = tmp_path / "ten.toml"
    path.write_text("[network]\nchannels = 8\n[qat]\npixel_bits = 10\n")
    assert document(hwrts, str(path)) == {**ten, "network": str(path)}
    for form in FORMS:
        assert document(hwrts, *words, "--pixel-bits", "10", "--form", form)["layers"][-1]["bits"] == 10
    refused = hwrts("cost", "vdsr", "--pixel-bits", "10")
    assert_one_clear_line(refused, "reads the enlarged picture of 10 bits", "use --pixel-bits 8")


def test_the_tables(hwrts):
    result = hwrts("cost", "residual", "--blocks", "6", "--channels", "64", "--mode", "4320p60")
    assert result.code == 0, result.err
    assert max(map(len, result.out.splitlines())) <= 100
    rows = {
        line.split("│")[0].strip(): [cell.strip() for cell in line.split("│")[1:]]
        for line in result.out.splitlines()
        if "│" in line
    }
    assert rows["conv_0"] == ["Conv 3x3", "64", "36,864", "36,864", "26", "2", "480.0", "1061.7"]
    assert rows["add"][-3:] == ["0", "0.0", "1592.5"]
    assert rows["output"][:4] == ["3840x2160", "7680x4320", "112,117.7", "3,517.5"]
    assert rows["input"][:4] == ["7680x4320", "15360x8640", "448,470.9", "7,035.0"]
    for line in (
        "parameters       225,763: 225,288 weights, 475 biases, 0 slopes",
        "their memory     220.01 KiB of weights (8 bits), 1.86 KiB of biases (32 bits)",
        "MAC              225,288 per input pixel, 56,322 per output pixel",
        "receptive field  19x19 input pixels",
        "latency          9 input lines",
        "accumulator      26 bits at most, whatever the weights; biases not counted",
    ):
        assert line in result.out.splitlines()
    assert "multiplications" not in result.out


def test_a_stage_shows_its_own_integers(hwrts, stage):
    found = document(hwrts, stage)
    expected = network_cost(load_network(stage)).as_json()
    assert {key: found[key] for key in expected} == json.loads(json.dumps(expected))
    assert (found["form"], found["accumulators"]) == ("integer", "proved")
    assert found["weight_bits"] is found["activation_bits"] is None  # each layer has its own
    untrained = document(hwrts, "residual", "--channels", "4")
    for key in ("parameters", "memory_bits", "macs_per_input_pixel", "as_output", "receptive_field"):
        assert found[key] == untrained[key]
    assert found["accumulator_bits"] <= untrained["accumulator_bits"]
    inspected = json.loads(hwrts("inspect", stage, "--json").out)
    for ours, theirs in zip(found["layers"], inspected["layers"], strict=True):
        if "accumulator" in theirs:
            assert ours["accumulator"]["bits"] == max(theirs["accumulator"]["bits"])
        assert ours["line_rows"] == theirs["line_buffer_rows"]
    assert found["as_output"]["line_bits"] == 8 * inspected["line_buffer_bytes"]  # both at 1920
    by_file = document(hwrts, stage / "network.json")
    assert {**by_file, "network": ""} == {**found, "network": ""}
    assert "accumulator      " in (text := hwrts("cost", stage).out)
    assert "bits at most, proved" in text


def test_a_same_size_stage(hwrts, stage):
    found = document(hwrts, stage.with_name("stage2-same"))
    expected = document(hwrts, "residual", "--channels", "4", "--form", "same-size")
    assert found["scale"] == 1
    assert found["as_input"]["macs_per_second"] == expected["as_output"]["macs_per_second"]


@pytest.mark.parametrize("trained", [1.0, 0.4])
def test_a_stage_has_the_form_that_its_training_left_and_a_name_that_of_the_start(hwrts, tmp_path, trained):
    """A tap of 1 that was trained out of 0.5 to 2 stays in its kernel: no addition, no line memory for it."""
    torch.manual_seed(0)
    model = build_network(NetworkConfig(name="srcnn", channels=8)).eval()
    with torch.no_grad():
        dict(model.named_modules())["conv_out"].weight.mul_(trained)
    x = torch.rand(2, 3, 16, 16)
    made = start_qat(trace(model), QatConfig(), lambda step: x, SILENT)
    export_stage(StageFolder(tmp_path), made, "a test")
    at_start, found = document(hwrts, "srcnn", "--channels", "8"), document(hwrts, tmp_path)
    added = [layer for layer in at_start["layers"] if layer["name"] in ("carried", "picture")]
    assert len(added) == 2
    names = [layer["name"] for layer in found["layers"]]
    apart = trained == 1
    assert ("picture" in names, "carried" in names) == (apart, apart)
    memory = [each["as_output"]["line_bits"] for each in (at_start, found)]
    assert (memory[0] > memory[1]) == (not apart)
    assert apart == (memory[0] == memory[1])


def test_settings_from_a_file(hwrts, tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("[network]\nblocks = 2\nchannels = 8\n[qat]\nweight_bits = 5\n")
    found = document(hwrts, path, "--form", "drawn")
    assert found["parameters"]["weights"] == 9 * (3 * 8 + 2 * 64 + 8 * 3 + 36)
    assert found["weight_bits"] == 5
    assert document(hwrts, path, "--weight-bits", "4", "--blocks", "0")["weight_bits"] == 4
    assert document(hwrts, "paper", "--form", "drawn")["parameters"]["weights"] == 114_372


def test_refusals(hwrts, stage, tmp_path):
    assert_one_clear_line(hwrts("cost", "residul"), "'residul': no such network; did you mean 'residual'?")
    assert_one_clear_line(
        hwrts("cost", "vgg"), "'vgg': no such network; use residual, ", "a run or stage folder"
    )
    assert_one_clear_line(hwrts("cost", "residual", "--mode", "2160p6"), "did you mean '2160p60'", "4320p60")
    assert_one_clear_line(hwrts("cost", "residual", "--form", "x4"), "use drawn, x2, same-size")
    assert_one_clear_line(
        hwrts("cost", "residual", "--weight-bits", "9"), "--weight-bits (qat.weight_bits) = 9"
    )
    assert_one_clear_line(hwrts("cost", "residual", "--activation-bits", "1"), "(qat.activation_bits) = 1")
    assert_one_clear_line(hwrts("cost", "residual", "--blocks", "-1"), "(network.blocks) = -1")
    assert_one_clear_line(hwrts("cost", "none.toml"), "none.toml: cannot be read")
    assert_one_clear_line(hwrts("cost", tmp_path), "network.json: cannot be read")
    assert_one_clear_line(hwrts("cost", stage / "network.npz"), "network.npz: not TOML")
    assert_one_clear_line(hwrts("cost", stage, "--weight-bits", "4"), "leave out --form and the settings")
    assert_one_clear_line(hwrts("cost", stage, "--form", "drawn"), "leave out --form and the settings")
    (tmp_path / "network.json").write_text("{")
    assert_one_clear_line(hwrts("cost", tmp_path), "damaged JSON")
    (tmp_path / "my.toml").write_text("[network]\nblcks = 3\n")
    assert_one_clear_line(hwrts("cost", tmp_path / "my.toml"), "network.blcks", "did you mean 'blocks'")
    wrong = hwrts("cost", "residual", "--mod", "2160p60")
    assert wrong.code == 2
    assert "--mode" in wrong.err


def test_the_networks_are_those_that_the_settings_name():
    class Named(BaseModel):
        name: Literal["residual", "other"] = "residual"

    class Alone(BaseModel):
        blocks: int = 1

    assert network_names(Named) == ("residual", "other")
    assert network_names(Alone) == ("residual",)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_document(hwrts, workspace, command):
    words = shlex.split(command.replace("NAME/stage3", "tiny/stage2"))[1:]
    result = hwrts(*words)
    assert result.code == 0, result.err
    assert len(COMMANDS) == 5


@pytest.mark.parametrize("arguments", ["'cost', '--help'", "'cost', 'residual', '--mode', 'none'"])
def test_help_and_a_wrong_mode_load_no_torch(arguments):
    code = (
        f"import sys; sys.argv = ['hwrts', {arguments}]\n"
        "from hwrts.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(repr(sorted({'torch', 'onnx', 'brevitas', 'matplotlib'} & set(sys.modules)) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "''", done.stderr
