"""Photographs in, training pairs out: reading, degrading, storing and cropping, in NumPy and Pillow alone."""

from hwrts.data.crops import CropPlan, batch_indices, gather, plan_crops
from hwrts.data.dataset import Photo, Split, find_photos, load_photo
from hwrts.data.degrade import (
    Footage,
    Kernel,
    Subsampling,
    degrade,
    downscale,
    downscale_by_2,
    through_jpeg,
    to_codes,
    upscale_by_2,
)
from hwrts.data.images import (
    MAX_MEGAPIXELS,
    has_one_channel,
    list_images,
    read_image,
    read_picture,
)
from hwrts.data.matlab import crop, enlarge, shrink
from hwrts.data.picture import Picture, codes_of, with_result
from hwrts.data.store import PhotoStore, build_store, open_store
from hwrts.data.write import check_suffix, fit_to, write_image, write_picture

__all__ = [
    "MAX_MEGAPIXELS",
    "CropPlan",
    "Footage",
    "Kernel",
    "Photo",
    "PhotoStore",
    "Picture",
    "Split",
    "Subsampling",
    "batch_indices",
    "build_store",
    "check_suffix",
    "codes_of",
    "crop",
    "degrade",
    "downscale",
    "downscale_by_2",
    "enlarge",
    "find_photos",
    "fit_to",
    "gather",
    "has_one_channel",
    "list_images",
    "load_photo",
    "open_store",
    "plan_crops",
    "read_image",
    "read_picture",
    "shrink",
    "through_jpeg",
    "to_codes",
    "upscale_by_2",
    "with_result",
    "write_image",
    "write_picture",
]
