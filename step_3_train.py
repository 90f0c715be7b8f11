"""Step 3: train the network on the data of step 2.

    $ python step_3_train.py [--data CSV_OR_FOLDER ...] [--epochs N] [--resume]   # --help lists all
    [5,   400] loss: 0.931442
    epoch 6/6  loss 0.9300  accuracy 0.9022  held out 0.8412  6.0 s
    checkpoint.pth: the trained network; training.png: how it learned

Lines in brackets are the tutorial's, with epochs from 0 on. `accuracy` is that of training images,
which are varied, and some without a hand. `held out` is that of unvaried letters kept out of
training. Until the training is complete, training.pth has what --resume needs after an
interruption. With the same number of threads, a resumed run ends with the same weights as one that
was not interrupted.
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

from plumbing.checkpoints import load_state, restore_progress, resumable, save_progress, to_bytes
from plumbing.contrast import normalise_contrast
from plumbing.cores import pick_device, run_fast, threads_beside_others
from plumbing.faults import UserError, run
from plumbing.figures import save_curves
from plumbing.files import write_file
from plumbing.flags import training_parser
from plumbing.loaders import first_batch
from step_2_dataset import LETTERS, SIZE, get_train_held_out_loaders

CHECKPOINT, PICTURE = "checkpoint.pth", "training.png"
UNFINISHED = "training.pth"  # all that --resume needs

IMAGES = 350_000  # seen in all epochs together, unless --epochs is given: minutes on two cores
BATCH_SIZE = 128  # 256 read strangers worse, in no less time (docs/experiments.md)
LEARNING_RATE = 0.1  # the peak of the one-cycle schedule
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.1
NO_HAND_LOGIT = 0.0  # of the class NO_HAND, a constant
PRINT_EVERY = 100  # batches


class Net(nn.Module):
    """Read letters by three convolutional and three fully connected layers.

    Normalised images float32 (N, 1, 28, 28) -> logits float32 (N, 24), in the order of LETTERS.
    Before them comes a layer without weights that makes dark and bright rooms look alike.
    """

    def __init__(self):
        super().__init__()
        # Pooling comes before normalisation and activation: they then have a quarter of the values.
        # Its squares overlap (Krizhevsky et al., 2012): a small shift of the hand changes less.
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 64, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 192, 3, bias=False)  # unpadded: 5x5 places, not 7x7
        self.norm3 = nn.BatchNorm2d(192)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.last_pool = nn.MaxPool2d(3, 2)
        self.fc1 = nn.Linear(192 * 2 * 2, 192)
        self.fc2 = nn.Linear(192, 128)
        self.fc3 = nn.Linear(128, len(LETTERS))
        self.to(memory_format=torch.channels_last)  # a CPU reads in a third of the time

    def forward(self, x):
        x = normalise_contrast(x, SIZE)  # (N, 3, 28, 28)
        x = self.norm1(self.pool(self.conv1(x))).relu()  # (N, 16, 14, 14)
        x = self.norm2(self.pool(self.conv2(x))).relu()  # (N, 64, 7, 7)
        x = self.norm3(self.last_pool(self.conv3(x))).relu()  # (N, 192, 2, 2)
        x = self.fc1(x.flatten(1)).relu()
        x = self.fc2(x).relu()
        return self.fc3(x)


def train(net, criterion, optimizer, trainloader, epoch, scheduler=None):
    """Train `net` for one epoch and print the tutorial's `[epoch, i] loss`, averaged so far.

    Parameters: `criterion`, which gives the loss of logits (N, 25), no hand last, and classes (N,);
    `scheduler`, stepped after each batch, if any.
    Returns: the epoch's mean loss and accuracy.
    Raises: UserError if the loss is no longer a number.
    """
    net.train()
    device = next(net.parameters()).device
    loss_sum, right, seen = 0.0, 0, 0
    for i, batch in enumerate(tqdm(trainloader, f"epoch {epoch}", leave=False, disable=None)):
        inputs = batch["image"].to(device)
        labels = batch["label"][:, 0].long().to(device)
        targets = batch.get("soft_target", labels).to(device)  # soft ones: tools/distill.py
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
    """Append the logit of "no hand": (N, 24) -> float32 (N, 25).

    As it is a constant, images without a hand teach the network to give all letters low logits
    (Liu et al., 2020: a low log-sum-exp).
    """
    return F.pad(logits.float(), (0, 1), value=NO_HAND_LOGIT)


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
    that file's run was.
    """
    smoothing = getattr(trainloader, "label_smoothing", LABEL_SMOOTHING)  # of tools/distill.py
    criterion = nn.CrossEntropyLoss(label_smoothing=smoothing)
    optimizer = optim.SGD(net.parameters(), lr, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
    scheduler = optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs=epochs, steps_per_epoch=len(trainloader)
    )
    # What a resumed run must have in common with the interrupted one.
    settings = {"epochs": epochs, "batch size": trainloader.batch_size, "lr": lr, "seed": seed}
    settings |= {"number of images": len(trainloader.dataset), "batches": len(trainloader)}
    # Restoring sets net, optimizer and scheduler, too.
    history = restore_progress(unfinished, net, optimizer, scheduler, settings) if resume else []
    with resumable(unfinished, history):
        for epoch in range(len(history), epochs):
            torch.manual_seed(hash((seed, epoch)))  # the same in every run, resumed or not
            start = time.perf_counter()
            with threads_beside_others():  # leaves cores to programs that are busy
                loss, accuracy = train(net, criterion, optimizer, trainloader, epoch, scheduler)
            line = f"epoch {epoch + 1:{len(str(epochs))}d}/{epochs}  loss {loss:.4f}  "
            line += f"accuracy {accuracy:.4f}"
            if held_out:
                accuracy = measure(net, held_out)
                line += f"  held out {accuracy:.4f}"
            print(f"{line}  {time.perf_counter() - start:.1f} s", flush=True)
            result = loss, accuracy
            if unfinished:
                save_progress(unfinished, net, optimizer, settings, [*history, result])
            history.append(result)  # once it is saved: Ctrl-C tells what can be resumed
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
