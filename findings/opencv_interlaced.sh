#!/usr/bin/env bash
# opencv-python 5.0.0.93: cv2.VideoCapture and interlaced H.264, as camcorders write it.
# Of a grey film read() says True for every frame, and gives frames that are nearly black. FFmpeg's
# log has "Cannot convert interlaced to progressive frames"; OpenCV raises nothing. The same film,
# not interlaced, is read. The ffmpeg of imageio-ffmpeg 0.6.0 decodes both to the same grey.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python==5.0.0.93 imageio-ffmpeg==0.6.0 numpy==2.4.6
cat > interlaced.py <<'PYTHON'
import subprocess

import cv2
import imageio_ffmpeg
import numpy as np

ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y"]
source = ["-f", "lavfi", "-i", "color=gray:size=320x240:rate=25:duration=1"]
codec = ["-c:v", "libx264", "-pix_fmt", "yuv420p"]
subprocess.run([*ffmpeg, *source, *codec, "plain.mp4"], check=True)
fields = ["-flags", "+ilme+ildct", "-x264-params", "tff=1"]
subprocess.run([*ffmpeg, *source, *codec, *fields, "interlaced.mp4"], check=True)


def opencv(name):
    film, greys = cv2.VideoCapture(name), []
    while (frame := film.read()[1]) is not None:
        greys.append(frame.mean())
    return len(greys), float(np.mean(greys))


def decoded(name):
    raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-"]
    done = subprocess.run([*ffmpeg, "-i", name, *raw], check=True, stdout=subprocess.PIPE)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, 240 * 320)
    return len(frames), float(frames.mean())


for name in ("plain.mp4", "interlaced.mp4"):
    (count, mean), (all_, true) = opencv(name), decoded(name)
    print(f"{name}: OpenCV reads {count} frames of mean {mean:.0f}; ffmpeg {all_} of {true:.0f}")
    assert count == all_ == 25
    assert abs(true - 128) < 3
    assert (abs(mean - true) > 60) == (name == "interlaced.mp4")
PYTHON
OPENCV_FFMPEG_LOGLEVEL=-8 venv/bin/python interlaced.py
