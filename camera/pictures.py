"""Find and read picture files."""

import os
from pathlib import Path

import cv2
import numpy as np

from camera.model import shrink
from plumbing.faults import UserError, printable, silent

LARGEST = 2**28  # bytes of a picture
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}


def list_pictures(source):
    """Return the paths of the pictures that a source names, sorted.

    A picture, or a folder: its pictures and those of the folders in it. Else none.
    """
    path = Path(source)
    paths = sorted([*path.glob("*"), *path.glob("*/*")]) if path.is_dir() else [path]
    return [path for path in paths if path.suffix.lower() in PICTURES]


def read_picture(path):
    """Read a picture file, upright: BGR uint8 (H, W, 3). None where it cannot be read."""
    try:
        content = np.fromfile(path, np.uint8, LARGEST) if os.path.isfile(path) else np.empty(0)
        with silent():
            return cv2.imdecode(content, cv2.IMREAD_COLOR)  # imread fails on names on Windows
    except (OSError, cv2.error):
        return None


def list_signs(folder, alphabet):
    """Return the (path, sign) of the pictures in `folder`/SIGN/, sorted by sign and name.

    A sign is a letter of the alphabet or "NO_HAND"; the folders' names may be in lower case.
    """
    signs = {*alphabet, "NO_HAND"}
    return [
        (path, place.name.upper())
        for place in sorted(Path(folder).glob("*/"))
        if place.name.upper() in signs
        for path in list_pictures(place)
        if not path.name.startswith(".")  # what is being written
    ]


def read_signs(folder, alphabet, size):
    """Read the pictures of `list_signs`: their centred squares, shrunk to what a model sees.

    Returns a list of N signs and uint8 (N, size, size). Raises UserError if there are none, or if
    one cannot be read.
    """
    pictures, images = list_signs(folder, alphabet), []
    for path, _ in pictures:
        if (frame := read_picture(path)) is None:
            raise UserError(f"{printable(path)}: not a picture that can be read")
        side = min(frame.shape[:2])
        top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
        images.append(shrink(frame[top : top + side, left : left + side], size))
    if not images:
        raise UserError(f"{printable(folder)}: no pictures in its folders A/, B/ ... or no_hand/")
    return [sign for _, sign in pictures], np.array(images)
