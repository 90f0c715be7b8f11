import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from conftest import ROOT, assert_one_line, draw_letters, shell, write_csv
from torch import nn

import step_4_evaluate as step_4
from step_2_dataset import LETTERS, DataError, get_train_test_loaders
from step_3_train import Net, to_bytes
from step_4_evaluate import batch_evaluate, evaluate, validate

OUTPUTS = [[0.1, 0.3, 0.4, 0.2], [9.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]]


@pytest.fixture
def checkpoint(data):
    """The current folder with small data and a checkpoint of chance weights."""
    torch.manual_seed(0)
    (data / "checkpoint.pth").write_bytes(to_bytes(Net().state_dict()))
    return data


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list])
@pytest.mark.parametrize("column", [False, True])
def test_evaluate_counts_right_ones(kind, column):
    for labels, right in (([2, 0, 3], 3.0), ([2, 0, 2], 2.0), ([0, 1, 2], 0.0)):
        shaped = [[label] for label in labels] if column else labels
        assert evaluate(kind(OUTPUTS), kind(shaped)) == right


def test_evaluate_takes_float_labels_and_gradients():
    outputs = torch.tensor(OUTPUTS, requires_grad=True)
    assert evaluate(outputs, torch.tensor([2.0, 0.0, 1.0])) == 2.0


def oracle(wrong=0):
    """A "network" that knows the small images: its spot's place, first `wrong` images excepted."""
    seen = 0

    def net(images):
        nonlocal seen
        spots = images[:, 0, 3:, 3:].unfold(1, 3, 5).unfold(2, 3, 5).mean(dim=(3, 4))
        logits = spots.reshape(len(images), -1)[:, :24].clone()
        for number in range(seen, min(wrong, seen + len(images))):
            logits[number - seen] *= -1
        seen += len(images)
        return logits

    return net


@pytest.mark.parametrize("batch_size", [1, 7, 96, 500])
@pytest.mark.parametrize("wrong", [0, 12])
def test_batch_evaluate_is_the_share_right(data, batch_size, wrong):
    _, loader = get_train_test_loaders(batch_size)
    assert batch_evaluate(oracle(wrong), loader) == (96 - wrong) / 96
    arrays = oracle(wrong)
    assert batch_evaluate(lambda images: arrays(images).numpy(), loader) == (96 - wrong) / 96


def test_batch_evaluate_does_not_train_or_depend_on_batches(data):
    net = Net().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    shares = {batch_evaluate(net, get_train_test_loaders(size)[1]) for size in (5, 96)}
    assert len(shares) == 1
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_no_images_are_refused():
    with pytest.raises(DataError, match="no images"):
        batch_evaluate(Net(), [])


def test_export_keeps_the_contract(data):
    net = Net()
    model = step_4.export(net)
    session = ort.InferenceSession(model.SerializeToString())
    (image_input,), (output,) = session.get_inputs(), session.get_outputs()
    assert (image_input.name, image_input.type) == ("input", "tensor(float)")
    assert image_input.shape[1:] == [1, 28, 28]
    assert output.shape[1:] == [24]
    metadata = session.get_modelmeta().custom_metadata_map
    told = {"alphabet": LETTERS, "mean": "0.485", "std": "0.229", "size": "28", "nothing": "0.0"}
    assert metadata == told
    for count in (1, 2, 300):
        images = torch.randn(count, 1, 28, 28)
        (logits,) = session.run(None, {"input": images.numpy()})
        np.testing.assert_allclose(logits, net(images).detach(), atol=1e-5)


@pytest.mark.parametrize("shipped", [False, True])
def test_model_says_nothing_of_the_machine_it_was_made_on(data, shipped):
    """PyTorch's exporter notes which line of which file every node comes from."""
    path = ROOT / "pretrained/signlanguage.onnx"
    model = path.read_bytes() if shipped else step_4.export(Net()).SerializeToString()
    assert b"step_3_train.py" not in model


def test_confusion_matrix_and_table(capsys):
    labels = np.array([0, 0, 0, 1, 1, 2])
    outputs = np.eye(24)[[0, 1, 1, 1, 4, 2]]
    matrix = step_4.confusion_matrix(outputs, labels)
    assert matrix.sum() == 6
    assert (matrix[0, 0], matrix[0, 1], matrix[1, 4], matrix[2, 2]) == (1, 2, 1, 1)
    step_4.print_letters("small", matrix)
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines[1:]] == ["A", "B", "C"]  # worst first, none without images
    assert lines[1].split() == ["A", "1/3", "0.3333", "B", "2"]


