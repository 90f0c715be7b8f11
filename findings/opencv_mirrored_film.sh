#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.VideoCapture and a film whose header says "show it mirrored".
# It stands in the display matrix of MP4, beside how a phone was held (a phone's: javacv issue 1361).
# Expected: mirrored frames, as FFmpeg shows them, since OpenCV turns rotated films by itself. Seen: a
# film to be mirrored left to right is turned by 180 degrees instead and stands on its head; one to be
# mirrored top to bottom is left as it is. CAP_PROP_ORIENTATION_META says 180 and 0.
# Once such a film is turned upright by hand, its right hands are still left ones.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 imageio-ffmpeg==0.6.0 numpy==2.4.6
cat > mirrored.py <<'PYTHON'
import subprocess

import cv2
import imageio_ffmpeg
import numpy as np

ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y"]
box = "drawbox=x=0:y=0:w=80:h=60:color=white:t=fill"  # in the upper left corner
source = ["-f", "lavfi", "-i", f"color=black:size=320x240:rate=10:duration=1,{box}"]
subprocess.run([*ffmpeg, *source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "plain.mp4"], check=True)


def corner(grey):
    """Return in which corner of a frame the box is."""
    y, x = np.unravel_index(cv2.blur(grey, (40, 40)).argmax(), grey.shape)
    return ("upper" if y < 120 else "lower") + (" left" if x < 160 else " right")


def decoded(name):
    raw = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    done = subprocess.run([*ffmpeg, "-i", name, *raw], check=True, stdout=subprocess.PIPE)
    return np.frombuffer(done.stdout, np.uint8).reshape(240, 320)


print(f"OpenCV {cv2.__version__}, ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}")
for name, flags, expected, seen in (
    ("plain", [], "upper left", "upper left"),
    ("turned", ["-display_rotation", "180"], "lower right", "lower right"),
    ("left_to_right", ["-display_hflip"], "upper right", "lower right"),
    ("top_to_bottom", ["-display_vflip"], "lower left", "upper left"),
):
    shown = f"{name}_shown.mp4"
    subprocess.run([*ffmpeg, *flags, "-i", "plain.mp4", "-c", "copy", shown], check=True)
    film = cv2.VideoCapture(shown)
    angle = film.get(cv2.CAP_PROP_ORIENTATION_META)
    here = corner(cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2GRAY))
    true = corner(decoded(shown))
    print(f"{name}: the box is {true} in FFmpeg, {here} in OpenCV, which tells of {angle:.0f} degrees")
    assert (true, here) == (expected, seen), "this has changed"
PYTHON
venv/bin/python mirrored.py
