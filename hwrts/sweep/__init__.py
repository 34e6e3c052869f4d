"""Sweep of parameter budgets: which network gives the best picture for what it costs in silicon."""
