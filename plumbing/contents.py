"""Plumbing: tell what a file is by its first bytes, whatever its name ends in."""

import html
import os
import re
import stat

from plumbing.faults import in_a_line

HEAD = 4096  # bytes that tell
DECODED = {  # pictures that OpenCV reads: how they begin
    "a JPEG picture": rb"\xff\xd8\xff",
    "a PNG picture": rb"\x89PNG\r\n\x1a\n",
    "a GIF picture": rb"GIF8[79]a",
    "a BMP picture": rb"BM.{8}..\0\0[\x0c-\x80]\0\0\0",
    "a WebP picture": rb"RIFF....WEBP",
    "a TIFF picture": rb"II\*\0|MM\0\*|II\+\0|MM\0\+",
    "an AVIF picture": rb"....ftyp(avif|avis|(mif1|miaf|msf1).{4}(....){0,8}?avif)",
    "a JPEG 2000 picture": rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51",
    "a PNM picture": rb"P[1-7][ \t\r\n][\s\d#]",
    "a PFM picture": rb"P[Ff]\r?\n\s*\d",
    "a Radiance picture": rb"#\?(RADIANCE|RGBE)",
    "a Sun raster picture": rb"\x59\xa6\x6a\x95",
}
UNDECODED = {  # pictures that it does not
    "a HEIC picture": rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1|miaf)",
    "a JPEG XL picture": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a Photoshop picture": rb"8BPS",
    "an OpenEXR picture": rb"\x76\x2f\x31\x01",
    "a camera's raw picture": rb"FUJIFILMCCD-RAW|II\x55\0|IIRO|....ftypcrx",
}
FILMS = {
    "a film": rb"RIFF....AVI |\x1a\x45\xdf\xa3|FLV\x01|OggS|\0\0\x01[\xb0\xb3\xba]|\x30\x26\xb2\x75"
    rb"|....(ftyp|moov|mdat|wide|free|skip)|\x47.{187}\x47.{187}\x47|....\x47.{191}\x47",
}
OTHERS = {
    "a PDF document": rb"%PDF-",
    "an SVG drawing": rb"\s*(<\?xml[^>]*>\s*)?(<!--.{0,400}?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg",
    "a Git LFS pointer": rb"version https://git-lfs",
    "a web page": rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body|!--|script|meta)",
    "an XML file": rb"(\xef\xbb\xbf)?\s*<(\?xml|error)",
    "a JSON file": rb"\s*(\{\s*(\"|\}|$)|\[\s*(\{|\"|\]))",
    "an Excel workbook": rb"PK\x03\x04(?=.{0,4000}(\[Content_Types\]|xl/))",
    "a PyTorch file": rb"PK\x03\x04(?=.{26,120}/(data\.pkl|\.format_version|\.data/))",
    "a NumPy archive": rb"PK\x03\x04.{26,90}\.npy",
    "a zip archive": rb"PK\x03\x04|PK\x05\x06",
    "an old Excel or Word file": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a gzip archive": rb"\x1f\x8b",
    "a 7z archive": rb"7z\xbc\xaf\x27\x1c",
    "a RAR archive": rb"Rar!\x1a\x07",
    "an HDF5 file": rb"\x89HDF\r\n\x1a\n",
    "a TensorFlow Lite model": rb"....TFL3",
    "one of MNIST's idx files": rb"\0\0\x08[\x01-\x04]\0",
    "a NumPy array": rb"\x93NUMPY",
    "a Parquet file": rb"PAR1",
    "a Python pickle": rb"\x80[\x02-\x05]",
}
UNPACK, SAVE, GET = "unpack it", "save it as JPEG or PNG", "download it again, signed in if need be"
ADVICE = {
    **dict.fromkeys([*UNDECODED, "a PDF document", "an SVG drawing"], SAVE),
    "a Git LFS pointer": "git lfs pull gets the file itself",
    **dict.fromkeys(("a web page", "an XML file", "a JSON file"), GET),
    **dict.fromkeys(("a zip archive", "a gzip archive", "a 7z archive", "a RAR archive"), UNPACK),
}
PATTERNS = {
    kind: re.compile(start, re.DOTALL | re.IGNORECASE if kind in OTHERS else re.DOTALL)
    for kind, start in {**DECODED, **UNDECODED, **FILMS, **OTHERS}.items()
}


def read_head(path):
    """Return the first bytes of a file; none of what is no file, or cannot be read."""
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and status.st_size:  # a pipe, or /proc/kmsg, may never end
            with open(path, "rb") as file:
                return file.read(HEAD)
    except OSError:  # whoever reads it whole says why
        pass
    return b""


def kind_of(head):
    """Return what a file is that begins with these bytes, such as "a PNG picture", or None."""
    return next((kind for kind, start in PATTERNS.items() if start.match(head)), None)


def describe(head):
    """Return what a file is that begins with these bytes, and what to do; None if not known.

    >>> describe(b"<html><title>Sign in</title>")
    'a web page ("Sign in"): download it again, signed in if need be'
    """
    kind = kind_of(head)
    if kind in (None, *DECODED):
        return kind
    title = re.search(rb"<title>(.{1,300}?)</title>", head, re.DOTALL | re.IGNORECASE)
    name = in_a_line(html.unescape(title[1].decode(errors="replace"))) if title else ""
    shown = f' ("{name[:60]}")' if name and name.isprintable() else ""
    return f"{kind}{shown}" + (f": {ADVICE[kind]}" if kind in ADVICE else "")
