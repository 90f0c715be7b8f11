"""Train the network that reads letters from the landmarks of a hand.

    python -m tools.train_landmarks --photos DIR

DIR/SOURCE/LETTER/ holds photographs of letters, a source being a person (or a page of them). The
hand's landmarks are found as `--follow` finds them. So are those of rendered hands, as ten people
do not show all ways to sign. How well the letters of people are read that a network never saw is
printed first: a third of the sources is left out in turn. Then a network is trained on all of them
and written to pretrained/landmark_letters.onnx. It takes a quarter of an hour.

Landmarks say nothing of light, skin, sleeve or background, so ten people teach more by them than by
pictures, and renders need not look real. But the finder errs where fingers hide each other, and
there pictures say more.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
import torch.nn as nn

from camera.hand import FOLDER, LETTERS_NETWORK, HandFinder
from camera.learn_landmarks import MIDDLE, NOISE, SHAPE, STRETCH, TURN, WRIST, enlarge
from camera.letter_folders import read_letter_folders
from camera.model import ALPHABET
from plumbing.faults import UserError, run
from plumbing.files import write_file
from plumbing.flags import Parser, bounded, nonempty
from plumbing.onnx_files import name_features
from plumbing.progress import Progress
from plumbing.sign_mnist import RENDERED
from tools import render_landmarks

FOLDS = 3
RENDERS, RENDERED_SEED, RENDERED_SHARE = 7200, 77, 0.3  # hands; their share of training
HIDDEN, DROPOUT = 128, 0.3
STEPS, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY, SMOOTHING = 3000, 256, 0.004, 0.01, 0.1
OPSET = 14  # as step 4's
PALM = [0, 5, 9, 13, 17]  # landmarks: the wrist, and the fingers' roots
TIPS = [4, 8, 12, 16, 20]
BONES = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (0, 9), (9, 10), (10, 11)]
BONES += [(11, 12), (0, 13), (13, 14), (14, 15), (15, 16), (0, 17), (17, 18), (18, 19), (19, 20)]
PAIRS = [(a, b) for a in TIPS for b in TIPS if a < b]  # tips that touch, or do not
PAIRS += [(TIPS[0], b) for b in (5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18)]  # the thumb across them


class LandmarkNet(nn.Module):
    """Read letters from landmarks.

    float32 (N, 21, 3), x, y and z in units of any size -> logits float32 (N, 24), of a right or a
    left hand alike: the mean of both.
    """

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(21 * 3 + 3 * len(BONES) + len(PAIRS))
        self.fc1 = nn.LazyLinear(HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.fc3 = nn.Linear(HIDDEN, len(ALPHABET))
        self.dropout = nn.Dropout(DROPOUT)
        self.register_buffer("mirror", torch.tensor([-1.0, 1.0, 1.0]))

    def forward(self, landmarks):
        hands = landmarks, landmarks * self.mirror
        return sum(self.read_one(describe(hand)) for hand in hands) / 2

    def read_one(self, description):
        values = self.dropout(self.fc1(self.norm(description)).relu())
        return self.fc3(self.dropout(self.fc2(values).relu()))


def describe(landmarks):
    """Return what says most of a hand's shape: (N, 21, 3) -> (N, features).

    Where landmarks are, from the palm and in its sizes; how bones point; how far apart tips are.
    How the hand is turned counts: it tells G from Q, and K from P.
    """
    points = landmarks - landmarks[:, PALM].mean(dim=1, keepdim=True)
    points = points / length(points[:, [0, 5, 17]]).mean(dim=1)[:, None, None]
    starts, ends = map(list, zip(*BONES, strict=True))
    bones = points[:, ends] - points[:, starts]
    bones = bones / (length(bones)[..., None] + 1e-6)
    firsts, seconds = map(list, zip(*PAIRS, strict=True))
    apart = length(points[:, firsts] - points[:, seconds])
    return torch.cat([points.flatten(1), bones.flatten(1), apart], dim=1)


def length(vectors):
    """Return the lengths of vectors (..., 3): (...)."""
    return vectors.square().sum(dim=-1).sqrt()


def augment(landmarks):
    """Return landmarks (N, 21, 3) turned, stretched, mirrored and with noise, each at random."""
    count = len(landmarks)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        angle = torch.empty(count, 1).uniform_(-TURN, TURN)
        moved = landmarks.clone()
        moved[..., i] = landmarks[..., i] * angle.cos() - landmarks[..., j] * angle.sin()
        moved[..., j] = landmarks[..., i] * angle.sin() + landmarks[..., j] * angle.cos()
        landmarks = moved
    stretch = torch.empty(count, 1, 3).uniform_(1 - STRETCH, 1 + STRETCH)
    stretch[..., 0] *= torch.randint(2, (count, 1)) * 2 - 1
    landmarks = landmarks * stretch
    size = length(landmarks[:, MIDDLE] - landmarks[:, WRIST])[:, None, None]
    return landmarks + NOISE * size * torch.randn_like(landmarks)


def find_landmarks(folder):
    """Find the hand in each photograph of `folder`/SOURCE/LETTER/.

    Returns landmarks float32 (N, 21, 3), labels int64 (N,) and sources, str (N,), of those where
    one is found. Raises UserError if there are none.
    """
    finder, rows = HandFinder(), []
    count = sum(1 for _ in Path(folder).glob("*/*/*"))
    photos = Progress(read_letter_folders(folder, ALPHABET), desc="Photographs", total=count)
    for path, label, frame in photos:
        if label < len(ALPHABET) and (hand := finder.find(enlarge(frame))):
            rows.append((hand.landmarks, label, path.parent.parent.name))
    if not rows:
        raise UserError(f"{folder}: no hands in its SOURCE/A/, SOURCE/B/ and so on")
    landmarks, labels, sources = zip(*rows, strict=True)
    return np.array(landmarks, np.float32), np.array(labels), np.array(sources)


def fit(landmarks, labels, sources, seed=1):
    """Return a LandmarkNet trained on landmarks, as they are weighed by `weigh`."""
    torch.manual_seed(seed)
    net = LandmarkNet()
    net(landmarks[:2])  # gives the first layer its size
    weights = torch.from_numpy(weigh(labels, sources))
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, STEPS)
    criterion = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    targets = torch.from_numpy(labels)
    for _ in range(STEPS):
        batch = torch.multinomial(weights, BATCH_SIZE, replacement=True)
        loss = criterion(net(augment(landmarks[batch])), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def weigh(labels, sources):
    """Return how often each hand is drawn, float64 (N,).

    Rendered hands have RENDERED_SHARE; of the rest, all letters of all sources are drawn as often.
    """
    _, group, sizes = np.unique(
        np.char.add(sources, np.char.add("/", labels.astype(str))),
        return_inverse=True,
        return_counts=True,
    )
    weights, is_rendered = 1 / sizes[group], sources == RENDERED
    for some, share in ((is_rendered, RENDERED_SHARE), (~is_rendered, 1 - RENDERED_SHARE)):
        weights[some] *= share / max(1e-9, weights[some].sum())
    return weights


def cross_validate(landmarks, labels, sources):
    """Print for each source the share that is read rightly by a network that never saw it."""
    names, shares = np.unique(sources[sources != RENDERED]), []
    for fold in range(min(FOLDS, len(names))):
        left_out = names[fold::FOLDS]
        known = ~np.isin(sources, left_out)
        net = fit(landmarks[known], labels[known], sources[known])
        for name in left_out:
            own = sources == name
            with torch.inference_mode():
                read = net(landmarks[own]).argmax(dim=1).numpy()
            shares.append((read == labels[own]).mean())
            print(f"{name:24}{100 * shares[-1]:6.1f} %", flush=True)
    print(f"{'mean of the sources':24}{100 * np.mean(shares):6.1f} %", flush=True)


def export(net):
    """Turn a LandmarkNet into an ONNX model (bytes).

    float32 "landmarks" (N, 21, 3) -> float32 "logits" (N, 24). What fc1 takes is the tensor
    "features", as in step 4's, of the hand as it is and not mirrored: so both can be taught.
    """
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter, as in step 4
        torch.onnx.export(
            net.eval(),
            torch.rand(2, *SHAPE[1:]),
            content,
            input_names=["landmarks"],
            output_names=["logits"],
            dynamic_axes={"landmarks": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_model_from_string(content.getvalue())
    name_features(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def parse_args(argv):
    parser = Parser(description=__doc__.splitlines()[0])
    pictures = "photographs by source and letter"
    parser.add_argument("--photos", metavar="DIR", type=nonempty, required=True, help=pictures)
    count = {"type": bounded(int, 0, 10**6), "default": RENDERS, "help": f"hands ({RENDERS})"}
    parser.add_argument("--renders", metavar="COUNT", **count)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # the network is too small for more
    landmarks, labels, sources = find_landmarks(args.photos)
    photographs = len(labels)
    if args.renders:
        rendered, letters = render_landmarks.find_landmarks(args.renders, RENDERED_SEED)
        landmarks, labels = np.append(landmarks, rendered, 0), np.append(labels, letters)
        sources = np.append(sources, [RENDERED] * len(letters))
    landmarks = torch.from_numpy(landmarks)
    cross_validate(landmarks, labels, sources)
    path = FOLDER / LETTERS_NETWORK
    write_file(path, export(fit(landmarks, labels, sources)))
    renders = len(labels) - photographs
    print(f"{path}: learned from {photographs:,} photographs and {renders:,} rendered hands")


if __name__ == "__main__":
    run(main)
