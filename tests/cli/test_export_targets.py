"""hwrts export --target: the file beside the hand-over, the manifest, refusals of one line, the exit code."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from hwrts.export.clients.client import Client
from hwrts.export.clients.run import run_file

NEWEST = onnx.defs.onnx_opset_version()


def test_a_target_stands_beside_what_was_verified(workspace, hwrts):
    result = hwrts("export", "runs/tiny", "-o", "out", "--target", "onnx", "--size", "24x40")
    assert result.code == 0
    assert "onnxruntime" in result.out
    manifest = json.loads((workspace / "out/manifest.json").read_text())
    assert "model.qdq.onnx" in manifest["files"]
    assert "model.int8.onnx" in manifest["files"]
    target = manifest["target"]
    assert (target["name"], target["size"], target["boundary"]) == ("onnx", [24, 40], "uint8")
    assert all(check["codes_differing"] == 0 < check["codes_compared"] for check in target["checks"])
    assert "photograph 0" in target["pictures"]
    assert (
        hwrts("export", "runs/tiny", "-o", "out", "--target", "qnn", "--size", "24x40", "--force").code == 0
    )
    assert not (workspace / "out/model.qdq.onnx").exists()


def test_the_file_that_most_toolchains_take_is_handed_over_without_asking(workspace, hwrts):
    result = hwrts("export", "runs/tiny", "-o", "out")
    assert result.code == 0
    manifest = json.loads((workspace / "out/manifest.json").read_text())
    assert list(manifest["take"]) == ["model.qdq.onnx", "model.int8.onnx", "network.json"]
    assert manifest["take"]["model.qdq.onnx"].endswith("exact if they round half_even")
    assert f"take model.qdq.onnx for {manifest['take']['model.qdq.onnx']}" in result.out
    target = manifest["target"]
    assert (target["name"], target["file"], target["size"]) == ("onnx", "model.qdq.onnx", None)
    said = [(each["client"], each["codes_differing"]) for each in target["checks"]]
    assert said == [("onnxruntime", 0), ("onnxruntime, every layer", 0)]
    operators = target["operators"]
    assert operators["Relu"] >= 1
    assert "ConvInteger" not in operators


def test_a_network_without_that_form_is_handed_over_all_the_same(workspace, hwrts, monkeypatch):
    from hwrts.errors import HwrtsError

    def none(*args, **kwargs):
        raise HwrtsError("ONNX: layer 'up': its format is too coarse")

    monkeypatch.setattr("hwrts.runs.target.target_file", none)
    result = hwrts("export", "runs/tiny", "-o", "out")
    assert result.code == 0
    assert "model.qdq.onnx is left out: ONNX: layer 'up': its format is too coarse" in result.out
    manifest = json.loads((workspace / "out/manifest.json").read_text())
    assert list(manifest["take"]) == ["model.int8.onnx", "network.json"]
    asked = hwrts("export", "runs/tiny", "-o", "other", "--target", "onnx")
    assert (asked.code, asked.out) == (2, "")


def test_a_file_that_a_client_refuses_is_no_note_though_nobody_asked_for_it(workspace, hwrts, monkeypatch):
    from hwrts.export.onnx_writer import to_qdq

    def broken(*args, **kwargs):  # an operator that there is not
        model = to_qdq(*args, **kwargs)
        model.graph.node[0].op_type = "HwrtsNone"
        return model

    monkeypatch.setattr("hwrts.export.targets.file.to_qdq", broken)
    refused = hwrts("export", "runs/tiny", "-o", "out")
    assert (refused.code, refused.out) == (2, "")
    assert "error: ONNX file: ONNX Runtime refuses it" in refused.err
    assert not (workspace / "out").exists()


def test_an_opset_that_the_runtime_does_not_know_is_said(workspace, hwrts):
    """ONNX can be ahead of ONNX Runtime: the file may be right, and what to do is no other training."""
    import onnxruntime

    refused = hwrts("export", "runs/tiny", "-o", "out", "--opset", NEWEST)
    if refused.code == 0:
        pytest.skip(f"onnxruntime {onnxruntime.__version__} takes opset {NEWEST}")
    assert f"opset {NEWEST} may be too new for it: use --opset 19, or write it unrun by --no-check" in (
        " ".join(refused.err.split())
    )
    assert hwrts("export", "runs/tiny", "-o", "out", "--opset", NEWEST, "--no-check").code == 0


def test_what_nothing_computed_is_said(workspace, hwrts, monkeypatch):
    monkeypatch.setattr("hwrts.runs.target.unwitnessed", lambda network: f"nobody: {network.rules}")
    result = hwrts("export", "runs/tiny", "-o", "out")
    assert (result.code, "nobody: half_even" in result.out) == (0, True)
    assert json.loads((workspace / "out/manifest.json").read_text())["target"]["not_run"] == [
        "nobody: half_even"
    ]


def test_the_float_file_and_its_calibration_pictures(workspace, hwrts):
    assert hwrts("export", "runs/tiny", "-o", "out", "--target", "float", "--size", "24x40").code == 0
    target = json.loads((workspace / "out/manifest.json").read_text())["target"]
    assert target["checks"][0]["largest_difference"] < 1e-5
    picture = np.load(workspace / "out/calibration0.npy")
    assert (picture.shape, picture.dtype) == ((1, 3, 24, 40), np.float32)
    assert (workspace / "out/calibration0.png").is_file()


@pytest.mark.parametrize("target", ["tflite", "ethos-u", "tosa"])
def test_the_tensorflow_lite_file(workspace, hwrts, target):
    from hwrts.export.tflite import TFLITE_TARGETS, to_tflite
    from hwrts.fixed_point import load_network

    options = ("--target", target, "--size", "24x40", "--no-check")
    made = hwrts("export", "runs/tiny", "-o", "out", *options)
    assert made.code == 0
    printed = " ".join(made.out.split())
    said = json.loads((workspace / "out/manifest.json").read_text())["target"]
    assert (said["size"], said["layout"]) == ([24, 40], "NHWC, one picture")
    assert said["not_run"] == ["not run in any client: --no-check"]
    assert (said["boundary"], said["stored_zero"]["picture"]) == ("int8", -128)
    assert f"take model.{target}.tflite for {said['purpose']}" in printed
    plain = hwrts("export", "runs/tiny", "-o", "plain", "--target", "iree", *options[2:])
    assert plain.code == 0
    keys = json.loads((workspace / "plain/manifest.json").read_text())["target"]
    assert set(said) >= set(keys)
    assert all(isinstance(said[key], type(keys[key])) for key in keys if key != "opset")
    file = to_tflite(load_network(workspace / "out"), (24, 40), TFLITE_TARGETS[target].flavour)
    assert (workspace / f"out/model.{target}.tflite").read_bytes() == file.model


def test_runtimes_of_the_tensorflow_lite_file_are_run_or_named(workspace, hwrts):
    from hwrts.export.clients import clients_of

    result = hwrts("export", "runs/tiny", "-o", "out", "--target", "tflite", "--size", "24x40")
    assert result.code == 0
    said = json.loads((workspace / "out/manifest.json").read_text())["target"]
    ran = {check["client"] for check in said["checks"]}
    clients = clients_of("tflite")
    assert ran == {name for name, client in clients.items() if client.python is not None}
    assert all(check["codes_differing"] == 0 < check["codes_compared"] for check in said["checks"])
    assert [line.split(":")[0] for line in said["not_run"]] == [name for name in clients if name not in ran]


def test_what_no_client_computed_here_is_said(workspace, hwrts):
    result = hwrts("export", "runs/tiny", "-o", "out", "--target", "rknn", "--size", "24x40", "--no-check")
    assert result.code == 0
    said = " ".join(result.out.split())
    assert "note: codes that differ in its simulator are counted, and are no verdict" in said
    assert (
        "take model.rknn.onnx for Rockchip RKNN, whose simulator is exact under no rule that was tried"
        in said
    )
    assert "tried, exact if" not in said


def test_a_client_of_no_known_rule_is_a_report_and_never_a_pass(workspace, hwrts, monkeypatch):
    """Its simulator is played by ONNX Runtime, of which one code in each picture is made another, or none."""
    away = [1]

    def simulator(file, pictures, client="onnxruntime"):
        made, _ = run_file(file, pictures)
        for outputs in made if client == "rknn" else ():
            for codes in outputs.values():
                codes[0, 0, 0] += away[0] * (1 if codes[0, 0, 0] == 0 else -1)
        return made, "played"

    monkeypatch.setattr("hwrts.export.clients.check.run_file", simulator)
    monkeypatch.setattr(Client, "python", Path(sys.executable))
    words = ("runs/tiny", "-o", "out", "--target", "rknn", "--size", "24x40")
    result = hwrts("export", *words)
    said = json.loads((workspace / "out/manifest.json").read_text())["target"]
    found = {check["client"]: check for check in said["checks"]}
    assert (result.code, found["onnxruntime"]["codes_differing"]) == (0, 0)
    assert found["rknn"]["codes_differing"] == len(said["pictures"])
    assert (said["client"], found["rknn"]["client_rounds_convolutions"]) == ("rknn", None)
    assert f"rknn: {len(said['pictures'])} of " in result.err
    assert "under no rounding rule that was tried: a report and no verdict" in result.err
    for away[0], verdict in ((1, "FAILED"), (0, "NOT PASSED")):
        result = hwrts("verify", "runs/tiny", "--client", "out/model.rknn.onnx", "--in", "rknn")
        last = result.out.splitlines()[-1]
        assert (result.code, last.split(":")[0]) == (1, verdict)
        assert last.endswith("codes differ; rknn is exact under no rounding rule that was tried")


def test_vela_that_is_not_there_is_named(workspace, hwrts, monkeypatch):
    from dataclasses import replace

    from hwrts.export.tflite import TFLITE_TARGETS

    monkeypatch.setattr("hwrts.runs.tflite_file.python_with", lambda *words: None)
    alone = replace(TFLITE_TARGETS["ethos-u"], clients=())
    monkeypatch.setattr("hwrts.runs.tflite_file.TFLITE_TARGETS", {"ethos-u": alone})
    result = hwrts("export", "runs/tiny", "-o", "out", "--target", "ethos-u", "--size", "24x40")
    assert result.code == 0
    said = json.loads((workspace / "out/manifest.json").read_text())["target"]
    assert "vela" not in said
    (sentence,) = said["not_run"]
    assert sentence.startswith(
        "vela: is not installed, so the file was not run in it; pip install hwrts[vela]"
    )


def test_codes_that_differ_are_exit_code_1(workspace, hwrts, monkeypatch):
    from hwrts.export.clients import ClientFile

    codes = ClientFile.codes
    monkeypatch.setattr(
        ClientFile,
        "codes",
        lambda self, made: {name: x ^ 1 for name, x in codes(self, made).items()},
    )
    result = hwrts("export", "runs/tiny", "-o", "out", "--target", "onnx", "--size", "24x40")
    assert result.code == 1
    check, *_ = json.loads((workspace / "out/manifest.json").read_text())["target"]["checks"]
    assert check["codes_differing"] == check["codes_compared"]
    unchecked = hwrts("export", "runs/tiny", "-o", "other", "--target", "onnx", "--no-check")
    assert unchecked.code == 0
    assert "not run in any client: --no-check" in unchecked.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "qnn"), "--target qnn: takes no open height and width; add --size such as 360x640"),
        (("--target", "onnx", "--size", "20"), "--size '20': is no height and width; write it as 360x640"),
        (("--target", "qmm"), "--target 'qmm': there is none of that name; use onnx, qnn"),
        (
            ("--target", "tflite"),
            "--target tflite: takes no open height and width; add --size such as 360x640",
        ),
        (
            ("--target", "tflite", "--size", "24x40", "--opset", "19"),
            "--opset and --ir-version: are of ONNX files",
        ),
        (("--size", "0x20"), "--size '0x20': is no height and width; write it as 360x640"),
        (("--opset", "12"), f"--target onnx: --opset 12: use 13 to {NEWEST}, or leave it out"),
        (("--opset", "-1"), f"--target onnx: --opset -1: use 13 to {NEWEST}, or leave it out"),
        (
            ("--target", "float", "--opset", str(2**70)),
            "--target float: --opset 1180591620717411303424: use 13",
        ),
        (
            ("--ir-version", "0"),
            f"--target onnx: --ir-version 0: use 4 to {onnx.IR_VERSION}, or leave it out",
        ),
        (("--target", "float", "--ir-version", "99"), "--target float: --ir-version 99: use 4 to"),
    ],
)
def test_refusals(workspace, hwrts, options, said):
    refused = hwrts("export", "runs/tiny", "-o", "out", *options)
    assert (refused.code, refused.out) == (2, "")
    assert said in " ".join(refused.err.split())
    assert not (workspace / "out").exists()


@pytest.mark.parametrize(
    ("target", "rules", "bits"),
    [
        ("onnx", "half_even", 8),
        ("qnn", "half_up", 8),
        ("tflite", "half_even,half_up", 8),
        ("ethos-u", "double,half_away", 8),
        ("tosa", "half_up", 8),
        ("verisilicon", "half_even", 8),
        ("tensorrt", "half_even", 7),
    ],
)
def test_what_a_network_is_trained_for(target, rules, bits):
    from hwrts.runs.target import trained_for

    settings = trained_for(target)
    assert (settings["rounding"], settings.get("activation_bits", 8)) == (rules, bits)


def test_a_network_quantised_for_a_client_is_what_it_computes(workspace, hwrts):
    made = hwrts("quantize", "runs/tiny", "--target", "qnn", "--qat-steps", "0")
    assert made.code == 0, made.err
    (stage,) = (workspace / "runs/tiny").glob("stage*_half_up")
    name = stage.name.removeprefix("stage")
    said = (
        f"next: hwrts export runs/tiny --stage {name} --target qnn --size HxW -o DIR "
        f"hwrts handover runs/tiny --stage {name} -o kit"
    )
    assert said in " ".join(made.out.split())
    size = ("--target", "qnn", "--size", "24x40", "--no-check")
    assert hwrts("export", "runs/tiny", "--stage", name, "-o", "out", *size).code == 0
    said = json.loads((workspace / "out/manifest.json").read_text())["target"]
    assert said["rounding"] == said["client_rounds_convolutions"] == "half_up"
    # without a target: of its rule ONNX Runtime has no kernel, NumPy computes the file by it
    assert hwrts("export", "runs/tiny", "--stage", name, "-o", "any").code == 0
    manifest = json.loads((workspace / "any/manifest.json").read_text())
    assert manifest["take"]["model.qdq.onnx"].endswith("exact if they round half_up")
    assert "integer operators" in manifest["take"]["model.int8.onnx"]
    *_, numpy = manifest["target"]["checks"]
    assert (numpy["client"], numpy["client_rounds_additions"]) == ("onnx.reference, every layer", "half_up")
    assert numpy["codes_differing"] == 0 < numpy["codes_compared"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("target", "rules", "other"),
    [
        (
            "tflite",
            "double,half_away",
            "litert",
        ),  # the reference kernels compute it, LiteRT's default another
        ("tflite", "half_even,half_up", None),
        ("tflite", "half_even", None),  # computed by no runtime, which another warning says
        ("tosa", "double,half_away", None),
        ("tosa", "half_up", None),  # what to set is the note
        ("ethos-u", "double,half_away", None),
    ],
)
def test_a_runtime_that_rounds_otherwise_where_nothing_is_set_is_said(
    workspace, hwrts, monkeypatch, target, rules, other, check
):
    from dataclasses import replace

    from hwrts.export.clients import CLIENTS, under
    from hwrts.fixed_point import RoundingRules, load_network
    from hwrts.runs import target as of_all
    from hwrts.runs import tflite_file

    found = RoundingRules.parse(rules)
    monkeypatch.setattr(of_all, "load_network", lambda root: under(load_network(root), found))
    monkeypatch.setattr(tflite_file, "load_fed", lambda run, network: {})
    monkeypatch.setattr(tflite_file, "python_with", lambda *words: None)
    for name, client in CLIENTS.items():
        monkeypatch.setitem(CLIENTS, name, replace(client, module="none", environment="none"))
    words = ("-o", "out", "--target", target, "--size", "6x8", *(() if check else ("--no-check",)))
    result = hwrts("export", "runs/tiny", *words)
    assert result.code == 0, result.err
    said = json.loads((workspace / "out/manifest.json").read_text())["target"]["other_default"]
    err = " ".join(result.err.split())
    assert ("where nothing is set" in err) is (other is not None)
    if other is None:
        assert said is None
        return
    assert (said["client"], said["client_rounds_convolutions"]) == (other, "half_even")
    count = said["codes_that_its_rounding_changes"] if check else None
    assert count is None or count > 0
    assert (
        "--target tflite: the network is what litert-reference computes (double, half_away); litert, which "
        f"runs where nothing is set, rounds (half_even, half_up), which changes "
        f"{'codes' if count is None else f'{count:,} codes'}; choose litert-reference there, or quantize "
        "with --target tflite"
    ) in err


@pytest.mark.parametrize(
    ("target", "rules", "advised"),
    [
        ("verisilicon", "half_even", False),
        ("verisilicon", "half_even,floor", True),
        ("ethos-u", "double,half_away", False),
        ("ethos-u", "half_even,half_up", True),
        ("tflite", "double,half_away", False),
        ("tosa", "double,half_away", False),
        ("tosa", "half_even", True),
    ],
)
def test_rules_are_advised_by_the_target_and_not_by_a_client(
    workspace, hwrts, monkeypatch, target, rules, advised
):
    from dataclasses import replace

    from hwrts.export.clients import CLIENTS, under
    from hwrts.fixed_point import RoundingRules, load_network
    from hwrts.runs import target as of_onnx
    from hwrts.runs import tflite_file as of_tflite

    monkeypatch.setattr(
        of_onnx, "load_network", lambda root: under(load_network(root), RoundingRules.parse(rules))
    )
    for module in (of_onnx, of_tflite):
        monkeypatch.setattr(module, "load_fed", lambda run, network: {})
    for name, client in CLIENTS.items():  # none is there, and each is asked what it would say
        if name != "onnxruntime":
            monkeypatch.setitem(CLIENTS, name, replace(client, module="none", environment="none"))
    monkeypatch.setattr(of_tflite, "python_with", lambda *words: None)
    result = hwrts("export", "runs/tiny", "-o", "out", "--target", target, "--size", "6x8")
    assert result.code == 0, result.err
    entry = json.loads((workspace / "out/manifest.json").read_text())["target"]
    assert (entry["codes_that_its_rounding_changes"] > 0) is advised
    said = " ".join(result.err.split())
    assert ("in another way than the network was trained for" in said) is advised
    assert (f"codes; quantize with --target {target}" in said) is advised
    assert "--rounding" not in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("qnn", "--rounding", "floor"), "--target qnn: needs --rounding half_up, floor is given"),
        (("tensorrt", "--activation-bits", "8"), "--target tensorrt: needs --activation-bits 7, 8 is given"),
        (("rknn",), "--target rknn: no rounding rule is known of it; choose one with --rounding"),
        (("float",), "--target float: its client quantises on its own"),
        (("chip",), "--target 'chip': there is none of that name"),
    ],
)
def test_what_cannot_be_trained_for_is_said(workspace, hwrts, options, said):
    result = hwrts("quantize", "runs/tiny", "--target", *options)
    assert result.code == 2
    assert said in result.err


def test_a_run_remembers_what_was_handed_over(workspace, hwrts):
    run = workspace / "runs/tiny"
    assert hwrts("export", "runs/tiny", "-o", "plain").code == 0
    assert not (run / "exports.json").exists()
    for out, size in (("a", "24x40"), ("b", "16x20"), ("c", "24x40")):
        assert hwrts("export", "runs/tiny", "-o", out, "--target", "rknn", "--size", size).code == 0
    entries = json.loads((run / "exports.json").read_text())["exports"]
    assert [(each["target"], each["size"]) for each in entries] == [("rknn", [16, 20]), ("rknn", [24, 40])]
    manifest = json.loads((workspace / "c/manifest.json").read_text())
    assert entries[1]["bytes"] == manifest["files"]["model.rknn.onnx"]["bytes"]
    assert entries[1]["bytes"] == manifest["target"]["bytes"]
    assert entries[1]["checks"] == manifest["target"]["checks"]
    report = (run / "report.html").read_text("utf-8")
    assert "<h2>Exports</h2>" in report
    assert "24x40" in report


def test_a_damaged_memory_of_hand_overs_keeps_none_from_its_end(workspace, hwrts):
    (workspace / "runs/tiny/exports.json").write_text("{")
    result = hwrts("export", "runs/tiny", "-o", "out", "--target", "rknn", "--size", "24x40")
    assert (result.code, (workspace / "out/manifest.json").is_file()) == (0, True)
    assert "not in the run's report: " in result.err
    assert "exports.json: missing or damaged" in result.err
