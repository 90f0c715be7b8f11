"""Compare a text with what it should be."""

import numpy as np


def edits(wanted, text):
    """Count the fewest edits from `wanted` to `text`, by `align`.

    Returns (4,): letters of `wanted` that are right, wrong and lost, and letters added.
    """
    pairs = align(wanted, text)
    right = sum(x == y for x, y in pairs)
    lost, added = sum(y == "" for _, y in pairs), sum(x == "" for x, _ in pairs)
    return np.array([right, len(pairs) - right - lost - added, lost, added])


def align(wanted, text):
    """Pair the letters of two texts by the fewest edits (edit distance, Levenshtein, 1966).

    Returns a list of (letter of `wanted`, letter of `text`), "" for one that is lost or added.
    """
    costs = np.zeros((len(wanted) + 1, len(text) + 1))
    costs[:, 0], costs[0] = np.arange(len(wanted) + 1), np.arange(len(text) + 1)
    for i, x in enumerate(wanted, 1):
        for j, y in enumerate(text, 1):
            ways = costs[i - 1, j - 1] + (x != y), costs[i - 1, j] + 1, costs[i, j - 1] + 1
            costs[i, j] = min(ways)
    pairs, i, j = [], len(wanted), len(text)
    while i or j:
        if i and j and costs[i, j] == costs[i - 1, j - 1] + (wanted[i - 1] != text[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((wanted[i], text[j]))
        elif i and costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            pairs.append((wanted[i], ""))
        else:
            j -= 1
            pairs.append(("", text[j]))
    return pairs[::-1]
