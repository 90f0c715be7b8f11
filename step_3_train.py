"""Step 3: train the network. [epoch, batch] loss, as in the tutorial, then how an epoch went:

    [5,   400] loss: 0.931442
    epoch 6/6  loss 0.9300  accuracy 0.9022  6.0 s
    checkpoint.pth: the trained network; training.png: how it learned

    python step_3_train.py [--data CSV ...] [--epochs N] [--resume]

What --resume needs after an interruption is in training.pth until the training is complete; it ends
at the weights of an uninterrupted one.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
import math
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

from plumbing.checkpoints import are_alike, load_state, to_bytes
from plumbing.faults import UserError, run
from plumbing.figures import save_curves
from plumbing.files import write_file
from plumbing.flags import nonempty, number
from step_2_dataset import LETTERS, get_train_test_loaders

CHECKPOINT, TEACHER = "checkpoint.pth", "teacher.pth"
NEAR = 5, 13  # pixels, sides of the squares around a pixel whose contrast is made even

IMAGES = 350_000  # seen in training unless --epochs says otherwise: minutes on two cores
BATCH_SIZE = 128  # 256 read strangers worse, in no less time (docs/experiments.md)
LEARNING_RATE = 0.1  # the peak of the one-cycle schedule
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.1
REPEATS = 4  # of an image and its Teachers' answer: saves time, at no loss that shows
PRINT_EVERY = 100  # batches


class Net(nn.Module):
    """Three convolutional and three fully connected layers.

    Normalised images float32 (N, 1, 28, 28) -> logits float32 (N, 24), in the order of LETTERS.
    The logit of "no hand" beside them is always 0.
    """

    def __init__(self):
        super().__init__()
        # Pooling comes before normalisation and activation, which then have a quarter of the values
        # to work on; its squares overlap (Krizhevsky et al., 2012), so that a small shift of the
        # hand changes less.
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 64, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 192, 3, bias=False)  # 5x5 places, half of the 7x7
        self.norm3 = nn.BatchNorm2d(192)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.last_pool = nn.MaxPool2d(3, 2)
        self.fc1 = nn.Linear(192 * 2 * 2, 192)
        self.fc2 = nn.Linear(192, 128)
        self.fc3 = nn.Linear(128, len(LETTERS))
        self.to(memory_format=torch.channels_last)  # convolutions on a CPU take half the time

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 is too coarse for it
            x = normalise_contrast(x)  # (N, 3, 28, 28)
        x = self.norm1(self.pool(self.conv1(x))).relu()  # (N, 16, 14, 14)
        x = self.norm2(self.pool(self.conv2(x))).relu()  # (N, 64, 7, 7)
        x = self.norm3(self.last_pool(self.conv3(x))).relu()  # (N, 192, 2, 2)
        x = self.fc1(x.flatten(1)).relu()
        x = self.fc2(x).relu()
        return self.fc3(x)


def normalise_contrast(x):
    """Three views of each image, float32 (N, 3, S, S) of (N, 1, S, S), that are the same in a dark
    room and a bright one: less its mean over its standard deviation, of the whole image and then
    of the squares around each pixel. The latter is known as local contrast normalisation (Jarrett
    et al., 2009)."""
    x = F.layer_norm(x, x.shape[1:], eps=0.01)  # a flat image stays flat
    local = x - blur(x)
    return torch.cat([x, local / (blur(local.square()) + 0.05).sqrt()], dim=1)


def blur(x):
    """Box-blur each image at both window sizes. Pixels outside the image do not count.

    float32 (N, C, S, S), C 1 or 2 -> (N, 2, S, S). Matrix products take a tenth of a pooling's
    time. The constant stands on their left, because OpenCV 5 multiplies wrongly by a stack of
    matrices on the right.
    """
    place = torch.arange(x.shape[-1], device=x.device)
    reach = torch.tensor(NEAR, device=x.device).view(-1, 1, 1) // 2
    near = ((place[:, None] - place).abs() <= reach).to(x.dtype)  # (2, S, S), bands of ones
    mean = near / near.sum(dim=-1, keepdim=True)
    return (mean @ (mean @ x).mT).mT


def train(net, criterion, optimizer, trainloader, epoch, scheduler=None):
    """Train `net` for one epoch and print the tutorial's `[epoch, i] loss`, averaged so far.

    `criterion` gives a loss of logits (N, 25) and classes (N,) or, where the batches have
    "answers", these probabilities (N, 25). `scheduler`, if any, is stepped after each batch.
    Returns the epoch's mean loss and the share of its images read rightly while training. Raises
    UserError if the loss is no longer a number.
    """
    net.train()
    device = next(net.parameters()).device
    loss_sum, right, seen = 0.0, 0, 0
    for i, batch in enumerate(tqdm(trainloader, f"epoch {epoch}", leave=False, disable=None)):
        inputs = batch["image"].to(device)
        classes = batch["label"][:, 0].long().to(device)
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16(device)):
            outputs = net(inputs)
        # The last class, no hand, has the constant logit 0: the letters' say how sure a hand is
        # there (their logsumexp, known as negative energy; Liu et al., 2020).
        outputs = F.pad(outputs.float(), (0, 1))
        loss = criterion(outputs, batch["answers"].to(device) if "answers" in batch else classes)
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        loss_sum += loss.item() * len(classes)
        right += (outputs.argmax(1) == classes).sum().item()
        seen += len(classes)
        if not math.isfinite(loss_sum):
            raise UserError(f"the loss is {loss.item()} in epoch {epoch + 1}; try a lower --lr")
        if i % PRINT_EVERY == 0:
            tqdm.write(f"[{epoch}, {i:5d}] loss: {loss_sum / seen:.6f}")
    return loss_sum / seen, right / seen


def fit(net, trainloader, epochs, lr, seed=1, unfinished=None, resume=False):
    """Train `net` for `epochs` and return its history, a (loss, accuracy) for each epoch.

    Every finished epoch is kept in the file `unfinished`, if given; with `resume`, training goes
    on where that file's run was. Each epoch seeds all that is random anew, from `seed` and
    its number, so that a resumed run ends where an uninterrupted one does.
    """
    repeats = getattr(trainloader, "repeats", 0)  # of each answer; 0: it learns labels
    # A teacher's probabilities are smooth as they are.
    criterion = nn.CrossEntropyLoss(label_smoothing=0 if repeats else LABEL_SMOOTHING)
    optimizer = optim.SGD(net.parameters(), lr, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
    scheduler = optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs=epochs, steps_per_epoch=len(trainloader)
    )
    settings = {"epochs": epochs, "batch size": trainloader.batch_size, "lr": lr, "seed": seed}
    settings |= {"number of images": len(trainloader.dataset), "repeats": repeats}
    history = load_progress(unfinished, net, optimizer, scheduler, settings) if resume else []
    try:
        for epoch in range(len(history), epochs):
            torch.manual_seed(hash((seed, epoch)))  # numbers have the same hash in every run
            start = time.perf_counter()
            result = train(net, criterion, optimizer, trainloader, epoch, scheduler)
            print(epoch_line(epoch, epochs, *result, time.perf_counter() - start), flush=True)
            if unfinished:
                save_progress(unfinished, net, optimizer, settings, [*history, result])
            history.append(result)
    except KeyboardInterrupt:
        if unfinished and history:
            print(f"Interrupted; --resume goes on after epoch {len(history)}", file=sys.stderr)
        raise
    return history


# ================ plumbing: skip on first reading ================

UNFINISHED = "training.pth"  # all that --resume needs
PICTURE = "training.png"
FAST_BF16 = ("avx512_bf16", "amx_bf16")  # a CPU's instructions that make bfloat16 worth it


class Teacher(nn.Module):
    """A deeper network for Net to learn from: a convolution, four residual blocks (He et al.,
    2016) and two fully connected layers. Takes and gives what Net does, at twice the cost."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2)
        self.blocks = nn.Sequential(
            Block(32, 32), Block(32, 64, 2), Block(64, 64), Block(64, 128, 2)
        )
        self.drop = nn.Dropout(0.2)
        self.fc1 = nn.Linear(128 * 4 * 4, 256)
        self.fc2 = nn.Linear(256, len(LETTERS))
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            x = normalise_contrast(x)
        x = self.norm(self.pool(self.conv(x))).relu()  # (N, 32, 14, 14)
        x = self.fc1(self.drop(self.blocks(x).flatten(1))).relu()
        return self.fc2(self.drop(x))


