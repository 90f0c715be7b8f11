"""Plumbing: tell which columns of a table are the label and the pixels. Skip it on first reading.

Rows are lists of texts; `names` are what columns are called where all is as expected: label,
pixel1, ..., pixel784. Functions return how many values a row has, the columns of label and pixels,
in order, and notes, texts, on what is unusual.
"""

import math
import re

from plumbing.faults import UserError, printable
from plumbing.table_faults import NUMBER, shorten

LABELS = ["label", "labels", "class", "letter", "target", "category", "y", "sign"]  # first one wins
INDEX = ["", "index", "id", "row", "rownames"]  # names of columns that number the rows
MANY = 100  # columns that are numbered are pixels


def is_row(texts):
    """Return whether the first row holds numbers, but for a label, and so is no header."""
    texts = texts if texts[-1] else texts[:-1]  # there may be a comma at the end
    words = [text for text in texts if not NUMBER.fullmatch(text)]
    return len(texts) > 1 >= len(words) and len(find_pixels(range(len(texts)), texts)) < MANY


def find_columns(path, rows, names, labels):
    """Tell the columns of a table without a header. Raises UserError where there is doubt."""
    width, count = len(rows[0]), len(names)
    rows = [row for row in rows if len(row) == width]
    first, last = ([row[column] for row in rows] for column in (0, -1))
    columns, notes = list(range(count)), ["no header"]
    if width == count + 1 and counts_up(first):
        return width, list(range(1, width)), [*notes, "an index column"]
    if width == count + 1 and not any(last):
        return width, columns, [*notes, "a comma at the end of the lines"]
    if width != count:
        raise UserError(f"{path}, line 1: {describe_sizes(width, count - 1)}")
    if are_labels(last, labels) and not are_labels(first, labels):
        return width, [width - 1, *range(width - 1)], [*notes, "the label at the end"]
    return width, columns, notes


def are_labels(texts, labels):
    """Return whether all texts are among `labels`, numbers, or all are words."""
    return set(texts) <= set(map(str, labels)) or all(text.isalpha() for text in texts)


def name_columns(path, header, rows, names):
    """Tell the columns by the names in a header. Raises UserError where there is doubt."""
    given, notes = header, []
    header = [text.strip("#\"' ").lower() for text in given]
    shown, count = show_header(header), len(names) - 1
    if rows and all(len(row) == len(header) + 1 for row in rows):
        if not any(row[-1] for row in rows):
            header, notes = [*header, ""], ["a comma at the end of the lines"]
        elif counts_up([row[0] for row in rows]):
            header, given = ["", *header], ["", *given]
    label = min((text for text in header if text in LABELS), key=LABELS.index, default=None)
    pixels = find_pixels([i for i, text in enumerate(header) if text != label], header)
    if label is None and len(pixels) == count + 1:  # programs number columns without names
        label, pixels = header[pixels[0]], pixels[1:]
        notes.append("numbered columns, the first taken for the label")
    if len(pixels) < MANY or header.count(label) != 1:
        missing = " (no column is called label)" if len(pixels) == count else ""
        expected = f"{names[0]},{names[1]},...,{names[-1]}"
        raise UserError(f"{path}, line 1: the header is not {expected} but {shown}{missing}")
    if len(pixels) != count:
        raise UserError(f"{path}, line 1: {describe_sizes(len(pixels) + 1, count)}")
    columns = [header.index(label), *pixels]
    notes += [f'labels called "{label}"'] * (label in LABELS[1:])
    first, last = header[pixels[0]], header[pixels[-1]]
    notes += [f"pixels called {first} to {last}"] * (first != names[1])
    notes += ["columns in another order"] * (columns != sorted(columns))
    extra = [header[i] for i in range(len(header) - (not header[-1])) if i not in set(columns)]
    notes += note_extra(extra)
    if not notes and [given[column] for column in columns] != names:
        notes = ["a header written otherwise"]
    return len(header), columns, notes


def find_pixels(columns, header):
    """Return those columns of a header, in order, whose names differ by their numbers alone."""
    groups = {}
    for column in columns:
        groups.setdefault(re.sub(r"\d+", "#", header[column]), []).append(column)
    return max((order_numbered(group, header) for group in groups.values()), key=len, default=[])


def order_numbered(columns, header):
    """Return columns in the order of the numbers in their names.

    Numbers count up from 0 or 1, or are all rows and columns of an image. Else none are returned.
    """
    keys = {tuple(map(int, re.findall(r"\d{1,9}", header[i]))): i for i in columns}
    if len(keys) < len(columns) or len({len(key) for key in keys}) != 1:
        return []
    sides = [sorted({key[place] for key in keys}) for place in range(len(next(iter(keys))))]
    is_whole = len(sides) in (1, 2) and math.prod(map(len, sides)) == len(keys)
    counted = all(side[0] in (0, 1) and side[-1] - side[0] == len(side) - 1 for side in sides)
    return [keys[key] for key in sorted(keys)] if is_whole and counted else []


def counts_up(texts):
    """Return whether texts number the rows, from 0 or from 1."""
    return any(texts == [str(i + start) for i in range(len(texts))] for start in (0, 1))


def note_extra(names):
    """Return notes on columns that are left out."""
    index = [name for name in names if name in INDEX or name.startswith("unnamed: ")]
    others = [f'"{shorten(name)}"' for name in names if name not in index]
    notes = ["an index column"] * bool(index)
    if len(others) > 2:
        return [*notes, f"{len(others)} columns more, left out"]
    return notes + [f"a column {name}, left out" for name in others]


def show_header(header):
    """Return the first and last names of a header, for a message."""
    texts = header if len(header) < 5 else [*header[:2], "...", header[-1]]
    return printable(",".join(map(shorten, texts)) or "an empty line")


def describe_sizes(width, count):
    """Say what images rows of so many values may hold, other than `count` pixels and a label."""
    if width == count:
        return f"{width:,} values a row, so the label is missing: it belongs before the pixels"
    side, expected = math.isqrt(width - 1), math.isqrt(count)
    colour = math.isqrt((width - 1) // 3)
    if 3 * colour**2 == width - 1:
        found, advice = f"images of {colour}x{colour} pixels in three colours", "make them grey, of"
    elif side**2 == width - 1:
        found, advice = f"images of {side}x{side} pixels", "make them"
    else:
        found, advice = f"{width:,} values a row", f"{count + 1:,} are expected: label and"
    return f"{found}; {advice} {expected}x{expected} pixels"
