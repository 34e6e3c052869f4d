"""What ``import hwrts`` offers to a notebook or a program; the commands call the same functions.

Imports nothing: ``hwrts`` takes each name from its module when it is first asked for.
"""
