"""Tables as other programs save them: the same rows in another shape."""

import csv
import gzip
import io

HEADERS = {  # of 785 columns
    "expected": ["label", *(f"pixel{i}" for i in range(1, 785))],
    "from 0": ["label", *(f"pixel{i}" for i in range(784))],
    "numbers": ["label", *map(str, range(784))],
    "grid": ["label", *(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))],
    "class": ["class", *(f"pixel{i}" for i in range(1, 785))],
    "capitals": ["Label", *(f"Pixel{i}" for i in range(1, 785))],
    "pandas'": list(map(str, range(785))),
    "R's": [f"V{i}" for i in range(1, 786)],
    "none": None,
}
INDEX = ["", "Unnamed: 0", "index", "id"]  # names of a column that numbers rows


def reshape(rng, content):
    """Save a csv file's rows (bytes) as another program might, so that nothing is in doubt."""
    rows = [line.split(",") for line in content.decode().splitlines()[1:]]
    header = rng.choice(list(HEADERS.values()))
    delimiter = rng.choice([",", ",", ";", "\t", "|", " "])
    rows = change_values(rng, rows, delimiter)
    if header and header[0].lower() in ("label", "class") and rng.random() < 0.2:
        header, rows = header[1:] + header[:1], [row[1:] + row[:1] for row in rows]
    if rng.random() < 0.4:
        name, start = rng.choice(INDEX), rng.randrange(2)
        header = header and [name, *header]
        rows = [[str(number), *row] for number, row in enumerate(rows, start)]
    elif rng.random() < 0.1:  # a comma at the end of each line
        rows = [[*row, ""] for row in rows]
    file = io.StringIO()
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    end = rng.choice(["\n", "\n", "\r\n"])
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([header] * bool(header) + rows)
    text = file.getvalue() if rng.random() < 0.9 else file.getvalue().rstrip()
    content = text.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))
    return gzip.compress(content, 1) if rng.random() < 0.1 else content


def change_values(rng, rows, delimiter):
    """Write labels as letters, and pixels with a point or as parts of white, or leave them."""
    label = rng.choice([str, str, letter, lambda text: letter(text).lower()])
    pixel = rng.choice([str, str, lambda text: f"{text}.0", lambda text: repr(int(text) / 255)])
    if delimiter == ";" and rng.random() < 0.5:
        point, pixel = pixel, lambda text: point(text).replace(".", ",")
    return [[label(row[0]), *map(pixel, row[1:])] for row in rows]


def letter(label):
    """Return the letter that a label (text) stands for."""
    return chr(ord("A") + int(label))


def plain_lines(content):
    """Return the lines of a text file (bytes), whatever its encoding; packed ones, too."""
    content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if wide else "utf-8-sig").splitlines()
