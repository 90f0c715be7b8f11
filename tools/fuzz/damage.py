"""Whole files, and ways to damage them."""

import functools
import gzip
import io
import re
import tarfile
import tempfile
import zipfile
from pathlib import Path

import cv2
import onnx
import torch

from tools.fuzz.small_data import draw_letters, write_csv

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "pretrained/signlanguage.onnx"
MODEL, CHECKPOINT = SHIPPED.read_bytes(), SHIPPED.with_name("checkpoint.pth").read_bytes()
TEXTS = ["", "0", "-1", "nan", "inf", "1e309", "0x10", "9" * 5000, "1_0", "\u0663", "\u00b2", " 5"]
TEXTS += ["a" * 300, ".", "..", "-", "--", "x\ny", "$\\frac{", "\x1b[2J", "%s", "\udcff", "\u624b"]
NOTHING = [None, "x", -1, 2**70, float("nan"), 1e308, [], {}, (), b"x", torch.zeros(2, dtype=bool)]


# ---------------------------------------------------------------- whole files


@functools.cache
def csv_file(count):
    """Make a csv file (bytes) of so many letters."""
    with tempfile.TemporaryDirectory() as folder:
        write_csv(Path(folder, "file"), *draw_letters(count))
        return Path(folder, "file").read_bytes()


@functools.cache
def film(suffix=".mp4", frames=30, codec="mp4v"):
    """Make a small film (bytes) of so many frames: data/hello.mp4, over and over."""
    source = cv2.VideoCapture(str(ROOT / "data/hello.mp4"))
    pictures = [cv2.resize(source.read()[1], (160, 120)) for _ in range(min(frames, 260))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"film{suffix}")
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 30, (160, 120))
        for number in range(frames):
            writer.write(pictures[number % len(pictures)])
        writer.release()
        return path.read_bytes()


@functools.cache
def picture(suffix=".png"):
    """Make a picture (bytes): a frame of data/hello.mp4."""
    source = cv2.VideoCapture(str(ROOT / "data/hello.mp4"))
    source.set(cv2.CAP_PROP_POS_FRAMES, 20)
    pixels = source.read()[1][::4, ::4, 0]
    pixels = pixels if suffix == ".pgm" else cv2.merge([pixels] * 3)
    return cv2.imencode(suffix, pixels)[1].tobytes()


DATA = {"data/sign_mnist_train.csv": csv_file(48), "data/sign_mnist_test.csv": csv_file(24)}


# ---------------------------------------------------------------- damage


def mutate(rng, content):
    """Cut, flip, insert, swap or zero some bytes, or make a number too large.

    Beginning and end are hit most often: there formats say what they are.
    """
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.choice([0, rng.randrange(64), rng.randrange(2**30), -1 - rng.randrange(200)])
        start = place % (len(content) + 1)
        stop = start + rng.choice([1, 1, 4, 50, 3000])
        part = content[start:stop]
        changes = {
            "cut": b"",
            "rest": b"",
            "flip": bytes(byte ^ 1 << rng.randrange(8) for byte in part[:8]) + part[8:],
            "insert": rng.randbytes(rng.choice([1, 8, 500])) + part,
            "swap": part[len(part) // 2 :] + part[: len(part) // 2],
            "zero": bytes(len(part)),
            "mark": rng.choice([b"\xff", b"\n", b'"', b",", b"\r"]) + part[1:],
            "number": rng.choice(TEXTS).encode(errors="surrogateescape"),
        }
        kind = rng.choice(list(changes))
        if kind == "number" and (number := re.compile(rb"\d+").search(content, start)):
            start, stop = number.span()
        content[start : len(content) if kind == "rest" else stop] = changes[kind]
    return bytes(content)


def forge(rng, state):
    """Replace or remove a value somewhere in a list or dict that torch can save."""
    key = rng.choice(list(range(len(state)) if isinstance(state, list) else state))
    inner, choices = state[key], [*NOTHING, torch.zeros(3, device="meta")]
    if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
        return forge(rng, inner)
    if torch.is_tensor(inner):
        choices += 2 * [inner.half(), inner.int(), inner[None], inner.flatten()[:1], -inner]
        choices += 4 * [inner / 0, inner * 1e30, inner.to_sparse()]
    if rng.random() < 0.1:
        del state[key]
    else:
        state[key] = rng.choice(choices)
    return state


def damage_state(rng, content):
    """Damage a file of torch's: its bytes, those of a part in its zip archive, or its values."""
    kind, buffer = rng.choice(["bytes", "part", "values", "values"]), io.BytesIO()
    if kind == "bytes":
        return mutate(rng, content)
    if kind == "values":
        torch.save(forge(rng, torch.load(io.BytesIO(content), weights_only=True)), buffer)
        return buffer.getvalue()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        bad = rng.choice([name for name in names if name.endswith(".pkl")] + [rng.choice(names)])
        for name in names:
            part = old.read(name)
            new.writestr(name, mutate(rng, part) if name == bad else part)
    return buffer.getvalue()


def damage_model(rng):
    """Damage the shipped ONNX model: its bytes, its metadata or its graph."""
    kind, model = rng.choice(["bytes", "metadata", "graph"]), onnx.load_from_string(MODEL)
    if kind == "bytes":
        return mutate(rng, MODEL)
    if kind == "metadata":
        for prop in rng.sample(list(model.metadata_props), 2):
            text = rng.choice([*TEXTS, "1e300", "-5", "2", "1000", "0.5"])
            prop.value = text.encode(errors="replace").decode()
    else:
        damage_graph(rng, model)
    return model.SerializeToString()


def damage_graph(rng, model):
    """Change a node, tensor or type in the graph of an onnx.ModelProto, in place."""
    node, weight = rng.choice(model.graph.node), rng.choice(model.graph.initializer)
    kind = rng.choice(["operator", "shape", "weights", "type", "input", "version", "remove"])
    if kind == "operator":
        node.op_type = rng.choice(["Loop", "Relu", "Abs", "Shape", "NoSuch", "Softmax"])
    elif kind == "shape":
        weight.dims[:] = rng.choice([[2**40], [-1], [0], [], [1, 1]])
    elif kind == "weights":
        weight.raw_data = rng.choice([b"", b"\xff" * len(weight.raw_data), weight.raw_data[:5]])
    elif kind == "type":
        model.graph.input[0].type.tensor_type.elem_type = rng.randrange(20)
    elif kind == "input":
        node.input[:] = [rng.choice(["", "x", *node.output])]
    elif kind == "version":
        model.opset_import[0].version = rng.choice([-1, 1, 7, 25, 2**40])
    else:
        model.graph.node.remove(node)


def pack(rng):
    """Make an archive (bytes), zip or tar, of files that may be hostile."""
    files = [
        (rng.choice(["", "", "a/", "../../", "/"]) + Path(name).name, DATA[name]) for name in DATA
    ]
    files += [(rng.choice(TEXTS[1:]), b"x")] * (rng.random() < 0.2)
    files = [(name, mutate(rng, part) if rng.random() < 0.2 else part) for name, part in files]
    buffer = io.BytesIO()
    if rng.random() < 0.5:
        methods = [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
        with zipfile.ZipFile(buffer, "w", rng.choice(methods)) as archive:
            for name, content in files:
                archive.writestr(name.encode(errors="replace").decode(), content)
        return buffer.getvalue()
    kinds = 12 * [tarfile.REGTYPE] + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE]
    style = rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), rng.choice(kinds), "../../outside"
            info.pax_headers = rng.choice([{}, {"comment": "x" * 600}])
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(rng.choice([bytes, functools.partial(mutate, rng)])(buffer.getvalue()), 1)
