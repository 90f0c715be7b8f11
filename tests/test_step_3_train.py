import contextlib
import io
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from subprocess import PIPE

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import LETTERS, ROOT, draw_letters, snapshot, write_csv
from torch import nn, optim

import step_3_train as step_3
from plumbing import contrast, cores
from plumbing.checkpoints import are_alike
from plumbing.faults import UserError
from step_2_dataset import (
    SignLanguageMNIST,
    get_train_held_out_loaders,
    get_train_test_loaders,
)
from step_3_train import Net, fit, train
from tools import distill


def states_equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def trained(epochs=2, seed=1, extra=(), repeats=0, **options):
    torch.manual_seed(seed)
    net = Net()
    history = fit(net, load(extra, repeats), epochs, 0.05, seed, **options)
    return net.state_dict(), history


def load(extra=(), repeats=0):
    """A DataLoader of the data and `extra`, or an Answered one if it `repeats` answers."""
    loader, _ = get_train_test_loaders(48, extra=extra)
    return distill.SoftTargets(loader, shout, repeats, torch.device("cpu")) if repeats else loader


def shout(images):
    """A teacher: the brighter the image, the later the letter."""
    return images.mean(dim=(1, 2, 3)).view(-1, 1) * torch.arange(len(LETTERS))


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """The bytes of training.pth after the first of two epochs of "--batch-size 96"."""
    folder = tmp_path_factory.mktemp("unfinished")
    (folder / "data").mkdir()
    write_csv(folder / "data/sign_mnist_train.csv", *draw_letters(480))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        loader, _ = get_train_held_out_loaders(96)
        patch.setattr(step_3, "train", interrupt_after(1))
        with pytest.raises(KeyboardInterrupt):
            fit(Net(), loader, 2, step_3.LEARNING_RATE, unfinished=folder / "training.pth")
    return (folder / "training.pth").read_bytes()


def interrupt_after(epochs):
    """A `train` that Ctrl-C ends after so many epochs."""

    def interrupted(net, criterion, optimizer, trainloader, epoch, *others):
        if epoch == epochs:
            raise KeyboardInterrupt
        return train(net, criterion, optimizer, trainloader, epoch, *others)

    return interrupted


def test_net_is_three_convolutions_and_three_fully_connected_layers():
    layers = list(Net().modules())
    assert sum(isinstance(layer, nn.Conv2d) for layer in layers) == 3
    assert sum(isinstance(layer, nn.Linear) for layer in layers) == 3


def test_the_checkpoint_that_comes_with_it_fits_net():
    try:
        step_3.load_net(ROOT / "pretrained/checkpoint.pth")
    except UserError as error:
        pytest.fail(
            f"{error}. Net or the alphabet has changed: put checkpoint.pth and signlanguage.onnx "
            "of a new training into pretrained/, and measure anew what README.md's model card says"
        )


@pytest.mark.parametrize("count", [1, 2, 7])
def test_net_gives_a_logit_a_letter_for_any_batch(count):
    logits = Net().eval()(torch.randn(count, 1, 28, 28))
    assert logits.shape == (count, len(LETTERS))
    assert logits.dtype == torch.float32


def test_net_reads_an_image_alone_as_in_a_batch():
    net, images = Net().eval(), torch.randn(5, 1, 28, 28)
    torch.testing.assert_close(net(images)[3:4], net(images[3:4]), atol=1e-5, rtol=1e-5)


def test_net_has_one_way_for_training_and_evaluation():
    net, images = Net().train(), torch.randn(3, 1, 28, 28)
    for norm in (net.norm1, net.norm2, net.norm3):
        norm.eval()  # these alone differ
    logits = net(images)
    assert torch.equal(logits, net.eval()(images))


