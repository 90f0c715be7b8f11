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
"""

import contextlib
import gzip
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from camera.letter_folders import NO_HAND, explain_folder, list_letters
from camera.model import ROOT, average_views, open_session
from camera.pictures import name_unread, read_picture
from plumbing.faults import UserError, in_a_line, printable
from plumbing.files import require_file, write_file
from plumbing.read_csv import number_lines

FOLDER, LEARNED = Path("my_hand"), "learned.npz"
LAYERS = tuple(f"fc{i}.{part}" for i in (1, 2, 3) for part in ("weight", "bias"))
FEATURES = "features"  # name of the tensor that the first of the layers takes

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
CERTAIN = 0.85  # least target of a picture's letter, where others are left untaught
BATCH_SIZE = 128
STEPS, TRIAL_STEPS = 150, 100  # of learning, and of each trial in cross-validation
LEARNING_RATE = 0.002  # Adam's (Kingma and Ba, 2015), at its peak
MOMENTUM, MOMENTUM_SQUARED = 0.9, 0.99
FOLDS = 3  # of cross-validation
SURE, UNLIKELY = 0.5, 0.05  # probabilities that make a picture contradict the others
SWAPPED, LEAST = 2.0, 1e-3  # log-likelihood ratio of two swapped letters; least probability in it

LARGEST = 2**24  # bytes of what was learned
DAMAGES = (ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile)


@dataclass(frozen=True)
class Picture:
    """A picture of a sign: its file, its letter or NO_HAND, and its grey pixels, uint8 (S, S)."""

    path: Path
    letter: str
    image: np.ndarray


@dataclass(frozen=True)
class Learned:
    """The layers as taught, by name, float32; by how many pictures; the digest of their model."""

    layers: dict
    pictures: int
    digest: str


@dataclass(frozen=True)
class Report:
    """What cross-validation says of pictures: bool (N,), read rightly untaught, and taught by the
    others. Only pictures of letters that have several are judged, N. `odd` are the pictures that
    contradict all others, each with what it seems to show."""

    before: np.ndarray
    after: np.ndarray
    odd: list

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

    Raises UserError if there are none, or if one cannot be read.
    """
    pictures, unread = [], []
    for path, letter in list_signs(folder, alphabet):
        frame = read_picture(path)
        if frame is None:
            unread.append(path)
        else:
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            pictures.append(Picture(path, letter, crop_square(grey)))
    if unread:
        raise UserError(f"{name_unread(unread)}; remove them")
    if not any(picture.letter != NO_HAND for picture in pictures):
        raise UserError(explain_folder(folder, alphabet, has_sources=False))
    return pictures


def crop_square(image):
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
    their files are damaged or missing.
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
    known = [i for i, name in enumerate(names) if name in alphabet]  # "" is, too
    images = pixels.reshape(-1, REHEARSAL_SIDE, REHEARSAL_SIDE)[known]
    numbers = [alphabet.index(names[i]) if names[i] else len(alphabet) for i in known]
    return np.array([resize(image, size) for image in images]), np.array(numbers)


# ---------------------------------------------------------------- the layers


def forward(layers, features):
    """Return what each fully connected layer takes, and the logits of the last, as a list.

    layers: [weight, bias] * 3; features: float32 (N, C) -> float32 (N, C), ..., (N, letters)
    """
    values = [features]
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        if len(values) > 1:
            values[-1] = np.maximum(values[-1], 0)
        values.append(values[-1] @ weight.T + bias)
    return values


def backward(layers, values, error):
    """Return the gradients of `layers`, given `error`, the logits' gradient (N, letters)."""
    gradients = []
    for weight, value in zip(layers[-2::-2], values[-2::-1], strict=True):
        gradients = [error.T @ value, error.sum(axis=0), *gradients]
        error = (error @ weight) * (value > 0)
    return gradients


