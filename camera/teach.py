"""Teach the model the user's own signs: `python step_6_camera.py --teach`.

Pictures are kept as they are taken, in my_hand/LETTER/*.png. What was learned from them lies beside
them, and is used from then on.
"""

import contextlib
import itertools
import os
import textwrap
from pathlib import Path

import cv2
import numpy as np

from camera import learn
from camera.background import run_ahead
from camera.edits import HAND_SEEN
from camera.hand import crop_square
from camera.learn import add_pictures, list_signs, read_pictures
from camera.lesson import EXTRA, Lesson
from camera.letter_folders import MY_HAND, NO_HAND, note_left_out
from camera.model import read_letters
from camera.pictures import shrink
from camera.stream import Stream
from camera.view import (
    AMBER,
    BAR,
    GREEN,
    NARROW,
    PANEL,
    RIGHT,
    SOFT,
    VIEW_HEIGHT,
    WHITE,
    View,
    cut_end,
    darken,
    draw_advice,
    draw_box,
    lay_out,
    load_signs,
    write,
)
from camera.window import is_open, show
from plumbing.faults import number_of, printable
from plumbing.files import write_new_file

PICTURE_SIDE = 112  # pixels of a picture that is kept: four of them for one that the model sees
LINE, ROW, LINES = 64, 28, 15  # letters, pixels, lines of text that fit over a frame
KEYS = "SPACE: skip   BACKSPACE: again   ESC: stop and learn"


def teach(args, model, finder, center_crop):
    """Teach the model the user's own signs, by a camera, a video or a folder of pictures.

    `args` are step 6's flags, and `center_crop` is its function.
    """
    if os.path.isdir(args.source):
        teach_from_folder(model, args.source)
        return
    view = View(None, args.box, False, "", finder=finder)

    def see(frame, now):
        hand = finder.find(frame, now) if finder else None
        view.square = hand and hand.box
        if finder:
            return crop_square(frame, *hand.box) if hand else None
        return center_crop(frame, args.box)

    with contextlib.closing(Stream(args.source)) as stream:
        view.mirror = stream.is_camera if args.mirror is None else args.mirror
        teach_from_stream(stream, model, see, view, not args.headless)


def teach_from_folder(model, source):
    """Learn from the pictures in `source`/LETTER/, copied to my_hand."""
    with note_kept(model.alphabet):
        new, known = add_pictures(source, model.alphabet)
        note_left_out(source, model.alphabet)
        more = f"; left out as copies: {known}" if known else ""
        print(f"{number_of(new, 'new picture')} in {MY_HAND}{more}")
        learn_and_tell(model)


def teach_from_stream(stream, model, see, view, in_window):
    """Take pictures of a stream's hands, letter by letter; then learn, also where a key ends it.

    `see` gives the square of a frame at a time that holds the hand, BGR uint8 (S, S, 3), or None.
    The window, unless it was closed, shows what was learned, before a camera until a key comes.
    """

    def show_lines(*page):
        return show(draw_lines(view, *page), 50) if in_window and is_open() else "q"

    with note_kept(model.alphabet):
        take_pictures(stream, model, see, view, in_window)
        lines = learn_and_tell(model, show_lines)
    while lines and stream.origin.is_live and not show_lines(lines, "Any key: end"):
        pass


def take_pictures(stream, model, see, view, in_window):
    """Take pictures of a stream's hands until each letter has its own, or a key ends it."""
    lesson = Lesson(order_letters(model.alphabet))
    for now, frame in stream.frames():
        view.trouble = stream.trouble
        if frame is not None:
            view.frame, crop = frame, see(frame, now)
            image, read_as, is_hand = look(model, crop)
            if lesson.update(image, is_hand, now):
                path = keep_picture(lesson.letter, crop)
                taken = lesson.add(image, read_as, now, path)
                told = "read rightly" if taken.is_right else f"read as {read_as or 'nothing'}"
                print(f"{now:.2f}\t{taken.letter}\t{told}\t{path}", flush=True)
        key = show(draw(view, lesson), stream.wait_of(now)) if in_window else ""
        handle_lesson_key(key, lesson)
        if key == "q" or lesson.letter is None:
            break


@contextlib.contextmanager
def note_kept(alphabet):
    """Tell what becomes of the pictures that were taken in a block, if it is cut short."""
    before = len(list_signs(MY_HAND, alphabet))
    try:
        yield
    except BaseException:
        if (new := len(list_signs(MY_HAND, alphabet)) - before) > 0:
            told = "the camera script learns from them when it starts; remove what it should not"
            print(f"{number_of(new, 'new picture')} kept in {MY_HAND}: {told}")
        raise


def learn_and_tell(model, show_lines=lambda lines: None):
    """Learn from all pictures in my_hand; print what that changed, and what looks wrong.

    Meanwhile `show_lines` is called again and again. Returns the lines that are printed.
    """
    if not list_signs(MY_HAND, model.alphabet):
        print("No pictures were taken, so nothing was learned")
        return []
    pictures = read_pictures(MY_HAND, model.alphabet)
    print("Learning ...", flush=True)
    for item in run_ahead((learn.learn(model, pictures) for _ in range(1)), 0.05):
        if item is None:
            show_lines(["Learning ..."])
        else:
            learned, report = item
    learn.save(learned)
    about = learned.tell()
    lines = [f"{about[0].upper()}{about[1:]}. {report}", *list_warnings(report)]
    print(*lines, sep="\n")
    return lines


