"""Hold images out of training, whole groups of near-duplicates at a time.

Sign Language MNIST's training images are variations of far fewer photographs, and photographs are
often frames of one film. An image held out alone would have its like among those trained on.
"""

import numpy as np

CELL = 4  # pixels: images are compared by the means of cells of 4x4
ALIKE = 0.85  # least correlation of near-duplicates: some 400 groups in Sign Language MNIST


def hold_out(images, classes, letters, share):
    """Choose a share of the images of each letter, in whole groups of near-duplicates.

    uint8 (N, 1, S, S), classes (N,) of which 0..letters-1 are letters -> bool (N,). The same images
    give the same choice. A letter whose images are all alike gives none.
    """
    held, rng = np.zeros(len(images), bool), np.random.default_rng(0)
    for letter in np.unique(classes[classes < letters]):
        indices = (classes == letter).nonzero()[0]
        least, most = share * len(indices), 2 * share * len(indices)
        groups, count = group(images[indices]), 0
        for number in rng.permutation(len(groups)):
            if count < least and count + len(groups[number]) <= most:
                held[indices[groups[number]]] = True
                count += len(groups[number])
    return held


def group(images):
    """Group near-duplicates: images linked by pairs that correlate by at least ALIKE.

    uint8 (n, 1, S, S) -> a list of index arrays.
    """
    n, _, side, _ = images.shape
    cells = images.reshape(n, side // CELL, CELL, side // CELL, CELL)
    x = cells.mean((2, 4), dtype=np.float32).reshape(n, -1)
    x -= x.mean(1, keepdims=True)
    x /= np.linalg.norm(x, axis=1, keepdims=True) + 1e-6
    is_alike, is_left, groups = x @ x.T >= ALIKE, np.ones(n, bool), []
    for first in range(n):
        members, new = [], np.array([first]) if is_left[first] else np.empty(0, int)
        while len(new):
            is_left[new] = False
            members.append(new)
            new = (is_alike[new].any(0) & is_left).nonzero()[0]
        if members:
            groups.append(np.concatenate(members))
    return groups
