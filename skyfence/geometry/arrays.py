"""The kinds of numpy arrays that geometry passes about.

Shapes stand in the docstrings: ``(n, 4)`` segments are rows of lon0, lat0, lon1, lat1 in degrees
unless it says otherwise.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
