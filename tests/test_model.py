"""ONNX models as the camera reads them: the tutorial's, ours, and wrong ones."""

import os
import signal
import threading
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from camera_fixtures import ALPHABET, cell, parse, save_model, sign
from conftest import ROOT, assert_one_line
from onnx import helper, numpy_helper

from camera import model as models
from camera.flags import BOX_SHARE
from camera.model import load_model
from step_6_camera import classify


def seen(picture, model, box=1.0):
    """What the model sees of a picture, grey (H, W) or BGR."""
    grey = picture.ndim == 2
    return classify(model, cv2.cvtColor(picture, 8) if grey else picture, box)[0]


@pytest.mark.parametrize("side", [64, 128, 224, 300, 336, 840])
def test_the_model_sees_the_whole_picture_averaged(side, model):
    rng = np.random.default_rng(side)
    picture = cv2.resize(rng.integers(0, 256, (9, 9), np.uint8), (side, side))
    expected = cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA)
    difference = np.abs(seen(picture, model).astype(int) - expected).max()
    assert difference <= 8
    if (
        side % 28 == 0 or side < 200
    ):  # nothing may be trimmed off; halved first, it is rounded twice
        assert difference <= (side % 56 == 0)


def test_stripes_become_grey_and_colours_are_taken_in_opencv_order(model):
    stripes = np.zeros((476, 476), np.uint8)
    stripes[::2] = 255
    assert np.abs(seen(stripes, model).astype(int) - 128).max() <= 8
    blue, red = np.zeros((2, 56, 56, 3), np.uint8)
    blue[..., 0], red[..., 2] = 255, 255
    assert (seen(blue, model)[0, 0], seen(red, model)[0, 0]) == (29, 76)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (27, 500), (29, 29), (4000, 30)])
def test_frames_of_any_size_are_seen(shape, model):
    image = seen(np.full((*shape, 3), 90, np.uint8), model, 0.7)
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert (image == 90).all()


def test_every_letter_of_the_alphabet_is_read(model):
    for letter in ALPHABET:
        image, probabilities = classify(model, sign(letter), BOX_SHARE)
        assert ALPHABET[probabilities.argmax()] == letter
        assert probabilities.sum() == pytest.approx(1)
        assert probabilities.dtype == np.float32
        assert image[cell(letter)].mean() > 200


def test_a_model_without_metadata_is_the_tutorials(model, tmp_path):
    assert (model.alphabet, model.mean, model.std) == ("ABCDEFGHIKLMNOPQRSTUVWXY", 0.485, 0.229)
    assert (model.size, model.no_hand_logit, model.threshold) == (28, -np.inf, 0.53)
    other = load_model(save_model(tmp_path / "m.onnx", batch=1, name="image"))
    assert ALPHABET[classify(other, sign("K"), BOX_SHARE)[1].argmax()] == "K"


def test_metadata_are_read_and_used(tmp_path):
    metadata = {"alphabet": "ab", "mean": "0.5", "std": "0.25", "size": "4", "threshold": "0.9"}
    weights = np.zeros((16, 2), np.float32)
    weights[:, 1] = 1 / 16
    model = load_model(save_model(tmp_path / "m.onnx", metadata, weights=weights))
    assert (model.alphabet, model.size, model.threshold) == ("ab", 4, 0.9)
    image, white = classify(model, np.full((9, 9, 3), 255, np.uint8))
    assert image.shape == (4, 4)
    assert white[1] == pytest.approx(1 / (1 + np.exp(-2)))  # the second logit is 2


def test_own_model_comes_before_the_shipped_one(tmp_path, workdir, monkeypatch, start):
    shipped = tmp_path / "project" / "pretrained" / "signlanguage.onnx"
    shipped.parent.mkdir(parents=True)
    monkeypatch.setattr(models, "ROOT", tmp_path / "project")
    cv2.imwrite("k.png", sign("K"))
    arguments = "--source", "k.png", "--headless", "--box", BOX_SHARE
    assert_one_line(start(*arguments), 1, "no model signlanguage.onnx", "python step_4_evaluate.py")
    save_model(shipped)
    named, read = start(*arguments).stdout.splitlines()
    assert named == f"Model: {shipped}"
    assert read.split()[:2] == ["k.png", "K"]
    save_model("signlanguage.onnx")
    assert start(*arguments).stdout.startswith("Model: signlanguage.onnx\n")


