"""The one base class of every error that a user of hwrts can cause."""


class HwrtsError(Exception):
    """A wrong use: one line that says what, where, what is allowed and what to do.

    The command line exits with 2. The class lives here, at the bottom of the import order, because
    ``fixed_point`` imports nothing but NumPy.
    """
