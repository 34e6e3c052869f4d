"""docs/silicon.md: its table is what the formulas say."""

import re
from pathlib import Path

import pytest

from hwrts.export.rtl import circuit_of
from hwrts.export.rtl.counts import counts_of
from hwrts.runs.circuit import AskedCircuit

from ..export.rtl.build import residual

PAGE = Path(__file__).parents[2] / "docs" / "silicon.md"
ROWS = re.findall(
    r"^\| Residual-(\d)/(\d+) \| (same|x2) \| (\w+) \| (\d+) \| (.*) \|$", PAGE.read_text("utf-8"), re.M
)


def test_the_table_has_all_networks():
    assert len(ROWS) == 3 * 2 * 2


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[:4]))
@pytest.mark.one_in(5)
def test_a_row_of_the_table(row):
    blocks, channels, form, mode, mhz, said = row
    network = residual(form, channels=int(channels), blocks=int(blocks))
    settings = AskedCircuit(mode=mode, clock_mhz=float(mhz)).settings(network)
    counts = counts_of(circuit_of(network, settings))
    kib = (each / 8192 for each in (counts.planned_bits, counts.memory_bits, counts.constant_bits))
    found = [str(counts.cycles), f"{counts.multipliers:,}", *(f"{each:,.1f}" for each in kib)]
    assert said.split(" | ") == [*found, str(counts.latency_rows)]
