#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.VideoCapture.set(cv2.CAP_PROP_POS_MSEC, t) in a film of
# varying frame rate, as phones and screen recorders make them.
# Expected: the frame that is shown at t, since MP4 has the time of each, and OpenCV tells it after
# read(). Seen: t times the mean rate is taken for a number of a frame, and set() says True. In the
# film here, 30 frames in the first second and 6 in each of five more, 2 s leads to the frame of
# 0.7 s. At a steady rate it is right. (opencv issue 9053 is alike, of CAP_PROP_POS_FRAMES)
# Clips cut out by the times of an annotation hold other signs. Read on up to the time instead.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 imageio-ffmpeg==0.6.0 numpy==2.4.6
cat > seek.py <<'PYTHON'
import subprocess

import cv2
import imageio_ffmpeg

ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y"]
source = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=30:duration=6"]
codec = ["-c:v", "libx264", "-pix_fmt", "yuv420p"]
subprocess.run([*ffmpeg, *source, *codec, "steady.mp4"], check=True)
some = ["-vf", "select='lt(n,30)+not(mod(n,5))'", "-fps_mode", "vfr"]
subprocess.run([*ffmpeg, *source, *some, *codec, "varying.mp4"], check=True)


def times(film):
    """Return the times of all frames, as OpenCV tells them."""
    told = []
    while film.read()[0]:
        told.append(film.get(cv2.CAP_PROP_POS_MSEC))
    return told


print(f"OpenCV {cv2.__version__}")
for name in ("steady.mp4", "varying.mp4"):
    told = times(cv2.VideoCapture(name))
    print(f"{name}: {len(told)} frames from {told[0]:.0f} to {told[-1]:.0f} ms")
    for wanted in (500, 2000, 4000):
        film = cv2.VideoCapture(name)
        assert film.set(cv2.CAP_PROP_POS_MSEC, wanted) and film.read()[0]
        reached = film.get(cv2.CAP_PROP_POS_MSEC)
        shown = max(time for time in told if time <= wanted + 1)
        print(f"    {wanted} ms: the frame of {shown:.0f} ms is shown then, that of {reached:.0f} read")
        assert (abs(reached - shown) > 300) == (name == "varying.mp4"), "this has changed"
PYTHON
venv/bin/python seek.py
