"""The C model computes the definition's codes at every layer, on this processor and on others."""

import doctest
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from hwrts.export.c import build, c_files, codes, names, text
from hwrts.export.c.traced import TracedModel
from hwrts.fixed_point import (
    Clip,
    Conv,
    Format,
    HwrtsError,
    Input,
    Maximum,
    Network,
    Over,
    Rounding,
    plan_lines,
    run,
    run_all,
)

from ...fixed_point.random_networks import random_inputs, random_network

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, build.COMPILERS)), reason="no compiler of C is installed (cc, gcc, clang)"
)

TRAPS = ("-O0", "-fsanitize=undefined", "-fsanitize-trap=undefined")
"""What needs no library of the compiler's, which Debian's clang lacks; -O1 takes ten times as long."""
SANITIZED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover")
STREAMED = [
    seed for seed in range(150) if random_network(seed, (8, 8, 16)[seed % 3], seed % 4 == 3).streamable
]


def differing(network, inputs, compiler=None, flags=("-O0",), runner=()):
    """How many codes of all layers differ, and how many there are."""
    found = TracedModel(network, compiler, flags, runner).tensors(inputs)
    expected = run_all(network, inputs, "int64")
    assert found.keys() == {layer.name for layer in network.layers}
    total = sum(codes.size for codes in found.values())
    return sum(int(np.count_nonzero(found[name] != expected[name])) for name in found), total


def made(seed):
    network = random_network(seed, (8, 8, 16)[seed % 3], several=seed % 4 == 3)
    return network, random_inputs(network, 7, 9, seed)


def needs(*tools):
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


