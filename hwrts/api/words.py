"""Refusals in the words of Python: what commands share with it speaks of flags, and a notebook has none."""

import re
import shlex

_NUMBER, _WORD = r"-?\d[\d.]*", r"'[^']*'|\S+?(?=: )|[\w-]*\w"
_RULES = r"(?:half_\w+|floor|double)(?:,(?:half_\w+|floor|double))?"

_ARGUMENTS = {
    "--budget": ("budget", r"'[^']*'"),
    "--cluster": ("cluster", r"\S+(?=: )"),
    "--coring": ("coring", _NUMBER),
    "--format": ("formats", _WORD),
    "--ir-version": ("ir_version", _NUMBER),
    "--matrix": ("matrix", _WORD),
    "--name": ("output", None),
    "--opset": ("opset", _NUMBER),
    "--output": ("output", None),
    "--overshoot": ("overshoot", _NUMBER),
    "-o": ("output", None),
    "--range": ("range", _WORD),
    "--size": ("size", r"\d+x\d+"),
    "--stage": ("stage", _WORD),
    "--strength": ("strength", _NUMBER),
    "--target": ("target", _WORD),
    "--workers": ("workers", _NUMBER),
}
"""Arguments of the functions, by the flags of the commands, and what their values look like in a message."""

_ENTRIES = {
    "--accumulator-bits": ("settings", "accumulator_bits", _NUMBER),
    "--activation-bits": ("settings", "activation_bits", _NUMBER),
    "--hidden-bits": ("settings", "hidden_bits", _NUMBER),
    "--layer-accumulator-bits": ("settings", "layer_accumulator_bits", None),
    "--layer-weight-bits": ("settings", "layer_weight_bits", None),
    "--max-megapixels": ("settings", "data.max_megapixels", None),
    "--pixel-bits": ("settings", "pixel_bits", _NUMBER),
    "--rounding": ("settings", "rounding", _RULES),
    "--skip-bits": ("settings", "skip_bits", _NUMBER),
    "--weight-bits": ("settings", "weight_bits", _NUMBER),
    "--clock-mhz": ("circuit", "clock_mhz", _NUMBER),
    "--cycles-per-pixel": ("circuit", "cycles", _NUMBER),
    "--mode": ("circuit", "mode", r"\d+p\d+|\d+x\d+@\d+"),
    "--multipliers": ("circuit", "multipliers", _NUMBER),
    "--weights": ("circuit", "weights", _WORD),
}
"""The same of entries of the mappings that functions take."""

_SWITCHES = {
    "--exact-additions": "settings={'exact_additions': True}",
    "--force": "force=True",
    "--no-check": "check=False",
    "--one-weight-grid": "settings={'one_weight_grid': True}",
    "--reduce-range": "settings={'weight_bits': 7}",
    "--strength-input": "strength_input=True",
    "--unverified": "unverified=True",
}
"""Flags without a value."""

_SPOKEN = re.compile(r"hwrts [a-z]+(?: [^,;)]*)?|such as \d+x\d+|(?<!\S)(?:--[a-z][a-z-]*|-o\b)")
_RESUME = re.compile(r"hwrts run --resume(?: (.+))?")
_SIZE = re.compile(r"(\d+)x(\d+)")


def said_in_python(message: str) -> str:
    """A message with each flag as the argument, or the entry of one, that gives it; commands stay.

    >>> said_in_python("--target qnn: takes no open height and width; add --size such as 360x640")
    "target='qnn': takes no open height and width; add size such as (360, 640)"
    >>> said_in_python("quantize with --rounding half_even, or see hwrts export --target onnx")
    "quantize with settings={'rounding': 'half_even'}, or see hwrts export --target onnx"
    >>> said_in_python("continue it with hwrts run --resume 'runs/my first', or use --force")
    "continue it with hwrts.train('runs/my first', resume=True), or use force=True"
    """
    said, end = [], 0
    while (found := _SPOKEN.search(message, end)) is not None:
        said.append(message[end : found.start()])
        text, end = found[0], found.end()
        if text.startswith("-"):
            text, end = _argument(message, text, end)
        elif text.startswith("hwrts "):
            text = _call(text)
        else:
            text = _SIZE.sub(r"(\1, \2)", text)
        said.append(text)
    return "".join([*said, message[end:]])


def _call(command: str) -> str:
    """A command that is a call of Python; any other as it is."""
    found = _RESUME.fullmatch(command)
    if found is None:
        return command
    return f"hwrts.train({repr(shlex.split(found[1])[0]) if found[1] else '...'}, resume=True)"


def _argument(message: str, flag: str, end: int) -> tuple[str, int]:
    """What gives a flag with the value that may follow it, and where the rest of the message begins."""
    if flag in _SWITCHES:
        return _SWITCHES[flag], end
    mapping, name, values = _ENTRIES.get(flag) or (None, *_ARGUMENTS.get(flag, (flag, None)))
    found = None if values is None else re.compile(f" ({values})").match(message, end)
    if found is None:
        return name, end
    value = found[1] if re.fullmatch(f"{_NUMBER}|'.*'", found[1]) else repr(found[1])
    size = _SIZE.fullmatch(found[1])
    if size is not None:
        value = f"({size[1]}, {size[2]})"
    said = f"{name}={value}" if mapping is None else f"{mapping}={{{name!r}: {value}}}"
    return said, found.end()
