"""hwrts sensitivity, and quantize with widths of single layers or a budget for them."""

import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from hwrts.cli.app import app, register_commands
from hwrts.cli.widths import parse_layer_widths, parse_widths
from hwrts.errors import ConfigError
from hwrts.settings_file import parse_config
from hwrts.training.checkpoint import load_weights

from .test_bad_input import assert_one_clear_line

DOCUMENT = (Path(__file__).parents[2] / "docs" / "sensitivity.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (hwrts .+)$", DOCUMENT, re.MULTILINE)

LAYERS = {"conv_in": 108, "conv_0": 144, "conv_out": 108, "conv_ext_x": 324, "conv_ext_r": 324}
WEIGHTS = sum(LAYERS.values())


def widths_of(folder):
    document = json.loads((folder / "network.json").read_text())
    return {layer["name"]: layer["weight_bits"] for layer in document["layers"] if layer["op"] == "Conv"}


@pytest.mark.parametrize(
    ("text", "widths"),
    [("2-7", [2, 3, 4, 5, 6, 7]), ("4,6", [4, 6]), ("6, 4,6", [4, 6]), ("5", [5]), ("3-3", [3])],
)
def test_widths(text, widths):
    assert parse_widths("--bits", text, 7) == widths


@pytest.mark.parametrize("text", ["", "8", "1-4", "6-4", "4,,5", "4-", "a", "4;5", "2-3-4", "-4", "4.0"])
def test_widths_that_are_none(text):
    with pytest.raises(ConfigError, match="--bits '"):
        parse_widths("--bits", text, 7)


@pytest.mark.parametrize("text", ["", "conv_in", "conv_in=", "=4", "conv_in=4,", "a=x", "a=4,a=5", "a=-4"])
def test_layer_widths_that_are_none(text):
    assert parse_layer_widths("--layer-weight-bits", "a=4, b.c=15") == {
        "a": 4,
        "b.c": 15,
    }  # whether 15 is allowed the settings say
    with pytest.raises(ConfigError, match=r"--layer-weight-bits '.*give each layer once with its width"):
        parse_layer_widths("--layer-weight-bits", text)


def test_the_document_says_what_can_be_said():
    """Its commands parse (each is run below with other numbers), and its settings are allowed."""
    register_commands()
    group: Any = typer.main.get_command(app)  # typer's own copy of click.Group
    assert [command.split()[1] for command in COMMANDS] == [*["sensitivity"] * 2, *["quantize"] * 3]
    for command in COMMANDS:
        words = shlex.split(command)[1:]
        context = group.make_context("hwrts", list(words), resilient_parsing=True)
        name, verb, rest = group.resolve_command(context, words)
        with verb.make_context(name, rest):
            pass
    settings = re.search(r"^    \[qat\]\n(?:    .+\n)+", DOCUMENT, re.MULTILINE)
    qat = parse_config(tomllib.loads(settings[0].replace("    ", "")), "test").qat
    assert qat.layer_weight_bits == {"conv_in": 8, "conv_out": 8, "fold_x": 8}


def test_a_table_a_file_and_a_plot(workspace, hwrts):
    result = hwrts("sensitivity", "runs/tiny", "--stage", "2", "--bits", "2,4", "-q")
    assert result.code == 0, result.err
    assert result.err == ""
    assert "stage 2: PSNR against its int8 output" in result.out
    for words in ("loss against the original", "loss against the target", "4 bits", "2 bits", *LAYERS):
        assert words in result.out
    assert len(re.findall(r"dB; int8 has \d+\.\d\d, bicubic \d+\.\d\d$", result.out, re.MULTILINE)) == 2
    assert max(map(len, result.out.splitlines())) <= 100
    document = json.loads((workspace / "runs/tiny/stage2/sensitivity.json").read_text())
    assert {layer["name"]: layer["weights"] for layer in document["layers"]} == LAYERS
    assert (workspace / "runs/tiny/stage2/sensitivity.svg").read_text().startswith("<svg")
    same = hwrts("sensitivity", "runs/tiny", "--stage", "1-same", "--bits", "4", "--json")
    assert same.code == 0, same.err
    found = json.loads(same.out)
    assert (found["stage"], list(found["psnr_db"])) == ("1-same", ["target"])
    assert found["bicubic_db"] == {}  # nothing is enlarged
    assert {layer["name"] for layer in found["layers"]} >= {"fold_x", "fold_r"}
    verified = hwrts("verify", "runs/tiny", "--stage", "2", "--stimulus", "ramp", "--json")
    assert verified.code == 0  # the new files are no part of the verdict