def list_warnings(report):
    """Yield what looks wrong about the pictures and what to do, a line each."""
    if len(report.after) > report.after.sum() <= report.before.sum():
        yield f"That is no better than before: mend the pictures, or remove {MY_HAND} to forget all"
    for a, b in report.swapped:
        places = f"{MY_HAND / a} and {MY_HAND / b}"
        told = f"{a} looks like {b}, and {b} like {a}: if they were swapped,"
        yield f"{told} swap the names of {places}, and teach again"
    for picture, seen in report.odd:
        shown = "shows no hand" if seen == NO_HAND else f"looks like {seen}"
        yield f"{printable(picture.path)} {shown}: remove it, and take {picture.letter} anew"


def order_letters(alphabet):
    """Return the letters, those first that have no picture yet."""
    taught = {letter for _, letter in list_signs(MY_HAND, alphabet)}
    return sorted(alphabet, key=lambda letter: letter in taught)


def look(model, crop):
    """Read a crop: what the model sees, the letter, "" for none, and whether a hand is there."""
    if crop is None:
        return np.zeros((model.size, model.size), np.uint8), "", False
    image = shrink(crop, model.size)
    probabilities = read_letters(model, image)
    best = probabilities.argmax()
    is_sure = probabilities[best] >= model.threshold
    return image, model.alphabet[best] if is_sure else "", probabilities.sum() >= HAND_SEEN


def keep_picture(letter, crop):
    """Write a picture of a letter to the first name that is free; return its path."""
    folder = Path(MY_HAND, letter)
    folder.mkdir(parents=True, exist_ok=True)
    content = cv2.imencode(".png", shrink(crop, PICTURE_SIDE))[1].tobytes()
    for number in itertools.count(1):
        path = folder / f"{number:03d}.png"
        with contextlib.suppress(FileExistsError):  # another lesson may take it at this moment
            write_new_file(path, content)
            return path


def handle_lesson_key(key, lesson):
    """Skip, go back, or ask for the letter whose key is pressed."""
    if key == " ":
        lesson.skip()
    elif key in ("\b", "\x7f"):
        forget(lesson.back())
    elif key != "q" and key.upper() in lesson.letters and key:
        forget(lesson.go_to(key.upper()))


def forget(pictures):
    """Remove the files of pictures that were taken back."""
    for picture in pictures:
        picture.path.unlink(missing_ok=True)


def draw(view, lesson):
    """Draw the lesson: the frame with its box, the sign that is asked for, and what was taken."""
    pixels, box = lay_out(view)
    last = lesson.taken[-1] if lesson.taken else None
    if box:
        draw_box(pixels, box, lesson.progress, AMBER)
    seen = lesson.of_letter[-1].read_as if lesson.of_letter else ""
    asked = f"{lesson.letter}, read as {seen}" if seen else lesson.letter
    words = view.trouble or f"{asked}: {lesson.wish or 'sign it and hold still'}"
    draw_advice(pixels, words if lesson.letter else "Done", WHITE)
    width = pixels.shape[1]
    if lesson.letter in (signs := load_signs(PANEL)):
        is_covered = box and box[0] < PANEL and box[1] < PANEL  # where it could be on the left
        left = width - PANEL if is_covered else 0
        pixels[:PANEL, left : left + PANEL] = signs[lesson.letter]
    darken(pixels, 0, VIEW_HEIGHT - BAR, width, VIEW_HEIGHT)
    if last:
        side = BAR - 8
        picture = cv2.resize(last.image, (side, side), interpolation=cv2.INTER_NEAREST)
        pixels[VIEW_HEIGHT - side - 4 : VIEW_HEIGHT - 4, 6 : 6 + side] = picture[..., None]
        told = "read rightly" if last.is_right else f"read as {last.read_as or 'nothing'}"
        colour = GREEN if last.is_right else AMBER
        write(pixels, f"{last.letter} {told}", side + 16, VIEW_HEIGHT - 34, 17, colour)
    count = f"{lesson.number + 1} of {len(lesson.letters)}"
    if lesson.of_letter:
        count += f", picture {len(lesson.of_letter) + 1} of {len(EXTRA) + 1}"
    write(pixels, count, width - 16, VIEW_HEIGHT - 34, 17, WHITE, RIGHT)
    write(pixels, KEYS, width - 16, VIEW_HEIGHT - 12, 15, SOFT, RIGHT, 400)
    return pixels


def draw_lines(view, lines, keys=""):
    """Draw lines of text, as many as fit, over the last frame, and below what keys do."""
    pixels, _ = lay_out(view)
    darken(pixels, 0, 0, pixels.shape[1], VIEW_HEIGHT, 0.2)
    parts = [part for line in lines for part in textwrap.wrap(line, LINE) or [""]]
    if len(parts) > LINES:
        parts[LINES - 1 :] = ["... and more in the terminal"]
    for row, words in enumerate(parts):
        write(pixels, cut_end(words, 17, NARROW - 40), 20, 40 + ROW * row, 17)
    write(pixels, keys, pixels.shape[1] - 16, VIEW_HEIGHT - 12, 15, SOFT, RIGHT, 400)
    return pixels
