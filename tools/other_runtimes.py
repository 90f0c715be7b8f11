"""Run the shipped model in other runtimes, and print how each reads 512 rendered hands.

    python -m tools.other_runtimes [--model FILE] [NAME ...]

Every runtime is installed from PyPI or npm into a folder that is thrown away. It reads the images
in batches of 8 and one by one. A row tells the largest difference of a logit from ONNX Runtime's
here, how many images it reads as another letter, and the time of a single image beside ONNX
Runtime's, measured just before on one thread. docs/other-runtimes.md keeps the table.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import json
import os
import shutil
import subprocess
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

from camera.model import ROOT, open_session
from plumbing.faults import UserError, run
from plumbing.flags import Parser
from step_2_dataset import SignLanguageMNIST

IMAGES = 512
LIMIT = 1200  # seconds that a runtime may take, installation included
SHIPPED = ROOT / "pretrained/signlanguage.onnx"

# What a runtime's folder runs. Its code makes `run`, a function of images, float32 (N, 1, 28, 28),
# that gives logits. The folder has model.onnx, images.npy and, to calibrate, others.npy.
PYTHON = """
import numpy as np, time
{code}
images = np.load("images.npy")
eights = np.concatenate([run(images[i : i + 8]) for i in range(0, len(images), 8)])
times, ones = [], []
for i in range(len(images)):
    start = time.perf_counter()
    ones.append(run(images[i : i + 1]))
    times.append(time.perf_counter() - start)
np.savez("logits.npz", eights=eights, ones=np.concatenate(ones), seconds=np.median(times))
"""
NODE = """
const fs = require("fs"), ort = require("{code}");
(async () => {{
  const session = await ort.InferenceSession.create("model.onnx", {{ intraOpNumThreads: 1 }});
  const all = new Float32Array(new Uint8Array(fs.readFileSync("images.raw")).buffer);
  const told = {{ eights: [], ones: [], times: [] }};
  for (const [name, size] of [["eights", 8], ["ones", 1]])
    for (let i = 0; i < all.length; i += size * 784) {{
      const input = new ort.Tensor("float32", all.slice(i, i + size * 784), [size, 1, 28, 28]);
      const start = process.hrtime.bigint();
      const {{ logits }} = await session.run({{ input }});
      if (size == 1) told.times.push(Number(process.hrtime.bigint() - start) / 1e9);
      told[name].push(...logits.data);
    }}
  fs.writeFileSync("logits.json", JSON.stringify(told));
}})();
"""
ONNX_RUNTIME = """
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession("{file}", options, providers=["CPUExecutionProvider"])
run = lambda images: session.run(None, {{"input": images}})[0]
"""
ORT = ONNX_RUNTIME.format(file="model.onnx")
CONVERTED = ONNX_RUNTIME.format(file="other.onnx")
OPENCV = """
import cv2
cv2.setNumThreads(1)
net = cv2.dnn.readNet("model.onnx")
def run(images):
    net.setInput(images)
    return net.forward()
"""
OPENVINO = """
import openvino
settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
model = openvino.Core().compile_model("model.onnx", "CPU", settings)
run = lambda images: model(images)[0].copy()
"""
REFERENCE = """
from onnx.reference import ReferenceEvaluator
evaluator = ReferenceEvaluator("model.onnx")
run = lambda images: evaluator.run(None, {"input": images})[0]
"""
NCNN = """
import ncnn, subprocess
subprocess.run(["pnnx", "model.onnx", "inputshape=[1,1,28,28]", "fp16=0"], check=True)
net = ncnn.Net()
net.opt.num_threads = 1
net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
net.opt.use_bf16_storage = False
net.load_param("model.ncnn.param"), net.load_model("model.ncnn.bin")
def run_one(image):
    extractor = net.create_extractor()
    extractor.input("in0", ncnn.Mat(np.ascontiguousarray(image)).clone())
    return np.array(extractor.extract("out0")[1]).reshape(1, -1)
run = lambda images: np.concatenate([run_one(image) for image in images])
"""
MNN = """
import MNN.expr, MNN.nn, subprocess
subprocess.run("mnnconvert -f ONNX --modelFile model.onnx --MNNModel model.mnn --bizCode x".split(),
               check=True)
