"""Channels in the order of DepthToSpace's other mode, DCR, which some clients and formats have alone."""

import numpy as np
from numpy.typing import NDArray

# Letters of the shape comments: C channels of the result; R block size.

Order = NDArray[np.int64]


def depth_first(channels: int, block: int) -> Order:
    """Which channel c*R*R + i*R + j of eq. 7 stands at each place (i*R + j)*C + c of mode DCR, (R*R*C,).

    >>> depth_first(2, 2).tolist()
    [0, 4, 1, 5, 2, 6, 3, 7]
    """
    return np.arange(channels * block**2).reshape(channels, -1).T.ravel()
