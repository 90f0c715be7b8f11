#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.imread of an AVIF picture that is to be turned.
# Expected: upright, as OpenCV turns JPEG, PNG and WebP by itself. Seen: AVIF keeps the turn in boxes
# of its own, irot and imir, which OpenCV passes over without a word, so the picture lies on its
# side; imreadWithMetadata does not tell of them either. Pillow 13.0.0, which wrote the four, shows
# them alike.
# Photographs of hands saved as AVIF are trained on, or read, a quarter turn wrong: G becomes Q.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6
cat > orientation.py <<'PYTHON'
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps

bright_left = np.repeat(np.linspace(255, 0, 96).astype(np.uint8)[None, :], 64, axis=0)
picture = PIL.Image.fromarray(bright_left).convert("RGB")
exif = PIL.Image.Exif()
exif[0x0112] = 6  # a quarter turn to the right: bright above


def side(grey):
    """Return the shape of a picture, and at which side it is bright."""
    edges = {"above": grey[:9], "below": grey[-9:], "left": grey[:, :9], "right": grey[:, -9:]}
    return grey.shape, max(edges, key=lambda name: edges[name].mean())


print(f"OpenCV {cv2.__version__}, Pillow {PIL.__version__}")
for ending in ("jpg", "png", "webp", "avif"):
    name = f"picture.{ending}"
    picture.save(name, exif=exif)
    with PIL.Image.open(name) as opened:
        true = side(np.asarray(PIL.ImageOps.exif_transpose(opened).convert("L")))
    seen = side(cv2.imread(name, cv2.IMREAD_GRAYSCALE))
    print(f"{ending}: {true} in Pillow, {seen} in OpenCV")
    assert true == ((96, 64), "above"), "this has changed"
    assert seen == (((64, 96), "left") if ending == "avif" else true), "this has changed"
assert b"irot" in Path("picture.avif").read_bytes()
_, kinds, _ = cv2.imreadWithMetadata("picture.avif", flags=cv2.IMREAD_COLOR)
print(f"kinds of metadata that OpenCV finds in the AVIF picture: {list(kinds)}")
assert not len(kinds), "this has changed"
PYTHON
venv/bin/python orientation.py
