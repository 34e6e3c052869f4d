"""Importing this module loads everything, in the process that others are forked from."""

from .children import load_everything

load_everything()
