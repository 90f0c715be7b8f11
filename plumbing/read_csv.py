"""Plumbing: read a csv file of whole numbers fast, and say which line is wrong. Skip it on first
reading."""

import gzip
import warnings
import zlib

import numpy as np

from plumbing.contents import describe, read_head
from plumbing.faults import UserError, printable
from plumbing.files import require_file
from plumbing.other_tables import open_text, read_table

MAX_LINE = 10_000  # characters: room for 785 values
MAX_LINES = 2_000_000  # the empty ones too; 1.6 GB of images


class OtherHeaderError(UserError):
    """The first line is another header."""


def read_csv(path, header, labels, advice):
    """The rows of a csv file, .gz or plain, under `header`, as uint8 (N, columns).

    The first column holds one of `labels`, the others 0..255. A table of another shape is read, and
    a note printed, where there is no doubt what is meant. Raises FileNotFoundError, which ends with
    `advice`, and UserError, which names file, line and reason, also for a file without end.
    """
    rows, notes = read_noted(path, header, labels, advice)
    tell(path, "read", notes)
    return rows


def tell(path, done, notes):
    """Print notes, if there are any, on a file with which something was `done` all the same."""
    if notes:
        print(f"{printable(path)}: not quite as expected, but {done}: {', '.join(notes)}")


def read_noted(path, header, labels, advice):
    """Do as `read_csv`, but return notes, texts, on what is unusual beside the rows."""
    require_file(path, advice)
    try:
        rows, notes = read_strict(path, header, labels), []
        if rows is None:
            rows, notes = read_table(path, header.split(","), labels, MAX_LINES)
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: {describe_damage(path, error)}") from None
    if len(rows) == 0:
        raise UserError(f"{path}: no rows after the header")
    return rows, notes + scale_binary(rows[:, 1:])


def read_strict(path, header, labels):
    """Return the rows, uint8 (N, columns); None for a file that is not exactly as it must be."""
    lines = (line for _, line in number_lines(path, header))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")
            rows = np.loadtxt(lines, np.uint8, comments=None, delimiter=",", ndmin=2)
    except UnicodeDecodeError:
        raise
    except (ValueError, OtherHeaderError):
        return None
    right = rows.shape[1] == header.count(",") + 1 and np.isin(rows[:, 0], labels).all()
    return rows if right or len(rows) == 0 else None


def number_lines(path, header):
    """The lines of a csv file after its header, but for empty ones, each with its number."""
    with open_text(path) as file:
        lines = iter(lambda: file.readline(MAX_LINE), "")
        if next(lines, "").rstrip("\n") != header:
            first, second, *_, last = header.split(",")
            raise OtherHeaderError(f"{path}, line 1: the header is not {first},{second},...,{last}")
        for number, line in enumerate(lines, start=2):
            if number > MAX_LINES:
                raise UserError(f"{path}: more than {MAX_LINES:,} lines")
            if line != "\n":
                yield number, line


def scale_binary(pixels):
    """Bring pixels that are all 0 or 1, uint8 (N, P), to 0 and 255 in place if 1 is surely white.

    It is where every image has both: of one nearly black, some would be all black. Returns notes.
    """
    if pixels.max() != 1:
        return []
    if pixels.any(axis=1).all() and not pixels.all(axis=1).any():
        pixels *= 255
        return ["pixels of 0 and 1, taken as 0 and 255"]
    return ["pixels of 0 and 1 only: nearly black; if 1 is white, multiply them by 255"]


def describe_damage(path, error):
    """Say why a file is no text, given what reading it raised."""
    known = describe(read_head(path))
    if known and not known.startswith("a gzip"):
        return f"{known} (not UTF-8 text, so no csv file)"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text, so no csv file ({error.reason})"
    return f"damaged or cut short gzip file ({error})"
