"""Train on Sign Language MNIST in data/ until TARGET of its test images are read rightly.

    python -m tools.benchmark.time_to_target here        # or: tutorial

The last line says whether they are, and the seconds that measuring took, which do not count. Each
way imports what it needs itself: a process pays for its own start alone.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import sys
import time

import torch
from torch.utils.data import DataLoader

TARGET = 0.983  # what the tutorial's published model reaches
CHECKS = 4  # an epoch
EPOCHS = 3  # of ours, at most: with fewer its learning rate falls sooner
SEED = 1


class Reached(Exception):
    """TARGET is reached."""


class Judge:
    """Measures `net` on the test images and adds up the seconds that this takes."""

    net, loader, seconds = None, None, 0.0

    def check(self):
        """Measure once. Raises Reached."""
        start = time.perf_counter()
        self.loader = self.loader or self.read()
        self.net.eval()
        right = 0
        with torch.inference_mode():
            for batch in self.loader:
                right += (self.net(batch["image"]).argmax(1) == batch["label"][:, 0]).sum().item()
        self.net.train()
        self.seconds += time.perf_counter() - start
        if right >= TARGET * len(self.loader.dataset):
            raise Reached

    def read(self):
        """Make a DataLoader of the test images."""
        from step_2_dataset import SIGN_MNIST, get_train_test_loaders

        return get_train_test_loaders(256, sets=[SIGN_MNIST])[1]


class CheckedLoader(DataLoader):
    """A DataLoader of shuffled images after some of whose batches a Judge checks."""

    def __init__(self, dataset, batch_size, judge):
        super().__init__(dataset, batch_size, shuffle=True)
        self.judge = judge

    def __iter__(self):
        for count, batch in enumerate(super().__iter__(), start=1):
            yield batch  # resumed when the net has learned from it
            if count % max(1, len(self) // CHECKS) == 0:
                self.judge.check()


def train_here(judge):
    """Train this project's Net."""
    from step_2_dataset import SIGN_MNIST, get_train_test_loaders
    from step_3_train import BATCH_SIZE, LEARNING_RATE, Net, fit

    trainloader, _ = get_train_test_loaders(sets=[SIGN_MNIST])
    judge.net = Net()
    loader = CheckedLoader(trainloader.dataset, BATCH_SIZE, judge)
    fit(judge.net, loader, EPOCHS, LEARNING_RATE, SEED)


def train_tutorial(judge):
    """Train the tutorial's network."""
    from tools.benchmark import tutorial

    files = [f"data/sign_mnist_{part}.csv" for part in ("train", "test")]
    trainloader, _ = tutorial.get_loaders(*files)
    judge.net = tutorial.Net()
    tutorial.train(judge.net, CheckedLoader(trainloader.dataset, tutorial.BATCH_SIZE, judge))


def main(way):
    torch.manual_seed(SEED)
    judge, reached = Judge(), False
    try:
        {"here": train_here, "tutorial": train_tutorial}[way](judge)
    except Reached:
        reached = True
    print("reached" if reached else "missed", judge.seconds)


if __name__ == "__main__":
    main(sys.argv[1])
