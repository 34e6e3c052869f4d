"""Flip-flops of a circuit from the parameters of its modules, as Yosys counts them before anything is mapped.

Those that a memory is read into belong to the memory.
"""

from collections.abc import Mapping

from hwrts.export.rtl.circuit import Circuit
from hwrts.export.rtl.design import Parameters
from hwrts.export.rtl.netlist import SIZE_BITS
from hwrts.export.rtl.routes import words_of
from hwrts.export.rtl.top import netlist_of

_PHASE = 5
"""Of a counter within a square or a stride."""
_NUMBERS = Mapping[str, int]


def flip_flops_of(circuit: Circuit) -> int:
    """Of all its modules (S9)."""
    return sum(_of(each.kind, each.parameters) for each in netlist_of(circuit).instances)


def _of(kind: str, parameters: Parameters) -> int:
    p = {name: value for name, value in parameters.items() if isinstance(value, int)}
    match kind:
        case "hwrts_fork":
            return 0
        case "hwrts_frame_in":
            return 2 * SIZE_BITS + 1
        case "hwrts_frame_out":
            held = p["WORD"] * (
                p["GROW"] > 1
            )  # else the memory of the queue in front of it is read into them
            return _address(p["WIDEST"]) + SIZE_BITS + 2 * _PHASE + 5 + held
        case "hwrts_fifo":
            words = words_of(p["DEPTH"])
            return 2 * _address(words) + words.bit_length() + (words == p["DEPTH"])
        case "hwrts_hold":
            return 2 * SIZE_BITS + p["WIDTH"] + 1
        case "hwrts_conv":
            word = p["CHANNELS"] * p["IN_BITS"]
            return _window(p, word) + _sums(p)
        case "hwrts_max_pool":
            word = p["CHANNELS"] * p["BITS"]
            return _window(p, word) + word + 1
        case "hwrts_space_to_depth":
            word, block = p["CHANNELS"] * p["BITS"], p["BLOCK"]
            square = {"ROWS": block, "COLUMNS": block, "PAST_COLUMNS": 0, "STRIDE": block, "SLOW": 0}
            return _window({**p, **square}, word) + block**2 * word + 1
        case "hwrts_upsample":
            word, taps, factor = p["CHANNELS"] * p["IN_BITS"], p["TAPS"], p["FACTOR"]
            square = {"ROWS": taps, "COLUMNS": taps, "PAST_COLUMNS": taps // 2, "STRIDE": 1, "EDGE": 1}
            columns = p["CHANNELS"] * factor * taps * p["ACC"] + 1
            return _window({**p, **square}, word) + columns + factor**2 * p["CHANNELS"] * p["OUT_BITS"] + 1
        case "hwrts_reduce":
            return _reduction(p)
        case "hwrts_lookup":
            return 1
        case "hwrts_maximum":
            return p["PIXELS"] * p["BITS"] + 1
        case _:  # a register behind what is computed at once
            return p["LANES"] * p.get("OUT_BITS", p.get("BITS", 0)) + 1


def _address(words: int) -> int:
    return max(1, (words - 1).bit_length())


def _window(p: _NUMBERS, word: int) -> int:
    """hwrts_window.v: the pixels that are seen, column and row, and what is counted within them."""
    flush = p["PAST_COLUMNS"] if p["PAST_COLUMNS"] or p["ROWS"] == 1 else 1
    right, left = p.get("RIGHT", p["COLUMNS"] // 2), p["COLUMNS"] - 1 - p.get("RIGHT", p["COLUMNS"] // 2)
    fills = p.get("EDGE", 1) == 1 and p["SLOW"] and left and right
    counters = (p["WIDEST"] + flush).bit_length() + SIZE_BITS + 1 + 1
    strides = 2 * _PHASE * (p["STRIDE"] > 1)
    return p["ROWS"] * p["COLUMNS"] * word + counters + (_PHASE if fills else 0) + strides


def _sums(p: _NUMBERS) -> int:
    """hwrts_mac.v: codes that wait, products, sums, accumulators, results; counters, and what goes along."""
    inputs = p["KERNEL_ROWS"] * p["KERNEL_COLUMNS"] * p["CHANNELS"] // p["GROUPS"]
    turns, parts = -(-p["OUTPUTS"] // p["GROUPS"] // p["PE"]), -(-inputs // p["SIMD"])
    places, slots = p["GROUPS"] * parts, p["GROUPS"] * turns
    waits = int(places > 8)
    product = p["IN_BITS"] + p["WEIGHT_BITS"]
    lane = p["SIMD"] * product + min(p["ACC"], product + (p["SIMD"] - 1).bit_length())
    shift = p["SHIFT_BITS"] * (p["SHIFT_HIGH"] != p["SHIFT_LOW"])
    stages = 3 + waits
    own = _address(parts) + _address(turns) + _address(places) + _address(slots * parts)
    counters = own + _address(slots) * (1 + stages)
    along = stages + (2 * stages - 1) * (parts > 1) + 1
    codes = waits * p["SIMD"] * p["IN_BITS"]
    return codes + p["PE"] * (lane + p["ACC"] + shift) + p["OUTPUTS"] * p["OUT_BITS"] + counters + along


def _reduction(p: _NUMBERS) -> int:
    """hwrts_reduce.v: sums, those that are divided, the quotients, the word that is given, counters."""
    total, channels = p["IN_BITS"] + 1 + p["COUNT"] * p["MEAN"], p["CHANNELS"]
    out = channels * p["OUT_BITS"]
    counters = 2 * SIZE_BITS + p["COUNT"] + SIZE_BITS * p["ROWS"] + 2
    if not p["MEAN"]:
        return 2 * channels * total + out + counters
    numerator, denominator = total + p["UP"], p["COUNT"] + 1 + p["DOWN"]
    division = numerator + 2 * denominator + 1 + numerator.bit_length() + channels.bit_length() + 1
    return 2 * channels * total + 2 * out + counters + division
