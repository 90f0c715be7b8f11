import signal
import subprocess
import sys
import time
from subprocess import PIPE

import numpy as np
import pytest
import torch
from conftest import ROOT, assert_one_line, draw_letters, shell, write_csv
from torch import nn, optim

import step_3_train as step_3
from step_2_dataset import DataError, get_train_test_loaders
from step_3_train import Net, fit, train


def states_equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def trained(epochs=2, seed=1, extra=(), **options):
    torch.manual_seed(seed)
    net = Net()
    loader, _ = get_train_test_loaders(48, extra=extra)
    history = fit(net, loader, epochs, 0.05, seed, **options)
    return net.state_dict(), history


def test_net_is_three_convolutions_and_three_fully_connected_layers():
    layers = list(Net().modules())
    assert sum(isinstance(layer, nn.Conv2d) for layer in layers) == 3
    assert sum(isinstance(layer, nn.Linear) for layer in layers) == 3


@pytest.mark.parametrize("count", [1, 2, 7])
def test_net_gives_24_logits_for_any_batch(count):
    logits = Net().eval()(torch.randn(count, 1, 28, 28))
    assert logits.shape == (count, 24)
    assert logits.dtype == torch.float32


def test_net_reads_an_image_alone_as_in_a_batch():
    net, images = Net().eval(), torch.randn(5, 1, 28, 28)
    torch.testing.assert_close(net(images)[3:4], net(images[3:4]), atol=1e-5, rtol=1e-5)


def test_a_trained_net_sees_no_difference_in_the_mirror():
    torch.manual_seed(0)
    net, images = Net().eval(), torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(net(images), net(images.flip(3)), atol=1e-5, rtol=1e-5)
    assert (net(images) - net(images.flip(2))).abs().max() > 1e-3


def test_looks_are_the_image_its_mirror_image_and_two_parts():
    x = torch.arange(28.0).expand(2, 1, 28, 28)  # the brighter the further to the right
    looks = step_3.look_around(x).unflatten(0, (step_3.LOOKS, 2))
    whole, mirrored, left, right_mirrored = looks
    assert torch.equal(whole, x)
    assert torch.equal(mirrored, x.flip(3))
    assert left[0, 0, 9, [0, -1]].tolist() == pytest.approx([0, 27 - step_3.STEP])
    assert right_mirrored[0, 0, 9, [0, -1]].tolist() == pytest.approx([27, step_3.STEP])
    downwards = step_3.look_around(x[:1].transpose(2, 3))
    for look in downwards[2:]:  # both are upper parts
        assert look[0, [0, -1], 9].tolist() == pytest.approx([0, 27 - step_3.STEP])


def test_training_looks_once():
    net, images = Net(), torch.randn(4, 1, 28, 28)
    net.read = lambda x: len(x)
    assert net(images) == 4


@pytest.mark.parametrize(("count", "few"), [(1, 1), (16, 2), (130, 17)])
@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 2, 2), (3, 40, 20)])
def test_images_of_nothing_are_one_for_eight_and_random(count, few, shape):
    torch.manual_seed(0)
    images = torch.rand(count, *shape)
    before = images.clone()
    nothing = step_3.draw_nothing(images)
    assert nothing.shape[0] == few
    assert nothing.shape[2:] == shape[1:]
    assert not torch.equal(nothing, step_3.draw_nothing(images))
    assert torch.equal(images, before)


def test_a_quarter_of_the_images_of_nothing_are_upper_corners():
    """The left one or the right one, and nothing of the rest of the image."""
    torch.manual_seed(0)
    images = torch.full((1600, 1, 28, 28), 99.0)
    images[:, :, :9, :9], images[:, :, :9, -9:] = 50, 60
    seen = set()
    for _ in range(10):
        most = step_3.draw_nothing(images).amax(dim=(1, 2, 3))
        corners = most[most > 40]
        assert 20 < len(corners) < 80  # of 200
        seen |= set(corners.round().tolist())
    assert seen == {50, 60}


