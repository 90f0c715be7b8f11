#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.imread of PGM and PPM pictures whose white is not 255 or 65535,
# as cameras of 10 or 12 bits and depth cameras write them (white is 4095 in the header).
# Netpbm says that the number in the header is white. Seen: OpenCV reads past it. As 8 bits a 12-bit
# picture comes out 16 times too dark, white as 15; one whose white is 100 keeps 100. Nothing tells
# of it, and IMREAD_UNCHANGED does not give the number. Pillow 13.0.0 gives white as 255.
# Such pictures are black to the eye and to a network that was trained on others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6
cat > white.py <<'PYTHON'
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

print(f"OpenCV {cv2.__version__}, Pillow {PIL.__version__}")
for white, seen in ((255, 255), (65535, 255), (100, 100), (1023, 3), (4095, 15)):
    values = np.linspace(0, white, 64).round().astype(">u2" if white > 255 else np.uint8)
    Path("ramp.pgm").write_bytes(b"P5\n64 1\n%d\n" % white + values.tobytes())
    opencv = int(cv2.imread("ramp.pgm", cv2.IMREAD_GRAYSCALE).max())
    with PIL.Image.open("ramp.pgm") as opened:
        true = np.asarray(opened).max() / (65535 if white > 255 else 255) * 255
    print(f"white is {white}: {true:.0f} in Pillow, {opencv} in OpenCV")
    assert round(true) == 255 and opencv == seen, "this has changed"
PYTHON
venv/bin/python white.py
