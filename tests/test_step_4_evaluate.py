import contextlib
import doctest
import io
import os

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from conftest import ROOT, draw_letters, shell, write_csv
from torch import nn

import step_4_evaluate as step_4
from camera.model import load_model, to_probabilities
from plumbing import reports
from plumbing.faults import UserError
from step_2_dataset import LETTERS, NO_HAND, get_train_test_loaders
from step_3_train import Net, to_bytes
from step_4_evaluate import batch_evaluate, evaluate, main
from step_6_camera import classify

OUTPUTS = [[0.1, 0.3, 0.4, 0.2], [9.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
NO_HAND_LABEL = 26  # in csv files
SEEN = 0.4  # of the oracle's threshold: a spot of 255 is surer, noise is not


class Oracle(nn.Module):
    """Reads the small images of conftest: logits are the brightness of each letter's spot."""

    def forward(self, images):
        return nn.functional.avg_pool2d(images[:, :, 3:, 3:], 3, 5).flatten(1)[:, : len(LETTERS)]


def draw(letter, size=28):
    """A picture uint8 (size, size) that the Oracle reads as `letter`."""
    image = draw_letters(len(LETTERS))[0][LETTERS.index(letter)].reshape(28, 28)
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_NEAREST)


def put(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def onnx_oracle():
    """The Oracle as an ONNX model; exporting it would take seconds."""
    node, ends = onnx.helper.make_node, {"first": [3, 3], "last": [28, 28], "axes": [2, 3]}
    ends |= {"none": [0], "letters": [len(LETTERS)], "columns": [1]}
    graph = onnx.helper.make_graph(
        [
            node("Slice", ["input", "first", "last", "axes"], ["inner"]),
            node("AveragePool", ["inner"], ["spots"], kernel_shape=[3, 3], strides=[5, 5]),
            node("Flatten", ["spots"], ["flat"]),
            node("Slice", ["flat", "none", "letters", "columns"], ["logits"]),
        ],
        "oracle",
        [onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["n", 1, 28, 28])],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", len(LETTERS)])],
        [onnx.numpy_helper.from_array(np.array(ends[name]), name) for name in ends],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    metadata = {"alphabet": LETTERS, "no_hand_logit": "0.0", "threshold": str(SEEN)}
    onnx.helper.set_model_props(model, metadata)
    return model


@pytest.fixture
def photos(workdir):
    """An empty folder of photos, and beside it the Oracle, as signlanguage.onnx."""
    onnx.save(onnx_oracle(), "signlanguage.onnx")
    (workdir / "photos").mkdir()
    return workdir / "photos"


@pytest.fixture
def judge(photos, capsys):
    """Gives what is printed about the photos."""

    def judge():
        main(["--photos", "photos"])
        return capsys.readouterr().out

    return judge


@pytest.fixture
def checkpoint(data):
    """The path of a checkpoint of chance weights, in the current folder, with small data."""
    torch.manual_seed(0)
    path = data / "checkpoint.pth"
    path.write_bytes(to_bytes(Net().state_dict()))
    return path


# ---------------------------------------------------------------- measuring


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list])
@pytest.mark.parametrize("column", [False, True])
def test_evaluate_counts_right_ones(kind, column):
    for labels, right in (([2, 0, 3], 3.0), ([2, 0, 2], 2.0), ([0, 1, 2], 0.0)):
        shaped = [[label] for label in labels] if column else labels
        assert evaluate(kind(OUTPUTS), kind(shaped)) == right


def test_evaluate_takes_float_labels_and_gradients():
    outputs = torch.tensor(OUTPUTS, requires_grad=True)
    assert evaluate(outputs, torch.tensor([2.0, 0.0, 1.0])) == 2.0


@pytest.mark.parametrize("batch_size", [1, 7, 500])
def test_batch_evaluate_is_the_share_right(data, batch_size):
    images, labels = draw_letters(96)
    labels[:12] = labels[1:13]
    write_csv("data/sign_mnist_test.csv", images, labels)
    _, loader = get_train_test_loaders(batch_size)
    assert batch_evaluate(Oracle(), loader) == 84 / 96
    assert batch_evaluate(lambda images: Oracle()(images).numpy(), loader) == 84 / 96


def test_batch_evaluate_does_not_train_or_depend_on_batches(data):
    net = Net().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    shares = {batch_evaluate(net, get_train_test_loaders(size)[1]) for size in (5, 96)}
    assert len(shares) == 1
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_no_images_are_refused():
    with pytest.raises(UserError, match="no images"):
        batch_evaluate(Net(), [])


