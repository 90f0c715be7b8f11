"""Tables as other programs save them, and what is no table at all."""

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from conftest import HEADER, assert_one_line, draw_letters, shell, write_csv

from plumbing.faults import UserError
from plumbing.read_csv import read_csv
from plumbing.sign_mnist import FILE_LABELS, PUBLISHED

NAMES = HEADER.split(",")
IMAGES, NUMBERS = draw_letters(48)
ROWS = np.column_stack([NUMBERS, IMAGES]).astype(np.uint8)
PIXELS = range(1, 785)
LETTERS = [[chr(ord("A") + row[0]), *row[1:]] for row in ROWS.tolist()]
SHARES = [[row[0], *(pixel / 255 for pixel in row[1:])] for row in ROWS.tolist()]


def table(rows=ROWS, header=NAMES, **how):
    """Write rows as a program would; `how` is what csv.writer takes."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n", **how)
    writer.writerows([header] * (header is not None))
    writer.writerows(rows)
    return file.getvalue()


def numbered(rows=ROWS, start=0):
    """Put each row's number before it."""
    return [[index, *row] for index, row in enumerate(rows, start)]


def numpys(**how):
    """Write the rows as numpy.savetxt does."""
    file = io.StringIO()
    np.savetxt(file, ROWS, **how)
    return file.getvalue()


BY_NAME = [0, *sorted(PIXELS, key=str)]  # columns sorted as texts: pixel1, pixel10, pixel100, ...
QUOTED = {"quoting": csv.QUOTE_ALL}
READ = {
    "an index without a name": (table(numbered(), ["", *NAMES]), "an index column"),
    "pandas' index, read again": (table(numbered(), ["Unnamed: 0", *NAMES]), "an index column"),
    "no header": (table(header=None), "no header"),
    "no header, an index": (table(numbered(), None), "no header, an index column"),
    "class": (table(header=["class", *NAMES[1:]]), 'labels called "class"'),
    "pixels from 0": (
        table(header=["label", *(f"pixel{i - 1}" for i in PIXELS)]),
        "pixels called pixel0 to pixel783",
    ),
    "rows x columns": (
        table(header=["label", *(f"{i}x{j}" for i in range(1, 29) for j in range(1, 29))]),
        "pixels called 1x1 to 28x28",
    ),
    "numbers as a header": (
        table(header=range(785)),
        "numbered columns, the first taken for the label, pixels called 1 to 784",
    ),
    "R's row names": (table(numbered(start=1), ["", *NAMES], **QUOTED), "quotes, an index column"),
    "R's write.table": (
        table(numbered(start=1), NAMES, delimiter=" ", **QUOTED),
        "spaces, quotes, an index column",
    ),
    "quotes": (table(**QUOTED), "quotes"),
    "semicolons": (table(delimiter=";"), "semicolons"),
    "tabs": (table(delimiter="\t"), "tabs"),
    "semicolons after a byte order mark": ("\ufeff" + table(delimiter=";"), "semicolons"),
    "label last": (table(np.roll(ROWS, -1, 1), [*NAMES[1:], "label"]), "columns in another order"),
    "label last, no header": (
        table(np.roll(ROWS, -1, 1), None),
        "no header, the label at the end",
    ),
    "columns sorted by name": (
        table(ROWS[:, BY_NAME], [NAMES[i] for i in BY_NAME]),
        "columns in another order",
    ),
    "letters": (table(LETTERS), "letters as labels"),
    "small letters": (table(LETTERS).replace("\nA", "\na"), "letters as labels"),
    "whole numbers with a point": (table(ROWS.astype(float)), "numbers such as 107.0"),
    "numpy's": (numpys(), "spaces, no header, numbers such as 107.0"),
    "numpy's header": (
        numpys(fmt="%d", delimiter=",", header=HEADER),
        "a header written otherwise",
    ),
    "no header, an index, letters": (
        table(numbered(LETTERS), None),
        "no header, an index column, letters as labels",
    ),
    "letters last, no header": (
        table([[*row[1:], row[0]] for row in LETTERS], None),
        "no header, the label at the end, letters as labels",
    ),
    "decimal commas, no header": (
        table(SHARES, None, delimiter=";").replace(".", ","),
        "semicolons, no header, pixels from 0 to 1, taken as 0 to 255",
    ),
    "UTF-16, packed": (gzip.compress(table().encode("utf-16")), None),
    "parts of white": (table(SHARES), "pixels from 0 to 1, taken as 0 to 255"),
    "parts of white, decimal commas": (
        table(SHARES, delimiter=";").replace(".", ","),
        "semicolons, pixels from 0 to 1, taken as 0 to 255",
    ),
    "a comma at the end": (
        table([[*row, ""] for row in ROWS]),
        "a comma at the end of the lines",
    ),
    "file names": (
        table([[f"A/{i}, my hand.png", *row] for i, row in enumerate(ROWS)], ["file", *NAMES]),
        'quotes, a column "file", left out',
    ),
    "capitals and spaces": (
        table().replace(",", ", ").replace("label", "Label"),
        "a header written otherwise",
    ),
    "UTF-16": (table().encode("utf-16"), None),
    "old line ends": (table().replace("\n", "\r"), None),
    "packed, named as if not": (gzip.compress(table().encode()), None),
}


def save(path, content):
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(("content", "note"), READ.values(), ids=READ)
def test_what_is_meant_without_doubt_is_read_with_a_note(workdir, capsys, content, note):
    save("own.csv", content)
    np.testing.assert_array_equal(read_csv("own.csv", HEADER, FILE_LABELS, ""), ROWS)
    told = f"own.csv: not quite as expected, but read: {note}\n" if note else ""
    assert capsys.readouterr().out == told


