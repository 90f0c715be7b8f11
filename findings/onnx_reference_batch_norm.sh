#!/usr/bin/env bash
# onnx 1.23.2: onnx.reference.ReferenceEvaluator and BatchNormalization of opset 9 to 13.
# ONNX says that with one output it normalises with the mean and variance that are given; `momentum`
# is for training. Seen: at opset 13 it mixes those of the batch into them, as in training; the same
# model at opset 14 is right, and onnxruntime 1.32.0 is right at both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > batch_norm.py <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

x = np.float32([[[[5, 6], [7, 8]]]])


def differences(opset):
    model = onnx.parser.parse_model(
        f"""<ir_version: 7, opset_import: ["": {opset}]>
        norm (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y)
            <float[1] scale = {{1}}, float[1] bias = {{0}}, float[1] mean = {{2}}, float[1] var = {{1}}>
        {{ y = BatchNormalization <momentum = 0.9> (x, scale, bias, mean, var) }}"""
    )
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [
        float(abs(run(None, {"x": x})[0] - (x - 2)).max())
        for run in (ReferenceEvaluator(model).run, session.run)
    ]


for opset in (13, 14):
    reference, runtime = differences(opset)
    print(f"opset {opset}: onnx.reference {reference:.1e} off, ONNX Runtime {runtime:.1e} off")
    assert runtime < 1e-3 and (reference > 0.1) == (opset == 13), "this has changed"
PYTHON
venv/bin/python batch_norm.py