def test_blur_is_the_mean_of_the_square_around_a_pixel_within_the_image():
    images = torch.rand(2, 1, 28, 28)
    for near, blurred in zip(
        contrast.SIDES, contrast.blur(images, 28).split(1, dim=1), strict=True
    ):
        pool = torch.nn.AvgPool2d(near, 1, near // 2, count_include_pad=False)
        torch.testing.assert_close(blurred, pool(images))


def test_a_teacher_takes_and_gives_what_net_does():
    teacher, images = distill.Teacher().eval(), torch.randn(3, 1, 28, 28)
    assert teacher(images).shape == (3, len(LETTERS))
    torch.testing.assert_close(teacher(images)[1:2], teacher(images[1:2]), atol=1e-5, rtol=1e-5)


def test_net_learns_what_its_teacher_says_whatever_the_labels(data):
    """The teacher takes A for B, and all else for no hand."""
    trainloader, _ = get_train_test_loaders(48, augment=False)
    images = [trainloader.dataset[i]["image"] for i in range(2)]

    def teacher(inputs):
        logits = torch.full((len(inputs), len(LETTERS)), -20.0)
        logits[:, 1] += 40 * (inputs[:, 0, 4, 4] > 1.5)  # where draw_letters draws an A
        return logits

    torch.manual_seed(0)
    net = Net()
    fit(net, distill.SoftTargets(trainloader, teacher, 2, torch.device("cpu")), 2, 0.1)
    with torch.no_grad():
        logits = F.pad(net.eval()(torch.stack(images)), (0, 1))
    assert logits.argmax(1).tolist() == [1, len(LETTERS)]


def test_teacher_is_trained_and_learned_from_by_the_script(data, capsys):
    distill.main(["--deep", "--epochs", "1"])
    assert not (data / "checkpoint.pth").exists()
    distill.main(["--teacher", "teacher.pth", "--epochs", "1"])
    step_3.load_net()
    assert "teacher.pth: the trained network" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"checkpoint.pth: weights of another network"):
        distill.main(["--teacher", "teacher.pth", "checkpoint.pth", "--epochs", "1"])


def test_start_trains_on_from_the_weights_of_a_file(data):
    step_3.main(["--epochs", "1"])
    before = step_3.load_net().state_dict()
    step_3.main(["--start", "checkpoint.pth", "--epochs", "1", "--lr", "1e-9"])
    for name, after in step_3.load_net().named_parameters():
        torch.testing.assert_close(after, before[name], msg=name)
    with pytest.raises(UserError, match=r"checkpoint.pth: weights of another network"):
        distill.main(["--deep", "--start", "checkpoint.pth", "--epochs", "1"])


def test_an_epoch_shows_each_image_and_its_answer_several_times(data):
    """Answers are asked for once; every time the images come in other batches."""
    asked = []

    def teacher(images):
        asked.extend(images)
        return shout(images)

    loader, _ = get_train_test_loaders(100)
    answered = distill.SoftTargets(loader, teacher, 3, torch.device("cpu"))
    batches = list(answered)
    assert len(batches) == len(answered) == 3 * 5
    assert len(asked) == 480
    first, second, third = (
        {name: torch.cat([batch[name] for batch in batches[i : i + 5]]) for name in batches[0]}
        for i in (0, 5, 10)
    )
    for other in (second, third):
        assert not torch.equal(other["image"], first["image"])
        order = [
            first["image"].flatten(1).sum(1).argsort(),
            other["image"].flatten(1).sum(1).argsort(),
        ]
        for name in first:
            torch.testing.assert_close(other[name][order[1]], first[name][order[0]])
    logits = F.pad(shout(second["image"]), (0, 1))
    torch.testing.assert_close(second["soft_target"], logits.softmax(dim=1), atol=1e-5, rtol=0)


def test_several_teachers_are_taken_for_one_by_their_mean():
    teachers, images = [Net().eval(), Net().eval()], torch.randn(3, 1, 28, 28)
    mean = (teachers[0](images) + teachers[1](images)) / 2
    torch.testing.assert_close(distill.average(teachers)(images), mean)