def test_report_names_part_and_data_set_and_does_not_augment(data, capsys):
    """Of 480 augmented images, as the tutorial has them, the oracle would misread some. A data set
    without test images does not stand in the way, and images without a hand do not count."""
    write_csv("data/photos_train.csv", *draw_letters(48, seed=2))
    images, labels = draw_letters(24)
    labels[:4] = NO_HAND_LABEL
    for part in ("train", "test"):
        write_csv(f"data/rendered_{part}.csv", images, labels)
        write_csv(f"data/no_hand_{part}.csv", draw_letters(5)[0], [NO_HAND_LABEL] * 5)
    results = step_4.measure_all("Oracle", Oracle(), step_4.get_loaders())
    assert capsys.readouterr().out.splitlines() == [
        "========== Oracle ==========",
        "Training accuracy: 100.00 (480/480 right, 0 mistakes), Sign Language MNIST",
        "Validation accuracy: 100.00 (96/96 right, 0 mistakes), Sign Language MNIST",
        "Training accuracy: 100.00 (20/20 right, 0 mistakes), rendered hands",
        "Validation accuracy: 100.00 (20/20 right, 0 mistakes), rendered hands",
        "Training accuracy: 100.00 (48/48 right, 0 mistakes), photographs",
    ]
    assert reports.confusion_matrix(*results["rendered hands", "Validation"]).sum() == 20
    assert results["no hand", "Validation"][1].tolist() == [NO_HAND] * 5
    assert ("no hand", "Training") not in results


def test_probabilities_are_the_camera_s(photos):
    image = draw("K")
    inputs = (torch.tensor(image).view(1, 1, 28, 28) / 255 - 0.485) / 0.229
    probabilities = to_probabilities(Oracle()(inputs).numpy(), 0.0)
    _, expected = classify(load_model(), cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    np.testing.assert_allclose(probabilities[0], expected, rtol=1e-4)
    assert 0.5 < probabilities.sum() < 0.99  # no hand has the rest


def test_threshold_keeps_97_percent_of_what_is_right():
    rng, n = np.random.default_rng(0), len(LETTERS)
    labels = np.arange(2400) % n
    logits = rng.normal(size=(2400, n)) + 4 * np.eye(n)[labels] * rng.random((2400, 1))
    probabilities = to_probabilities(logits, 0.0)
    threshold = reports.choose_threshold(probabilities, labels)
    certainty = probabilities.max(axis=1)[probabilities.argmax(axis=1) == labels]
    assert 0.97 <= (certainty >= threshold).mean() < 0.975
    assert 0 < reports.choose_threshold(1 - np.eye(n), np.arange(n)) < 1  # none is right


def test_confusion_matrix_and_table(capsys):
    labels = np.array([0, 0, 0, 1, 1, 2])
    outputs = np.eye(len(LETTERS))[[0, 1, 1, 1, 4, 2]]
    matrix = reports.confusion_matrix(outputs, labels)
    assert matrix.sum() == 6
    assert (matrix[0, 0], matrix[0, 1], matrix[1, 4], matrix[2, 2]) == (1, 2, 1, 1)
    reports.print_letters("small", matrix, LETTERS)
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines[1:]] == ["A", "B", "C"]  # worst first, none without images
    assert lines[1].split() == ["A", "1/3", "0.3333", "B", "2"]


# ---------------------------------------------------------------- exporting


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    """A folder of small data where step 4 has run, the network, and what was printed."""
    folder, out = tmp_path_factory.mktemp("validated"), io.StringIO()
    torch.manual_seed(0)
    net = Net()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out):
        os.mkdir("data")
        write_csv("data/sign_mnist_train.csv", *draw_letters(480))
        write_csv("data/sign_mnist_test.csv", *draw_letters(96, seed=1))
        write_csv("data/rendered_train.csv", *draw_letters(72, seed=2))
        write_csv("data/rendered_test.csv", *draw_letters(48, seed=3))
        write_csv("data/no_hand_train.csv", draw_letters(5)[0], [NO_HAND_LABEL] * 5)
        write_csv("data/no_hand_test.csv", draw_letters(7)[0], [NO_HAND_LABEL] * 7)
        (folder / "checkpoint.pth").write_bytes(to_bytes(net.state_dict()))
        main([])
    return folder, net.eval(), out.getvalue().splitlines()