class Block(nn.Module):
    """Two convolutions beside a shortcut, float32 (N, c_in, H, W) to (N, c_out, H / stride, ...)"""

    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(c_out)
        same = c_in == c_out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(c_in, c_out, 1, stride, bias=False)

    def forward(self, x):
        y = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        return (y + self.shortcut(x)).relu()


def has_fast_bf16(device):
    """Whether `device` is a CPU that computes faster in bfloat16 than in float32."""
    return device.type == "cpu" and any(map(torch.cpu.get_capabilities().get, FAST_BF16))


def pick_device(accel=True):
    """The accelerator (CUDA, Apple's MPS, ...) if there is one and `accel` is true, or the CPU."""
    if accel and torch.accelerator.is_available():
        return torch.accelerator.current_accelerator()
    return torch.device("cpu")


def load_net(path=CHECKPOINT, net=None):
    """`net`, by default a Net, with the state_dict in the file `path`, in evaluation mode. Raises
    FileNotFoundError or UserError."""
    net, state = net or Net(), load_state(path)
    try:
        net.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError):  # other names or shapes, or no state_dict
        raise UserError(f"{path}: weights of another network; train anew, with step 3") from None
    return net.eval()


def average(nets):
    """A function of images that gives the mean of the logits that `nets` give."""
    return lambda images: torch.stack([net(images) for net in nets]).mean(dim=0)