def test_rooms_differ_in_brightness_and_content():
    torch.manual_seed(0)
    rooms = step_3.draw_rooms(300, (28, 28))
    assert rooms.shape == (300, 1, 28, 28)
    assert rooms.min() >= 0
    assert rooms.max() <= 1
    assert rooms.mean(dim=(1, 2, 3)).std() > 0.15
    contrast = rooms.std(dim=(1, 2, 3))
    assert (contrast < 0.05).any()  # a plain wall
    assert (contrast > 0.25).any()
    assert len(rooms.flatten(1).unique(dim=0)) == 300


def test_loss_of_nothing_falls_as_a_hand_is_told_from_none():
    """High logits for a hand, low and equal ones without."""
    low, high = torch.full((2, 24), -9.0), torch.full((2, 24), 9.0)
    right, wrong = step_3.nothing_loss(high, low), step_3.nothing_loss(low, high)
    assert right == pytest.approx(step_3.EVEN_WEIGHT * np.log(24), abs=0.01)
    assert wrong > right + 5
    uneven = low.clone()
    uneven[:, 0] = -6
    assert step_3.nothing_loss(high, uneven) > right + 0.1


def test_training_makes_no_letter_probable_where_no_hand_is(data):
    """A network that sees an A everywhere does not, in rooms, even if no label says so."""
    torch.manual_seed(0)
    net = Net()
    net.fc3.bias.data[0] = 5
    loader, _ = get_train_test_loaders(16)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    certainties = []
    for _ in range(2):
        net.eval()
        odds = net(step_3.draw_nothing(torch.rand(512, 1, 28, 28))).exp()
        certainty = odds.amax(dim=1) / (np.exp(step_3.NOTHING) + odds.sum(dim=1))
        certainties.append(certainty.mean().item())
        for _ in range(4):
            train(net, lambda outputs, labels: 0 * outputs.sum(), optimizer, loader, 0)
    assert certainties[0] > 0.8
    assert certainties[1] < 0.2


@pytest.mark.parametrize("bf16", [False, True])
def test_only_the_network_computes_in_bfloat16(data, monkeypatch, bf16):
    """The criterion gets float32 logits of the batch's own images; its mean is what is told."""
    monkeypatch.setattr(step_3, "has_fast_bf16", lambda device: bf16)
    torch.manual_seed(0)
    net, convolved, losses = Net(), [], []
    net.conv2.register_forward_hook(lambda module, inputs, output: convolved.append(output.dtype))

    def criterion(outputs, labels):
        assert (outputs.dtype, outputs.shape) == (torch.float32, (len(labels), 24))
        losses.append(nn.functional.multi_margin_loss(outputs, labels))
        return losses[-1]

    optimizer = optim.SGD(net.parameters(), lr=0.01)
    loss, _ = train(net, criterion, optimizer, get_train_test_loaders(48)[0], 0)
    assert set(convolved) == {torch.bfloat16 if bf16 else torch.float32}
    assert len(losses) == 10
    assert loss == pytest.approx(sum(losses).item() / 10)
    assert all(values.dtype == torch.float32 for values in net.parameters())


def test_bfloat16_is_for_cpus_that_have_it(monkeypatch):
    able = {}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert not step_3.has_fast_bf16(torch.device("cpu"))
    able |= {"avx2": True, "avx512_bf16": False, "amx_bf16": True}
    assert step_3.has_fast_bf16(torch.device("cpu"))
    assert not step_3.has_fast_bf16(torch.device("cuda"))


def test_train_as_the_tutorial_calls_it(data, capsys):
    """The tutorial's five arguments: the loss falls, and is printed as there."""
    torch.manual_seed(0)
    net = Net().float()
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    loader, _ = get_train_test_loaders()
    losses = [train(net, nn.CrossEntropyLoss(), optimizer, loader, epoch)[0] for epoch in range(6)]
    assert losses[-1] < 0.8 * losses[0]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[0,     0] loss: 3.")
    assert lines[-1].startswith("[5,     0] loss: ")


