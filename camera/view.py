"""Draw what the window shows."""

from dataclasses import dataclass, field

import cv2
import numpy as np

KEYS = {"SPACE": "add a space", "BACKSPACE": "delete the last letter", "C": "clear the text"}
KEYS |= {"H": "show or hide this help", "Q or ESC": "end"}
MOVES = {"sign J": "I, then draw a J", "sign Z": "point, then draw a Z"}  # in the window's help
FONT = cv2.FontFace("sans")
WHITE, SOFT, DIM, DARK = (255,) * 3, (205,) * 3, (95,) * 3, (24,) * 3
AMBER, GREEN = (60, 190, 255), (130, 225, 120)  # BGR: being held, added
LEFT, CENTRE, RIGHT = 0, 0.5, 1  # share of a text that lies to the left of its x
HEIGHT, SIDE, PANEL = 480, 336, 138  # pixels: the view, its guide box, what is in its corners
NARROW, WIDE = 640, 854  # pixels, the view's width: 4:3 to 16:9


@dataclass
class View:
    """What there is to show beside the state of the speller."""

    speller: object  # step 6's Speller
    box: float
    mirror: bool
    title: str  # shown while there is no text
    hint: str = "help: press H"
    note: str = ""  # shown instead of what the letter does
    help: bool = False
    frame: np.ndarray | None = None  # BGR uint8 (H, W, 3)
    image: np.ndarray | None = None  # what the model sees of it
    latency: cv2.TickMeter = field(default_factory=cv2.TickMeter)  # from frame to letter


def render(view):
    """The view as pixels, BGR uint8 (HEIGHT, NARROW to WIDE, 3)."""
    speller = view.speller
    note, colour = f"{speller.letter}: hold still", AMBER
    if speller.letter is None:
        note, colour = "Fill the box with your hand", WHITE
    elif speller.letter == speller.added:
        note, colour = f"{speller.letter} added: next, or move to repeat", GREEN
    pixels = lay_out(view.frame, view.box, view.mirror)
    draw_box(pixels, speller.progress, colour)
    draw_letters(pixels, speller, colour)
    draw_image(pixels, view)
    draw_texts(pixels, view, note, colour)
    if view.help:
        draw_help(pixels)
    return pixels


