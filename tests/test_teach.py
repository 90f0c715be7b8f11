"""Teaching by the script: from a film, from a folder, and what the scripts say of it afterwards."""

import cv2
import numpy as np
import pytest
from conftest import ROOT, assert_one_line, shell

from camera import teach
from camera.lesson import Lesson
from step_2_dataset import LETTERS, SignLanguageMNIST

SHIPPED = ROOT / "pretrained/signlanguage.onnx"
FPS = 30


@pytest.fixture(scope="module")
def hands():
    """Ten rendered hands of each letter, uint8 (24, 10, 28, 28)."""
    labels, samples = SignLanguageMNIST.read_label_samples_from_csv(
        ROOT / "data/rendered_test.csv.gz"
    )
    return np.array([samples[labels == k][:10] for k in range(24)]).reshape(24, 10, 28, 28)


def save_lesson(path, images):
    """Write a film that shows each image for a second, as large as the whole frame."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (224, 224))
    for image in images:
        frame = cv2.cvtColor(cv2.resize(image, (224, 224)), cv2.COLOR_GRAY2BGR)
        for _ in range(FPS):
            writer.write(frame)
    writer.release()


def save_pictures(folder, hands, letters):
    """Write three pictures a letter to folder/LETTER/, of hands upside down."""
    for letter in letters:
        (folder / letter).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            picture = np.flipud(hands[LETTERS.index(letter), number])
            cv2.imwrite(str(folder / letter / f"{number}.png"), picture)


def test_a_film_is_a_lesson_whose_pictures_are_kept_and_used(workdir, hands):
    save_lesson("lesson.avi", [hands[LETTERS.index(letter), 0] for letter in "BLW"])
    done = shell("step_6_camera.py", "--teach", "--source", "lesson.avi", "--headless", "--box", 1)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    assert lines, done.stdout
    assert lines[0][1] == "A"
    assert len(lines) == len([*(workdir / "my_hand").glob("*/*.png")])
    assert (workdir / "my_hand/learned.npz").exists()
    again = shell("step_6_camera.py", "--source", "lesson.avi", "--headless")
    assert f"taught by {len(lines)} pictures in my_hand" in again.stdout.splitlines()[0]
    left_out = shell("step_6_camera.py", "--source", "lesson.avi", "--headless", "--untaught")
    assert "taught" not in left_out.stdout


def test_signs_in_a_folder_are_read_as_taught(workdir, hands):
    """Of somebody who signs upside down, and of no letter otherwise."""
    save_pictures(workdir / "signs", hands, LETTERS)
    (workdir / "exam").mkdir()
    for letter, images in zip(LETTERS, hands, strict=True):
        cv2.imwrite(f"exam/{letter}.png", np.flipud(images[5]))

    def count_right():
        options = "--source", "exam", "--headless", "--threshold", 0.01
        lines = shell("step_6_camera.py", *options).stdout.splitlines()[1:]
        return sum(name[5] == letter for name, letter, _ in map(str.split, lines))

    before = count_right()
    done = shell("step_6_camera.py", "--teach", "--source", "signs")
    assert done.returncode == 0, done.stderr
    assert "72 new pictures in my_hand" in done.stdout
    assert before <= 6
    assert count_right() >= before + 5


@pytest.mark.parametrize("name", ["empty", "one/A"])
def test_a_folder_without_signs_is_told_in_one_line(workdir, name):
    (workdir / name).mkdir(parents=True)
    done = shell("step_6_camera.py", "--teach", "--source", name.split("/")[0])
    assert_one_line(done, 1, name.split("/")[0])
    assert not (workdir / "my_hand").exists()


def test_an_unreadable_picture_is_named_and_nothing_is_copied(workdir, hands):
    save_pictures(workdir / "signs", hands, "B")
    (workdir / "signs/B/bad.png").write_bytes(b"no picture")
    assert_one_line(shell("step_6_camera.py", "--teach", "--source", "signs"), 1, "bad.png")
    assert not (workdir / "my_hand").exists()


def test_pictures_get_names_that_are_free_and_can_be_taken_back(workdir, hands):
    """Those of another day, or of a folder, stay whatever they are called."""
    lesson, crop = Lesson(["A", "B"]), cv2.cvtColor(hands[0, 0], cv2.COLOR_GRAY2BGR)
    paths = [teach.keep_picture("A", crop) for _ in range(2)]
    assert [path.name for path in paths] == ["001.png", "002.png"]
    (workdir / "my_hand/A/fe12.png").write_bytes(paths[0].read_bytes())
    lesson.add(hands[0, 0], "A", 0.0, paths[1])
    teach.handle_key("\b", lesson)
    assert sorted(path.name for path in (workdir / "my_hand/A").iterdir()) == [
        "001.png",
        "fe12.png",
    ]
    teach.handle_key(" ", lesson)
    assert lesson.letter == "B"
    teach.handle_key("a", lesson)
    assert lesson.letter == "A"
    assert teach.order_letters("ABC") == ["B", "C", "A"]
