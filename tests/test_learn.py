"""A model is taught a hand: it reads what it was taught, and forgets nothing."""

import shutil
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import ROOT

import camera.teach
import step_2_dataset
from camera import learn
from camera.layers import LAYERS, backward, encode
from camera.model import average_views, load_model
from plumbing.faults import UserError

ODD = "AOT"  # letters that our person signs upside down


@pytest.fixture(scope="module")
def model():
    cv2.setNumThreads(1)
    return load_model(ROOT / "pretrained/signlanguage.onnx")


@pytest.fixture(scope="module")
def hands(model):
    """Rendered hands, uint8 (1440, 28, 28), and their letters."""
    rows = np.loadtxt(ROOT / "data/rendered_test.csv.gz", np.uint8, delimiter=",", skiprows=1)
    return rows[:, 1:].reshape(-1, 28, 28), [chr(ord("A") + label) for label in rows[:, 0]]


@pytest.fixture(scope="module")
def moments(model, hands):
    """One hand a letter at six moments, each a little different, but ODD ones upside down."""
    rng, moments = np.random.default_rng(1), {}
    for letter in model.alphabet:
        image = hands[0][hands[1].index(letter)]
        image = image[::-1] if letter in ODD else image
        varied = learn.augment([np.ascontiguousarray(image)], 6, 28, rng)
        moments[letter] = list(varied.astype(np.uint8))
    return moments


def to_pictures(moments, some=slice(3)):
    return [
        learn.Picture(f"{letter}{i}.png", letter, image)
        for letter, images in moments.items()
        for i, image in enumerate(images[some])
    ]


def write_pictures(folder, pictures):
    for picture in pictures:
        (folder / picture.letter).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / picture.letter / picture.path), picture.image)


def read_views(model, images):
    """The letters that a model reads, from the mean of four views of each image."""
    pixels = ((np.array(images) / 255 - model.mean) / model.std).astype(np.float32)[:, None]
    logits = average_views(model.logits, pixels, range(model.views))
    return [model.alphabet[number] for number in logits.argmax(axis=1)]


def share_right(model, images, letters):
    return np.mean(np.array(read_views(model, images)) == np.array(letters))


@pytest.fixture(scope="module")
def lesson(model, moments):
    """What all pictures teach, and the Report."""
    return learn.learn(model, to_pictures(moments))


def test_odd_signs_are_read_once_they_are_taught(model, moments, lesson):
    exams = to_pictures({letter: moments[letter] for letter in ODD}, slice(3, 6))
    images, letters = [p.image for p in exams], [p.letter for p in exams]
    taught = learn.taught(model, lesson[0])
    assert share_right(model, images, letters) < 0.5
    assert share_right(taught, images, letters) > 0.85
    assert share_right(taught, [image[:, ::-1] for image in images], letters) > 0.85


def test_the_report_counts_pictures_left_out(model, moments, lesson):
    report = lesson[1]
    assert len(report.before) == len(report.after) == 72
    assert report.after.sum() > report.before.sum()
    assert report.after.mean() > 0.85
    assert str(report.after.sum()) in str(report)
    assert report.odd == report.swapped == []
    alone, report = learn.learn(model, to_pictures(moments, slice(1)))
    assert alone.pictures == 24
    assert len(report.before) == 0
    assert "one picture" in str(report)


@pytest.mark.parametrize("letters", ["BDGHIL", "A", "M", ODD, "EKR", "CFVY"])
def test_letters_not_taught_get_no_worse(model, moments, hands, letters):
    pictures = to_pictures({letter: moments[letter] for letter in letters})
    learned, _ = learn.learn(model, pictures, trials=False)
    taught = learn.taught(model, learned)
    for letter in letters:
        assert read_views(taught, moments[letter][3:]).count(letter) >= 2
    numbers = [i for i, letter in enumerate(hands[1]) if letter not in letters]
    others = hands[0][numbers], [hands[1][i] for i in numbers]
    assert share_right(taught, *others) > share_right(model, *others) - 0.01


def test_learning_twice_gives_the_same(model, moments, lesson):
    again, _ = learn.learn(model, to_pictures(moments), trials=False)
    assert all(np.array_equal(again.layers[name], lesson[0].layers[name]) for name in LAYERS)