class Answered:
    """The batches of a DataLoader, each with "answers", float32 (N, 25): what probabilities
    `teacher`, a function from images on `device` to logits (N, 24), gives the letters and no hand.
    They say how alike letters look, and mend wrong labels: distillation (Hinton et al., 2015).

    In an epoch all images come `repeats` times, shuffled anew, but are answered once, as several
    Teachers take longer to answer than Net to learn. Until then they are kept, 3 kB each, and
    twice that for a moment.
    """

    def __init__(self, loader, teacher, repeats, device):
        self.loader, self.teacher, self.repeats, self.device = loader, teacher, repeats, device
        self.dataset, self.batch_size = loader.dataset, loader.batch_size

    def __len__(self):
        return len(self.loader) * self.repeats

    def __iter__(self):
        batches = []
        for batch in self.loader:
            batches.append(batch | {"answers": self.answer(batch["image"])})
            yield batches[-1]
        images = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
        del batches
        for _ in range(self.repeats - 1):
            for some in torch.randperm(len(images["label"])).split(self.batch_size):
                yield {name: values[some] for name, values in images.items()}

    @torch.no_grad()
    def answer(self, images):
        with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16(self.device)):
            logits = self.teacher(images.to(self.device))
        return F.pad(logits.float(), (0, 1)).softmax(dim=1).cpu()


def first_batch(loader):
    """A DataLoader of no more than the first batch of `loader`'s data set."""
    size = min(loader.batch_size, len(loader.dataset))
    return DataLoader(Subset(loader.dataset, range(size)), size)


def epoch_line(epoch, epochs, loss, accuracy, seconds):
    return (
        f"epoch {epoch + 1:{len(str(epochs))}d}/{epochs}  loss {loss:.4f}  "
        f"accuracy {accuracy:.4f}  {seconds:.1f} s"
    )


def to_progress(net, optimizer, settings, history):
    """All that a training needs to go on after the epochs of `history`."""
    return {
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "settings": settings,
        "history": history,
    }


def save_progress(path, *progress):
    write_file(path, to_bytes(to_progress(*progress)))


