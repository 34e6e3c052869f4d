"""VIQET v1: no-reference quality of a photograph, as the tool of the Video Quality Experts Group measures it.

docs/viqet.md has the formulae. Needs NumPy and SciPy alone, and Pillow to read files.
"""

from hwrts.metrics.viqet.features import RawFeatures, has_score, raw_features
from hwrts.metrics.viqet.files import score_file, score_files
from hwrts.metrics.viqet.model import UNITS, Score, displayed, model_vector, score

__all__ = [
    "UNITS",
    "RawFeatures",
    "Score",
    "displayed",
    "has_score",
    "model_vector",
    "raw_features",
    "score",
    "score_file",
    "score_files",
]