def test_validate_prints_what_the_tutorial_does_for_every_data_set(validated):
    folder, _, lines = validated
    assert (lines[0], lines[5]) == ("========== PyTorch ==========", "========== ONNX ==========")
    assert lines[1:5] == lines[6:10]
    for line, part, count, name in (
        (lines[1], "Training", 480, "Sign Language MNIST"),
        (lines[2], "Validation", 96, "Sign Language MNIST"),
        (lines[3], "Training", 72, "rendered hands"),
        (lines[4], "Validation", 48, "rendered hands"),
    ):
        assert line.startswith(f"{part} accuracy: ")
        assert f"/{count} right, " in line
        assert line.endswith(f" mistakes), {name}")
    assert lines[10].startswith("Largest difference between the logits: ")
    assert lines[11] == "========== ONNX, 4 views =========="
    assert [line.split(" accuracy")[0] for line in lines[12:14]] == ["Validation"] * 2
    assert sum(line.startswith("Letter") for line in lines) == 2
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_validate_says_what_passes_at_the_threshold_in_the_model(validated):
    folder, _, lines = validated
    metadata = {p.key: p.value for p in onnx.load(folder / "signlanguage.onnx").metadata_props}
    assert f"At the threshold, {float(metadata['threshold']):.3f}, from which" in lines[14]
    right, wrong, without = (int(line.split("/")[1].split()[0]) for line in lines[15:18])
    assert right + wrong == 48
    assert without == 7


def test_last_line_says_how_well_the_model_reads(validated):
    folder, _, lines = validated
    note = load_model(folder / "signlanguage.onnx").note
    assert lines[-2].endswith(f"signlanguage.onnx: the exported model, {note}")


def test_export_keeps_the_contract(validated):
    folder, net, _ = validated
    session = ort.InferenceSession(folder / "signlanguage.onnx")
    (image_input,), (output,) = session.get_inputs(), session.get_outputs()
    assert (image_input.name, image_input.type) == ("input", "tensor(float)")
    assert image_input.shape[1:] == [1, 28, 28]
    assert output.shape[1:] == [len(LETTERS)]
    metadata = session.get_modelmeta().custom_metadata_map
    assert 0 < float(metadata.pop("threshold")) < 1
    told = {"alphabet": LETTERS, "mean": "0.485", "std": "0.229", "size": "28", "views": "4"}
    told["no_hand_logit"] = "0.0"
    assert metadata.pop("note").endswith(
        "% of 48 test images (rendered hands); trained without"
        " photographs, it reads strangers worse"
    )
    assert metadata == told
    for count in (1, 2, 70):
        images = torch.randn(count, 1, 28, 28)
        (logits,) = session.run(None, {"input": images.numpy()})
        np.testing.assert_allclose(logits, net(images).detach(), atol=1e-5)
    onnx.checker.check_model(folder / "signlanguage.onnx")
    graph = onnx.load(folder / "signlanguage.onnx").graph
    assert {"fc1.weight", "fc1.bias", "fc3.weight"} <= {w.name for w in graph.initializer}
    assert {tuple(n.input) for n in graph.node} >= {("features", "fc1.weight", "fc1.bias")}
    assert not list(folder.glob("*.data"))


@pytest.mark.parametrize("shipped", [False, True])
def test_model_says_nothing_of_the_machine_it_was_made_on(validated, shipped):
    """PyTorch's exporter notes which line of which file every node comes from."""
    folder = ROOT / "pretrained" if shipped else validated[0]
    model = onnx.load(folder / "signlanguage.onnx")
    for weights in model.graph.initializer:  # among a million random bytes ".py" comes by chance
        weights.ClearField("raw_data")
    told = model.SerializeToString()
    assert not any(trace in told for trace in (b"step_3", b".py", b"site-packages", b"/home"))


def test_model_that_differs_is_not_kept(checkpoint, monkeypatch):
    (checkpoint.parent / "signlanguage.onnx").write_bytes(b"old")
    monkeypatch.setattr(step_4, "export", lambda net: onnx_oracle())
    with pytest.raises(UserError, match="left as it was"):
        main([])
    assert (checkpoint.parent / "signlanguage.onnx").read_bytes() == b"old"


