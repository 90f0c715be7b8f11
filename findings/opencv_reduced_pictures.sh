#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.imread with IMREAD_REDUCED_GRAYSCALE_8 and its like, which save
# time and memory where large photographs become small images.
# Expected: the same small image whatever the file's format. Seen: of a JPEG each pixel is the mean of
# 8x8; of a PNG, BMP, WebP or TIFF of the same photograph it is interpolated from the 2x2 in their
# middle, and the other 60 are left out. Fine stripes so come out even grey, or black and white.
# A network learns on JPEGs and meets PNGs with other edges and noise; nothing tells of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 numpy==2.4.6
cat > reduced.py <<'PYTHON'
import cv2
import numpy as np

# Noise as of a camera in poor light, and a finger's edge.
noisy = np.random.default_rng(0).normal(0, 40, size=(480, 640)) + 80
noisy[:, 300:] += 80
photo = noisy.clip(0, 255).astype(np.uint8)
middle = photo.reshape(60, 8, 80, 8)[:, 3:5, :, 3:5].mean(axis=(1, 3))

print(f"OpenCV {cv2.__version__}")
for ending in ("jpg", "png", "bmp", "webp", "tiff"):
    name = f"photo.{ending}"
    best = {"jpg": [cv2.IMWRITE_JPEG_QUALITY, 100], "webp": [cv2.IMWRITE_WEBP_QUALITY, 101]}
    assert cv2.imwrite(name, photo, best.get(ending, []))
    whole = cv2.imread(name, cv2.IMREAD_GRAYSCALE)
    mean = whole.reshape(60, 8, 80, 8).mean(axis=(1, 3))
    reduced = cv2.imread(name, cv2.IMREAD_REDUCED_GRAYSCALE_8).astype(float)
    to_mean, to_middle = (float(abs(reduced - other).mean()) for other in (mean, middle))
    print(f"{ending}: {to_mean:.1f} from the mean of 8x8, {to_middle:.1f} from that of 2x2")
    assert abs(whole.astype(float) - photo).mean() < 3, "the file does not hold the photograph"
    near, far = (to_mean, to_middle) if ending == "jpg" else (to_middle, to_mean)
    assert near < 2 and far > 10, "this has changed"
PYTHON
venv/bin/python reduced.py
