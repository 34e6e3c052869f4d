"""Settings of the float network: which one, and how large."""

from typing import Any, Literal

from pydantic import Field, model_validator

from hwrts.config.section import Section

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
