"""Draw the chart of the 26 signs, docs/signs.png.

    python -m tools.draw_chart [--out docs/signs.png]

The chart has ROWS x COLUMNS square cells of CELL pixels, without a margin: A to Z row by row, then
a legend over the cells that are left. A program that needs one sign cuts it out with numpy alone:

    row, column = divmod("ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(letter), 7)
    cell = chart[160 * row : 160 * (row + 1), 160 * column : 160 * (column + 1)]

Each hand is a pose of letters.txt, turned to where it is easiest to tell: a right hand, as somebody
sees it who stands before the signer. So the arrows of J and Z, which the signer draws as letters
that the signer can read, look as if in a mirror.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import string
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from plumbing.faults import run
from plumbing.files import write_file
from plumbing.flags import Parser
from tools.render_hands import (
    ARM,
    FAR,
    LONGER,
    PROPORTIONS,
    Variant,
    add_forearm,
    crevices,
    ending,
    frame_hand,
    load_hand,
    pose_hands,
    rasterize,
    reached_by,
    read_poses,
    rotations,
    unit,
    vertex_normals,
)

CHART = Path(__file__).parent.parent / "docs/signs.png"
ALPHABET = string.ascii_uppercase  # the order of the cells
ROWS, COLUMNS = 4, 7
CELL = 160  # pixels, height and width
SUPERSAMPLE = 3  # a cell is drawn at so many times its size

BUILD = {"gender": 0.45, "muscle": 0.5, "weight": 0.4}  # anny's phenotype values of a grown-up
BUILD |= {"height": 0.5, "proportions": 0.5, "age": 0.6}
DISTANCE = 0.8  # metres from the lens to the hand
KEY, FILL = unit(np.array([-0.45, 0.6, 0.65])), unit(np.array([0.8, -0.1, 0.6]))  # to the lights
UP, ASIDE = (0.0, -1.0, -0.1), (-1.0, -0.6, -0.3)  # where a forearm leaves to

# BGR. A hand's colour is interpolated from its shadows to its lights.
PAPER, LINE, INK, ARROW = (246, 247, 247), (222, 224, 224), (74, 52, 36), (36, 84, 226)
SKIN = np.array([[24, 34, 60], [92, 124, 178], [176, 206, 240], [232, 242, 252]], float)
FONT = cv2.FontFace("sans")
LEGEND = (
    "A right hand, as others see it;",
    "a left hand is its mirror image.",
    "J and Z move: draw them so that",
    "you yourself can read them.",
)


class Sign(NamedTuple):
    """How a cell shows a letter: the mean of some variants of letters.txt, and its picture."""

    variants: tuple[int, ...]  # numbers of the rows of a letter, from 0
    view: tuple[float, float, float]  # yaw, pitch, roll in degrees, as in letters.txt
    arm: tuple[float, float, float] = UP
    size: float = 0.76  # longer side of the hand's box, share of the cell
    place: tuple[float, float] = (0.05, -0.02)  # of its middle from the cell's, right and up
    of: str = ""  # the letter whose variants they are, if not its own


SIGNS = {
    "A": Sign((0,), (0, 0, 0), size=0.68),
    "B": Sign((0, 1), (10, 0, 0)),
    "C": Sign((1,), (60, 0, 0), size=0.7),
    "D": Sign((0,), (22, 0, 0)),
    "E": Sign((3,), (0, 0, 0), size=0.68),
    "F": Sign((1,), (-18, 0, 0)),
    "G": Sign((13,), (210, 0, -85), ASIDE),
    "H": Sign((0,), (200, 0, -80), ASIDE),
    "I": Sign((0,), (0, 5, 0)),
    "J": Sign((0,), (0, 5, 0), size=0.6, place=(0.2, 0.06), of="I"),
    "K": Sign((1,), (0, 0, 0)),
    "L": Sign((0,), (0, 0, 0)),
    "M": Sign((1, 11), (0, 8, 0), size=0.68),
    "N": Sign((1, 12), (0, 8, 0), size=0.68),
    "O": Sign((0,), (75, 0, 0), size=0.7),
    "P": Sign((0,), (122, 32, -104), ASIDE, place=(0.05, -0.09)),
    "Q": Sign((1,), (222, 0, -196), ASIDE, place=(0.1, -0.08)),
    "R": Sign((2,), (12, 0, 0)),
    "S": Sign((3,), (0, 10, 0), size=0.68),
    "T": Sign((1,), (0, 10, 0), size=0.68),
    "U": Sign((0,), (0, 0, 0)),
    "V": Sign((0,), (0, 0, 0)),
    "W": Sign((0,), (0, 0, 0)),
    "X": Sign((6,), (50, 0, 0), size=0.7),
    "Y": Sign((0,), (0, 0, 0)),
    "Z": Sign((3,), (0, 0, 0), size=0.66, place=(0.26, -0.1), of="D"),
}


def write_chart(path):
    """Draw the chart and write it as a png file."""
    written, chart = cv2.imencode(".png", draw_chart(), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert written
    write_file(path, chart.tobytes())


def draw_chart():
    """Draw all signs and the legend.

    Returns BGR uint8 (ROWS * CELL, COLUMNS * CELL, 3).
    """
    chart = np.full((ROWS * CELL, COLUMNS * CELL, 3), PAPER, np.uint8)
    for letter, picture in zip(ALPHABET, draw_hands(), strict=True):
        row, column = divmod(ALPHABET.index(letter), COLUMNS)
        cell = chart[row * CELL :, column * CELL :][:CELL, :CELL]
        cell[:] = picture
        cv2.rectangle(cell, (0, 0), (CELL, CELL), LINE, 1)
        cv2.putText(cell, letter, (9, 37), INK, FONT, 36, 700)
        if letter in STROKES:
            draw_arrow(cell, STROKES[letter] * CELL)
    left = COLUMNS * CELL - (ROWS * COLUMNS - len(ALPHABET)) * CELL
    for number, line in enumerate(LEGEND):
        y = chart.shape[0] - CELL + 52 + 24 * number
        cv2.putText(chart, line, (left + 14, y), INK, FONT, 17, 500)
    return chart


def draw_hands():
    """Draw the hand of each sign, A to Z.

    Yields BGR uint8 (CELL, CELL, 3).
    """
    poses, hand = read_poses(), load_hand()
    variants = [choose_pose(poses, letter, SIGNS[letter]) for letter in ALPHABET]
    joints = np.stack([variant.joints for variant in variants])
    longer = np.tile(np.mean(LONGER, axis=0), (len(variants), 1))
    posed = pose_hands(hand, joints, [BUILD] * len(variants), longer)
    for letter, vertices in zip(ALPHABET, posed, strict=True):
        yield draw_hand(hand, vertices, SIGNS[letter])


def choose_pose(poses, letter, sign):
    """Return the mean of a sign's variants, a Variant."""
    rows = [poses[sign.of or letter][number] for number in sign.variants]
    return Variant(*(sum(values) / len(rows) for values in zip(*rows, strict=True)))


