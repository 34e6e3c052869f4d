"""From photographs to a bit-proved int8 super-resolution network.

Kept light on purpose: importing ``hwrts`` (or ``hwrts.fixed_point``) imports neither torch nor onnx.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
