"""The measurement by films of poses, on poses made here."""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from camera.hand import FOLDER, LETTERS_NETWORK, open_network
from camera.learn_landmarks import REHEARSAL
from camera.model import ALPHABET
from plumbing.faults import UserError
from tools import measure_poses
from tools.measure_poses import AMERICAN, Pose, read_letters


@pytest.fixture(scope="module")
def network():
    return open_network(FOLDER / LETTERS_NETWORK, {"logits"})


@pytest.fixture(scope="module")
def poses(network):
    """A film of each letter: of the rendered hands, that which is read best, held for a second."""
    hands = np.load(REHEARSAL).astype(np.float32)
    read = read_letters(network, hands)
    best = [hands[read[:, k].argmax()] for k in range(len(ALPHABET))]
    noise = np.random.default_rng(0).normal(0, 0.1, (30, 21, 3)).astype(np.float32)
    films = zip(ALPHABET, best, strict=True)
    return [Pose(AMERICAN, letter, hand + noise, True) for letter, hand in films]


def test_letters_and_words_are_counted(poses, network, monkeypatch, capsys):
    monkeypatch.setattr(measure_poses, "find_folder", lambda: None)
    swap = {"A": "B", "B": "A"}
    swapped = [pose._replace(letter=swap.get(pose.letter, pose.letter)) for pose in poses]
    for films, right, wrong in ((poses, "24/24 right", 0), (swapped, "22/24 right, B read A", 2)):
        monkeypatch.setattr(measure_poses, "read_poses", lambda _, films=films: films)
        measure_poses.main(["--words", "24"])
        letters, words, *_ = capsys.readouterr().out.splitlines()
        assert letters.startswith(f"letters: {right}")
        assert words.startswith("24 words of 5 letters: ")
        (count,) = re.findall(r"right \d+, wrong (\d+), lost \d+, added 0", words)
        assert (int(count) > 0) == (wrong > 0)


def test_signs_are_counted_by_what_was_signed(poses, capsys):
    still = poses[ALPHABET.index("I")]
    films = [
        still._replace(letter="J"),
        still._replace(letter="Z", language="swl"),  # whose Z is another sign
        still,
    ]
    measure_poses.measure_signs(films)
    assert capsys.readouterr().out.splitlines() == [
        "J: 0/1 found",
        "Z: 0/0 found",
        "J or Z in 0 of 1 films of other letters",
    ]


def test_a_film_gives_the_hand_that_is_found_more_often(tmp_path, monkeypatch):
    """As pose-format has it: parts of a body one after another, masked where nothing was found."""
    names = {"POSE_LANDMARKS": 3, "LEFT_HAND_LANDMARKS": 21, "RIGHT_HAND_LANDMARKS": 21}
    confidence = np.ones((4, 1, 45), np.float32)
    confidence[0, 0, 3:24] = confidence[1:, 0, 24:] = 0  # left in three frames, right in one
    data = np.ma.masked_array(np.arange(4 * 45 * 3).reshape(4, 1, 45, 3).astype(float))
    film = SimpleNamespace(
        header=SimpleNamespace(
            components=[SimpleNamespace(name=n, points=[0] * k) for n, k in names.items()]
        ),
        body=SimpleNamespace(data=data, confidence=confidence),
    )
    reader = SimpleNamespace(Pose=SimpleNamespace(read=lambda content: film))
    monkeypatch.setitem(sys.modules, "pose_format", reader)
    (tmp_path / "index.csv").write_text("path,signed_language,glosses\na.pose,ase,q\n")
    (tmp_path / "a.pose").write_bytes(b"")
    (pose,) = measure_poses.read_poses(tmp_path)
    assert (pose.language, pose.letter, pose.is_right) == ("ase", "Q", False)
    assert pose.landmarks.shape == (3, 21, 3)
    assert pose.landmarks[0, 0].tolist() == data[1, 0, 3].tolist()


def test_without_the_package_its_command_is_told(monkeypatch):
    monkeypatch.setattr(measure_poses, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install --no-deps spoken-to-signed==0\.4\.0"):
        measure_poses.find_folder()