def softmax(logits, no_hand_logit):
    """Return the probabilities of the letters and, last, of no hand, whose logit is constant.

    float32 (N, letters) -> (N, letters + 1)
    """
    logits = np.pad(logits, ((0, 0), (0, 1)), constant_values=no_hand_logit)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def train(layers, features, targets, weights, steps, no_hand_logit, rng):
    """Return `layers` trained on, by Adam on the cross-entropy.

    features: float32 (N, C); targets: probabilities float32 (N, letters + 1);
    weights: float (N,), how often each row is drawn, relative to the others
    """
    layers = [layer.copy() for layer in layers]
    means, squares = [np.zeros_like(a) for a in layers], [np.zeros_like(a) for a in layers]
    rows = rng.choice(len(features), (steps, BATCH_SIZE), p=weights / weights.sum())
    for step, batch in enumerate(rows, start=1):
        values = forward(layers, features[batch])
        error = softmax(values[-1], no_hand_logit) - targets[batch]
        warm_up, cool_down = min(1, 10 * step / steps), (1 + np.cos(np.pi * step / steps)) / 2
        rate = LEARNING_RATE * warm_up * cool_down
        gradients = backward(layers, values, error[:, :-1] / np.float32(BATCH_SIZE))
        for layer, gradient, mean, square in zip(layers, gradients, means, squares, strict=True):
            mean += np.float32(1 - MOMENTUM) * (gradient - mean)
            square += np.float32(1 - MOMENTUM_SQUARED) * (gradient**2 - square)
            size = np.sqrt(square / np.float32(1 - MOMENTUM_SQUARED**step)) + np.float32(1e-8)
            layer -= np.float32(rate / (1 - MOMENTUM**step)) * mean / size
    return layers


# ---------------------------------------------------------------- learning


class Learner:
    """Learns `pictures` for `model`: all that it takes, as features, varied and to be rehearsed."""

    def __init__(self, model, pictures, seed=1):
        self.model, self.pictures = model, pictures
        self.rng = np.random.default_rng(seed)
        self.session, self.layers = open_layers(model)
        names, size = [*model.alphabet, NO_HAND], model.size
        self.labels = np.array([names.index(picture.letter) for picture in pictures])
        images = [picture.image for picture in pictures]
        count = int(np.clip(VARIATIONS // len(images), FEWEST, MOST))
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
        return train(self.layers, *data, steps, self.model.no_hand_logit, self.rng)

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
        targets, rows = self.answer(self.layers, features), np.arange(len(labels))
        old = targets[rows, labels]
        new = np.maximum(old, np.float32(certain))
        targets *= ((1 - new) / np.maximum(1 - old, np.float32(1e-6)))[:, None]
        targets[rows, labels] = new
        return features, targets

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


def deal(labels):
    """Return in which fold each picture is left out: those of a letter, in turn, into FOLDS parts.

    Neighbours stay together: pictures taken one after the other are too alike to judge by.
    """
    ranks = np.array([(labels[:i] == label).sum() for i, label in enumerate(labels)])
    counts = np.array([(labels == label).sum() for label in labels])
    return ranks * FOLDS // np.maximum(counts, FOLDS)


def learn(model, pictures, trials=True):
    """Return what `pictures` teach `model`, as Learned, and a Report of how well.

    Without `trials`, for a third of the time, there is no Report: None.
    """
    learner = Learner(model, pictures)
    layers = learner.learn(np.arange(len(pictures)))
    learned = Learned(dict(zip(LAYERS, layers, strict=True)), len(pictures), digest(model))
    return learned, report(learner, *learner.cross_validate()) if trials else None


def report(learner, untaught, taught):
    """Return the Report of cross-validated probabilities."""
    labels = learner.labels
    several = np.array([(labels == label).sum() > 1 for label in labels])
    right = [(p.argmax(axis=1) == labels)[several] for p in (untaught, taught)]
    names = [*learner.model.alphabet, NO_HAND]
    seen = find_odd(labels, untaught, taught)
    odd = [(learner.pictures[i], names[as_letter]) for i, as_letter in seen.items()]
    return Report(*right, odd)


def find_odd(labels, untaught, taught):
    """Return the numbers of pictures that contradict the others, each with what it is taken for.

    Those that the network, taught by the others, is sure to be something else; and those of two
    letters that were swapped: they agree in their mistake.
    """
    odd = {}
    for a, b in find_swapped(labels, untaught):
        odd |= dict.fromkeys(np.flatnonzero(labels == a).tolist(), b)
    for i, label in enumerate(labels):
        best = taught[i].argmax()
        if taught[i, best] > SURE and taught[i, label] < UNLIKELY:
            odd.setdefault(i, best)
    return dict(sorted(odd.items()))


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
    return hashlib.sha256(model.path.read_bytes()).hexdigest()


def open_layers(model):
    """Return a session that gives FEATURES and the layers too, and the layers, a list of arrays.

    Serialized Protocol Buffers messages merge where they follow each other: behind the model's
    bytes comes a model that consists of the names of further outputs. Raises UserError where the
    model has no such tensors.
    """
    names = [encode(1, name.encode()) for name in (FEATURES, *LAYERS)]
    graph = b"".join(encode(12, name) for name in names)  # GraphProto.output, ValueInfoProto.name
    content = model.path.read_bytes() + encode(7, graph)  # ModelProto.graph
    try:
        session = open_session(content)
        grey = np.zeros((1, 1, model.size, model.size), np.float32)
        layers = session.run(LAYERS, {session.get_inputs()[0].name: grey})
    except Exception as error:  # ONNX Runtime's errors have no class in common
        raise UserError(
            f"{printable(model.path)} cannot be taught: it is no export of step_4_evaluate.py"
        ) from error
    return session, layers


def encode(number, content):
    """Return the field of a Protocol Buffers message that has this number and content (bytes)."""
    length, digits = len(content), []
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *digits, length]) + content


