"""Find and read picture files."""

import os
from pathlib import Path

import cv2
import numpy as np

from plumbing.faults import UserError, printable, silent

LARGEST = 2**28  # bytes of a picture
TRIM = 0.02  # share of a crop that may be given up for speed
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


def shrink(crop, size):
    """Shrink a square crop to what the model sees.

    BGR uint8 (S, S, 3) -> grey uint8 (size, size).
    """
    whole = len(crop) // size * size  # whole ratios shrink ten times as fast
    if whole >= (1 - TRIM) * len(crop):
        edge = (len(crop) - whole) // 2
        crop = crop[edge : edge + whole, edge : edge + whole]
    while len(crop) % (2 * size) == 0:  # halving is quick, and leaves a quarter to be made grey
        crop = cv2.resize(crop, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)  # a mean: no aliasing


def read_signs(folder, letters, size):
    """Read the pictures of `read_letter_folders`: their centred squares, as a model sees them.

    Returns labels uint8 (N,) and images uint8 (N, size, size). Raises UserError if there are none.
    """
    labels, images = [], []
    for _, label, frame in read_letter_folders(folder, letters):
        side = min(frame.shape[:2])
        top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
        labels.append(label)
        images.append(shrink(frame[top : top + side, left : left + side], size))
    if not images:
        raise UserError(f"{printable(folder)}: no pictures in its folders A/, B/ ... or no_hand/")
    return np.array(labels, np.uint8), np.array(images)
