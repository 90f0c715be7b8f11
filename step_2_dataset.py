"""Step 2: get Sign Language MNIST, read it, augment it, show it.

    python step_2_dataset.py [--from DIR]

Makes data/sign_mnist_train.csv (27,455 images) and data/sign_mnist_test.csv (7,172) ready: uses
what lies there, else takes the files from DIR or from the folder that the environment variable
SIGN_MNIST_DIR names, else downloads them. Prints a batch as the tutorial does, and writes
samples.png: an image of every letter beside its augmented versions.
"""

import argparse
import gzip
import hashlib
import io
import math
import os
import sys
import tarfile
import tempfile
import urllib.request
import warnings
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler
from tqdm import tqdm

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"  # classes 0..23; J and Z are signed with a motion
SIZE = 28  # pixels, width and height of an image
PIXELS = SIZE * SIZE
REAL_SHARE = 0.25  # of training, where there is more than Sign Language MNIST
MEAN = 0.485  # of pixels / 255; the tutorial's, after the red channel of ImageNet
STD = 0.229
HEADER = ",".join(["label", *(f"pixel{i}" for i in range(1, PIXELS + 1))])

DATA = Path("data")
# Training and test file of each data set, plain or .gz. The second set comes with the project.
SIGN_MNIST, RENDERED = "Sign Language MNIST", "rendered hands"
SETS = {
    SIGN_MNIST: ("sign_mnist_train.csv", "sign_mnist_test.csv"),
    RENDERED: ("rendered_train.csv", "rendered_test.csv"),
}
TRAIN_CSV, TEST_CSV = SETS[SIGN_MNIST]
# Rows, and the sha256 of the rows as bytes (label, 784 pixels), so whatever the line ends.
PUBLISHED = {
    TRAIN_CSV: (27455, "afb294e7892aa4f1c429db984fbffffbb5b4404b9712f5236b781a84827d4d36"),
    TEST_CSV: (7172, "1d303308083b6cdd36f3891ee06f898678d2b56177f6221c53ffe70a6e8500df"),
}
# Url, and the archive's sha256 where it is known. The csv files inside are checked in any case.
ARCHIVES = (
    (
        "https://www.kaggle.com/api/v1/datasets/download/datamunge/sign-language-mnist?datasetVersionNumber=1",
        "fa1b513570d4348c6d6860e04e5854c59ef8eadb8c42a45d36bd1286ce3d489f",
    ),
    (
        "https://assets.digitalocean.com/articles/signlanguage_data/sign-language-mnist.tar.gz",
        None,
    ),
)
TIMEOUT = 20  # seconds without a byte from the server
CHUNK = 1 << 18  # bytes
MAX_CSV = 200_000_000  # bytes taken of an archive's member; the larger file has 83,281,065

# How far a training image may be moved: as much as hands before a camera differ, and no letter
# turns into another one.
MAX_TURN = 12  # degrees
MAX_ZOOM = 0.2  # the hand is shown at 1 - MAX_ZOOM to 1 + MAX_ZOOM of its size
MAX_SHIFT = 0.1  # of the image's side
MAX_SHEAR = 0.1
MAX_CONTRAST = 0.3  # grey values are spread by 1 - MAX_CONTRAST to 1 + MAX_CONTRAST
MAX_BRIGHTNESS = 0.2  # of the range from black to white


class DataError(ValueError):
    """Something given to a script is not as it must be; the text is one line for its user."""


class DownloadError(DataError):
    """The data set could not be downloaded."""


