"""Find and read picture files. What a file is, its content decides, not the ending of its name."""

import os
import struct
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np

from plumbing.contents import DECODED, FILMS, OTHERS, UNDECODED, describe, kind_of, read_head
from plumbing.faults import UserError, number_of, printable, silent

LARGEST = 2**28  # bytes of a picture
TRIM = 0.02  # share of a crop that may be given up for speed
SAMPLES = 3  # of a frame, in each direction, to a pixel of what the model sees
GREY = 128  # what is seen through a transparent background
BITS = 8, 10, 12, 14, 16  # that cameras and scanners give a pixel
DEEPER = 2000  # files to look at in folders of folders' folders
NAMED = 10  # pictures that cannot be read, in one message
# Endings of names of pictures; an empty or damaged file is one by its name alone.
ENDINGS = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".pgm"}
ENDINGS |= {".ppm", ".gif", ".jp2", ".avif", ".heic", ".heif", ".jxl", ".dng"}
# Quarter turns to the left, and the axis to mirror at after them, by EXIF's orientation.
TURNS = {2: (0, 1), 3: (2, None), 4: (0, 0), 5: (1, 0), 6: (3, None), 7: (3, 0), 8: (1, None)}


# ---------------------------------------------------------------- finding


def list_pictures(source):
    """Return the paths of the pictures that a source names, sorted.

    A picture, or a folder: its pictures and those of the folders in it; also those that cannot be
    read. None of a camera, a film or an address. Raises UserError for a file of another kind.
    """
    path = Path(source)
    if path.is_dir():
        paths = [*path.glob("*"), *path.glob("*/*")]
        return sorted(path for path in paths if is_seen(path) and is_picture(path))
    if "://" in str(source) or is_film(path):
        return []
    if kind_of(head := read_head(path)) in OTHERS:
        raise UserError(f"{printable(path)}: {describe(head)}")
    return [path] if is_picture(path) else []


def is_seen(path):
    """Return whether a path is not hidden, as drafts are and what macOS adds: ._a.jpg."""
    return not path.name.startswith(".") and path.parent.name != "__MACOSX"


def is_picture(path):
    """Return whether a path is a picture's by its content or, where that is unknown, its name."""
    kind = kind_of(read_head(path))
    by_name = kind not in FILMS and path.suffix.lower() in ENDINGS
    return kind in DECODED or kind in UNDECODED or by_name


def is_film(path):
    """Return whether a file that begins as a picture does holds many: an animation, Motion JPEG."""
    kind = kind_of(read_head(path))
    if kind == "a GIF picture":
        with silent():
            return len(cv2.imdecodeanimation(read_content(path), 0, 2)[1].frames) > 1
    if kind != "a JPEG picture":
        return False
    content = read_content(path).tobytes()  # phones put pictures behind a picture, and list them
    return b"\xff\xd9\xff\xd8\xff" in content and b"MPF\0" not in content


def explain_empty(folder):
    """Say what is in a folder that has no pictures."""
    path, told = Path(folder), f"{printable(folder)}: a folder without pictures"
    films = (file for file in sorted(path.glob("*")) if kind_of(read_head(file)) in FILMS)
    if film := next(filter(is_seen, films), None):
        return f"{told}; give one of its films: {printable(film)}"
    deeper = islice(chain(path.glob("*/*/*"), path.glob("*/*/*/*")), DEEPER)
    if picture := next((path for path in deeper if is_seen(path) and is_picture(path)), None):
        return f"{told} in it or in its folders; give {printable(picture.parent)}, which has some"
    return f"{told} in it or in its folders"


def name_unread(paths):
    """Return a message on pictures that cannot be read, and what to do."""
    names = [printable(path) for path in paths[:NAMED]]
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    heads = [read_head(path) for path in paths]
    advice = sorted({describe(head) for head in heads if kind_of(head) not in (None, *DECODED)})
    missing = ["no such file"] if len(paths) == 1 and not os.path.lexists(paths[0]) else []
    reasons = f" ({'; '.join(advice + missing)})" if advice or missing else ""
    counted = number_of(len(paths), "picture")
    return f"{counted} could not be read: {', '.join(names)}{more}{reasons}"


# ---------------------------------------------------------------- reading


def read_picture(path):
    """Read a picture file, upright: BGR uint8 (H, W, 3). None where it cannot be read.

    A transparent background becomes grey; pixels of 10 to 16 bits, or parts of white, 8 bits.
    """
    try:
        with silent():
            return decode(read_content(path))  # imread fails on names on Windows
    except (OSError, cv2.error):
        return None


def read_content(path):
    """Return the bytes of a file, uint8 (N,); none of what is no file. Raises OSError."""
    return np.fromfile(path, np.uint8, LARGEST) if os.path.isfile(path) else np.empty(0, np.uint8)


