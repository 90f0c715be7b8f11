"""Draw what the window shows."""

import functools
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from camera.edits import HAND_SEEN, Editor
from camera.pictures import read_picture

KEYS = {  # that camera/edits.py knows, as the help shows them
    "1 2 3": "take a suggestion",
    "SPACE": "add a space",
    "BACKSPACE": "take back the last, or C",
    "C": "clear the text",
    "T": "copy the text",
    "F": "follow the hand, or stop",
    "S": "show or hide the signs",
    "H": "show or hide this help",
    "Q or ESC": "end",
}
MOVES = {"sign J": "I, then draw a J", "sign Z": "point, then draw a Z"}  # in the window's help
SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHART = Path(__file__).parents[1] / "docs/signs.png"  # of them, row by row
CELL, CHART_SHAPE = 160, (640, 1120, 3)  # pixels: a sign's side, all
FONT = cv2.FontFace("sans")
WHITE, SOFT, DIM, DARK = (255,) * 3, (205,) * 3, (95,) * 3, (24,) * 3
AMBER, GREEN = (60, 190, 255), (130, 225, 120)  # BGR: being held, added
LEFT, CENTRE, RIGHT = 0, 0.5, 1  # share of a text that lies to the left of its x
VIEW_HEIGHT, NARROW, WIDE = 480, 640, 854  # pixels: the view, 4:3 to 16:9
BOX_SIDE = 336  # pixels, the centred box
PANEL = 138  # pixels, the width of what is in the corners
BAR = 58  # pixels, the height of the text along the bottom
SUGGESTED = 200  # pixels, the width of a suggestion with its key
HELP_ROW = 32  # pixels from a line of the help to the next
SMALLEST = 11  # size of letters that can be read
SEEN_SIDE = 112  # pixels, what the model sees
BLANK = np.full((VIEW_HEIGHT, NARROW, 3), 60, np.uint8)  # shown until a frame comes


@dataclass
class View:
    """What there is to show beside the state of the speller; keys change it."""

    speller: object  # camera.speller.Speller
    box: float  # share of the frame's shorter side, where the hand is not followed
    mirror: bool
    title: str  # shown while there is no text
    note: str = ""  # shown in place of advice
    finder: object = None  # a camera.hand.HandFinder while the hand is followed
    offers_keys: bool = True
    trouble: str = ""  # why the camera gives no frames, shown in place of advice
    page: str = ""  # "help" or "signs", shown over the frame
    frame: np.ndarray | None = None  # BGR uint8 (H, W, 3)
    square: tuple | None = None  # (left, top, side), pixels, of the hand that is followed
    image: np.ndarray | None = None  # what the model sees, grey uint8 (S, S); None: no hand
    latency: cv2.TickMeter = field(default_factory=cv2.TickMeter)  # from frame to letter
    editor: Editor | None = None  # of the speller's text

    def __post_init__(self):
        self.editor = self.editor or Editor(self.speller)


@dataclass(frozen=True)
class State:
    """What is known of the hand, as far as the window gives advice on it."""

    letter: str | None = None  # that is certain
    is_added: bool = False  # whether it stands in the text
    is_found: bool = True  # whether there is a box around it
    is_seen: bool = True  # whether any letter is likely in the box
    sign: str | None = None  # J or Z, if the hand moves and may be drawing it


def render(view):
    """Draw the view: BGR uint8 (VIEW_HEIGHT, NARROW to WIDE, 3)."""
    advice, colour = advise(state_of(view))
    pixels, box = lay_out(view)
    if box:
        draw_box(pixels, box, view.speller.progress, colour)
    if view.page != "signs":  # which stand there
        draw_letters(pixels, view.speller, colour)
        draw_image(pixels, view)
    note = view.trouble or view.note or view.editor.fault
    draw_advice(pixels, *((note, WHITE) if note else (advice, colour)))
    draw_text(pixels, view)
    if view.page == "help":
        draw_help(pixels)
    elif view.page == "signs":
        draw_chart(pixels)
    return pixels