def draw_hand(hand, posed, sign):
    """Draw one posed hand on paper, in colour.

    posed float (V, 3), metres -> BGR uint8 (CELL, CELL, 3).
    """
    yaw, pitch, roll = sign.view
    turned = posed * np.mean(PROPORTIONS, axis=0) @ rotations("ZXY", np.array([roll, pitch, yaw])).T
    axis = unit(turned[hand.wrist].mean(0) - turned.mean(0))
    vertices = add_forearm(hand, turned, unit(axis + unit(np.array(sign.arm))), np.ones(len(ARM)))
    framed = frame_hand(vertices, hand.size, DISTANCE, sign.size, sign.place)
    grey, depth = rasterize(framed, hand.faces, light(hand, vertices), CELL * SUPERSAMPLE)
    grey = np.clip(grey * crevices(depth) ** 1.2, 0, 1)
    alpha = np.float32(depth < FAR * 0.9)[..., None]
    levels = np.linspace(0, 1, len(SKIN))
    colour = np.stack([np.interp(grey, levels, channel) for channel in SKIN.T], axis=-1)
    picture = colour * alpha + np.array(PAPER) * (1 - alpha)
    picture = cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA)
    return np.rint(picture).astype(np.uint8)


def light(hand, vertices):
    """Light a hand from above on the left, and a little from the right.

    vertices (V, 3) -> brightness (V,), 0 to 1.
    """
    normals = vertex_normals(vertices, hand.faces)
    lit = np.clip(normals @ KEY, 0, 1)
    lit *= 0.4 + 0.6 * reached_by(KEY, vertices, hand.faces, size=256)
    return 0.26 + 0.18 * np.clip(normals @ FILL, 0, 1) + 0.56 * lit


def j_stroke():
    """Return the way of the little finger's tip in J, (n, 2) shares of the cell."""
    turn = np.linspace(0, 0.85 * np.pi, 20)
    hook = np.stack([0.46 - 0.14 * np.cos(turn), 0.74 + 0.14 * np.sin(turn)], axis=1)
    return np.vstack([[0.32, 0.24], hook])


STROKES = {"J": j_stroke(), "Z": np.array([[0.66, 0.3], [0.26, 0.3], [0.64, 0.66], [0.24, 0.66]])}


def draw_arrow(cell, points):
    """Draw an arrow along points (n, 2), x and y in pixels, with a dot where it starts."""
    end, before = points[-1], points[-2]
    ahead = (end - before) / np.linalg.norm(end - before)
    side = np.array([-ahead[1], ahead[0]])
    head = np.stack([end + 9 * ahead, end - 5 * ahead + 9 * side, end - 5 * ahead - 9 * side])
    for colour, more in ((PAPER, 4), (ARROW, 0)):
        cv2.polylines(cell, [to_fixed(points)], False, colour, 5 + more, cv2.LINE_AA, shift=4)
        start, radius = to_fixed(points[0]).tolist(), (6 + more // 2) * 16
        cv2.circle(cell, start, radius, colour, -1, cv2.LINE_AA, shift=4)
        cv2.fillConvexPoly(cell, to_fixed(head), colour, cv2.LINE_AA, 4)


def to_fixed(points):
    """Turn pixels into OpenCV's numbers with 4 binary places."""
    return np.rint(np.asarray(points) * 16).astype(np.int32)


def parse_args(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--out", type=ending(".png"), default=CHART, help="file to write (%(default)s)")
    return parser.parse_args(argv)


def main(argv=None):
    write_chart(parse_args(argv).out)


if __name__ == "__main__":
    run(main)
