"""Which values of a file are data, and which look as if they stood for none."""

import numpy as np

# What programs write where nothing was measured.
_WRITTEN = {-999, -9999, -99999, -32768, -32767, 32767, 65535, -(2**31), 2**31 - 1, 1e20}
_HUGE = 1e30  # as the largest of float32, and what netCDF fills with
_FAR = 0.25  # of the span of all others, that lies between them and such a value at least


def data_of(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """The finite numbers among `values` that are not `nodata`, in one dimension."""
    numbers = values.reshape(-1)
    if values.dtype.kind == "f":
        numbers = numbers[np.isfinite(numbers)]
    if nodata is None:
        return np.asarray(numbers)
    if values.dtype.kind != "f":
        return np.asarray(numbers[numbers != nodata])
    with np.errstate(over="ignore"):  # as training compares: in 32 bits
        return np.asarray(numbers[numbers.astype(np.float32) != np.float32(nodata)])


def far_off_value(numbers: np.ndarray, low: float, high: float) -> float | None:
    """Their lowest or highest where it lies far off all others, and programs write it for no data.

    `low` and `high` are those of `numbers`, which are finite.
    """
    for end in (low, high):
        if end not in _WRITTEN and abs(end) < _HUGE:
            continue
        others = numbers[numbers != end].astype(np.float64)
        if others.size:
            first, last = others.min(), others.max()
            gap = max(first - end, end - last)
            if gap > _FAR * (last - first):
                return end
    return None
