"""What teaching gives is measured by people's pictures, with and without landmarks."""

import cv2
import numpy as np
import pytest
from conftest import ROOT

from plumbing.faults import UserError
from tools import measure_teaching

SHOWN = {"H": 25, "E": 70, "L": 115, "O": 222}  # a frame of hello.mp4 in which each begins


def save_source(folder, letters):
    """Write six pictures of each sign of hello.mp4 to folder/LETTER/, and call it another letter.

    letters: {sign: its name}
    """
    film, step = cv2.VideoCapture(str(ROOT / "data/hello.mp4")), 4
    for sign, letter in letters.items():
        (folder / letter).mkdir(parents=True)
        for number in range(6):
            film.set(cv2.CAP_PROP_POS_FRAMES, SHOWN[sign] + step * number)
            crop = cv2.resize(film.read()[1][72:408, 152:488], (112, 112))
            cv2.imwrite(str(folder / letter / f"{number}.png"), crop)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Somebody who signs as others do, and somebody who signs H and E the other way round."""
    folder = tmp_path_factory.mktemp("photos")
    save_source(folder / "ann", {sign: sign for sign in SHOWN})
    save_source(folder / "odd", {"H": "E", "E": "H", "L": "L", "O": "O"})
    (folder / "no_hand").mkdir()
    cv2.imwrite(str(folder / "no_hand/1.png"), np.full((112, 112), 128, np.uint8))
    return folder


def figures(text):
    """Return the figures of each row: {first word: [per cent, ...]}, the seconds left out."""
    rows = [line.split() for line in text.splitlines()[2:]]
    return {row[0]: [float(cell) for cell in row[1:-1] if cell != "%"] for row in rows}


@pytest.mark.parametrize("flags", [[], ["--follow"]])
def test_an_odd_person_is_read_once_taught(photos, capsys, flags):
    measure_teaching.main(["--photos", str(photos), "--pictures", "2", *flags])
    rows = figures(capsys.readouterr().out)
    assert list(rows) == ["ann", "odd", "mean", "lowest"]
    assert rows["ann"][:2] == [100, 100]
    assert rows["odd"][:2] == [50, 100]
    assert rows["mean"][:2] == [75, 100]
    assert rows["lowest"][:2] == [50, 100]
    assert rows["odd"][3] == 100, "mirrored"
    # untaught, taught, moved, mirrored, and images without a hand before and after
    assert len(rows["ann"]) == 6 + len(flags)
    if flags:
        assert rows["ann"][-1] == 100, "hands found"


def test_letters_that_are_not_taught_are_told_apart(photos, capsys):
    """Of E, H, L and O two are taught: E and O."""
    measure_teaching.main(["--photos", str(photos), "--pictures", "1", "--letters", "2"])
    rows = figures(capsys.readouterr().out)
    assert len(rows["ann"]) == 8
    assert rows["ann"][4] == 100
    assert rows["odd"][4] == 50


def test_a_folder_without_pictures_is_told(tmp_path):
    with pytest.raises(UserError, match="no pictures in its SOURCE/A/"):
        measure_teaching.main(["--photos", str(tmp_path)])
