"""Get Sign Language MNIST, and know which files of data/ are which data set."""

import gzip
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plumbing.download import download, extract
from plumbing.faults import UserError, in_a_line, number_of
from plumbing.files import clear_drafts, draft_name
from plumbing.read_csv import read_csv, read_noted, tell

DATA = Path("data")
PIXELS = 28 * 28
HEADER = ",".join(["label", *(f"pixel{i}" for i in range(1, PIXELS + 1))])
NO_HAND_LABEL = 26  # in a csv file, where 0..25 are A..Z
FILE_LABELS = [*range(9), *range(10, 25), NO_HAND_LABEL]  # without J (9) and Z (25)

SIGN_MNIST, RENDERED = "Sign Language MNIST", "rendered hands"
PHOTOS, WITHOUT_HAND, MY_HAND = "photographs", "no hand", "my hand"


class Files(NamedTuple):
    """The files of a data set: csv files in data/, plain or .gz, or a folder of pictures."""

    train: str
    test: str | None = None


SETS = {
    SIGN_MNIST: Files("sign_mnist_train.csv", "sign_mnist_test.csv"),
    RENDERED: Files("rendered_train.csv", "rendered_test.csv"),
    PHOTOS: Files("photos_train.csv"),
    WITHOUT_HAND: Files("no_hand_train.csv", "no_hand_test.csv"),
    MY_HAND: Files("my_hand"),
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
    """Return the names of the data sets that are there.

    Without any, Sign Language MNIST's: whoever reads it says what is missing.
    """
    there = [name for name in SETS if any(is_there(find_data(file)) for file in SETS[name] if file)]
    return there or [SIGN_MNIST]


def is_there(path):
    """Return whether a file is there, or a folder with something in its folders."""
    return any(path.glob("*/*")) if path.is_dir() else path.exists()


def find_data(name, folder=DATA):
    """Return the path of the csv file `name` in `folder`, plain or else .gz.

    The plain one if neither is there. A name that is no csv file's is a folder's beside data/.
    """
    if not name.endswith(".csv"):
        return Path(name)
    plain, packed = Path(folder, name), Path(folder, f"{name}.gz")
    return packed if packed.exists() and not plain.exists() else plain


def read_rows(path):
    """Read a csv file of a data set: uint8 (N, 785), the file's labels and the pixels.

    Raises UserError naming file, line and reason; OSError if the file cannot be read.
    """
    return read_csv(path, HEADER, FILE_LABELS, "python step_2_dataset.py gets the data")


def prepare_data(source=None):
    """Get Sign Language MNIST; where there is no way to it, tell that rendered hands are left."""
    try:
        get_data(source)
    except DownloadError as error:
        if RENDERED not in available_sets():
            raise
        print(f"Only the {RENDERED} that come with the project are used: {error}")


def get_data(source=None):
    """Make Sign Language MNIST ready in data/.

    Copied from the folder `source` if given, else the files that are there, else copied from the
    folder in the environment variable SIGN_MNIST_DIR, else downloaded. Raises UserError or OSError
    if that fails, and leaves data/ as it was.
    """
    if source is None:
        if all(find_data(name).exists() for name in PUBLISHED):
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
    """Copy the two csv files of `source`, plain or .gz, to `folder` after reading them.

    Those of another shape are written anew, as they should be.
    """
    if source.is_file():
        raise UserError(f"{source}: not a folder; if it is an archive, unpack it first")
    for name in PUBLISHED:
        path, advice = (
            find_source(name, source),
            f"{' and '.join(PUBLISHED)} must be in that folder",
        )
        rows, notes = read_noted(path, HEADER, FILE_LABELS, advice)
        tell(path, "read and mended", notes)
        if notes:
            np.savetxt(Path(folder, name), rows, "%d", ",", header=HEADER, comments="")
            continue
        open_plain = gzip.open if path.suffix == ".gz" else open
        with open_plain(path, "rb") as file, open(Path(folder, name), "wb") as copy:
            shutil.copyfileobj(file, copy)


def find_source(name, folder):
    """Return the path of a csv file in `folder`, or in a folder of its name, as archives unpack."""
    places = [folder, folder / Path(name).stem, folder / name]
    paths = [find_data(name, place) for place in places]
    return next(filter(Path.is_file, paths), paths[0])


def download_to(folder):
    """Download an archive, take the two csv files out of it and check them."""
    failures = []
    for url, sha256 in ARCHIVES:
        try:
            download(url, folder / "archive", sha256)
            extract(folder / "archive", folder, PUBLISHED)
            for path in [folder / name for name in PUBLISHED]:
                if not is_published(path, read_csv(path, HEADER, FILE_LABELS, "")):
                    raise UserError(f"{path.name} in the archive is not the published one")
            return
        except (UserError, OSError) as error:
            failures.append(f"{url}: {in_a_line(error)}")
    raise DownloadError(
        f"no download: {'; '.join(failures)}. Get {' and '.join(PUBLISHED)} in another way, then "
        "python step_2_dataset.py --from FOLDER"
    )


def is_published(path, rows):
    """Return whether rows, uint8 (N, 785), read from `path`, are those published by that name."""
    return hashlib.sha256(rows).hexdigest() == PUBLISHED.get(path.name.removesuffix(".gz"))


def describe(dataset):
    """Print how many images each path of a SignLanguageMNIST holds, and of which data set."""
    kinds, start = {file: kind for kind, files in SETS.items() for file in files}, 0
    for path, length in zip(dataset.paths, dataset.lengths, strict=True):
        part, start = slice(start, start + length), start + length
        kind = kinds[path.name.removesuffix(".gz")]
        labels = np.array(FILE_LABELS, np.uint8)[dataset._labels[part].int()]
        rows = np.column_stack([labels, dataset._samples[part].flatten(1)])
        other = kind == SIGN_MNIST and not is_published(path, rows)
        note = " (note: not the published ones)" if other else ""
        print(f"{path}: {number_of(length, 'image')}, {kind}{note}")
