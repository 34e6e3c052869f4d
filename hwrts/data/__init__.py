"""Photographs in, training pairs out: reading, degrading, storing and cropping, in NumPy and Pillow alone."""

from hwrts.data.crops import CropPlan, batch_indices, gather, plan_crops
from hwrts.data.dataset import Photo, Split, find_photos, load_photo
from hwrts.data.degrade import Kernel, degrade, downscale, downscale_by_2, to_codes, upscale_by_2
from hwrts.data.images import (
    MAX_MEGAPIXELS,
    check_suffix,
    check_target,
    has_one_channel,
    list_images,
    read_image,
    read_with_profile,
    write_image,
)
from hwrts.data.matlab import crop, enlarge, shrink
from hwrts.data.store import PhotoStore, build_store, open_store

__all__ = [
    "MAX_MEGAPIXELS",
    "CropPlan",
    "Kernel",
    "Photo",
    "PhotoStore",
    "Split",
    "batch_indices",
    "build_store",
    "check_suffix",
    "check_target",
    "crop",
    "degrade",
    "downscale",
    "downscale_by_2",
    "enlarge",
    "find_photos",
    "gather",
    "has_one_channel",
    "list_images",
    "load_photo",
    "open_store",
    "plan_crops",
    "read_image",
    "read_with_profile",
    "shrink",
    "to_codes",
    "upscale_by_2",
    "write_image",
]
