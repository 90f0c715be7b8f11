"""Look into a film's file: whether all of it is there, and what it is where it is no film."""

import re
import struct

from plumbing.contents import OTHERS, describe, kind_of

HEAD, MOST_INDEX = 2**16, 2**24  # bytes looked at: of the beginning, of an mp4's index
SPARE = 0.05  # share of a file whose lack is not told
KINDS = [  # how files begin that are taken for films, beside those of plumbing/contents.py
    (rb"ID3|fLaC|RIFF....WAVE|FORM....AIF|MThd|#!AMR|\xff[\xf1-\xf3\xf9-\xfb]", "sound alone"),
    (rb"\x00*$", "nothing but zeros: it was not copied whole"),
    (rb"[\t\n\r\x20-\x7e]*$", "a text"),
]


def find_missing(path):
    """Return how many bytes a file has, and how many its container says; None where it is whole.

    avi, mp4, mov, mkv and webm say it. Of other containers nothing is known.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(HEAD)
        if head[:4] == b"\x1aE\xdf\xa3":
            end = end_of_matroska(head)
        else:
            end = max((end for *_, end in list_chunks(file, size)), default=size)
    return None if end * (1 - SPARE) <= size else (size, end)


def list_chunks(file, size):
    """Yield the name, first byte and end of each chunk at the top of an avi, mp4 or mov file."""
    start, is_riff = 0, None
    while start + 8 <= size:
        file.seek(start)
        head = file.read(16).ljust(16, b"\0")
        is_riff = head[:4] == b"RIFF" if is_riff is None else is_riff
        name = head[:4] if is_riff else head[4:8]
        if not re.fullmatch(rb"[\w \xa9-]{4}", name) or (is_riff and name != b"RIFF"):
            return
        if is_riff:
            length = 8 + struct.unpack("<I", head[4:8])[0]
            length = size - start if length in (8, 2**32 + 7) else length + length % 2
        else:
            length, longer = struct.unpack(">I4xQ", head)
            length = {0: size - start, 1: longer}.get(length, length)
        if length < 8:
            return
        yield name, start, start + length
        start += length


def end_of_matroska(head):
    """Return where the segment of an mkv or webm file ends by its own account, 0 if unknown."""
    start = head.find(b"\x18\x53\x80\x67") + 4
    if start < 4 or start >= len(head) or not head[start]:
        return 0
    width = 9 - head[start].bit_length()
    length = int.from_bytes(head[start : start + width], "big") & (1 << 7 * width) - 1
    return 0 if length == (1 << 7 * width) - 1 else start + width + length


def is_mirrored(path):
    """Return whether an mp4 or mov file asks to be shown mirrored, up for down or left for right.

    That stands in the matrix of a track's header (ISO/IEC 14496-12). One that is turned by a
    quarter, too, is upright already.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        index = next(((s, e) for name, s, e in list_chunks(file, size) if name == b"moov"), (0, 0))
        file.seek(index[0])
        content = file.read(min(index[1] - index[0], MOST_INDEX))
    for header in re.finditer(rb"tkhd[\0\1]", content):
        start = header.start() + 4 + (52 if content[header.end() - 1] else 40)  # by its version
        if len(matrix := content[start : start + 20]) == 20:
            a, b, _, c, d = struct.unpack(">5i", matrix)
            if b == c == 0 and a * d < 0:
                return True
    return False


def tell_kind(path):
    """Return what a file is that OpenCV cannot open as a film, in words, or None."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(HEAD)
        chunks = {name: (start, end) for name, start, end in list_chunks(file, size)}
        if not size:
            return "empty"
        if b"ftyp" in chunks and not chunks.keys() & {b"moov", b"moof"}:
            return "an mp4 without its index (moov): it was not recorded or copied to its end"
        start, end = chunks.get(b"moov", (0, 0))
        file.seek(start)
        index = file.read(min(end - start, MOST_INDEX))
    if is_sound(head, index):
        return "sound alone"
    if kind_of(head) in OTHERS:
        return describe(head)
    return next((words for start, words in KINDS if re.match(start, head, re.S)), None)


def is_sound(head, index):
    """Return whether a file has tracks of sound and none of pictures, by its head and mp4 index."""
    handlers = set(re.findall(rb"hdlr.{8}(vide|soun)", index, re.S))
    if index:
        return handlers == {b"soun"}
    if head[:4] == b"\x1aE\xdf\xa3":  # mkv, webm: types of tracks
        return b"\x83\x81\x02" in head and b"\x83\x81\x01" not in head
    if head[:4] == b"OggS":
        return not re.search(rb"\x80theora|BBCD|\x01video", head[:4096])
    if head[:3] == b"FLV":
        return head[4:5] == b"\x04"
    asf = bytes.fromhex("3026b2758e66cf11")
    pictures = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
    return head[:8] == asf and pictures not in head
