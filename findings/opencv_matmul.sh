#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.dnn's MatMul with a constant (2, 4, 4) on the right.
# ONNX says that images (3, 1, 4, 4) times the constant are (3, 2, 4, 4): each by each matrix.
# Seen: values differ from numpy's by more than 1, without an error; a single image is right, and so
# are three with the constant on the left.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 onnx==1.23.2 numpy==2.4.6
cat > matmul.py <<'PYTHON'
import cv2
import numpy as np
import onnx

rng = np.random.default_rng(0)
images = rng.normal(size=(3, 1, 4, 4)).astype(np.float32)
stack = rng.normal(size=(2, 4, 4)).astype(np.float32)


def difference(factors, images, expected):
    n = len(images)
    text = f"""<ir_version: 8, opset_import: ["": 17]>
        product (float[{n}, 1, 4, 4] images) => (float[{n}, 2, 4, 4] y) {{ y = MatMul ({factors}) }}"""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.append(onnx.numpy_helper.from_array(stack, "stack"))
    onnx.checker.check_model(model, full_check=True)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    net.setInput(images)
    return abs(net.forward() - expected).max()


left = difference("stack, images", images, stack @ images)
right = difference("images, stack", images, images @ stack)
single = difference("images, stack", images[:1], images[:1] @ stack)
print(f"OpenCV {cv2.__version__}: constant on the left {left:.1e} off, on the right {right:.1e}")
print(f"on the right of a single image {single:.1e}")
assert max(left, single) < 1e-5 and right > 1, "this has changed"
PYTHON
venv/bin/python matmul.py
