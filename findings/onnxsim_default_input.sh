#!/usr/bin/env bash
# onnxsim 0.8.1: a model with an input that has an initializer of its name, its default value.
# ONNX says that such an input may be given or left out. Seen: simplify() returns a model without
# the input, and says that the check succeeded; who gives it gets an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet onnxsim==0.8.1 onnx==1.23.2 numpy==2.4.6
cat > default_input.py <<'PYTHON'
import numpy as np
import onnx
import onnxsim

model = onnx.parser.parse_model(
    """<ir_version: 8, opset_import: ["": 17]>
    scaled (float[n] x, float[1] factor) => (float[n] y) { y = Mul (x, factor) }"""
)
model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32([2]), "factor"))
onnx.checker.check_model(model, full_check=True)
simplified, is_valid = onnxsim.simplify(model)
before, after = ([value.name for value in m.graph.input] for m in (model, simplified))
print(f"onnxsim {onnxsim.__version__}: inputs {before} -> {after}, check {is_valid}")
assert before == ["x", "factor"] and after == ["x"] and is_valid, "this has changed"
PYTHON
venv/bin/python default_input.py
