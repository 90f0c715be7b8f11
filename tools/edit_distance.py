"""Compare a text with what it should be."""

import numpy as np


def edits(wanted, text):
    """Count the fewest edits from `wanted` to `text` (edit distance, Levenshtein, 1966).

    Returns (4,): letters of `wanted` that are right, wrong and lost, and letters added.
    """
    table = {(0, 0): (0, 0, 0, 0)}
    for i in range(len(wanted) + 1):
        for j in range(len(text) + 1):
            ways = []
            if i and j:
                same = wanted[i - 1] == text[j - 1]
                ways.append(np.add(table[i - 1, j - 1], (same, not same, 0, 0)))
            if i:
                ways.append(np.add(table[i - 1, j], (0, 0, 1, 0)))
            if j:
                ways.append(np.add(table[i, j - 1], (0, 0, 0, 1)))
            table[i, j] = min(ways, key=lambda counts: sum(counts[1:])) if ways else table[i, j]
    return np.array(table[len(wanted), len(text)])