def test_the_taught_session_computes_what_the_learner_does(model, moments, lesson):
    learner = learn.Learner(model, to_pictures(moments))
    layers = list(lesson[0].layers.values())
    pixels = np.random.default_rng(1).normal(size=(2, 1, 28, 28)).astype(np.float32)
    features = learner.session.run([learn.FEATURES], {"input": pixels})[0]
    (logits,) = learn.taught(model, lesson[0]).session.run(["logits"], {"input": pixels})
    assert np.allclose(learn.forward(layers, features)[-1], logits, atol=1e-4)


def test_gradients_are_those_of_the_loss():
    rng = np.random.default_rng(1)
    layers = [rng.normal(size=s) for s in ((4, 5), (4,), (4, 4), (4,), (3, 4), (3,))]
    features, targets = rng.normal(size=(2, 5)), np.array([[1, 0, 0, 0], [0, 0.5, 0, 0.5]])

    def loss():
        return -(targets * np.log(learn.softmax(forward(), 0.0))).sum()

    def forward():
        return learn.forward(layers, features)[-1]

    error = learn.softmax(forward(), 0.0) - targets
    gradients = backward(layers, learn.forward(layers, features), error[:, :-1])
    for layer, gradient in zip(layers, gradients, strict=True):
        for place in np.ndindex(layer.shape):
            before = layer[place]
            layer[place] = before + 1e-6
            above = loss()
            layer[place] = before - 1e-6
            slope = (above - loss()) / 2e-6
            layer[place] = before
            assert np.isclose(slope, gradient[place], atol=1e-5)


# ---------------------------------------------------------------- pictures that contradict


@pytest.mark.parametrize("pairs", [("BL", "DH", "KP"), ("DY",)])
def test_swapped_letters_are_named_and_learned_as_they_are(model, moments, pairs):
    """Somebody may sign so: only a person can tell."""
    swapped = {a: moments[b] for pair in pairs for a, b in (pair, pair[::-1])}
    learned, report = learn.learn(model, to_pictures(moments | swapped))
    assert report.swapped == [tuple(pair) for pair in pairs]
    assert (report.odd, learned.pictures) == ([], 72)
    exams = to_pictures(swapped, slice(3, 6))
    images, letters = [p.image for p in exams], [p.letter for p in exams]
    assert share_right(model, images, letters) < 0.2
    assert share_right(learn.taught(model, learned), images, letters) > 0.8


def test_a_wrong_picture_and_one_without_a_hand_are_named(model, moments):
    pictures = to_pictures(moments)
    numbers = [i for i, p in enumerate(pictures) if p.letter in "FY"][2:4]
    other = next(p.image for p in pictures if p.letter == "V")
    empty = np.full((28, 28), 128, np.uint8)
    for number, image in zip(numbers, (other, empty), strict=True):
        pictures[number] = replace(pictures[number], image=image)
    report = learn.learn(model, pictures)[1]
    wrong = [pictures[number] for number in numbers]
    assert [(p.path, seen) for p, seen in report.odd] == [
        (wrong[0].path, "V"),
        (wrong[1].path, learn.NO_HAND),
    ]


# ---------------------------------------------------------------- files


def teach_folder(model, folder):
    """Learn from the pictures in `folder`, keep it there, and return the taught model."""
    learned, _ = learn.learn(model, learn.read_pictures(folder, model.alphabet), trials=False)
    learn.save(learned, folder)
    return learn.taught(model, learned)


@pytest.fixture
def my_hand(tmp_path, monkeypatch, moments):
    """The current folder's my_hand/, with pictures of three letters."""
    monkeypatch.chdir(tmp_path)
    write_pictures(learn.MY_HAND, to_pictures({letter: moments[letter] for letter in ODD}))
    return learn.MY_HAND


def test_what_was_learned_is_used_by_itself(model, my_hand, moments, capsys):
    taught = teach_folder(model, my_hand)
    again, note = learn.use_hand(model)
    assert note == "taught by 9 pictures in my_hand"
    assert read_views(again, moments["O"]) == read_views(taught, moments["O"])
    assert capsys.readouterr().out == ""