def test_training_makes_no_letter_probable_where_no_hand_is(data):
    """A network that sees an A everywhere learns that images of the class after the letters' show
    none; "no hand" has the logit 0."""
    images = np.random.default_rng(0).integers(0, 256, (96, 784), dtype=np.uint8)
    for name in ("train", "test"):
        write_csv(f"data/no_hand_{name}.csv", images, np.full(96, 26))
    torch.manual_seed(0)
    net = Net()
    net.fc3.bias.data[0] = 5
    rooms = torch.stack([item["image"] for item in SignLanguageMNIST("data/no_hand_test.csv")])
    certainties = []
    for epochs in (0, 3):
        fit(net, get_train_held_out_loaders(16)[0], epochs, 0.05) if epochs else None
        logits = nn.functional.pad(net.eval()(rooms), (0, 1))
        certainties.append(logits.softmax(dim=1)[:, :-1].amax(dim=1).mean().item())
    assert certainties[0] > 0.8
    assert certainties[1] < 0.2


def test_loss_and_accuracy_are_those_of_the_batches_images(data):
    """Of the letters and no hand: the criterion gets float32 logits, the last of them 0."""
    torch.manual_seed(0)
    losses, right = [], []

    def criterion(outputs, labels):
        assert (outputs.dtype, outputs.shape) == (torch.float32, (len(labels), len(LETTERS) + 1))
        assert (outputs[:, -1] == 0).all()
        losses.append(nn.functional.multi_margin_loss(outputs, labels))
        right.extend((outputs.argmax(1) == labels).tolist())
        return losses[-1]

    net = Net()
    optimizer = optim.SGD(net.parameters(), lr=0.01)
    loss, accuracy = train(net, criterion, optimizer, get_train_test_loaders(48)[0], 0)
    assert loss == pytest.approx(sum(losses).item() / 10)
    assert accuracy == np.mean(right)
    assert len(right) == 480


def test_a_loss_that_is_no_number_is_named(data):
    with pytest.raises(UserError, match=r"the loss is nan in epoch 1; try a lower --lr"):
        fit(Net(), get_train_test_loaders(48)[0], 1, 1e30)


def test_bfloat16_is_for_cpus_that_have_it(monkeypatch):
    able, net, images = {}, nn.Linear(2, 2), torch.zeros(1, 2)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert cores.run_fast(net, images).dtype == torch.float32
    able |= {"avx2": True, "avx512_bf16": False, "amx_bf16": True}
    assert cores.run_fast(net, images).dtype == torch.bfloat16
    assert cores.run_fast(net.to("meta"), images.to("meta")).dtype == torch.float32


def test_train_as_the_tutorial_calls_it(data, capsys):
    """The tutorial's five arguments: the loss falls, and is printed as there."""
    torch.manual_seed(0)
    net = Net().float()
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    loader, _ = get_train_test_loaders()
    losses = [train(net, nn.CrossEntropyLoss(), optimizer, loader, epoch)[0] for epoch in range(4)]
    assert losses[-1] < 0.9 * losses[0]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[0,     0] loss: 3.")
    assert lines[-1].startswith("[3,     0] loss: ")


def test_train_learns_small_data(data):
    """Easy images, as they are, are read almost without mistakes after a few seconds."""
    loader, _ = get_train_test_loaders(16, augment=False)
    history = fit(Net(), loader, 5, 0.1)
    assert len(history) == 5
    assert history[-1][1] > 0.95
    assert history[-1][0] < history[0][0] / 2


def test_light_and_contrast_do_not_change_what_net_sees():
    torch.manual_seed(0)
    images = torch.rand(4, 1, 28, 28) * 4 - 2
    views = contrast.normalise_contrast(images, 28)
    assert views.shape == (4, 3, 28, 28)
    torch.testing.assert_close(
        contrast.normalise_contrast(images * 0.8 + 1, 28), views, atol=0.05, rtol=0
    )
    flat = contrast.normalise_contrast(torch.full((1, 1, 28, 28), -1.7), 28)
    assert flat.abs().max() < 1e-3


