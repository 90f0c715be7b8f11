"""Train Net from the answers of larger networks: distillation (Hinton et al., 2015).

    python -m tools.distill --deep --epochs 8 --seed 3      # a Teacher: teacher.pth
    python -m tools.distill --teacher teacher*.pth          # Net, from the Teachers' mean

Takes step 3's flags, too, and reads the same data. The model in pretrained/ was made so
(docs/training.md).
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import torch
from torch import nn

from plumbing.contrast import normalise_contrast
from plumbing.cores import pick_device, run_fast
from plumbing.faults import run
from plumbing.flags import bounded, nonempty, training_parser
from plumbing.loaders import first_batch
from step_2_dataset import LETTERS, SIZE, get_train_held_out_loaders
from step_3_train import (
    BATCH_SIZE,
    CHECKPOINT,
    IMAGES,
    LEARNING_RATE,
    Net,
    add_no_hand,
    fit_and_save,
    load_net,
)

TEACHER = "teacher.pth"
REPEATS = 4  # of an image and its soft target: saves time, at no loss that shows


class Teacher(nn.Module):
    """A convolution, four residual blocks (He et al., 2016) and two fully connected layers.

    Takes and gives what Net does, at twice the cost.
    """

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
        x = normalise_contrast(x, SIZE)
        x = self.norm(self.pool(self.conv(x))).relu()  # (N, 32, 14, 14)
        x = self.fc1(self.drop(self.blocks(x).flatten(1))).relu()
        return self.fc2(self.drop(x))


class Block(nn.Module):
    """Two convolutions beside a shortcut: (N, c_in, H, W) -> (N, c_out, H / stride, ...)."""

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


class SoftTargets:
    """Add teacher predictions to every batch of a DataLoader, as "soft_target".

    `teacher` gives logits (N, 24) of images on `device`; a soft target is the probabilities of the
    letters and of no hand, float32 (N, 25). They say how alike letters look, and mend wrong labels.

    Images are labelled once an epoch and served `repeats` times, shuffled anew, as several Teachers
    take longer than Net. Until then they are kept, 3 kB each, and twice that for a moment.
    """

    label_smoothing = 0  # they are smooth already

    def __init__(self, loader, teacher, repeats, device):
        self.loader, self.teacher, self.repeats, self.device = loader, teacher, repeats, device
        self.dataset, self.batch_size = loader.dataset, loader.batch_size

    def __len__(self):
        return len(self.loader) * self.repeats

    def __iter__(self):
        batches = []
        for batch in self.loader:
            batches.append(batch | {"soft_target": self.predict(batch["image"])})
            yield batches[-1]
        images = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
        del batches
        for _ in range(self.repeats - 1):
            for some in torch.randperm(len(images["label"])).split(self.batch_size):
                yield {name: values[some] for name, values in images.items()}

    @torch.no_grad()
    def predict(self, images):
        logits = run_fast(self.teacher, images.to(self.device))
        return add_no_hand(logits).softmax(dim=1).cpu()


def average(nets):
    """Return a function of images that gives the mean of the logits that `nets` give."""
    return lambda images: torch.stack([net(images) for net in nets]).mean(dim=0)


def parse_args(argv):
    parser = training_parser(
        "Train Net from the answers of larger networks.", IMAGES, BATCH_SIZE, LEARNING_RATE
    )
    add = parser.add_argument
    add("--deep", action="store_true", help=f"train a Teacher from labels, written to {TEACHER}")
    files = {"nargs": "+", "default": [], "type": nonempty, "metavar": "FILE"}
    add("--teacher", **files, help="learn from the mean of the logits of these files' Teachers")
    times = f"how often an epoch shows each image and its soft target ({REPEATS})"
    add("--repeats", type=bounded(int, 1, 1000), default=REPEATS, help=times)
    args = parser.parse_args(argv)
    if args.deep == bool(args.teacher):
        parser.error("either --deep or --teacher is needed")
    return args


def main(argv=None):
    args = parse_args(argv)
    trainloader, held_out = get_train_held_out_loaders(args.batch_size, args.data)
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
        trainloader = SoftTargets(trainloader, average(teachers), args.repeats, device)
    fit_and_save(net, trainloader, held_out, args, path)


if __name__ == "__main__":
    run(main)