def lay_out(frame, box, mirror):
    """A frame, scaled so that its box has SIDE pixels in the middle, and dark around it."""
    lengths = np.array(frame.shape[:2])
    scale, room = SIDE / (lengths.min() * box), np.array([HEIGHT, NARROW])
    room[1] = np.clip(HEIGHT * lengths[1] // lengths[0] // 2 * 2, NARROW, WIDE)  # codecs: even
    shown = np.minimum(lengths, np.ceil(room / scale).astype(int))
    (top, left), (bottom, right) = (lengths - shown) // 2, (lengths + shown) // 2
    size = np.clip(np.rint(shown * scale).astype(int), 1, room)
    frame = cv2.resize(frame[top:bottom, left:right], size[::-1], interpolation=cv2.INTER_AREA)
    (top, left), (bottom, right) = (room - size) // 2, (room - size + 1) // 2
    frame = cv2.flip(frame, 1) if mirror else frame
    return cv2.copyMakeBorder(frame, top, bottom, left, right, cv2.BORDER_CONSTANT, value=DARK)


def measure(words, size, weight=600):
    left, _, width, _ = cv2.getTextSize((0, 0), words, (0, 0), FONT, size, weight)
    return left + width


def write(pixels, words, x, y, size, colour=WHITE, align=LEFT, weight=600):
    at = round(x - align * measure(words, size, weight)), y
    cv2.putText(pixels, words, at, colour, FONT, size, weight)


def shade(pixels, left, top, right, bottom, keep=0.3):
    """Darken a part, so that what is written there is legible on anything."""
    part = pixels[top:bottom, left:right]
    part[:] = cv2.convertScaleAbs(part, alpha=keep)


def trace(pixels, points, colour, thickness):
    points = np.rint(points).astype(np.int32)
    cv2.polylines(pixels, [points], False, colour, thickness, cv2.LINE_AA)


def draw_box(pixels, progress, colour):
    """Guide box; its outline fills up clockwise while a letter is held."""
    turns = np.array([(0, -1), (1, -1), (1, 1), (-1, 1), (-1, -1), (0, -1)]) * SIDE / 2
    turns += pixels.shape[1] / 2, HEIGHT / 2
    trace(pixels, turns, DARK, 4)
    trace(pixels, turns, colour if colour == GREEN else WHITE, 5 if colour == GREEN else 2)
    if progress:
        turned = (0, 1, 3, 5, 7, 8)  # half sides passed at each turn
        way = [half for half in turned if half < 8 * progress] + [8 * progress]
        trace(pixels, np.stack([np.interp(way, turned, axis) for axis in turns.T], 1), AMBER, 6)


def draw_letters(pixels, speller, colour):
    """Letter or dash, and the probabilities of the first three, in the left corner."""
    shade(pixels, 0, 0, PANEL, 218)
    write(pixels, speller.letter or "\u2013", 69, 106, 116, colour, CENTRE, 700)
    for row, index in enumerate(np.argsort(-speller.probabilities)[:3]):
        probability, y = float(speller.probabilities[index]), 146 + 28 * row
        ink = SOFT if row else colour
        write(pixels, speller.alphabet[index], 16, y, 19, ink)
        write(pixels, f"{probability:.0%}", 122, y, 17, ink, RIGHT)
        trace(pixels, [(16, y + 5), (122, y + 5)], DIM, 2)
        trace(pixels, [(16, y + 5), (16 + 106 * probability, y + 5)], ink, 3)


def draw_image(pixels, view):
    """What the model sees, enlarged, and the mean speed, in the right corner."""
    right = pixels.shape[1] - 13
    shade(pixels, right + 13 - PANEL, 0, right + 13, 182)
    image = cv2.flip(view.image, 1) if view.mirror else view.image
    image = cv2.resize(image, (112, 112), interpolation=cv2.INTER_NEAREST)
    pixels[13:125, right - 112 : right] = image[..., None]
    frames, seconds = view.latency.getCounter() - 1, view.speller.now
    rate = f"{frames / seconds:.0f} fps  " if seconds else ""  # a picture has none
    write(pixels, "the model sees", right, 143, 14, SOFT, RIGHT, 400)
    speed = f"{rate}{view.latency.getAvgTimeMilli():.1f} ms"
    write(pixels, speed, right, 167, 15, SOFT, RIGHT, 500)


def draw_texts(pixels, view, note, colour):
    """What to do, above the box, and along the bottom the text or, when it is long, its end."""
    width = pixels.shape[1]
    note, colour = (view.note, WHITE) if view.note else (note, colour)
    half = measure(note, 17) // 2 + 14
    shade(pixels, width // 2 - half, 18, width // 2 + half, 50)
    write(pixels, note, width // 2, 40, 17, colour, CENTRE)
    shade(pixels, 0, HEIGHT - 58, width, HEIGHT)
    words = view.speller.text + "_"
    while measure(words, 36) > width - 120:
        words = "\u2026" + words.lstrip("\u2026")[1:]
    words, size, colour = (words, 36, WHITE) if view.speller.text else (view.title, 20, SOFT)
    write(pixels, words, 18, HEIGHT - 17, size, colour)
    write(pixels, view.hint, width - 16, HEIGHT - 20, 15, SOFT, RIGHT, 400)


def draw_help(pixels):
    rows = KEYS | MOVES
    x, top = pixels.shape[1] // 2, HEIGHT // 2 - 17 * len(rows) - 15
    shade(pixels, x - 165, top, x + 165, HEIGHT - top, 0.12)
    for row, (key, meaning) in enumerate(rows.items()):
        write(pixels, key, x - 48, top + 40 + 34 * row, 17, AMBER, RIGHT)
        write(pixels, meaning, x - 34, top + 40 + 34 * row, 17, weight=500)