def test_blur_is_the_mean_of_what_lies_in_the_image():
    views, sides = torch.rand(2, 2, 28, 28), contrast.SIDES
    pooled = [
        F.avg_pool2d(views[:, [k]], side, 1, side // 2, count_include_pad=False)
        for k, side in enumerate(sides)
    ]
    torch.testing.assert_close(contrast.blur(views, 28), torch.cat(pooled, dim=1))
    torch.testing.assert_close(contrast.blur(views[:, :1], 28)[:, 0], pooled[0][:, 0])


def test_a_last_batch_of_one_image_is_trained_on(data):
    loader, _ = get_train_test_loaders(479)
    history = fit(Net(), loader, 1, 0.01)
    assert np.isfinite(history[0]).all()


def test_same_seed_same_weights_other_seed_others(data):
    first, second, other = (trained(epochs=1, seed=seed)[0] for seed in (3, 3, 4))
    assert states_equal(first, second)
    assert not states_equal(first, other)


@pytest.mark.parametrize("repeats", [0, 2])
def test_resumed_run_ends_where_an_uninterrupted_one_does(data, monkeypatch, repeats):
    """With weighted sampling; the test of the script is one without."""
    images = {"extra": ["more.csv"], "repeats": repeats}
    write_csv("more.csv", *draw_letters(72, seed=5))
    straight, straight_history = trained(epochs=3, **images)
    monkeypatch.setattr(step_3, "train", interrupt_after(2))
    with pytest.raises(KeyboardInterrupt):
        trained(epochs=3, unfinished="unfinished.pth", **images)
    monkeypatch.setattr(step_3, "train", train)
    torch.manual_seed(99)  # whatever happened in between
    net = Net()
    history = fit(net, load(**images), 3, 0.05, 1, "unfinished.pth", resume=True)
    assert states_equal(net.state_dict(), straight)
    assert [tuple(pair) for pair in history] == straight_history


def test_resume_refuses_another_run(data):
    trained(epochs=1, unfinished="unfinished.pth")
    changes = {"epochs 1, not 2": {"epochs": 2}, "seed 1, not 2": {"seed": 2}}
    changes |= {"batches 10, not 20": {"repeats": 2}}
    for name, change in changes.items():
        with pytest.raises(UserError, match=name):
            trained(**{"epochs": 1} | change, unfinished="unfinished.pth", resume=True)


def change(state, *keys, value):
    for key in keys[:-1]:
        state = state[key]
    state[keys[-1]] = value


FORGED = {
    "a checkpoint": lambda state: state.update(state.pop("net")),
    "no settings": lambda state: state.pop("settings"),
    "other shape": lambda state: change(state, "net", "fc3.bias", value=torch.zeros(30)),
    "other type": lambda state: change(
        state, "net", "fc3.bias", value=torch.zeros(len(LETTERS)).int()
    ),
    "no tensor": lambda state: change(state, "net", "fc3.bias", value=[0.0] * len(LETTERS)),
    "rate is text": lambda state: change(state["optimizer"]["param_groups"][0], "lr", value="1"),
    "no momentum": lambda state: state["optimizer"]["state"].clear(),
    "momentum of another shape": lambda state: change(
        state, "optimizer", "state", 0, "momentum_buffer", value=torch.zeros(2)
    ),
    "no history": lambda state: state["history"].clear(),
    "history is text": lambda state: change(state, "history", value="abc"),
    "history of text": lambda state: change(state, "history", value=[("a", "b")]),
    "history of one number": lambda state: change(state, "history", value=[(1.0,)]),
    "history without number": lambda state: change(state, "history", value=[(float("nan"), 0.5)]),
    "history too long": lambda state: change(state, "history", value=[(1.0, 0.5)] * 3),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_resume_refuses_what_is_of_another_kind_before_it_writes(data, unfinished, forge):
    state = torch.load(io.BytesIO(unfinished), weights_only=True)
    forge(state)
    torch.save(state, "training.pth")
    before = snapshot(data)
    with pytest.raises(UserError, match=r"training.pth: not of a training of this network"):
        step_3.main(["--epochs", "2", "--batch-size", "96", "--no-accel", "--resume"])
    assert snapshot(data) == before


def test_device_is_the_cpu_when_asked(monkeypatch):
    assert cores.pick_device(accel=False) == torch.device("cpu")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("mps"))
    assert cores.pick_device() == torch.device("mps")


def test_resume_refuses_other_images(data):
    write_csv("more.csv", *draw_letters(72, seed=5))
    trained(epochs=1, unfinished="unfinished.pth", extra=["more.csv"])
    with pytest.raises(UserError, match="number of images 552, not 480"):
        trained(epochs=1, unfinished="unfinished.pth", resume=True)


# ---------------------------------------------------------------- the script


FLAGS = ["--epochs", "3", "--batch-size", "96", "--no-accel"]


def test_script_writes_a_checkpoint_that_loads(data, capsys):
    step_3.main(["--epochs", "2", "--batch-size", "64", "--no-accel"])
    output = capsys.readouterr().out
    assert "[1,     0] loss: " in output
    assert "epoch 2/2  loss " in output
    Net().load_state_dict(torch.load("checkpoint.pth", weights_only=True))
    assert (data / "training.png").read_bytes().startswith(b"\x89PNG")
    assert not (data / "training.pth").exists()


def test_interrupted_script_resumes_to_the_same_checkpoint(data, capsys):
    step_3.main(FLAGS)
    straight = torch.load("checkpoint.pth", weights_only=True)
    command = [sys.executable, ROOT / "step_3_train.py", *FLAGS]
    # Sums differ in their last bits with the number of threads, which other tests may have changed.
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    with subprocess.Popen(command, env=env, stdout=PIPE, stderr=PIPE, text=True) as process:
        while not process.stdout.readline().startswith("epoch 1/3"):
            pass
        while not (data / "training.pth").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "Interrupted; --resume goes on after epoch 1\n"
    assert states_equal(torch.load("checkpoint.pth", weights_only=True), straight)  # the old one
    (data / "checkpoint.pth").unlink()
    capsys.readouterr()
    step_3.main([*FLAGS, "--resume"])
    assert "epoch 1/3" not in capsys.readouterr().out
    assert states_equal(torch.load("checkpoint.pth", weights_only=True), straight)


def test_script_trains_on_more_files(data, capsys):
    """On all of them, wherever they are named; a wrong one is refused in one line."""
    write_csv("more.csv", *draw_letters(72, seed=5))
    write_csv("most.csv", *draw_letters(24, seed=6))
    flags = ["--epochs", "1", "--batch-size", "5", "--no-accel"]
    step_3.main(["--data", "more.csv", "--data", "most.csv", *flags])
    assert "[0,   100] loss: " in capsys.readouterr().out  # 480 images in data/ are 96 batches
    (data / "checkpoint.pth").unlink()
    write_csv("bad.csv", [[300] * 784], [3])
    with pytest.raises(UserError, match=r"bad.csv, line 2: pixel1 is '300'"):
        step_3.main(["--data", "more.csv", "bad.csv"])
    with pytest.raises(FileNotFoundError, match=r"no.csv: no such file"):
        step_3.main(["--data", "more.csv", "no.csv"])
    assert not (data / "checkpoint.pth").exists()


def test_without_epochs_training_sees_as_many_images_whatever_there_are(data, monkeypatch, capsys):
    monkeypatch.setattr(step_3, "train", lambda *arguments: (1.0, 0.5))
    for images, epochs in ((1400, 3), (100, 1)):
        monkeypatch.setattr(step_3, "IMAGES", images)
        step_3.main(["--no-accel"])
        assert f"epoch {epochs}/{epochs}  loss" in capsys.readouterr().out


def test_dry_run_writes_nothing(data, capsys):
    before = set(data.rglob("*"))
    step_3.main(["--dry-run"])
    assert "epoch 1/1" in capsys.readouterr().out
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
        ["--data", ""],
        ["--speed"],
        ["extra"],
    ],
)
def test_bad_flags_are_usage_errors(flags, capsys):
    with pytest.raises(SystemExit) as caught:
        step_3.main(flags)
    assert caught.value.code == 2
    assert flags[0] in capsys.readouterr().err


