#!/usr/bin/env bash
# onnxoptimizer 0.4.2 and opencv-python-headless 5.0.0.93: Reshape after Reshape, where the second
# has a 0, which means "as many as there were": (2, 3, 4) to (6, 4), as the hands of two films of
# three frames become six rows, and then to (0, -1), which is (6, 4) again.
# Seen: optimize() with its default passes drops the first Reshape, and cv2.dnn does the like; the 0
# then counts in the input's shape, and both give (2, 12) without an error. onnx.checker finds the
# optimised model in order. onnxruntime 1.32.0 and onnxsim 0.8.1 are right.
# A softmax or argmax that follows gives two answers for six hands; a matrix product gives an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet onnxoptimizer==0.4.2 opencv-python-headless==5.0.0.93 onnx==1.23.2 \
    onnxruntime==1.32.0 onnxsim==0.8.1 numpy==2.4.6
cat > reshape.py <<'PYTHON'
import importlib.metadata

import cv2
import numpy as np
import onnx
import onnxoptimizer
import onnxruntime
import onnxsim

hands = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
model = onnx.parser.parse_model(
    """<ir_version: 8, opset_import: ["": 17]>
    rows (float[2, 3, 4] x) => (float[rows, features] y)
    { each = Reshape (x, one_a_row)  y = Reshape (each, flat) }"""
)
for name, shape in (("one_a_row", [6, 4]), ("flat", [0, -1])):
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(shape), name))
onnx.checker.check_model(model, full_check=True)


def in_runtime(model):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": hands})[0]


def in_opencv(model):
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    net.setInput(hands)
    return net.forward()


ways = {
    f"ONNX Runtime {onnxruntime.__version__}": (in_runtime(model), (6, 4)),
    f"onnxsim {onnxsim.__version__.lstrip('v')}": (in_runtime(onnxsim.simplify(model)[0]), (6, 4)),
    f"onnxoptimizer {importlib.metadata.version('onnxoptimizer')}":
        (in_runtime(onnxoptimizer.optimize(model)), (2, 12)),
    f"OpenCV {cv2.__version__}": (in_opencv(model), (2, 12)),
}
for name, (result, expected) in ways.items():
    print(f"{name}: {result.shape}")
    assert result.shape == expected, "this has changed"
PYTHON
venv/bin/python reshape.py
