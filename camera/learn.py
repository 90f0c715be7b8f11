"""Teach a model the user's own signs, from a few pictures of each: numpy instead of PyTorch.

    my_hand/A/1.png my_hand/A/2.png my_hand/B/1.png ...     the pictures, squares of any size
    my_hand/learned.npz                                     what was learned from them

Everybody signs some letters in a way of their own. The convolutions stay as they are: they see
shapes, whoever signs. Only the three fully connected layers after them, which name the shapes, are
trained on. Each picture is learned in many variations, half of them mirrored. Three things keep the
network from forgetting what it was not taught:

- rendered hands and images without a hand, for which it is to go on answering as before (learning
  without forgetting, Li and Hoiem, 2016); where only some letters are taught, these hands are
  moved, as the network is less certain of them, and so its answers say more;
- rendered hands of the letters that were not taught, brought into the user's surroundings by the
  difference between the features of taught pictures and of rendered hands of the same letter; or
  else it would take all that looks like the user for a letter that was taught;
- where only some letters are taught, soft targets: a picture that is read rightly teaches nothing.

And where many letters are taught, those left out are given an advantage, or else they would be
taken for taught ones all the same.

The network that reads landmarks is taught beside it, by camera/learn_landmarks.py.
"""

import contextlib
import gzip
import hashlib
import io
import os
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

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
from camera.learn_landmarks import NETWORK, SHAPE, landmark_digest, learn_landmarks
from camera.letter_folders import MY_HAND, NO_HAND, explain_folder, list_letters
from camera.model import ALPHABET, ROOT, average_views, open_session
from camera.pictures import name_unread, read_picture
from plumbing.faults import UserError, in_a_line, number_of, printable
from plumbing.files import require_file, write_file
from plumbing.read_csv import number_lines

LEARNED = "learned.npz"
LANDMARKS = "landmarks"  # in that file: the digest of their network, and before its layers' names

# How far a picture is moved and lit otherwise, as in step 2.
MAX_TURN = 12  # degrees
MAX_ZOOM = 0.2  # the hand is shown at 1 - MAX_ZOOM to 1 + MAX_ZOOM of its size
MAX_SHIFT = 0.1  # of the image's side
MAX_SHEAR = 0.1
MAX_CONTRAST = 0.3  # grey values are spread by 1 - MAX_CONTRAST to 1 + MAX_CONTRAST
MAX_BRIGHTNESS = 0.2  # of the range from black to white

FARTHER = 1.25  # times as far a picture is moved to learn from
VARIATIONS = 2160  # of all pictures together; the bounds hold for each picture
FEWEST, MOST = 8, 60
REHEARSAL = {"rendered_train.csv.gz": 2400, "no_hand_train.csv.gz": 1000}  # images, of data/
REHEARSAL_SIDE, NO_HAND_LABEL = 28, 26  # pixels; the label of no hand in these files
SHIFTED = 2000  # rendered hands in the user's surroundings
EMPTY_SHARE = 0.3  # of images without a hand; the pictures weigh 1 if all letters are taught
SHIFTED_SHARE = 2.5  # if none are taught
HANDS_SHARE = 0.7  # of rehearsed hands
MOVED_SHARE = 2.1  # of the same, moved, where letters are left untaught
ADVANTAGE, FEW = 2.0, 0.25  # of the logits of letters left out, by the share taught beyond FEW
CERTAIN = 0.85  # least target of a picture's letter, where others are left untaught
STEPS, TRIAL_STEPS = 150, 50  # of learning, and of each trial in cross-validation
FOLDS = 3  # of cross-validation
SURE, UNLIKELY = 0.5, 0.05  # probabilities that make a picture contradict the others
SWAPPED, LEAST = 2.0, 1e-3  # log-likelihood ratio of two swapped letters; least probability in it

LARGEST = 2**24  # bytes of what was learned
LONGEST_NAME = 200  # bytes of a picture's name that is kept; while it is written it is longer
DAMAGES = (ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile)


