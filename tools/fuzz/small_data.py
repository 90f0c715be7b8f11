"""Small csv files of letters that a network learns in a few steps, for harness and tests."""

from pathlib import Path

import numpy as np

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"  # not imported from step 2: a test compares them
HEADER = "label," + ",".join(f"pixel{i}" for i in range(1, 785))
FILE_LABELS = [ord(letter) - ord("A") for letter in LETTERS]  # as csv files number letters


def draw_letters(count, seed=0):
    """Draw images with a bright spot whose place is the letter, in noise.

    Returns images uint8 (count, 784) and file labels int64 (count,).
    """
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % len(LETTERS)
    images = rng.integers(0, 60, (count, 28, 28), dtype=np.uint8)
    for image, number in zip(images, classes, strict=True):
        row, column = divmod(int(number), 5)
        image[3 + row * 5 : 6 + row * 5, 3 + column * 5 : 6 + column * 5] = 255
    return images.reshape(count, 784), np.array(FILE_LABELS)[classes]


def write_csv(path, images, labels, newline="\r\n"):
    """Write images uint8 (N, 784) and file labels (N,) as Sign Language MNIST's files are."""
    rows = [
        ",".join(map(str, [label, *image])) for image, label in zip(images, labels, strict=True)
    ]
    Path(path).write_bytes((newline.join([HEADER, *rows]) + newline).encode())
