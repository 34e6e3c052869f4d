"""Settings of what makes a low-resolution picture of an original."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from hwrts.config.section import Section
from hwrts.data import Footage, Kernel, Subsampling
from hwrts.data.store import MAX_VERSIONS

_Codes = Annotated[float, Field(ge=0, le=64)]
_Blur = Annotated[float, Field(ge=0, le=4)]
_Kernels = Annotated[tuple[Kernel, ...], Field(min_length=1)]
_Times = Annotated[int, Field(ge=0, le=8)]
_Number = TypeVar("_Number", int, float)
_RANGES = ("blur", "read_noise", "shot_noise", "lr_jpeg_times")


class DegradationConfig(Section):
    """How the low-resolution input is made of an original."""

    jpeg: int | tuple[int, int] | Literal["none"] = Field(
        80, description="JPEG quality 1..95, a range, or none"
    )
    kernel: Kernel | _Kernels = Field(
        "bilinear", description="down-scaling kernel, antialiased, or several to draw from"
    )
    blur: _Blur | tuple[_Blur, _Blur] = Field(
        0.0,
        description="deviation in original pixels of a Gaussian before down-scaling, or a range to draw "
        "from; more makes the network sharpen more",
    )
    read_noise: _Codes | tuple[_Codes, _Codes] = Field(
        (0.0, 3.0),
        description="sensor noise in the low-resolution picture, deviation in codes, or a range to draw "
        "from; a network that never sees noise sharpens it",
    )
    shot_noise: _Codes | tuple[_Codes, _Codes] = Field(
        (0.0, 6.0), description="noise of the light, deviation in codes at white; variance follows the level"
    )
    lr_jpeg: int | tuple[int, int] | Literal["none"] = Field(
        (40, 95), description="JPEG quality of the low-resolution picture itself, a range, or none"
    )
    lr_jpeg_times: _Times | tuple[_Times, _Times] = Field(
        (0, 2), description="how many times that is done, or a range; 0 leaves a picture as it is"
    )
    lr_subsampling: Subsampling = Field("either", description="colour in it: 4:2:0, 4:4:4 or either")
    versions: int = Field(
        8, ge=1, le=MAX_VERSIONS, description="low-resolution pictures of each photograph, each drawn anew"
    )

    @model_validator(mode="before")
    @classmethod
    def _range_from_list(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {  # TOML has no tuples
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }

    @field_validator(*_RANGES, "jpeg", "lr_jpeg", mode="before")
    @classmethod
    def _check_two(cls, value: Any) -> Any:
        if isinstance(value, tuple) and len(value) != 2:
            raise ValueError("a range is two numbers, low and high")
        return value

    @field_validator(*_RANGES)
    @classmethod
    def _check_range(cls, value: Any) -> Any:
        if isinstance(value, tuple) and value[0] > value[1]:
            raise ValueError("a range goes from low to high")
        return value

    @field_validator("jpeg", "lr_jpeg")
    @classmethod
    def _check_jpeg(cls, jpeg: int | tuple[int, int] | str) -> int | tuple[int, int] | str:
        if isinstance(jpeg, str):
            return jpeg
        low, high = jpeg if isinstance(jpeg, tuple) else (jpeg, jpeg)
        if not 1 <= low <= high <= 95:
            raise ValueError("qualities are 1..95, a range goes from low to high; none is allowed too")
        return jpeg

    @property
    def blur_range(self) -> tuple[float, float]:
        """Least and largest blur."""
        return _range(self.blur)

    @property
    def jpeg_range(self) -> tuple[int, int] | None:
        """Lowest and highest quality, or None without compression."""
        return None if isinstance(self.jpeg, str) else _range(self.jpeg)

    @property
    def lr_versions(self) -> int:
        """How many LR pictures there are of a photograph: where nothing is drawn they would be copies."""
        fixed = all(low == high for low, high in (self.jpeg_range or (0, 0), self.blur_range))
        one_kernel = isinstance(self.kernel, str) or len(set(self.kernel)) == 1
        return 1 if fixed and one_kernel and not self.footage.draws else self.versions

    @property
    def footage(self) -> Footage:
        """What low-resolution pictures have of footage."""
        return Footage(
            _range(self.read_noise),
            _range(self.shot_noise),
            None if isinstance(self.lr_jpeg, str) else _range(self.lr_jpeg),
            _range(self.lr_jpeg_times),
            self.lr_subsampling,
        )


def _range(value: _Number | tuple[_Number, _Number]) -> tuple[_Number, _Number]:
    """A range; a number is one of its own."""
    return value if isinstance(value, tuple) else (value, value)