@dataclass(frozen=True)
class Picture:
    """A picture of a sign: its file, its letter or NO_HAND, and its grey pixels, uint8 (S, S)."""

    path: Path
    letter: str
    image: np.ndarray


@dataclass(frozen=True)
class Learned:
    """The layers as taught, by name, float32; by how many pictures; the digest of their model.

    Then the layers that read landmarks, {} where nothing was learned of them, and the digest of
    their network.
    """

    layers: dict
    pictures: int
    digest: str
    landmarks: dict
    landmark_digest: str

    def tell(self, folder=MY_HAND):
        """Say by how many pictures in `folder`, in a few words."""
        return f"taught by {number_of(self.pictures, 'picture')} in {printable(folder)}"


@dataclass(frozen=True)
class Report:
    """What cross-validation says of pictures: bool (N,), read rightly untaught, and taught by the
    others. Only pictures of letters that have several are judged, N. `odd` are the pictures that
    contradict all others, each with what it seems to show; `swapped` the pairs of letters whose
    pictures look like each other's."""

    before: np.ndarray
    after: np.ndarray
    odd: list
    swapped: list

    def __str__(self):
        """Say it in a line."""
        n = len(self.before)
        if not n:
            return "Of letters with one picture each nobody can say how well they are read now"
        before, after = self.before.sum(), self.after.sum()
        return f"Of {n} pictures left out while learning, it reads {after}; untaught, {before}"


# ---------------------------------------------------------------- pictures


def list_signs(folder, alphabet):
    """Return the (path, letter) of the pictures in `folder`/LETTER/, sorted by letter and name."""
    return list_letters(folder, alphabet)


def read_pictures(folder, alphabet):
    """Return the pictures in `folder`/LETTER/, a list of Picture sorted by letter and name.

    Prints the names of those that cannot be read. Raises UserError if there are no others.
    """
    pictures, unread = [], []
    for path, letter in list_signs(folder, alphabet):
        frame = read_picture(path)
        if frame is None:
            unread.append(path)
        else:
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            pictures.append(Picture(path, letter, crop_middle(grey)))
    if not any(picture.letter != NO_HAND for picture in pictures):
        advice = "; remove them" if unread else ""
        raise UserError(explain_folder(folder, alphabet, has_sources=False) + advice)
    if unread:
        print(f"{name_unread(unread)}; the others are used", flush=True)
    return pictures


