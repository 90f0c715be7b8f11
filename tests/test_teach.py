"""Teaching by the script: from a film, from a folder, and what the scripts say of it afterwards."""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from camera_fixtures import FakeFinder, files_in
from conftest import ROOT, assert_one_line, shell, snapshot

import camera.teach
import step_6_camera
from camera import learn, teach
from camera.layers import encode
from camera.lesson import Lesson
from camera.model import load_model
from camera.view import PANEL, View, load_signs, measure
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
    told = "1 picture" if len(lines) == 1 else f"{len(lines)} pictures"
    assert f", taught by {told} in my_hand; untaught: " in again.stdout.splitlines()[0]
    left_out = shell("step_6_camera.py", "--source", "lesson.avi", "--headless", "--untaught")
    assert "taught by" not in left_out.stdout


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


def test_an_unreadable_picture_is_named_and_the_others_are_taught(workdir, hands):
    save_pictures(workdir / "signs", hands, "B")
    (workdir / "signs/B/bad.png").write_bytes(b"no picture")
    done = shell("step_6_camera.py", "--teach", "--source", "signs")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.count("1 picture could not be read: signs/B/bad.png; the others are used\n")
        == 1
    )
    assert "3 new pictures in my_hand\n" in done.stdout
    assert files_in(workdir / "my_hand/B") == ["0.png", "1.png", "2.png"]
    assert (workdir / "signs/B/bad.png").exists()


def test_pictures_get_names_that_are_free_and_can_be_taken_back(workdir, hands):
    """Those of another day, or of a folder, stay whatever they are called."""
    lesson, crop = Lesson(["A", "B"]), cv2.cvtColor(hands[0, 0], cv2.COLOR_GRAY2BGR)
    paths = [teach.keep_picture("A", crop) for _ in range(2)]
    assert [path.name for path in paths] == ["001.png", "002.png"]
    (workdir / "my_hand/A/fe12.png").write_bytes(paths[0].read_bytes())
    lesson.add(hands[0, 0], "A", 0.0, paths[1])
    teach.handle_lesson_key("\b", lesson)
    assert sorted(path.name for path in (workdir / "my_hand/A").iterdir()) == [
        "001.png",
        "fe12.png",
    ]
    teach.handle_lesson_key(" ", lesson)
    assert lesson.letter == "B"
    teach.handle_lesson_key("a", lesson)
    assert lesson.letter == "A"
    assert teach.order_letters("ABC") == ["B", "C", "A"]


# ---------------------------------------------------------------- the window


def frames_of(hands, letters, seconds=1.2):
    """Frames of a camera before which each letter is held, BGR uint8 (224, 224, 3)."""
    images = [cv2.resize(hands[LETTERS.index(letter), 0], (224, 224)) for letter in letters]
    held = round(seconds * FPS)
    return [cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) for image in images for _ in range(held)]


def words_of_lesson(monkeypatch):
    """Let `words` have what the lesson says, too."""
    monkeypatch.setattr(camera.teach, "write", camera.view.write)


@pytest.fixture
def in_window(monkeypatch, play, start, window, words):
    """A function that teaches in a window before a camera. It returns what is printed.

    `keys` are those of each frame, then none until any is asked for.
    """
    words_of_lesson(monkeypatch)

    def run(frames, keys=(), options=(), is_open=True):
        keys = iter(keys)

        def show(pixels, milliseconds):
            return "x" if words[-1:] == ["Any key: end"] else next(keys, "")

        window(show)
        monkeypatch.setattr(camera.teach, "show", show)
        monkeypatch.setattr(camera.teach, "is_open", lambda: is_open)
        play(frames)
        return start("--teach", "--box", 1, "--model", SHIPPED, *options)

    return run