def test_nothing_was_taught(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert learn.use_hand(model) == (model, "")


def test_it_learns_anew_for_another_model(model, my_hand, moments, tmp_path, capsys):
    teach_folder(model, my_hand)
    other = tmp_path / "other.onnx"
    other.write_bytes(model.path.read_bytes() + encode(6, b"another one"))  # a comment
    other = load_model(other)
    with pytest.raises(UserError, match="another model"):
        learn.load(other)
    taught, note = learn.use_hand(other)
    assert note == "taught by 9 pictures in my_hand"
    assert capsys.readouterr().out.count("\n") == 1
    assert read_views(taught, moments["T"]).count("T") >= 5
    learn.load(other)
    shutil.rmtree(my_hand / "A")
    assert learn.use_hand(other)[1] == "taught by 6 pictures in my_hand"
    assert "6 pictures now, 9 when it learned: it learns anew" in capsys.readouterr().out


def test_it_learns_anew_where_landmarks_were_not_learned_yet(model, my_hand, capsys):
    teach_folder(model, my_hand)
    path = my_hand / learn.LEARNED
    with np.load(path) as file:
        values = {name: file[name] for name in file.files if not name.startswith("landmarks")}
    np.savez(path, **values)
    assert learn.use_hand(model)[1] == "taught by 9 pictures in my_hand"
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert "learned for another network of landmarks: it learns anew" in told
    assert learn.use_hand(model)[1] == "taught by 9 pictures in my_hand"
    assert capsys.readouterr().out == ""


def test_pictures_that_cannot_be_read_are_named_and_passed_over(model, my_hand, capsys):
    whole = my_hand / "A/A0.png"
    content = whole.read_bytes()
    for name, damaged in {"cut": content[:99], "empty": b"", "no picture": b"text"}.items():
        (my_hand / f"A/{name}.png").write_bytes(damaged)
    told = "3 pictures could not be read: my_hand/A/cut.png, my_hand/A/empty.png, "
    told += "my_hand/A/no picture.png; the others are used"
    assert learn.use_hand(model)[1] == "taught by 9 pictures in my_hand"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == told
    assert lines[1].endswith(": it learns anew")
    assert learn.use_hand(model)[1] == "taught by 9 pictures in my_hand"
    assert capsys.readouterr().out == f"{told}\n"
    assert whole.read_bytes() == content
    assert (my_hand / "A/empty.png").exists()


def test_pictures_can_be_removed_and_what_was_learned_kept(model, my_hand):
    teach_folder(model, my_hand)
    for letter in ODD:
        shutil.rmtree(my_hand / letter)
    assert learn.use_hand(model)[1] == "taught by 9 pictures in my_hand"


def damage(values, **changes):
    return {**values, **changes}


BIAS = "landmarks.fc3.bias"
FAULTS = {
    "no zip": lambda values: b"nothing of the kind",
    "empty": lambda values: b"",
    "objects": lambda values: damage(values, digest=np.array([object()])),
    "a layer is missing": lambda values: {k: v for k, v in values.items() if k != "fc2.bias"},
    "another size": lambda values: damage(values, **{"fc1.weight": np.zeros((9, 9), np.float32)}),
    "doubles": lambda values: damage(values, **{"fc3.bias": np.zeros(24)}),
    "not a number": lambda values: damage(values, **{"fc3.bias": np.full(24, np.nan, np.float32)}),
    "no count": lambda values: damage(values, pictures=np.array("many")),
    "one of landmarks' layers": lambda values: damage(values, **{BIAS: np.zeros(9, np.float32)}),
    "landmarks of another size": lambda values: damage(
        values, **{f"landmarks.{name}": np.zeros((9, 9), np.float32) for name in LAYERS}
    ),
    "too large": lambda values: damage(values, more=np.zeros(2**24, np.uint8)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_refused(model, lesson, tmp_path, fault):
    learn.save(lesson[0], tmp_path)
    path = tmp_path / learn.LEARNED
    with np.load(path) as file:
        content = FAULTS[fault](dict(file))
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez_compressed(path, **content)
    with pytest.raises(UserError, match="damaged"):
        learn.load(model, tmp_path)


def test_a_file_cut_short_anywhere_is_refused(model, lesson, tmp_path):
    learn.save(lesson[0], tmp_path)
    path = tmp_path / learn.LEARNED
    content = path.read_bytes()
    for size in np.linspace(0, len(content) - 1, 9, dtype=int):
        path.write_bytes(content[:size])
        with pytest.raises(UserError, match="damaged"):
            learn.load(model, tmp_path)


def test_pictures_of_any_size_and_colour_are_read(tmp_path):
    (tmp_path / "A").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "J").mkdir()
    cv2.imwrite(str(tmp_path / "A/2.png"), np.zeros((90, 64, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "A/1.jpg"), np.zeros((20, 20), np.uint8))
    cv2.imwrite(str(tmp_path / "b/1.png"), np.zeros((300, 400, 4), np.uint8))
    (tmp_path / "J/1.png").write_bytes(b"signed with a motion: not asked for")
    (tmp_path / "A/.1.4.tmp.png").write_bytes(b"what a killed run leaves")
    pictures = learn.read_pictures(tmp_path, "AB")
    assert [p.path.name for p in pictures] == ["1.jpg", "2.png", "1.png"]
    assert [p.letter for p in pictures] == ["A", "A", "B"]
    assert [p.image.shape for p in pictures] == [(20, 20), (64, 64), (300, 300)]


def test_folders_without_pictures_are_refused(tmp_path):
    (tmp_path / "A").mkdir()
    with pytest.raises(UserError, match=r"no pictures in its folders A/, B/ \.\.\.$"):
        learn.read_pictures(tmp_path, "AB")
    (tmp_path / "A/1.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"^1 picture could not be read: .*1\.png; remove them$"):
        learn.read_pictures(tmp_path, "AB")


def test_a_name_too_long_to_write_is_shortened(tmp_path, moments):
    write_pictures(tmp_path / "theirs", to_pictures({"A": moments["A"]}, slice(1)))
    (tmp_path / "theirs/A/A0.png").rename(tmp_path / "theirs/A" / ("x" * 240 + ".png"))
    assert learn.add_pictures(tmp_path / "theirs", "AB", tmp_path / "mine") == (1, 0)
    [path] = (tmp_path / "mine/A").iterdir()
    assert len(path.name) == 20


def test_pictures_are_copied_once(tmp_path, moments):
    write_pictures(tmp_path / "theirs", to_pictures({"A": moments["A"]}))
    assert learn.add_pictures(tmp_path / "theirs", "AB", tmp_path / "mine") == (3, 0)
    assert learn.add_pictures(tmp_path / "theirs", "AB", tmp_path / "mine") == (0, 3)
    assert len(learn.read_pictures(tmp_path / "mine", "AB")) == 3


def test_a_fault_while_learning_leaves_what_was_learned(model, my_hand, monkeypatch):
    teach_folder(model, my_hand)
    before = (my_hand / learn.LEARNED).read_bytes()
    for path in my_hand.glob("*/*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(UserError, match="could not be read"):
        camera.teach.learn_and_tell(model)
    assert (my_hand / learn.LEARNED).read_bytes() == before


def test_another_kind_of_model_cannot_be_taught(model, moments, tmp_path):
    other = tmp_path / "other.onnx"
    other.write_bytes(model.path.read_bytes().replace(b"features", b"somewhat"))
    with pytest.raises(UserError, match="cannot be taught"):
        learn.learn(load_model(other), to_pictures({"A": moments["A"]}))


def test_a_model_of_other_letters_cannot_be_taught(model, moments):
    other = replace(model, alphabet=model.alphabet[:-1].lower() + "Y")
    with pytest.raises(
        UserError, match="cannot be taught abcdefghiklmnopqrstuvwx: the letters that"
    ):
        learn.learn(other, [replace(picture, letter="Y") for picture in to_pictures(moments)[:1]])


def test_learning_needs_no_torch():
    code = "import sys, camera.learn; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


def test_pictures_are_varied_within_the_limits_of_step_2():
    """The camera's room may not import step 2."""
    ours = [name for name in vars(learn) if name.startswith("MAX_")]
    assert len(ours) == 6
    for name in ours:
        assert getattr(learn, name) == getattr(step_2_dataset, name.replace("TURN", "ANGLE"))
