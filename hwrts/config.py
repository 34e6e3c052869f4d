"""Settings of a run: strict, complete, written back resolved so that any run can be repeated."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from hwrts.data import MAX_MEGAPIXELS, Footage, Kernel, Subsampling
from hwrts.data.store import MAX_VERSIONS


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("no file has a zero byte in its name")
    return text


_Path = Annotated[str, AfterValidator(_path)]
_Steps = Annotated[int, Field(le=10**7)]
"""Far beyond any training of the field; more is a slip, and would never end."""
_Rate = Annotated[float, Field(gt=0, le=1)]
"""Adam moves a weight by about its rate in each step: 1 is as large as pixels."""


class DataConfig(_Section):
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


_Codes = Annotated[float, Field(ge=0, le=64)]
_Blur = Annotated[float, Field(ge=0, le=4)]
_Kernels = Annotated[tuple[Kernel, ...], Field(min_length=1)]
_Times = Annotated[int, Field(ge=0, le=8)]
_Number = TypeVar("_Number", int, float)
_RANGES = ("blur", "read_noise", "shot_noise", "lr_jpeg_times")


class DegradationConfig(_Section):
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


NetworkName = Literal[
    "residual", "srcnn", "vdsr", "srresnet", "edsr", "abpn", "quicksrnet", "sesr", "espcn", "ecbsr", "imdn",
    "rlfn", "span", "xlsr", "fsrcnn", "unet", "srcnn-luma", "vdsr-luma",
]  # fmt: skip

_NETWORKS: dict[str, tuple[str, int | None, int]] = {
    "residual": ("Residual", 1, 32),  # the paper's base model has 3 and 64: `hwrts run paper`
    "srcnn": ("SRCNN", None, 64),
    "vdsr": ("VDSR", 18, 64),
    "srresnet": ("SRResNet", 16, 64),
    "edsr": ("EDSR", 16, 64),
    "abpn": ("ABPN", 4, 28),
    "quicksrnet": ("QuickSRNet", 2, 32),
    "sesr": ("SESR", 5, 16),
    "espcn": ("ESPCN", None, 64),
    "ecbsr": ("ECBSR", 4, 16),
    "imdn": ("IMDN", 5, 12),  # its authors' form for real time
    "rlfn": ("RLFN", 6, 52),
    "span": ("SPAN", 6, 48),
    "xlsr": ("XLSR", 3, 32),
    "fsrcnn": ("FSRCNN", 4, 56),
    "unet": ("U-Net", 2, 16),
    "srcnn-luma": ("SRCNN of luma", None, 64),
    "vdsr-luma": ("VDSR of luma", 18, 64),
}
"""How each network is written, and its blocks and channels if the settings do not say: those of its paper."""


_MOST_LEVELS = 5
"""Of unet: a sixth would be 64 times narrower than the picture, and 64 times wider in channels."""

Keeps = Literal["nothing", "flat", "grey"]
"""What passes a network unchanged whatever it has learnt: nothing for certain, flat areas of any colour, or
those and the greyness of grey pictures."""


class NetworkConfig(_Section):
    """The float network."""

    name: NetworkName = Field("residual", description="Residual-N of the paper, or one to compare it with")
    blocks: int | None = Field(
        None,
        ge=0,
        le=64,
        description="N of Residual-N; blocks of srresnet, edsr, imdn, rlfn, span and xlsr, hidden "
        "convolutions of vdsr, abpn, quicksrnet, sesr, ecbsr and fsrcnn, levels of unet; srcnn and espcn "
        "have none",
    )
    channels: int = Field(
        32,
        ge=1,
        le=1024,
        description="width of the hidden tensors, of imdn and xlsr a multiple of 4; of the first layer of "
        "srcnn and espcn, even: their second has half of it",
    )
    padding: Literal["replicate", "zero"] = Field(
        "replicate",
        description="what convolutions see outside the picture: replicate repeats the nearest pixel of what "
        "each reads; zero, the paper's, leaves a coloured frame",
    )

    keeps: Keeps = Field(
        "grey",
        description="what passes unchanged by construction: grey (flat areas, and grey pictures stay grey), "
        "flat, or nothing; residual alone, the paper: nothing",
    )

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, values: Any) -> Any:
        """Fill in what depends on the name, so that written settings are complete."""
        name = values.get("name", "residual") if isinstance(values, dict) else None
        if name not in list(_NETWORKS):  # a list, for what cannot be a key; the error is pydantic's
            return values
        _, blocks, channels = _NETWORKS[name]
        keeps = "grey" if name == "residual" else "nothing"
        filled = {"blocks": blocks, "channels": channels, "keeps": keeps}
        return filled | {key: value for key, value in values.items() if value is not None}

    @model_validator(mode="after")
    def _check_shape(self) -> "NetworkConfig":
        name, channels = self.name, self.channels
        if _NETWORKS[name][1] is None and self.blocks is not None:
            raise ValueError(f"{name} has three layers and no blocks; leave blocks out")
        if _NETWORKS[name][1] is None and channels % 2:
            raise ValueError(f"{name}'s second layer has half of {channels} channels; use an even number")
        if name == "imdn" and channels % 4:
            raise ValueError(f"imdn keeps a quarter of {channels} channels each time; use a multiple of 4")
        if name == "xlsr" and channels % 4:
            raise ValueError(f"xlsr has 4 groups of {channels} channels; use a multiple of 4")
        if name == "unet" and (self.blocks or 0) > _MOST_LEVELS:
            raise ValueError(f"unet of {self.blocks} levels below the first; use at most {_MOST_LEVELS}")
        if name == "span" and self.blocks == 0:
            raise ValueError("span joins what its first and last block make; use 1 block or more")
        if self.name != "residual" and self.keeps != "nothing":
            raise ValueError(f"{self.name} has no form that keeps {self.keeps}; use residual, or nothing")
        return self

    @property
    def luma(self) -> bool:
        """Whether it sees the luma of pictures alone; their chroma is up-scaled bicubically."""
        return self.name in ("srcnn-luma", "vdsr-luma")

    @property
    def title(self) -> str:
        """What a report calls it."""
        written = _NETWORKS[self.name][0]
        if self.name == "residual":
            return f"{written}-{self.blocks}, {self.channels} channels"
        blocks = "" if self.blocks is None else f"{self.blocks} block{'s' * (self.blocks != 1)}, "
        return f"{written}, {blocks}{self.channels} channels"

    @property
    def slug(self) -> str:
        """What the name of a run's folder calls it."""
        return f"{self.name}{'' if self.blocks is None else f'{self.blocks}x'}{self.channels}"


