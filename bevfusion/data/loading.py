"""Reads sensor files, and says which one is damaged when it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from bevfusion.errors import DataError

__all__ = ["POINT_FEATURES", "load_image", "load_points", "read_image_size"]

POINT_FEATURES = 4
_IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "PPM")


def load_points(path: Path, *, num_features: int = POINT_FEATURES) -> NDArray[np.float32]:
    """Read a LiDAR sweep.

    Args:
        path: ``.bin`` of little-endian float32 rows, KITTI's layout, or ``.npy`` of numbers, either one row a
            point or all in one row.
        num_features: numbers of a point, where the file itself does not tell.

    Returns:
        (n, num_features) x, y, z in metres (LiDAR frame), reflectance and whatever else, n > 0.

    Raises:
        DataError: missing, truncated or empty file, or a value that is not finite.
    """
    where = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror})", where=where, hint="restore the point file"
        ) from error
    numbers = _parse_npy(data, where) if path.suffix == ".npy" else data
    points = _to_rows(numbers, num_features, where)
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        raise DataError(
            f"{bad} of {len(points)} points are NaN or infinite", where=where, hint="remove these points"
        )
    return points


def _parse_npy(data: bytes, where: str) -> NDArray[np.float32]:
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        numbers = np.ascontiguousarray(array, dtype="<f4")
    except (ValueError, EOFError, TypeError, OverflowError, MemoryError, TokenError) as error:
        message = f"not an array of numbers ({error})"
        raise DataError(message, where=where, hint="copy the point file again") from error
    if numbers.ndim > 2 or (numbers.ndim == 2 and numbers.shape[1] < 3):
        message = f"an array of shape {numbers.shape} is not a row of x, y, z, ... for each point"
        raise DataError(message, where=where, hint="save an array (n, 4)")
    return numbers


def _to_rows(numbers: NDArray[np.float32] | bytes, num_features: int, where: str) -> NDArray[np.float32]:
    if not isinstance(numbers, bytes) and numbers.ndim == 2 and len(numbers):
        return numbers
    data = numbers if isinstance(numbers, bytes) else numbers.tobytes()
    point_bytes = 4 * num_features
    if len(data) % point_bytes:
        message = f"{len(data)} bytes is not a multiple of {point_bytes}: the file is truncated"
        raise DataError(message, where=where, hint="copy the point file again")
    if not data:
        hint = "restore it, or remove the frame from the lists of frames"
        raise DataError("the file holds no points", where=where, hint=hint)
    return np.frombuffer(data, dtype="<f4").reshape(-1, num_features)


def load_image(path: Path) -> Image.Image:
    """Read a camera image.

    Returns:
        Decoded RGB image, whatever mode the file has.

    Raises:
        DataError: missing or damaged file.
    """
    with _opened(path) as image:
        image.load()
        return image if image.mode == "RGB" else image.convert("RGB")


def read_image_size(path: Path) -> tuple[int, int]:
    """Learn the size of an image and that its file is whole (checksums), without decoding it.

    Returns:
        Height and width in pixels.

    Raises:
        DataError: missing or damaged file.
    """
    with _opened(path) as image:
        image.verify()
        return image.height, image.width


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image in one of the formats that cameras are recorded in: each decoder is code for foreign bytes."""
    try:
        with Image.open(path, formats=_IMAGE_FORMATS) as image:
            yield image
    except Exception as error:  # in damaged bytes, decoders stumble over anything
        raise _image_error(path, error) from error


def _image_error(path: Path, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(
            "the image is missing",
            where=str(path),
            hint="restore it, or remove the frame from the lists of frames",
        )
    formats = ", ".join(_IMAGE_FORMATS)
    reason = f"none of {formats}" if isinstance(error, UnidentifiedImageError) else str(error)
    return DataError(f"the image is damaged ({reason})", where=str(path), hint="copy the image again")
