"""Files for accelerators' toolchains: a closed table of targets, and what clients make of them."""

from hwrts.export.targets.clients import CLIENTS, check_file, python_of
from hwrts.export.targets.file import TargetFile, target_file, under
from hwrts.export.targets.pictures import check_pictures
from hwrts.export.targets.target import TARGETS, Target, target_of

__all__ = [
    "CLIENTS",
    "TARGETS",
    "Target",
    "TargetFile",
    "check_file",
    "check_pictures",
    "python_of",
    "target_file",
    "target_of",
    "under",
]