def run(main):
    """Call `main`; what can go wrong for a user ends it with one line and exit status 1."""
    script = Path(sys.argv[0]).name
    try:
        main()
    except (DataError, OSError) as error:
        sys.exit(f"{script}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # as shells report a program ended by Ctrl-C


def write_file(path, content):
    """Write `content` (bytes) to `path` through a temporary file.

    An interrupted run, or a full disk, leaves the old file whole.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_figure(path, figure):
    """Write a matplotlib figure as PNG, as `write_file` does."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    write_file(path, buffer.getvalue())


# ---------------------------------------------------------------- reading


class SignLanguageMNIST(Dataset):
    """Sign Language MNIST, or any csv file of its format (`path`, or a list of them), in memory.

    An item is `{"image": float32 (1, 28, 28), "label": float32 (1,)}`: the image normalised by
    `mean` and `std`, the label 0..23 as in LETTERS. With `augment`, every access gives another
    variation of the image, drawn from torch's global random generator.

    The data set is tecperson's (2017): https://www.kaggle.com/datamunge/sign-language-mnist
    """

    @staticmethod
    def get_label_mapping():
        """The file's labels in the order of the classes 0..23: 0..24 without 9, which is J."""
        mapping = list(range(25))
        mapping.pop(9)
        return mapping

    @staticmethod
    def read_label_samples_from_csv(path):
        """Read a csv file (.gz or plain; LF or CRLF) of `label,pixel1,...,pixel784`.

        Returns the labels 0..23 as uint8 (N,) and the samples 0..255 as uint8 (N, 784).
        Raises DataError naming file, line and reason, OSError if the file cannot be read.
        """
        try:
            rows = _read_rows(path)
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not UTF-8 text, so no csv file ({error.reason})") from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path}: damaged or cut short gzip file ({error})") from None
        to_class = np.full(256, 255, np.uint8)
        to_class[SignLanguageMNIST.get_label_mapping()] = np.arange(len(LETTERS))
        return to_class[rows[:, 0]], rows[:, 1:]

    def __init__(self, path="data/sign_mnist_train.csv", mean=(MEAN,), std=(STD,), augment=False):
        paths = [path] if isinstance(path, str | Path) else path
        parts = [self.read_label_samples_from_csv(path) for path in paths]
        self.lengths = [len(labels) for labels, _ in parts]  # images of each file
        labels, samples = map(np.concatenate, zip(*parts, strict=True))
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


def _open_text(path):
    if str(path).endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return open(path, encoding="utf-8-sig")


def _read_rows(path):
    """The file's rows, label first, as uint8 (N, 785), checked."""
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file; python step_2_dataset.py gets the data")
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path}: a folder, not a csv file")
    with _open_text(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "loadtxt: input contained no data")
        if file.readline().rstrip("\r\n") != HEADER:
            raise DataError(f"{path}, line 1: the header is not label,pixel1,...,pixel{PIXELS}")
        try:
            rows = np.loadtxt(file, np.uint8, comments=None, delimiter=",", ndmin=2)
        except UnicodeDecodeError:
            raise
        except ValueError as error:  # its row numbers are not the lines of the file
            raise DataError(_first_fault(path) or f"{path}: {error}") from None
    if len(rows) == 0:
        raise DataError(f"{path}: no rows after the header")
    if (
        rows.shape[1] != PIXELS + 1
        or not np.isin(rows[:, 0], SignLanguageMNIST.get_label_mapping()).all()
    ):
        raise DataError(_first_fault(path))
    return rows


def _first_fault(path):
    """Say which line of a csv file is the first wrong one, and why."""
    with _open_text(path) as file:
        next(file)
        for number, line in enumerate(file, start=2):
            line = line.rstrip("\r\n")
            if line and (fault := _fault(line.split(","))):
                return f"{path}, line {number}: {fault}"
    return None


def _fault(row):
    if len(row) != PIXELS + 1:
        return f"{len(row)} values instead of {PIXELS + 1} (a label and {PIXELS} pixels)"
    if not _is_whole(row[0]) or int(row[0]) not in SignLanguageMNIST.get_label_mapping():
        return f"label {row[0]!r} instead of 0..24 without 9 (J and Z are signed with a motion)"
    for number, pixel in enumerate(row[1:], start=1):
        if not _is_whole(pixel) or int(pixel) > 255:
            return f"pixel{number} is {pixel!r} instead of a whole number 0..255"
    return None


def _is_whole(text):
    return text.isascii() and text.strip().isdecimal()


def get_train_test_loaders(batch_size=32, augment=True, sets=None, extra=()):
    """DataLoaders of the training images (shuffled, augmented unless told otherwise) and the test
    images (in order, as they are) of the data sets named `sets`, by default of all in data/.

    `extra` are paths of further csv files to train on. Sign Language MNIST makes up REAL_SHARE of
    an epoch, all the rest what remains, whatever their sizes: where there are both, an epoch has as
    many images as they have together, drawn at random: some more than once, some not at all.

    Raises FileNotFoundError if there are none, DataError if a file is not as it must be.
    """
    names = sets or available_sets()
    files = [SETS[name] for name in names]
    trainset = SignLanguageMNIST(
        [*(find_csv(train) for train, _ in files), *extra], augment=augment
    )
    testset = SignLanguageMNIST([find_csv(test) for _, test in files])
    real = [name == SIGN_MNIST for name in names] + [False for _ in extra]
    sampler = weigh(torch.tensor(real).repeat_interleave(torch.tensor(trainset.lengths)))
    return (
        DataLoader(trainset, batch_size=batch_size, sampler=sampler, shuffle=sampler is None),
        DataLoader(testset, batch_size=batch_size, shuffle=False),
    )