def test_a_budget_becomes_a_verified_variant(workspace, hwrts):
    kib = 4.5 * WEIGHTS / 8192
    arguments = ("quantize", "runs/tiny", "--stage", "1", "--weight-kib", f"{kib}", "--qat-steps", "1")
    result = hwrts(*arguments, "-q")
    assert result.code == 0, result.err
    assert "widths chosen by the sensitivity of stage 1" in result.out
    (variant,) = (workspace / "runs/tiny").glob("stage1-w*")
    widths = widths_of(variant)
    assert variant.name == f"stage1-w{''.join(map(str, widths.values()))}a8s1"
    used = sum(LAYERS[name] * bits for name, bits in widths.items())
    assert 3.5 * WEIGHTS < used <= 4.5 * WEIGHTS
    assert f"weights {used / 8192:.3f} of " in result.out
    assert json.loads((variant / "verify.json").read_text())["passed"] is True
    described = json.loads(hwrts("inspect", variant, "--json").out)
    assert {e["name"]: e["weight_bits"] for e in described["layers"] if "weight_bits" in e} == widths
    assert json.loads(hwrts("cost", variant, "--json").out)["memory_bits"]["weights"] == used
    # measured once: the file of the stage is read again, and the same choice is the same folder
    measured = workspace / "runs/tiny/stage1/sensitivity.json"
    before = measured.stat().st_mtime_ns
    assert_one_clear_line(hwrts(*arguments), variant.name, "exists already")
    assert measured.stat().st_mtime_ns == before
    assert hwrts("enhance", "photos/photo0.png", "-o", "x.png", "--run", "runs/tiny", "--x2", "--stage",
                 variant.name.removeprefix("stage")).code == 0  # fmt: skip


def test_accumulators_that_fit(workspace, hwrts):
    run = ("quantize", "runs/tiny", "--stage", "1", "--qat-steps", "2", "-q")
    result = hwrts(*run, "--accumulator-bits", "13", "--layer-accumulator-bits", "conv_0=12")
    assert result.code == 0, result.err
    variant = workspace / "runs/tiny/stage1-w8a8p13_12_13_13_13s2"
    described = json.loads(hwrts("inspect", variant, "--json").out)
    proofs = {entry["name"]: entry for entry in described["layers"] if "kernel" in entry}
    for name, entry in proofs.items():
        proof, attacked = entry["accumulator"], entry["attacked"]
        assert max(proof["bits"]) <= (12 if name == "conv_0" else 13)
        assert (attacked["lowest"], attacked["highest"]) == (proof["lowest"], proof["highest"])
    cost = json.loads(hwrts("cost", variant, "--json").out)
    assert cost["accumulator_bits"] <= 13
    assert (
        hwrts("handover", "runs/tiny", "--stage", variant.name.removeprefix("stage"), "-o", "kit").code == 0
    )
    manifest = json.loads((workspace / "kit/manifest.json").read_text())
    assert manifest["accumulator_bits"]["conv_0"] == max(proofs["conv_0"]["accumulator"]["bits"])
    same = hwrts(*run, "--accumulator-bits", "14", "--same-size")
    assert same.code == 0, same.err
    assert (workspace / "runs/tiny/stage1-same_w8a8p14s2/verify.json").is_file()


def test_few_bits_settle_in_runs_of_before_too(workspace, hwrts):
    file = workspace / "runs/tiny/config.toml"
    text = file.read_text()
    run = ("quantize", "runs/tiny", "--stage", "1", "--weight-bits", "4", "--qat-steps", "1", "-q")
    for said, folder, settles in (
        ("settle = false", "stage1-w4a8s1_unsettled", False),
        ("", "stage1-w4a8s1", True),
    ):
        assert "settle = true\n" in text
        file.write_text(text.replace("settle = true\n", f"{said}\n"))
        notes = json.loads((workspace / "runs/tiny/run.json").read_text())
        notes.pop("settings_sha256", None)
        (workspace / "runs/tiny/run.json").write_text(json.dumps(notes))
        result = hwrts(*run)
        assert result.code == 0, result.err
        _, note = load_weights(workspace / "runs/tiny" / folder / "qat.safetensors")
        assert note.get("settle", False) is settles


