"""Pictures that step 4 writes. Plumbing: skip it on first reading."""

import os

import numpy as np

from data.plumbing import write_figure

# No window is opened, and with a wrong name in it matplotlib cannot be imported.
os.environ.pop("MPLBACKEND", None)
from matplotlib.figure import Figure


def save_confusion(path, matrices, letters):
    """Write a picture of confusion matrices, int (N, N) by the name of their data set: a cell's
    share of its row as a shade, its count as text. `letters` are the N classes."""
    figure = Figure(figsize=(8 * len(matrices), 8.3), layout="constrained")
    for number, (name, matrix) in enumerate(matrices.items(), start=1):
        mistakes = matrix.sum() - np.trace(matrix)
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes = figure.add_subplot(1, len(matrices), number, xlabel="read as", ylabel="signed")
        axes.set_title(f"{name}: {mistakes:,} mistakes in {matrix.sum():,} validation images")
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(letters)), letters)
        axes.set_yticks(range(len(letters)), letters)
        axes.tick_params(top=True, labeltop=True)
        for row, column in np.argwhere(matrix):
            color = "white" if shares[row, column] > 0.5 else "black"
            style = {"ha": "center", "va": "center", "fontsize": 7, "color": color}
            axes.text(column, row, matrix[row, column], **style)
    write_figure(path, figure)


def save_grid(path, tiles, columns=10, rows=6):
    """Write a picture of the first of `tiles`: (image, title, Path of its file) each, the image
    being uint8 (H, W), grey."""
    figure = Figure(figsize=(1.4 * columns, 1.75 * rows), layout="constrained")
    for place, (image, title, source) in enumerate(tiles[: columns * rows], start=1):
        axes = figure.add_subplot(rows, columns, place, xticks=[], yticks=[])
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=8)
        name = ascii("/".join(source.parts[-3:]))[1:-1]  # the font lacks many characters
        axes.set_xlabel(name[-24:], fontsize=5, parse_math=False)  # a name is no formula
    write_figure(path, figure)