def crop_middle(image):
    """Return the middle square of an image (H, W); a view."""
    height, width = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def augment(images, count, size, rng, farther=1.0):
    """Return `count` random variations of each image: moved, lit otherwise, half of them mirrored.

    images: uint8 (S, S) of any sizes -> float32 (N * count, size, size), 0..255
    They are moved at twice their size, which blurs less, and `farther` times as far as step 2 does.
    """
    varied = []
    for image in images:
        large = resize(image, 2 * size)
        for _ in range(count):
            moved = cv2.warpAffine(
                large,
                random_affine(2 * size, rng, farther),
                (2 * size, 2 * size),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            grey = resize(moved, size).astype(np.float32)
            contrast, brightness = rng.uniform(-1, 1, 2) * (MAX_CONTRAST, 255 * MAX_BRIGHTNESS)
            middle = grey.mean()
            varied.append((grey - middle) * (1 + contrast) + middle + brightness)
    return np.clip(np.array(varied, np.float32), 0, 255)


def resize(image, side):
    """Return a square image resized to `side` pixels: without aliasing, or interpolated."""
    method = cv2.INTER_AREA if len(image) > side else cv2.INTER_LINEAR
    return cv2.resize(image, (side, side), interpolation=method)


def random_affine(side, rng, farther):
    """Return a random affine map (2, 3) from a moved image's pixels to the original's."""
    limits = np.radians(MAX_TURN), MAX_ZOOM, MAX_SHEAR
    turn, zoom, shear = rng.uniform(-farther, farther, 3) * limits
    cos, sin = np.cos(turn) / (1 + zoom), np.sin(turn) / (1 + zoom)
    mirror = rng.choice([-1, 1])
    linear = np.array([[mirror * cos, mirror * (shear / (1 + zoom) - sin)], [sin, cos]])
    middle = (side - 1) / 2
    shift = rng.uniform(-farther, farther, 2) * MAX_SHIFT * side
    return np.column_stack([linear, middle + shift - linear.sum(axis=1) * middle])


def read_rehearsal(alphabet, size):
    """Return rendered hands and images without a hand, and their numbers in `alphabet`.

    uint8 (M, size, size) and int64 (M,), len(alphabet) for no hand. Raises UserError or OSError if
    their files are damaged or missing, or if no rendered hand shows one of the letters.
    """
    header = ",".join(["label", *(f"pixel{i}" for i in range(1, REHEARSAL_SIDE**2 + 1))])
    parts = []
    for name, count in REHEARSAL.items():
        path = ROOT / "data" / name
        try:
            lines = (line for _, line in islice(number_lines(path, header), count))
            parts.append(np.loadtxt(lines, np.uint8, delimiter=",", ndmin=2))
        except DAMAGES:
            raise UserError(f"{path}: damaged; get the project's files anew") from None
    labels, pixels = np.split(np.concatenate(parts), [1], axis=1)
    names = ["" if label == NO_HAND_LABEL else chr(ord("A") + label) for label in labels[:, 0]]
    if missing := "".join(letter for letter in alphabet if letter not in names):
        shown = "the letters that can be taught are A to Y without J"
        raise UserError(f"a model of the letters {alphabet} cannot be taught {missing}: {shown}")
    known = [i for i, name in enumerate(names) if name in alphabet]  # "" is, too
    images = pixels.reshape(-1, REHEARSAL_SIDE, REHEARSAL_SIDE)[known]
    numbers = [alphabet.index(names[i]) if names[i] else len(alphabet) for i in known]
    return np.array([resize(image, size) for image in images]), np.array(numbers)


# ---------------------------------------------------------------- learning


class Learner:
    """Learns `pictures` for `model`: all that it takes, as features, varied and to be rehearsed."""

    def __init__(self, model, pictures, seed=1):
        self.model, self.pictures = model, pictures
        self.rng = np.random.default_rng(seed)
        self.session, self.layers = open_layers(model.path, (1, 1, model.size, model.size))
        names, size = [*model.alphabet, NO_HAND], model.size
        self.labels = np.array([names.index(picture.letter) for picture in pictures])
        images = [picture.image for picture in pictures]
        count = count_variations(pictures)
        varied = self.extract(augment(images, count, size, self.rng, FARTHER))
        self.varied = varied.reshape(len(images), count, -1)  # (N, count, C)
        self.images = np.array([resize(image, size) for image in images])
        self.unmoved, self.roles = read_rehearsal(model.alphabet, size)
        self.rehearsal = self.extract(self.unmoved)  # (M, C)
        self.answers = self.answer(self.layers, self.rehearsal)  # (M, letters + 1)

    def normalise(self, images):
        """Return images, (N, size, size) in 0..255, as the model takes them: (N, 1, size, size)."""
        pixels = images / np.float32(255 * self.model.std)
        return (pixels - np.float32(self.model.mean / self.model.std))[:, None]

    def extract(self, images):
        """Return the features of images: (N, size, size) in 0..255 -> float32 (N, C)."""
        pixels, name = self.normalise(images), self.session.get_inputs()[0].name
        batches = (pixels[i : i + BATCH_SIZE] for i in range(0, len(pixels), BATCH_SIZE))
        return np.concatenate([self.session.run([FEATURES], {name: b})[0] for b in batches])

    def answer(self, layers, features):
        """Return the probabilities that `layers` give: (N, C) -> (N, letters + 1)."""
        return softmax(forward(layers, features)[-1], self.model.no_hand_logit)

    def read(self, layers, images):
        """Return the probabilities that `layers` give images, (N, size, size) in 0..255.

        Float32 (N, letters + 1), from the model's views of each.
        """

        def run(views):
            name = self.session.get_inputs()[0].name
            return forward(layers, self.session.run([FEATURES], {name: views})[0])[-1]

        logits = average_views(run, self.normalise(images), range(self.model.views))
        return softmax(logits, self.model.no_hand_logit)

    def learn(self, chosen, steps=STEPS):
        """Return the layers as the pictures numbered `chosen` teach them."""
        is_hand = self.roles < len(self.model.alphabet)
        untaught = np.flatnonzero(is_hand & ~np.isin(self.roles, self.labels[chosen]))
        ratio = len(np.unique(self.labels[chosen])) / len(self.model.alphabet)
        parts = [  # features, targets, how much they weigh
            (*self.lesson(chosen, CERTAIN if len(untaught) else 1), ratio),
            (self.rehearsal[~is_hand], self.answers[~is_hand], EMPTY_SHARE),
        ]
        if len(untaught):
            parts.append((*self.moved, MOVED_SHARE))
            parts.append((*self.shift(untaught, chosen), SHIFTED_SHARE * (1 - ratio)))
        else:
            parts.append((self.rehearsal[is_hand], self.answers[is_hand], HANDS_SHARE))
        features, targets, weights = zip(*parts, strict=True)
        shares = [np.full(len(f), w / len(f)) for f, w in zip(features, weights, strict=True)]
        data = map(np.concatenate, (features, targets, shares))
        layers = train(self.layers, *data, steps, self.model.no_hand_logit, self.rng)
        is_left_out = ~np.isin(np.arange(len(self.model.alphabet)), self.labels[chosen])
        layers[-1] += np.float32(ADVANTAGE * max(0, ratio - FEW)) * is_left_out
        return layers

    @cached_property
    def moved(self):
        """The features of rendered hands, moved, and the untaught network's answers to them."""
        hands = self.unmoved[self.roles < len(self.model.alphabet)]
        features = self.extract(augment(hands, 1, self.model.size, self.rng, FARTHER))
        return features, self.answer(self.layers, features)

    def lesson(self, chosen, certain):
        """Return the features and targets of pictures.

        Targets are the old answers, with the letter's probability raised to `certain`.
        """
        features = np.concatenate(self.varied[chosen])
        labels = self.labels[chosen].repeat(self.varied.shape[1])
        return features, raise_targets(self.answer(self.layers, features), labels, certain)

    def shift(self, untaught, chosen):
        """Return features and targets of rendered hands as if in the surroundings of pictures.

        `untaught` and `chosen` number the rendered hands and the pictures.
        """
        hands = self.rng.choice(untaught, SHIFTED)
        pictures = self.rng.choice(chosen, SHIFTED)
        variations = self.rng.integers(self.varied.shape[1], size=SHIFTED)
        means = {c: self.rehearsal[self.roles == c].mean(axis=0) for c in self.labels[chosen]}
        usual = np.array([means[c] for c in self.labels[pictures]])
        shifted = self.rehearsal[hands] + self.varied[pictures, variations] - usual
        return np.maximum(shifted, 0), self.answers[hands]

    def cross_validate(self):
        """Return the pictures' probabilities untaught, and taught by the others.

        Two arrays, float32 (N, letters + 1)
        """
        untaught = self.read(self.layers, self.images)
        taught = untaught.copy()
        folds = deal(self.labels)
        for fold in range(FOLDS):
            left_out = np.flatnonzero(folds == fold)
            others = np.flatnonzero(folds != fold)
            if len(left_out) and len(others):
                taught[left_out] = self.read(self.learn(others, TRIAL_STEPS), self.images[left_out])
        return untaught, taught


def count_variations(pictures):
    """Return how often each of these pictures is varied."""
    return int(np.clip(VARIATIONS // len(pictures), FEWEST, MOST))


def deal(labels):
    """Return in which fold each picture is left out: those of a letter, in turn, into FOLDS parts.

    Neighbours stay together: pictures taken one after the other are too alike to judge by.
    """
    ranks = np.array([(labels[:i] == label).sum() for i, label in enumerate(labels)])
    counts = np.array([(labels == label).sum() for label in labels])
    return ranks * FOLDS // np.maximum(counts, FOLDS)


def learn(model, pictures, trials=True):
    """Return what `pictures` teach `model`, as Learned, and a Report of how well.

    Without `trials`, which take time, there is no Report: None.
    """
    landmarks = {}
    if model.alphabet == ALPHABET:
        landmarks = learn_landmarks(pictures, count_variations(pictures))
    learner = Learner(model, pictures)
    layers = learner.learn(np.arange(len(pictures)))
    by_name = dict(zip(LAYERS, layers, strict=True))
    learned = Learned(by_name, len(pictures), digest(model), landmarks, landmark_digest())
    return learned, make_report(learner) if trials else None


def make_report(learner):
    """Return the Report of cross-validation."""
    untaught, taught = learner.cross_validate()
    labels = learner.labels
    several = np.array([(labels == label).sum() > 1 for label in labels])
    right = [(p.argmax(axis=1) == labels)[several] for p in (untaught, taught)]
    names = [*learner.model.alphabet, NO_HAND]
    pairs = find_swapped(labels, untaught)
    swapped = [(names[a], names[b]) for a, b in pairs if a < b]
    seen = find_odd(labels, taught)
    odd = [(learner.pictures[i], names[best]) for i, best in seen if (labels[i], best) not in pairs]
    return Report(*right, odd, swapped)


def find_odd(labels, taught):
    """Return pairs: the number of a picture that contradicts the others, what it is taken for.

    Those that the network, taught by the others, is sure to be something else.
    """
    best = taught.argmax(axis=1)
    rows = np.arange(len(labels))
    is_odd = (taught[rows, best] > SURE) & (taught[rows, labels] < UNLIKELY)
    return list(zip(np.flatnonzero(is_odd).tolist(), best[is_odd].tolist(), strict=True))


def find_swapped(labels, untaught):
    """Return each letter whose pictures were swapped with another's, with that other, as pairs.

    Both are likelier to be the other to the untaught network, together by exp(SWAPPED) times: a
    likelihood-ratio test. Somebody who signs a letter oddly is taken for another, but not that
    other for the first.
    """
    names = np.unique(labels)
    logs = np.log(np.maximum(untaught, LEAST))
    means = np.array([logs[labels == name].mean(axis=0) for name in names])[:, names]
    gain = means - np.diag(means)[:, None]  # of taking the letter of the row for the column's
    both = np.where(np.minimum(gain, gain.T) > 0, gain + gain.T, 0)
    best = both.argmax(axis=1)
    is_pair = (best[best] == np.arange(len(names))) & (both.max(axis=1) > SWAPPED)
    return [(names[row], names[best[row]]) for row in np.flatnonzero(is_pair)]


# ---------------------------------------------------------------- the model


def digest(model):
    """Return the sha256 digest of a model's file: what was learned fits no other."""
    return digest_file(model.path)


def digest_file(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def taught(model, learned):
    """Return `model` with the layers as learned. It reads in the same time."""
    landmarks = open_session(NETWORK, learned.landmarks) if learned.landmarks else None
    session = open_session(model.path, learned.layers)
    return replace(model, session=session, is_taught=True, landmarks=landmarks)


# ---------------------------------------------------------------- the folder


def use_hand(model, folder=MY_HAND):
    """Return `model` as taught in `folder`, and a note such as "taught by 72 pictures in my_hand".

    Where nothing was taught that is `model` itself, and "". Learns anew, and says why in a line,
    where pictures came or went, or what was learned does not fit. Raises UserError or OSError.
    """
    paths = list_signs(folder, model.alphabet)
    if not paths and not Path(folder, LEARNED).exists():
        return model, ""
    try:
        learned, reason = load(model, folder), ""
    except (FileNotFoundError, UserError) as error:
        if not paths:
            raise
        learned, reason = None, in_a_line(error)
    if paths and (reason or learned.pictures != len(paths)):
        pictures = read_pictures(folder, model.alphabet)  # without those that cannot be read
        if learned and learned.pictures != len(pictures):
            counts = f"{number_of(len(pictures), 'picture')} now, {learned.pictures}"
            reason = f"{printable(folder)}: {counts} when it learned"
        if reason:
            print(f"{reason}: it learns anew", flush=True)
            learned, _ = learn(model, pictures, trials=False)
            with contextlib.suppress(OSError):  # in a folder that cannot be written to, every time
                save(learned, folder)
    return taught(model, learned), learned.tell(folder)


def add_pictures(source, alphabet, folder=MY_HAND):
    """Copy the pictures of `source`/LETTER/ to `folder`/LETTER/, each once, however often it comes.

    They keep their names where these are free. Returns how many were new, and how many were there
    already. Raises UserError if none can be read.
    """
    pictures = read_pictures(source, alphabet)
    there = {(digest_file(path), letter) for path, letter in list_signs(folder, alphabet)}
    before = len(there)
    for picture in pictures:
        mark = digest_file(picture.path)
        path = Path(folder, picture.letter, picture.path.name)
        if path.exists() or len(os.fsencode(path.name)) > LONGEST_NAME:
            path = path.with_name(mark[:16] + path.suffix.lower())
        if (mark, picture.letter) not in there:
            there.add((mark, picture.letter))
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, picture.path.read_bytes())
    new = len(there) - before
    return new, len(pictures) - new


def save(learned, folder=MY_HAND):
    """Write what was learned to `folder`/learned.npz. Raises OSError."""
    values = {"digest": learned.digest, "pictures": learned.pictures, **learned.layers}
    values |= {f"{LANDMARKS}.{name}": layer for name, layer in learned.landmarks.items()}
    content = io.BytesIO()
    np.savez(content, **values, **{LANDMARKS: learned.landmark_digest})
    write_file(Path(folder, LEARNED), content.getvalue())


def load(model, folder=MY_HAND):
    """Return what was learned for `model`, from `folder`/learned.npz.

    Raises FileNotFoundError, or UserError if the file is damaged or of another model.
    """
    path = Path(folder, LEARNED)
    require_file(path, "nothing has been learned yet", LARGEST)
    values = read_values(path)
    if str(values["digest"]) != digest(model):
        raise UserError(f"{printable(path)}: learned for another model")
    if (current := landmark_digest()) and str(values.get(LANDMARKS, "")) != current:
        raise UserError(f"{printable(path)}: learned for another network of landmarks")
    try:
        pictures = values["pictures"]
        if pictures.shape != () or pictures.dtype.kind != "i" or pictures < 1:
            raise ValueError("no count of pictures")
        layers = pick_layers(values, "", model.path, (1, 1, model.size, model.size))
        has_landmarks = current and any(name.startswith(f"{LANDMARKS}.") for name in values)
        landmarks = pick_layers(values, f"{LANDMARKS}.", NETWORK, SHAPE) if has_landmarks else {}
    except (KeyError, ValueError) as error:
        raise damaged(path) from error
    return Learned(layers, int(pictures), digest(model), landmarks, current)


def read_values(path):
    """Return the arrays in a file of what was learned, by name. Raises UserError if damaged."""
    content = io.BytesIO(path.read_bytes())  # of a file, zipfile may raise any OSError
    try:
        with np.load(content, allow_pickle=False) as file:
            if sum(member.file_size for member in file.zip.infolist()) > LARGEST:
                raise ValueError("too large")
            values = {name: file[name] for name in file.files}
            return values | {name: values[name] for name in ("digest", "pictures")}
    except (*DAMAGES, AttributeError, TypeError) as error:  # the last two: another kind of file
        raise damaged(path) from error


def damaged(path):
    return UserError(f"{printable(path)}: damaged, or not what this program wrote")


def pick_layers(values, prefix, path, shape):
    """Return the layers that take the place of those of the network in `path`, by name.

    `values` holds them behind `prefix`; `shape` is that of the network's input. Raises KeyError or
    ValueError where one of them is missing or cannot be right.
    """
    picked = {name: values[prefix + name] for name in LAYERS}
    for old, new in zip(open_layers(path, shape)[1], picked.values(), strict=True):
        if (new.shape, new.dtype) != (old.shape, old.dtype) or not np.isfinite(new).all():
            raise ValueError("another layer")
    return picked