def test_ctrl_c_in_the_first_epoch_advises_nothing(data, monkeypatch, capsys):
    monkeypatch.setattr(step_3, "train", interrupt_after(0))
    with pytest.raises(KeyboardInterrupt):
        step_3.main(FLAGS)
    assert capsys.readouterr().err == ""
    assert not (data / "training.pth").exists()


def test_two_trainings_in_one_folder_both_end_well(data, monkeypatch):
    """Another one ends while this one trains: what it removed is not missed."""

    def train_beside(*arguments):
        result = train(*arguments)
        (data / "training.pth").unlink(missing_ok=True)
        return result

    monkeypatch.setattr(step_3, "train", train_beside)
    step_3.main(["--epochs", "2", "--batch-size", "96", "--no-accel"])
    (data / "training.pth").unlink(missing_ok=True)
    assert (data / "checkpoint.pth").exists()


def not_states():
    """Contents that torch did not write, or that are damaged."""
    state = step_3.to_bytes({"weights": torch.arange(1000.0)})
    flipped = bytearray(state)
    flipped[len(state) // 2] ^= 1
    packed, empty = io.BytesIO(), io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(state))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name in source.namelist():
            file.writestr(name, source.read(name))
    zipfile.ZipFile(empty, "w").close()
    return {
        "text": b"hello\n",
        "empty": b"",
        "numbers": bytes(range(256)),
        "pickle": pickle.dumps({"a": 1}),
        "code": pickle.dumps(os.getcwd),
        "cut short": state[:-100],
        "one bit": bytes(flipped),
        "zip": empty.getvalue(),
        "packed": packed.getvalue(),
    }