def weigh(real):
    """A sampler that takes REAL_SHARE of its images from where `real`, bool (N,), is true and the
    others from the rest; None if there is only one kind."""
    if real.all() or not real.any():
        return None
    weights = torch.where(real, REAL_SHARE / real.sum(), (1 - REAL_SHARE) / (~real).sum())
    return WeightedRandomSampler(weights, len(real))


def available_sets():
    """The names of the data sets of which a file lies in data/; if there is none, Sign Language
    MNIST's, so that whoever reads it says what is missing."""
    there = [name for name, files in SETS.items() if any(find_csv(file).exists() for file in files)]
    return there or [SIGN_MNIST]


def find_csv(name, folder=DATA):
    """The path of the csv file `name` in `folder`, plain or else .gz; the plain one if neither
    is there."""
    plain, packed = Path(folder, name), Path(folder, f"{name}.gz")
    return packed if packed.exists() and not plain.exists() else plain


# ---------------------------------------------------------------- augmenting


def augment(images):
    """A random variation of each image: moved, mirrored as a left hand, lit otherwise.

    `images` is float32 (N, 1, 28, 28) in [0, 1], and so is what comes back. One call for a whole
    batch: every image draws its own numbers from torch's global random generator.
    """
    grid = F.affine_grid(_random_affine(len(images)), images.shape, align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    contrast = 1 + _uniform(len(images), MAX_CONTRAST).view(-1, 1, 1, 1)
    brightness = _uniform(len(images), MAX_BRIGHTNESS).view(-1, 1, 1, 1)
    middle = images.mean(dim=(2, 3), keepdim=True)
    return ((images - middle) * contrast + middle + brightness).clamp_(0, 1)


def _random_affine(n):
    """Affine maps (n, 2, 3) from an output image's coordinates, -1..1, to the input's."""
    turn = _uniform(n, math.radians(MAX_TURN))
    scale = 1 / (1 + _uniform(n, MAX_ZOOM))
    mirror = torch.randint(0, 2, (n,)) * 2 - 1
    shear = _uniform(n, MAX_SHEAR)
    theta = torch.empty(n, 2, 3)
    theta[:, 0, 0] = mirror * scale * turn.cos()
    theta[:, 0, 1] = mirror * scale * (shear - turn.sin())
    theta[:, 1, 0] = scale * turn.sin()
    theta[:, 1, 1] = scale * turn.cos()
    theta[:, :, 2] = _uniform(2 * n, 2 * MAX_SHIFT).view(n, 2)  # coordinates span 2
    return theta


def _uniform(n, limit):
    return torch.empty(n).uniform_(-limit, limit)


# ---------------------------------------------------------------- getting


def get_data(source=None):
    """Make Sign Language MNIST ready in data/: copied from the folder `source` if given, else the
    files that are there, else copied from the folder in SIGN_MNIST_DIR, else downloaded.

    Raises DataError or OSError if that fails, and leaves data/ as it was.
    """
    if source is None:
        if all(find_csv(name).exists() for name in PUBLISHED):
            return
        source = os.environ.get("SIGN_MNIST_DIR")
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=DATA) as new:
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
        SignLanguageMNIST.read_label_samples_from_csv(path)
        packed = path.suffix == ".gz"
        with gzip.open(path) if packed else open(path, "rb") as file:
            Path(folder, name).write_bytes(file.read())


def download_to(folder):
    """Download an archive, take the two csv files out of it and check them."""
    failures = []
    for url, sha256 in ARCHIVES:
        try:
            download(url, folder / "archive", sha256)
            extract(folder / "archive", folder)
            for name in PUBLISHED:
                if difference := difference_from_published(folder / name):
                    raise DataError(f"{name} in the archive has {difference}")
            return
        except (DataError, OSError, HTTPException) as error:
            failures.append(f"{url}: {error}")
    raise DownloadError(
        f"no download: {'; '.join(failures)}. Get {TRAIN_CSV} and {TEST_CSV} in another way, then "
        "python step_2_dataset.py --from FOLDER"
    )


