"""The hand renderer: its files are in Sign Language MNIST's format, the same for the same seed, its
hands do what the table of poses says, and what it cannot do is refused in one line."""

import gzip

import numpy as np
import onnx
import pytest
from conftest import FILE_LABELS, HEADER, LETTERS, ROOT, shell

pytest.importorskip("anny", reason="anny is not installed (pip install -r tools/requirements.txt)")

import cv2

from camera.model import load_model, read_letters
from plumbing.faults import UserError
from tools import render_hands, rooms

BUILD = dict.fromkeys(("gender", "muscle", "weight", "height", "proportions", "age"), 0.5)
AS_IT_IS = np.zeros((1, 4))  # fingers no longer than anny's
GROUP = "anny"  # one process: at its first use anny prepares its data
INDEX, MIDDLE = render_hands.FINGERS[:2]
SHIPPED = ROOT / "pretrained/signlanguage.onnx"
SAME = 0.02  # share of pixels that may differ in the same image


@pytest.fixture(scope="module")
def hand():
    return render_hands.load_hand()


@pytest.fixture(scope="module")
def poses():
    return render_hands.read_poses()


def pose(hand, joints, longer=AS_IT_IS):
    return render_hands.pose_hands(hand, joints[None], [BUILD], longer)[0]


def read_images(path, rows=None):
    rows = np.loadtxt(path, np.uint8, delimiter=",", skiprows=1, max_rows=rows)
    return rows[:, 0], rows[:, 1:].reshape(-1, 28, 28)


def share_off(images, others):
    """The share of each image's pixels that are not the other's but for rounding: another
    processor, or other images posed along with it, may change one by a grey level, seldom more (a
    hand's edge that falls on the other side of a sample)."""
    return (np.abs(images.astype(int) - others) > 1).mean(axis=(-2, -1))


# ---------------------------------------------------------------- files


def test_a_file_is_in_the_format_of_sign_language_mnist(workdir):
    """Two workers and a last chunk that is not full; the text is that of one process."""
    path = workdir / "hands.csv.gz"
    flags = ["--out", path.name, "--count", "60", "--seed", "3", "--workers", "2"]
    result = shell("tools.render_hands", *flags)
    assert (result.returncode, result.stderr) == (0, "")
    assert "100 % of 60" in result.stdout
    assert [file.name for file in workdir.iterdir()] == [path.name]
    assert path.read_bytes()[4:8] == bytes(4)  # no time of writing
    text = gzip.decompress(path.read_bytes()).decode("ascii")
    parts = range(48), range(48, 60)
    rows = "".join(render_hands.render_rows(3, False, None, part) for part in parts)
    assert text == f"{HEADER}\n{rows}"
    labels, images = read_images(path)
    assert labels.tolist() == (FILE_LABELS * 3)[:60]
    assert len(np.unique(images, axis=0)) == 60
    assert np.median(images.std(axis=(1, 2))) > 20


def test_an_image_depends_on_seed_and_its_own_number_alone(hand, poses):
    together = render_hands.draw_pictures(hand, poses, 1, range(6))[1]
    alone = render_hands.draw_pictures(hand, poses, 1, [4])[1][0]
    other = render_hands.draw_pictures(hand, poses, 2, range(6))[1]
    assert np.abs(together[4].astype(int) - alone).max() <= 1
    assert (together != other).any(axis=(1, 2)).all()


def test_readable_hands_are_drawn_until_the_model_reads_them(hand, poses, monkeypatch):
    """The first try that the model reads, or else the one it reads best."""
    monkeypatch.setattr(render_hands, "TRIES", 4)
    model = load_model(SHIPPED)
    chosen = render_hands.draw_readable(SHIPPED, hand, poses, 1, range(24))
    kept = []
    for i, letter in enumerate(LETTERS):
        tries = [
            render_hands.draw_pictures(hand, poses, 1, [i], attempt=k)[1][0]
            for k in range(render_hands.TRIES)
        ]
        shares = [read_letters(model, image, 0)[LETTERS.index(letter)] for image in tries]
        readable = [k for k, share in enumerate(shares) if share >= render_hands.READABLE]
        kept.append(readable[0] if readable else int(np.argmax(shares)))
        assert share_off(chosen[i], tries[kept[-1]]) < SAME, letter
    assert len(set(kept)) > 2  # some at once, some later


