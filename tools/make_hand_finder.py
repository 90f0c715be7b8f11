"""Make the two networks that find a hand, out of those that MediaPipe publishes.

    python -m venv .venv-convert
    .venv-convert/bin/pip install tf2onnx==1.17.0 tensorflow-cpu==2.21.0 onnx==1.23.2 \\
        onnxruntime==1.32.0 numpy==2.4.6 opencv-python==5.0.0.93
    .venv-convert/bin/python -m tools.make_hand_finder

The originals lie in the wheel of mediapipe 0.10.21, under the Apache License 2.0. Their weights
stay as they are. What lies before and after a network becomes part of it:

- The input is BGR uint8, as OpenCV reads frames. The first convolution does the scaling.
- The results are shares of the input's side. The palm detector's anchors are added to them.
- PReLU is taken apart: ONNX Runtime's own takes as long as all convolutions.

The networks are run beside the originals on frames of data/hello.mp4 before the files are written.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import tensorflow as tf
import tf2onnx
from onnx import TensorProto, helper, numpy_helper

from camera.hand import FOLDER, LANDMARKS, PALMS
from plumbing.faults import UserError, run
from plumbing.files import write_file

WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
ORIGINALS = {
    PALMS: "mediapipe/modules/palm_detection/palm_detection_lite.tflite",
    LANDMARKS: "mediapipe/modules/hand_landmark/hand_landmark_lite.tflite",
}
GRIDS = ((24, 2), (12, 6))  # of the palm detector: cells in a row, anchors in a cell
OPSET = 17
FILM = FOLDER.parent / "data/hello.mp4"
EVERY = 10  # of the film's frames, one in so many is compared
TOLERANCE = 1e-4  # greatest difference from the original: a share of the side, or a probability


def main():
    with tempfile.TemporaryDirectory() as folder:
        wheel = zipfile.ZipFile(fetch_wheel(Path(folder)))
        for name, original in ORIGINALS.items():
            path = Path(wheel.extract(original, folder))
            network = make_network(path, name)
            difference = compare(path, network)
            if difference > TOLERANCE:
                raise UserError(f"{name} differs from {path.name} by {difference:.1e}")
            write_file(FOLDER / name, network)
            print(f"{name}  {len(network):,} bytes  differs by {difference:.1e} at most")


def fetch_wheel(folder):
    """Download the wheel into a folder and return its path.

    Raises UserError if it is not the one that the SHA-256 belongs to.
    """
    name, version, *_, platform = WHEEL.removesuffix(".whl").split("-")
    flags = ("--no-deps", "--only-binary=:all:", "--python-version=3.11", f"--platform={platform}")
    pip = (sys.executable, "-m", "pip", "--quiet", "download", f"--dest={folder}", *flags)
    if subprocess.run([*pip, f"{name}=={version}"]).returncode:
        raise UserError(f"pip cannot download {WHEEL}; is there a connection?")
    wheel = folder / WHEEL
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise UserError(f"{WHEEL} is not the file whose SHA-256 is {SHA256}")
    return wheel


def make_network(path, name):
    """Convert a tflite file into the bytes of an ONNX file."""
    model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    graph = model.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = take_pixels(graph, weights)
    nodes = take_apart_prelu(nodes, weights)
    nodes += (give_palms if name == PALMS else give_landmarks)(graph, weights)
    nodes = store_in_halves(needed(nodes, graph.output), weights)
    rename_tensors(nodes, graph, weights)
    made = helper.make_graph(nodes, name, graph.input, graph.output, to_tensors(weights))
    made = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    made.doc_string = f"{path.name} of {WHEEL}, Apache License 2.0, converted and changed"
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


# ---------------------------------------------------------------- changes to the graph
def take_pixels(graph, weights):
    """Let the graph take BGR uint8 pixels (1, S, S, 3); return its nodes.

    The original takes RGB float32 in [0, 1]: the first convolution's weights are turned round and
    divided by 255 instead.
    """
    size = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    old = graph.input[0].name
    graph.input[0].CopyFrom(
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, size, size, 3])
    )
    first = next(node for node in graph.node if node.op_type == "Conv")
    weights["first"] = weights[first.input[1]][:, ::-1] / np.float32(255)
    first.input[1] = "first"
    return [helper.make_node("Cast", ["pixels"], [old], to=TensorProto.FLOAT), *graph.node]


def take_apart_prelu(nodes, weights):
    """Write PReLU with slopes a as x + (a - 1) min(x, 0)."""
    weights["zero"] = np.zeros(1, np.float32)
    made = []
    for node in nodes:
        if node.op_type != "PRelu":
            made.append(node)
            continue
        (x, slopes), (y,) = node.input, node.output
        weights[f"{y} slopes"] = weights[slopes] - np.float32(1)
        made += [
            helper.make_node("Min", [x, "zero"], [f"{y} low"]),
            helper.make_node("Mul", [f"{y} low", f"{y} slopes"], [f"{y} bent"]),
            helper.make_node("Add", [x, f"{y} bent"], [y]),
        ]
    return made


def give_palms(graph, weights):
    """Let the graph give palms float32 (2016, 9, 2) and scores float32 (2016,).

    A palm is the centre and size of its box, and seven points, as x and y in shares of the side.
    The original gives pixels from an anchor, and logits. Returns the nodes that are added.
    """
    size = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    anchors = make_anchors()
    weights |= {"side": np.float32([size]), "anchors": anchors[:, None]}
    weights["is place"] = np.float32([[[1], [0], *[[1]] * 7]])  # a box's size has no place
    weights |= {"palm shape": np.array([-1, 9, 2]), "score shape": np.array([-1])}
    raw, logits = (output.name for output in graph.output)
    set_outputs(graph, palms=[len(anchors), 9, 2], scores=[len(anchors)])
    return [
        helper.make_node("Reshape", [raw, "palm shape"], ["raw palms"]),
        helper.make_node("Div", ["raw palms", "side"], ["shares"]),
        helper.make_node("Mul", ["anchors", "is place"], ["places"]),
        helper.make_node("Add", ["shares", "places"], ["palms"]),
        helper.make_node("Reshape", [logits, "score shape"], ["raw scores"]),
        helper.make_node("Sigmoid", ["raw scores"], ["scores"]),
    ]


def make_anchors():
    """Return the anchors, centres of the cells of two grids: float32 (2016, 2), shares of the side.

    As SsdAnchorsCalculator makes them with the options in palm_detection_cpu.pbtxt.
    """
    grids = []
    for cells, anchors in GRIDS:
        middles = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
        grids.append(np.repeat(grid, anchors, axis=0))
    return np.concatenate(grids)


def give_landmarks(graph, weights):
    """Let the graph give landmarks float32 (21, 3), score and is_right float32 (1,).

    Landmarks are x, y and z in shares of the side, where the original gives pixels. Its landmarks
    in metres are left out. Returns the nodes that are added.
    """
    size = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    weights |= {"side": np.float32([size]), "points": np.array([21, 3]), "one": np.array([1])}
    raw, score, is_right, _ = (output.name for output in graph.output)
    set_outputs(graph, landmarks=[21, 3], score=[1], is_right=[1])
    return [
        helper.make_node("Reshape", [raw, "points"], ["raw landmarks"]),
        helper.make_node("Div", ["raw landmarks", "side"], ["landmarks"]),
        helper.make_node("Reshape", [score, "one"], ["score"]),
        helper.make_node("Reshape", [is_right, "one"], ["is_right"]),
    ]


def set_outputs(graph, **shapes):
    del graph.output[:]
    for name, shape in shapes.items():
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def needed(nodes, outputs):
    """Return the nodes that an output depends on, in their order."""
    wanted, kept = {output.name for output in outputs}, []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.insert(0, node)
    return kept


def store_in_halves(nodes, weights):
    """Store weights as float16, as the original does, where no bit is lost. Adds nodes Cast."""
    casts = []
    for name in dict.fromkeys(name for node in nodes for name in node.input if name in weights):
        half = weights[name].astype(np.float16)
        if weights[name].dtype == np.float32 and np.array_equal(half, weights[name]):
            weights[f"{name} half"] = half
            cast = helper.make_node("Cast", [f"{name} half"], [name], to=TensorProto.FLOAT)
            casts.append(cast)
            del weights[name]
    return casts + nodes


def rename_tensors(nodes, graph, weights):
    """Number the tensors between input and output: their names take more room than some weights."""
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    for node in nodes:
        node.name = ""
        for side in (node.input, node.output):
            side[:] = [names.setdefault(name, f"t{len(names)}") for name in side]
    renamed = {new: weights[old] for old, new in names.items() if old in weights}
    weights.clear()
    weights.update(renamed)


def to_tensors(weights):
    return [numpy_helper.from_array(array, name) for name, array in weights.items()]


# ---------------------------------------------------------------- beside the original
def compare(path, network):
    """Return the greatest difference between a tflite file and the network made from it."""
    original = tf.lite.Interpreter(str(path))
    original.allocate_tensors()
    session = ort.InferenceSession(network, providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[1]
    pairs = [
        (np.concatenate([array.ravel() for array in run_original(original, pixels)]),
         np.concatenate([array.ravel() for array in session.run(None, {"pixels": pixels})]))
        for pixels in read_pixels(size)
    ]  # fmt: skip
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def read_pixels(size):
    """Return some frames of the film as squares, each BGR uint8 (1, size, size, 3)."""
    film, squares = cv2.VideoCapture(str(FILM)), []
    while (frame := film.read()[1]) is not None:
        side = min(frame.shape[:2])
        squares.append(cv2.resize(frame[:side, :side], (size, size))[None])
    return squares[::EVERY]


def run_original(original, pixels):
    """Return what the original gives for pixels, in the form that the networks give it."""
    pixels = pixels[..., ::-1].astype(np.float32) / 255
    original.set_tensor(original.get_input_details()[0]["index"], pixels)
    original.invoke()
    results = [original.get_tensor(place["index"]) for place in original.get_output_details()]
    size = pixels.shape[1]
    if len(results) == 2:
        raw, logits = results
        palms = raw.reshape(-1, 9, 2) / size
        palms[:, 0] += make_anchors()
        palms[:, 2:] += make_anchors()[:, None]
        return palms, 1 / (1 + np.exp(-logits))
    landmarks, score, is_right, _ = results
    return landmarks / size, score, is_right


if __name__ == "__main__":
    run(main)