def write_bytes(path, content):
    path.write_bytes(content)
    return str(path)


SEQUENCE = """sequence (float[1, 1, 28, 28] input) => (seq(float[1, 1, 28, 28]) logits)
{ logits = SequenceConstruct (input) }"""


WRONG_MODELS = {
    "missing": lambda path: str(path),
    "a folder": lambda path: path.mkdir() or str(path),
    "empty": lambda path: write_bytes(path, b""),
    "text": lambda path: write_bytes(path, b"no model at all"),
    "cut short": lambda path: write_bytes(path, Path(save_model(path)).read_bytes()[:30000]),
    "larger input": lambda path: save_model(path, weights=np.ones((1024, 24), np.float32)),
    "ten classes": lambda path: save_model(path, weights=np.ones((784, 10), np.float32)),
    "not finite": lambda path: save_model(path, weights=np.full((784, 24), np.nan, np.float32)),
    "alphabet too short": lambda path: save_model(path, {"alphabet": "ABC"}),
    "mean in words": lambda path: save_model(path, {"mean": "half"}),
    "std of nothing": lambda path: save_model(path, {"std": "0"}),
    "huge std": lambda path: save_model(path, {"std": "1e300"}),
    "size of nothing": lambda path: save_model(path, {"size": "-3"}),
    "no-hand logit no number": lambda path: save_model(path, {"no_hand_logit": "nan"}),
    "never a hand": lambda path: save_model(path, {"no_hand_logit": "inf"}),
    "never a hand, by its old name": lambda path: save_model(path, {"nothing": "inf"}),
    "five views": lambda path: save_model(path, {"views": "5"}),
    "no UTF-8": lambda path: write_bytes(
        path, Path(save_model(path, {"alphabet": "~~"})).read_bytes().replace(b"~~", b"\xff\xfe")
    ),
    "sequence": lambda path: onnx.save(parse(SEQUENCE), path) or str(path),
    "unprintable": lambda path: save_model(path, {"alphabet": ALPHABET[:-1] + "\n"}),
    "threshold of two": lambda path: save_model(path, {"threshold": "2"}),
}


@pytest.mark.parametrize("kind", WRONG_MODELS)
def test_a_wrong_model_is_refused_in_one_line(kind, tmp_path, video, start):
    path = WRONG_MODELS[kind](tmp_path / "wrong.onnx")
    done = start("--model", path, "--source", video, "--headless")
    assert_one_line(done, 1, path)
    assert not done.stdout


LINEAR = "{ flat = Flatten (input) logits = MatMul (flat, weights) }"
SOFTMAX = "{ flat = Flatten (input) l = MatMul (flat, weights) logits = Softmax (l) }"
FLOAT, NAMED = "float[N, 1, 28, 28]", {"mean": "0.485", "std": "0.229"}


def save(path, body=LINEAR, takes=FLOAT, gives="float[N, 24]", weights=None, **metadata):
    """Save the linear model, changed; `weights` is a function of its own."""
    model = parse(f"linear ({takes} input) => ({gives} logits) {body}")
    original = onnx.load(save_model(path)).graph.initializer[0]
    values = numpy_helper.to_array(original)
    values = weights(values) if weights else values
    model.graph.initializer.append(numpy_helper.from_array(values, "weights"))
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return str(path)


