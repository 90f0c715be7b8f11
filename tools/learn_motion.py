"""Train the network that reads J and Z from movements, on rendered films.

    python -m tools.learn_motion --films 3000 --out pretrained/motion.npz

It renders the films of `--seed` and shows each a few times to the model, changed as cameras and
people differ. Then it trains for two minutes: 16 minutes in all on two cores.

On 250 other films, full of movements that are no sign, it finds 96 % of 369 J and Z at 0.2 false
ones a minute. It found 83 % at 0.4 where only what exceeds REST, not STIR, counted as movement. So
read, two fully connected layers found 69 % at 0.4 with 32 units, after 800 films, and 74 % at 0.2
with 192 units, after 3,000. On 61 films, after 168: such layers 65 % at 1.3, without the model's
probabilities 62 % at 1.9; the path of the flow matched to drawn letters, after the $1 recognizer
(Wobbrock et al., 2007), 26 % at 2.4, to rendered ones 28 % at 5.4.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
import io
from functools import partial

import cv2
import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional

from camera.model import find_model, load_model, read_letters
from camera.motion import (
    CELLS,
    NAMES,
    SCALE,
    SIDE,
    SIGNS,
    STEPS,
    STRIDES,
    WEIGHTS,
    Motion,
    mirrored,
)
from plumbing.faults import run
from plumbing.files import write_file
from plumbing.flags import bounded
from plumbing.progress import Progress
from tools.render_films import draw_film, random_items
from tools.render_hands import ending, read_poses, start_workers

VERSIONS = 4  # of each film
EARLY, LATE, OPEN = 0.12, 0.2, 0.5  # a sign ends from a share before its end to seconds after it
CHANNELS, SPAN, HIDDEN = 48, 5, 96  # of the network
EPOCHS, BATCH, RATE, DECAY, DROPOUT = 6, 256, 3e-3, 1e-2, 0.4


def film_of(seed, number):
    """Draw film `number` of a seed: a Film."""
    rng = np.random.default_rng([seed, number])
    pace = {"slot": rng.uniform(0.4, 1.2), "share": rng.uniform(0.35, 0.65)}
    fps = float(rng.choice([15, 20, 25, 30]))
    return draw_film(read_poses(), [seed, number, 1], random_items(rng), fps, **pace)


def changed(film, rng):
    """Change a film: another camera, nearer or farther, a faster or slower hand.

    Returns images uint8 (n, 28, 28), times (n,), and the factor by which these are longer.
    """
    angle, zoom = rng.normal(0, 6), rng.uniform(0.85, 1.15)
    change = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), angle, zoom)
    change[:, 2] += rng.normal(0, 1.2, 2)
    gain, power, lift = rng.uniform(0.6, 1.2), rng.uniform(0.7, 1.4), rng.uniform(-20, 20)
    table = np.clip(255 * gain * (np.arange(256) / 255) ** power + lift, 0, 255).astype(np.uint8)
    warp = partial(cv2.warpAffine, M=change, dsize=(SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    images = np.stack([warp(image) for image in table[film.images]])
    slower = rng.uniform(0.8, 1.25)
    return images, film.times * slower, slower


def windows_of(model, images, times):
    """Yield each time at which a sign may end, and the window (STEPS, ...) that Motion sees."""
    motion = Motion(model.alphabet)
    for frame_number, (image, now) in enumerate(zip(images, times, strict=True)):
        if motion.observe(image, read_letters(model, image, frame_number), now):
            yield now, motion.window()


def label(signs, now, slower=1.0):
    """Return which sign ends now: 0 none, 1 J, 2 Z; -1: reading it is neither right nor wrong."""
    for sign, start, end in signs:
        start, end = start * slower, end * slower
        length = end - start
        if sign in SIGNS and start + 0.6 * length <= now <= end + OPEN:
            ends = end - EARLY * length <= now <= end + LATE
            return 1 + SIGNS.index(sign) if ends else -1
    return 0


def examples(model, film, rng):
    """Make windows float32 (n, STEPS, ...) and labels (n,) of VERSIONS of a film."""
    inputs = [np.empty((0, STEPS, 2 * CELLS**2 + 3), np.float32)]
    labels = [np.empty(0, int)]
    for _ in range(VERSIONS):
        images, times, slower = changed(film, rng)
        for now, window in windows_of(model, images, times):
            if (kind := label(film.signs, now, slower)) >= 0:
                inputs.append(window[None])
                labels.append([kind])
    return np.concatenate(inputs), np.concatenate(labels).astype(int)


class MotionNet(nn.Sequential):
    """The network of camera.motion.read: windows (n, 2 * CELLS**2 + 3, STEPS) -> logits (n, 3)."""

    def __init__(self):
        steps = (STEPS - SPAN) // STRIDES[0] + 1
        steps = (steps - SPAN) // STRIDES[1] + 1
        super().__init__(
            nn.Conv1d(len(SCALE), CHANNELS, SPAN, STRIDES[0]),
            nn.ReLU(),
            nn.Conv1d(CHANNELS, CHANNELS, SPAN, STRIDES[1]),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(DROPOUT),
            nn.Linear(CHANNELS * steps, HIDDEN),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, 1 + len(SIGNS)),
        )

    def weights(self):
        """Return the weights as camera.motion.read takes them, a list of arrays."""
        weights, channels = [], len(SCALE)
        for layer in self:
            if isinstance(layer, nn.Conv1d | nn.Linear):
                outputs = len(layer.weight)
                matrix = layer.weight.detach().view(outputs, channels, -1).permute(2, 1, 0)
                weights += [matrix.reshape(-1, outputs).numpy(), layer.bias.detach().numpy()]
                channels = outputs
        return weights


def fit(inputs, labels, seed=0):
    """Train the network on windows (n, STEPS, ...) and labels (n,); every other batch is mirrored.

    Returns its weights.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net, labels = MotionNet(), torch.tensor(labels)
    steps = EPOCHS * len(labels) // BATCH
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for step in range(steps):
        rows = torch.randint(0, len(labels), (BATCH,))
        windows = inputs[rows.numpy()]
        windows = torch.from_numpy((mirrored(windows) if step % 2 else windows) * SCALE)
        loss = functional.cross_entropy(net(vary(windows).mT), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.weights()


def vary(windows):
    """Vary windows (n, STEPS, ...): size of the movement, noise, certainty of the model."""
    count = len(windows)
    flow, evidence = windows[..., :-3], windows[..., -3:]
    flow = flow * torch.exp(0.15 * torch.randn(count, 1, 1)) + 0.02 * torch.randn_like(flow)
    evidence = (evidence * torch.exp(0.3 * torch.randn(count, 1, 3))).clip(0, 1)
    return torch.cat([flow, evidence], -1)


def save(path, weights):
    """Write the weights in half precision, which changes no decision."""
    buffer = io.BytesIO()
    halves = [array.astype(np.float16) for array in weights]
    np.savez(buffer, **dict(zip(NAMES, halves, strict=True)))
    write_file(path, buffer.getvalue())


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", metavar="FILE", default=str(find_model()), help="ONNX file (%(default)s)")
    add("--films", type=bounded(int, 1, 10**6), default=3000, help="films to render (3000)")
    add("--seed", type=bounded(int, 0, 2**31), default=1, help="same seed, same films (1)")
    add("--workers", type=bounded(int, 1, 1000), default=2, help="processes to use (2)")
    add("--out", type=ending(".npz"), default=WEIGHTS, help="file to write (pretrained/motion.npz)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    model, rng = load_model(args.model), np.random.default_rng(args.seed)
    with start_workers(args.workers) as pool:
        films = pool.imap(partial(film_of, args.seed), range(args.films))
        films = Progress(films, "films", total=args.films)
        inputs, labels = zip(*(examples(model, film, rng) for film in films), strict=True)
    weights = fit(np.concatenate(inputs), np.concatenate(labels))
    save(args.out, weights)
    print(f"{args.out}: the trained network of movements")


if __name__ == "__main__":
    run(main)
