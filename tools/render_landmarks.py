"""Find the landmarks of rendered hands, which a network of landmarks rehearses while it is taught.

    python -m tools.render_landmarks

    data/rendered_landmarks.npy: float16 (M, 21, 3), in pixels, of all letters

They are no person's. The same seed gives the same file, up to rounding.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import io

import cv2
import numpy as np
import torch

from camera.hand import HandFinder
from camera.learn_landmarks import REHEARSAL, SIDE
from plumbing.faults import run
from plumbing.files import write_file
from plumbing.flags import Parser, bounded
from plumbing.progress import Progress
from tools.render_hands import CHUNK, LETTERS, draw_pictures, load_hand, read_poses


def main(argv=None):
    args = parse_args(argv)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    (landmarks, _), content = find_landmarks(args.count, args.seed), io.BytesIO()
    np.save(content, landmarks.astype(np.float16))
    write_file(REHEARSAL, content.getvalue())
    print(f"{REHEARSAL}: the landmarks of {len(landmarks):,} of {args.count:,} rendered hands")


def find_landmarks(count, seed):
    """Render `count` hands; return those found: landmarks float32 (M, 21, 3), labels int (M,)."""
    finder, hand, poses, rows = HandFinder(), load_hand(), read_poses(), []
    with Progress(total=count, desc="Hands", unit=" images") as bar:
        for start in range(0, count, CHUNK):
            numbers = range(start, min(start + CHUNK, count))
            scenes = draw_pictures(hand, poses, seed, numbers, SIDE)[0]
            for number, scene in zip(numbers, scenes, strict=True):
                grey = np.clip(scene * 255, 0, 255).astype(np.uint8)
                if found := finder.find(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)):
                    rows.append((found.landmarks, number % len(LETTERS)))
            bar.update(len(numbers))
    landmarks, labels = zip(*rows, strict=True)
    return np.array(landmarks), np.array(labels)


def parse_args(argv):
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--count", type=bounded(int, 1, 10**6), default=720, help="hands that are rendered (720)")
    add("--seed", type=bounded(int, 0, 2**31), default=3, help="same seed, same hands (3)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    run(main)