def test_keys_of_the_lesson_skip_go_back_and_stop(workdir, hands, in_window, words):
    """A is skipped, B taken, taken again, and L asked for by its key."""
    keys = [" ", *[""] * 40, "\b", *[""] * 30, "l", *[""] * 40, "q", "never seen"]
    done = in_window(frames_of(hands, "BBLLL"), keys)
    assert done.returncode == 0, done.stderr
    taken = [line.split("\t")[1] for line in done.stdout.splitlines() if "\t" in line]
    assert taken[:2] == ["B", "B"]
    assert "L" in taken
    assert "A" not in taken
    kept = {path.parent.name for path in (workdir / "my_hand").glob("*/*.png")}
    assert {"B", "L"} <= kept
    assert len([*(workdir / "my_hand/B").iterdir()]) == 1
    assert any(word.startswith("A: sign it") for word in words)
    assert any("read rightly" in word for word in words)


def test_the_window_says_that_it_learns_and_then_what(workdir, hands, in_window, words):
    """A second ESC while it learns loses nothing."""
    save_pictures(workdir / "my_hand", np.flip(hands, axis=2), LETTERS)  # upright
    done = in_window(frames_of(hands, "A"), ["q", "q", "q"])
    assert done.returncode == 0, done.stderr
    assert words.count("Learning ...") > 3
    told = " ".join(words[words.index("Learning ...") :])
    assert "Taught by 72 pictures in my_hand. Of 72 pictures left out while" in told
    assert words[-1] == "Any key: end"
    assert (workdir / "my_hand/learned.npz").exists()


@pytest.mark.parametrize("end", ["closed", "nothing taken"])
def test_the_window_is_not_held_open_where_there_is_nothing_to_show(
    workdir, hands, in_window, words, monkeypatch, end
):
    if end == "closed":
        save_pictures(workdir / "my_hand", hands, "BL")
    done = in_window(frames_of(hands, "A"), ["q"], is_open=end != "closed")
    assert done.returncode == 0, done.stderr
    assert "Any key: end" not in words
    assert (workdir / "my_hand/learned.npz").exists() == (end == "closed")


def test_a_film_in_a_window_ends_once_it_has_learned(workdir, hands, in_window, words):
    save_lesson("lesson.avi", [hands[LETTERS.index(letter), 0] for letter in "AB"])
    done = in_window([], options=["--source", "lesson.avi"])
    assert done.returncode == 0, done.stderr
    assert "Learning ..." in words
    assert "Taught by" in done.stdout
    assert "Any key: end" not in words


def test_more_lines_than_fit_are_told_in_the_terminal(words, monkeypatch):
    words_of_lesson(monkeypatch)
    view = View(None, 0.7, False, "")
    pixels = teach.draw_lines(view, ["many words " * 9] * 20, "Any key: end")
    assert pixels.shape == (480, 640, 3)
    assert "... and more in the terminal" in words
    assert max(measure(line, 17) for line in words) <= 600
    assert words[-1] == "Any key: end"


@pytest.mark.parametrize(("box", "corner"), [((250, 80, 90), 0), ((20, 20, 300), 1), (None, 0)])
def test_the_sign_that_is_asked_for_stands_beside_the_box(box, corner, monkeypatch):
    monkeypatch.setattr(teach, "lay_out", lambda view: (np.zeros((480, 640, 3), np.uint8), box))
    pixels = teach.draw(View(None, 0.7, False, ""), Lesson(["A"]))
    left, right = pixels[:PANEL, :PANEL], pixels[:PANEL, -PANEL:]
    assert [(part == load_signs(PANEL)["A"]).all() for part in (left, right)][corner]


def test_a_misread_letter_is_asked_for_in_other_ways(workdir, hands, in_window, words):
    done = in_window(frames_of(hands, "Y", 10))
    assert done.stdout.count("\tA\t") == 5  # shown Y, it is asked for A
    for wish in ("come closer", "go back a little", "tilt it a little", "turn it a little"):
        assert f"A, read as Y: {wish}" in words
    assert "5 of 5" in " ".join(words)


