"""Tables and pictures of how well step 4 finds that letters are read.

Outputs are logits or probabilities (N, letters), labels int (N,); len(letters) labels an image
without a hand.
"""

import math

import numpy as np

from plumbing.faults import UserError, number_of, printable
from plumbing.figures import save_confusion, save_grid
from plumbing.sign_mnist import PHOTOS, RENDERED, available_sets

MAX_DIFFERENCE = 1e-4  # between the logits of both runtimes
# Share of the rendered test images read rightly that the threshold lets pass: the least at which
# 95 % of the rightly read hands of people left out of training pass, too (docs/experiments.md).
KEEP = 0.97


def check_difference(results, others):
    """Print how far the logits of two reports differ; raise UserError if above MAX_DIFFERENCE."""
    difference = max(np.abs(results[key][0] - others[key][0]).max() for key in results)
    print(f"Largest difference between the logits: {difference:.1e} (allowed: {MAX_DIFFERENCE})")
    if difference > MAX_DIFFERENCE:
        raise UserError(
            "the exported model differs from the network; the old model is left as it was"
        )


def choose_threshold(probabilities, labels):
    """Return the threshold that keeps a share KEEP of the images that are read rightly.

    Below it the camera shows no letter.
    """
    right = probabilities.argmax(axis=1) == labels
    certainty = probabilities[right].max(axis=1) if right.any() else 1 / probabilities.shape[1]
    return math.floor(1000 * np.quantile(certainty, 1 - KEEP, method="lower")) / 1000


def accuracy_text(right, total):
    """Return the accuracy in per cent, and what it is made of."""
    mistakes = number_of(int(total - right), "mistake")
    return f"{100 * right / total:.2f} ({right:,.0f}/{total:,} right, {mistakes})"


def note_text(outputs, labels, name):
    """Return a note for a model on how well it reads the letters of a data set's test images."""
    hands = labels < outputs.shape[1]
    share = 100 * (outputs.argmax(axis=1) == labels)[hands].mean()
    return f"reads {share:.1f} % of {number_of(hands.sum(), 'test image')} ({name})"


def confusion_matrix(outputs, labels):
    """Count how many images of the row's letter were read as the column's.

    int64 (letters, letters); images without a hand are left out.
    """
    letters = outputs.shape[1]
    matrix = np.zeros((letters + 1, letters), np.int64)
    np.add.at(matrix, (labels, outputs.argmax(axis=1)), 1)
    return matrix[:letters]


def summarise(tests, letters, picture):
    """Print and draw how the test images are read; return the model's threshold and a note on it.

    `tests` has probabilities and labels by the name of the data set. Rendered hands, if they are
    there, decide: they have backgrounds, as before a camera, where letters are less certain.
    """
    name = RENDERED if RENDERED in tests else next(iter(tests))
    threshold, note = choose_threshold(*tests[name]), note_text(*tests[name], name)
    if PHOTOS not in available_sets():
        note += "; trained without photographs, it reads strangers worse"
    print_tests(tests, name, threshold, letters, picture)
    return threshold, note


def print_tests(tests, name, threshold, letters, picture):
    """Print how the test images of each data set are read, and draw it.

    `tests` has probabilities and labels by the name of the data set. The threshold is tried on
    those of `name` and on sets without hands.
    """
    hands = [other for other, (_, labels) in tests.items() if (labels < len(letters)).any()]
    judged = [tests[other] for other in tests if other == name or other not in hands]
    print_accepted(threshold, *map(np.concatenate, zip(*judged, strict=True)))
    matrices = {other: confusion_matrix(*tests[other]) for other in hands}
    for other, matrix in matrices.items():
        print_letters(f"{other}, validation", matrix, letters)
    save_confusion(picture, matrices, letters)


def print_photos(path, photos, threshold, letters, picture):
    """Print how the model at `path` reads pictures, and draw its mistakes.

    `photos` has a tuple for each: path, label, what the model saw, and probabilities.
    """
    paths, labels, seen, probabilities = map(np.array, zip(*photos, strict=True))
    hands = labels < len(letters)
    print(f"{printable(path)}: {number_of(hands.sum(), 'hand')}, {(~hands).sum():,} without")
    print_sources(paths[hands], probabilities[hands], labels[hands])
    print_letters("photos", confusion_matrix(probabilities, labels), letters)
    print_accepted(threshold, probabilities, labels)
    save_mistakes(picture, paths, labels, seen, probabilities, letters)
    print(f"{picture}: the mistakes that the model was most certain about")


def print_letters(name, matrix, letters):
    """Print a line for each letter of a confusion matrix, those most often misread first."""
    print(f"{'Letter':8}{'right':>9}{'share':>9}  taken for  ({name})")
    totals = matrix.sum(axis=1)
    shares = matrix.diagonal() / np.maximum(totals, 1)
    for row in np.argsort(shares, kind="stable"):
        if totals[row]:
            right = f"{matrix[row, row]}/{totals[row]}"
            order = np.argsort(-matrix[row], kind="stable")
            wrong = [f"{letters[i]} {matrix[row, i]}" for i in order if i != row and matrix[row, i]]
            print(f"{letters[row]:8}{right:>9}{shares[row]:9.4f}  {', '.join(wrong)}".rstrip())


def print_accepted(threshold, probabilities, labels):
    """Print how many images a threshold accepts as letters: rightly, wrongly, without a hand."""
    accepted = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == labels
    without = labels == probabilities.shape[1]
    groups = {
        "letters read rightly": accepted[right],
        "letters read wrongly": accepted[~right & ~without],
        "images without a hand": accepted[without],
    }
    print(f"At the threshold, {threshold:.3f}, from which the camera believes a letter:")
    for what, group in groups.items():
        if total := len(group):
            share = f"{group.sum():,}/{total:,} accepted ({100 * group.mean():.2f} %)"
            print(f"  {what}: {share}, {total - group.sum():,} refused")


def print_sources(paths, outputs, labels):
    """Print the accuracy by source, the folder around the letters' folders, and their mean."""
    sources = np.array([printable(path.parent.parent.name or ".") for path in paths])
    right, shares = outputs.argmax(axis=1) == labels, []
    for source in np.unique(sources):
        own = right[sources == source]
        print(f"Accuracy: {accuracy_text(own.sum(), len(own))}, {source}")
        shares.append(own.mean())
    mean = 100 * np.mean(shares)
    print(f"Accuracy: {accuracy_text(right.sum(), len(right))}, all; mean of sources {mean:.2f}")


def save_mistakes(target, paths, labels, seen, probabilities, letters):
    """Write a picture of the images that were read wrongly with the highest probability.

    `seen` is what the model saw of them, grey uint8 (N, size, size).
    """
    read, certainty = probabilities.argmax(axis=1), probabilities.max(axis=1)
    signed = [[*letters, "no hand"][label] for label in labels]
    tiles = [
        (seen[i], f"{signed[i]} read {letters[read[i]]} {certainty[i]:.0%}", paths[i])
        for i in np.argsort(-certainty, kind="stable")
        if read[i] != labels[i]
    ]
    save_grid(target, tiles)
