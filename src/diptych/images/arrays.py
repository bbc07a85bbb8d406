"""Files as arrays of a domain, to the size that is asked for, and results as files hold them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.class_indices import class_indices
from diptych.images.domain import Domain, apart
from diptych.images.rgb import as_array, read_image, resize
from diptych.images.values import probe, read_values


def read_array(path: Path, domain: Domain) -> np.ndarray:
    """The picture in `path` as an array of the domain.

    Raises DiptychError where the file is bad, or holds other numbers than the domain: another
    type, another number of channels, a label outside its range.
    """
    if domain.kind in {"values", "labels"}:
        return whole_file_of(read_values(path), domain, path)
    return as_array(read_image(path, domain.kind, domain.name))


def whole_file_of(values: np.ndarray, domain: Domain, path: Path) -> np.ndarray:
    """All numbers in a file `(H, W, C)`, as `numbers_of`; refused too where none is a number."""
    if values.dtype.kind == "f" and not np.isfinite(values).any():
        raise DiptychError(f"{path}: no data: none of its values is a finite number")
    table = probe(path).palette if domain.kind == "labels" and domain.palette else ()
    return numbers_of(values, domain, path, table)


def numbers_of(
    values: np.ndarray, domain: Domain, path: Path, table: tuple[str, ...] = ()
) -> np.ndarray:
    """Numbers in a file `(H, W, C)` as an array of a domain of values or labels.

    `table`: the colours of the file's own indices, where it has some. What is infinite is no data,
    as NaN is. Raises DiptychError as `read_array`.
    """
    if domain.kind == "labels":
        return class_indices(values, domain, path, table)
    refuse_other_numbers(values.shape[2], values.dtype, domain, path)
    with np.errstate(over="ignore"):
        array = values.astype(domain.array_dtype, copy=False)
    return np.where(np.isinf(array), np.nan, array) if values.dtype.kind == "f" else array


def refuse_other_numbers(channels: int, dtype: np.dtype, domain: Domain, path: Path) -> None:
    """Raise DiptychError where a file holds other numbers than a domain of values."""
    held = f"{channels} channels of {dtype.name}"
    expected = f"{domain.channels} channels of {domain.dtype}"
    if held != expected:
        raise DiptychError(f"{path}: {held}, but {domain.name} has {expected}")


def beside(arrays: Sequence[np.ndarray], paths: Sequence[Path]) -> np.ndarray:
    """Arrays `(H, W, C)` of one size, their channels one after the other.

    Raises DiptychError where their sizes differ, naming the files.
    """
    check_sizes([array.shape for array in arrays], paths)
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=2)


def check_sizes(shapes: Sequence[tuple[int, ...]], paths: Sequence[Path]) -> None:
    """Raise DiptychError where pictures `(H, W, C)` differ in size, naming the files."""
    height, width = shapes[0][:2]
    for shape, path in zip(shapes, paths, strict=True):
        if shape[:2] != (height, width):
            raise DiptychError(
                f"{path}: {shape[1]}x{shape[0]}, but {paths[0]} beside it is {width}x{height}"
            )


def resized(values: np.ndarray, size: tuple[int, int], domain: Domain) -> np.ndarray:
    """An array of the domain `(H, W, C)` brought to `size` (height, width).

    Bicubic with antialiasing; nearest where neighbouring numbers must not be mixed.
    """
    if values.shape[:2] == size:
        return values
    if domain.parts:
        parts = zip(apart(values, domain), domain.parts, strict=True)
        return np.concatenate([resized(array, size, part) for array, part in parts], axis=2)
    if domain.sharp:
        rows, columns = (
            ((np.arange(wanted) + 0.5) * length / wanted).astype(int)
            for wanted, length in zip(size, values.shape[:2], strict=True)
        )
        return np.asarray(values[rows[:, None], columns])
    colours = values.dtype == np.uint8 and values.shape[2] in (3, 4)
    planes = [values] if colours else np.moveaxis(values, -1, 0)
    images = [Image.fromarray(np.ascontiguousarray(plane)) for plane in planes]
    return np.dstack([np.asarray(resize(image, (size[1], size[0]))) for image in images])


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
        empty = np.nan if domain.nodata is None else as_type(np.array(domain.nodata), domain.dtype)
        values[nothing] = empty
    return values


def as_type(values: np.ndarray, dtype: str) -> np.ndarray:
    """Rounded and cut to what integers of that type can hold; floats become float32."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(np.float32)
    limits = np.iinfo(kind)
    # In float64: the largest 32-bit integers are no float32. Those of 64 bits are no floats at all.
    whole = np.rint(values.astype(np.float64))
    below = np.nextafter(float(limits.max) + 1, 0)
    return np.where(whole > below, limits.max, whole.clip(limits.min, below).astype(kind))
