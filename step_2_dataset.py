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
import gzip
import hashlib
import math
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from plumbing.download import download, extract
from plumbing.faults import UserError, in_a_line, run
from plumbing.figures import save_samples
from plumbing.files import clear_drafts, draft_name
from plumbing.flags import nonempty
from plumbing.read_csv import read_csv

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"  # classes 0..23; J and Z are signed with a motion
NO_HAND = len(LETTERS)  # the class after theirs: an image without a hand
NO_HAND_LABEL = 26  # its label in a csv file, where 0..25 are A..Z
SIZE = 28  # pixels, width and height of an image
MEAN = 0.485  # of pixels / 255; the tutorial's, after the red channel of ImageNet
STD = 0.229

SIGN_MNIST, RENDERED = "Sign Language MNIST", "rendered hands"
PHOTOS, ROOMS = "photographs", "no hand"
SHARES = {SIGN_MNIST: 3, RENDERED: 5, PHOTOS: 4, ROOMS: 1}  # of training, to one another

# How far a training image may be moved: as much as hands before a camera differ, and no letter
# turns into another one.
MAX_TURN = 12  # degrees
MAX_ZOOM = 0.2  # the hand is shown at 1 - MAX_ZOOM to 1 + MAX_ZOOM of its size
MAX_SHIFT = 0.1  # of the image's side
MAX_SHEAR = 0.1
MAX_CONTRAST = 0.3  # grey values are spread by 1 - MAX_CONTRAST to 1 + MAX_CONTRAST
MAX_BRIGHTNESS = 0.2  # of the range from black to white


class SignLanguageMNIST(Dataset):
    """Sign Language MNIST, or any csv file of its format (`path`, or a list of them), in memory.

    An item is `{"image": float32 (1, 28, 28), "label": float32 (1,)}`: the image normalised by
    `mean` and `std`, the label 0..23 as in LETTERS, or NO_HAND. With `augment`, every access gives
    another variation of the image, drawn from torch's global random generator.

    The data set is tecperson's (2017): https://www.kaggle.com/datamunge/sign-language-mnist
    """

    @staticmethod
    def get_label_mapping():
        """The file's labels in the order of the classes: 0 (A) to 24 (Y) without 9, which is J."""
        return [ord(letter) - ord("A") for letter in LETTERS]

    @staticmethod
    def read_label_samples_from_csv(path):
        """Read a csv file (.gz or plain; LF or CRLF) of `label,pixel1,...,pixel784`.

        Returns the classes 0..24 as uint8 (N,) and the samples 0..255 as uint8 (N, 784).
        Raises UserError naming file, line and reason, OSError if the file cannot be read.
        """
        rows = read_csv(path, HEADER, FILE_LABELS, "python step_2_dataset.py gets the data")
        to_class = np.zeros(256, np.uint8)
        to_class[FILE_LABELS] = np.arange(len(FILE_LABELS))
        return to_class[rows[:, 0]], rows[:, 1:]

    def __init__(self, path="data/sign_mnist_train.csv", mean=(MEAN,), std=(STD,), augment=False):
        self.paths = [path] if isinstance(path, str | Path) else path
        parts = [self.read_label_samples_from_csv(path) for path in self.paths]
        self.lengths = [len(labels) for labels, _ in parts]  # images of each file
        none = np.empty(0, np.uint8), np.empty((0, SIZE * SIZE), np.uint8)
        labels, samples = map(np.concatenate, zip(none, *parts, strict=True))
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
        """The items at `indices`, a list. DataLoader asks for whole batches so: one pass through
        torch for all images instead of one for each."""
        images = self._samples[indices].float() / 255
        if self._augment:
            images = augment(images)
        images = (images - self._mean) / self._std
        return [
            {"image": image, "label": label}
            for image, label in zip(images, self._labels[indices], strict=True)
        ]


FILE_LABELS = [*SignLanguageMNIST.get_label_mapping(), NO_HAND_LABEL]  # of the classes 0..24


