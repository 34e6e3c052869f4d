"""From photographs to a bit-proved int8 super-resolution network.

    run = hwrts.train("runs/first", {"rts.first_steps": 80})
    run.enhance(picture), run.network, run.cost(), run.verify(), run.export("handover")

Kept light on purpose: importing ``hwrts`` (or ``hwrts.fixed_point``) imports neither torch nor onnx; each
name below is taken from its module when it is first asked for. Wrong use raises ``HwrtsError``: one line that
says what, where, what is allowed and what to do.
"""

from importlib import import_module as _import_module
from typing import Any as _Any

__version__ = "0.1.0"

_MODULES = {
    "HwrtsError": "hwrts.errors",
    "Stage": "hwrts.api.stage",
    "SweepResults": "hwrts.api.sweep",
    "load": "hwrts.api.stage",
    "quantize": "hwrts.api.quantize",
    "run_sweep": "hwrts.api.sweep",
    "train": "hwrts.api.train",
}


def _offered() -> list[str]:
    """What needs an extra is not offered without it: ``from hwrts import *`` takes what is there."""
    from hwrts.extras import missing

    absent = missing("sweep")
    return ["__version__", *(name for name, at in _MODULES.items() if at != "hwrts.api.sweep" or not absent)]


def __getattr__(name: str) -> _Any:
    if name == "__all__":
        return _offered()
    if name not in _MODULES:
        raise AttributeError(f"module 'hwrts' has no attribute {name!r}; it has {', '.join(_offered())}")
    return getattr(_import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_offered()})
