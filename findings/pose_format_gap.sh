#!/usr/bin/env bash
# pose-format 0.15.0: Pose.interpolate(fps), which is said to bring a pose to another frame rate, and a
# hand that is not seen for a while, as when it is lowered between two words (confidence 0).
# Expected: not seen afterwards either. Seen: places are made up for all the time in between, with
# the confidence 1 of those that were seen, even where the rate stays as it is, and their cubic curve
# goes far out of the picture. Before the first and after the last sight of a hand it stays 0.
# Who takes a confidence above 0 for "a hand is there" trains on hands, or reads them, where none is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pose-format==0.15.0 numpy==2.4.6 scipy==1.17.0
cat > gap.py <<'PYTHON'
import importlib.metadata

import numpy as np
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

fps, height, lowered = 30, 480, slice(20, 70)  # frames: 1.7 s
y = np.full(90, 200.0)
y[12:20] += 24 * np.arange(8)  # on its way down
y[70:78] = y[12:20][::-1]  # and up again
seen = np.ones(90, bool)
seen[lowered] = seen[:6] = seen[84:] = False
places = np.stack([np.full(90, 320), y], axis=1).astype(np.float32)[:, None, None]
hand = PoseHeaderComponent("HAND", ["WRIST"], [], [(255, 0, 0)], "XYC")
header = PoseHeader(0.2, PoseHeaderDimensions(640, height, 0), [hand])
confidence = seen.astype(np.float32)[:, None, None]
pose = Pose(header, NumPyPoseBody(fps, places, confidence))

version = importlib.metadata.version("pose-format")
after = pose.interpolate(fps).body
assert len(after.data) == 90, "this has changed"
gap, ends = after.confidence[lowered, 0, 0], after.confidence[[0, 5, 84, 89], 0, 0]
lowest = after.data[lowered, 0, 0, 1].max()
print(f"pose-format {version}: the wrist is seen in {seen.sum()} of 90 frames before interpolate(), "
      f"in {np.count_nonzero(after.confidence)} after it")
print(f"while it is lowered: confidence {gap.min():.2f}, y up to {lowest:.0f} in a picture {height} "
      f"high; at both ends: confidence {ends.max():.2f}")
assert gap.min() > 0.99 and ends.max() == 0 and lowest > height + 20, "this has changed"
PYTHON
venv/bin/python gap.py
