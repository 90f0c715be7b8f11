"""Step 3: train the network. The tutorial's [epoch from 0 on, batch] loss, then how an epoch went:

    [5,   400] loss: 0.931442
    epoch 6/6  loss 0.9300  accuracy 0.9022  held out 0.8412  6.0 s
    checkpoint.pth: the trained network; training.png: how it learned

    python step_3_train.py [--data CSV_OR_FOLDER ...] [--epochs N] [--resume]   # --help lists all

`accuracy` is that of the images as they were trained on: varied, and some without a hand. `held
out` is that of letters of the training files which it does not train on, as they are. What --resume
needs after an interruption is in training.pth until the training is complete. With the same number
of threads, a resumed run ends with the same weights as one that was not interrupted.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import math
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tqdm import tqdm

from plumbing.checkpoints import load_progress, load_state, resumable, save_progress, to_bytes
from plumbing.cores import pick_device, run_fast, threads_beside_others
from plumbing.faults import UserError, run
from plumbing.figures import save_curves
from plumbing.files import write_file
from plumbing.flags import training_parser
from plumbing.loaders import first_batch
from step_2_dataset import LETTERS, SIZE, get_train_held_out_loaders

CHECKPOINT, PICTURE = "checkpoint.pth", "training.png"
UNFINISHED = "training.pth"  # all that --resume needs
NEAR = 5, 13  # pixels, sides of the two squares around a pixel in which contrast is made alike

IMAGES = 350_000  # seen in training unless --epochs says otherwise: minutes on two cores
BATCH_SIZE = 128  # 256 read strangers worse, in no less time (docs/experiments.md)
LEARNING_RATE = 0.1  # the peak of the one-cycle schedule
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.1
PRINT_EVERY = 100  # batches


class Net(nn.Module):
    """Read letters by three convolutional and three fully connected layers.

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
        self.conv3 = nn.Conv2d(64, 192, 3, bias=False)  # unpadded: 25 places, not 49
        self.norm3 = nn.BatchNorm2d(192)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.last_pool = nn.MaxPool2d(3, 2)
        self.fc1 = nn.Linear(192 * 2 * 2, 192)
        self.fc2 = nn.Linear(192, 128)
        self.fc3 = nn.Linear(128, len(LETTERS))
        self.to(memory_format=torch.channels_last)  # convolutions on a CPU take half the time

    def forward(self, x):
        # Training may run in bfloat16 (`run_fast`), which is too coarse for this.
        with torch.autocast(x.device.type, enabled=False):
            x = normalise_contrast(x)  # (N, 3, 28, 28)
        x = self.norm1(self.pool(self.conv1(x))).relu()  # (N, 16, 14, 14)
        x = self.norm2(self.pool(self.conv2(x))).relu()  # (N, 64, 7, 7)
        x = self.norm3(self.last_pool(self.conv3(x))).relu()  # (N, 192, 2, 2)
        x = self.fc1(x.flatten(1)).relu()
        x = self.fc2(x).relu()
        return self.fc3(x)


def normalise_contrast(x):
    """Make three channels of each image that are the same in a dark room and a bright one.

    float32 (N, 1, S, S) -> (N, 3, S, S). Each is the image less its mean, by its standard
    deviation: those of the whole image, then those of the two squares around each pixel. The latter
    is known as local contrast normalisation (Jarrett et al., 2009).
    """
    x = x - x.mean(dim=(2, 3), keepdim=True)
    x = x / (x.square().mean(dim=(2, 3), keepdim=True) + 0.01).sqrt()  # a flat image stays flat
    local = x - blur(x)  # (N, 2, S, S): one channel for each of NEAR
    return torch.cat([x, local / (blur(local.square()) + 0.05).sqrt()], dim=1)


