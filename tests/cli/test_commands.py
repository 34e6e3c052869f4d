"""The verbs on a finished run, as a user calls them."""

import hashlib
import json
import re
import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np
import pytest
from PIL import Image

from docs._site.files import HandoverFile

FILES = (
    "float.safetensors",
    "qat.safetensors",
    "network.npz",
    "network.json",
    "model.int8.onnx",
    "verify.json",
)


def test_the_run_left_every_file_that_others_rely_on(finished):
    run = finished / "runs" / "tiny"
    for stage in ("stage1", "stage2"):
        for name in (*FILES, "metrics.json"):
            assert (run / stage / name).stat().st_size > 0, (stage, name)
    for name in ("config.toml", "run.json", "metrics.jsonl", "report.html"):
        assert (run / name).stat().st_size > 0, name
    notes = json.loads((run / "run.json").read_text())
    assert notes["status"] == "finished"
    assert notes["best_stage"] == 2
    assert not list(run.rglob("*.tmp"))


def test_config_toml_runs_again_to_the_same_integers(workspace, hwrts):
    result = hwrts("run", "runs/tiny/config.toml", "--stages", "1", "--name", "again", "-q", "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert [stage["mismatches"] for stage in summary["stages"]] == [0, 0]
    for name in ("network.npz", "float.safetensors"):
        first, second = (workspace / "runs" / run / "stage1" / name for run in ("tiny", "again"))
        assert first.read_bytes() == second.read_bytes(), name


def test_resume_of_a_finished_run_changes_nothing(workspace, hwrts):
    before = {path: path.read_bytes() for path in (workspace / "runs/tiny").rglob("*.npz")}
    result = hwrts("run", "--resume", "runs/tiny")
    assert result.code == 0
    assert "finished already" in result.err
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.full_verdict
def test_verify_passes_and_says_how_much_it_compared(workspace, hwrts):
    result = hwrts("verify", "runs/tiny", "--stage", "2")  # all of them: tests/cli/test_readme.py
    assert result.code == 0
    assert re.search(r"PASSED: 0 of [\d,]{9,} codes differ", result.out)
    for witness in ("numpy fast", "onnxruntime fused", "onnxruntime unfused", "onnx.reference", "torch"):
        assert witness in result.out
    assert max(len(line) for line in result.out.splitlines() if "note:" not in line) <= 100


def test_verify_json_of_one_stage_and_one_layer(workspace, hwrts):
    recorded = (workspace / "runs/tiny/stage1/verify.json").read_bytes()
    result = hwrts("verify", "runs/tiny", "--stage", "1", "--layer", "conv_out", "--json")
    document = json.loads(result.out)
    assert document["passed"] is True
    assert list(document["stages"]) == ["1"]
    layers = {row["layer"] for row in document["stages"]["1"]["rows"]}
    assert layers == {"conv_out", "picture"}  # the handed-over file shows its output alone
    assert (
        workspace / "runs/tiny/stage1/verify.json"
    ).read_bytes() == recorded  # a part is no verdict of the whole


@pytest.mark.full_verdict
def test_verify_fails_with_the_first_difference_when_the_onnx_file_was_changed(workspace, hwrts):
    import onnx
    from onnx import numpy_helper

    path = workspace / "runs/tiny/stage2/model.int8.onnx"
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if t.name == "conv_ext_x.weight")
    codes = numpy_helper.to_array(weight).copy()
    codes[0, 0, 1, 1] ^= 1
    weight.CopyFrom(numpy_helper.from_array(codes, weight.name))
    onnx.save(model, path)
    result = hwrts("verify", "runs/tiny", "--stage", "2")
    assert result.code == 1
    assert "FAILED" in result.out
    assert "first difference: Witness onnx" in result.out
    assert "layer conv_ext_x" in result.out
    assert "reproduce: hwrts verify runs/tiny --stage 2 --layer conv_ext_x" in result.out
    assert json.loads((workspace / "runs/tiny/stage2/verify.json").read_text())["passed"] is False
    refused = hwrts("export", "runs/tiny", "--stage", "2", "-o", "out")
    assert refused.code == 2
    assert "FAILED" in refused.err
    assert not (workspace / "out").exists()


