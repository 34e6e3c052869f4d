"""Settings of a whole run."""

from typing import Literal

from pydantic import Field, model_validator

from hwrts.config.data import DataConfig
from hwrts.config.degradation import DegradationConfig
from hwrts.config.network import NetworkConfig
from hwrts.config.qat import QatConfig
from hwrts.config.rts import RtsConfig
from hwrts.config.section import Section


class RunConfig(Section):
    """A whole run."""

    seed: int = Field(
        0,
        ge=0,
        lt=2**63,  # what torch and TOML hold
        description="makes crops, initial weights and order; equal seeds give equal weights on one CPU",
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps")
    precision: Literal["auto", "float32", "bf16"] = Field(
        "auto", description="of the hidden layers in float training"
    )
    data: DataConfig = DataConfig()
    degradation: DegradationConfig = DegradationConfig()
    network: NetworkConfig = NetworkConfig()
    rts: RtsConfig = RtsConfig()
    qat: QatConfig = QatConfig()

    @model_validator(mode="after")
    def _check_loss(self) -> "RunConfig":
        if self.rts.loss == "luma" and self.network.name != "sesr" and self.network.luma is None:
            raise ValueError(
                f'rts.loss = "luma" is not allowed: it would leave the colours of {self.network.name} '
                'untrained; use "squared", network.name = "sesr" or network.colour = "luma"'
            )
        return self

    @property
    def stage_limit(self) -> int:
        """The largest number of stages this run can have."""
        return self.rts.stages if isinstance(self.rts.stages, int) else self.rts.max_stages