def state_of(view):
    """Return what is known of the hand in the view."""
    speller = view.speller
    return State(
        letter=speller.letter,
        is_added=speller.state is speller.state.ADDED,
        is_found=not view.finder or view.square is not None,
        is_seen=speller.probabilities.sum() >= HAND_SEEN,
        sign=speller.sign,
    )


def advise(state):
    """Return what to do now, in a few words, and the colour in which the letter is shown."""
    if not state.is_found:
        return "No hand found: raise your hand", WHITE
    if not state.letter and not state.is_seen:
        return "Fill the box with your hand", WHITE
    if not state.letter:
        return "Not sure yet: turn it, or more light", WHITE
    if state.sign:
        now = "added" if state.is_added else "hold still"
        return f"{state.letter}: {now}, or finish the {state.sign}", AMBER
    if state.is_added:
        return f"{state.letter} added: next, or move to repeat", GREEN
    return f"{state.letter}: hold still", AMBER


def lay_out(view):
    """Scale the frame into the view, dark around it.

    Returns pixels BGR uint8 (VIEW_HEIGHT, NARROW to WIDE, 3), and the box (left, top, side) in
    them, None without one. The centred box always has BOX_SIDE pixels, in the middle. Where the
    hand is followed, the whole frame is seen, above the text.
    """
    height, width = (BLANK if view.frame is None else view.frame).shape[:2]
    room = np.clip(VIEW_HEIGHT * width // height // 2 * 2, NARROW, WIDE)  # codecs: even
    if not view.finder:
        scale = BOX_SIDE / (min(height, width) * view.box)
        box = (room - BOX_SIDE) / 2, (VIEW_HEIGHT - BOX_SIDE) / 2, BOX_SIDE
        return place_frame(view, scale, (VIEW_HEIGHT, room)), box
    scale = min((VIEW_HEIGHT - BAR) / height, room / width)
    pixels = place_frame(view, scale, (VIEW_HEIGHT - BAR, room))
    pixels = cv2.copyMakeBorder(pixels, 0, BAR, 0, 0, cv2.BORDER_CONSTANT, value=DARK)
    if view.square is None:
        return pixels, None
    left, top, side = view.square
    left = width - left - side if view.mirror else left
    x, y = (left - width / 2) * scale, (top - height / 2) * scale
    return pixels, (x + room / 2, y + (VIEW_HEIGHT - BAR) / 2, side * scale)


def place_frame(view, scale, room):
    """Scale the frame and centre it in a room (height, width): BGR uint8 (height, width, 3)."""
    frame = BLANK if view.frame is None else view.frame
    lengths, room = np.array(frame.shape[:2]), np.array(room)
    shown = np.minimum(lengths, np.ceil(room / scale).astype(int))
    (top, left), (bottom, right) = (lengths - shown) // 2, (lengths + shown) // 2
    size = np.clip(np.rint(shown * scale).astype(int), 1, room)
    part = frame[top:bottom, left:right]
    part = cv2.resize(part, size[::-1], interpolation=cv2.INTER_AREA)
    part = cv2.flip(part, 1) if view.mirror else part
    (top, left), (bottom, right) = (room - size) // 2, (room - size + 1) // 2
    return cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT, value=DARK)


def measure(words, size, weight=600):
    """Return the width of words, pixels."""
    left, _, width, _ = cv2.getTextSize((0, 0), words, (0, 0), FONT, size, weight)
    return left + width


def fit(words, size, room):
    """Return the size, at most the one given, in which words fit into a width in pixels."""
    return max(SMALLEST, min(size, int(size * room / max(1, measure(words, size)))))


def cut_end(words, size, room):
    """Shorten words to a width in pixels, at their end."""
    while measure(words, size) > room and len(words) > 1:
        words = words.rstrip("\u2026")[:-1] + "\u2026"
    return words