def decode(content):
    """Decode a picture, uint8 (N,), as BGR uint8 (H, W, 3). None or cv2.error where it fails."""
    kind = kind_of(content[:4096].tobytes())
    if kind in ("a JPEG picture", "a Radiance picture"):  # no background, and 8 bits so
        return cv2.imdecode(content, cv2.IMREAD_COLOR)
    pixels, kinds, about = cv2.imdecodeWithMetadata(content, flags=cv2.IMREAD_UNCHANGED)
    if pixels is None or (pixels.ndim == 3 and pixels.shape[2] > 4):
        return cv2.imdecode(content, cv2.IMREAD_COLOR)
    about = dict(zip(kinds, about, strict=True))
    turn = TURNS.get(read_orientation(about.get(cv2.IMAGE_METADATA_EXIF)), (0, None))
    if kind == "an AVIF picture":
        turn = read_turn(content.tobytes()) or turn
    return turn_picture(to_colour(pixels), *turn)


def to_colour(pixels):
    """Bring pixels of any kind, (H, W) or (H, W, 1 to 4), to BGR uint8 (H, W, 3)."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    has_alpha = pixels.shape[2] in (2, 4)
    colour = to_bytes(pixels[..., : pixels.shape[2] - has_alpha])
    colour = cv2.merge([colour] * 3) if colour.shape[2] == 1 else colour
    alpha = to_bytes(pixels[..., -1:]).astype(np.uint16) if has_alpha else np.uint16(255)
    if alpha.min() == 255 or alpha.max() == 0:  # some programs leave all at 0
        return colour
    return ((colour * alpha + GREY * (255 - alpha) + 127) // 255).astype(np.uint8)


def to_bytes(pixels):
    """Bring pixels (H, W, C) of more bits, or parts of white, to 8 bits."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    pixels = np.nan_to_num(pixels)
    most = pixels.max()
    white = next((2**bits - 1 for bits in BITS if most < 2**bits), most)
    white = 1 if pixels.dtype.kind == "f" and most <= 1 else white
    return np.clip(pixels * (255 / white) + 0.5, 0, 255).astype(np.uint8)


# ---------------------------------------------------------------- which side is up


def turn_picture(pixels, quarters, axis):
    """Return pixels (H, W, 3) turned by quarters to the left, then mirrored at an axis or None."""
    pixels = np.rot90(pixels, quarters)
    return np.ascontiguousarray(pixels if axis is None else np.flip(pixels, axis))


def read_orientation(exif):
    """Return the orientation in EXIF data, uint8 (1, N) or None: 1 to 8, 0 where it has none."""
    content = b"" if exif is None else exif.tobytes().removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    try:
        (start,) = struct.unpack_from(f"{order}I", content, 4)
        (count,) = struct.unpack_from(f"{order}H", content, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}H", content, entry) == (0x112,):
                return struct.unpack_from(f"{order}H", content, entry + 8)[0]
    except struct.error:  # damaged, or none
        pass
    return 0


def read_turn(content):
    """Return an AVIF file's quarter turns and mirror axis, None for none.

    They are properties of the image, as ISO/IEC 23008-12 has them; OpenCV leaves them out.
    """
    for name, skip in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0)):
        content = find_box(content, name)[skip:]
    turn, mirror = find_box(content, b"irot"), find_box(content, b"imir")
    if not turn and not mirror:
        return None
    return (turn[0] & 3 if turn else 0), (mirror[0] & 1 if mirror else None)


def find_box(content, name):
    """Return the content of the first box called `name` in the bytes of an ISO media file."""
    place = 0
    while place + 8 <= len(content):
        size, found = struct.unpack_from(">I4s", content, place)
        if found == name:
            return content[place + 8 : place + size if size else None]
        place += max(size, 8) if size else len(content)
    return b""


# ---------------------------------------------------------------- what a model sees


def shrink(crop, size, is_frame=False):
    """Shrink a square crop to what the model sees.

    BGR uint8 (S, S, 3) -> grey uint8 (size, size). The next frame of a video comes soon: of a large
    one not every pixel counts, and any size takes the same time.
    """
    if is_frame and len(crop) > SAMPLES * size:
        crop = cv2.resize(crop, (SAMPLES * size, SAMPLES * size))
    whole = len(crop) // size * size  # whole ratios shrink ten times as fast
    if whole >= (1 - TRIM) * len(crop):
        edge = (len(crop) - whole) // 2
        crop = crop[edge : edge + whole, edge : edge + whole]
    while len(crop) % (2 * size) == 0:  # halving is quick, and leaves a quarter to be made grey
        crop = cv2.resize(crop, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)  # a mean: no aliasing
