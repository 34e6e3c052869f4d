import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Format,
    HwrtsError,
    Input,
    Lookup,
    Network,
    Rounding,
    load_network,
    save_network,
)
from hwrts.fixed_point.operators.lookup import lookup

from .test_prelu import codes_of

S2, U2 = Format(True, 2, 0), Format(False, 2, 0)


def one_table(entries, source, out, rounding=Rounding.HALF_EVEN):
    layer = Lookup("y", "x", np.array(entries, np.int16), out)
    return Network((Input("x", 1, source),), (layer,), rounding)


@pytest.mark.parametrize("rounding", Rounding)
def test_by_hand(rounding):
    """The first entry is that of the smallest code, whatever the rule: nothing is rounded here."""
    x = np.array([-2, -1, 0, 1, 1]).reshape(1, -1, 1)
    assert codes_of(one_table([7, 5, -3, 100], S2, Format(True, 8, 3), rounding), x).ravel().tolist() == [
        7, 5, -3, 100, 100,
    ]  # fmt: skip
    assert codes_of(one_table([0, 9, 2, 255], U2, PIXEL, rounding), x + 2).ravel().tolist() == [
        0,
        9,
        2,
        255,
        255,
    ]


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("signed", [False, True])
def test_every_code_of_every_width(bits, signed):
    source = Format(signed, bits, 4)
    codes = np.arange(source.min, source.max + 1)
    table = np.random.default_rng(bits).integers(-(2**15), 2**15, len(codes)).astype(np.int16)
    network = one_table(table, source, Format(True, 16, 0))
    found = codes_of(network, codes.reshape(-1, min(256, len(codes)), 1))
    assert np.array_equal(found.ravel(), table)


def test_codes_of_a_wide_type_do_not_wrap():
    table = np.arange(4, dtype=np.int16)
    assert lookup(np.array([127, -128], np.int8) // 64, table, S2).tolist() == [3, 0]
    wide = np.arange(-(2**15), 2**15).astype(np.int16)
    assert lookup(np.array([2**15 - 1, -(2**15)], np.int16), wide, Format(True, 16, 0)).tolist() == [
        2**15 - 1,
        -(2**15),
    ]


@pytest.mark.parametrize(
    ("table", "source", "out", "message"),
    [
        (np.arange(4), S2, PIXEL, r"its table is int64 \(4,\); use int16, one entry for each code"),
        (np.zeros((2, 2), np.int16), S2, PIXEL, r"its table is int16 \(2, 2\); use int16"),
        (np.zeros(3, np.int16), S2, PIXEL, r"a table of 3 entries; use 2\*\*bits of them, 4\.\.65536"),
        (np.zeros(0, np.int16), S2, PIXEL, "a table of 0 entries"),
        (np.zeros(2, np.int16), S2, PIXEL, "a table of 2 entries"),
        (np.zeros(1 << 17, np.int16), S2, PIXEL, "a table of 131072 entries"),
        (np.zeros(8, np.int16), S2, PIXEL, "a table of 8 entries, 'x' has 4 codes; give one entry for each"),
        (np.array([0, -1, 0, 0], np.int16), S2, PIXEL, r"entries -1\.\.0 leave 0\.\.255 of u8 lsb 2\^-8"),
        (np.array([0, 8, 0, 0], np.int16), S2, Format(True, 4, 0), r"entries 0\.\.8 leave -8\.\.7 of s4"),
    ],
)
def test_wrong_tables_are_refused(table, source, out, message):
    with pytest.raises(HwrtsError, match=f"layer 'y': {message}"):
        Network((Input("x", 1, source),), (Lookup("y", "x", table, out),))


def test_a_network_owns_its_table():
    table = np.zeros(4, np.int16)
    network = Network((Input("x", 1, S2),), (Lookup("y", "x", table, PIXEL),))
    table[0] = -1
    assert network.layer("y").table_i16.tolist() == [0, 0, 0, 0]
    assert not network.layer("y").table_i16.flags.writeable


def test_the_deliberate_error_is_one_entry_where_codes_are():
    for entries, broken in (([7, 5, -3, 100], [7, 5, -4, 100]), ([7, 5, -8, 7], [7, 5, -7, 7])):
        layer = Lookup("y", "x", np.array(entries, np.int16), Format(True, 8 if 100 in entries else 4, 0))
        x = np.array([1, 0, 0, -2], np.int8).reshape(2, 2, 1)
        assert layer.corrupted([x], x).table_i16.tolist() == broken


def test_a_network_of_a_table_alone_has_no_proofs(tmp_path):
    network = one_table([7, 5, 3, 100], U2, PIXEL)
    save_network(network, tmp_path)
    found = load_network(tmp_path)
    assert (found.bounds, found.formats["y"]) == ({}, PIXEL)
    assert np.array_equal(found.layer("y").table_i16, network.layer("y").table_i16)
    assert found.halo == 0
