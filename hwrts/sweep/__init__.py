"""Sweep of parameter budgets: which network gives the best picture for what it costs in silicon."""

from hwrts.extras import need

need("sweep", "hwrts sweep")