def augment(images):
    """A random variation of each image: moved, mirrored as a left hand, lit otherwise.

    `images` is float32 (N, 1, 28, 28) in [0, 1], and so is what comes back. One call for a whole
    batch: every image draws its own numbers from torch's global random generator.
    """
    grid = F.affine_grid(random_affine(len(images)), images.shape, align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    contrast = 1 + uniform(len(images), MAX_CONTRAST).view(-1, 1, 1, 1)
    brightness = uniform(len(images), MAX_BRIGHTNESS).view(-1, 1, 1, 1)
    middle = images.mean(dim=(2, 3), keepdim=True)
    return ((images - middle) * contrast + middle + brightness).clamp_(0, 1)


def random_affine(n):
    """Affine maps (n, 2, 3) from an output image's coordinates, -1..1, to the input's."""
    turn = uniform(n, math.radians(MAX_TURN))
    scale = 1 / (1 + uniform(n, MAX_ZOOM))
    mirror = torch.randint(0, 2, (n,)) * 2 - 1
    shear = uniform(n, MAX_SHEAR)
    theta = torch.empty(n, 2, 3)
    theta[:, 0, 0] = mirror * scale * turn.cos()
    theta[:, 0, 1] = mirror * scale * (shear - turn.sin())
    theta[:, 1, 0] = scale * turn.sin()
    theta[:, 1, 1] = scale * turn.cos()
    theta[:, :, 2] = uniform(2 * n, 2 * MAX_SHIFT).view(n, 2)  # coordinates span 2
    return theta


def uniform(n, limit):
    return torch.empty(n).uniform_(-limit, limit)


def get_train_test_loaders(batch_size=32, augment=True, sets=None, extra=()):
    """DataLoaders of the training images (shuffled, augmented unless told otherwise) and the test
    images (in order, as they are) of the data sets named `sets`, by default of all in data/; but
    those without a hand are tested on only where `sets` names them. `extra` are paths of further
    csv files to train on, as rendered hands.

    Raises FileNotFoundError if there are none, UserError if a file is not as it must be.
    """
    names = sets or available_sets()
    tests = [SETS[name][1] for name in names if name != ROOMS or sets]
    testset = SignLanguageMNIST([find_csv(test) for test in tests if test])
    trains = [find_csv(SETS[name][0]) for name in names]
    trainset = SignLanguageMNIST([*trains, *extra], augment=augment)
    sampler = weighted_sampler([*names, *(RENDERED for _ in extra)], trainset.lengths)
    return (
        DataLoader(trainset, batch_size=batch_size, sampler=sampler, shuffle=sampler is None),
        DataLoader(testset, batch_size=batch_size, shuffle=False),
    )


def weighted_sampler(kinds, lengths):
    """A sampler that draws images of each kind as often as SHARES says, however many there are of
    it. `kinds` and `lengths` say of which data set each file is, and how many images it holds.

    An epoch has as many draws as there are images, with replacement: some come twice, some not at
    all. None if all are of one kind: then every image comes once.
    """
    counts = dict.fromkeys(kinds, 0)
    for kind, length in zip(kinds, lengths, strict=True):
        counts[kind] += length
    if len(counts) == 1:
        return None
    weights = torch.tensor([SHARES[kind] / counts[kind] for kind in kinds])
    return WeightedRandomSampler(weights.repeat_interleave(torch.tensor(lengths)), sum(lengths))


# ================ plumbing: skip on first reading ================

DATA = Path("data")
HEADER = ",".join(["label", *(f"pixel{i}" for i in range(1, SIZE * SIZE + 1))])
SETS = {  # training and test file of each data set, plain or .gz
    SIGN_MNIST: ("sign_mnist_train.csv", "sign_mnist_test.csv"),
    RENDERED: ("rendered_train.csv", "rendered_test.csv"),
    PHOTOS: ("photos_train.csv", None),
    ROOMS: ("no_hand_train.csv", "no_hand_test.csv"),
}
PUBLISHED = {  # sha256 of the rows as bytes (label, 784 pixels), so whatever the line ends
    "sign_mnist_train.csv": "afb294e7892aa4f1c429db984fbffffbb5b4404b9712f5236b781a84827d4d36",
    "sign_mnist_test.csv": "1d303308083b6cdd36f3891ee06f898678d2b56177f6221c53ffe70a6e8500df",
}
# Url, and the archive's sha256 where it is known. The csv files inside are checked in any case.
KAGGLE = "https://www.kaggle.com/api/v1/datasets/download/datamunge/sign-language-mnist"
TUTORIAL = "https://assets.digitalocean.com/articles/signlanguage_data/sign-language-mnist.tar.gz"
KAGGLE_SHA256 = "fa1b513570d4348c6d6860e04e5854c59ef8eadb8c42a45d36bd1286ce3d489f"
ARCHIVES = ((f"{KAGGLE}?datasetVersionNumber=1", KAGGLE_SHA256), (TUTORIAL, None))


class DownloadError(UserError):
    """The data set could not be downloaded."""


def available_sets():
    """The names of the data sets of which a file lies in data/. If there is none, Sign Language
    MNIST's, so that whoever reads it says what is missing."""
    there = [name for name in SETS if any(find_csv(file).exists() for file in SETS[name] if file)]
    return there or [SIGN_MNIST]


def find_csv(name, folder=DATA):
    """The path of the csv file `name` in `folder`, plain or else .gz; the plain one if neither
    is there."""
    plain, packed = Path(folder, name), Path(folder, f"{name}.gz")
    return packed if packed.exists() and not plain.exists() else plain


def get_data(source=None):
    """Make Sign Language MNIST ready in data/: copied from the folder `source` if given, else the
    files that are there, else copied from the folder in SIGN_MNIST_DIR, else downloaded.

    Raises UserError or OSError if that fails, and leaves data/ as it was.
    """
    if source is None:
        if all(find_csv(name).exists() for name in PUBLISHED):
            return
        source = os.environ.get("SIGN_MNIST_DIR")
    DATA.mkdir(exist_ok=True)
    clear_drafts(DATA, "new")
    with tempfile.TemporaryDirectory(prefix=draft_name("new"), dir=DATA) as new:
        if source:
            copy_from(Path(source), Path(new))
        else:
            download_to(Path(new))
        for name in PUBLISHED:
            os.replace(Path(new, name), DATA / name)


def copy_from(source, folder):
    """Copy the two csv files of `source`, plain or .gz, to `folder` after reading them."""
    for name in PUBLISHED:
        path = find_csv(name, source)
        read_csv(path, HEADER, FILE_LABELS, f"{' and '.join(PUBLISHED)} must be in that folder")
        open_plain = gzip.open if path.suffix == ".gz" else open
        with open_plain(path, "rb") as file, open(Path(folder, name), "wb") as copy:
            shutil.copyfileobj(file, copy)


def download_to(folder):
    """Download an archive, take the two csv files out of it and check them."""
    failures = []
    for url, sha256 in ARCHIVES:
        try:
            download(url, folder / "archive", sha256)
            extract(folder / "archive", folder, PUBLISHED)
            for path in [folder / name for name in PUBLISHED]:
                dataset = SignLanguageMNIST(path)
                if not is_published(path, dataset._labels, dataset._samples):
                    raise UserError(f"{path.name} in the archive is not the published one")
            return
        except (UserError, OSError) as error:
            failures.append(f"{url}: {in_a_line(error)}")
    raise DownloadError(
        f"no download: {'; '.join(failures)}. Get {' and '.join(PUBLISHED)} in another way, then "
        "python step_2_dataset.py --from FOLDER"
    )


def is_published(path, labels, samples):
    """Whether a SignLanguageMNIST's `labels` and `samples`, read from `path`, are those published
    under that name."""
    file_labels = np.array(FILE_LABELS, np.uint8)[labels.int()]
    rows = np.column_stack([file_labels, samples.flatten(1)])
    return hashlib.sha256(rows).hexdigest() == PUBLISHED[without_gz(path)]


def without_gz(path):
    return path.name.removesuffix(".gz")


def describe(dataset):
    """Print how many images each csv file of a SignLanguageMNIST holds."""
    kinds = {file: kind for kind, files in SETS.items() for file in files}
    parts = dataset._labels.split(dataset.lengths), dataset._samples.split(dataset.lengths)
    for path, labels, samples in zip(dataset.paths, *parts, strict=True):
        kind = kinds[without_gz(path)]
        other = kind == SIGN_MNIST and not is_published(path, labels, samples)
        note = " (note: not the published ones)" if other else ""
        print(f"{path}: {len(labels):,} images, {kind}{note}")


def draw_samples(dataset, variations=4):
    """Of every letter in a SignLanguageMNIST an image and as many augmented `variations` of it,
    float32 (1 + variations, 28, 28), by letter."""
    samples = {}
    for number, letter in enumerate(LETTERS):
        found = (dataset._labels[:, 0] == number).nonzero()
        if len(found):
            image = dataset._samples[found[0]].float() / 255  # (1, 1, 28, 28)
            varied = augment(image.repeat(variations, 1, 1, 1))
            samples[letter] = torch.cat([image, varied])[:, 0].numpy()
    return samples


def parse_args(argv):
    parser = argparse.ArgumentParser(description="Get the data, read it and show it.")
    parser.add_argument(
        "--from",
        dest="source",
        type=nonempty,
        metavar="DIR",
        help=f"copy {' and '.join(PUBLISHED)} from this folder, checked, to data/",
    )
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
    describe(train.dataset)
    describe(test.dataset)
    print(next(iter(train)))
    save_samples("samples.png", draw_samples(train.dataset))
    print("samples.png: an image of every letter and its variations")


if __name__ == "__main__":
    run(main)