def test_train_learns_small_data(data):
    """Easy images, as they are, are read almost without mistakes after a few seconds."""
    loader, _ = get_train_test_loaders(16, augment=False)
    history = fit(Net(), loader, 8, 0.1)
    assert len(history) == 8
    assert history[-1][1] > 0.95
    assert history[-1][0] < history[0][0] / 2


@pytest.mark.parametrize(("count", "epochs"), [(27455, 22), (10**7, 1), (480, 45), (200_000, 3)])
def test_epochs_make_minutes_of_training_unless_told(count, epochs):
    assert step_3.default_epochs(count) == epochs


def test_light_and_contrast_do_not_change_what_net_sees():
    torch.manual_seed(0)
    images = torch.rand(4, 1, 28, 28) * 4 - 2
    views = step_3.normalise_contrast(images)
    assert views.shape == (4, 2, 28, 28)
    torch.testing.assert_close(
        step_3.normalise_contrast(images * 0.8 + 1), views, atol=0.05, rtol=0
    )
    flat = step_3.normalise_contrast(torch.full((1, 1, 28, 28), -1.7))
    assert flat.abs().max() < 1e-3


def test_a_last_batch_of_one_image_is_trained_on(data):
    loader, _ = get_train_test_loaders(479)
    history = fit(Net(), loader, 1, 0.01)
    assert np.isfinite(history[0]).all()


def test_same_seed_same_weights_other_seed_others(data):
    first, second, other = trained(seed=3)[0], trained(seed=3)[0], trained(seed=4)[0]
    assert states_equal(first, second)
    assert not states_equal(first, other)


@pytest.mark.parametrize("extra", [[], ["more.csv"]])
def test_resumed_run_ends_where_an_uninterrupted_one_does(data, monkeypatch, extra):
    write_csv("more.csv", *draw_letters(72, seed=5))
    straight, straight_history = trained(epochs=3, extra=extra)
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(step_3, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(epochs=3, extra=extra, unfinished="unfinished.pth")
    monkeypatch.setattr(step_3, "train", train)
    torch.manual_seed(99)  # whatever happened in between
    net = Net()
    loader, _ = get_train_test_loaders(48, extra=extra)
    history = fit(net, loader, 3, 0.05, 1, "unfinished.pth", resume=True)
    assert states_equal(net.state_dict(), straight)
    assert [tuple(pair) for pair in history] == straight_history


def test_resume_refuses_another_run(data):
    trained(epochs=1, unfinished="unfinished.pth")
    for change, name in (({"epochs": 2}, "epochs 1, not 2"), ({"seed": 2}, "seed 1, not 2")):
        with pytest.raises(DataError, match=name):
            trained(**{"epochs": 1} | change, unfinished="unfinished.pth", resume=True)


def test_resume_refuses_another_network(data):
    trained(epochs=1, unfinished="unfinished.pth")
    state = torch.load("unfinished.pth", weights_only=True)
    state["parts"]["net"]["fc3.bias"] = torch.zeros(26)
    torch.save(state, "unfinished.pth")
    with pytest.raises(DataError, match=r"unfinished\.pth: of another network"):
        trained(epochs=1, unfinished="unfinished.pth", resume=True)


def test_device_is_the_cpu_when_asked(monkeypatch):
    assert step_3.pick_device(accel=False) == torch.device("cpu")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("mps"))
    assert step_3.pick_device() == torch.device("mps")


def test_resume_refuses_other_images(data):
    write_csv("more.csv", *draw_letters(72, seed=5))
    trained(epochs=1, unfinished="unfinished.pth", extra=["more.csv"])
    with pytest.raises(DataError, match="number of images 552, not 480"):
        trained(epochs=1, unfinished="unfinished.pth", resume=True)