def blur(x):
    """Box-blur each image: its channels by the first and the second square of NEAR.

    float32 (N, C, S, S) -> (N, 2, S, S); a single channel, C = 1, is blurred by both. Pixels out of
    the image do not count. Matrix products take a tenth of a pooling's time. They have the constant
    on their left: the exported model is read wrongly by OpenCV 5 where it is on the right.
    """
    place = torch.arange(SIZE, device=x.device)
    distance = (place[:, None] - place).abs()
    near = torch.stack([distance <= side // 2 for side in NEAR]).to(x.dtype)  # bands of ones
    mean = near / near.sum(dim=-1, keepdim=True)  # (2, S, S)
    for _ in range(2):  # mean down the columns and turn; so the rows come next, and all is upright
        x = (mean @ x).transpose(-2, -1)
    return x


def train(net, criterion, optimizer, trainloader, epoch, scheduler=None):
    """Train `net` for one epoch and print the tutorial's `[epoch, i] loss`, averaged so far.

    Parameters: `criterion`, which gives the loss of logits (N, 25), no hand last, and classes (N,);
    `scheduler`, stepped after each batch, if any.
    Returns: the epoch's mean loss, and the share of its images read rightly while training.
    Raises: UserError if the loss is no longer a number.
    """
    net.train()
    device = next(net.parameters()).device
    loss_sum, right, seen = 0.0, 0, 0
    for i, batch in enumerate(tqdm(trainloader, f"epoch {epoch}", leave=False, disable=None)):
        inputs = batch["image"].to(device)
        labels = batch["label"][:, 0].long().to(device)
        # Only tools/distill.py gives soft targets: probabilities in place of a class.
        targets = batch["soft_target"].to(device) if "soft_target" in batch else labels
        optimizer.zero_grad()
        outputs = add_no_hand(run_fast(net, inputs))
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        loss_sum += loss.item() * len(labels)
        right += (outputs.argmax(1) == labels).sum().item()
        seen += len(labels)
        if not math.isfinite(loss_sum):
            raise UserError(f"the loss is {loss.item()} in epoch {epoch + 1}; try a lower --lr")
        if i % PRINT_EVERY == 0:
            tqdm.write(f"[{epoch}, {i:5d}] loss: {loss_sum / seen:.6f}")
    return loss_sum / seen, right / seen


def add_no_hand(logits):
    """Append the no-hand logit: (N, 24) -> float32 (N, 25).

    It is always 0: the letters' logits say how sure a hand is there (their logsumexp, known as
    negative energy; Liu et al., 2020).
    """
    return F.pad(logits.float(), (0, 1))


@torch.inference_mode()
def measure(net, loader):
    """Return the share of a DataLoader's images that `net` reads rightly."""
    net.eval()
    device = next(net.parameters()).device
    right = sum(
        (net(batch["image"].to(device)).argmax(1).cpu() == batch["label"][:, 0]).sum().item()
        for batch in loader
    )
    return right / len(loader.dataset)


def fit(net, trainloader, epochs, lr, seed=1, unfinished=None, resume=False, held_out=None):
    """Train `net` for `epochs` and return its history, a (loss, accuracy) for each epoch.

    The accuracy is that on the DataLoader `held_out` or, without one, that of training. Every
    finished epoch is kept in the file `unfinished`, if given; with `resume`, training goes on where
    that file's run was. Each epoch seeds all that is random anew, from `seed` and its number, so
    that a resumed run ends where an uninterrupted one does.
    """
    # The soft targets of tools/distill.py are smooth already.
    smoothing = 0 if hasattr(trainloader, "teacher") else LABEL_SMOOTHING
    criterion = nn.CrossEntropyLoss(label_smoothing=smoothing)
    optimizer = optim.SGD(net.parameters(), lr, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
    scheduler = optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs=epochs, steps_per_epoch=len(trainloader)
    )
    settings = {"epochs": epochs, "batch size": trainloader.batch_size, "lr": lr, "seed": seed}
    settings |= {"number of images": len(trainloader.dataset), "batches": len(trainloader)}
    history = load_progress(unfinished, net, optimizer, scheduler, settings) if resume else []
    with resumable(unfinished, history):
        for epoch in range(len(history), epochs):
            torch.manual_seed(hash((seed, epoch)))  # numbers have the same hash in every run
            start = time.perf_counter()
            with threads_beside_others():  # leaves cores to programs that are busy
                loss, accuracy = train(net, criterion, optimizer, trainloader, epoch, scheduler)
            line = f"epoch {epoch + 1:{len(str(epochs))}d}/{epochs}  loss {loss:.4f}  "
            line += f"accuracy {accuracy:.4f}"
            if held_out:
                accuracy = measure(net, held_out)
                line += f"  held out {accuracy:.4f}"
            print(f"{line}  {time.perf_counter() - start:.1f} s", flush=True)
            if unfinished:
                so_far = [*history, (loss, accuracy)]
                save_progress(unfinished, net, optimizer, settings, so_far)
            history.append((loss, accuracy))
    return history


def load_net(path=CHECKPOINT, net=None):
    """Load the weights in the file `path` into `net`, by default a new Net, to evaluate it.

    Raises FileNotFoundError or UserError.
    """
    net, state = net or Net(), load_state(path)
    try:
        net.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError):  # other names or shapes, or no state_dict
        raise UserError(f"{path}: weights of another network; train anew, with step 3") from None
    return net.eval()


def fit_and_save(net, trainloader, held_out, args, path=CHECKPOINT):
    """Train `net` as the flags say, and write its weights to `path`."""
    if args.dry_run:
        fit(net, trainloader, 1, args.lr, args.seed)
        return
    images = len(trainloader) * trainloader.batch_size  # seen in an epoch
    epochs = args.epochs or max(1, round(IMAGES / images))
    history = fit(net, trainloader, epochs, args.lr, args.seed, UNFINISHED, args.resume, held_out)
    write_file(path, to_bytes(net.cpu().state_dict()))
    save_curves(PICTURE, history, "held-out images" if held_out else "training images")
    Path(UNFINISHED).unlink(missing_ok=True)  # done; another training here may have been faster
    print(f"{path}: the trained network; {PICTURE}: how it learned")


def parse_args(argv=None):
    parser = training_parser("Train the network on data/.", IMAGES, BATCH_SIZE, LEARNING_RATE)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    trainloader, held_out = get_train_held_out_loaders(args.batch_size, args.data)
    torch.manual_seed(args.seed)
    net = load_net(args.start) if args.start else Net()
    net.to(pick_device(not args.no_accel))
    if args.dry_run:
        trainloader = first_batch(trainloader)
    fit_and_save(net, trainloader, held_out, args)


if __name__ == "__main__":
    run(main)