@pytest.mark.parametrize(
    ("name", "seed", "draw", "tries"),
    [
        ("rendered_train", 1, render_hands.draw_letter, render_hands.TRIES),
        ("rendered_test", 2, render_hands.draw_letter, 1),
        ("no_hand_train", 1, render_hands.draw_no_hand, 1),
        ("no_hand_test", 2, render_hands.draw_no_hand, 1),
    ],
)
def test_committed_images_are_those_that_the_script_draws(hand, poses, name, seed, draw, tries):
    """Which try was kept was up to a model that may no longer be the one in pretrained/."""
    labels, committed = read_images(ROOT / "data" / f"{name}.csv.gz", 48)
    images, other = np.zeros_like(committed), range(48)
    for attempt in range(tries):
        drawn = render_hands.draw_pictures(hand, poses, seed, other, draw=draw, attempt=attempt)
        images[other] = drawn[1]
        other = np.flatnonzero(share_off(images, committed) >= SAME)
        if not len(other):
            break
    difference = np.abs(images.astype(int) - committed)
    told = (
        f"render_hands.py, rooms.py, letters.txt or the alphabet draw another data/{name}.csv.gz. "
        "Draw all of data/*.csv.gz, hello.mp4 and docs/sheet.jpg again (data/README.md says how); "
        "then the model in pretrained/ and the numbers of both README files are of other images"
    )
    assert (difference <= 1).mean() > 0.999, told
    assert difference.mean() < 0.05, told
    assert (labels == 26).all() == name.startswith("no_hand")


