"""Settings of the photographs."""

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from hwrts.config.section import Section
from hwrts.data import MAX_MEGAPIXELS


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("no file has a zero byte in its name")
    return text


_Path = Annotated[str, AfterValidator(_path)]


class DataConfig(Section):
    """Where the photographs are and how they are cut."""

    train: _Path | None = Field(None, description="folder of training photographs; none: the embedded ones")
    val: _Path | None = Field(
        None, description="folder of validation photographs; none: train/ and val/ below train, or a fraction"
    )
    val_fraction: float = Field(
        0.1, gt=0, lt=1, description="share of the photographs kept for validation when there is no folder"
    )
    strict: bool = Field(False, description="refuse a folder with a broken image instead of leaving it out")
    max_megapixels: int = Field(
        MAX_MEGAPIXELS, ge=1, description="a larger photograph is left out before it is decoded"
    )
    patch: int = Field(
        128,
        ge=16,
        le=4096,
        multiple_of=2,
        description="side of a training crop in original pixels; the paper's is 256",
    )
    crops_per_image: int = Field(
        60, ge=1, le=10_000, description="crops drawn once per photograph; the paper's is 100"
    )

    @field_validator("train", "val")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        try:
            (name or "").encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError("the name is no UTF-8, as settings are; rename the folder") from error
        return name
