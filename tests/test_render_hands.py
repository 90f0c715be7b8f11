"""The hand renderer: its files are in Sign Language MNIST's format, the same for the same seed, and
bad arguments are refused in one line."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anny", reason="anny is not installed (pip install -r data/requirements.txt)")

SCRIPT = Path(__file__).parents[1] / "data" / "render_hands.py"
sys.path.insert(0, str(SCRIPT.parent))

import render_hands  # noqa: E402  (found only now)

HEADER = ",".join(["label", *(f"pixel{k}" for k in range(1, 785))])


def run(*arguments):
    """Run the script as a shell would."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def hand():
    return render_hands.load_hand()


@pytest.fixture(scope="module")
def poses():
    return render_hands.read_poses()


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A plain file of 60 images by one worker, so that the last chunk is not full."""
    path = tmp_path_factory.mktemp("rendered") / "hands.csv"
    result = run("--count", 60, "--seed", 3, "--workers", 1, "--out", path)
    assert result.returncode == 0, result.stderr
    return path


def test_file_is_in_the_format_of_sign_language_mnist(rendered):
    lines = rendered.read_text(encoding="ascii").split("\n")
    assert lines[0] == HEADER
    assert lines[-1] == ""
    rows = np.loadtxt(rendered, delimiter=",", skiprows=1, dtype=np.uint8)
    assert rows.shape == (60, 785)
    alphabet = [k for k in range(25) if k != 9]  # J is 9, and Z would be 25
    assert rows[:, 0].tolist() == (alphabet * 3)[:60]


def test_pictures_show_something(rendered):
    pictures = np.loadtxt(rendered, delimiter=",", skiprows=1, dtype=np.uint8)[:, 1:]
    assert len(np.unique(pictures, axis=0)) == 60
    assert np.median(pictures.std(axis=1)) > 20


def test_two_workers_and_gzip_give_the_same_images(rendered, tmp_path):
    path = tmp_path / "hands.csv.gz"
    result = run("--count", 60, "--seed", 3, "--workers", 2, "--out", path)
    assert result.returncode == 0, result.stderr
    assert gzip.decompress(path.read_bytes()) == rendered.read_bytes()
    assert "60/60 images" in result.stdout
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_gzip_bytes_do_not_depend_on_time_or_name(tmp_path):
    for name in ("a.csv.gz", "b.csv.gz"):
        with render_hands.open_text(tmp_path / name, name) as file:
            file.write("0,1,2\n")
    first, second = ((tmp_path / name).read_bytes() for name in ("a.csv.gz", "b.csv.gz"))
    assert first == second
    assert first[4:8] == bytes(4)  # no time of writing


def test_another_seed_gives_other_images(hand, poses):
    one, two = (render_hands.draw_pictures(hand, poses, seed, range(4))[1] for seed in (1, 2))
    assert (one != two).any(axis=(1, 2)).all()


def test_an_image_depends_on_its_own_number_alone(hand, poses):
    together = render_hands.draw_pictures(hand, poses, 1, range(6))[1]
    alone = render_hands.draw_pictures(hand, poses, 1, [4])[1][0]
    assert np.abs(together[4].astype(int) - alone).max() <= 1


def test_hand_and_background_are_separate(hand, poses):
    variant = poses["B"][0]
    posed = render_hands.pose_hands(hand, variant.joints[None], [render_hands.AVERAGE])[0]
    grey, alpha = render_hands.draw_hand(hand, posed, variant, np.random.default_rng(0))
    assert grey.shape == alpha.shape == (render_hands.DETAIL, render_hands.DETAIL)
    assert 0.05 < alpha.mean() < 0.8
    assert alpha.min() == 0
    assert alpha.max() == 1
    assert grey[alpha == 0].max() == 0
    background = render_hands.draw_background(np.random.default_rng(0))
    assert background.shape == grey.shape
    assert background.min() >= 0
    assert background.max() <= 1


def test_hand_fills_the_crop_as_said(hand, poses):
    posed = render_hands.pose_hands(hand, poses["L"][0].joints[None], [render_hands.AVERAGE])[0]
    framed = render_hands.frame_hand(posed, hand.size, 0.5, 0.7, (0.1, -0.05))
    plane = framed[:, :2] / -framed[:, 2:]
    low, high = plane.min(0), plane.max(0)
    np.testing.assert_allclose((high - low).max() / 2, 0.7, rtol=1e-5)
    np.testing.assert_allclose((low + high) / 4, (0.1, -0.05), atol=1e-6)


def test_bending_a_finger_moves_its_tip_to_the_viewer(hand):
    joints = np.zeros((2, 21, 3))
    joints[1, render_hands.bone(1, 1), 0] = 60
    flat, bent = render_hands.pose_hands(hand, joints, [render_hands.AVERAGE] * 2)
    moved = np.abs(bent - flat).max(axis=1) > 0.01  # metres
    assert 50 < moved.sum() < 400
    tips = flat[:, 1] > flat[moved, 1].max() - 0.01
    assert (bent - flat)[moved & tips, 2].min() > 0.03


def test_every_letter_has_a_pose_and_two_handshapes_differ(poses):
    assert set(poses) == set(render_hands.LETTERS)
    spread = {
        letter: poses[letter][0].joints[render_hands.bone(1, 1), 2]
        - poses[letter][0].joints[render_hands.bone(2, 1), 2]
        for letter in "UV"
    }
    assert spread["U"] > 10 > -10 > spread["V"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("J 1 | 0 0 0 0 | 0 0 0 0 | 0 0 0 0 | 0 0 0 0 | 0 0 0 0 0 | 0 0 0 | 0 0 0", "'J'"),
        ("A 1 | 0 0 0 | 0 0 0 0", "line 2"),
        ("A x | 0 0 0 0 | 0 0 0 0 | 0 0 0 0 | 0 0 0 0 | 0 0 0 0 0 | 0 0 0 | 0 0 0", "line 2"),
        ("", "no pose for A B"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(tmp_path, row, told):
    table = tmp_path / "letters.txt"
    table.write_text(f"# a comment\n{row}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        render_hands.read_poses(table)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "nothing to do"),
        (("--out", "hands.txt"), "must end in .csv or .csv.gz"),
        (("--out", "nowhere/hands.csv"), "no folder"),
        (("--count", "0", "--out", "hands.csv"), "--count 0"),
        (("--count", "many", "--out", "hands.csv"), "many"),
        (("--seed", "-1", "--out", "hands.csv"), "--seed -1"),
        (("--workers", "0", "--out", "hands.csv"), "--workers 0"),
        (("--video", "hello.avi"), "must end in .mp4"),
        (("--video", "hello.mp4", "--word", "JAZZ"), "JAZZ"),
        (("--sheet", "sheet.gif"), "must end in .png or .jpg"),
        (("--colour",), "--colour"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(tmp_path, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        render_hands.main(list(arguments))
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_failure_is_told_in_one_line(tmp_path, monkeypatch):
    def fail(path, seed):
        raise OSError(f"{path}: no space left")

    monkeypatch.setattr(render_hands, "write_sheet", fail)
    with pytest.raises(SystemExit, match=r"^render_hands.py: .*sheet.png: no space left$"):
        render_hands.main(["--sheet", str(tmp_path / "sheet.png")])


def test_a_folder_is_not_taken_for_a_file(tmp_path, capsys):
    (tmp_path / "hands.csv").mkdir()
    with pytest.raises(SystemExit, match="2"):
        render_hands.main(["--out", str(tmp_path / "hands.csv")])
    assert "is a folder" in capsys.readouterr().err


def fail_half_way(path):
    with render_hands.whole_file(path) as temporary:
        temporary.write_text("half", encoding="ascii")
        raise RuntimeError


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "hands.csv"
    path.write_text("old", encoding="ascii")
    with pytest.raises(RuntimeError):
        fail_half_way(path)
    assert path.read_text(encoding="ascii") == "old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_moves_leave_the_frame_between_equal_letters(poses):
    drops = [move[2] for move in render_hands.plan_moves(poses, "LL")]
    away = [k for k, drop in enumerate(drops) if drop == 1]
    assert away[0] == 0
    assert away[-1] == len(drops) - 1
    assert any(len(drops) * 0.3 < k < len(drops) * 0.7 for k in away)


def test_video_can_be_read_back(tmp_path, monkeypatch):
    cv2 = pytest.importorskip("cv2")
    for pause in ("HOLD", "MOVE", "DROP"):
        monkeypatch.setattr(render_hands, pause, 0.08)  # two frames each
    path = tmp_path / "word.mp4"
    render_hands.write_video(path, "L")
    film = cv2.VideoCapture(str(path))
    ok, frame = film.read()
    film.release()
    assert ok
    assert frame.shape == (480, 640, 3)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_sheet_is_a_picture_of_every_letter(tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "sheet.png"
    render_hands.write_sheet(path, 1, columns=1, large=56)
    assert cv2.imread(str(path)).shape == (12 * 56, 4 * 56, 3)


@pytest.mark.parametrize(("name", "seed"), [("rendered_train", 1), ("rendered_test", 2)])
def test_committed_images_are_those_that_the_script_renders(hand, poses, name, seed):
    """Equal but for rounding: another processor may change a pixel by one grey level, seldom more
    (a hand's edge that falls on the other side of a sample)."""
    path = Path(render_hands.__file__).with_name(f"{name}.csv.gz")
    committed = np.loadtxt(path, np.uint8, delimiter=",", skiprows=1, max_rows=48)
    pictures = render_hands.draw_pictures(hand, poses, seed, range(48))[1].reshape(48, 784)
    difference = np.abs(pictures.astype(int) - committed[:, 1:])
    assert (difference <= 1).mean() > 0.999
    assert difference.mean() < 0.05


@pytest.mark.parametrize(("yaw", "mixed"), [(44.0, True), (46.0, False)])
def test_only_variants_seen_alike_are_mixed(poses, yaw, mixed):
    one = poses["A"][0]._replace(weight=1.0, view=np.zeros(3))
    variants = {"A": [one, one._replace(view=np.array([yaw, 0, 0]))]}
    rngs = map(np.random.default_rng, range(40))
    yaws = {float(render_hands.pick_variant(variants, 0, rng).view[0]) for rng in rngs}
    assert len(yaws) > 10 if mixed else yaws == {0.0, yaw}
    assert 0 <= min(yaws) < max(yaws) <= yaw


def test_fingers_are_made_longer(hand):
    longer = np.array([[0.0] * 4, [0.01] * 4])
    builds = [render_hands.AVERAGE] * 2
    short, long = render_hands.pose_hands(hand, np.zeros((2, 21, 3)), builds, longer)
    assert 0.005 < long[:, 1].max() - short[:, 1].max() < 0.015  # metres
