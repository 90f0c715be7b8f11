"""Step 2: the data. Grey images of hands, 28x28 pixels each, and the letters they sign:

    data/sign_mnist_train.csv: 27,455 images, Sign Language MNIST
    {'image': tensor([[[[-0.4167, -0.4194, ...]]]]), 'label': tensor([[14.], [16.]])}
    samples.png: an image of every letter and its variations

    python step_2_dataset.py [--from DIR]

Sign Language MNIST comes from data/, if it is there, else from DIR or the folder that the
environment variable SIGN_MNIST_DIR names, else from the internet.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, Subset

from camera.letter_folders import read_signs
from plumbing.affine import draw_affine, uniform
from plumbing.faults import run
from plumbing.figures import draw_samples, save_samples
from plumbing.flags import nonempty
from plumbing.loaders import mix
from plumbing.near_duplicates import hold_out
from plumbing.read_csv import read_csv
from plumbing.sign_mnist import (
    FILE_LABELS,
    HEADER,
    MY_HAND,
    PHOTOS,
    PUBLISHED,
    RENDERED,
    SETS,
    SIGN_MNIST,
    WITHOUT_HAND,
    DownloadError,
    available_sets,
    describe,
    find_csv,
    get_data,
)

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"  # classes 0..23; J and Z are signed with a motion
NO_HAND = len(LETTERS)  # the class after theirs: an image without a hand
SIZE = 28  # pixels, width and height of an image
# Of pixels / 255: the tutorial's, after the red channel of ImageNet. Net makes the contrast of all
# images alike by itself; they stay because models that are exchanged expect images so.
MEAN, STD = 0.485, 0.229

# Parts of training, of the data sets that are there.
SHARES = {SIGN_MNIST: 3, RENDERED: 5, PHOTOS: 4, WITHOUT_HAND: 1, MY_HAND: 4}
HELD_OUT = 0.04  # of the training images, which step 3 measures itself on

# How far a training image may be moved: as much as hands before a camera differ, and no letter
# turns into another one.
MAX_ANGLE = 12  # degrees
MAX_ZOOM = 0.2  # the hand is shown at 1 - MAX_ZOOM to 1 + MAX_ZOOM of its size
MAX_SHIFT = 0.1  # of the image's side
MAX_SHEAR = 0.1
MAX_CONTRAST = 0.3  # grey values are spread by 1 - MAX_CONTRAST to 1 + MAX_CONTRAST
MAX_BRIGHTNESS = 0.2  # of the range from black to white


class SignLanguageMNIST(Dataset):
    """Hold Sign Language MNIST, or any images of its kind, in memory.

    Parameters: `path`, a csv file, a folder with pictures in LETTER/, or a list of such paths;
    `mean` and `std` of pixels / 255, to normalise by; `augment`, whether each access gives another
    variation, drawn from torch's global random generator; `letters_only`, whether images without a
    hand are left out.
    Items: {"image": float32 (1, 28, 28), "label": float32 (1,)}; labels are 0..23, as in LETTERS,
    or NO_HAND.
    Raises: UserError naming file, line and reason; OSError if a file cannot be read.

    >>> dataset = SignLanguageMNIST("data/rendered_test.csv.gz")
    >>> len(dataset), dataset[0]["image"].shape, dataset[0]["label"]
    (1440, torch.Size([1, 28, 28]), tensor([0.]))

    The data set is tecperson's (2017): https://www.kaggle.com/datamunge/sign-language-mnist
    """

    @staticmethod
    def get_label_mapping():
        """Return the csv file's labels in the order of the classes: 0..24 (A..Y) without 9 (J).

        >>> SignLanguageMNIST.get_label_mapping()[8:11]
        [8, 10, 11]
        """
        return [ord(letter) - ord("A") for letter in LETTERS]

    @staticmethod
    def read_label_samples_from_csv(path):
        """Read a csv file of `label,pixel1,...,pixel784`, plain or .gz.

        A letter's label is its place in the alphabet from 0 on; 26 is an image without a hand.
        Returns: classes 0..24, uint8 (N,), and samples 0..255, uint8 (N, 784).
        Raises: UserError naming file, line and reason; OSError if the file cannot be read.

        >>> path = "data/rendered_test.csv.gz"
        >>> labels, samples = SignLanguageMNIST.read_label_samples_from_csv(path)
        >>> labels.shape, samples.shape
        ((1440,), (1440, 784))
        """
        rows = read_csv(path, HEADER, FILE_LABELS, "python step_2_dataset.py gets the data")
        return np.searchsorted(FILE_LABELS, rows[:, 0]).astype(np.uint8), rows[:, 1:]

    def __init__(
        self,
        path="data/sign_mnist_train.csv",
        mean=(MEAN,),
        std=(STD,),
        augment=False,
        letters_only=False,
    ):
        self.paths = [path] if isinstance(path, str | Path) else path
        labels, samples = [np.empty(0, np.uint8)], [np.empty((0, SIZE * SIZE), np.uint8)]
        for path in self.paths:
            new_labels, new_samples = read_label_samples(path)
            kept = new_labels < NO_HAND if letters_only else new_labels <= NO_HAND
            labels.append(new_labels[kept])
            samples.append(new_samples[kept])
        self.lengths = [len(some) for some in labels[1:]]  # images of each path
        labels, samples = np.concatenate(labels), np.concatenate(samples)
        self._samples = torch.from_numpy(samples).view(-1, 1, SIZE, SIZE)  # uint8
        self._labels = torch.from_numpy(labels).view(-1, 1).float()
        self._mean = torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1)
        self._std = torch.tensor(std, dtype=torch.float32).view(-1, 1, 1)
        self._augment = augment

    def __len__(self):
        return len(self._labels)

    def __getitem__(self, idx):
        return self.__getitems__([idx])[0]

    def __getitems__(self, indices):
        """Return the items at `indices`, a list.

        DataLoader asks for whole batches so: one pass through torch for all images instead of one
        for each.
        """
        images = self._samples[indices].float() / 255
        if self._augment:
            images = augment(images)
        images = (images - self._mean) / self._std
        return [
            {"image": image, "label": label}
            for image, label in zip(images, self._labels[indices], strict=True)
        ]


def read_label_samples(path):
    """Read a csv file, or the pictures in the folders LETTER/ and no_hand/ of a folder."""
    if not Path(path).is_dir():
        return SignLanguageMNIST.read_label_samples_from_csv(path)
    labels, images = read_signs(path, LETTERS, SIZE)
    return labels, images.reshape(len(images), -1)


def augment(images):
    """Vary each image: moved, mirrored as a left hand, lit otherwise.

    float32 (N, 1, 28, 28) in [0, 1] -> the same. One call for a whole batch: every image draws its
    own numbers from torch's global random generator.
    """
    maps = draw_affine(len(images), MAX_ANGLE, MAX_ZOOM, MAX_SHIFT, MAX_SHEAR)
    grid = F.affine_grid(maps, images.shape, align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    contrast = 1 + uniform(len(images), MAX_CONTRAST).view(-1, 1, 1, 1)
    brightness = uniform(len(images), MAX_BRIGHTNESS).view(-1, 1, 1, 1)
    middle = images.mean(dim=(2, 3), keepdim=True)
    return ((images - middle) * contrast + middle + brightness).clamp_(0, 1)


def get_train_test_loaders(batch_size=32, augment=True, sets=None, extra=()):
    """Load the training images, shuffled and augmented, and the test images, as the tutorial does.

    Step 3 itself uses `get_train_held_out_loaders`: the test images are for step 4 alone.

    Parameters: `batch_size`, images a batch; `augment`, whether training images are varied; `sets`,
    names of data sets, by default all that are there and show letters; `extra`, paths of further
    csv files (they count as rendered hands) or folders of pictures (photographs) to train on.
    Returns: two DataLoaders. Labels are 0..23, and NO_HAND only if `sets` names WITHOUT_HAND.
    Raises: FileNotFoundError if there are no data, UserError if a file is damaged.

    >>> trainloader, testloader = get_train_test_loaders(sets=["rendered hands"])
    >>> next(iter(trainloader))["image"].shape
    torch.Size([32, 1, 28, 28])
    """
    names = sets or [name for name in available_sets() if name != WITHOUT_HAND]
    tests = [SETS[name][1] for name in names]  # (training file, test file or None)
    testset = SignLanguageMNIST([find_csv(test) for test in tests if test])
    letters_only = WITHOUT_HAND not in names
    trainset, kinds = load_trainset(names, extra, augment=augment, letters_only=letters_only)
    return mix(trainset, kinds, SHARES, batch_size), DataLoader(testset, batch_size)


def get_train_held_out_loaders(batch_size, extra=()):
    """Load all training images, those without a hand too, less a share HELD_OUT of the letters.

    Held out are whole groups of near-duplicates, as they are: they tell how images that were not
    trained on are read. Returns two DataLoaders, the second one None if nothing can be held out;
    it has letters only.
    """
    trainset, kinds = load_trainset(available_sets(), extra, augment=True)
    labels = trainset._labels[:, 0].numpy()
    held = hold_out(trainset._samples.numpy(), labels, len(LETTERS), HELD_OUT)
    plain = copy.copy(trainset)  # the same images in memory, without variations
    plain._augment = False
    held_out = DataLoader(Subset(plain, np.flatnonzero(held)), 256) if held.any() else None
    trainset = Subset(trainset, np.flatnonzero(~held))
    return mix(trainset, kinds[~held], SHARES, batch_size), held_out


def load_trainset(names, extra, **options):
    """Load training images; return them and the name of each image's data set, an array (N,)."""
    paths = [*(find_csv(SETS[name][0]) for name in names), *extra]
    kinds = [*names, *(PHOTOS if Path(path).is_dir() else RENDERED for path in extra)]
    trainset = SignLanguageMNIST(paths, **options)
    return trainset, np.repeat(kinds, trainset.lengths)


def parse_args(argv):
    parser = argparse.ArgumentParser(description="Get the data, read it and show it.")
    what = f"copy {' and '.join(PUBLISHED)} from this folder, checked, to data/"
    parser.add_argument("--from", dest="source", type=nonempty, metavar="DIR", help=what)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    try:
        get_data(args.source)
    except DownloadError as error:
        if RENDERED not in available_sets():
            raise
        print(f"Only the {RENDERED} that come with the project are used: {error}")
    train, test = get_train_test_loaders(2, sets=available_sets())
    for dataset in (train.dataset, test.dataset):
        describe(dataset.paths, dataset.lengths, dataset._labels, dataset._samples)
    print(next(iter(train)))
    save_samples("samples.png", draw_samples(train.dataset, LETTERS, augment))
    print("samples.png: an image of every letter and its variations")


if __name__ == "__main__":
    run(main)