def test_curves_are_drawn(workdir):
    step_3.save_curves("curves.png", [(3.0, 0.1), (1.0, 0.8)])
    assert (workdir / "curves.png").read_bytes().startswith(b"\x89PNG")


# ---------------------------------------------------------------- the script


def test_script_writes_a_checkpoint_that_loads(data):
    process = shell("step_3_train.py", "--epochs", 2, "--batch-size", 64, "--no-accel")
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert "[1,     0] loss: " in process.stdout
    assert "epoch 2/2  loss " in process.stdout
    Net().load_state_dict(torch.load("checkpoint.pth", weights_only=True))
    assert (data / "training.png").exists()
    assert not (data / "training.pth").exists()


def test_interrupted_script_resumes_to_the_same_checkpoint(data):
    flags = ["--epochs", "3", "--batch-size", "96", "--no-accel"]
    assert shell("step_3_train.py", *flags).returncode == 0
    straight = torch.load("checkpoint.pth", weights_only=True)
    command = [sys.executable, ROOT / "step_3_train.py", *flags]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
        while not process.stdout.readline().startswith("epoch 1/3"):
            pass
        while not (data / "training.pth").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "Interrupted; --resume goes on after the last finished epoch\n"
    assert states_equal(torch.load("checkpoint.pth", weights_only=True), straight)  # the old one
    (data / "checkpoint.pth").unlink()
    process = shell("step_3_train.py", *flags, "--resume")
    assert process.returncode == 0, process.stderr
    assert "epoch 1/3" not in process.stdout
    assert states_equal(torch.load("checkpoint.pth", weights_only=True), straight)


def test_script_trains_on_more_files(data):
    """On all of them, wherever they are named; a wrong one is refused in one line."""
    write_csv("more.csv", *draw_letters(72, seed=5))
    write_csv("most.csv", *draw_letters(24, seed=6))
    flags = ("--epochs", 1, "--batch-size", 1, "--no-accel")
    process = shell("step_3_train.py", "--data", "more.csv", "--data", "most.csv", *flags)
    assert process.returncode == 0, process.stderr
    assert "[0,   500] loss: " in process.stdout  # 480 images in data/ are fewer
    (data / "checkpoint.pth").unlink()
    write_csv("bad.csv", [[300] * 784], [3])
    for name, reason in (("bad.csv", "line 2: pixel1 is '300'"), ("no.csv", "no such file")):
        assert_one_line(shell("step_3_train.py", "--data", "more.csv", name), 1, name, reason)
    assert not (data / "checkpoint.pth").exists()


def test_dry_run_writes_nothing(data):
    before = set(data.rglob("*"))
    process = shell("step_3_train.py", "--dry-run")
    assert process.returncode == 0, process.stderr
    assert "epoch 1/1" in process.stdout
    assert set(data.rglob("*")) == before


@pytest.mark.parametrize(
    "flags",
    [
        ["--epochs", "0"],
        ["--epochs", "two"],
        ["--lr", "-1"],
        ["--lr", "nan"],
        ["--lr", "inf"],
        ["--batch-size", "0.5"],
        ["--seed", "-1"],
        ["--data"],
        ["--speed"],
        ["extra"],
    ],
)
def test_bad_flags_are_usage_errors(flags, capsys):
    with pytest.raises(SystemExit) as caught:
        step_3.main(flags)
    assert caught.value.code == 2
    assert flags[0] in capsys.readouterr().err


def test_script_explains_failures_in_one_line(data):
    assert_one_line(shell("step_3_train.py", "--resume"), 1, "training.pth: no unfinished run")
    (data / "training.pth").write_bytes(b"PK broken")
    assert_one_line(shell("step_3_train.py", "--resume"), 1, "training.pth: damaged")
    (data / "data/sign_mnist_test.csv").unlink()
    assert_one_line(
        shell("step_3_train.py"), 1, "sign_mnist_test.csv: no such file", "python step_2_dataset.py"
    )
    assert not (data / "checkpoint.pth").exists()
