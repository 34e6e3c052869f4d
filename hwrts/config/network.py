"""Settings of the float network: which one, and how large."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from hwrts.config.section import Section
from hwrts.data.luma import OWN, Luma, MatrixName, Range
from hwrts.data.resample import Interpolation

NetworkName = Literal[
    "residual", "srcnn", "vdsr", "srresnet", "edsr", "abpn", "quicksrnet", "sesr", "espcn", "ecbsr", "imdn",
    "rlfn", "span", "xlsr", "fsrcnn", "unet",
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
}
"""How each network is written, and its blocks and channels if the settings do not say: those of its paper."""

OLD_NAMES = {"srcnn-luma": "srcnn", "vdsr-luma": "vdsr"}
"""Of networks that saw luma before all could: BT.601 of full range, if the settings say nothing else."""

_MOST_LEVELS = 5
"""Of unet: a sixth would be 64 times narrower than the picture, and 64 times wider in channels."""

LUMA_SETTINGS = tuple(vars(Luma()))
"""Settings of networks of luma alone."""

Keeps = Literal["nothing", "flat", "grey"]
"""What passes a network unchanged whatever it has learnt: nothing for certain, flat areas of any colour, or
those and the greyness of grey pictures."""


class NetworkConfig(Section):
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
    widths: dict[str, Annotated[int, Field(ge=1, le=2**16)]] = Field(
        {},
        description="channels of single groups of layers where they are fewer than blocks and channels give, "
        "by the name of the layer that makes them",
    )
    expand: int = Field(
        1,
        ge=1,
        le=16,
        description="train each convolution of more than 1x1 taps through so many times its wider side in "
        "maps, and collapse it exactly: what is deployed is the same network; 1: as it is; sesr and ecbsr "
        "are trained wide already, and multiply what their papers have",
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

    colour: Literal["rgb", "luma"] = Field(
        "rgb",
        description="what it sees of a picture: red, green and blue, or luma (Y') alone, with one channel in "
        "and out; the colours get the correction of luma",
    )
    matrix: MatrixName | None = Field(
        None, description="of luma, how much of red, green and blue is in it; none: bt709, as in HD video"
    )
    range: Range | None = Field(
        None, description="of luma, its codes: limited, 16..235 as in video (none), or full, 0..255"
    )
    chroma: Interpolation | None = Field(
        None, description="of luma, how colours of pictures become larger: bicubic (none) or bilinear"
    )

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, values: Any) -> Any:
        """Fill in what depends on the name, so that written settings are complete."""
        name = values.get("name", "residual") if isinstance(values, dict) else None
        if name in list(OLD_NAMES):
            given = {key: value for key, value in values.items() if value is not None}
            if given.get("colour") == "rgb":
                raise ValueError(f'{name} sees luma; use name = "{OLD_NAMES[name]}"')
            values = {"matrix": OWN.matrix, "range": OWN.range} | given
            values |= {"name": (name := OLD_NAMES[name]), "colour": "luma"}
        if name not in list(_NETWORKS):  # a list, for what cannot be a key; the error is pydantic's
            return values
        _, blocks, channels = _NETWORKS[name]
        keeps = "grey" if name == "residual" else "nothing"
        filled: dict[str, Any] = {"blocks": blocks, "channels": channels, "keeps": keeps}
        if values.get("colour") == "luma":
            filled |= vars(Luma())
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
        if self.colour == "rgb":
            given = [name for name in LUMA_SETTINGS if getattr(self, name) is not None]
            if given:
                raise ValueError(f'{given[0]} is of networks of luma; leave it out, or use colour = "luma"')
        return self

    @property
    def luma(self) -> Luma | None:
        """What it sees of a picture; None if that is red, green and blue."""
        if self.matrix is None or self.range is None or self.chroma is None:
            return None
        return Luma(self.matrix, self.range, self.chroma)

    @property
    def title(self) -> str:
        """What a report calls it."""
        written = _NETWORKS[self.name][0]
        luma = " of luma" if self.luma is not None else ""
        of = f", {len(self.widths)} groups narrower" if self.widths else ""
        of += "" if self.luma is None else f", {self.luma.said}"
        if self.name == "residual":
            return f"{written}-{self.blocks}{luma}, {self.channels} channels{of}"
        blocks = "" if self.blocks is None else f"{self.blocks} block{'s' * (self.blocks != 1)}, "
        return f"{written}{luma}, {blocks}{self.channels} channels{of}"

    @property
    def slug(self) -> str:
        """What the name of a run's folder calls it."""
        size = f"{'' if self.blocks is None else f'{self.blocks}x'}{self.channels}"
        return f"{self.name}{'-luma' * (self.luma is not None)}{size}{'-narrow' * bool(self.widths)}"
