"""The measurement of other programs, by programs made here that stand for them."""

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from camera.hand import Hand, Square
from plumbing.faults import UserError
from tools import measure_peers
from tools.measure_peers import FPS, HEIGHT, WIDTH, look_through, show, spell


class Grey:
    """Reads the brightest pixel: a letter, a digit, a word, and no hand where all is black."""

    SAID = (None, "a", "2", "space")

    def __init__(self, are_stills):
        self.landmarks = []

    def start(self):
        pass

    def read(self, frame):
        value = int(frame.max())
        return self.SAID[value], value in (1, 2), value > 0

    def read_landmarks(self, points):
        self.landmarks.append(points)
        return "A"


class Finder:
    """Finds a hand at the left border of every picture."""

    def find(self, frame):
        return Hand(np.full((21, 3), (0, 10, 5), np.float32), 1.0, 1.0, Square(10, 10, 20))


@pytest.fixture
def photos(tmp_path):
    for name, value in (("A/1", 1), ("A/2", 0), ("V/1", 2), ("B/1", 1)):
        path = tmp_path / "photos" / "someone" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((20, 20, 3), value, np.uint8))
    return tmp_path / "photos"


@pytest.fixture
def grey(monkeypatch):
    monkeypatch.setitem(measure_peers.PEERS, "grey", Grey)
    monkeypatch.setattr(measure_peers, "HandFinder", Finder)


def test_photographs_are_counted_and_a_hand_that_is_not_found_is_misread(grey, photos, capsys):
    measure_peers.main(["grey", "--photos", str(photos)])
    lines = capsys.readouterr().out.splitlines()
    told = "mean 50.0%, lowest 50.0%; hands found 3, of these read 66.7%"
    assert lines[0] == f"photographs, as it is, the hand found by itself: {told}"
    assert lines[1].endswith("mean 50.0%, lowest 50.0%; hands found 4, of these read 50.0%")
    assert lines[2] == f"photographs, mirrored, the hand found by itself: {told}"


def test_a_letter_is_spelled_once_ten_frames_agree():
    def frames(*counts):
        return [np.full((2, 2), value, np.uint8) for value, n in counts for _ in range(n)]

    for counts, text, share in (
        ([(1, 10), (2, 10)], "AV", 1),
        ([(1, 9), (2, 9), (1, 2)], "", 1),
        ([(1, 10), (0, 10), (1, 20)], "A", 0.75),  # signspell adds no letter twice running
        ([(3, 40)], "", 1),
    ):
        assert spell(Grey(False), frames(*counts)) == (text, share)


def test_films_are_counted_at_the_pace_of_a_webcam(grey, tmp_path, monkeypatch, capsys):
    films = {"a.avi": 1, "v.avi": 2, "none.avi": 1}
    rows = ["file,text,seconds", "a.avi,A|AA,1", "v.avi,VA,1", "none.avi,,30"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    for name in films:
        film = cv2.VideoWriter(str(tmp_path / name), cv2.VideoWriter.fourcc(*"MJPG"), 15, (64, 48))
        for _ in range(15):
            film.write(np.zeros((48, 64, 3), np.uint8))
        film.release()
    paths = []
    monkeypatch.setattr(measure_peers, "show", lambda picture, side, is_mirrored: picture)
    whole = measure_peers.read_film

    def read_film(path, is_mirrored):
        paths.append(path)
        count = len(list(whole(path, is_mirrored)))
        assert count == FPS
        return [np.full((2, 2), films[path.name], np.uint8)] * count

    monkeypatch.setattr(measure_peers, "read_film", read_film)
    measure_peers.measure_films(Grey(False), tmp_path, False)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "2 films: right 2, wrong 0, lost 1, added 0, letter error 0.333, exact 1, "
        "hands found in 100.0% of the frames; nobody spells: 1 letters in 0.5 minutes"
    )


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_landmarks_lie_where_the_picture_shows_the_hand(is_mirrored):
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[9:11, :2] = 255
    peer = Grey(True)
    look_through(Finder(), peer, picture, is_mirrored)
    x, y, _ = peer.landmarks[0][0]
    frame = show(picture, measure_peers.LANDMARKS_SIDE, is_mirrored)
    assert frame.shape == (HEIGHT, WIDTH, 3)
    column = min(int(x), WIDTH - 1) - (10 if is_mirrored else -10)
    assert frame[int(y), column].min() > 200
    assert frame[int(y), WIDTH - 1 - column].max() == 0


def test_smart_gestures_gets_shares_of_the_picture(monkeypatch):
    given, points = [], [SimpleNamespace(x=0.5, y=0.25, z=0.125)] * 21
    found = SimpleNamespace(multi_hand_landmarks=[SimpleNamespace(landmark=points)])
    hands = SimpleNamespace(process=lambda frame: found, reset=lambda: None)
    model = SimpleNamespace(predict=lambda landmarks: given.append(landmarks) or ("b", 0.9))
    for name, members in {
        "mediapipe.python.solutions.hands": {"Hands": lambda **settings: hands},
        "smart_gestures.alphabet.asl_model": {"ASLModel": lambda: model},
    }.items():
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**members))
    peer = measure_peers.open_peer("smart-gestures", are_stills=True)
    assert peer.read(np.zeros((HEIGHT, WIDTH, 3), np.uint8)) == ("b", True, True)
    assert given == [[{"x": 0.5, "y": 0.25, "z": 0.125}] * 21]
    found.multi_hand_landmarks = None
    assert peer.read(np.zeros((HEIGHT, WIDTH, 3), np.uint8)) == (None, False, False)


@pytest.mark.parametrize(("are_stills", "has_hand", "times"), [(1, 1, 30), (1, 0, 1), (0, 1, 1)])
def test_signspell_sees_a_photograph_as_often_as_it_wants_frames(
    are_stills, has_hand, times, monkeypatch
):
    class Recognizer:
        count, last_results = 0, SimpleNamespace(right_hand_landmarks=has_hand)

        def predict(self, frame):
            self.count += 1
            return (None, 0, None) if self.count < 30 else ("B", 0.9, np.eye(26)[1])

    package = SimpleNamespace(Recognizer=Recognizer, SEQUENCE_LENGTH=30)
    monkeypatch.setitem(sys.modules, "asl_alphabet", package)
    peer = measure_peers.open_peer("signspell", are_stills)
    read = peer.read(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert peer.program.count == times
    assert read == (("B", True, True) if times == 30 else (None, False, bool(has_hand)))


def test_a_missing_package_is_told():
    with pytest.raises(UserError, match=r"signspell: the package asl_alphabet is missing"):
        measure_peers.open_peer("signspell", are_stills=True)


def test_a_folder_without_pictures_is_told(tmp_path):
    with pytest.raises(UserError, match=r"no pictures in SOURCE/LETTER/"):
        measure_peers.measure_photos(None, tmp_path)