net = MNN.nn.load_module_from_file("model.mnn", ["input"], ["logits"], precision_mode=1)
def run(images):
    given = MNN.expr.placeholder(list(images.shape), MNN.expr.NCHW)
    given.write(np.ascontiguousarray(images))
    return MNN.expr.convert(net.forward([given])[0], MNN.expr.NCHW).read().copy()
"""
TVM = """
import onnx, tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx
functions = {}
for size in (1, 8):
    module = from_onnx(onnx.load("model.onnx"), shape_dict={"input": [size, 1, 28, 28]})
    built = tvm.compile(relax.transform.LegalizeOps()(module), target="llvm")
    functions[size] = relax.VirtualMachine(built, tvm.cpu())["main"]
def run(images):
    result = functions[len(images)](tvm.runtime.tensor(images))
    return (result if hasattr(result, "numpy") else result[0]).numpy()
"""
LITERT = """
import onnx2tf
onnx2tf.convert("model.onnx", output_folder_path="tf", overwrite_input_shape=["input:1,1,28,28"],
                non_verbose=True, copy_onnx_input_output_names_to_tflite=True)
from ai_edge_litert.interpreter import Interpreter
net = Interpreter("tf/model_float32.tflite", num_threads=1)
net.allocate_tensors()
given, told = net.get_input_details()[0], net.get_output_details()[0]
def run_one(image):
    net.set_tensor(given["index"], image.reshape(given["shape"]))
    net.invoke()
    return net.get_tensor(told["index"])
run = lambda images: np.concatenate([run_one(image) for image in images])
"""
TRACT = """
import tract
model = tract.onnx().load("model.onnx")
model.set_input_fact(0, "N,1,28,28,f32")
model.analyse()
net = model.into_model().into_runnable()
run = lambda images: net.run([images])[0].to_numpy()
"""
SIMPLIFIED = """
import onnx, onnxsim
onnx.save(onnxsim.simplify(onnx.load("model.onnx"))[0], "other.onnx")
"""
SLIMMED = """
import onnxslim
onnxslim.slim("model.onnx", "other.onnx")
"""
HALVED = """
import onnx
from onnxconverter_common import float16
model = float16.convert_float_to_float16(onnx.load("model.onnx"), keep_io_types=True)
onnx.save(model, "other.onnx")
"""
QUANTISED = """
from onnxruntime import quantization as q
from onnxruntime.quantization.shape_inference import quant_pre_process
class Reader(q.CalibrationDataReader):
    batches = iter(np.load("others.npy")[:, None])
    def get_next(self):
        return next(({"input": batch} for batch in self.batches), None)
quant_pre_process("model.onnx", "ready.onnx")
q.quantize_static("ready.onnx", "other.onnx", Reader(), per_channel=True,
                  op_types_to_quantize=["Conv", "Gemm"])
