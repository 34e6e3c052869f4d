"""The HTML report of a run: one file, no request to anywhere, readable on paper and on a phone."""

from hwrts.report.page import write_report

__all__ = ["write_report"]