def test_the_lesson_follows_the_hand(workdir, hands, in_window, monkeypatch):
    finder = FakeFinder((60, 40, 120))
    monkeypatch.setattr(step_6_camera, "HandFinder", lambda: finder)
    frames = []
    for small in frames_of(hands, "AB"):
        frame = np.full((240, 320, 3), 90, np.uint8)
        frame[40:160, 60:180] = cv2.resize(small, (120, 120))
        frames.append(frame)
    done = in_window(frames, options=["--follow"])
    assert {line.split("\t")[1] for line in done.stdout.splitlines() if "\t" in line} >= {"A", "B"}
    kept = cv2.imread("my_hand/A/001.png", cv2.IMREAD_GRAYSCALE)
    shown = cv2.resize(hands[LETTERS.index("A"), 0], kept.shape)
    assert np.abs(kept.astype(float) - shown).mean() < 8


# ---------------------------------------------------------------- what goes wrong

TEACH = [sys.executable, str(ROOT / "step_6_camera.py"), "--teach", "--source"]


@pytest.mark.parametrize("letters", ["B", "BL"])
def test_one_letter_alone_can_be_taught(workdir, hands, letters):
    save_pictures(workdir / "signs", hands, letters)
    done = shell("step_6_camera.py", "--teach", "--source", "signs")
    assert done.returncode == 0, done.stderr
    assert f"Taught by {3 * len(letters)} pictures" in done.stdout


def test_lessons_at_once_keep_all_their_pictures(workdir, hands):
    crops = [cv2.cvtColor(hand, cv2.COLOR_GRAY2BGR) for hand in hands[0]] * 20
    with ThreadPoolExecutor(8) as pool:
        paths = [*pool.map(partial(teach.keep_picture, "A"), crops)]
    assert sorted(paths) == sorted(learn.MY_HAND.glob("A/*"))
    assert len(set(paths)) == 200


@pytest.mark.parametrize("is_file", [True, False])
def test_a_folder_that_cannot_be_written_to_is_told_in_one_line(workdir, hands, is_file):
    save_pictures(workdir / "signs", hands, "B")
    if is_file:
        (workdir / "my_hand").write_text("mine")
    elif os.name == "nt" or os.geteuid() == 0:
        pytest.skip("whoever runs the tests may write everywhere")
    workdir.chmod(0o555)
    try:
        done = shell("step_6_camera.py", "--teach", "--source", "signs")
    finally:
        workdir.chmod(0o755)
    assert_one_line(done, 1, "my_hand")
    assert (workdir / "my_hand").exists() == is_file