def cut_start(words, size, room):
    """Shorten words to a width in pixels, at their start."""
    while measure(words, size) > room and len(words) > 1:
        words = "\u2026" + words.lstrip("\u2026")[1:]
    return words


def write(pixels, words, x, y, size, colour=WHITE, align=LEFT, weight=600):
    """Write words whose baseline is y; `align` says which part of them lies left of x."""
    at = round(x - align * measure(words, size, weight)), y
    cv2.putText(pixels, words, at, colour, FONT, size, weight)


def darken(pixels, left, top, right, bottom, keep=0.3):
    """Darken a part, so that what is written there is legible on anything."""
    part = pixels[top:bottom, left:right]
    part[:] = cv2.convertScaleAbs(part, alpha=keep)


def draw_line(pixels, points, colour, thickness):
    """Draw a line through points (n, 2), x and y."""
    points = np.rint(points).astype(np.int32)
    cv2.polylines(pixels, [points], False, colour, thickness, cv2.LINE_AA)


def draw_box(pixels, box, progress, colour):
    """Draw the box (left, top, side); its outline fills up clockwise while a letter is held."""
    left, top, side = box
    corners = np.array([(1, 0), (2, 0), (2, 2), (0, 2), (0, 0), (1, 0)]) * side / 2 + (left, top)
    draw_line(pixels, corners, DARK, 4)
    is_added = colour == GREEN
    draw_line(pixels, corners, colour if is_added else WHITE, 5 if is_added else 2)
    if progress:
        passed = (0, 1, 3, 5, 7, 8)  # half sides, at each of them
        way = [half for half in passed if half < 8 * progress] + [8 * progress]
        draw_line(pixels, np.stack([np.interp(way, passed, xy) for xy in corners.T], 1), AMBER, 6)


def draw_letters(pixels, speller, colour):
    """Draw the letter, or a dash, and the three likeliest letters, if any, in the left corner."""
    darken(pixels, 0, 0, PANEL, 218)
    write(pixels, speller.letter or "\u2013", 69, 106, 116, colour, CENTRE, 700)
    likeliest = np.argsort(-speller.probabilities)[:3] if speller.probabilities.any() else ()
    for row, index in enumerate(likeliest):
        probability, y = float(speller.probabilities[index]), 146 + 28 * row
        ink = SOFT if row else colour
        write(pixels, speller.alphabet[index], 16, y, 19, ink)
        write(pixels, f"{probability:.0%}", 122, y, 17, ink, RIGHT)
        draw_line(pixels, [(16, y + 5), (122, y + 5)], DIM, 2)
        draw_line(pixels, [(16, y + 5), (16 + 106 * probability, y + 5)], ink, 3)


def draw_image(pixels, view):
    """Draw what the model sees, enlarged, and the mean speed, in the right corner."""
    right = pixels.shape[1] - 13
    darken(pixels, right + 13 - PANEL, 0, right + 13, 182)
    if view.image is not None:
        image = cv2.flip(view.image, 1) if view.mirror else view.image
        image = cv2.resize(image, (SEEN_SIDE, SEEN_SIDE), interpolation=cv2.INTER_NEAREST)
        pixels[13 : 13 + SEEN_SIDE, right - SEEN_SIDE : right] = image[..., None]
    frames, seconds = view.latency.getCounter() - 1, view.speller.now
    rate = f"{frames / seconds:.0f} fps  " if seconds else ""  # a picture has none
    write(pixels, "the model sees", right, 143, 14, SOFT, RIGHT, 400)
    speed = f"{rate}{view.latency.getAvgTimeMilli():.1f} ms"
    write(pixels, speed, right, 167, 15, SOFT, RIGHT, 500)