def test_difference_is_the_largest_of_all_logits(capsys):
    logits = np.zeros((3, len(LETTERS)), np.float32)
    results = {("small", "Training"): (logits, None), ("small", "Validation"): (logits, None)}
    reports.check_difference(results, results)
    other = logits.copy()
    other[2, 5] = -2e-4
    with pytest.raises(UserError, match="differs"):
        reports.check_difference(results, results | {("small", "Validation"): (other, None)})
    assert "logits: 2.0e-04" in capsys.readouterr().out


# ---------------------------------------------------------------- what cannot be measured


@pytest.mark.parametrize(
    "content", [{"a": torch.zeros(1)}, {1: 2}, [1, 2], None, nn.Linear(2, 2).state_dict()]
)
def test_weights_of_another_network_are_refused(checkpoint, content):
    checkpoint.write_bytes(to_bytes(content))
    with pytest.raises(UserError, match=r"checkpoint.pth: weights of another network"):
        main([])


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 3e38])
def test_weights_that_give_no_numbers_are_named(checkpoint, value):
    state = Net().state_dict()
    state["conv2.weight"][:] = value
    checkpoint.write_bytes(to_bytes(state))
    with pytest.raises(UserError, match="weights are NaN or far too large"):
        main([])
    assert not (checkpoint.parent / "signlanguage.onnx").exists()


def test_missing_and_damaged_files_are_named(checkpoint):
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[:5000])
    with pytest.raises(UserError, match=r"checkpoint.pth: damaged"):
        main([])
    checkpoint.unlink()
    with pytest.raises(FileNotFoundError, match=r"checkpoint.pth: no such file.*step_3_train"):
        main([])
    os.mkfifo(checkpoint)  # reading it would never end
    with pytest.raises(UserError, match=r"checkpoint.pth: "):
        main([])
    checkpoint.unlink()
    checkpoint.symlink_to(checkpoint)  # as little to be read as what permissions forbid
    with pytest.raises(OSError, match=r"checkpoint.pth") as caught:
        main([])
    assert "train" not in str(caught.value)
    checkpoint.unlink()
    checkpoint.write_bytes(content)
    os.remove("data/sign_mnist_test.csv")
    with pytest.raises(FileNotFoundError, match=r"test.csv: no such file.*step_2_dataset.py"):
        main([])
    os.remove("data/sign_mnist_train.csv")
    write_csv("data/photos_train.csv", *draw_letters(24))
    with pytest.raises(UserError, match="no letters to validate on"):
        main([])


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["--photos", ""], "argument --photos: an empty name"),  # "$UNSET"
        (["--photos", "photos", "--model", ""], "argument --model: an empty name"),
        (["--model", "m.onnx"], "--model, --box, --follow and --untaught go with --photos"),
        (["--fast"], "unrecognized"),
    ],
)
def test_wrong_flags_do_nothing(workdir, capsys, arguments, answer):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert answer in capsys.readouterr().err
    assert not list(workdir.iterdir())


# ---------------------------------------------------------------- photos


def test_letters_alone_are_one_source(photos, judge):
    for letter in LETTERS:
        put(photos / f"{letter}/1.png", draw(letter))
    text, n = judge(), len(LETTERS)
    assert f"signlanguage.onnx: {n} hands, 0 without\n" in text
    assert f"Accuracy: 100.00 ({n}/{n} right, 0 mistakes), photos\n" in text
    assert (photos.parent / "mistakes.png").read_bytes().startswith(b"\x89PNG")


def test_mean_is_over_sources(photos, judge):
    put(photos / "good/A/1.png", draw("A"))
    for number, drawn in enumerate("KBBB"):
        put(photos / f"poor/K/{number}.png", draw(drawn))
    text = judge()
    assert "Accuracy: 100.00 (1/1 right, 0 mistakes), good\n" in text
    assert "Accuracy: 25.00 (1/4 right, 3 mistakes), poor\n" in text
    assert "Accuracy: 40.00 (2/5 right, 3 mistakes), all; mean of sources 62.50\n" in text
    assert "K 1/4 0.2500 B 3" in " ".join(text.split())


