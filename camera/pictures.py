"""Find and read picture files."""

import os
from pathlib import Path

import cv2
import numpy as np

from plumbing.faults import printable, silent

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


def read_letter_folders(folder, letters):
    """Give the pictures in folder/LETTER/ and folder/SOURCE/LETTER/, and those in no_hand/.

    Yields path, label, which is len(letters) for no hand, and frame, BGR uint8 (H, W, 3). Prints
    the names of those that cannot be read.
    """
    labels = {name: label for label, name in enumerate([*letters, "NO_HAND"])}
    for place in sorted([*Path(folder).glob("*/"), *Path(folder).glob("*/*/")]):
        label = labels.get(place.name.upper())
        for path in list_pictures(place) if label is not None else []:
            if (frame := read_picture(path)) is None:
                print(f"{printable(path)}: not a picture that can be read")
            else:
                yield path, label, frame
