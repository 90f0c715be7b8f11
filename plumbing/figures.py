"""Draw the pictures that steps 2, 3 and 4 write."""

import io
import math
import os

import numpy as np

from plumbing.faults import number_of
from plumbing.files import write_file


def new_figure(width, height):
    """Return an empty matplotlib figure, width and height in inches."""
    # No window is opened, and matplotlib cannot be imported if this names a wrong backend.
    os.environ.pop("MPLBACKEND", None)
    from matplotlib.figure import Figure  # here: it takes 0.4 seconds

    return Figure(figsize=(width, height), layout="constrained")


def save_confusion(path, matrices, letters):
    """Write a picture of confusion matrices: counts as text, shares of their rows as shades.

    matrices: a dict of data set's name -> int (N, N); letters: the names of the N classes.
    """
    figure = new_figure(8 * len(matrices), 8.3)
    for number, (name, matrix) in enumerate(matrices.items(), start=1):
        mistakes = matrix.sum() - np.trace(matrix)
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes = figure.add_subplot(1, len(matrices), number, xlabel="read as", ylabel="signed")
        counted = number_of(mistakes, "mistake"), number_of(matrix.sum(), "validation image")
        axes.set_title(f"{name}: {' in '.join(counted)}")
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
    """Write a picture of the first `columns` times `rows` tiles.

    A tile is (image, title, Path of its file); the image is grey, uint8 (H, W).
    """
    figure = new_figure(1.4 * columns, 1.75 * rows)
    for place, (image, title, source) in enumerate(tiles[: columns * rows], start=1):
        axes = figure.add_subplot(rows, columns, place, xticks=[], yticks=[])
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=8)
        name = ascii("/".join(source.parts[-3:]))[1:-1]  # the font lacks many characters
        axes.set_xlabel(name[-24:], fontsize=5, parse_math=False)  # a name is no formula
    write_figure(path, figure)


def draw_samples(dataset, letters, augment, variations=4):
    """Draw an image of every letter and some augmented variations of it.

    Returns float32 (1 + variations, 28, 28) by letter.
    """
    samples = {}
    for number, letter in enumerate(letters):
        found = (dataset._labels[:, 0] == number).nonzero()
        if len(found):
            image = dataset._samples[found[0]].float() / 255  # (1, 1, 28, 28)
            varied = augment(image.repeat(variations, 1, 1, 1))
            samples[letter] = np.concatenate([image, varied])[:, 0]
    return samples


def save_samples(path, samples):
    """Write a picture with a row of images for each letter.

    samples: a dict of letter -> grey images, float32 (N, H, W) in [0, 1].
    """
    figure = new_figure(11, 4.2)
    figure.suptitle("One image of every letter, and what augmentation makes of it")
    for place, (letter, images) in enumerate(samples.items(), start=1):
        axes = figure.add_subplot(math.ceil(len(samples) / 4), 4, place)
        axes.set_axis_off()
        axes.set_title(letter, loc="left", x=-0.09, y=0.3)
        tiles = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=1)
        axes.imshow(np.hstack(tiles), cmap="gray", vmin=0, vmax=1)
    write_figure(path, figure)


def save_curves(path, history, images):
    """Write a picture of loss and accuracy by epoch.

    `history` is a list of (loss, accuracy), `images` tells of which the accuracy is.
    """
    losses, accuracies = zip(*history, strict=True)
    epochs = range(1, len(history) + 1)
    figure = new_figure(9, 3.5)
    curves = (("Training loss", losses, "tab:red"), (f"Accuracy, {images}", accuracies, "tab:blue"))
    for place, (name, values, color) in enumerate(curves, start=1):
        axes = figure.add_subplot(1, 2, place, xlabel="epoch", title=name)
        axes.plot(epochs, values, color=color, marker="o")
        axes.set_title(f"{values[-1]:.4f}", loc="right", color=color)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    write_figure(path, figure)


def write_figure(path, figure):
    """Write a matplotlib figure as a PNG file, whole or not at all."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_file(path, buffer.getvalue())