def test_a_full_disk_leaves_what_was_learned_before(workdir, hands):
    resource = pytest.importorskip("resource")
    save_pictures(workdir / "signs", hands, "BL")
    assert shell("step_6_camera.py", "--teach", "--source", "signs").returncode == 0
    before = snapshot(workdir / "my_hand")
    save_pictures(workdir / "more", hands, "W")
    room = 100_000  # enough for pictures, not for what is learned
    done = subprocess.run(
        [*TEACH, "more"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert_one_line(done, 1, "learned.npz")
    after = snapshot(workdir / "my_hand")
    assert before.items() <= after.items()
    assert {path.parent.name for path in after.keys() - before.keys()} == {"W"}


def interrupt(command, line):
    """Send Ctrl-C to a command once it has printed a line with these words.

    Returns its status, and what it printed then.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for printed in process.stdout:
            if line in printed:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    return process.returncode, rest


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and permissions")
def test_ctrl_c_while_pictures_are_taken_keeps_them(workdir, hands):
    """They are learned from the next time."""
    save_lesson("lesson.avi", [hands[LETTERS.index(letter), 0] for letter in "ABCDEFGH" * 4])
    status, told = interrupt([*TEACH, "lesson.avi", "--headless", "--box", "1"], "\tA\t")
    assert status == 130
    assert "kept in my_hand: the camera script learns from them when it starts; remove" in told
    pictures = [*(workdir / "my_hand").rglob("*.*")]
    assert pictures
    assert all(cv2.imread(str(path)) is not None for path in pictures)
    done = shell("step_6_camera.py", "--source", "lesson.avi", "--headless")
    assert "nothing has been learned yet: it learns anew" in done.stdout
    assert "taught by" in done.stdout
    done = shell("step_6_camera.py", "--teach", "--source", "my_hand")
    assert done.returncode == 0
    assert f"0 new pictures in my_hand; left out as copies: {len(pictures)}" in done.stdout
    assert {*(workdir / "my_hand").glob("*/*")} == {*pictures}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and permissions")
def test_ctrl_c_while_it_learns_leaves_what_was_learned_before(workdir, hands):
    save_pictures(workdir / "signs", hands, LETTERS)
    learned = workdir / "my_hand/learned.npz"
    learned.parent.mkdir()
    learned.write_bytes(b"of last week")
    status, told = interrupt([*TEACH, "signs"], "Learning")
    assert status == 130
    assert told.startswith("72 new pictures kept in my_hand: the camera script learns from them")
    assert learned.read_bytes() == b"of last week"
    names = sorted(path.name for path in learned.parent.iterdir() if path.is_file())
    assert names == [learned.name]


def test_new_pictures_are_counted_and_keep_their_names(workdir, hands):
    """One of them is there twice, and another one's name is not free."""
    for name, number in {
        "signs/B/mine.png": 0,
        "signs/B/copy.png": 0,
        "my_hand/B/mine.png": 1,
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(name, hands[LETTERS.index("B"), number])
    cv2.imwrite("signs/B/theirs.png", hands[LETTERS.index("B"), 2])
    before = snapshot(workdir / "my_hand")
    done = shell("step_6_camera.py", "--teach", "--source", "signs")
    assert "2 new pictures in my_hand; left out as copies: 1" in done.stdout
    names = {path.name for path in (workdir / "my_hand/B").iterdir()}
    assert len(names) == 3
    assert {"mine.png", "theirs.png"} < names or {"copy.png", "theirs.png"} < names
    assert before.items() <= snapshot(workdir / "my_hand").items()
    Path("signs/B/copy.png").unlink()
    cv2.imwrite("signs/B/theirs.png", hands[LETTERS.index("B"), 3])
    done = shell("step_6_camera.py", "--teach", "--source", "signs")
    assert "1 new picture in my_hand; left out as copies: 1" in done.stdout


def test_swapped_letters_are_told_in_a_line(workdir, hands):
    save_pictures(workdir / "signs", np.flip(hands, axis=2), LETTERS)  # upright
    for letter, other in ("BL", "LB"):
        (workdir / "signs" / letter).rename(workdir / f"signs/{other}.now")
    for letter in "BL":
        (workdir / f"signs/{letter}.now").rename(workdir / "signs" / letter)
    done = shell("step_6_camera.py", "--teach", "--source", "signs")
    assert "Taught by 72 pictures in my_hand. Of 72" in done.stdout
    places = f"{Path('my_hand/B')} and {Path('my_hand/L')}"
    told = "B looks like L, and L like B: if they were swapped, swap the names of"
    assert f"{told} {places}, and teach again\n" in done.stdout
    again = shell("step_6_camera.py", "--source", ROOT / "data/hello.mp4", "--headless")
    assert "anew" not in again.stdout
    assert ", taught by 72 pictures in my_hand; untaught: reads 75.1 %" in again.stdout


def test_another_model_learns_anew_from_the_pictures(workdir, hands):
    save_pictures(workdir / "my_hand", hands, "BL")
    shutil.copy(SHIPPED, "signlanguage.onnx")
    model = load_model("signlanguage.onnx")
    learn.save(learn.learn(model, learn.read_pictures(learn.MY_HAND, model.alphabet), False)[0])
    other = SHIPPED.read_bytes() + encode(6, b"another")  # ModelProto.doc_string
    Path("signlanguage.onnx").write_bytes(other)
    done = shell("step_6_camera.py", "--source", ROOT / "data/hello.mp4", "--headless")
    assert "learned.npz: learned for another model: it learns anew" in done.stdout
    assert "taught by 6 pictures in my_hand" in done.stdout


def test_what_makes_it_read_worse_is_told(workdir, hands):
    """The pictures of one letter are of three others."""
    others = np.array([hands[LETTERS.index(letter), 0] for letter in "HEL"])
    save_pictures(workdir / "signs", others[None], "A")
    done = shell("step_6_camera.py", "--teach", "--source", "signs")
    told = "That is no better than before: mend the pictures, or remove my_hand to forget all"
    assert told in done.stdout.splitlines()
