"""Fetch openly licensed photographs of hands from GitHub: a third data set to train on.

    python -m tools.get_photos                # fetch them
    python -m tools.get_photos --crops DIR    # or take ready crops, DIR/SOURCE/LETTER/NUMBER.png

    data/photos_train.csv.gz: 12,152 photographs

The table data/photos.csv says where each photograph lies and which square of it shows the hand.
data/README.md says whose they are. People are in them, so only the table is part of this project.
Fetched images are kept in data/.photos until all are there: an interrupted run goes on where it
stopped.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import contextlib
import csv
import gzip
import hashlib
import re
import shutil
import tempfile
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import cv2
import numpy as np

from plumbing.download import download
from plumbing.faults import UserError, number_of, run
from plumbing.files import write_file
from plumbing.flags import Parser, nonempty
from plumbing.progress import Progress
from plumbing.sign_mnist import DATA, HEADER
from step_2_dataset import LETTERS, SIZE

TABLE = Path(__file__).parents[1] / "data/photos.csv"
RESULT = DATA / "photos_train.csv.gz"
FETCHED = DATA / ".photos"  # images fetched so far, 28x28 pixels each
SERVER = "https://raw.githubusercontent.com/"
CONNECTIONS = 8
MAX_PICTURE = 20_000_000  # bytes
GIVE_UP = 16  # failures in a row after which a repository is asked for no more


class Photo(NamedTuple):
    """One row of the table: a photograph, where it lies, and the square around the hand."""

    file: str  # SOURCE/LETTER/NUMBER.png, its crop in the folder that --crops names
    repository: str  # OWNER/NAME on GitHub
    commit: str
    path: str  # in the repository
    blob_sha1: str  # git's, of the file there
    letter: str
    left: int  # pixels; the square may reach over the picture's border
    top: int
    side: int


def main(argv=None):
    args = parse_args(argv)
    photos = read_table(TABLE)
    if args.crops:
        images, missing = read_images({photo: Path(args.crops, photo.file) for photo in photos})
    else:
        images, missing = fetch_images(photos)
    print_missing(missing, photos)
    write_csv(RESULT, [(photo, images[photo]) for photo in photos if photo in images])
    print(f"{RESULT}: {len(images):,} photographs")
    if not args.crops:
        clear_up(missing)


def fetch_images(photos):
    """Fetch the photographs that no earlier run has fetched.

    Returns two dicts by Photo: images uint8 (28, 28), and reasons (str) of those not to be had.
    """
    FETCHED.mkdir(parents=True, exist_ok=True)
    images, missing = read_images({photo: name_fetched(photo) for photo in photos})
    wanted, attempt = list(missing), partial(try_to_fetch, failures=Counter())
    progress = Progress(desc="photographs", total=len(photos), initial=len(images))
    with progress as bar, open_pool(CONNECTIONS) as pool:
        for photo, (image, reason) in zip(wanted, pool.map(attempt, wanted), strict=True):
            if reason is None:
                images[photo] = image
                del missing[photo]
            else:
                missing[photo] = reason
            bar.update()
    return images, missing


def try_to_fetch(photo, failures):
    """Fetch a photograph and keep it in FETCHED.

    `failures` counts each repository's failures in a row, for all threads together.
    Returns (image, None) or (None, reason).
    """
    if failures[photo.repository] >= GIVE_UP:
        return None, f"not asked for, after {GIVE_UP} failures in a row"
    try:
        image = fetch_image(photo)
    except UserError as problem:
        failures[photo.repository] += 1
        return None, str(problem)
    failures[photo.repository] = 0
    write_file(name_fetched(photo), cv2.imencode(".png", image)[1].tobytes())
    return image, None


def fetch_image(photo):
    """Fetch the hand of one photograph: uint8 (28, 28). Raises UserError."""
    content = fetch(photo)
    if git_sha1(content) != photo.blob_sha1:
        raise UserError("not the file in the table: its sha1 differs")
    picture = decode(content, cv2.IMREAD_COLOR)
    square = cut_out(picture, photo.left, photo.top, photo.side)
    return to_image(cv2.cvtColor(square, cv2.COLOR_BGR2GRAY))


def git_sha1(content):
    """Return git's name (hex sha1) of a file with this content (bytes)."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def cut_out(picture, left, top, side):
    """Cut a square out of a picture, repeating its outermost pixels beyond the border.

    picture (H, W, 3) -> (side, side, 3).
    """
    rows = np.clip(np.arange(top, top + side), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(left, left + side), 0, picture.shape[1] - 1)
    return picture[rows][:, columns]


def to_image(grey):
    """Shrink a grey picture to the network's size; each pixel is a mean over an area.

    uint8 (H, W) -> uint8 (28, 28).
    """
    return cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def parse_args(argv):
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--crops", metavar="DIR", type=nonempty, help="read crops from this folder, fetch nothing"
    )
    return parser.parse_args(argv)


# ---------------------------------------------------------------- the table

