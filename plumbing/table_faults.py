"""Plumbing: say what is wrong with the first bad row of a table. Skip it on first reading."""

import contextlib
import math
import re

from plumbing.faults import UserError, printable

NUMBER = re.compile(r"\s*[-+]?\d{1,400}(\.\d{0,400})?([eE][-+]?\d{1,3})?\s*", re.ASCII)
MOVING = 9, 25  # labels of J and Z


def find_fault(path, rows, names, labels):
    """Return in a line what is wrong with the first bad row.

    `rows` is an iterator of line numbers and rows, lists of texts, under columns called `names`;
    the first column holds `labels`.
    """
    for number, row in rows:
        for name, text in zip(names, row, strict=True):
            value = parse(text)
            where = f"{path}, line {number}: {name}"
            if name == names[0] and value not in labels:
                return f"{where} {quote(text)} is not one of {ranges(labels)}; {advise(text, rows)}"
            if not (0 <= value <= 255 and value.is_integer()):
                return f"{where} is {quote(text)} instead of a whole number 0..255{span(row)}"
    return f"{path}: holds numbers that cannot be read"


def parse(text):
    """Return the number that a text says, NaN for none."""
    return float(text) if NUMBER.fullmatch(text) else math.nan


def shorten(text):
    """Return the first 20 characters of a text."""
    return text if len(text) < 20 else f"{text[:20]}..."


def quote(text):
    return printable(repr(shorten(text)))


def ranges(numbers):
    """Return whole numbers in rising order as text such as "0..8, 26"."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ", ".join(f"{a}..{b}" if a != b else str(a) for a, b in zip(starts, ends, strict=True))


def advise(text, rows):
    """Say what may be meant by a wrong label, given the rows after it."""
    found = {parse(text)}
    with contextlib.suppress(UserError):  # of a later line
        found |= {parse(row[0]) for _, row in rows}
    if text.strip().upper() in ("J", "Z"):
        return "J and Z are signed with a motion: leave such rows out"
    if text.strip()[:1].isalpha():
        return "leave such rows out, or number the letters from A, 0, to Y, 24"
    if MOVING[0] in found and max(found) < MOVING[1] - 1:
        return "if labels run from 0 to 23, without J, add 1 to those from 9 on"
    if 0 not in found and max(found) == MOVING[1]:
        return "if A is 1, subtract 1 from all"
    return "A is 0, Y is 24; J, 9, and Z, 25, are signed with a motion: leave such rows out"


def span(row):
    """Return how far the pixels of a row run where the row is odd as a whole, for a message."""
    pixels = [parse(text) for text in row[1:]]
    odd = sum(not (0 <= value <= 255 and value.is_integer()) for value in pixels)
    if odd < 10 or not all(map(math.isfinite, pixels)):
        return ""
    low, high = min(pixels), max(pixels)
    if low >= 0 and 1 < high <= 255:
        return "; round such numbers"
    return f"; the line's pixels run from {low:.4g} to {high:.4g}: scale them to 0..255 and round"
