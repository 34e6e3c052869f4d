"""Settings of the recurrent training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hwrts.config.section import Rate, Section, Steps


class RtsConfig(Section):
    """Recurrent training: how many stages, and how each is trained."""

    stages: Annotated[int, Field(ge=1, le=100)] | Literal["auto"] = Field(
        3, description="number of stages, or auto: stop when the change between stages grows again"
    )
    max_stages: int = Field(8, ge=2, le=100, description="limit of an automatic run")
    score: bool = Field(
        True, description="measure VIQET's score of the validation photographs at every stage"
    )
    stop: Literal["change", "score"] = Field(
        "change",
        description="what an automatic run stops by: the smallest change between stages, or the best score",
    )
    first_steps: Steps = Field(1000, ge=1, description="steps of stage 1, which starts from an up-scaler")
    steps: Steps = Field(
        400, ge=1, description="steps of each later stage, which starts from the stage before"
    )
    epochs: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="passes over all crops in place of steps, for every stage; the paper's is 20",
    )
    batch: int = Field(16, ge=1, le=4096, description="crops per step; the paper's is 8")
    first_learning_rate: Rate = Field(2e-3, description="peak Adam rate of stage 1")
    learning_rate: Rate = Field(
        1e-3, description="peak Adam rate of later stages; the paper's, for all stages"
    )
    small_residual: bool = Field(
        True,
        description="train so that 8 bits hold the image residual on the pixel grid; the paper: no",
    )
    bound_targets: bool = Field(
        True,
        description="keep what later stages and same-size networks are trained toward within the range of "
        "the original's pixels around, so that halos are not learnt; the paper: no",
    )
    loss: Literal["squared", "luma"] = Field(
        "squared",
        description="what is minimised: the mean squared error of RGB (the paper), or the mean absolute one "
        "of Y, on which up-scaling is measured; luma is for sesr, whose colours have one correction, and for "
        "networks of luma",
    )
    teacher: str | None = Field(
        None,
        description="folder of a larger run, whose float network of the same stage is imitated beside the "
        "target; none: nobody is",
    )
    teacher_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="with a teacher, how much of what is minimised is the distance from its output; the rest "
        "is that from the target",
    )
    schedule: Literal["one-cycle", "constant"] = Field(
        "one-cycle", description="rate over the steps of a stage; the paper's is constant"
    )

    @model_validator(mode="after")
    def _check_teacher(self) -> "RtsConfig":
        if self.taught and self.stages == "auto":
            raise ValueError(
                'a teacher beside stages = "auto": how many stages it needs is not known; give a number'
            )
        return self

    @property
    def taught(self) -> bool:
        """Whether there is a teacher that is listened to."""
        return self.teacher is not None and self.teacher_share > 0

    @property
    def scored(self) -> bool:
        """Whether the score is measured: asked for, or needed to stop by."""
        return self.score or (self.stages == "auto" and self.stop == "score")
