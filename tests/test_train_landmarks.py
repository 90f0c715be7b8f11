"""The network that reads letters from landmarks is trained, judged by strangers, and exported."""

import cv2
import numpy as np
import onnxruntime as ort
import pytest
import torch

from camera.model import ALPHABET
from plumbing.faults import UserError
from plumbing.sign_mnist import RENDERED
from tools import train_landmarks
from tools.train_landmarks import describe

COUNT = 600


@pytest.fixture(scope="module")
def people():
    """Landmarks of three people who sign the letters A, B and C each in one way, with noise."""
    rng = np.random.default_rng(0)
    shapes = rng.uniform(0, 100, (3, 21, 3))
    labels = rng.integers(3, size=COUNT)
    landmarks = shapes[labels] + rng.normal(0, 2, (COUNT, 21, 3))
    sources = np.array(["ann", "bob", "eve"])[rng.integers(3, size=COUNT)]
    return torch.from_numpy(landmarks).float(), labels, sources


@pytest.fixture(scope="module")
def net(people):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_landmarks, "STEPS", 150)
        return train_landmarks.fit(*people)


def test_letters_of_strangers_are_read(people, capsys, monkeypatch):
    monkeypatch.setattr(train_landmarks, "STEPS", 150)
    train_landmarks.cross_validate(*people)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ann", "bob", "eve", "mean"]
    assert all(float(line.split()[-2]) > 90 for line in lines)


def test_rendered_hands_have_their_share_and_are_never_judged(people, capsys, monkeypatch):
    landmarks, labels, sources = people
    sources = np.where(sources == "eve", RENDERED, sources)
    weights = train_landmarks.weigh(labels, sources)
    is_rendered = sources == RENDERED
    assert weights[is_rendered].sum() == pytest.approx(train_landmarks.RENDERED_SHARE)
    each = {
        (s, x): weights[(sources == s) & (labels == x)].sum()
        for s in ("ann", "bob")
        for x in range(3)
    }
    assert list(each.values()) == [pytest.approx((1 - train_landmarks.RENDERED_SHARE) / 6)] * 6
    monkeypatch.setattr(train_landmarks, "STEPS", 20)
    train_landmarks.cross_validate(landmarks, labels, sources)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ann", "bob", "mean"]


def test_size_place_and_side_do_not_count(people, net):
    landmarks = people[0][:20]
    with torch.inference_mode():
        logits = net(landmarks)
        for changed in (landmarks * 7, landmarks + 50, landmarks * torch.tensor([-1.0, 1, 1])):
            assert torch.allclose(net(changed), logits, atol=1e-2)


def test_how_a_hand_is_turned_counts(people):
    upright = people[0][:1]
    lying = upright[:, :, [1, 0, 2]]
    assert (describe(upright) - describe(lying)).abs().max() > 0.5


def test_augmented_landmarks_keep_their_shape(people):
    torch.manual_seed(0)
    landmarks = people[0][:50]
    moved = train_landmarks.augment(landmarks)
    assert moved.shape == landmarks.shape
    lengths = [train_landmarks.length(x[:, 9] - x[:, 0]) for x in (landmarks, moved)]
    assert (lengths[1] / lengths[0]).log().abs().max() < 0.5
    assert not torch.allclose(moved, landmarks, atol=1)


def test_the_export_reads_as_the_network_does(people, net):
    session = ort.InferenceSession(train_landmarks.export(net))
    landmarks = people[0][:5]
    (logits,) = session.run(["logits"], {"landmarks": landmarks.numpy()})
    assert logits.shape == (5, len(ALPHABET))
    with torch.inference_mode():
        assert np.allclose(logits, net(landmarks).numpy(), atol=1e-4)


def test_a_folder_without_hands_is_told(tmp_path):
    (tmp_path / "ann/A").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "ann/A/1.png"), np.full((64, 64, 3), 128, np.uint8))
    with pytest.raises(UserError, match="no hands in its"):
        train_landmarks.find_landmarks(tmp_path)
