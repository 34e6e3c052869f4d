"""Every operator under every compiler that is there, with its sanitizers, and on other processors in qemu."""

import shutil
import subprocess

import numpy as np
import pytest

from hwrts.export.c import build, c_files
from hwrts.export.c.traced import TracedModel
from hwrts.fixed_point import Rounding, plan_lines, run_all, run_outputs

from ...fixed_point.random_networks import random_inputs
from .everything import everything

ASAN = ("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover")
TRAPS = ("-O0", "-fsanitize=undefined", "-fsanitize-trap=undefined")
"""What needs no library of the compiler's: Debian's clang has none with it; its -O1 takes 17 s for these."""
STATIC = ("-O1", "-static")


@pytest.mark.parametrize(
    ("compiler", "flags", "runner", "rounding"),
    [
        ("gcc", ASAN, None, Rounding.HALF_EVEN),
        ("clang", TRAPS, None, Rounding.HALF_UP),
        ("arm-linux-gnueabihf-gcc", STATIC, "qemu-arm", Rounding.HALF_AWAY),
        ("aarch64-linux-gnu-gcc", STATIC, "qemu-aarch64", Rounding.FLOOR),
        ("riscv64-linux-gnu-gcc", STATIC, "qemu-riscv64", Rounding.DOUBLE),
    ],
)
def test_every_operator_by_each_compiler(compiler, flags, runner, rounding):
    """-std=c99 -Wall -Wextra -Wconversion -Wpedantic -Werror, from the smallest picture on."""
    for tool in filter(None, (compiler, runner)):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    network = everything(rounding)
    model = TracedModel(network, compiler, flags, () if runner is None else (runner,))
    compared = 0
    for size in ((1, 1), (5, 11)):
        inputs = random_inputs(network, *size, 3)
        found, expected = model.tensors(inputs), run_all(network, inputs, "int64")
        for layer in network.layers:
            np.testing.assert_array_equal(found[layer.name], expected[layer.name], layer.name)
            compared += found[layer.name].size
    assert compared > 8_000


PUSHED = """\
#include <stdio.h>
#include <stdlib.h>
#include "model.h"

int main(void)
{
    static uint8_t in[%(row)d], out[%(most)d];
    model_state *const s = model_init(malloc(model_size(%(width)d, %(height)d)), %(width)d, %(height)d);
    for (int row = 0; row <= %(height)d; ++row) {
        if (row < %(height)d && (fread(in, 1, sizeof in, stdin) != sizeof in || !model_push(s, in))) {
            return 1;
        }
        if (row == %(height)d && model_push(s, in)) {
            return 2; /* there is no such row */
        }
        while (model_pop(s, 0, out)) {
            fprintf(stderr, "%%d ", row);
            fwrite(out, 1, %(most)d, stdout);
            if (row + 1 < %(height)d && model_pop(s, 1, out)) {
                return 3; /* nor such an output */
            }
        }
    }
    return 0;
}
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.one_in(2)
def test_rows_are_pushed_and_popped_as_early_as_planned(anchor, compiler, tmp_path):
    """By a program that keeps one row of each: what a frame at once gives, after the rows of the plan."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    network, height, width = anchor(), 7, 5
    picture = random_inputs(network, height, width, 1)
    expected = run_outputs(network, picture, "int64")[network.output]
    texts = c_files(network) | {
        "use.c": PUSHED % {"row": width * 3, "most": expected[0].size, "width": width, "height": height}
    }
    build.compile_c(texts, ["use.c", "model.c"], tmp_path / "use", compiler, ("-O1",))
    raw = picture[network.inputs[0].name].tobytes()
    done = subprocess.run([tmp_path / "use"], input=raw, capture_output=True, check=True)
    assert done.stdout == expected.tobytes()
    given = [int(row) for row in done.stderr.split()]
    assert len(given) == len(expected)
    lines = plan_lines(network.steps)
    for tick in range(height - 1):  # behind the last row the rest comes at once
        planned = max(0, lines.steps_done(network.output, tick))
        assert sum(row <= tick for row in given) == planned, (tick, given)