PATTERNS = {  # of the table's columns, by name
    "file": r"[\w-]+/[A-Z]/[0-9]+\.png",
    "repository": r"[\w.-]+/[\w.-]+",
    "commit": "[0-9a-f]{40}",
    "path": r"[^/\s].*",
    "blob_sha1": "[0-9a-f]{40}",
    "letter": f"[{LETTERS}]",
    "left": "-?[0-9]{1,4}",
    "top": "-?[0-9]{1,4}",
    "side": "[1-9][0-9]{0,3}",
}


def read_table(path):
    """Read a table such as photos.csv: a list of Photo.

    Raises UserError naming file, line and reason, OSError if the file cannot be read.
    """
    photos = []
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            if next(rows, None) != list(PATTERNS):
                raise UserError(f"{path}, line 1: the header is not {','.join(PATTERNS)}")
            for row in rows:
                if fault := describe_fault(row):
                    raise UserError(f"{path}, line {rows.line_num}: {fault}")
                photos.append(Photo(*row[:-3], *map(int, row[-3:])))
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 text, so no csv file ({error.reason})") from None
        except csv.Error as error:
            raise UserError(f"{path}, line {rows.line_num}: {error}") from None
    if not photos:
        raise UserError(f"{path}: no rows after the header")
    return photos


def describe_fault(row):
    """Say what is wrong with a row of the table, a list of str; None if nothing is."""
    if len(row) != len(PATTERNS):
        values = number_of(len(row), "value")
        return f"{values} instead of {len(PATTERNS)} ({', '.join(PATTERNS)})"
    for (name, pattern), value in zip(PATTERNS.items(), row, strict=True):
        if not re.fullmatch(pattern, value):
            return f"{name} is {value[:80]!r}"
    return None


# ---------------------------------------------------------------- pictures


def fetch(photo):
    """Download a photograph's file (bytes). Raises UserError."""
    url = f"{SERVER}{photo.repository}/{photo.commit}/{quote(photo.path)}"
    with tempfile.TemporaryDirectory(dir=FETCHED) as folder:
        path = Path(folder, "picture")
        download(url, path, most=MAX_PICTURE, progress=False)
        return path.read_bytes()


@contextlib.contextmanager
def open_pool(threads):
    """Open a ThreadPoolExecutor that drops what has not begun when the block ends, as by Ctrl-C."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def name_fetched(photo):
    """Return the path that keeps a fetched image; another picture or square has another name."""
    return FETCHED / f"{photo.blob_sha1}_{photo.left}_{photo.top}_{photo.side}.png"


def read_images(paths):
    """Read pictures from files; `paths` holds the file of each Photo.

    Returns two dicts by Photo: images uint8 (28, 28), and reasons (str) of those not readable.
    """
    images, missing = {}, {}
    for photo, path in paths.items():
        try:
            if not path.is_file():  # a pipe would be waited for
                raise UserError("no such file")
            images[photo] = to_image(decode(path.read_bytes(), cv2.IMREAD_GRAYSCALE))
        except UserError as problem:
            missing[photo] = str(problem)
        except OSError as error:
            missing[photo] = error.strerror
    return images, missing


def decode(content, flags):
    """Decode a picture from the bytes of its file, by OpenCV's `flags`. Raises UserError."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # UserError says it
    picture = None
    if content:
        with contextlib.suppress(cv2.error):  # too large a picture
            picture = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if picture is None:
        raise UserError("not a picture that OpenCV can read")
    return picture


# ---------------------------------------------------------------- the result


def print_missing(missing, photos):
    """Print how many photographs are missing, and why. Raises UserError if all are."""
    if len(missing) == len(photos):
        reason = next(iter(missing.values()))  # the first one's: later ones may not have been tried
        raise UserError(f"none of {len(photos):,} photographs could be had: {reason}")
    if missing:
        print(f"{len(missing):,} of {len(photos):,} photographs could not be had:")
    for reason, count in Counter(missing.values()).most_common():
        names = [photo.file for photo, why in missing.items() if why == reason]
        print(f"{count:7,}  {reason}: {', '.join(names[:3])}{' ...' * (count > 3)}")


def write_csv(path, images):
    """Write (Photo, image uint8 (28, 28)) pairs as a csv.gz file in Sign Language MNIST's format.

    Raises UserError rather than replace a file that has more images.
    """
    if (before := count_images(path)) > len(images):
        raise UserError(
            f"{path} has {before:,} photographs, {len(images):,} could be had now: "
            "it stays as it is; remove it first to get the smaller one"
        )
    lines = [HEADER]
    for photo, image in images:
        label = ord(photo.letter) - ord("A")  # the place in the full alphabet
        lines.append(",".join(map(str, [label, *image.ravel().tolist()])))
    path.parent.mkdir(exist_ok=True)
    write_file(path, gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))


def count_images(path):
    """Count the images in a csv.gz file; 0 for a missing or damaged one."""
    try:
        with gzip.open(path) as file:
            return sum(1 for _ in file) - 1
    except (OSError, EOFError, zlib.error):
        return 0


def clear_up(missing):
    """Remove the fetched images once the result has them all."""
    if missing:
        print("the same command tries the missing ones again")
    else:
        shutil.rmtree(FETCHED)


if __name__ == "__main__":
    run(main)
