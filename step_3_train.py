"""Step 3: train the network.

    python step_3_train.py [--data CSV ...] [--epochs N] [--resume]

Reads data/ and the csv files named, writes checkpoint.pth, a state_dict of Net, and training.png,
loss and accuracy by epoch. An interrupted run goes on with --resume after the last finished epoch,
which training.pth keeps until the run is complete, and ends at the weights of an uninterrupted one.
"""

import argparse
import io
import math
import pickle
import sys
import time
from functools import partial
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from step_2_dataset import (
    LETTERS,
    MEAN,
    STD,
    DataError,
    get_train_test_loaders,
    run,
    write_figure,
    write_file,
)

CHECKPOINT = "checkpoint.pth"
UNFINISHED = "training.pth"  # all that --resume needs
PICTURE = "training.png"

NEAR = 9  # pixels, side of the square around a pixel whose contrast is made even
LOOKS = 4  # at each image, of a trained Net
STEP = 3  # pixels left out at two sides of an image, to see the rest larger

IMAGES = 600_000  # seen in training unless --epochs says otherwise: minutes on two cores
EPOCHS = 45  # at most, then
BATCH_SIZE = 256
LEARNING_RATE = 0.1  # the peak of the one-cycle schedule
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.1
PRINT_EVERY = 100  # batches
NOTHING = 0.0  # logit of "no hand" beside those of the letters
NOTHING_SHARE = 1 / 8  # images without a hand, for each with one
EVEN_WEIGHT = 0.3  # of the loss that makes all letters equally probable where no hand is
HAND_WEIGHT = 0.5  # of the loss that tells hand from none
FAST_BF16 = ("avx512_bf16", "amx_bf16")  # a CPU's instructions that make bfloat16 worth it
MAX_EPOCHS = 10_000  # seeds apart, so that two runs' epochs do not share any


class Net(nn.Module):
    """Three convolutional and three fully connected layers.

    Takes float32 (N, 1, 28, 28), normalised images, and gives float32 (N, 24), logits in the
    order of LETTERS. When it is not training, these are the mean of four looks at each image, so
    that it matters less where in the crop a hand is, and not at all whether it is left or right.
    Pooling comes before normalisation and activation, which then have a quarter of the values to
    work on.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 32, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(128)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.2)
        self.fc1 = nn.Linear(128 * 3 * 3, 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, len(LETTERS))
        self.to(memory_format=torch.channels_last)  # convolutions on a CPU take half the time

    def forward(self, x):
        x = normalise_contrast(x)
        if self.training:
            return self.read(x)
        return self.read(look_around(x)).unflatten(0, (LOOKS, -1)).mean(dim=0)

    def read(self, x):
        """Logits (N, 24) of normalise_contrast's (N, 2, 28, 28)."""
        x = self.norm1(self.pool(self.conv1(x))).relu()  # (N, 32, 14, 14)
        x = self.norm2(self.pool(self.conv2(x))).relu()  # (N, 64, 7, 7)
        x = self.norm3(self.pool(self.conv3(x))).relu()  # (N, 128, 3, 3)
        x = self.fc1(self.drop(x.flatten(1))).relu()
        x = self.fc2(self.drop(x)).relu()
        return self.fc3(x)


def look_around(x):
    """LOOKS looks at each of the images (N, C, H, W), (LOOKS * N, C, H, W): all of it, its mirror
    image, and, enlarged, its upper left and, mirrored, its upper right part, STEP rows and columns
    less. Together, they are the same for the mirror images. The lower parts, which the wrist is in,
    were not worth their time."""
    upper = x[:, :, :-STEP]
    parts = torch.cat([upper[..., :-STEP], upper[..., STEP:].flip(3)])
    parts = F.interpolate(parts, x.shape[2:], mode="bilinear")
    return torch.cat([x, x.flip(3), parts])


def normalise_contrast(x):
    """Two views of each image, float32 (N, 2, H, W) of (N, 1, H, W), that are the same in a dark
    room and a bright one: less its mean over its standard deviation, of the whole image and then
    of the square around each pixel. The latter is known as local contrast normalisation (Jarrett
    et al., 2009)."""
    x = x - x.mean(dim=(2, 3), keepdim=True)
    x = x / (x.square().mean(dim=(2, 3), keepdim=True) + 0.01).sqrt()  # a flat image stays flat
    local = x - blur(x)
    return torch.cat([x, local / (blur(local.square()) + 0.05).sqrt()], dim=1)


