#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.dnn's Conv with auto_pad = SAME_UPPER and strides of 2, as
# networks that come from TensorFlow and Keras have it (MobileNet, finders of hands and faces).
# ONNX says that a 3x3 kernel over an even size pads by 0 before and 1 after. Seen: by 1 before and
# 0 after, without an error, so what it sees is shifted by a pixel; odd sizes, and the same pads
# written out as numbers, are right. onnxruntime 1.32.0 is right throughout.
# Who loads such a network loses accuracy, more at each strided layer, and learns of it from nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > same_padding.py <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime

kernel = np.random.default_rng(0).normal(size=(1, 1, 3, 3)).astype(np.float32)


def convolve(image, pads):
    """Return what OpenCV and ONNX Runtime make of an image, at a stride of 2."""
    size, half = len(image), (len(image) + 1) // 2
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]>
        halve (float[1, 1, {size}, {size}] x) => (float[1, 1, {half}, {half}] y)
        {{ y = Conv <{pads}, strides = [2, 2]> (x, kernel) }}"""
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(kernel, "kernel"))
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    net.setInput(image[None, None])
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return net.forward(), session.run(None, {"x": image[None, None]})[0]


def difference(a, b):
    return float(abs(a - b).max())


print(f"OpenCV {cv2.__version__}, ONNX Runtime {onnxruntime.__version__}")
same = 'auto_pad = "SAME_UPPER"'
for size, before in ((6, 0), (7, 1)):
    image = np.random.default_rng(1).normal(size=(size, size)).astype(np.float32)
    (opencv, runtime), written = convolve(image, same), f"pads = [{before}, {before}, 1, 1]"
    opencv_written, runtime_written = convolve(image, written)
    print(f"{size}x{size}: OpenCV {difference(opencv, runtime):.1e} off, with the pads written out "
          f"{difference(opencv_written, runtime):.1e}")
    assert difference(runtime, runtime_written) < 1e-5 and difference(opencv_written, runtime) < 1e-5
    assert (difference(opencv, runtime) > 0.5) == (size == 6), "this has changed"
    if size == 6:
        shifted = difference(opencv, convolve(image, "pads = [1, 1, 0, 0]")[1])
        print(f"    it pads before instead: {shifted:.1e} off that")
        assert shifted < 1e-5, "this has changed"
PYTHON
venv/bin/python same_padding.py