def test_enhance_takes_the_same_size_network_of_the_stage(workspace, hwrts):
    result = hwrts("enhance", "photos/photo0.png", "-o", "same.png", "--run", "runs/tiny")
    assert result.code == 0, result.err
    assert "stage 2-same" in result.err
    result = hwrts("enhance", "photos/photo0.png", "-o", "x2.png", "--run", "runs/tiny", "--x2")
    assert result.code == 0, result.err
    assert "stage 2 " in result.err
    refused = hwrts(
        "enhance", "photos/photo0.png", "-o", "no.png", "--run", "runs/tiny", "--x2", "--stage", "2-same"
    )
    assert refused.code == 2
    assert "keeps the size; use --stage 2" in refused.err


def test_quantize_makes_another_same_size_network(workspace, hwrts):
    arguments = ("--same-size", "--weight-bits", "4", "--qat-steps", "1", "-q", "--stage", "1")
    result = hwrts("quantize", "runs/tiny", *arguments)
    assert result.code == 0, result.err
    folder = workspace / "runs/tiny/stage1-same_w4a8s1"
    assert json.loads((folder / "verify.json").read_text())["passed"] is True
    described = json.loads(hwrts("inspect", folder, "--json").out)
    assert {layer["weight_bits"] for layer in described["layers"] if "weight_bits" in layer} == {4}
    assert "DepthToSpace" not in {layer["operator"] for layer in described["layers"]}


@pytest.mark.parametrize("size", ["--same-size", "--x2"])
def test_all_engines_write_the_same_bytes(workspace, hwrts, size):
    seen = set()
    for engine in ("onnxruntime", "numpy", "torch"):
        result = hwrts(
            "enhance",
            "photos/photo0.png",
            "-o",
            f"{engine}.png",
            "--run",
            "runs/tiny",
            size,
            "--engine",
            engine,
        )
        assert result.code == 0, result.err
        seen.add(hashlib.sha256((workspace / f"{engine}.png").read_bytes()).hexdigest())
    assert len(seen) == 1
    with Image.open(workspace / "numpy.png") as picture:
        assert picture.size == ((120, 96) if size == "--same-size" else (240, 192))


def test_enhance_takes_any_size_and_a_folder(workspace, hwrts):
    folder = workspace / "odd"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for height, width in ((1, 1), (1, 9), (17, 1), (31, 45)):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{height}x{width}.png")
    result = hwrts("enhance", folder, "-o", "enhanced", "--run", "runs/tiny", "--json", "-q")
    assert result.code == 0, result.err
    assert sorted((e["height"], e["width"]) for e in json.loads(result.out)) == [
        (1, 1),
        (1, 9),
        (17, 1),
        (31, 45),
    ]
    again = hwrts("enhance", folder, "-o", "enhanced", "--run", "runs/tiny")
    assert again.code == 2
    assert "exists already" in again.err


def test_quantize_makes_a_verified_variant_without_touching_the_float_stage(workspace, hwrts):
    weights = workspace / "runs/tiny/stage1/float.safetensors"
    before = weights.read_bytes()
    result = hwrts(
        "quantize", "runs/tiny", "--stage", "1", "--weight-bits", "4", "--activation-bits", "6", "-q"
    )
    assert result.code == 0, result.err
    assert weights.read_bytes() == before
    variant = workspace / "runs/tiny/stage1-w4a6"
    description = json.loads((variant / "network.json").read_text())
    assert {layer["weight_bits"] for layer in description["layers"] if layer["op"] == "Conv"} == {4}
    assert json.loads((variant / "verify.json").read_text())["mismatches"] == 0
    assert (
        hwrts("quantize", "runs/tiny", "--stage", "1", "--weight-bits", "4", "--activation-bits", "6").code
        == 2
    )
    assert hwrts("export", "runs/tiny", "--stage", "1-w4a6", "-o", "w4").code == 0


def test_hidden_tensors_of_a_variant_are_narrow_alone(workspace, hwrts):
    words = "quantize", "runs/tiny", "--stage", "1", "--weight-bits", "4", "--hidden-bits", "4", "-q"
    result = hwrts(*words, "--qat-steps", "0")
    assert result.code == 0, result.err
    variant = workspace / "runs/tiny/stage1-w4a8h4s0"
    layers = json.loads((variant / "network.json").read_text())["layers"]
    bits = {layer["name"]: layer["format"]["bits"] for layer in layers if layer["op"] in ("Conv", "Add")}
    assert {name for name, each in bits.items() if each == 4} == {"conv_in", "add", "conv_0"}
    assert (bits["conv_out"], bits["correction"], bits["picture"]) == (8, 8, 8)
    assert json.loads((variant / "verify.json").read_text())["mismatches"] == 0


