"""Arrays as text that a page can carry: bytes in base64, images as PNG."""

import base64
import struct
import zlib

import numpy as np

LEVELS = 254  # codes 0 … 254 are numbers, 255 is NaN


def text_of(array):
    """The bytes of an array, in base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def floats(array):
    """Numbers as they are, rounded to float32."""
    array = np.asarray(array, "<f4")
    return {"type": "float32", "shape": array.shape, "data": text_of(array)}


def quantised(weights):
    """Weights in one byte each, a quarter of the size.

        code = round(254 w / top),  top = the largest weight of its row

    so that the error is at most top / 508: less than 0.002 whatever the row. NaN has its own code.
    """
    weights = np.asarray(weights, np.float32)
    top = np.nanmax(np.where(np.isnan(weights), 0, weights), -1, keepdims=True)
    code = np.rint(LEVELS * weights / np.where(top > 0, top, 1))
    code = np.where(np.isnan(code), LEVELS + 1, code).astype(np.uint8)
    scale = (top[..., 0] / LEVELS).astype("<f4")
    return {"type": "uint8", "shape": weights.shape, "data": text_of(code), "scale": text_of(scale)}


def bits(mask):
    """A bool array, eight to the byte."""
    return {"type": "bits", "shape": mask.shape, "data": text_of(np.packbits(mask))}


def png(image):
    """A uint8 image, (height, width, 3), as the bytes of a PNG file."""
    height, width, _ = image.shape
    lines = np.zeros((height, 1 + 3 * width), np.uint8)  # each line starts with 0: no filter
    lines[:, 1:] = image.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