"""
NEWEST = "onnxruntime==1.32.0"
OLD = "numpy<2"  # older packages are built for it
RUNTIMES = {  # name: (packages, code); packages of npm where the code is no Python
    "onnxruntime 1.32": ([NEWEST], ORT),
    "onnxruntime 1.17": (["onnxruntime==1.17.3", OLD], ORT),
    "onnxruntime 1.15": (["onnxruntime==1.15.1", OLD], ORT),
    "onnxruntime-node": (["onnxruntime-node@1.30.0"], "onnxruntime-node"),
    "onnxruntime-web": (["onnxruntime-web@1.30.0"], "onnxruntime-web"),
    "onnx.reference": (["onnx==1.23.2"], REFERENCE),
    "OpenCV 5.0": (["opencv-python-headless==5.0.0.93"], OPENCV),
    "OpenCV 4.12": (["opencv-python-headless==4.12.0.88"], OPENCV),
    "OpenVINO": (["openvino==2026.4.1"], OPENVINO),
    "ncnn": (["ncnn==1.0.20261020", "pnnx==20261020"], NCNN),
    "MNN": (["MNN==3.6.1"], MNN),
    "TVM": (["apache-tvm==0.27.0.post1", "onnx==1.23.2"], TVM),
    "LiteRT by onnx2tf": (["onnx2tf==1.29.24"], LITERT),
    "tract": (["tract==0.23.9"], TRACT),
    "onnxsim": (["onnxsim==0.8.1", NEWEST], SIMPLIFIED + CONVERTED),
    "onnxslim": (["onnxslim==0.1.98", NEWEST], SLIMMED + CONVERTED),
    "float16": (["onnxconverter-common==1.16.0", NEWEST], HALVED + CONVERTED),
    "int8": ([NEWEST, "onnx==1.23.2", "sympy==1.14.0"], QUANTISED + CONVERTED),
}


def read_images(name, count):
    """Return so many images of a csv file in data/, from all of it: float32 (count, 1, 28, 28)."""
    dataset = SignLanguageMNIST(ROOT / "data" / name)
    places = np.linspace(0, len(dataset) - 1, count).astype(int)
    return np.stack([item["image"].numpy() for item in dataset.__getitems__(places.tolist())])


def prepare(folder, packages, is_node):
    """Install packages into a folder; return the program there that runs the code.

    npm's scripts would fetch more than the registry has: parts for graphics cards.
    """
    if is_node:
        call(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages], folder)
        return "node"
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    call([python, "-m", "pip", "install", "--quiet", *packages], folder)
    return python


def call(command, folder):
    """Run a command in a folder, with the programs of its venv. UserError with its last error."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PATH"] = os.pathsep.join([str(Path(command[0]).parent), environment["PATH"]])
    options = {"cwd": folder, "env": environment, "capture_output": True, "timeout": LIMIT}
    try:
        done = subprocess.run([str(part) for part in command], text=True, **options)
    except subprocess.TimeoutExpired:
        raise UserError(f"takes more than {LIMIT} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        errors = [line for line in lines if "rror" in line] or lines
        raise UserError(f"ended with {done.returncode}: {errors[-1]}")


def read_with(packages, code, model, images, others):
    """Let a runtime read images; return logits in eights and one by one, and seconds an image."""
    is_node = "==" not in packages[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(model, folder / "model.onnx")
        np.save(folder / "images.npy", images)
        np.save(folder / "others.npy", others)
        images.tofile(folder / "images.raw")
        program = folder / ("read.js" if is_node else "read.py")
        program.write_text((NODE if is_node else PYTHON).format(code=code), "utf-8")
        call([prepare(folder, packages, is_node), program], folder)
        if is_node:
            told = json.loads((folder / "logits.json").read_text())
            shape = len(images), -1
            logits = [np.float32(told[key]).reshape(shape) for key in ("eights", "ones")]
            return *logits, np.median(told["times"])
        with np.load(folder / "logits.npz") as told:
            return told["eights"], told["ones"], float(told["seconds"])


def measure_here(model, images):
    """Return ONNX Runtime's logits and the seconds that an image takes it, on one thread."""
    session, times = open_session(model), []
    read = lambda some: session.run(None, {session.get_inputs()[0].name: some})[0]  # noqa: E731
    for image in images:
        start = time.perf_counter()
        read(image[None])
        times.append(time.perf_counter() - start)
    return read(images), np.median(times)


def compare(name, model, images, others):
    """Print a row of the table for a runtime."""
    expected, seconds = measure_here(model, images)
    try:
        eights, ones, theirs = read_with(*RUNTIMES[name], model, images, others)
    except UserError as error:
        print(f"| {name} | no: {error} | | | |", flush=True)
        return
    difference = max(abs(logits - expected).max() for logits in (eights, ones))
    letters = expected.argmax(axis=1)
    changed = max((logits.argmax(axis=1) != letters).sum() for logits in (eights, ones))
    print(f"| {name} | yes | {difference:.1e} | {changed} | {theirs / seconds:.1f} |", flush=True)


def main(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=SHIPPED, help="ONNX file (%(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RUNTIMES)} (all)")
    args = parser.parse_args(argv)
    if unknown := set(args.names) - set(RUNTIMES):
        parser.error(f"no such runtime: {', '.join(sorted(unknown))}")
    images = read_images("rendered_test.csv.gz", IMAGES)
    others = read_images("rendered_train.csv.gz", IMAGES)
    print(f"| runtime | loads | largest difference | letters changed of {IMAGES} | time |")
    print("|---|---|---:|---:|---:|")
    for name in args.names or RUNTIMES:
        compare(name, args.model, images, others)


if __name__ == "__main__":
    run(main)
