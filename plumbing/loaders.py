"""Build DataLoaders that mix several data sets."""

import numpy as np
from torch.utils.data import DataLoader, Subset, WeightedRandomSampler


def mix(dataset, kinds, shares, batch_size):
    """Build a DataLoader that shows kinds of images in given shares, whatever their numbers.

    `kinds` names each image's kind, (N,); `shares` has a number for each name. An epoch has N draws
    with replacement: some images come twice, some not at all. Of a single kind, every image comes
    once.
    """
    names, which, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    if len(names) < 2:
        return DataLoader(dataset, batch_size, shuffle=True)
    weights = np.array([shares[name] for name in names]) / counts
    return DataLoader(
        dataset, batch_size, sampler=WeightedRandomSampler(weights[which], len(kinds))
    )


def first_batch(loader):
    """Build a DataLoader of no more than the first batch of `loader`'s data set."""
    size = min(loader.batch_size, len(loader.dataset))
    return DataLoader(Subset(loader.dataset, range(size)), size)
