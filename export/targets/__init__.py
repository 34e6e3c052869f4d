"""Files for accelerators' toolchains: a closed table of targets, and what clients make of them."""

from hwrts.export.targets.file import TargetFile, target_file
from hwrts.export.targets.pictures import check_pictures
from hwrts.export.targets.target import TARGETS, Target, target_of

__all__ = [
    "TARGETS",
    "Target",
    "TargetFile",
    "check_pictures",
    "target_file",
    "target_of",
]