def download(url, path, sha256=None):
    """Write what lies at `url` to `path`, showing progress.

    Takes https only, after redirections too, and plain http from this machine itself. Raises
    DataError if it comes incomplete or its sha256 differs, OSError or HTTPException if the server
    does not answer as it should.
    """
    _require_safe(url)
    opener = urllib.request.build_opener(_SafeRedirects)
    request = urllib.request.Request(url, headers={"User-Agent": "sign-language-translator"})
    digest = hashlib.sha256()
    with opener.open(request, timeout=TIMEOUT) as response, open(path, "wb") as file:
        total = int(response.headers.get("Content-Length", 0))
        for chunk in _progress(iter(lambda: response.read(CHUNK), b""), total):
            file.write(chunk)
            digest.update(chunk)
        if file.tell() < total:
            raise DataError(f"cut off after {file.tell():,} of {total:,} bytes")
    if sha256 and digest.hexdigest() != sha256:
        raise DataError(f"sha256 is {digest.hexdigest()} instead of {sha256}")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_safe(url):
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.scheme, parts.hostname) != ("http", "127.0.0.1"):
        raise DataError(f"refused, {url} is not https")


def _progress(chunks, total):
    """Pass `chunks` on, with a bar on a terminal, elsewhere with a line every tenth of `total`."""
    done = tenths = 0
    with tqdm(total=total or None, unit="B", unit_scale=True, disable=None) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk))
            done += len(chunk)
            if bar.disable and total and done * 10 // total > tenths:
                tenths = done * 10 // total
                print(f"downloaded {done / 1e6:.1f} of {total / 1e6:.1f} MB", flush=True)


def extract(archive, folder):
    """Copy the two csv files from a zip or tar `archive` to `folder`, by their names alone.

    Other members, links, and the folders that the archive gives are ignored. Raises DataError.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                _copy_members({m.filename: m for m in file.infolist()}, file.open, folder)
        else:
            with tarfile.open(archive) as file:
                _copy_members({m.name: m for m in file if m.isfile()}, file.extractfile, folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error):
        raise DataError("not a zip or tar archive, or a damaged one") from None


def _copy_members(members, open_member, folder):
    by_name = {PurePosixPath(path).name: member for path, member in members.items()}
    for name in PUBLISHED:
        if name not in by_name:
            raise DataError(f"no {name} in the archive")
        with open_member(by_name[name]) as file:
            Path(folder, name).write_bytes(file.read(MAX_CSV))


def difference_from_published(path):
    """Say what a file called as one of the data set has other than the published one, or None."""
    rows = _read_rows(path)
    count, sha256 = PUBLISHED[Path(path).name.removesuffix(".gz")]
    if len(rows) != count:
        return f"{len(rows):,} rows instead of the published {count:,}"
    if hashlib.sha256(rows).hexdigest() != sha256:
        return "other values than the published file"
    return None


# ---------------------------------------------------------------- showing


def save_samples(path, dataset, variations=4):
    """Write a picture: an image of every letter, and beside it as many augmented `variations`.

    `dataset` is a SignLanguageMNIST, plain or augmented.
    """
    from matplotlib.figure import Figure  # slow to import, and steps 3 and 4 import this file
    from torchvision.utils import make_grid

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    figure.suptitle("One image of every letter, and what augmentation makes of it")
    for number, letter in enumerate(LETTERS):
        axes = figure.add_subplot(6, 4, number + 1)
        axes.set_axis_off()
        axes.set_title(letter, loc="left", x=-0.09, y=0.3)
        found = (dataset._labels[:, 0] == number).nonzero()
        if len(found):
            image = dataset._samples[found[0]].float() / 255  # (1, 1, 28, 28)
            varied = augment(image.repeat(variations, 1, 1, 1))
            tiles = make_grid(torch.cat([image, varied]), padding=1, pad_value=1.0)
            axes.imshow(tiles[0].numpy(), cmap="gray", vmin=0, vmax=1)
    write_figure(path, figure)


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description="Get the data, read it and show it.")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="DIR",
        help=f"copy {TRAIN_CSV} and {TEST_CSV} from this folder, checked, to data/",
    )
    return parser.parse_args(argv)


def describe_sets():
    """A line for each csv file in data/: how many images it holds, what is odd about it."""
    for name in available_sets():
        for path in map(find_csv, SETS[name]):
            labels, _ = SignLanguageMNIST.read_label_samples_from_csv(path)
            difference = difference_from_published(path) if name == SIGN_MNIST else None
            note = f" (note: {difference})" if difference else ""
            print(f"{path}: {len(labels):,} images, {name}{note}")


def main(argv=None):
    args = parse_args(argv)
    try:
        get_data(args.source)
    except DownloadError as error:
        if RENDERED not in available_sets():
            raise
        print(f"Only the {RENDERED} that come with the project are used: {error}")
    describe_sets()
    loader, _ = get_train_test_loaders(2)
    print(next(iter(loader)))
    save_samples("samples.png", loader.dataset)
    print("samples.png: an image of every letter and its variations")


if __name__ == "__main__":
    run(main)
