"""The model in pretrained/ keeps what the README promises of it."""

import numpy as np
import onnx
import pytest
import torch
from conftest import ROOT

import step_6_camera as camera
from camera.model import METADATA, average_views, load_model, to_probabilities
from step_2_dataset import LETTERS, NO_HAND, SIZE, SignLanguageMNIST
from step_3_train import load_net

SHIPPED = ROOT / "pretrained/signlanguage.onnx"


@pytest.fixture(scope="module")
def model():
    return load_model(SHIPPED)


def read(model, name):
    """Probabilities (N, 24) and classes (N,) of the images of a csv file that comes along."""
    dataset = SignLanguageMNIST(ROOT / "data" / name)
    items = dataset.__getitems__(range(len(dataset)))
    inputs = torch.stack([item["image"] for item in items]).numpy()
    logits = average_views(model.logits, inputs, range(4))
    return to_probabilities(logits, 0.0), dataset._labels[:, 0].int().numpy()


def test_it_reads_hello(model, capsys):
    camera.main(["--source", str(ROOT / "data/hello.mp4"), "--headless", "--model", str(SHIPPED)])
    assert capsys.readouterr().out.endswith("Spelled: HELLO\n")


def test_it_is_the_network_of_the_checkpoint_beside_it(model):
    net, inputs = load_net(ROOT / "pretrained/checkpoint.pth"), torch.randn(8, 1, SIZE, SIZE)
    with torch.no_grad():
        expected = net(inputs).numpy()
    outputs = model.logits(inputs.numpy())
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


def test_its_metadata_are_complete(model):
    metadata = {prop.key: prop.value for prop in onnx.load(SHIPPED).metadata_props}
    assert set(metadata) == {*METADATA, "note"}
    assert (model.alphabet, model.size) == (LETTERS, SIZE)
    assert (model.no_hand_logit, model.views) == (0, 4)
    assert (model.mean, model.std) == (0.485, 0.229)
    assert 0.05 < model.threshold < 0.9


def test_it_reads_rendered_hands_and_refuses_rooms(model):
    probabilities, classes = read(model, "rendered_test.csv.gz")
    right = probabilities.argmax(axis=1) == classes
    assert right.mean() >= 0.68
    assert (probabilities.max(axis=1)[right] >= model.threshold).mean() >= 0.95
    probabilities, classes = read(model, "no_hand_test.csv.gz")
    assert (classes == NO_HAND).all()
    assert (probabilities.max(axis=1) < model.threshold).mean() >= 0.90
