"""Versions of the libraries that numbers depend on, whatever distribution they were installed from."""

from importlib import metadata

LIBRARIES = {
    "torch": "torch",
    "brevitas": "brevitas",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "pillow": "PIL",
}
"""Names of distributions, and of the modules in them."""


def library_versions() -> dict[str, str]:
    """Version by library; with its name, where another distribution provides it, such as onnxruntime-gpu."""
    return {name: _version(name, module) for name, module in LIBRARIES.items()}


def _version(name: str, module: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
    # Slow, for it looks into every distribution: only where the usual one is not there.
    others = metadata.packages_distributions().get(module, [])
    return f"{metadata.version(others[0])} ({others[0]})" if others else "unknown"
