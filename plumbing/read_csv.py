"""Plumbing: read a csv file of whole numbers fast, and say which line is wrong. Skip it on first
reading."""

import gzip
import re
import warnings
import zlib

import numpy as np

from plumbing.faults import UserError
from plumbing.files import require_file

MAX_LINE = 10_000  # characters: room for 785 values
MAX_LINES = 2_000_000  # the empty ones too; 1.6 GB of images


def read_csv(path, header, labels, advice):
    """The rows of a csv file, .gz or plain, under `header`, as uint8 (N, columns).

    The first column holds one of `labels`, the others 0..255. Raises FileNotFoundError, which ends
    with `advice`, and UserError, which names file, line and reason, also for a file without end.
    """
    require_file(path, advice)
    lines = (line for _, line in number_lines(path, header))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")
            rows = np.loadtxt(lines, np.uint8, comments=None, delimiter=",", ndmin=2)
        right = rows.shape[1] == header.count(",") + 1 and np.isin(rows[:, 0], labels).all()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text, so no csv file ({error.reason})") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: damaged or cut short gzip file ({error})") from None
    except ValueError:  # its row numbers are not the lines of the file
        rows, right = None, False
    if rows is not None and len(rows) == 0:
        raise UserError(f"{path}: no rows after the header")
    if not right:
        for number, line in number_lines(path, header):
            if fault := find_fault(line.rstrip("\n").split(","), header.split(","), labels):
                raise UserError(f"{path}, line {number}: {fault}")
    return rows


def number_lines(path, header):
    """The lines of a csv file after its header, but for empty ones, each with its number."""
    with (gzip.open if str(path).endswith(".gz") else open)(
        path, "rt", encoding="utf-8-sig"
    ) as file:
        lines = iter(lambda: file.readline(MAX_LINE), "")
        if next(lines, "").rstrip("\n") != header:
            first, second, *_, last = header.split(",")
            raise UserError(f"{path}, line 1: the header is not {first},{second},...,{last}")
        for number, line in enumerate(lines, start=2):
            if number > MAX_LINES:
                raise UserError(f"{path}: more than {MAX_LINES:,} lines")
            if line != "\n":
                yield number, line


def find_fault(row, names, labels):
    """What is wrong with a row, a list of texts, under columns called `names`; None if nothing."""
    if len(row) != len(names):
        return f"{len(row)} values instead of {len(names)}"
    for name, text in zip(names, row, strict=True):
        shown = repr(text if len(text) < 20 else f"{text[:20]}...")
        value = int(text) if re.fullmatch(r"\s*\d{1,9}\s*", text, re.ASCII) else -1
        if name == names[0] and value not in labels:
            return f"{name} {shown} is not one of {', '.join(map(str, labels))}"
        if not 0 <= value <= 255:
            return f"{name} is {shown} instead of a whole number 0..255"
    return None
