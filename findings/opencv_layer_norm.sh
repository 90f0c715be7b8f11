#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.dnn's LayerNormalization of values around 100 that vary by 1.
# Seen: results, which are around 1, differ by more than 0.01 from those computed in float64. With
# the mean taken off before the same operator they differ by less than 1e-4, and so do those of
# onnxruntime 1.32.0 in either case.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > layer_norm.py <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime

x = (100 + np.random.default_rng(0).normal(size=(1, 784))).astype(np.float32)
exact = x.astype(np.float64)
exact = (exact - exact.mean()) / np.sqrt(exact.var() + 1e-5)
model = onnx.parser.parse_model(
    """<ir_version: 8, opset_import: ["": 17]>
    norm (float[1, 784] x) => (float[1, 784] y) { y = LayerNormalization <axis = 1> (x, scale) }"""
)
model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(784, np.float32), "scale"))
onnx.checker.check_model(model, full_check=True)
content = model.SerializeToString()
net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))


def difference(values):
    net.setInput(values)
    return abs(net.forward() - exact).max()


session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
others = abs(session.run(None, {"x": x})[0] - exact).max()
raw, centred = difference(x), difference(x - x.mean())
print(f"OpenCV {cv2.__version__}: {raw:.1e} off, with the mean taken off first {centred:.1e}")
print(f"ONNX Runtime {onnxruntime.__version__}: {others:.1e} off")
assert raw > 1e-2 and centred < 1e-4 and others < 1e-4, "this has changed"
PYTHON
venv/bin/python layer_norm.py