def blur(x):
    """The mean of the square around each pixel: along columns, then rows, a quarter of the time."""
    x = F.avg_pool2d(x, (NEAR, 1), stride=1, padding=(NEAR // 2, 0), count_include_pad=False)
    return F.avg_pool2d(x, (1, NEAR), stride=1, padding=(0, NEAR // 2), count_include_pad=False)


def train(net, criterion, optimizer, trainloader, epoch, scheduler=None):
    """Train `net` for one epoch and print the tutorial's `[epoch, i] loss`, averaged so far.

    `trainloader` gives batches as get_train_test_loaders does, `criterion` a loss of logits and
    labels; `scheduler`, if any, is stepped after each batch. Beside its images the network sees
    some without a hand (see `nothing_loss`). Returns the epoch's mean loss and the share of images
    read rightly while training, both of the batches' own images alone.
    """
    net.train()
    device = next(net.parameters()).device
    bf16 = has_fast_bf16(device)
    loss_sum, right, seen = 0.0, 0, 0
    for i, batch in enumerate(tqdm(trainloader, f"epoch {epoch}", leave=False, disable=None)):
        inputs = batch["image"].to(device)
        labels = batch["label"][:, 0].long().to(device)
        optimizer.zero_grad()
        images = torch.cat([inputs, draw_nothing(inputs)])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            outputs = net(images)
        outputs, nothing = outputs.float().tensor_split([len(labels)])
        loss = criterion(outputs, labels)
        (loss + nothing_loss(outputs, nothing)).backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        loss_sum += loss.item() * len(labels)
        right += (outputs.argmax(1) == labels).sum().item()
        seen += len(labels)
        if i % PRINT_EVERY == 0:
            tqdm.write(f"[{epoch}, {i:5d}] loss: {loss_sum / seen:.6f}")
    return loss_sum / seen, right / seen


def nothing_loss(hands, nothing):
    """What teaches the network to tell a hand from none: a scalar, of logits `hands` (N, 24) of
    images with one and `nothing` (M, 24) of images without.

    Where no hand is, all letters are to be equally probable (outlier exposure, Hendrycks et al.,
    2019). And log(sum(exp(logits))), known as their negative energy (Liu et al., 2020), less
    NOTHING is to be the log-odds that a hand is there: "no hand" has that logit beside theirs.
    """
    missed = F.softplus(NOTHING - hands.logsumexp(dim=1)).mean()
    imagined = F.softplus(nothing.logsumexp(dim=1) - NOTHING).mean()
    uneven = -nothing.log_softmax(dim=1).mean()
    return HAND_WEIGHT * (missed + imagined) + EVEN_WEIGHT * uneven


def draw_nothing(images):
    """Normalised images where no hand is, NOTHING_SHARE of the number of `images` (N, C, H, W), of
    their size: a quarter are upper corners of these, enlarged, the others rooms."""
    few = images[: math.ceil(len(images) * NOTHING_SHARE)]
    size = few.shape[2:]
    side = max(1, size[0] // 3)
    corners = [few[:, :, :side, :side], few[:, :, :side, -side:]]  # the lower ones show the arm
    corners = F.interpolate(corners[torch.randint(2, ())], size, mode="bilinear")
    rooms = (draw_rooms(len(few), size, few.device) - MEAN) / STD
    return torch.where(torch.rand(len(few), 1, 1, 1, device=few.device) < 0.25, corners, rooms)


def draw_rooms(count, size, device=None):
    """Rooms without a hand, float32 (count, 1, *size), 0 to 1, `size` being height and width: light
    that falls off across a wall; now and then blotches, a curtain, up to two bands (door frames,
    edges of furniture); in half of them somebody."""

    def draw(low=0.0, high=1.0):
        return torch.empty(count, 1, 1, 1, device=device).uniform_(low, high)

    def perhaps(share):
        return (draw() < share).float()

    def across(x, y):
        angle = draw(0, 2 * math.pi)
        return angle.cos() * x + angle.sin() * y

    y = torch.linspace(-1, 1, size[0], device=device).view(-1, 1)
    x = torch.linspace(-1, 1, size[1], device=device)
    rooms = draw() + perhaps(0.8) * draw(0, 0.5) * across(x, y)
    for cells in (3, 6, 12):
        blotches = torch.rand(count, 1, cells, cells, device=device) - 0.5
        blotches = F.interpolate(blotches, size, mode=("nearest", "bilinear")[torch.randint(2, ())])
        rooms = rooms + perhaps(0.3) * draw(0, 0.5) * blotches
    rooms = rooms + perhaps(0.3) * draw(0, 0.15) * (draw(2, 22) * x + draw(0, 2 * math.pi)).sin()
    for _ in range(2):
        upright = torch.where(draw() < 0.5, x, y)
        place = torch.where(draw() < 0.6, upright, across(x, y)) - draw(-1.2, 1.2)
        sharpness = draw(2, 30)
        band = (sharpness * place).sigmoid() * (sharpness * (draw(0, 1.5) - place)).sigmoid()
        rooms = torch.lerp(rooms, draw().expand_as(rooms), band * perhaps(0.35))
    somebody, light = perhaps(0.5), 1 + draw(0, 0.6) * across(x, y)
    radius = draw(0.25, 0.85)
    x, y = (x - draw(-1, 1)) / radius, (y - draw(-1, 0.6)) / radius  # from a face, in its radii
    folds = (draw(1, 7) * (across(x, y) + draw(0, 0.5) * (2 * x).sin())).sin()
    skin, hair, shirt = draw(), draw(), draw() * (1 + draw(0, 0.4) * folds)
    eye = draw(0.12, 0.3), draw(0.08, 0.2), 0.4 * skin  # or glasses
    for right, down, width, height, brightness in (
        (0, 3.2, 2.2, 1.8, shirt),
        (0, 1.2, 0.45, 0.9, 0.8 * skin),  # neck
        (0, -0.25, 0.85, 1.05, hair),
        (0, 0, 0.72, 1, skin),
        (0, 0.65, 0.55, 0.4, torch.where(draw() < 0.4, hair, skin)),  # beard
        (-0.3, -0.15, *eye),
        (0.3, -0.15, *eye),
        (0, 0.5, 0.3, 0.1, 0.6 * skin),  # mouth
    ):
        inside = 1 - ((x - right) / width).square() - ((y - down) / height).square()
        shown = (6 * inside).sigmoid() * somebody
        rooms = torch.lerp(rooms, (brightness * light).expand_as(rooms), shown)
    return rooms.clamp(0, 1)


def has_fast_bf16(device):
    """Whether `device` is a CPU that computes faster in bfloat16 than in float32."""
    return device.type == "cpu" and any(map(torch.cpu.get_capabilities().get, FAST_BF16))


def pick_device(accel=True):
    """The accelerator (CUDA, Apple's MPS, ...) if there is one and `accel` is true, or the CPU."""
    if accel and torch.accelerator.is_available():
        return torch.accelerator.current_accelerator()
    return torch.device("cpu")


def first_batch(loader):
    """A DataLoader of no more than the first batch of `loader`'s data set."""
    size = min(loader.batch_size, len(loader.dataset))
    return DataLoader(Subset(loader.dataset, range(size)), size)


def to_bytes(state):
    """What torch.save writes of `state`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def load_state(path):
    """What torch.save wrote to `path`, tensors on the CPU.

    Raises FileNotFoundError, or DataError if it is not such a file.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file; python step_3_train.py makes it")
    try:
        return torch.load(io.BytesIO(Path(path).read_bytes()), "cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, OSError):
        raise DataError(
            f"{path}: damaged, or not written by step_3_train.py; remove it and train again"
        ) from None


def fit(net, trainloader, epochs, lr, seed=1, unfinished=None, resume=False):
    """Train `net` for `epochs` and return its history, a (loss, accuracy) for each epoch.

    Every finished epoch is kept in the file `unfinished`, if given; with `resume`, training goes
    on where that file's run was. Each epoch seeds all that is random anew, from `seed` and
    its number, so that a resumed run ends where an uninterrupted one does.
    """
    criterion = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    optimizer = optim.SGD(net.parameters(), lr, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
    scheduler = optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs=epochs, steps_per_epoch=len(trainloader)
    )
    parts = {"net": net, "optimizer": optimizer, "scheduler": scheduler}
    settings = {"epochs": epochs, "batch size": trainloader.batch_size, "lr": lr, "seed": seed}
    settings["number of images"] = len(trainloader.dataset)
    history = load_progress(unfinished, parts, settings) if resume else []
    for epoch in range(len(history), epochs):
        torch.manual_seed(seed * MAX_EPOCHS + epoch)
        start = time.perf_counter()
        history.append(train(net, criterion, optimizer, trainloader, epoch, scheduler))
        print(epoch_line(epoch, epochs, *history[-1], time.perf_counter() - start), flush=True)
        if unfinished:
            save_progress(unfinished, parts, history, settings)
    return history


def epoch_line(epoch, epochs, loss, accuracy, seconds):
    return (
        f"epoch {epoch + 1:{len(str(epochs))}d}/{epochs}  loss {loss:.4f}  "
        f"accuracy {accuracy:.4f}  {seconds:.1f} s"
    )


def save_progress(path, parts, history, settings):
    """Write all that `load_progress` needs; `parts` are named objects that have a state_dict."""
    states = {name: part.state_dict() for name, part in parts.items()}
    write_file(path, to_bytes({"parts": states, "history": history, "settings": settings}))


def load_progress(path, parts, settings):
    """Bring `parts` to where the run that wrote `path` was, and return its history.

    Raises FileNotFoundError if there is nothing to resume, DataError if that run had other
    `settings`.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no unfinished run to resume; train without --resume")
    state = load_state(path)
    for name, value in settings.items():
        if (then := state["settings"][name]) != value:
            raise DataError(
                f"{path}: the unfinished run had {name} {then}, not {value}; give the same flags "
                "and data, or train without --resume"
            )
    try:
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
    except (KeyError, RuntimeError, ValueError):
        raise DataError(f"{path}: of another network; train without --resume") from None
    return state["history"]


def save_curves(path, history):
    """Write a picture of loss and accuracy by epoch. `history` is a list of (loss, accuracy)."""
    from matplotlib.figure import Figure  # slow to import, and step 4 imports this file

    losses, accuracies = zip(*history, strict=True)
    epochs = range(1, len(history) + 1)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    curves = (("loss", losses, "tab:red"), ("accuracy", accuracies, "tab:blue"))
    for number, (name, values, color) in enumerate(curves, start=1):
        axes = figure.add_subplot(1, 2, number, xlabel="epoch", title=f"Training {name} ")
        axes.plot(epochs, values, color=color, marker="o")
        axes.set_title(f"{values[-1]:.4f}", loc="right", color=color)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    write_figure(path, figure)


def default_epochs(count):
    """How often to go through `count` images."""
    return min(max(1, round(IMAGES / count)), EPOCHS)


def number(kind, low, high):
    """An argparse type: an int or float (`kind`) from `low` to `high`."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            name = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {name} from {low} to {high}")
        return value

    return parse


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description="Train the network on data/ and write checkpoint.pth.",
    )
    add = parser.add_argument
    whole = partial(number, int)
    add(
        "--data",
        nargs="+",
        action="extend",
        default=[],
        metavar="CSV",
        help="train on the images of these files too",
    )
    add(
        "--epochs",
        type=whole(1, MAX_EPOCHS),
        help="how often to see as many images as there are "
        f"(as often as makes {IMAGES:,} images, {EPOCHS} times at most)",
    )
    add(
        "--batch-size",
        type=whole(1, 100_000),
        default=BATCH_SIZE,
        help=f"images a step ({BATCH_SIZE})",
    )
    add(
        "--lr",
        type=number(float, 1e-9, 100),
        default=LEARNING_RATE,
        help=f"peak learning rate ({LEARNING_RATE})",
    )
    add(
        "--seed", type=whole(0, 2**31), default=1, help="same seed and machine: same checkpoint (1)"
    )
    add("--no-accel", action="store_true", help="train on the CPU whatever there is")
    add("--dry-run", action="store_true", help="train on one batch, write nothing")
    add("--resume", action="store_true", help="go on with an interrupted run")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    trainloader, _ = get_train_test_loaders(args.batch_size, extra=args.data)
    torch.manual_seed(args.seed)
    net = Net().to(pick_device(not args.no_accel))
    if args.dry_run:
        fit(net, first_batch(trainloader), 1, args.lr, args.seed)
        return
    epochs = args.epochs or default_epochs(len(trainloader.dataset))
    try:
        history = fit(net, trainloader, epochs, args.lr, args.seed, UNFINISHED, args.resume)
    except KeyboardInterrupt:
        print("Interrupted; --resume goes on after the last finished epoch", file=sys.stderr)
        raise
    write_file(CHECKPOINT, to_bytes(net.cpu().state_dict()))
    save_curves(PICTURE, history)
    Path(UNFINISHED).unlink()
    print(f"{CHECKPOINT}: the trained network; {PICTURE}: how it learned")


if __name__ == "__main__":
    run(main)
