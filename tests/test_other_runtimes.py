"""The shipped model gives the same logits in other runtimes, where these are installed."""

import re
import subprocess
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import ROOT
from onnx.reference import ReferenceEvaluator

from plumbing.faults import UserError
from tools import other_runtimes
from tools.other_runtimes import RUNTIMES, SHIPPED, compare, read_images

FLAT = np.zeros((1, 1, 28, 28), np.float32)


def run_opencv():
    net = cv2.dnn.readNet(str(SHIPPED))

    def run(images):
        net.setInput(images)
        return net.forward()

    return run


def run_openvino():
    openvino = pytest.importorskip("openvino")
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(str(SHIPPED), "CPU", settings)
    return lambda images: model(images)[0].copy()


def run_reference():
    evaluator = ReferenceEvaluator(str(SHIPPED))
    return lambda images: evaluator.run(None, {"input": images})[0]


@pytest.fixture(scope="module")
def images():
    """Seven rendered hands and a flat image."""
    return np.concatenate([read_images("rendered_test.csv.gz", 7), FLAT])


@pytest.fixture(scope="module")
def session():
    return onnxruntime.InferenceSession(SHIPPED, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("load", [run_opencv, run_reference, run_openvino])
@pytest.mark.parametrize("size", [1, 8])
def test_logits_are_onnx_runtimes(load, size, images, session):
    run = load()
    for start in range(0, len(images), size):
        some = images[start : start + size]
        (expected,) = session.run(None, {"input": some})
        np.testing.assert_allclose(run(some), expected, rtol=0, atol=1e-4)


def test_onnx_runtime_warns_of_nothing():
    code = f"import onnxruntime; onnxruntime.InferenceSession({str(SHIPPED)!r})"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert process.stdout + process.stderr == b""


def test_old_runtimes_can_take_it():
    model = onnx.load(SHIPPED)
    assert model.ir_version <= 8
    assert [opset.version for opset in model.opset_import] == [14]
    assert [value.name for value in model.graph.input] == ["input"]


def test_the_documented_table_has_every_runtime():
    text = (ROOT / "docs/other-runtimes.md").read_text("utf-8")
    assert re.findall(r"^\| ([^|]+) \| (?:yes|no)", text, re.MULTILINE) == list(RUNTIMES)
    for packages, _ in RUNTIMES.values():
        assert packages[0].replace("==", " ").replace("@", " ") in text


def test_a_runtime_is_compared_with_onnx_runtime(images, session, monkeypatch, capsys):
    (logits,) = session.run(None, {"input": images})
    other = logits.copy()
    other[3] = -other[3]
    monkeypatch.setattr(other_runtimes, "read_with", lambda *_: (logits, other, 1e9))
    compare("tract", SHIPPED, images, images)
    name, loads, difference, changed, _ = capsys.readouterr().out.strip("| \n").split(" | ")
    assert (name, loads, changed) == ("tract", "yes", "1")
    assert float(difference) == pytest.approx(2 * abs(logits[3]).max(), rel=0.05)


def test_a_runtime_that_fails_is_named_with_its_last_line(images, monkeypatch, capsys):
    def prepare(folder, packages, is_node):
        return sys.executable

    monkeypatch.setattr(other_runtimes, "prepare", prepare)
    monkeypatch.setitem(RUNTIMES, "broken", (["broken==1"], "raise ValueError('no such layer')"))
    compare("broken", SHIPPED, images, images)
    row = capsys.readouterr().out
    assert row == "| broken | no: ended with 1: ValueError: no such layer | | | |\n"


@pytest.mark.parametrize("name", ["onnxruntime 1.32", "OpenCV 5.0", "onnx.reference"])
def test_the_code_for_a_runtime_runs(name, images, session, monkeypatch):
    monkeypatch.setattr(other_runtimes, "prepare", lambda *_: sys.executable)
    eights, ones, seconds = other_runtimes.read_with(*RUNTIMES[name], SHIPPED, images, images)
    (expected,) = session.run(None, {"input": images})
    np.testing.assert_allclose(eights, expected, atol=1e-4)
    np.testing.assert_allclose(ones, expected, atol=1e-4)
    assert 0 < seconds < 10


def test_unknown_runtimes_and_programs_that_never_end_are_refused(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        other_runtimes.main(["caffe"])
    assert "no such runtime: caffe" in capsys.readouterr().err
    monkeypatch.setattr(other_runtimes, "LIMIT", 0.2)
    with pytest.raises(UserError, match=r"more than 0.2 s"):
        other_runtimes.call([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path)
