"""Find and read picture files."""

import os
from pathlib import Path

import cv2
import numpy as np

from plumbing.faults import silent

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