class RtsConfig(_Section):
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
    first_steps: _Steps = Field(1000, ge=1, description="steps of stage 1, which starts from an up-scaler")
    steps: _Steps = Field(
        400, ge=1, description="steps of each later stage, which starts from the stage before"
    )
    epochs: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="passes over all crops in place of steps, for every stage; the paper's is 20",
    )
    batch: int = Field(16, ge=1, le=4096, description="crops per step; the paper's is 8")
    first_learning_rate: _Rate = Field(2e-3, description="peak Adam rate of stage 1")
    learning_rate: _Rate = Field(
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
    schedule: Literal["one-cycle", "constant"] = Field(
        "one-cycle", description="rate over the steps of a stage; the paper's is constant"
    )

    @property
    def scored(self) -> bool:
        """Whether the score is measured: asked for, or needed to stop by."""
        return self.score or (self.stages == "auto" and self.stop == "score")


WeightBits = Annotated[int, Field(ge=2, le=8)]
"""Width of weights: 1 bit has no zero, more than 8 no integer operator takes."""


class QatConfig(_Section):
    """Quantisation-aware training of each stage."""

    steps: _Steps = Field(300, ge=0, description="fine-tuning steps after calibration; 0 calibrates only")
    learning_rate: _Rate = Field(
        3e-4, description="peak Adam rate; more gains PSNR, but enhances beyond the float network"
    )
    same_size: bool = Field(
        True, description="make the same-size network too, with D folded in: what a TV deploys"
    )
    same_size_steps: _Steps = Field(
        100, ge=0, description="its fine-tuning steps; it starts from the trained network and only adapts"
    )
    weight_bits: WeightBits = Field(
        8, description="width of the weights; 7 never saturates on x86 without VNNI"
    )
    layer_weight_bits: dict[str, WeightBits] = Field(
        {},
        description="width of the weights of single layers, by the names that hwrts inspect shows, in place "
        "of weight_bits; hwrts quantize --weight-kib chooses them",
    )
    activation_bits: int = Field(8, ge=2, le=8, description="width of the tensors between input and output")
    rounding: Literal["half_even", "half_up", "half_away", "floor"] = Field(
        "half_even", description="tie rule of every requantisation; half_up is the cheapest in RTL"
    )


class RunConfig(_Section):
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
        if self.rts.loss == "luma" and self.network.name != "sesr" and not self.network.luma:
            raise ValueError(
                f'rts.loss = "luma" is not allowed: it would leave the colours of {self.network.name} '
                'untrained; use "squared", or network.name = "sesr"'
            )
        return self

    @property
    def stage_limit(self) -> int:
        """The largest number of stages this run can have."""
        return self.rts.stages if isinstance(self.rts.stages, int) else self.rts.max_stages