def load_progress(path, net, optimizer, scheduler, settings):
    """Bring `net`, `optimizer` and `scheduler`, new ones, to where the run that wrote `path` was,
    and return its history.

    Raises FileNotFoundError if there is nothing to resume, UserError if that run had other
    `settings` or another network.
    """
    state = load_state(path, "there is no unfinished run to resume; train without --resume")
    expected = to_progress(net, optimizer, settings, [(1.0, 1.0)])
    weights = enumerate(net.parameters())
    expected["optimizer"]["state"] = {i: {"momentum_buffer": w.data} for i, w in weights}
    history = state.get("history") if isinstance(state, dict) else None
    if isinstance(history, list):
        expected["history"] *= len(history)
    foreign = UserError(f"{path}: not of a training of this network; train without --resume")
    if not are_alike(state, expected):
        raise foreign
    for name, value in settings.items():
        if (then := state["settings"][name]) != value:
            raise UserError(
                f"{path}: the unfinished run had {name} {then}, not {value}; give the same flags "
                "and data, or train without --resume"
            )
    if not 1 <= len(history) <= settings["epochs"] or not all(map(is_possible, history)):
        raise foreign
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    steps = scheduler.total_steps * len(history) // settings["epochs"]
    scheduler.load_state_dict({"last_epoch": steps - 1, "_step_count": steps + 1})
    scheduler.step()
    return history


def is_possible(result):
    loss, accuracy = result
    return 0 <= loss < 1e30 and 0 <= accuracy <= 1


def parse_args(argv):
    parser = argparse.ArgumentParser(description="Train the network on data/.")
    add, whole = parser.add_argument, partial(number, int)
    add(
        "--data",
        nargs="+",
        action="extend",
        default=[],
        type=nonempty,
        metavar="CSV",
        help="train on the images of these files too",
    )
    add(
        "--epochs",
        type=whole(1, 10_000),
        help=f"how often to see as many images as there are ({IMAGES:,} images in all)",
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
    add("--deep", action="store_true", help=f"train a Teacher instead, written to {TEACHER}")
    add(
        "--teacher",
        nargs="+",
        default=[],
        type=nonempty,
        metavar="FILE",
        help="learn from the Teachers of these files, from the mean of their logits",
    )
    add(
        "--repeats",
        type=whole(1, 1000),
        default=REPEATS,
        help=f"how often an epoch shows each image that the Teachers answer ({REPEATS})",
    )
    add("--start", type=nonempty, metavar="FILE", help="train on from the weights of this file")
    add("--no-accel", action="store_true", help="train on the CPU whatever there is")
    add("--dry-run", action="store_true", help="train on one batch, write nothing")
    add("--resume", action="store_true", help="go on with an interrupted run")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    trainloader, _ = get_train_test_loaders(args.batch_size, extra=args.data)
    torch.manual_seed(args.seed)
    device = pick_device(not args.no_accel)
    net, path = (Teacher(), TEACHER) if args.deep else (Net(), CHECKPOINT)
    if args.start:
        net = load_net(args.start, net)
    teachers = [load_net(file, Teacher()).to(device) for file in args.teacher]
    net.to(device)
    if args.dry_run:
        trainloader = first_batch(trainloader)
    if teachers:
        trainloader = Answered(trainloader, average(teachers), args.repeats, device)
    if args.dry_run:
        fit(net, trainloader, 1, args.lr, args.seed)
        return
    images = len(trainloader.dataset) * (args.repeats if teachers else 1)  # seen in an epoch
    epochs = args.epochs or max(1, round(IMAGES / images))
    history = fit(net, trainloader, epochs, args.lr, args.seed, UNFINISHED, args.resume)
    write_file(path, to_bytes(net.cpu().state_dict()))
    save_curves(PICTURE, history)
    Path(UNFINISHED).unlink(missing_ok=True)  # another training here may have ended first
    print(f"{path}: the trained network; {PICTURE}: how it learned")


if __name__ == "__main__":
    run(main)