def taught(model, learned):
    """Return `model` with the layers as learned. It reads in the same time."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    values = {name: ort.OrtValue.ortvalue_from_numpy(a) for name, a in learned.layers.items()}
    for name, value in values.items():
        options.add_initializer(name, value)
    session = ort.InferenceSession(model.path, options, providers=["CPUExecutionProvider"])
    session.layers = values  # it reads them where they lie
    return replace(model, session=session, is_taught=True)


# ---------------------------------------------------------------- the folder


def use_hand(model, folder=FOLDER):
    """Return `model` as taught in `folder`, and a note such as "taught by 72 pictures in my_hand".

    Where nothing was taught that is `model` itself, and "". Learns anew, and says why in a line,
    where pictures came or went, or what was learned does not fit. Raises UserError or OSError.
    """
    paths = list_signs(folder, model.alphabet)
    if not paths and not Path(folder, LEARNED).exists():
        return model, ""
    try:
        learned = load(model, folder)
        if paths and learned.pictures != len(paths):
            counts = f"{len(paths)} pictures now, {learned.pictures} when it learned"
            raise UserError(f"{printable(folder)}: {counts}")
    except (FileNotFoundError, UserError) as error:
        if not paths:
            raise
        print(f"{in_a_line(error)}: it learns anew", flush=True)
        learned, _ = learn(model, read_pictures(folder, model.alphabet), trials=False)
        with contextlib.suppress(OSError):  # in a folder that cannot be written to, every time
            save(learned, folder)
    return taught(model, learned), f"taught by {learned.pictures} pictures in {printable(folder)}"


def teach(model, folder=FOLDER):
    """Learn from all pictures in `folder`, and keep it there. Return the taught model and a Report.

    Raises UserError or OSError, and leaves what was learned before as it was.
    """
    learned, result = learn(model, read_pictures(folder, model.alphabet))
    save(learned, folder)
    return taught(model, learned), result


def add_pictures(source, alphabet, folder=FOLDER):
    """Copy the pictures of `source`/LETTER/ to `folder`/LETTER/, each once, however often it comes.

    Returns how many were new. Raises UserError if there are none, or if one cannot be read.
    """
    new = 0
    for picture in read_pictures(source, alphabet):
        content = picture.path.read_bytes()
        name = hashlib.sha256(content).hexdigest()[:16] + picture.path.suffix.lower()
        path = Path(folder, picture.letter, name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, content)
            new += 1
    return new


def save(learned, folder=FOLDER):
    """Write what was learned to `folder`/learned.npz. Raises OSError."""
    content = io.BytesIO()
    np.savez(content, digest=learned.digest, pictures=learned.pictures, **learned.layers)
    write_file(Path(folder, LEARNED), content.getvalue())


def load(model, folder=FOLDER):
    """Return what was learned for `model`, from `folder`/learned.npz.

    Raises FileNotFoundError, or UserError if the file is damaged or of another model.
    """
    path = Path(folder, LEARNED)
    require_file(path, "nothing has been learned yet", LARGEST)
    damaged = UserError(f"{printable(path)}: damaged, or not what this program wrote")
    content = io.BytesIO(path.read_bytes())  # of a file, zipfile may raise any OSError
    try:
        with np.load(content, allow_pickle=False) as file:
            if sum(member.file_size for member in file.zip.infolist()) > LARGEST:
                raise damaged
            values = {name: file[name] for name in ("digest", "pictures", *LAYERS)}
    except (*DAMAGES, AttributeError, TypeError) as error:  # the last two: another kind of file
        raise damaged from error
    if str(values.pop("digest")) != digest(model):
        raise UserError(f"{printable(path)}: learned for another model")
    pictures, (_, layers) = values.pop("pictures"), open_layers(model)
    whole = pictures.shape == () and pictures.dtype.kind == "i" and pictures > 0
    for layer, value in zip(layers, values.values(), strict=True):
        whole &= (value.shape, value.dtype) == (layer.shape, layer.dtype)
        whole = whole and np.isfinite(value).all()
    if not whole:
        raise damaged
    return Learned(values, int(pictures), digest(model))
