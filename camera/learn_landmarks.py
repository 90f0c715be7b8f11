"""Teach the network that reads hand landmarks the user's own signs, too.

The hand is found in each picture again. A picture in which it is not found teaches landmarks
nothing. As with pictures (camera/learn.py), the three fully connected layers are trained on, with
many variations of each hand, and among rendered hands, for which the network is to go on answering
as before. Where letters are left untaught, targets are softer, and these letters are given an
advantage: it makes up for what pictures lose of them, too.
"""

import hashlib

import cv2
import numpy as np

from camera.hand import FOLDER, LETTERS_NETWORK, HandFinder
from camera.layers import (
    BATCH_SIZE,
    FEATURES,
    LAYERS,
    forward,
    open_layers,
    raise_targets,
    softmax,
    train,
)
from camera.letter_folders import NO_HAND
from camera.model import ALPHABET, ROOT
from plumbing.faults import UserError

NETWORK = FOLDER / LETTERS_NETWORK
REHEARSAL = ROOT / "data/rendered_landmarks.npy"  # float16 (M, 21, 3)
SHAPE = (1, 21, 3)  # of the network's input
SIDE = 192  # pixels to which a smaller picture is enlarged before the finder looks at it
WRIST, MIDDLE = 0, 9  # landmarks: the palm's ends
TURN, STRETCH, NOISE = 0.3, 0.15, 0.03  # radians; share; share of the palm's length
STEPS = 100
REHEARSED_SHARE = 0.3  # of rendered hands; the pictures weigh 1
CERTAIN = 0.7  # least target of a hand's letter where hardly any are taught; 1 where all are
FAIRNESS = 1.5  # added to the logits of untaught letters, or else taught ones draw them in
LEAST_FOUND = 0.5  # share of the pictures with a hand, or else landmarks are left as they are


def learn_landmarks(pictures, count, seed=1):
    """Return the layers as the hands in `pictures` teach them, a dict of name -> float32.

    Each hand is varied `count` times. The dict is empty where the hand is found in too few of them,
    or where a file that this needs is missing or damaged: pictures can be taught without.
    """
    try:
        finder = HandFinder()
        session, layers = open_layers(NETWORK, SHAPE)
        rehearsed = np.load(REHEARSAL).astype(np.float32)
    except (UserError, OSError, ValueError, EOFError):
        return {}
    signs = [picture for picture in pictures if picture.letter != NO_HAND]
    landmarks, labels = find_landmarks(finder, signs)
    if len(labels) < LEAST_FOUND * len(signs):
        return {}
    rng = np.random.default_rng(seed)
    parts = [vary(landmarks, count, rng), vary(rehearsed, 1, rng)]
    features = np.concatenate([extract(session, part) for part in parts])
    targets = softmax(forward(layers, features)[-1], -np.inf)
    untaught = ~np.isin([*ALPHABET], [picture.letter for picture in signs])
    certain = 1 - (1 - CERTAIN) * untaught.mean()
    taught = len(parts[0])
    targets[:taught] = raise_targets(targets[:taught], labels.repeat(count), certain)
    shares = (1, REHEARSED_SHARE)
    weights = [np.full(len(p), s / len(p)) for p, s in zip(parts, shares, strict=True)]
    layers = train(layers, features, targets, np.concatenate(weights), STEPS, -np.inf, rng)
    layers[-1] += FAIRNESS * untaught.astype(np.float32)
    return dict(zip(LAYERS, layers, strict=True))


def find_landmarks(finder, pictures):
    """Find the hands in pictures of letters.

    Returns landmarks float32 (N, 21, 3) and letters int64 (N,), their numbers in ALPHABET.
    """
    rows = []
    for picture in pictures:
        if hand := finder.find(enlarge(picture.image)):
            rows.append((hand.landmarks, ALPHABET.index(picture.letter)))
    landmarks = np.array([row[0] for row in rows], np.float32).reshape(-1, *SHAPE[1:])
    return landmarks, np.array([row[1] for row in rows], np.int64)


def enlarge(image):
    """Return a picture as the finder takes it, BGR, its shorter side at least SIDE pixels.

    uint8 (H, W) or (H, W, 3)
    """
    scale = max(1.0, SIDE / min(image.shape[:2]))
    if scale > 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)


def vary(landmarks, count, rng):
    """Return `count` variations of each hand: turned, stretched, half mirrored, with noise.

    float32 (N, 21, 3) -> (N * count, 21, 3)
    """
    varied = landmarks.repeat(count, axis=0)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        angle = rng.uniform(-TURN, TURN, (len(varied), 1))
        first, second = varied[..., i].copy(), varied[..., j].copy()
        varied[..., i] = first * np.cos(angle) - second * np.sin(angle)
        varied[..., j] = first * np.sin(angle) + second * np.cos(angle)
    stretch = rng.uniform(1 - STRETCH, 1 + STRETCH, (len(varied), 1, 3))
    stretch[..., 0] *= rng.choice([-1, 1], (len(varied), 1))
    varied *= stretch.astype(np.float32)
    palm = np.linalg.norm(varied[:, MIDDLE] - varied[:, WRIST], axis=-1)[:, None, None]
    return varied + NOISE * palm * rng.standard_normal(varied.shape, np.float32)


def extract(session, landmarks):
    """Return the features of landmarks: float32 (N, 21, 3) -> (N, C)."""
    starts = range(0, len(landmarks), BATCH_SIZE)
    batches = (landmarks[i : i + BATCH_SIZE] for i in starts)
    return np.concatenate([session.run([FEATURES], {"landmarks": b})[0] for b in batches])


def landmark_digest():
    """Return the sha256 digest of the network's file, "" if it cannot be read."""
    try:
        return hashlib.sha256(NETWORK.read_bytes()).hexdigest()
    except OSError:
        return ""
