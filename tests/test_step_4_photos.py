import cv2
import numpy as np
import onnx
import pytest
import torch
from conftest import assert_one_line, draw_letters, shell

import step_4_evaluate as step_4
import step_6_camera
from step_2_dataset import LETTERS, DataError
from step_6_camera import load_model, preprocess, shrink

SEEN = 0.4  # of the oracle's threshold: a spot of 255 is surer, noise is not


class Oracle(torch.nn.Module):
    """Reads the small images of conftest: logits are the brightness of each letter's spot."""

    def forward(self, images):
        return torch.nn.functional.avg_pool2d(images[:, :, 3:, 3:], 3, 5).flatten(1)[:, :24]


@pytest.fixture(scope="session")
def oracle(tmp_path_factory):
    """The path of the Oracle as an ONNX model that says its threshold."""
    path = tmp_path_factory.mktemp("model") / "oracle.onnx"
    model = step_4.export(Oracle())
    model.metadata_props.add(key="threshold", value=str(SEEN))
    onnx.save(model, path)
    return path


def draw(letter, seed=0, size=28):
    """A picture uint8 (size, size) that the Oracle reads as `letter`."""
    image = draw_letters(24, seed)[0][LETTERS.index(letter)].reshape(28, 28)
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_NEAREST)


def put(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def judge(capsys, folder, oracle):
    """What is printed about the photos in `folder`."""
    step_4.judge_photos(folder, oracle)
    return capsys.readouterr().out


def test_letters_alone_are_one_source(workdir, capsys, oracle):
    for letter in LETTERS:
        put(workdir / f"photos/{letter}/1.png", draw(letter))
    text = judge(capsys, workdir / "photos", oracle)
    assert "24 hands, 0 without, 0 unreadable" in text
    assert "Right: 24/24 (100.00 %)" in text
    assert "100.00 % of 24 in photos" in text
    assert "Most often taken: none wrongly" in text
    assert (workdir / "mistakes.png").read_bytes().startswith(b"\x89PNG")


def test_mean_is_over_sources_and_the_lowest_is_named(workdir, capsys, oracle):
    put(workdir / "photos/good/A/1.png", draw("A"))
    for number, drawn in enumerate("KBBB"):
        put(workdir / f"photos/poor/K/{number}.png", draw(drawn))
    text = judge(capsys, workdir / "photos", oracle)
    assert "Right: 2/5 (40.00 %)" in text
    assert "as it is  62.50 % mean over sources, 25.00 % lowest (poor)" in text
    assert "100.00 % of 1 in good" in text
    assert "25.00 % of 4 in poor" in text
    assert "Most often taken: K for B 3\n" in text


def test_mirrored_pictures_are_read_mirrored(workdir, capsys, oracle):
    put(workdir / "photos/A/1.png", np.ascontiguousarray(draw("A")[:, ::-1]))
    text = judge(capsys, workdir / "photos", oracle)
    assert "as it is  0.00 %" in text
    assert "mirrored  100.00 %" in text
    assert "5 crops   0.00 %" in text


def test_shifted_crops_and_the_mirror_image_are_averaged(workdir, capsys, monkeypatch, oracle):
    put(workdir / "photos/A/1.png", draw("A"))
    odds = np.full((1, 6, 24), 0.01, np.float32)
    odds[0, 0, 1], odds[0, 1, 0] = 0.5, 0.9  # B as it is; A mirrored, which is no crop
    odds[0, 2:4, 0], odds[0, 4:, 0] = 0.4, 0.3  # the others say A
    monkeypatch.setattr(step_4, "read_views", lambda model, views: odds)
    text = judge(capsys, workdir / "photos", oracle)
    assert "as it is  0.00 %" in text
    assert "5 crops   100.00 %" in text
    assert "all six   100.00 %" in text
    odds[0, 1, :2] = 0.0, 1.0  # B mirrored too: enough to outvote the shifted crops
    odds[0, 0, 1] = 0.9
    text = judge(capsys, workdir / "photos", oracle)
    assert "5 crops   100.00 %" in text
    assert "all six   0.00 %" in text


def test_refused_and_accepted_at_the_threshold_of_the_model(workdir, capsys, oracle):
    flat = np.full((28, 28), 90, np.uint8)
    put(workdir / "photos/A/sure.png", draw("A"))
    put(workdir / "photos/A/flat.png", flat)  # A, for want of another
    put(workdir / "photos/C/wrong.png", draw("E"))
    put(workdir / "photos/no_hand/flat.png", flat)
    put(workdir / "photos/no_hand/lamp.png", draw("S"))
    text = judge(capsys, workdir / "photos", oracle)
    assert "3 hands, 2 without" in text
    assert f"threshold of the model, {SEEN}" in text
    assert "letters read rightly: 1/2 refused (50.00 %), 1 accepted" in text
    assert "letters read wrongly: 0/1 refused (0.00 %), 1 accepted" in text
    assert "pictures without a hand: 1/2 refused (50.00 %), 1 accepted" in text


@pytest.mark.parametrize("shape", [(28, 28), (120, 90), (64, 200, 3), (480, 640, 4)])
def test_views_are_what_the_camera_makes(shape):
    frame = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    views = step_4.draw_views(frame)
    assert views.shape == (6, 28, 28)
    assert np.array_equal(views[0], shrink(frame))
    assert np.array_equal(views[1], views[0][:, ::-1])
    side = min(shape[:2])
    rows, columns = ((n - side) // 2 for n in shape[:2])
    room = side - round(side * step_4.CROP)
    square = frame[rows : rows + side, columns : columns + side]
    assert np.array_equal(views[2], shrink(square[: side - room, : side - room]))
    assert np.array_equal(views[5], shrink(square[room:, room:]))


def test_a_single_pixel_is_a_picture():
    assert step_4.draw_views(np.full((1, 1), 7, np.uint8)).tolist() == [[[7] * 28] * 28] * 6


def test_probabilities_are_the_model_s(oracle):
    model = load_model(oracle)
    views = np.stack([step_4.draw_views(draw("A", seed)) for seed in range(3)])
    probabilities = step_4.read_views(model, views)
    assert probabilities.shape == (3, 6, 24)
    logits = model.session.run(None, {"input": preprocess(views[1, 4])})[0][0]
    odds = np.exp(logits)
    assert np.allclose(probabilities[1, 4], odds / (1 + odds.sum()), atol=1e-6)  # 1 for no hand


def test_pictures_of_all_kinds_and_sizes(workdir, capsys, oracle):
    put(workdir / "photos/A/grey.png", draw("A", size=56))
    put(workdir / "photos/a/colour.JPG", cv2.merge([draw("A", size=280)] * 3))
    put(workdir / "photos/A/wide.bmp", np.pad(draw("A", size=112), ((0, 0), (60, 60))))
    assert "Right: 3/3" in judge(capsys, workdir / "photos", oracle)


def test_unreadable_pictures_are_named_and_counted(workdir, capsys, oracle):
    put(workdir / "photos/A/1.png", draw("A"))
    (workdir / "photos/A/broken.jpg").write_bytes(b"not a picture")
    (workdir / "photos/A/empty.png").touch()
    (workdir / "photos/A/.hidden").touch()
    (workdir / "photos/A/folder").mkdir()
    text = judge(capsys, workdir / "photos", oracle)
    for name in ("broken.jpg", "empty.png", "folder"):
        assert f"{name}: not a picture that can be read\n" in text
    assert "1 hands, 0 without, 3 unreadable" in text


def test_folders_of_no_letter_are_left_out(workdir, capsys, oracle):
    put(workdir / "photos/A/1.png", draw("A"))
    for name in ("J", "Z", "AB", "deep/er/A"):
        put(workdir / f"photos/{name}/1.png", draw("B"))
    assert "1 hands, 0 without, 0 unreadable" in judge(capsys, workdir / "photos", oracle)


def test_mistakes_are_ordered_and_without_hand_too(workdir, monkeypatch):
    labels, letters = np.array([0, 1, -1, 2]), np.array([0, 3, 4, 5])
    photos = step_4.Photos(
        np.array(["a/0.png", "a/1.png", "a/2.png", "a/3.png"]),
        np.array(["a"] * 4),
        labels,
        np.zeros((4, 6, 28, 28), np.uint8),
    )
    probabilities = np.full((4, 24), 0.01)
    probabilities[range(4), letters] = [0.7, 0.5, 0.9, 0.6]
    figures = []
    monkeypatch.setattr(step_4, "write_figure", lambda path, figure: figures.append(figure))
    step_4.save_mistakes("mistakes.png", photos, probabilities)
    titles = [axes.get_title() for axes in figures[0].axes]
    assert titles == ["no hand read E 90 %", "C read F 60 %", "B read D 50 %"]


def test_folder_without_letters_is_refused(workdir, oracle):
    (workdir / "photos/no_hand").mkdir(parents=True)
    for folder in (workdir / "photos", workdir / "none"):
        with pytest.raises(DataError, match=r"no pictures in .*/A/"):
            step_4.judge_photos(folder, oracle)


def test_model_of_other_letters_is_refused(workdir, oracle):
    model = onnx.load(oracle)
    next(prop for prop in model.metadata_props if prop.key == "alphabet").value = LETTERS[::-1]
    onnx.save(model, "other.onnx")
    with pytest.raises(DataError, match=r"other.onnx: not a model of ABC"):
        step_4.judge_photos(workdir, "other.onnx")


def test_the_shipped_model_is_used_and_named_without_an_own_one(
    workdir, capsys, monkeypatch, oracle
):
    put(workdir / "photos/A/1.png", draw("A"))
    shipped = workdir / "project/pretrained/signlanguage.onnx"
    monkeypatch.setattr(step_6_camera, "__file__", str(workdir / "project/step_6_camera.py"))
    with pytest.raises(DataError, match=r"no model signlanguage.onnx; make it with"):
        step_4.judge_photos("photos")
    shipped.parent.mkdir(parents=True)
    shipped.write_bytes(oracle.read_bytes())
    assert judge(capsys, "photos", None).startswith(f"{shipped}, photos: 1 hands")
    (workdir / "signlanguage.onnx").write_bytes(oracle.read_bytes())
    assert judge(capsys, "photos", None).startswith("signlanguage.onnx, photos: 1 hands")


def test_script(workdir, oracle):
    put(workdir / "photos/me/A/1.png", draw("A"))
    (workdir / "signlanguage.onnx").write_bytes(oracle.read_bytes())
    process = shell("step_4_evaluate.py", "--photos", "photos")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("signlanguage.onnx, photos: 1 hands")
    (workdir / "signlanguage.onnx").unlink()
    process = shell("step_4_evaluate.py", "--photos", "photos", "--model", oracle)
    assert process.returncode == 0, process.stderr


def test_script_explains_failures_in_one_line(workdir, oracle):
    script = "step_4_evaluate.py"
    assert_one_line(shell(script, "--photos", "none", "--model", oracle), 1, "none/A/")
    assert_one_line(shell(script, "--photos", ".", "--model", "no.onnx"), 1, "no model no.onnx")
    assert_one_line(shell(script, "--model", oracle), 2, "--model goes with --photos")