def test_export_hands_over_one_folder_with_true_checksums(workspace, hwrts):
    result = hwrts("export", "runs/tiny", "-o", "out", "--json")
    manifest = json.loads(result.out)
    assert manifest == json.loads((workspace / "out/manifest.json").read_text())
    assert HandoverFile.model_validate(manifest).files.keys() == manifest["files"].keys()
    assert manifest["verdict"] == "PASSED"
    assert set(manifest["padding"].values()) == {"replicate"}
    assert manifest["padding_in_the_file"].startswith("Pad of mode edge on uint8")
    proved = {"model.int8.onnx", "network.json", "network.npz", "verify.json"}
    assert set(manifest["files"]) == {*proved, "model.qdq.onnx"}
    for name, entry in manifest["files"].items():
        assert hashlib.sha256((workspace / "out" / name).read_bytes()).hexdigest() == entry["sha256"]
    assert hwrts("export", "runs/tiny", "-o", "out").code == 2
    assert hwrts("export", "runs/tiny", "-o", "out", "--force").code == 0


UNPROVED = {
    "another file": lambda d: {**d, "sha256": {**d["sha256"], "model.int8.onnx": "0" * 64}},
    "no checksums": lambda d: {key: value for key, value in d.items() if key != "sha256"},
    "none of one file": lambda d: {**d, "sha256": {"network.npz": d["sha256"]["network.npz"]}},
    "an empty list of them": lambda d: {**d, "sha256": {}},
    "null for them": lambda d: {**d, "sha256": None},
    "no verdict": lambda d: {key: value for key, value in d.items() if key != "passed"},
    "a list": lambda d: [d],
}


@pytest.mark.parametrize("what", UNPROVED)
def test_files_that_nobody_proved_are_neither_used_nor_handed_over(workspace, hwrts, what):
    """enhance took any ONNX file when verify.json had no sha256, which export refused."""
    for stage in ("stage2", "stage2-same"):
        path = workspace / "runs/tiny" / stage / "verify.json"
        path.write_text(json.dumps(UNPROVED[what](json.loads(path.read_text()))))
    for command in (
        ("enhance", "photos/photo0.png", "-o", "out", "--run", "runs/tiny"),
        ("enhance", "photos/photo0.png", "-o", "out", "--run", "runs/tiny", "--x2", "--engine", "numpy"),
        ("export", "runs/tiny", "-o", "out"),
    ):
        refused = hwrts(*command)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.splitlines()[-1].startswith("error: ")
        assert "UNVERIFIED (" in refused.err
        assert not (workspace / "out").exists()
    allowed = hwrts("export", "runs/tiny", "-o", "out", "--unverified")
    assert allowed.code == 0
    assert "UNVERIFIED" in json.loads((workspace / "out/manifest.json").read_text())["verdict"]


def test_view_serves_the_graph_on_localhost(workspace):
    command = [sys.executable, "-m", "hwrts", "view", "runs/tiny", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()))
        reader.start()
        reader.join(timeout=60)
        try:
            url = re.search(r"http://localhost:\d+", lines[0])
            assert url, lines
            with urllib.request.urlopen(url[0], timeout=10) as page:
                assert b"netron" in page.read().lower()
        finally:
            process.terminate()


def test_info_names_versions_and_cpu_features(hwrts):
    result = hwrts("info", "--json")
    document = json.loads(result.out)
    assert document["onnxruntime"]
    assert {"avx2", "avx512_vnni", "avx512_bf16"} <= set(document["cpu flags"])
    assert document["device"] in ("cpu", "cuda", "mps")


def test_help_is_light_and_names_every_command():
    script = (
        "import sys\nsys.argv = ['hwrts', '--help']\nfrom hwrts.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'pydantic', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    print(f"{time.perf_counter() - start:.2f} s")
    assert done.returncode == 0, done.stderr
    for command in ("run", "quantize", "sensitivity", "verify", "export", "enhance", "view", "info"):
        assert re.search(rf"\b{command}\b", done.stdout), command


def test_help_shows_defaults_in_brackets(hwrts):
    """typer takes brackets for markup: [1000] once vanished from the help."""
    text = hwrts("run", "--help").out
    for default in ("[1000]", "[400]", "[half_even]", "[yes]"):
        assert default in text
    assert "[all]" in hwrts("verify", "--help").out
