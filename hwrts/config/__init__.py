"""Settings of a run: strict, complete, written back resolved so that any run can be repeated."""

from hwrts.config.data import DataConfig
from hwrts.config.degradation import DegradationConfig
from hwrts.config.network import Keeps, NetworkConfig, NetworkName
from hwrts.config.qat import QatConfig, WeightBits
from hwrts.config.rts import RtsConfig
from hwrts.config.run import RunConfig

__all__ = [
    "DataConfig",
    "DegradationConfig",
    "Keeps",
    "NetworkConfig",
    "NetworkName",
    "QatConfig",
    "RtsConfig",
    "RunConfig",
    "WeightBits",
]