USED = {
    "probabilities": {"body": SOFTMAX},
    "logarithms of probabilities": {"body": SOFTMAX.replace("Softmax", "LogSoftmax")},
    "double": {
        "takes": "double[N, 1, 28, 28]",
        "gives": "double[N, 24]",
        "weights": lambda weights: weights.astype(np.float64),
    },
    "half": {
        "takes": "float16[N, 1, 28, 28]",
        "gives": "float16[N, 24]",
        "weights": lambda weights: weights.astype(np.float16),
    },
    "three channels": {
        "takes": "float[N, 3, 28, 28]",
        "weights": lambda weights: np.concatenate([weights / 3] * 3),
        **NAMED,
    },
    "one image at a time": {"takes": "float[1, 1, 28, 28]", "gives": "float[1, 24]"},
}


@pytest.mark.parametrize("kind", USED)
def test_models_of_other_kinds_are_used_where_that_is_safe(kind, model, tmp_path, video, start):
    path = save(tmp_path / "other.onnx", **USED[kind])
    other = load_model(path)
    for letter in ALPHABET:
        expected, found = (
            classify(each, sign(letter), BOX_SHARE, frame_number=0)[1] for each in (model, other)
        )
        np.testing.assert_allclose(found, expected, atol=0.01)
    images = np.random.default_rng(0).normal(size=(3, 1, 28, 28)).astype(np.float32)
    assert other.logits(images).argmax(axis=1).tolist() == model.logits(images).argmax(1).tolist()
    done = start("--model", path, "--source", video, "--headless")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Spelled: HI\n")
    assert ("gives probabilities instead of logits" in done.stdout) == (kind == "probabilities")


def leave_behind(path):
    """Save a model whose weights are in a file that is then removed."""
    onnx.save(
        onnx.load(save(path)),
        path,
        save_as_external_data=True,
        location="weights.data",
        size_threshold=0,
    )
    path.with_name("weights.data").unlink()
    return str(path)


def in_double(path):
    """Save a model with a convolution in double precision, which ONNX Runtime does not have."""
    body = "{ c = Conv (input, weights) logits = Flatten (c) }"
    kinds = {"takes": "double[N, 1, 28, 28]", "gives": "double[N, 24]"}
    return save(path, body, **kinds, weights=lambda _: np.zeros((24, 1, 28, 28)))


def versioned(path, **versions):
    model = onnx.load(save(path))
    model.ir_version = versions.get("ir", model.ir_version)
    model.opset_import[0].version = versions.get("opset", 17)
    onnx.save(model, path)
    return str(path)


