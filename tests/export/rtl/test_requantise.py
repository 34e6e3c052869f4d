"""The requantiser in Verilog: ties by hand, then every accumulator of a narrow one, by every rule."""

import subprocess

import numpy as np
import pytest

from hwrts.export.rtl.design import ROUNDING_CODES
from hwrts.export.rtl.templates import library
from hwrts.fixed_point import Format, Rounding, requantize

from .simulate import needs

BENCH = """
module bench;
    reg signed [{acc}-1:0] acc;
    reg [{shift_bits}-1:0] shift;
    wire [{bits}-1:0] code;
    hwrts_requantise #(
        .ACC({acc}), .SHIFT_LOW({low}), .SHIFT_HIGH({high}), .SHIFT_BITS({shift_bits}),
        .ROUNDING({rounding}), .OUT_BITS({bits}), .OUT_SIGNED({signed})
    ) dut (.acc(acc), .shift(shift), .code(code));
    integer a, s;
    initial
        for (s = 0; s <= {high} - {low}; s = s + 1)
            for (a = {first}; a <= {last}; a = a + {step}) begin
                acc = a;
                shift = s;
                #1 $display("%0d", {shown}(code));
            end
endmodule
"""


def simulated(tmp_path, accs, acc_bits, shifts, rounding, out):
    """Codes (shifts, accs) of accumulators at one distance from each other."""
    needs("iverilog")
    low, high = shifts
    (tmp_path / "bench.v").write_text(
        BENCH.format(
            acc=acc_bits, low=low, high=high, shift_bits=max(1, (high - low).bit_length()),
            rounding=ROUNDING_CODES[rounding], bits=out.bits, signed=int(out.signed), first=accs[0],
            last=accs[-1], step=accs[1] - accs[0], shown="$signed" if out.signed else "$unsigned",
        )
    )  # fmt: skip
    (tmp_path / "dut.v").write_text(library()["hwrts_requantise.v"])
    subprocess.run(["iverilog", "-g2005", "-o", "sim", "bench.v", "dut.v"], cwd=tmp_path, check=True)
    done = subprocess.run(["vvp", "-n", "sim"], cwd=tmp_path, check=True, capture_output=True, text=True)
    return np.array(done.stdout.split(), np.int64).reshape(high - low + 1, len(accs))


BY_HAND = {  # of -6 .. 6 by 4: -1.5 -1.25 -1 -0.75 -0.5 -0.25 0 0.25 0.5 0.75 1 1.25 1.5
    Rounding.HALF_EVEN: [-2, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2],
    Rounding.HALF_UP: [-1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2],
    Rounding.HALF_AWAY: [-2, -1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 1, 2],
    Rounding.FLOOR: [-2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1],
    Rounding.DOUBLE: [-2, -1, -1, -1, -1, 0, 0, 1, 1, 1, 1, 2, 2],
}


@pytest.mark.parametrize("rounding", Rounding)
def test_ties_by_hand(tmp_path, rounding):
    found = simulated(tmp_path, range(-6, 7), 8, (2, 2), rounding, Format(True, 4, 0))
    assert found.tolist() == [BY_HAND[rounding]]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    "shifts", [(0, 0), (1, 1), (3, 3), (-2, -2), (-2, 3), (1, 4), (0, 5), (9, 11), (17, 17), (12, 31)]
)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_every_accumulator(tmp_path, rounding, shifts, signed):
    accs, out = np.arange(-512, 512), Format(signed, 6, 0)
    found = simulated(tmp_path, range(-512, 512), 10, shifts, rounding, out)
    for shift, codes in zip(range(shifts[0], shifts[1] + 1), found, strict=True):
        np.testing.assert_array_equal(codes, requantize(accs, shift, out, rounding), err_msg=str(shift))


@pytest.mark.parametrize("rounding", Rounding)
def test_wide_accumulators_at_the_ends(tmp_path, rounding):
    accs, out = range(-(1 << 30), 1 << 30, 9_999_991), Format(True, 16, 0)
    found = simulated(tmp_path, accs, 31, (13, 31), rounding, out)
    for shift, codes in zip(range(13, 32), found, strict=True):
        np.testing.assert_array_equal(codes, requantize(np.array(accs), shift, out, rounding))
