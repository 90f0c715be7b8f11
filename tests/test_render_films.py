"""Films of hands that spell: a hand passes through its letters and strokes, the same for the same
seed, and what cannot be done is refused in one line."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="anny is not installed (pip install -r tools/requirements.txt)")

import cv2

from plumbing.faults import UserError
from step_2_dataset import LETTERS
from tools import render_films
from tools.render_hands import read_poses

GROUP = "anny"  # one process: at its first use anny prepares its data


@pytest.fixture(scope="module")
def poses():
    return read_poses()


@pytest.fixture
def hurry(monkeypatch):
    """Films at a pace that takes few pictures."""
    monkeypatch.setattr(render_films, "PACE", {"slot": 0.2})
    monkeypatch.setattr(render_films, "FPS", 5)


def plan(poses, items, seed=1, **pace):
    return render_films.plan_film(poses, np.random.default_rng(seed), items, **pace)


def path_of(planned, sign):
    """Where the hand's middle is during a sign: (n, 2), from its start."""
    start, end = next(times for name, *times in planned.signs if name == sign)
    stops = [stop.moment for stop in planned.stops if start - 1e-9 <= stop.time <= end + 1e-9]
    return np.stack(stops)[:, render_films.PLACE] - stops[0][render_films.PLACE]


def test_a_film_shows_every_sign_in_order_and_in_its_time(poses):
    items = ["A", "J", "I+", "Z", "D~", "D"]
    planned = plan(poses, items, slot=0.8)
    assert "".join(name for name, _, _ in planned.signs) == "AJIZDD"
    times = np.ravel([times for _, *times in planned.signs])
    assert (np.diff(times) >= 0).all()
    assert times[-1] < planned.now
    lengths = {name: end - start for name, start, end in planned.signs}
    for sign in "JZ":
        low, high = render_films.STROKE_TIMES
        assert low - 1e-6 <= lengths[sign] <= high + 1e-6


def test_the_hand_comes_up_from_below_and_drops(poses):
    for seed in range(5):
        stops = plan(poses, ["L"], seed).stops
        heights = [stop.moment[render_films.PLACE][1] for stop in stops]
        assert max(heights[0], heights[-1]) < -0.6
        assert max(heights) > -0.4


def test_the_pace_is_in_letters_a_second(poses):
    lengths = [plan(poses, list("LOVE"), slot=slot).now for slot in (1, 1 / 3)]
    assert 1.5 < lengths[0] - lengths[1] < 4


@pytest.mark.parametrize("seed", range(6))
def test_z_goes_across_back_down_and_across_again(poses, seed):
    path = path_of(plan(poses, ["Z"], seed), "Z")
    turns = np.diff(np.sign(np.diff(path[:, 0])))
    assert np.count_nonzero(turns) in (2, 4)  # there and back, at times through a pause
    assert path[-1, 1] < path[:, 1].max()


@pytest.mark.parametrize("seed", range(6))
def test_j_goes_down_and_the_wrist_turns(poses, seed):
    planned = plan(poses, ["J"], seed)
    path = path_of(planned, "J")
    assert path[:, 1].min() < -0.08
    start, end = planned.signs[0][1:]
    yaws = [s.moment[render_films.VIEW][0] for s in planned.stops if start <= s.time <= end]
    assert np.ptp(yaws) >= 28


def test_a_film_depends_on_its_seed_alone(poses):
    one, same, other = (render_films.draw_film(poses, s, ["L"], 8, slot=0.3) for s in (1, 1, 2))
    assert np.array_equal(one.images, same.images)
    assert one.images.shape != other.images.shape or (one.images != other.images).any()
    assert (one.images.dtype, one.images.shape[1:]) == (np.uint8, (28, 28))
    assert len(one.times) == len(one.images)
    assert one.signs[0][0] == "L"


def test_films_for_training_have_all_that_is_to_be_told_apart():
    rng = np.random.default_rng(0)
    items = [item for _ in range(200) for item in render_films.random_items(rng)]
    assert {"J", "Z", "I.", "D~", "L+"} <= set(items)
    assert {item[0] for item in items} == set(LETTERS + "JZ")


def test_a_film_can_be_read_back(tmp_path, hurry):
    render_films.write_video(tmp_path / "word.mp4", "L", 1)
    film = cv2.VideoCapture(str(tmp_path / "word.mp4"))
    frames = [frame for more, frame in iter(film.read, (False, None)) if more]
    film.release()
    assert {frame.shape for frame in frames} == {(480, 640, 3)}
    assert np.abs(frames[0].astype(int) - frames[len(frames) // 2]).mean() > 3
    assert [file.name for file in tmp_path.iterdir()] == ["word.mp4"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("", "--video"),
        ("--video hello.avi", "must end in .mp4"),
        ("--video hello.mp4 --word H3LLO", "H3LLO"),
        ("--video hello.mp4 --seed -1", "--seed"),
    ],
)
def test_wrong_flags_are_usage_errors(workdir, capsys, flags, told):
    with pytest.raises(SystemExit) as ended:
        render_films.main(flags.split())
    assert ended.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
    assert not list(workdir.iterdir())


def test_a_failure_leaves_the_old_film(tmp_path, monkeypatch, hurry):
    path = tmp_path / "film.mp4"
    path.write_text("old", encoding="ascii")
    monkeypatch.setattr(cv2, "VideoWriter_fourcc", lambda *_: 0)  # no codec that OpenCV knows
    with pytest.raises(UserError, match=r"film.mp4: OpenCV could not write"):
        render_films.write_video(path, "L", 1)
    assert path.read_text(encoding="ascii") == "old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
