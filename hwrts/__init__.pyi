# What __init__.py takes from these modules when it is asked for, for type checkers and editors.
from hwrts.api.quantize import quantize as quantize
from hwrts.api.stage import Stage as Stage
from hwrts.api.stage import load as load
from hwrts.api.sweep import SweepResults as SweepResults
from hwrts.api.sweep import run_sweep as run_sweep
from hwrts.api.train import train as train
from hwrts.errors import HwrtsError as HwrtsError

__version__: str
__all__: list[str]
