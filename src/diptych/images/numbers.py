"""Numbers in the type that files of a domain hold them in."""

import numpy as np

from diptych.images.domain import Domain


def finished(results: np.ndarray, domain: Domain) -> np.ndarray:
    """Results of a translation, as the files of the target's domain hold them.

    Colours and indices are so already. Values are float32, NaN where there is no data: that becomes
    the domain's `nodata` where it has one, and integers are rounded.
    """
    if domain.kind != "values":
        return results
    nothing = np.isnan(results)
    values = as_type(np.where(nothing, np.float32(0), results), domain.dtype)
    if nothing.any():
        values[nothing] = np.nan if domain.nodata is None else domain.nodata
    return values


def as_type(values: np.ndarray, dtype: str) -> np.ndarray:
    """Rounded and cut to what integers of that type can hold; floats become float32."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return values.astype(np.float32)
    limits = np.iinfo(kind)
    # In float64: the largest 32-bit integers are no float32.
    return np.rint(values.astype(np.float64)).clip(limits.min, limits.max).astype(kind)