@pytest.mark.parametrize("seed", STREAMED[:8])
def test_random_networks(seed):
    wrong, total = differing(made(seed)[0], made(seed)[1])
    assert wrong == 0
    assert total > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", STREAMED)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_random_networks_with_sanitizers(seed, compiler):
    needs(compiler)
    network, _ = made(seed)
    model = TracedModel(network, compiler, SANITIZED if compiler == "gcc" else TRAPS)
    for size in ((1, 1), (7, 9), (12, 13)):
        inputs = random_inputs(network, *size, seed)
        found, expected = model.tensors(inputs), run_all(network, inputs, "int64")
        assert all(np.array_equal(found[name], expected[name]) for name in found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", STREAMED[::4])
def test_random_networks_with_vectors_of_this_processor(seed):
    network, inputs = made(seed)
    for compiler in filter(shutil.which, ("gcc", "clang")):
        for flags in (build.FAST, (*build.FAST, build.INTRINSICS), ("-O1", "-mavx2", build.INTRINSICS)):
            assert differing(network, inputs, compiler, flags)[0] == 0


def test_the_random_networks_have_every_operator_that_a_model_has():
    from hwrts.export.c.operators import EMITTERS

    assert {type(layer) for seed in STREAMED for layer in made(seed)[0].layers} == {*EMITTERS}


@pytest.mark.parametrize("rounding", list(Rounding))
def test_rounding_rules_of_a_network_with_shuffle_and_repetition(anchor, rounding):
    network = anchor(rounding=rounding, channels=9)  # odd, and more than a block of pixels wide
    picture = np.random.default_rng(1).integers(0, 256, (6, 19, 3)).astype(np.uint8)
    assert differing(network, {"x": picture})[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", STREAMED[::5])
def test_random_networks_on_other_processors(seed):
    for compiler, runner in (
        ("arm-linux-gnueabihf-gcc", "qemu-arm"),
        ("aarch64-linux-gnu-gcc", "qemu-aarch64"),
        ("riscv64-linux-gnu-gcc", "qemu-riscv64"),
    ):
        needs(compiler, runner)
        assert (
            differing(
                made(seed)[0], made(seed)[1], compiler=compiler, flags=("-O2", "-static"), runner=(runner,)
            )[0]
            == 0
        )


def test_a_weight_bit_is_seen(anchor):
    """The comparison can fail."""
    network = anchor()
    picture = np.random.default_rng(1).integers(0, 256, (6, 7, 3)).astype(np.uint8)
    tensors = run_all(network, picture, "int64")
    wrong = network.convs[1].corrupted([tensors["first"]], tensors["second"])
    found = TracedModel(network.exchanged(wrong), flags=("-O0",)).tensors({"x": picture})
    assert np.array_equal(found["first"], tensors["first"])
    assert not np.array_equal(found["second"], tensors["second"])


def test_line_memory_is_asserted_as_it_is_planned(anchor, tmp_path):
    network = anchor()
    files, bits = c_files(network), sum(plan_lines(network.steps).bits(1920).values())
    claim = f"line_memory_is_as_planned_1920[LINE_BITS(INT64_C(1920)) == INT64_C({bits})"
    assert claim in files["model.c"]
    wrong = {**files, "model.c": files["model.c"].replace(claim, claim.replace(str(bits), str(bits - 8)))}
    with pytest.raises(HwrtsError, match=r"does not compile it .*line_memory_is_as_planned_1920"):
        build.compile_c(wrong, ["model.c"], tmp_path / "model.o", build.find_compiler(), ["-c"])


def hostile(*names):
    """A network whose layers have these names."""
    form = Format(False, 8, 8)
    layers, source = [], "int"
    for place, name in enumerate(names):
        layers.append(Clip(name, source, 0, 250 - place))
        source = name
    return Network((Input("int", 1, form),), tuple(layers))


def test_names_of_layers_are_never_printed_as_they_are():
    hard = ["return", "*/ int evil;", "// \\", 'a"b', "größe", "?" * 40, "x" * 300, "a.b", "a b"]
    files = c_files(hostile(*hard))
    whole = "".join(files.values())
    assert whole.isascii()
    assert "evil;" not in whole
    assert 'a"b' not in whole
    assert "t2_int_evil" in whole
    picture = np.full((1, 2, 1), 255, np.uint8)
    assert differing(hostile(*hard), {"int": picture})[0] == 0


def test_text_is_the_same_for_the_same_network(anchor):
    assert c_files(anchor()) == c_files(anchor())
    assert c_files(anchor()) != c_files(anchor(1))


def test_no_float_and_no_memory_of_its_own(anchor):
    code = re.sub(r"/\*.*?\*/", "", c_files(anchor())["model.c"], flags=re.DOTALL)
    assert not re.search(r"\b(float|double|malloc|free)\b", code)
    assert set(re.findall(r"#include (\S+)", code + c_files(anchor())["model.h"])) == {
        '"model.h"',
        '"model_x86.h"',  # where it is asked for
        "<stddef.h>",
        "<stdint.h>",
    }


def test_sums_that_leave_int32_around_128_are_taken_in_the_plain_form():
    weight = np.full((1, 66000, 1, 1), 127, np.int8)
    zero, source = np.zeros(1, np.int32), Input("x", 66000 // 2, Format(True, 8, 8))
    layers = (Conv("c", "x", weight[:, :33000], zero, zero, Format(True, 8, -11)),)
    network = Network((source,), layers)
    dense = "dot_" in c_files(network)["model.c"]
    wide = replace(layers[0], weight_i8=weight[:, :65536])
    network = Network((replace(source, channels=65536),), (wide,))
    assert dense
    assert "dot_" not in c_files(network)["model.c"]


def test_what_needs_the_whole_picture_is_one_line():
    network = Network(
        (Input("x", 2, Format(True, 8, 8)),),
        (Maximum("far", "x", Over.ROWS), Maximum("m", "far", Over.CHANNELS)),
    )
    with pytest.raises(HwrtsError, match="C model: layer 'far' is made of the whole picture") as caught:
        c_files(network)
    assert "\n" not in str(caught.value)


def test_inputs_of_other_sizes_are_one_line():
    seed = next(s for s in range(200) if any(i.grow != i.shrink for i in random_network(s, 8, True).inputs))
    with pytest.raises(HwrtsError, match=r"C model: (input|layer) "):
        c_files(random_network(seed, 8, True))


def test_no_compiler_is_one_line(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(HwrtsError, match=r"no compiler of C is installed .*install gcc or clang"):
        build.find_compiler()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program of a same-size network that takes multiples of 1, and its network."""
    weight = np.zeros((3, 3, 3, 3), np.int8)
    weight[[0, 1, 2], [0, 1, 2], 1, 1] = 64
    weight[0, 1, 0, 2] = -9
    shift = np.full(3, 6, np.int32)
    conv = Conv("c", "x", weight, shift, np.array([90, -5, 0], np.int32), Format(False, 8, 8))
    network = Network((Input("x", 3, Format(False, 8, 8)),), (conv,))
    path = tmp_path_factory.mktemp("c") / "model"
    build.compile_c(c_files(network), ["main.c", "model.c"], path, build.find_compiler(), SANITIZED)
    return path, network


def test_pictures_in_and_out(program, tmp_path):
    path, network = program
    picture = np.random.default_rng(2).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    (tmp_path / "in.ppm").write_bytes(b"P6\n# a comment\n7 5\n255\n" + picture.tobytes())
    subprocess.run([path, "in.ppm", "out.ppm"], cwd=tmp_path, check=True)
    assert (tmp_path / "out.ppm").read_bytes() == b"P6\n7 5\n255\n" + run(network, picture).tobytes()


def test_films_in_and_out(program, tmp_path):
    """Two frames of grey, as 4:2:0: grey stays grey, and RGB of a grey is its level."""
    path, network = program
    head = b"YUV4MPEG2 W6 H4 F25:1 C420jpeg\n"
    frame = b"FRAME\n" + bytes([126] * 24) + bytes([128] * 12)
    (tmp_path / "in.y4m").write_bytes(head + frame * 2)
    subprocess.run([path, "in.y4m", "out.y4m"], cwd=tmp_path, check=True)
    head, _, rest = (tmp_path / "out.y4m").read_bytes().partition(b"\n")
    assert head == b"YUV4MPEG2 F25:1 W6 H4 C444"
    assert len(rest) == 2 * (6 + 3 * 24)
    level = (298 * (126 - 16) + 128) >> 8
    red, green, blue = run(network, np.full((4, 6, 3), level, np.uint8))[2, 3].astype(int)
    luma = (47 * red + 157 * green + 16 * blue + 4096 + 128) >> 8
    assert rest[6 + 2 * 6 + 3] == luma


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"P3\n1 1\n255\n0 0 0", "no binary PPM (P6)"),
        (b"P6\n2 2\n255\n\x01", "ends too early"),
        (b"P6\n2 2\n65535\n", "not 8 bits for each sample"),
        (b"P6\n0 2\n255\n", "no picture of 1 to 65535 pixels on a side"),
        (b"P6\nx", "no head of a PPM"),
    ],
)
def test_files_that_are_no_pictures(program, tmp_path, content, said):
    (tmp_path / "in.ppm").write_bytes(content)
    done = subprocess.run(
        [program[0], "in.ppm", "out.ppm"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, f"in.ppm: {said}\n")


def test_cppcheck_has_nothing_to_say(anchor, tmp_path):
    needs("cppcheck")
    for name, content in c_files(anchor()).items():
        (tmp_path / name).write_text(content)
    words = [
        "cppcheck",
        "--quiet",
        "--std=c99",
        "--error-exitcode=1",
        "--enable=warning,performance,portability",
    ]
    subprocess.run([*words, "model.c", "main.c", "trace.c"], cwd=tmp_path, check=True)


def test_examples_in_docstrings():
    tried = [doctest.testmod(module) for module in (names, text, codes)]
    assert sum(each.failed for each in tried) == 0
    assert sum(each.attempted for each in tried) >= 4