def test_threshold_keeps_98_percent_of_what_is_right():
    rng = np.random.default_rng(0)
    labels = np.arange(2400) % 24
    outputs = rng.normal(size=(2400, 24)) + 4 * np.eye(24)[labels] * rng.random((2400, 1))
    threshold = step_4.choose_threshold({"small": (outputs, labels)})
    right = outputs.argmax(axis=1) == labels
    odds = np.exp(outputs)
    probabilities = odds / (np.exp(step_4.NOTHING) + odds.sum(axis=1, keepdims=True))
    assert (probabilities.max(axis=1)[right] >= threshold).mean() == pytest.approx(0.98, abs=0.002)
    others = (np.zeros((24, 24)), np.zeros(24))
    chosen = step_4.choose_threshold({"Other": others, "rendered hands": (outputs, labels)})
    assert chosen == threshold
    assert 0 < step_4.choose_threshold({"none right": (-np.eye(24), np.arange(24))}) < 1


def test_validate_prints_what_the_tutorial_does_and_exports(checkpoint, capsys):
    validate()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "========== PyTorch =========="
    assert lines[3] == "========== ONNX =========="
    assert lines[1:3] == lines[4:6]
    assert lines[1].startswith("Training accuracy: ")
    assert lines[2].startswith("Validation accuracy: ")
    assert "/96 right" in lines[2]
    onnx.checker.check_model("signlanguage.onnx")
    metadata = {p.key: p.value for p in onnx.load("signlanguage.onnx").metadata_props}
    assert 0 < float(metadata["threshold"]) < 1
    assert float(metadata["nothing"]) == step_4.NOTHING
    assert (checkpoint / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert not list(checkpoint.glob("*.data"))


def test_training_accuracy_is_of_the_images_as_they_are(data, monkeypatch, capsys):
    """Not of augmented ones, as in the tutorial: what reads them all must be right on them all."""
    loaders = {"small": get_train_test_loaders(64, augment=False)}
    step_4.report("Oracle", oracle(), loaders)
    line = "Training accuracy: 100.00 (480/480 right, 0 mistakes), small"
    assert line in capsys.readouterr().out


def test_every_data_set_is_reported_by_its_name(checkpoint, capsys):
    write_csv(checkpoint / "data/rendered_train.csv", *draw_letters(72, seed=2))
    write_csv(checkpoint / "data/rendered_test.csv", *draw_letters(24, seed=3))
    validate()
    lines = capsys.readouterr().out.splitlines()
    for line, counts in zip(
        lines[1:5], ("/480 right", "/96 right", "/72 right", "/24 right"), strict=True
    ):
        assert counts in line
    assert [line.rsplit(", ")[-1] for line in lines[1:5]] == [
        "Sign Language MNIST",
        "Sign Language MNIST",
        "rendered hands",
        "rendered hands",
    ]
    assert sum(line.startswith("Letter") for line in lines) == 2


@pytest.mark.parametrize("error", [2e-4, np.nan])
def test_model_that_differs_is_not_kept(checkpoint, monkeypatch, error):
    (checkpoint / "signlanguage.onnx").write_bytes(b"old")
    right = step_4.onnx_net

    def wrong(model):
        net = right(model)
        return lambda images: net(images) + np.float32(error)

    monkeypatch.setattr(step_4, "onnx_net", wrong)
    with pytest.raises(DataError, match="left as it was"):
        validate()
    assert (checkpoint / "signlanguage.onnx").read_bytes() == b"old"


# ---------------------------------------------------------------- the script


def test_script_runs(checkpoint):
    process = shell("step_4_evaluate.py")
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert "Largest difference between the logits: " in process.stdout
    assert (checkpoint / "signlanguage.onnx").exists()


def test_script_explains_failures_in_one_line(checkpoint):
    path = checkpoint / "checkpoint.pth"
    path.write_bytes(path.read_bytes()[:5000])
    assert_one_line(shell("step_4_evaluate.py"), 1, "checkpoint.pth: damaged")
    path.unlink()
    assert_one_line(shell("step_4_evaluate.py"), 1, "checkpoint.pth: no such file", "step_3_train")
    path.write_bytes(to_bytes(Net().state_dict()))
    for csv_file in (checkpoint / "data").iterdir():
        csv_file.unlink()
    assert_one_line(
        shell("step_4_evaluate.py"), 1, "train.csv: no such file", "python step_2_dataset.py"
    )
    assert not (checkpoint / "signlanguage.onnx").exists()
    assert_one_line(shell("step_4_evaluate.py", "--fast"), 2, "unrecognized")


@pytest.mark.parametrize("content", [{"a": torch.zeros(1)}, [1, 2], nn.Linear(2, 2).state_dict()])
def test_weights_of_another_network_are_refused(checkpoint, content):
    (checkpoint / "checkpoint.pth").write_bytes(to_bytes(content))
    with pytest.raises(DataError, match="weights of another network"):
        validate()
