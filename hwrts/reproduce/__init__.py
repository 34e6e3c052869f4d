"""The paper's tables and figures measured again, each number beside the paper's.

Import ``hwrts.reproduce.reproduction`` to run them. Nothing is imported here: the report of every run takes
the paper's numbers from ``hwrts.report.paper`` and must not load what trains networks.
"""