def test_sheet_is_a_picture_of_every_letter(tmp_path):
    render_hands.write_sheet(tmp_path / "sheet.png", 1, columns=1, large=56)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (-(-len(LETTERS) // 2) * 56, 4 * 56, 3)


# ---------------------------------------------------------------- hands and rooms


def test_every_letter_has_a_pose_and_two_handshapes_differ(poses):
    assert list(poses) == list(LETTERS)
    apart = {x: np.subtract(*poses[x][0].joints[[INDEX[0], MIDDLE[0]], 2]) for x in "UV"}
    assert apart["U"] > 10 > -10 > apart["V"]


def test_bending_a_finger_moves_its_tip_to_the_viewer(hand):
    joints = np.zeros((21, 3))
    flat = pose(hand, joints)
    joints[INDEX[0], 0] = 60
    bent = pose(hand, joints)
    moved = np.abs(bent - flat).max(axis=1) > 0.01  # metres
    assert 50 < moved.sum() < 400
    tips = flat[:, 1] > flat[moved, 1].max() - 0.01
    assert (bent - flat)[moved & tips, 2].min() > 0.03


def test_views_turn_the_hand_as_the_table_says():
    """x is right, y up, z to the viewer: pitch 90 points the fingers at the viewer, then roll 90
    does not move them; roll 90 points them left; yaw -90 shows the thumb's side, which is right."""
    fingers, thumb = np.array([0, 1, 0]), np.array([1, 0, 0])
    for (yaw, pitch, roll), vector, where in (
        ((0, 90, 90), fingers, (0, 0, 1)),
        ((0, 0, 90), fingers, (-1, 0, 0)),
        ((-90, 0, 0), thumb, (0, 0, 1)),
    ):
        turn = render_hands.rotations("ZXY", np.array([roll, pitch, yaw], float))
        np.testing.assert_allclose(turn @ vector, where, atol=1e-6)


def test_fingers_are_made_longer(hand):
    short, long = (pose(hand, np.zeros((21, 3)), np.full((1, 4), more)) for more in (0, 0.01))
    assert 0.005 < long[:, 1].max() - short[:, 1].max() < 0.015  # metres


@pytest.mark.parametrize(("yaw", "mixed"), [(44.0, True), (46.0, False)])
def test_only_variants_seen_alike_are_mixed(poses, yaw, mixed):
    one = poses["A"][0]._replace(weight=1.0, view=np.zeros(3))
    variants = [one, one._replace(view=np.array([yaw, 0, 0]))]
    rngs = map(np.random.default_rng, range(40))
    yaws = {float(render_hands.pick_variant(variants, rng).view[0]) for rng in rngs}
    assert len(yaws) > 10 if mixed else yaws == {0.0, yaw}
    assert 0 <= min(yaws) < max(yaws) <= yaw


def test_signers_differ_more_in_their_fingers_than_letters_allow_in_spread(poses):
    loose = [render_hands.loosen(poses["B"][0], np.random.default_rng(k)) for k in range(100)]
    spread = np.std(loose, axis=0)
    assert 1 < spread[INDEX[0], 0] < 10
    assert 1 < spread[INDEX[0], 2] < 5
    assert 1 < spread[render_hands.THUMB[1], 0] < 10
    assert spread[INDEX[0], 1] == 0  # fingers do not twist


def test_hand_fills_the_picture_as_said(hand, poses):
    framed = render_hands.frame_hand(
        pose(hand, poses["L"][0].joints), hand.size, 0.5, 0.7, (0.1, -0.05)
    )
    plane = framed[:, :2] / -framed[:, 2:]
    low, high = plane.min(0), plane.max(0)
    np.testing.assert_allclose((high - low).max() / 2, 0.7, rtol=1e-5)
    np.testing.assert_allclose((low + high) / 4, (0.1, -0.05), atol=1e-6)


def test_hand_and_background_are_separate(hand, poses):
    variant, rng = poses["B"][0], np.random.default_rng(0)
    grey, alpha = render_hands.draw_hand(
        hand, pose(hand, variant.joints), variant, rng, 56, render_hands.place_inside
    )
    assert grey.shape == alpha.shape == (56, 56)
    assert 0.05 < alpha.mean() < 0.8
    assert (alpha.min(), alpha.max()) == (0, 1)
    assert grey[alpha == 0].max() == 0
    background = rooms.draw_background(rng, 56)
    assert background.shape == grey.shape
    assert 0 <= background.min() <= background.max() <= 1


def test_a_hand_outside_is_outside_but_for_a_little(hand, poses):
    """Its box overlaps the picture, -0.5 to 0.5, by no more than ENTERING of a side."""
    box = np.array([0.08, 0.17])
    for seed in range(200):
        rng = np.random.default_rng(seed)
        fill, shift = render_hands.place_outside(np.stack([box * 0, box]), rng)
        half = fill * box / box.max() / 2
        inside = np.minimum(0.5, shift + half) - np.maximum(-0.5, shift - half)
        assert inside.min() <= render_hands.ENTERING[1] + 1e-9


def test_light_does_not_reach_what_lies_behind():
    near, far = [[-1, -1, 0.1], [1, -1, 0.1], [0, 1, 0.1]], [[0, 0, -0.1], [0.1, 0, -0.1]]
    vertices = np.array([*near, *far, [0.1, 0.1, -0.1]], np.float32) * 0.1
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    front = render_hands.reached_by(np.array([0, 0, 1.0]), vertices, faces)
    assert front.tolist() == [1, 1, 1, 0, 0, 0]


# ---------------------------------------------------------------- faults

FINGER, THUMB, VIEW = "0 0 0 0", "0 0 0 0 0", "0 0 0"
REST = " | ".join([FINGER] * 4 + [THUMB, VIEW, VIEW])


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (f"Z 1 | {REST}", "line 2: not a letter"),
        (f"A x | {REST}", "line 2"),
        (f"A 0 | {REST}", "line 2"),
        (f"A | {REST}", "line 2"),
        (f"A 1 | {REST[:-1]}nan", "line 2"),
        (f"A 1 | {REST} 0", "line 2"),
        (f"A 1 | {FINGER}", "line 2"),
        (f"A 1 | {REST}", "no pose for B C"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(tmp_path, row, told):
    table = tmp_path / "letters.txt"
    table.write_text(f"# a comment\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError, match=told):
        render_hands.read_poses(table)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("", "nothing to do"),
        ("--out hands.txt", "must end in .csv or .csv.gz"),
        ("--count 0 --out hands.csv", "--count"),
        ("--count many --out hands.csv", "many"),
        ("--seed -1 --out hands.csv", "--seed"),
        ("--workers 0 --out hands.csv", "--workers"),
        ("--sheet sheet.gif", "must end in .png or .jpg"),
        ("--colour", "--colour"),
        ("--readable model.onnx --no-hand --out hands.csv", "--readable"),
    ],
)
def test_wrong_flags_are_usage_errors(workdir, capsys, flags, told):
    with pytest.raises(SystemExit) as ended:
        render_hands.main(flags.split())
    assert ended.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
    assert not list(workdir.iterdir())


def test_a_model_that_cannot_judge_is_refused(workdir):
    model = onnx.load(SHIPPED)
    for entry in model.metadata_props:
        if entry.key == "alphabet":
            entry.value = LETTERS.lower()
    onnx.save(model, "small.onnx")
    for name, told in (("nowhere.onnx", "no model"), ("small.onnx", "reads other letters")):
        with pytest.raises(UserError, match=told):
            render_hands.main(["--readable", name, "--out", "hands.csv"])
    assert [file.name for file in workdir.iterdir()] == ["small.onnx"]


def test_no_folder_to_write_to_is_told_at_once(workdir):
    with pytest.raises(FileNotFoundError, match=r"nowhere/hands.csv"):
        render_hands.main(["--out", "nowhere/hands.csv"])


def test_a_folder_is_not_taken_for_a_file(workdir):
    (workdir / "hands.csv").mkdir()
    with pytest.raises(UserError, match=r"hands.csv: a folder"):
        render_hands.main(["--out", "hands.csv"])