@pytest.mark.parametrize("content", not_states().values(), ids=not_states())
def test_what_torch_did_not_write_is_named(workdir, content):
    (workdir / "checkpoint.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"checkpoint.pth: damaged, or not written by step_3_train"):
        step_3.load_state("checkpoint.pth")


def test_tensors_that_torch_warns_of_are_refused_in_silence(workdir):
    """The tests' warnings are errors."""
    torch.save({"weights": torch.eye(3).to_sparse()}, "checkpoint.pth")
    assert not are_alike(step_3.load_state("checkpoint.pth"), {"weights": torch.eye(3)})


def test_flipped_bits_give_the_same_state_or_one_line(workdir):
    """Of a short file, so that none of its parts is spared."""
    state = step_3.to_bytes({"weights": torch.arange(4.0)})
    rng = np.random.default_rng(0)
    for place in rng.choice(len(state), 200, replace=False):
        changed = bytearray(state)
        changed[place] ^= 1 << rng.integers(8)
        (workdir / "checkpoint.pth").write_bytes(changed)
        with contextlib.suppress(UserError):
            loaded = step_3.load_state("checkpoint.pth")
            assert loaded["weights"].tolist() == [0, 1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights as on Unix")
def test_a_checkpoint_that_may_not_be_read_is_not_called_damaged(workdir):
    workdir.chmod(0o755)
    (workdir / "checkpoint.pth").write_bytes(b"secret")
    (workdir / "checkpoint.pth").chmod(0)
    user = os.geteuid()
    os.seteuid(user or 65534)  # an administrator may read everything
    try:
        with pytest.raises(PermissionError):
            step_3.load_state("checkpoint.pth")
    finally:
        os.seteuid(user)


def test_missing_data_are_named_and_nothing_is_written(data):
    (data / "data/sign_mnist_train.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"train.csv: no such file; python step_2_dataset"):
        step_3.main([])
    assert not (data / "checkpoint.pth").exists()


def test_unfinished_training_that_is_none_is_named(data):
    with pytest.raises(FileNotFoundError, match=r"training.pth: no such file; .* without --resume"):
        step_3.main(["--resume"])
    (data / "training.pth").write_bytes(b"PK broken")
    with pytest.raises(UserError, match=r"training.pth: damaged"):
        step_3.main(["--resume"])
