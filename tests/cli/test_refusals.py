"""Wrong uses that other tests of commands do not end in: what is typed, and the line that it gives."""

import shutil
import socket

import pytest

OWN = """
import torch
from torch import nn

number = 7

class Lazy(nn.Module):
    def __init__(self):
        pass

def broken():
    raise KeyError("no")

def no_module():
    return 7

def unready():
    return Lazy()

def infinite():
    layer = nn.Conv2d(3, 3, 1)
    nn.init.constant_(layer.weight, float("inf"))
    return layer

def meta():
    return nn.Conv2d(3, 3, 1, device="meta")
"""
PHOTOS = ["photos/photo0.png", "photos/photo1.png"]


def quantize(function, *more):
    return ["quantize", f"own.py:{function}", "--check", *more]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["cost", "residual", "--form", "x9"],
            "--form 'x9' is not allowed: use drawn, x2, same-size",
        ),
        (
            ["cost", "residual", "--stage", "2"],
            "--stage 2: is for run folders, and residual is none; leave it out",
        ),
        (
            ["cost", "runs/tiny", "--form", "x2"],
            "runs/tiny: an integer network has its own form and widths; leave out --form and the settings",
        ),
        (
            ["cost", "nothing"],
            "'nothing': no such network; use residual, srcnn, vdsr, srresnet, edsr, abpn, "
            "quicksrnet, sesr, espcn, ecbsr, imdn, rlfn, span, xlsr, fsrcnn, unet, paper, upscale, "
            "a TOML file, or a run or stage folder",
        ),
        (
            ["enhance", *PHOTOS, "-o", "photos/photo2.png", "--run", "runs/tiny"],
            "photos/photo2.png: is a file; several pictures need a folder as --output",
        ),
        (
            ["enhance", "photos", "again", "-o", "out", "--run", "runs/tiny"],
            "out/photo0.png: two of the pictures would be written to it; enhance them in two calls",
        ),
        (
            ["enhance", "photos/photo0.png", "-o", "taken", "--run", "runs/tiny", "--force"],
            "taken/photo0.png: is a folder, which --force does not replace; move it away",
        ),
        (
            ["enhance", "nothing.png", "-o", "out.png", "--run", "runs/tiny"],
            "nothing.png: no such picture; give files or folders of pictures",
        ),
        (
            ["evaluate", "runs/tiny", "--data", "photos", "--lr", "nothing"],
            "--lr nothing: is no folder; give bicubic, bilinear, or a folder of LR pictures",
        ),
        (
            ["evaluate", "runs/tiny", "--data", "photos", "--stage", "same_2"],
            "runs/tiny: stage same_2 is not finished (finished: 1, 1-same, 2, 2-same); continue "
            "the run with: hwrts run --resume runs/tiny",
        ),
        (
            ["quantize", "own.py"],
            "own.py: name the function that makes the module, as own.py:build",
        ),
        (
            ["quantize", "runs/tiny", "--activation-bits", "4", "--hidden-bits", "8"],
            "--hidden-bits: would do nothing: qat.activation_bits = 4 is the most that any of these tensors "
            "has",
        ),
        (
            ["quantize", "runs/tiny", "--stage", "1", "--skip-bits", "10"],
            "--skip-bits 10: would do nothing: no hidden tensor of this network carries the picture past a "
            "kernel to a sum; use 8",
        ),
        (
            ["quantize", "runs/tiny", "--skip-bits", "10", "--exact-additions"],
            "--skip-bits: would do nothing: qat.exact_additions = true puts all that is added on the grid of "
            "the sum",
        ),
        (
            ["quantize", "runs/tiny", "--target", "tflite", "--skip-bits", "10"],
            "--target tflite: needs --skip-bits 8, 10 is given; leave one of the two out",
        ),
        (
            ["run", "--skip-bits", "9"],
            "command line: --skip-bits (qat.skip_bits) = 9 is not allowed: Input should be 8, 10, 12 or 16",
        ),
        (
            ["quantize", "runs/tiny", "--stage", "1", "--check"],
            "--check: is for a module of your own, given as my_file.py:build; leave it out",
        ),
        (
            quantize("nothing"),
            "own.py: has no function 'nothing'; it has Lazy, broken, no_module, unready, infinite, meta",
        ),
        (
            quantize("number"),
            "own.py: has no function 'number'; it has Lazy, broken, no_module, unready, infinite, meta",
        ),
        (
            quantize("broken"),
            "own.py:broken: broken() fails (line 12 of own.py: KeyError: 'no'); it is called "
            "without arguments",
        ),
        (
            quantize("no_module"),
            "own.py:no_module: no_module() returns a int; it must return a torch.nn.Module",
        ),
        (
            quantize("unready"),
            "own.py:unready: its Lazy is no working module (AttributeError: 'Lazy' object has no "
            "attribute '_modules'); call super().__init__() in it, and let no part hold itself",
        ),
        (
            quantize("infinite"),
            "Conv2d: its weight holds 9 of 9 numbers that are NaN or infinite; give weights of a "
            "training that did not diverge",
        ),
        (
            quantize("meta"),
            "Conv2d: its weight is on the meta device; make a module whose weights are there",
        ),
        (
            quantize("infinite", "--stage", "1"),
            "--stage and --same-size: are for run folders, a module of your own is taken as it is; "
            "leave them out",
        ),
        (
            quantize("infinite", "--weight-kib", "8"),
            "--weight-kib: needs the sensitivity of a run's stage; give a module of your own "
            "--layer-weight-bits",
        ),
        (
            ["quantize", "own.py:infinite", "--activation-bits", "4", "--hidden-bits", "8"],
            "--hidden-bits: would do nothing: qat.activation_bits = 4 is the most that any of these tensors "
            "has",
        ),
        (
            ["quantize", "own.py:infinite", "-o", ".."],
            "--output ..: give the name of a folder to make",
        ),
        (
            ["quantize", "nothing.py:build", "--check"],
            "nothing.py: no such file; give a Python file and its function, as my_file.py:build",
        ),
        (
            ["quantize", "own.txt:build", "--check"],
            "own.txt: not a Python file; its name must end in .py",
        ),
        (
            ["quantize", "wrong.py:build", "--check"],
            "wrong.py: its code fails (line 1 of wrong.py: ZeroDivisionError: division by zero); "
            "it must run on its own",
        ),
        (
            ["quantize", "inputs.py:build", "--check"],
            "inputs.py: inputs is a int; write a function inputs(picture) beside it, from a float "
            "tensor (3, H, W) in 0..1 to what it takes, or leave the name out",
        ),
        (
            ["quantize", "range.py:build", "--check"],
            "range.py: value_range is 7; give the values of black and white, such as (0, 255) or "
            '(-1, 1), or {"mean": (..), "std": (..)} of pixels in 0..1',
        ),
        (
            ["quantize", "both.py:build", "--check"],
            "both.py: value_range (0, 9) and inputs() do not go together; let the module normalise",
        ),
        (
            ["quantize", "runs/tiny", "--reduce-range", "--layer-weight-bits", "conv_in=8"],
            "--reduce-range: means 7 bits, --layer-weight-bits gives conv_in 8; leave one of the two out",
        ),
        (
            ["quantize", "runs/tiny", "--layer-weight-bits", "conv_in"],
            "--layer-weight-bits 'conv_in': give each layer once with its width, as conv_in=6,conv_out=8",
        ),
        (
            ["quantize", "runs/tiny", "--layer-weight-bits", "nothing=6"],
            "qat.layer_weight_bits: the network has no layer 'nothing' with weights; it has "
            "conv_in, conv_0, conv_out, conv_ext_x, conv_ext_r",
        ),
        (
            ["quantize", "runs/tiny", "--widths", "4-8"],
            "--widths: is of --weight-kib, give both; --weight-bits gives all layers one",
        ),
        (
            ["quantize", "runs/tiny", "--weight-kib", "8", "--weight-bits", "4"],
            "--weight-kib: chooses the widths itself; leave out --weight-bits, --layer-weight-bits "
            "and --reduce-range",
        ),
        (
            ["quantize", "runs/tiny", "--weight-kib", "0"],
            "--weight-kib 0.0: is no memory; give KiB above 0, such as 8.5",
        ),
        (
            ["quantize", "runs/tiny", "--target", "float"],
            "--target float: its client quantises on its own; export it and leave it out here",
        ),
        (
            ["quantize", "runs/tiny", "--target", "rknn"],
            "--target rknn: no rounding rule is known of it; choose one with --rounding",
        ),
        (
            ["quantize", "runs/tiny", "--target", "tensorrt", "--activation-bits", "8"],
            "--target tensorrt: needs --activation-bits 7, 8 is given; leave one of the two out",
        ),
        (
            ["quantize", "runs/tiny", "--weight-bits", "8", "--reduce-range"],
            "--weight-bits 8: --reduce-range means 7 bits; give one of the two",
        ),
        (
            ["export", "runs/tiny", "-o", "out", "--target", "tflite", "--size", "6x6", "--opset", "19"],
            "--opset and --ir-version: are of ONNX files; leave them out for tflite",
        ),
        (
            ["export", "runs/tiny", "-o", "out", "--target", "tflite"],
            "--target tflite: takes no open height and width; add --size such as 360x640",
        ),
        (
            ["export", "runs/tiny", "-o", "out", "--target", "qnn", "--size", "wide"],
            "--size 'wide': is no height and width; write it as 360x640",
        ),
        (
            ["run", "--name", "a/b"],
            "--name 'a/b': use a plain name, without slashes, for runs/NAME; another place is --output",
        ),
        (
            ["run", "--name", "a", "-o", "b"],
            "--name and --output: both say where the run goes; give one of the two",
        ),
        (
            ["run", "-o", ".."],
            "--output ..: give the name of a folder to make",
        ),
        (
            ["run", "--resume", "runs/tiny", "--blocks", "2"],
            "--resume: takes no other settings, the run keeps its own; leave them out",
        ),
        (
            ["run", "--teacher", "runs/nothing", "-o", "taught"],
            "teacher runs/nothing: is not a run folder (no run.json); hwrts run makes one",
        ),
        (
            ["run", "--teacher", "runs/own", "-o", "taught"],
            "teacher runs/own: is of a module of one's own; take a run that hwrts run trained",
        ),
        (
            ["run", "--teacher", "runs/tiny", "--stages", "9", "-o", "taught"],
            "teacher runs/tiny: has no float network of stage 3; train it as far, or ask for fewer stages "
            "(rts.stages)",
        ),
        (
            ["run", "--teacher", "runs/tiny", "--colour", "luma", "--stages", "1", "-o", "taught"],
            "teacher runs/tiny: sees red, green and blue of 8 bits, the network to train luma (BT.709, "
            "limited range) of 8 bits; take a teacher of the same colours and pixel bits",
        ),
        (
            ["run", "--teacher", "runs/tiny", "--stages", "auto", "-o", "taught"],
            "command line: --stages --teacher (rts) is not allowed: a teacher beside stages = "
            '"auto": how many stages it needs is not known; give a number',
        ),
        (
            ["run", "--expand", "17", "-o", "wide"],
            "command line: --expand (network.expand) = 17 is not allowed: Input should be less than or equal "
            "to 16",
        ),
        (
            ["run", "--require", "flatness=1"],
            "--require 'flatness=1': 'flatness' is unknown; did you mean 'flat'?",
        ),
        (
            ["run", "--require", "flat=0,flat=1"],
            "--require 'flat=0,flat=1': flat stands twice; give each one limit",
        ),
        (
            ["run", "--require", "flat=many"],
            "--require 'flat=many': flat needs a limit in codes, 0 to 255, such as flat=1",
        ),
        (
            ["sensitivity", "runs/tiny", "--bits", "few"],
            "--bits 'few': give a range such as 2-6 or a list such as 4,6",
        ),
        (
            ["sensitivity", "runs/tiny", "--bits", "6-12"],
            "--bits '6-12': widths are 2..7, and a range goes from low to high",
        ),
        (["verify", "runs/tiny", "--size", "3x3"], "--size 3x3: is for a file; add --client FILE"),
        (
            ["cost", "runs/tiny/stage2", "--stage", "2"],
            "--stage 2: is for run folders, and runs/tiny/stage2 is none; leave it out",
        ),
        (
            ["inspect", "runs/tiny", "--layer", "nothing"],
            "inspect: no layer with accumulators named 'nothing'; there are conv_in, conv_0, add, "
            "conv_out, fold_x, fold_r, correction, picture",
        ),
        (
            ["patterns", "runs/tiny", "-o", "looked"],
            "looked/flat_difference.png: exists already; write elsewhere or replace it with --force",
        ),
        (
            ["prune", "runs/own", "--budget", "line_kib=9"],
            "runs/own: is of a module of your own, which hwrts does not train; make it narrower in its file",
        ),
        (
            ["sensitivity", "runs/own"],
            "runs/own: is of a module of your own, whose photographs are not kept; sensitivity "
            "measures stages of hwrts run",
        ),
        (
            ["sweep", "--budget", "params=none"],
            "--budget 'params=none': 'none' is no amount; give a number above 0, such as 30000, 30k or 1.5M",
        ),
        (
            ["sweep"],
            "sweep: give a TOML file, or --budget such as params=30k,line_kib=256",
        ),
        (
            ["sweep", "--budget", "params"],
            "--budget 'params': write unit=number with commas between, such as "
            "params=30k,line_kib=256; units: params, weight_kib, macs, gmacs, line_kib, "
            "traffic_gbs, latency_lines, receptive_field, accumulator_bits, multipliers, kgates",
        ),
        (
            ["verify", "runs/tiny", "--in", "onnxruntime"],
            "--in onnxruntime: is for a file; add --client FILE",
        ),
        (
            ["verify", "runs/tiny", "--client", "x.onnx", "--layer", "c"],
            "--layer and --stimulus: are of the witnesses; leave them out beside --client",
        ),
        (
            ["verify", "runs/begun"],
            "runs/begun: no finished stage to verify; continue with hwrts run --resume runs/begun",
        ),
        (
            ["view", "runs/tiny", "--port", "PORT", "--no-browser"],
            "port PORT: cannot be used (Address already in use); give another with --port, or 0 "
            "for a free one",
        ),
    ],
)
def test_a_wrong_use_is_one_line(words, message, workspace, hwrts):
    (workspace / "own.py").write_text(OWN)
    (workspace / "own.txt").write_text(OWN)
    (workspace / "wrong.py").write_text("1 / 0\n")
    for name, said in (
        ("inputs", "inputs = 7"),
        ("range", "value_range = 7"),
        ("both", "value_range = (0, 9)\ndef inputs(x):\n    return x"),
    ):
        (workspace / f"{name}.py").write_text(
            f"from torch import nn\n{said}\ndef build():\n    return nn.Conv2d(3, 3, 1)\n"
        )
    (workspace / "taken/photo0.png").mkdir(parents=True)
    (workspace / "again").mkdir()
    (workspace / "looked").mkdir()
    (workspace / "looked/flat_difference.png").touch()
    (workspace / "runs/own").mkdir()
    shutil.copy(workspace / "runs/tiny/run.json", workspace / "runs/own/run.json")
    shutil.copy(workspace / "photos/photo0.png", workspace / "again/photo0.png")
    (workspace / "runs/begun").mkdir()
    for name in ("run.json", "config.toml"):
        shutil.copy(workspace / "runs/tiny" / name, workspace / "runs/begun" / name)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = hwrts(*(port if word == "PORT" else word for word in words))
    assert result.code == 2
    assert result.err.splitlines()[-1].replace(port, "PORT") == f"error: {message}"
