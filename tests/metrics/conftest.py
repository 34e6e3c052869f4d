"""The fixtures of rooms that compute with torch."""

from ..torch_fixtures import _torch_state, quantise  # noqa: F401 - for pytest
