"""docs/silicon.md: its table is what the formulas say."""

import re
from pathlib import Path

import pytest

from hwrts.cli.silicon import silicon_document

from ..export.rtl.build import residual

PAGE = Path(__file__).parents[2] / "docs" / "silicon.md"
ROWS = re.findall(
    r"^\| Residual-(\d)/(\d+) \| (same|x2) \| (\w+) \| (\d+) \| (.*) \|$", PAGE.read_text("utf-8"), re.M
)


def test_the_table_has_all_networks():
    assert len(ROWS) == 3 * 2 * 3


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[:4]))
@pytest.mark.one_in(5)
def test_a_row_of_the_table(row):
    blocks, channels, form, mode, mhz, said = row
    network = residual(form, channels=int(channels), blocks=int(blocks))
    found = silicon_document(network, mode, float(mhz))
    kib = (f"{found[name] / 8192:,.1f}" for name in ("planned_bits", "memory_bits", "constant_bits"))
    counts = str(found["strips"]), str(found["cycles"]), f"{found['multipliers']:,}"
    assert said.split(" | ") == [*counts, *kib, str(found["latency_rows"])]
