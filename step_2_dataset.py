"""Step 2: get the data, grey images of hands and the letters they sign, and show some.

    $ python step_2_dataset.py [--from DIR]
    data/sign_mnist_train.csv: 27,455 images, Sign Language MNIST
    {'image': tensor([[[[-0.4167, -0.4194, ...]]]]), 'label': tensor([[14.], [16.]])}
    samples.png: an image of every letter and its variations

Sign Language MNIST comes from data/, if it is there, else from DIR or the folder that the
environment variable SIGN_MNIST_DIR names, else from the internet.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
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
from plumbing.flags import Parser, nonempty
from plumbing.loaders import mix
from plumbing.near_duplicates import hold_out
from plumbing.sign_mnist import (
    MY_HAND,
    NO_HAND_LABEL,
    PHOTOS,
    RENDERED,
    SETS,
    SIGN_MNIST,
    WITHOUT_HAND,
    available_sets,
    describe,
    find_data,
    prepare_data,
    read_rows,
)

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"  # classes 0..23; J and Z are signed with a motion
NO_HAND = len(LETTERS)  # class 24: an image without a hand
SIZE = 28  # pixels, width and height of an image
MEAN, STD = 0.485, 0.229  # of pixels / 255: the tutorial's, so that models can be exchanged

# Data sets are mixed: with all five there, 3 of 17 training images are Sign Language MNIST's.
SHARES = {SIGN_MNIST: 3, RENDERED: 5, PHOTOS: 4, WITHOUT_HAND: 1, MY_HAND: 4}
HELD_OUT = 0.04  # share of the training images, on which step 3 measures instead of training

# Limits of augmentation: hands before a camera differ as much, and no letter becomes another one.
MAX_ANGLE = 12  # degrees
MAX_ZOOM = 0.2  # the hand is shown at 1 - MAX_ZOOM to 1 + MAX_ZOOM of its size
MAX_SHIFT = 0.1  # of the image's side
MAX_SHEAR = 0.1  # pixels aside for each pixel down
MAX_CONTRAST = 0.3  # grey values are spread by 1 - MAX_CONTRAST to 1 + MAX_CONTRAST
MAX_BRIGHTNESS = 0.2  # of the range from black to white


class SignLanguageMNIST(Dataset):
    """Hold Sign Language MNIST, or any images of its kind, in memory.

    Parameters: `path`, a csv file, a folder with pictures in LETTER/, or a list of such paths;
    `mean` and `std` of pixels / 255, to normalise by; `augment`, whether each access gives another
    variation; `letters_only`, whether images without a hand are left out.
    Items: {"image": float32 (1, 28, 28), "label": float32 (1,)}; a label is the class 0..24.
    Raises: UserError naming file, line and reason; OSError if a file cannot be read.

    >>> dataset = SignLanguageMNIST("data/rendered_test.csv.gz")
    >>> len(dataset), dataset[0]["image"].shape, dataset[0]["label"]
    (1440, torch.Size([1, 28, 28]), tensor([0.]))

    The data set is tecperson's (2017): https://www.kaggle.com/datamunge/sign-language-mnist
    """

    @staticmethod
    def get_label_mapping():
        """Return what a csv file calls each letter's class: 0..24 (A..Y) without 9 (J).

        >>> SignLanguageMNIST.get_label_mapping()[8:11]
        [8, 10, 11]
        """
        return [ord(letter) - ord("A") for letter in LETTERS]

    @staticmethod
    def read_label_samples_from_csv(path):
        """Read a csv file of `label,pixel1,...,pixel784`, plain or .gz.

        Returns: classes 0..24, uint8 (N,), and samples 0..255, uint8 (N, 784).
        Raises: UserError naming file, line and reason; OSError if the file cannot be read.

        >>> path = "data/rendered_test.csv.gz"
        >>> labels, samples = SignLanguageMNIST.read_label_samples_from_csv(path)
        >>> labels.shape, samples.shape
        ((1440,), (1440, 784))
        """
        rows = read_rows(path)  # uint8 (N, 785)
        mapping = [*SignLanguageMNIST.get_label_mapping(), NO_HAND_LABEL]
        return np.searchsorted(mapping, rows[:, 0]).astype(np.uint8), rows[:, 1:]

    def __init__(
        self,
        path="data/sign_mnist_train.csv",
        mean=(MEAN,),
        std=(STD,),
        augment=False,
        letters_only=False,
    ):
        self.paths = [path] if isinstance(path, str | Path) else path
        parts = [read_csv_or_folder(path) for path in self.paths]
        if letters_only:
            parts = [(y[y < NO_HAND], x[y < NO_HAND]) for y, x in parts]
        self.lengths = [len(labels) for labels, _ in parts]  # images of each path
        no_images = np.empty(0, np.uint8), np.empty((0, SIZE * SIZE), np.uint8)
        labels, samples = map(np.concatenate, zip(no_images, *parts, strict=True))
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
        """Return the items at `indices`, a list: DataLoader asks for a whole batch at once."""
        images = self._samples[indices].float() / 255
        if self._augment:
            images = augment(images)
        images = (images - self._mean) / self._std
        return [
            {"image": image, "label": label}
            for image, label in zip(images, self._labels[indices], strict=True)
        ]


def read_csv_or_folder(path):
    """Read labels and samples, of a csv file or of pictures in LETTER/ and no_hand/ of a folder."""
    if not Path(path).is_dir():
        return SignLanguageMNIST.read_label_samples_from_csv(path)
    labels, images = read_signs(path, LETTERS, SIZE)
    return labels, images.reshape(len(images), -1)


def augment(images):
    """Vary each image: moved, mirrored as a left hand, lit otherwise.

    float32 (N, 1, 28, 28) in [0, 1] -> the same. Every image draws its own numbers from torch's
    global random generator.
    """
    maps = draw_affine(len(images), MAX_ANGLE, MAX_ZOOM, MAX_SHIFT, MAX_SHEAR)
    grid = F.affine_grid(maps, images.shape, align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    # `uniform` draws between the limit and its negative, for each image.
    contrast = 1 + uniform(len(images), MAX_CONTRAST).view(-1, 1, 1, 1)
    brightness = uniform(len(images), MAX_BRIGHTNESS).view(-1, 1, 1, 1)
    middle = images.mean(dim=(2, 3), keepdim=True)
    return ((images - middle) * contrast + middle + brightness).clamp_(0, 1)


def get_train_test_loaders(batch_size=32, augment=True, sets=None, extra=()):
    """Load the training images, shuffled and augmented, and the test images, as the tutorial does.

    Parameters: `batch_size`, images a batch; `augment`, whether training images are varied; `sets`,
    names of data sets, by default all that are there and show letters; `extra`, paths of further
    csv files or folders of pictures to train on.
    Returns: two DataLoaders. Labels are 0..23, and NO_HAND only if `sets` names WITHOUT_HAND.
    Raises: FileNotFoundError if there are no data, UserError if a file is damaged.

    >>> trainloader, testloader = get_train_test_loaders(sets=["rendered hands"])
    >>> next(iter(trainloader))["image"].shape
    torch.Size([32, 1, 28, 28])
    """
    names = sets or [name for name in available_sets() if name != WITHOUT_HAND]
    testset = SignLanguageMNIST([find_data(SETS[name].test) for name in names if SETS[name].test])
    letters_only = WITHOUT_HAND not in names
    trainset, origins = load_trainset(names, extra, augment=augment, letters_only=letters_only)
    return mix(trainset, origins, SHARES, batch_size), DataLoader(testset, batch_size)


def get_train_held_out_loaders(batch_size, extra=()):
    """Load all training images, and hold out a share HELD_OUT of the letters: for step 3.

    Held out are whole groups of near-duplicates, unvaried: they tell how well new images are read,
    while the test images stay for step 4. Returns two DataLoaders, the second one None if nothing
    can be held out.
    """
    trainset, origins = load_trainset(available_sets(), extra, augment=True)
    labels = trainset._labels[:, 0].numpy()
    held = hold_out(trainset._samples.numpy(), labels, len(LETTERS), HELD_OUT)  # bool (N,)
    unvaried = copy.copy(trainset)  # shares the images in memory
    unvaried._augment = False
    held_out = DataLoader(Subset(unvaried, np.flatnonzero(held)), 256) if held.any() else None
    trainset = Subset(trainset, np.flatnonzero(~held))
    return mix(trainset, origins[~held], SHARES, batch_size), held_out


def load_trainset(names, extra, **options):
    """Load the training images of the named data sets, and of the paths `extra`.

    Returns a SignLanguageMNIST and the name of each image's data set, an array (N,). Folders in
    `extra` count as photographs, csv files as rendered hands.
    """
    paths = [*(find_data(SETS[name].train) for name in names), *extra]
    names = [*names, *(PHOTOS if Path(path).is_dir() else RENDERED for path in extra)]
    trainset = SignLanguageMNIST(paths, **options)
    return trainset, np.repeat(names, trainset.lengths)


def parse_args(argv):
    parser = Parser(description="Get the data, read it and show it.")
    what = "copy sign_mnist_train.csv and sign_mnist_test.csv from this folder, checked, to data/"
    parser.add_argument("--from", dest="source", type=nonempty, metavar="DIR", help=what)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    prepare_data(args.source)
    train, test = get_train_test_loaders(2, sets=available_sets())
    for dataset in (train.dataset, test.dataset):
        describe(dataset)
    print(next(iter(train)))
    save_samples("samples.png", draw_samples(train.dataset, LETTERS, augment))
    print("samples.png: an image of every letter and its variations")


if __name__ == "__main__":
    run(main)
