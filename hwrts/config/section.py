"""What every section of the settings is, and numbers that several have."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Unknown keys, other types and changes are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Steps = Annotated[int, Field(le=10**7)]
"""Far beyond any training of the field; more is a slip, and would never end."""
Rate = Annotated[float, Field(gt=0, le=1)]
"""Adam moves a weight by about its rate in each step: 1 is as large as pixels."""