def draw_advice(pixels, words, colour):
    """Write what to do at the top, between the corners."""
    width = pixels.shape[1]
    room = width - 2 * PANEL - 8
    size = fit(words, 17, room)
    words = cut_end(words, size, room)
    half = measure(words, size) // 2 + 4
    darken(pixels, width // 2 - half, 18, width // 2 + half, 50)
    write(pixels, words, width // 2, 40, size, colour, CENTRE)


def draw_text(pixels, view):
    """Write the text along the bottom, its end if it is long, suggestions, and keys."""
    width = pixels.shape[1]
    darken(pixels, 0, VIEW_HEIGHT - BAR, width, VIEW_HEIGHT)
    keys = name_keys(view)
    write(pixels, keys, width - 16, VIEW_HEIGHT - 20, 15, SOFT, RIGHT, 400)
    room = width - 50 - measure(keys, 15, 400)
    if view.editor.suggestions:
        room -= SUGGESTED
        draw_suggestions(pixels, view.editor.suggestions, 18 + room)
    if view.speller.text:
        words = cut_start(view.speller.text + "_", 36, room)
        write(pixels, words, 18, VIEW_HEIGHT - 17, 36)
    else:
        write(pixels, cut_end(view.title, 20, room), 18, VIEW_HEIGHT - 17, 20, SOFT)


def draw_suggestions(pixels, suggestions, x):
    """List up to three suggestions, each after its key, to the right of x."""
    room = SUGGESTED - 26
    for number, word in enumerate(suggestions):
        y = VIEW_HEIGHT - BAR + 17 + 18 * number
        size = fit(word, 16, room)
        write(pixels, f"{number + 1}", x + 12, y, 16, AMBER, CENTRE)
        write(pixels, cut_end(word, size, room), x + 24, y, size, SOFT if number else WHITE)


def name_keys(view):
    """Return what to say of the keys: all that help a newcomer, while there is room."""
    if not view.offers_keys:
        return ""
    if view.page:
        return {"help": "H: hide", "signs": "S: hide"}[view.page]
    follow = "stop following" if view.finder else "follow the hand"
    return "H: help" if view.speller.text else f"H: help   S: signs   F: {follow}"


def draw_help(pixels):
    """List the keys, and how J and Z are signed, above the text."""
    rows = KEYS | MOVES
    x, half = pixels.shape[1] // 2, HELP_ROW * len(rows) // 2 + 14
    top = (VIEW_HEIGHT - BAR) // 2 - half
    darken(pixels, x - 165, top, x + 165, top + 2 * half, 0.12)
    for row, (key, meaning) in enumerate(rows.items()):
        y = top + 36 + HELP_ROW * row
        write(pixels, key, x - 48, y, 17, AMBER, RIGHT)
        write(pixels, meaning, x - 34, y, 17, weight=500)


def draw_chart(pixels):
    """Show the 26 signs on both sides of the centred box, above the text."""
    width, height = pixels.shape[1], VIEW_HEIGHT - BAR
    room = (width - BOX_SIDE) // 2 - 4
    half = len(SIGNS) // 2
    rows = next(n for n in range(1, half + 1) if n * (room // (height // n)) >= half)
    side = height // rows
    columns = room // side
    signs = load_signs(side)
    if not signs:
        draw_advice(pixels, f"{CHART.name} is missing or damaged", WHITE)
    for number, sign in enumerate(signs.values()):
        row, column = divmod(number % half, columns)
        left = column * side if number < half else width - (columns - column) * side
        pixels[row * side : (row + 1) * side, left : left + side] = sign


@functools.cache
def load_signs(side):
    """Return the chart's pictures of the 26 signs by letter: BGR uint8 (side, side, 3).

    Without its file, or with another one, none.
    """
    if (chart := read_picture(CHART)) is None or chart.shape != CHART_SHAPE:
        return {}
    rows, columns = chart.shape[0] // CELL, chart.shape[1] // CELL
    cells = chart.reshape(rows, CELL, columns, CELL, 3).swapaxes(1, 2).reshape(-1, CELL, CELL, 3)
    scaled = (cv2.resize(cell, (side, side), interpolation=cv2.INTER_AREA) for cell in cells)
    return dict(zip(SIGNS, scaled, strict=False))  # the last two are a note