def test_two_tables_in_one_file_are_both_read(workdir):
    save("own.csv", 2 * table())
    assert len(read_csv("own.csv", HEADER, FILE_LABELS, "")) == 96


def test_the_name_of_no_hand_is_a_label(workdir):
    save("own.csv", table([*LETTERS, ["nothing", *LETTERS[0][1:]]]))
    assert read_csv("own.csv", HEADER, FILE_LABELS, "")[-1, 0] == 26


def test_pixels_of_0_and_1_are_black_and_white_where_every_image_has_both(workdir, capsys):
    white = IMAGES > 100
    write_csv("own.csv", white.astype(int), NUMBERS)
    np.testing.assert_array_equal(read_csv("own.csv", HEADER, FILE_LABELS, "")[:, 1:], 255 * white)
    assert "pixels of 0 and 1, taken as 0 and 255" in capsys.readouterr().out
    white[3] = False  # parts of white, cut down to whole numbers
    write_csv("own.csv", white.astype(int), NUMBERS)
    np.testing.assert_array_equal(read_csv("own.csv", HEADER, FILE_LABELS, "")[:, 1:], white)
    assert "nearly black; if 1 is white, multiply them by 255" in capsys.readouterr().out


def renumbered(function):
    """Write the rows with other labels."""
    return table([[function(row[0]), *row[1:]] for row in ROWS.tolist()])


def large(count, header=True, value=7):
    """Write images of so many pixels."""
    names = ["label", *(f"pixel{i}" for i in range(count))]
    return table([[3, *[value] * count]] * 3, names if header else None)


REFUSED = {
    "labels 0..23": (
        renumbered(lambda label: label - (label > 9)),
        "line 11: label '9' is not one of 0..8, 10..24, 26; if labels run from 0 to 23, without J",
    ),
    "labels from 1": (renumbered(lambda label: label + 1), "if A is 1, subtract 1 from all"),
    "J by its letter": (table([*LETTERS, ["J", *LETTERS[0][1:]]]), "line 50: label 'J'"),
    "del": (table([*LETTERS, ["del", *LETTERS[0][1:]]]), "leave such rows out"),
    "64x64": (large(4096), "line 1: images of 64x64 pixels; make them 28x28 pixels"),
    "64x64, no header": (large(4096, False), "line 1: images of 64x64 pixels"),
    "64x64, parts of white": (large(4096, value=0.123456789012345), "images of 64x64 pixels"),
    "colours": (large(2352), "images of 28x28 pixels in three colours; make them grey"),
    "no labels": (table(IMAGES, NAMES[1:]), "no column is called label"),
    "no labels, no header": (table(IMAGES, None), "784 values a row, so the label is missing"),
    "one value more": (table([[*row, 5] for row in ROWS]), "786 values instead of 785"),
    "standardised": (
        table([[row[0], *((np.array(row[1:]) - 0.485) / 0.229)] for row in SHARES]),
        "the line's pixels run from -2.118 to 2.249: scale them to 0..255 and round",
    ),
    "fractions": (table([[r[0], *(0.77 * np.array(r[1:]))] for r in ROWS]), "round such numbers"),
    "16 bits": (table(ROWS * [1, *[257] * 784]), "pixels run from 0 to 6.554e+04"),
    "few parts of white": (
        table(np.pad([[3, 0.5]], ((0, 0), (0, 783)))),
        "pixel1 is '0.5' instead of a whole number 0..255",
    ),
    "other columns": ("emotion,pixels\n3,1 2 3\n", "the header is not label,pixel1,...,pixel784"),
    "cut short": (table()[:-900], "line 49: 471 values instead of 785; the file ends there"),
    "web page": (
        "<!DOCTYPE html><html><title>Sign in &amp; go</title></html>",
        'a web page ("Sign in & go"): download it again',
    ),
    "Git LFS": ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull gets"),
    "an answer in JSON": ('{"code": 401, "message": "Unauthenticated"}', "a JSON file: download"),
    "zip": (b"PK\x03\x04" + bytes(range(256)), "a zip archive: unpack it"),
    "Excel": (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml\xa2\xff", "an Excel workbook"),
    "nothing but names": (table([], ["class", *NAMES[1:]]), "no rows after the header"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_in_doubt_is_told_in_a_line_of_its_own(workdir, content, reason):
    save("own.csv", content)
    with pytest.raises(UserError) as caught:
        read_csv("own.csv", HEADER, FILE_LABELS, "")
    assert str(caught.value).startswith("own.csv")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160


def test_the_script_mends_tables_while_copying(workdir):
    """As R writes them, in the folders that archives unpack to."""
    for name in PUBLISHED:
        (workdir / "new" / Path(name).stem).mkdir(parents=True)
        save(workdir / "new" / Path(name).stem / name, table(numbered(), ["", *NAMES], **QUOTED))
    done = shell("step_2_dataset.py", "--from", "new")
    assert (done.returncode, done.stderr) == (0, "")
    note = "not quite as expected, but read and mended: quotes, an index column\n"
    assert done.stdout.count(note) == done.stdout.count("not quite as expected") == 2
    for name in PUBLISHED:
        assert (workdir / "data" / name).read_text("utf-8") == table()


def test_an_archive_in_the_place_of_a_folder_is_told(workdir):
    save("archive.zip", b"PK\x03\x04")
    done = shell("step_2_dataset.py", "--from", "archive.zip")
    assert_one_line(done, 1, "archive.zip: not a folder; if it is an archive, unpack it first")
