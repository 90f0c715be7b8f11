"""Pictures in folders by letter, as people sort them, for steps 2, 4 and --teach."""

import shutil
from pathlib import Path

import cv2
import pytest
from camera_fixtures import ALPHABET, sign
from conftest import assert_one_line
from test_pictures import HEIC

import step_4_evaluate
from camera.learn import list_signs
from camera.letter_folders import explain_folder, read_letter_folders, read_signs
from plumbing.faults import UserError

NO_HAND = len(ALPHABET)


def put(*paths):
    """Save a picture at each path."""
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), sign("A", box=1.0))


def labels_of(folder):
    return [label for _, label, _ in read_letter_folders(folder, ALPHABET)]


def test_names_of_folders_are_letters_or_no_hand_in_any_case(workdir, capsys):
    put("own/A/1.jpg", "own/k/1.jpg", "own/nothing/1.jpg", "own/somebody/No_Hand/1.jpg")
    assert sorted(labels_of("own")) == [0, ALPHABET.index("K"), NO_HAND, NO_HAND]
    assert [letter for _, letter in list_signs("own", ALPHABET)] == ["A", "K", "NO_HAND"]
    assert capsys.readouterr().out == ""


def test_folders_that_are_left_out_are_named(workdir, capsys):
    put("own/A/1.jpg", "own/J/1.jpg", "own/del/1.jpg", "own/A/more/1.jpg", "own/.old/1.jpg")
    (workdir / "own/empty").mkdir()
    assert labels_of("own") == [0, 0]
    told = "own: left out J, del, whose names are none of ABCDEFGHIKLMNOPQRSTUVWXY\n"
    assert capsys.readouterr().out == told


def test_pictures_that_cannot_be_read_are_named_with_their_kind(workdir, capsys):
    put("own/A/1.jfif.png", "own/A/2.jpg")
    Path("own/A/3.heic").write_bytes(HEIC)
    Path("own/A/4.jpg").write_text("no picture")
    Path("own/A/5.txt").write_text("no picture, and not called one")
    assert labels_of("own") == [0, 0]
    assert capsys.readouterr().out.splitlines() == [
        "own/A/3.heic: a HEIC picture: save it as JPEG or PNG",
        "own/A/4.jpg: not a picture that can be read",
    ]


WRONG = {
    "none": ((), "none: no such folder"),
    "own.zip": ((), "own.zip: not a folder but a zip archive: unpack it"),
    "numbers": (
        ["0/1.jpg", "1/1.jpg", "10/1.jpg"],
        "numbers: its folders are called 0, 1, 10; name them by letters: A, B ...",
    ),
    "deep": (
        ["train/train/me/A/1.jpg"],
        "deep: its letters' folders lie deeper; give deep/train/train/me instead",
    ),
    "A": (["1.jpg"], "A: the pictures of one letter; give the folder that it lies in"),
    "flat": (["A1.jpg"], "flat: its pictures belong in folders by letter: flat/A/, flat/B/ ..."),
    "phone": (["A/1.heic"], "1 picture could not be read: phone/A/1.heic (a HEIC picture"),
    "empty": (["A/b/c/none.txt"], "empty: no pictures in its folders A/, B/ ... or SOURCE/A/"),
    "rooms": (["nothing/1.jpg"], "rooms: only pictures without a hand; those of letters belong in"),
}


@pytest.fixture(params=WRONG)
def wrong(request, workdir):
    """Make a folder as it should not be. Returns its name and what is to be told."""
    paths, told = WRONG[request.param]
    Path("own.zip").write_bytes(b"PK\3\4" + bytes(400))
    for path in (Path(request.param, path) for path in paths):
        if path.suffix == ".jpg":
            put(path)
        else:
            path.parent.mkdir(parents=True)
            path.write_bytes(HEIC if path.suffix == ".heic" else b"")
    return request.param, told


def test_a_folder_without_pictures_of_letters_is_told_by_its_cause(wrong, start_script):
    folder, told = wrong
    assert_one_line(start_script(step_4_evaluate, "--photos", folder), 1, f": {told}")


def test_teaching_tells_the_same(wrong, start):
    folder, told = wrong
    if folder in ("none", "own.zip"):
        return  # no folder, so it may be a film
    done = start("--teach", "--source", folder, "--headless")
    assert_one_line(done, 1, f": {told.removesuffix(' or SOURCE/A/')}")
    assert not Path("my_hand").exists()


def test_a_source_is_taught_by_itself(workdir):
    put("own/me/A/1.jpg")
    told = explain_folder("own", ALPHABET, has_sources=False)
    assert told == "own: its letters' folders lie deeper; give own/me instead"
    shutil.rmtree("own/me/A")
    with pytest.raises(UserError, match="own: no pictures in its folders"):
        read_signs("own", ALPHABET, 28)


def test_pictures_train_as_they_evaluate(workdir):
    put("own/A/1.jpg", "own/me/nothing/2.jpg")
    labels, images = read_signs("own", ALPHABET, 28)
    assert labels.tolist() == [0, NO_HAND]
    assert images.shape == (2, 28, 28)
