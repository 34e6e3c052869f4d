"""The programs that compare the C model with the vectors: every operator, several inputs, wide codes."""

import json
import math
import re
import shutil
import subprocess

import pytest

from hwrts.export.c import c_files
from hwrts.export.c.build import COMPILERS, STRICT, TRACED
from hwrts.export.c.check import check_files
from hwrts.export.c.operators import EMITTERS
from hwrts.export.vectors import files as written
from hwrts.export.vectors.cases import SIZES

from .everything import everything

COMPILER = next(filter(None, map(shutil.which, COMPILERS)), None)
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no compiler of C is installed (cc, gcc, clang)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Model, programs and vectors, as in a kit."""
    network = everything()
    assert {type(layer) for layer in network.layers} == set(EMITTERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "SIZES", SIZES[-1:])
        vectors = written.vector_files(network, {})
    files, programs = check_files(network, json.loads(vectors["manifest.json"])["cases"])
    made = tmp_path_factory.mktemp("check")
    texts = {f"check/{name}": text.encode() for name, text in files.items()}
    texts |= {f"check/network/{name}": text.encode() for name, text in c_files(network).items()}
    for name, content in (texts | {f"vectors/{name}": content for name, content in vectors.items()}).items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    assert [*programs] == ["network", *(f"t{number}_{name}" for number, name in NAMES)]
    return made


NAMES = [
    (number, "int_y" if layer.name.startswith("*") else layer.name)
    for number, layer in enumerate(everything().layers, 2)
]


def run(folder, program, *flags):
    """Compile and run one of the programs."""
    model = folder / "check" / program
    words = [COMPILER, *STRICT, TRACED, "-O0", *flags, f"-I{model}", "-o", folder / "program"]
    subprocess.run([*words, model / "model.c", folder / "check/check.c"], check=True)
    return subprocess.run(
        [folder / "program", folder / "vectors/mem"], capture_output=True, text=True, check=False
    )


@needs_compiler
def test_the_whole_network_is_what_the_vectors_say(folder):
    done = run(folder, "network", "-fsanitize=undefined")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(" codes of 21 layers differ\n") == done.stdout.count(": PASSED, 0 of ") == 11
    said = {case: int(codes) for case, codes in re.findall(r"c: (\S+): PASSED, 0 of (\d+)", done.stdout)}
    assert said == {case["id"]: codes_of(case) for case in cases_of(folder) if case["layer"] is None}


def cases_of(folder):
    return json.loads((folder / "vectors/manifest.json").read_text())["cases"]


def codes_of(case):
    """Of all layers, each once: also those of an output, which the model hands out."""
    made = [each["shape"] for name, each in case["codes"].items() if name not in case["inputs"]]
    return sum(math.prod(shape) for shape in made)


@needs_compiler
def test_a_code_that_is_handed_out_wrongly_is_seen(folder, tmp_path):
    """Every layer is right, and the function that gives rows is not."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "check/network/model.c"
    text, changed = re.subn(r"( +to\[i\] = )(\(int8_t\)[^;]*);", r"\1(int8_t)(\2 ^ 1);", path.read_text())
    assert changed == 2  # of both outputs
    path.write_text(text)
    done = run(copy, "network")
    assert done.returncode == 1
    case = cases_of(folder)[0]
    wrong = sum(math.prod(case["codes"][name]["shape"]) for name in case["outputs"])
    assert f"c: {case['id']}: FAILED, {wrong} of {codes_of(case)} codes" in done.stdout


@needs_compiler
@pytest.mark.parametrize("number_name", NAMES, ids=lambda each: each[1])
@pytest.mark.one_in(4)
def test_a_layer_alone_is_what_the_vectors_say(folder, number_name):
    done = run(folder, "t{}_{}".format(*number_name))
    assert (done.returncode, done.stderr) == (0, "")
    assert ": PASSED, 0 of " in done.stdout
    assert "FAILED" not in done.stdout


@needs_compiler
def test_the_first_difference_is_the_first_layer_that_is_wrong(folder, tmp_path):
    """A slope that is one larger in the middle of the network; what reads it is wrong as well."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "check/network/model.c"
    slope = re.compile(r"(t7_prelu_slope\w*\[\d+\] = \{\s*)(-?\d+)")
    text, changed = slope.subn(lambda found: f"{found[1]}{int(found[2]) + 1}", path.read_text())
    assert changed == 1
    path.write_text(text)
    done = run(copy, "network")
    assert done.returncode == 1
    first = next(line for line in done.stdout.splitlines() if "first difference" in line)
    assert first.startswith("c: first difference: layer t7_prelu, frame 0, row ")
    assert ", channel 0: " in first
