"""Plumbing: read csv files of another shape than Sign Language MNIST's. Skip it on first reading.

Programs save tables in many ways: with an index column or without a header, with semicolons or
quotes, as parts of white, with letters as labels. They are read where there is no doubt what is
meant.
"""

import csv
import gzip
import itertools
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from plumbing.contents import describe, read_head
from plumbing.faults import UserError, number_of
from plumbing.table_columns import MANY, find_columns, is_row, name_columns
from plumbing.table_faults import find_fault

# What stands between values, most certain first, and a note on it; numbers may have commas inside.
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "", " ": "spaces"}
NO_HAND = ("NOTHING", "NO_HAND")  # what the last label is called where labels are letters
SAMPLE = 12  # rows to tell a table's shape by
LONGEST = 2**20  # characters of each of them
MAX_LINE = 50_000  # characters of any other row: room for 786 values of 60
LEAST_PARTS = 0.1  # of the pixels must be fractions, for all to be parts of white
GZIP, UTF_16 = b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Form:
    """How a table is written.

    What stands between its values, how many a row has, which of them are label and pixels, in
    order; the line of its header, "" for none; whether its labels are letters; notes on what is
    unusual.
    """

    delimiter: str
    width: int
    columns: list
    header: str
    has_letters: bool
    notes: list


def read_table(path, names, labels, max_lines):
    """Read the table in a file under columns called `names`, the first of which holds `labels`.

    Returns rows, uint8 (N, columns), and notes, texts, on what is unusual. Raises UserError, which
    names file, line and reason.
    """
    form = find_form(path, names, labels)
    rows = read_rows(path, form, labels, max_lines)
    first = next(rows, None)
    if first is None:
        return np.empty((0, len(names)), np.uint8), []
    texts = (",".join(row) for _, row in itertools.chain([first], rows))
    try:
        values = np.loadtxt(texts, np.float32, comments=None, delimiter=",", ndmin=2)
    except UnicodeDecodeError:
        raise
    except ValueError:
        values = None
    if values is not None:
        notes = form.notes + scale_parts(values[:, 1:])
        if is_right(values, labels):
            notes += ["numbers such as 107.0"] * (form.notes == notes and "." in "".join(first[1]))
            return values.astype(np.uint8), notes
    raise UserError(find_fault(path, read_rows(path, form, labels, max_lines), names, labels))


def scale_parts(pixels):
    """Bring pixels from 0 to 1, (N, P), to 0..255 in place if many are fractions; return notes."""
    in_range = pixels.min() >= 0 and pixels.max() <= 1
    if not in_range or ((pixels > 0) & (pixels < 1)).mean() < LEAST_PARTS:
        return []
    np.rint(255 * pixels, out=pixels)
    return ["pixels from 0 to 1, taken as 0 to 255"]


def is_right(values, labels):
    """Return whether all values are whole, labels among `labels` and pixels 0..255."""
    pixels = values[:, 1:]
    in_range = pixels.min() >= 0 and pixels.max() <= 255  # NaN is not
    return in_range and np.isin(values[:, 0], labels).all() and (pixels == np.rint(pixels)).all()


def open_text(path):
    """Open a text file, plain or packed by gzip, whatever its name ends in."""
    is_packed = read_head(path).startswith(GZIP) or str(path).endswith(".gz")
    open_any = gzip.open if is_packed else open
    with open_any(path, "rb") as file:
        head = file.read(4)
    encoding = "utf-16" if head.startswith(UTF_16) and len(head) == 4 else "utf-8-sig"
    return open_any(path, "rt", encoding=encoding)


def split(line, delimiter):
    """Return the values of a line, without quotes around them or commas inside them."""
    line = line if delimiter == "," else line.replace(",", ".")
    try:
        return next(csv.reader([line.rstrip("\n")], delimiter=delimiter), [])
    except csv.Error:  # a value that is too long
        return [line]


def read_rows(path, form, labels, max_lines):
    """Yield the number of each row's line and its texts: label, a number, and pixels."""
    pick = itemgetter(*form.columns)
    numbers = {chr(ord("A") + label): str(label) for label in labels[:-1]}
    numbers |= dict.fromkeys(NO_HAND, str(labels[-1]))
    with open_text(path) as file:
        lines = iter(lambda: file.readline(LONGEST if form.header else MAX_LINE), "")
        for number, line in enumerate(lines, start=1):
            if number > max_lines:
                raise UserError(f"{path}: more than {max_lines:,} lines")
            if line == "\n" or line.rstrip("\n") == form.header:
                continue
            if len(line) > MAX_LINE:
                raise UserError(f"{path}, line {number}: longer than {MAX_LINE:,} characters")
            row = split(line, form.delimiter)
            if len(row) != form.width:
                cut = len(row) < form.width and next(lines, None) is None
                end = "; the file ends there: is it whole?" if cut else ""
                found = f"{number_of(len(row), 'value')} instead of {form.width}"
                raise UserError(f"{path}, line {number}: {found}{end}")
            label, *pixels = pick(row)
            if form.has_letters:
                label = numbers.get(label.strip().upper(), label)
            yield number, [label, *pixels]


def find_form(path, names, labels):
    """Find out how the table in a file is written, from its first rows.

    Raises UserError where there is doubt, or where it is no table of so many values.
    """
    known = describe(read_head(path))
    if known and not known.startswith("a gzip"):
        raise UserError(f"{path}: {known}")
    with open_text(path) as file:
        lines = filter(str.strip, iter(lambda: file.readline(LONGEST), ""))
        lines = list(itertools.islice(lines, SAMPLE))
    if not lines:
        raise UserError(f"{path}: empty, without a header and rows")
    counts = {mark: len(split(lines[0], mark)) for mark in DELIMITERS}
    delimiter = next((mark for mark in counts if counts[mark] > MANY), max(counts, key=counts.get))
    rows = [[text.strip() for text in split(line, delimiter)] for line in lines]
    notes = [DELIMITERS[delimiter]] if DELIMITERS[delimiter] else []
    notes += ["quotes"] * any('"' in line for line in lines[:2])
    if is_row(rows[0]):
        header, sample = "", rows
        width, columns, more = find_columns(path, rows, names, labels)
    else:
        header, sample = lines[0].rstrip("\n"), rows[1:]
        width, columns, more = name_columns(path, rows[0], sample, names)
    first = [row[columns[0]] for row in sample if len(row) == width]
    has_letters = bool(first) and all(text[:1].isalpha() for text in first)
    more += ["letters as labels"] * has_letters
    return Form(delimiter, width, columns, header, has_letters, notes + more)