def test_a_budget_for_the_same_size_network_and_few_widths(workspace, hwrts):
    result = hwrts(
        "quantize", "runs/tiny", "--stage", "1", "--same-size", "--weight-kib", "0.55", "--widths", "4,8",
        "--qat-steps", "0", "-q", "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    (variant,) = (workspace / "runs/tiny").glob("stage1-same_w*")
    assert set(widths_of(variant).values()) == {4, 8}
    assert "fold_x" in widths_of(variant)
    choice = json.loads(result.out)["choice"]
    assert choice["widths"] == widths_of(variant)
    assert choice["weight_bits"] <= 0.55 * 8192


def test_widths_of_single_layers(workspace, hwrts):
    result = hwrts(
        "quantize",
        "runs/tiny",
        "--stage",
        "1",
        "--weight-bits",
        "6",
        "--layer-weight-bits",
        "conv_0=3,conv_ext_r=8",
        "--qat-steps",
        "0",
        "-q",
    )
    assert result.code == 0, result.err
    expected = {"conv_in": 6, "conv_0": 3, "conv_out": 6, "conv_ext_x": 6, "conv_ext_r": 8}
    assert widths_of(workspace / "runs/tiny/stage1-w63668a8s0") == expected


def test_a_run_with_widths_of_its_own(workspace, hwrts):
    settings = (workspace / "runs/tiny/config.toml").read_text()
    table = "[qat.layer_weight_bits]\n"
    assert table in settings
    (workspace / "my.toml").write_text(settings.replace(table, f"{table}conv_0 = 5\nfold_x = 4\n"))
    result = hwrts("run", "my.toml", "--name", "own", "--stages", "1", "--no-same-size", "-q")
    assert result.code == 0, result.err
    run = workspace / "runs/own"
    assert set(widths_of(run / "stage1").items()) >= {("conv_0", 5), ("conv_in", 8), ("conv_ext_x", 8)}
    assert "of 5 to 8 bits" in (run / "report.html").read_text()
    found = json.loads(hwrts("cost", "my.toml", "--json").out)
    assert found["layer_weight_bits"] == {"conv_0": 5}
    assert found["memory_bits"]["weights"] == 8 * WEIGHTS - 3 * LAYERS["conv_0"]
    assert "5..8-bit weights" in hwrts("cost", "my.toml").out
    assert hwrts("quantize", run, "--weight-bits", "6", "--qat-steps", "0", "-q").code == 0
    assert set(widths_of(run / "stage1-w6a8s0").values()) == {6}  # one width was asked for
    (run / "stage1-w85888a8s0").mkdir()  # what it is called if the run's own widths are kept
    shutil.copytree(run / "stage1-w6a8s0", run / "stage1-w85888a8s0", dirs_exist_ok=True)
    kept = hwrts("quantize", run, "--qat-steps", "0", "-q")
    assert_one_clear_line(kept, "stage1-w85888a8s0: exists already")


def test_own_modules_take_widths_of_layers(workspace, hwrts):
    (workspace / "plain.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    last = nn.Conv2d(4, 3, 1)\n"
        "    nn.init.constant_(last.bias, 0.5)  # the output of random weights is no picture\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), last)\n"
    )
    command = ("quantize", "plain.py:build", "--data", "photos", "-q")
    assert_one_clear_line(hwrts(*command, "--layer-weight-bits", "2=4,3=4"), "no layer '3'", "it has 0, 2")
    assert_one_clear_line(hwrts(*command, "--weight-kib", "1"), "--weight-kib: needs the sensitivity")
    result = hwrts(*command, "--layer-weight-bits", "2=4")
    assert result.code == 0, result.err
    assert list(widths_of(workspace / "runs/plain-build/stage1").values()) == [8, 4]
    assert_one_clear_line(hwrts("sensitivity", "runs/plain-build"), "plain-build", "module of your own")


def test_refusals(workspace, hwrts):
    run = ("quantize", "runs/tiny", "--stage", "1")
    assert_one_clear_line(hwrts("sensitivity", "runs/tiny", "--bits", "8"), "--bits '8'", "2..7")
    assert_one_clear_line(hwrts("sensitivity", "runs/tiny", "--stage", "9"), "stage 9 is not finished")
    assert_one_clear_line(hwrts("sensitivity", "nowhere"), "nowhere: is not a run folder")
    least = f"the least possible is {-(-2 * WEIGHTS * 1000 // 8192) / 1000:.3f} KiB"
    assert_one_clear_line(hwrts(*run, "--weight-kib", "0.1"), "--weight-kib 0.1: cannot hold", least)
    for wrong in ("0", "-1", "nan", "inf"):
        assert_one_clear_line(hwrts(*run, "--weight-kib", wrong), "--weight-kib", "is no memory")
    assert_one_clear_line(hwrts(*run, "--widths", "4,8"), "--widths: is of --weight-kib")
    assert_one_clear_line(hwrts(*run, "--weight-kib", "1", "--widths", "4,9"), "--widths '4,9'", "2..8")
    for flag in (("--weight-bits", "4"), ("--reduce-range",), ("--layer-weight-bits", "conv_0=4")):
        assert_one_clear_line(hwrts(*run, "--weight-kib", "1", *flag), "--weight-kib: chooses", "leave out")
    assert_one_clear_line(hwrts(*run, "--layer-weight-bits", "conv_0"), "give each layer once")
    message = "no layer 'fold_x' with weights; it has conv_in, conv_0, conv_out, conv_ext_x, conv_ext_r"
    assert_one_clear_line(hwrts(*run, "--layer-weight-bits", "fold_x=4"), message)
    assert_one_clear_line(hwrts(*run, "--layer-weight-bits", "conv_0=9"), "qat.layer_weight_bits.conv_0 = 9")
    for words, said in {
        ("--accumulator-bits", "25"): "--accumulator-bits (qat.accumulator_bits) = 25 is not allowed",
        ("--layer-accumulator-bits", "conv_0"): "--layer-accumulator-bits 'conv_0': give each layer once",
        ("--layer-accumulator-bits", "conv_9=16"): "qat.layer_accumulator_bits: the network has no layer",
        ("--accumulator-bits", "8"): "--accumulator-bits (qat.accumulator_bits) = 8 is not allowed",
    }.items():
        assert_one_clear_line(hwrts(*run, *words), said)
    made = {path.name for path in (workspace / "runs/tiny").glob("stage*")}
    assert made == {"stage1", "stage1-same", "stage2", "stage2-same"}
    shutil.rmtree(workspace / "runs/tiny/data")
    assert_one_clear_line(hwrts("sensitivity", "runs/tiny"), "data/val")
