"""A stage's sensitivity on disk: measured once, read again while the stage is the same."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from hwrts.data import PhotoStore
from hwrts.files.read import Count, Document, Sha256, Text, file_sha256, read_document
from hwrts.metrics import error_db
from hwrts.progress import Progress
from hwrts.runs.folder import StageFolder, write_json
from hwrts.runs.quantise import load_quantised
from hwrts.sensitivity.measure import (
    SIDE,
    LayerSensitivity,
    Reduced,
    Sensitivity,
    load_crops,
    measure_sensitivity,
)

_Bits = Annotated[int, Field(ge=2, le=8)]
_Decibels = Annotated[float, Field(ge=-1000, le=1000)]


class _Reduced(Document):
    weight_bits: _Bits
    mse_int8: Annotated[float, Field(ge=0, le=255**2)]
    psnr_db: dict[Text, _Decibels]


class _Layer(Document):
    name: Text
    weights: Count
    weight_bits: _Bits
    reduced: list[_Reduced]


class SensitivityFile(Document):
    """sensitivity.json: what was measured; the decibels and bits that follow from it stand beside it."""

    qat_sha256: Sha256
    psnr_db: dict[Text, _Decibels]
    bicubic_db: dict[Text, _Decibels] = Field({})
    layers: list[_Layer]

    @model_validator(mode="after")
    def _check_references(self) -> "SensitivityFile":
        if any(set(each.psnr_db) != set(self.psnr_db) for layer in self.layers for each in layer.reduced):
            raise ValueError("layers were measured against other references than the whole network")
        return self


def stage_sensitivity(
    stage: StageFolder, store: PhotoStore, widths: Collection[int], progress: Progress
) -> Sensitivity:
    """Measure a finished stage, and write sensitivity.json into its folder.

    Raises:
        HwrtsError: A file of the stage or of its photographs is missing or damaged; or as
            :func:`measure_sensitivity`.
    """
    found, document = measure_stage(stage, store, widths, progress)
    save_sensitivity(stage, document)
    return found


def measure_stage(
    stage: StageFolder, store: PhotoStore, widths: Collection[int], progress: Progress
) -> tuple[Sensitivity, dict[str, Any]]:
    """As :func:`stage_sensitivity`, and what sensitivity.json is to hold; nothing is written."""
    crops = load_crops(store, stage, stage.luma)
    found = measure_sensitivity(load_quantised(stage), crops, widths, progress)
    return found, as_json(found, stage, store.names[: len(crops.inputs)])


def save_sensitivity(stage: StageFolder, document: dict[str, Any]) -> None:
    """Write what :func:`measure_stage` found; raises NotWrittenError."""
    write_json(_path(stage), document)


def known_sensitivity(stage: StageFolder, widths: Collection[int]) -> Sensitivity | None:
    """What was measured before; None if it was of another network, or not of all these widths.

    Raises:
        RunFolderError: A damaged file.
    """
    path = _path(stage)
    if not path.is_file():
        return None
    document = read_sensitivity(path)
    if document["qat_sha256"] != _sha256(stage):
        return None
    layers = tuple(_layer(entry) for entry in document["layers"])
    found = Sensitivity(layers, dict(document["psnr_db"]), dict(document.get("bicubic_db", {})))
    complete = all(bits in layer.errors for layer in layers for bits in widths if bits < layer.weight_bits)
    return found if complete else None


def read_sensitivity(path: Path) -> dict[str, Any]:
    """Content of sensitivity.json.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    return read_document(path, SensitivityFile, "delete it and measure again: hwrts sensitivity")


def as_json(found: Sensitivity, stage: StageFolder, photographs: Sequence[str]) -> dict[str, Any]:
    """Plain values: what was measured, and the decibels and bits that follow from it."""

    def reduced_json(layer: LayerSensitivity, each: Reduced) -> dict[str, Any]:
        return {
            "weight_bits": each.weight_bits,
            "saved_bits": layer.weights * (layer.weight_bits - each.weight_bits),
            "mse_int8": each.mse_int8,
            "psnr_int8_db": error_db(each.mse_int8),
            "psnr_db": each.psnr_db,
            "loss_db": {name: found.loss_db(each, name) for name in each.psnr_db},
        }

    return {
        "schema": "hwrts.sensitivity",
        "schema_version": 1,
        "stage": stage.name,
        "qat_sha256": _sha256(stage),
        "photographs": list(photographs),
        "crop": SIDE,
        "psnr_db": found.psnr_db,
        "bicubic_db": found.bicubic_db,
        "layers": [
            {
                "name": layer.name,
                "weights": layer.weights,
                "weight_bits": layer.weight_bits,
                "reduced": [reduced_json(layer, each) for each in layer.reduced],
            }
            for layer in found.layers
        ],
    }


def _layer(entry: Mapping[str, Any]) -> LayerSensitivity:
    reduced = tuple(
        Reduced(each["weight_bits"], each["mse_int8"], dict(each["psnr_db"])) for each in entry["reduced"]
    )
    return LayerSensitivity(entry["name"], entry["weights"], entry["weight_bits"], reduced)


def _path(stage: StageFolder) -> Path:
    return stage.root / "sensitivity.json"


def _sha256(stage: StageFolder) -> str:
    return file_sha256(stage.qat_weights)