TOLD = {
    "A to Z": (
        lambda path: save(
            path, gives="float[N, 26]", weights=lambda w: np.pad(w, ((0, 0), (0, 2)))
        ),
        "gives 26 numbers for an image instead of 24, one for each of ABC",
    ),
    "labels": (
        lambda path: save(
            path,
            "{ f = Flatten (input) l = MatMul (f, weights) logits = ArgMax <axis = 1> (l) }",
            gives="int64[N, 1]",
        ),
        "gives 1 numbers for an image instead of 24",
    ),
    "sigmoid": (
        lambda path: save(path, SOFTMAX.replace("Softmax", "Sigmoid")),
        "gives numbers from 0 to 1, as after a sigmoid; logits are expected",
    ),
    "probabilities beside a no-hand logit": (
        lambda path: save(path, SOFTMAX, no_hand_logit="0"),
        "gives probabilities, but metadata with a no_hand_logit",
    ),
    "three channels": (
        lambda path: save(
            path, takes="float[N, 3, 28, 28]", weights=lambda w: np.concatenate([w] * 3)
        ),
        "takes float (N, 3, 28, 28) instead of float (N, 1, 28, 28): any number of grey images",
    ),
    "channels last": (
        lambda path: save(path, takes="float[N, 28, 28, 1]"),
        "takes float (N, 28, 28, 1) instead",
    ),
    "rows": (
        lambda path: save(path, "{ logits = MatMul (input, weights) }", takes="float[N, 784]"),
        "takes float (N, 784) instead",
    ),
    "bytes": (
        lambda path: save(
            path,
            "{ c = Cast <to = 1> (input) f = Flatten (c) logits = MatMul (f, weights) }",
            takes="uint8[N, 1, 28, 28]",
        ),
        "takes uint8 (N, 1, 28, 28) instead",
    ),
    "a fixed batch": (
        lambda path: save(path, takes="float[32, 1, 28, 28]", gives="float[32, 24]"),
        "takes float (32, 1, 28, 28) instead",
    ),
    "two inputs": (
        lambda path: save(
            path,
            "{ f = Flatten (input) l = MatMul (f, weights) logits = Add (l, x) }",
            takes="float[1] x, float[N, 1, 28, 28]",
        ),
        "has 2 inputs instead of one, an image",
    ),
    "weights left behind": (leave_behind, "its weights are in weights.data, which is not beside"),
    "double precision": (in_double, "ONNX Runtime has no Conv for its precision, such as double"),
    "a new format": (
        lambda path: versioned(path, ir=99),
        "of ONNX's IR version 99, and ONNX Runtime",
    ),
    "new operators": (lambda path: versioned(path, opset=99), "of an opset above"),
    "a checkpoint": (
        lambda path: write_bytes(path, (ROOT / "pretrained/checkpoint.pth").read_bytes()),
        "no ONNX model but a PyTorch file; python step_4_evaluate.py exports checkpoint.pth",
    ),
    "Git LFS": (
        lambda path: write_bytes(path, b"version https://git-lfs.github.com/spec/v1\n"),
        "no ONNX model but a Git LFS pointer: git lfs pull gets the file itself",
    ),
    "a web page": (
        lambda path: write_bytes(path, b"<html><title>404</title></html>"),
        'no ONNX model but a web page ("404")',
    ),
    "Keras'": (lambda path: write_bytes(path, b"\x89HDF\r\n\x1a\n" + bytes(99)), "an HDF5 file"),
    "cut short": (
        lambda path: write_bytes(path, Path(save_model(path)).read_bytes()[:30000]),
        "no ONNX model, or cut short",
    ),
}


@pytest.mark.parametrize("kind", TOLD)
def test_what_a_model_is_and_what_is_expected_is_told(kind, tmp_path, video, start):
    make, told = TOLD[kind]
    path = make(tmp_path / "m.onnx")
    done = start("--model", path, "--source", video, "--headless")
    assert_one_line(done, 1, path, told)
    assert len(done.stderr.replace(path, "")) < 180
    assert not done.stdout


PICKY = """picky (float[1, 1, 28, 28] input) => (float[1, 24] logits)
    <float[1, 24] rows = {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}>
{
    flat = Flatten (input)
    most = ReduceMax <axes = [1], keepdims = 0> (flat)
    index = Cast <to = 7> (most)
    logits = Gather (rows, index)
}"""


ENDLESS = """endless (float[1, 1, 28, 28] input) => (float[1, 24] logits)
    <bool yes = {1}, int64[1] axis = {1}, int64[1] first = {0}, int64[1] end = {24}>
{
    flat = Flatten (input)
    same = Loop <
        body = again (int64 count, bool go, float[1, 784] x) => (bool on, float[1, 784] y) {
            on = Identity (go)
            y = Identity (x)
        }
    > ("", yes, flat)
    logits = Slice (same, first, end, axis)
}"""


@pytest.mark.parametrize(
    ("text", "told"), [(PICKY, "cannot read an image"), (ENDLESS, "takes more than 0.5 seconds")]
)
def test_a_model_that_fails_on_a_frame_or_never_ends_is_one_line(
    text, told, workdir, video, start, monkeypatch
):
    monkeypatch.setattr(models, "SLOWEST", 0.5)
    onnx.save(parse(text), "m.onnx")
    done = start("--model", "m.onnx", "--source", video, "--headless")
    assert_one_line(done, 1, f"m.onnx {told}")


def test_ctrl_c_ends_a_model_that_never_ends(workdir, video, start):
    onnx.save(parse(ENDLESS), "m.onnx")
    interrupt = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    assert start("--model", "m.onnx", "--source", video, "--headless").returncode == 130
    interrupt.cancel()