def test_what_passes_and_is_refused_at_the_threshold_of_the_model(photos, judge):
    flat = np.full((28, 28), 90, np.uint8)
    put(photos / "A/sure.png", draw("A"))
    put(photos / "A/flat.png", flat)  # A, for want of another
    put(photos / "C/wrong.png", draw("E"))
    put(photos / "no_hand/flat.png", flat)
    put(photos / "no_hand/lamp.png", draw("S"))
    text = judge()
    assert "3 hands, 2 without" in text
    assert f"At the threshold, {SEEN:.3f}" in text
    assert "letters read rightly: 1/2 accepted (50.00 %), 1 refused" in text
    assert "letters read wrongly: 1/1 accepted (100.00 %), 0 refused" in text
    assert "images without a hand: 1/2 accepted (50.00 %), 1 refused" in text


def test_pictures_of_all_kinds_and_sizes(photos, judge):
    put(photos / "A/grey.png", draw("A", size=56))
    put(photos / "a/colour.JPG", cv2.merge([draw("A", size=280)] * 3))
    put(photos / "A/wide.bmp", np.pad(draw("A", size=112), ((0, 0), (60, 60))))
    assert "(3/3 right" in judge()


def test_unreadable_pictures_are_named(photos, judge):
    put(photos / "A/1.png", draw("A"))
    (photos / "A/broken.jpg").write_bytes(b"not a picture")
    (photos / "A/empty.png").touch()
    (photos / "A/list.txt").touch()
    (photos / "A/folder.png").mkdir()
    os.mkfifo(photos / "A/pipe.png")
    text = judge()
    for name in ("broken.jpg", "empty.png", "folder.png", "pipe.png"):
        assert f"photos/A/{name}: not a picture that can be read\n" in text
    assert "list.txt" not in text
    assert "1 hand, 0 without" in text


def test_folders_of_no_letter_are_left_out(photos, judge):
    put(photos / "A/1.png", draw("A"))
    for name in ("1", "Z", "AB", "deep/er/A"):
        put(photos / f"{name}/1.png", draw("B"))
    assert "1 hand, 0 without" in judge()


@pytest.mark.parametrize("name", ["$\\frac{", "\udcff", "line\nbreak", "\x1b[2J", "手", "50%"])
def test_any_name_of_a_misread_picture_will_do(photos, judge, name):
    put(photos / "A/1.png", draw("B"))
    try:
        os.makedirs(photos / name)
    except OSError:
        pytest.skip("not a name on this file system")
    os.rename(photos / "A", photos / name / "A")
    os.rename(photos / name / "A/1.png", photos / name / f"A/{name}.png")
    (photos / name / "A" / f"bad{name}.png").touch()
    text = judge()
    assert text.isprintable() or text.replace("\n", "").isprintable()
    assert "bad" in text.splitlines()[0]
    assert "1 mistake)" in text
    assert (photos.parent / "mistakes.png").exists()


def test_folder_without_letters_is_refused(photos):
    (photos / "no_hand").mkdir()
    told = {
        "photos": "photos: no pictures in its folders A/",
        "none": "none: no such folder",
        "signlanguage.onnx": "signlanguage.onnx: not a folder",
    }
    for folder, reason in told.items():
        with pytest.raises(UserError, match=reason):
            main(["--photos", folder])


def test_model_of_other_letters_is_refused(photos):
    model = onnx.load("signlanguage.onnx")
    next(prop for prop in model.metadata_props if prop.key == "alphabet").value = LETTERS[::-1]
    onnx.save(model, "other.onnx")
    with pytest.raises(UserError, match=r"other.onnx: a model of other letters than ABC"):
        main(["--photos", "photos", "--model", "other.onnx"])
    next(prop for prop in model.metadata_props if prop.key == "no_hand_logit").value = "1e300"
    onnx.save(model, "other.onnx")
    for name in ("other.onnx", "none.onnx"):
        with pytest.raises(UserError, match=name):
            main(["--photos", "photos", "--model", name])


# ---------------------------------------------------------------- the script


def test_script(photos):
    """Whatever matplotlib's backend is called and the output's encoding cannot write; of a damaged
    picture OpenCV and libpng say nothing beside."""
    put(photos / "me/A/1.png", draw("B"))
    content = (photos / "me/A/1.png").read_bytes()
    (photos / "me/A/für.png").write_bytes(content[: len(content) // 2])
    environment = {"MPLBACKEND": "nonsense", "PYTHONIOENCODING": "ascii"}
    process = shell("step_4_evaluate.py", "--photos", "photos", env=environment)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("photos/me/A/f\\xfcr.png: not a picture")
    assert "signlanguage.onnx: 1 hand," in process.stdout


def test_examples_in_the_docstrings_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testmod(step_4)
    assert failed == 0
    assert tried >= 4
