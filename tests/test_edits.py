"""The text and its words: what keys, pauses and hands that go away do to them."""

import cv2
import numpy as np
import pytest
from camera_fixtures import ALPHABET, FakeFinder, save_video, sign, view_of
from conftest import ROOT

import camera.edits
import step_6_camera
from camera.edits import AWAY, PAUSE, Editor, handle_key
from camera.hand import HandFinder
from camera.model import load_model
from camera.speller import Glimpse, Speller, State
from camera.view import KEYS, View, render
from camera.words import Lattice, build

WORDS = {"HELLO": 9, "HELP": 5, "HELD": 4, "WORLD": 8, "JAZZ": 1, "HI": 2}


def lattice(words=WORDS):
    return Lattice(build(np.array(list(words), "S20"), np.array(list(words.values()), float)))


class FakeSpeaker:
    def __init__(self):
        self.said, self.is_closed, self.fault = [], False, ""
        self.say = self.said.append

    def close(self):
        self.is_closed = True


def make_editor(**options):
    """An Editor of a Speller that says what `feed` lets it add."""
    return Editor(Speller(ALPHABET, 0.5), lattice(), FakeSpeaker(), **options)


def feed(editor, letters="", seconds=0.1, is_hand=True, replaces=False):
    """Let a frame pass in which the speller adds letters. Returns the entries."""
    speller = editor.speller
    speller.now += seconds
    speller.state = State.ADDED if is_hand else State.NO_HAND
    speller.probabilities = np.full(24, is_hand / 24, np.float32)
    speller.replaces_last, speller.means = replaces, []
    for letter in letters:
        mean = np.full(24, 0.2 / 23, np.float32)
        mean[ALPHABET.find(letter)] = 0.8  # of J and Z, which it lacks, the last
        speller.means.append([mean])
        speller.added_at = speller.now
    speller.text = (speller.text[:-1] if replaces else speller.text) + letters
    return editor.update(letters)


def spell(editor, text):
    return [entry for letter in text for entry in feed(editor, letter)]


# ---------------------------------------------------------------- suggestions


def test_a_word_is_suggested_while_it_is_spelled_and_told_when_it_ends():
    editor = make_editor()
    assert spell(editor, "HELO") == list("HELO")
    assert editor.suggestions[0] == "HELLO"
    assert feed(editor, seconds=PAUSE) == []
    [told] = feed(editor, seconds=0.2)
    assert told.split("\t") == ["WORDS", " ".join(editor.suggestions)]
    assert editor.speller.text == "HELO"
    assert feed(editor, seconds=9) == []  # once
    assert spell(editor, "W") == ["W"]


@pytest.mark.parametrize("end", ["away", "space", "film"])
def test_a_word_ends_when_the_hand_goes_with_space_or_with_the_film(end):
    editor = make_editor()
    spell(editor, "HELO")
    if end == "away":
        assert feed(editor, is_hand=False, seconds=AWAY - 0.1) == []
        entries = feed(editor, is_hand=False, seconds=0.2)
    else:
        entries = editor.press(" ") if end == "space" else editor.finish()
    assert entries[0].startswith("WORDS\tHELLO")
    assert entries[1:] == (["SPACE"] if end == "space" else [])
    assert editor.speaker.said == ["HELO"]


def test_suggestions_stay_as_they_are_from_frame_to_frame():
    editor, seen = make_editor(), []
    spell(editor, "HEL")
    for _ in range(20):
        feed(editor, seconds=0.05)
        seen.append(list(editor.suggestions))
    assert all(seen[0] == other for other in seen)
    assert seen[0]


def test_letters_that_nothing_is_like_have_no_suggestions_and_no_line():
    editor = make_editor()
    spell(editor, "QXQXQX")
    assert editor.suggestions == []
    assert editor.finish() == []
    assert editor.speller.text == "QXQXQX"


def test_without_a_vocabulary_there_are_no_suggestions():
    editor = Editor(Speller(ALPHABET, 0.5))
    assert [*spell(editor, "HELLO"), *editor.finish(), *editor.press("1")] == list("HELLO")


def test_letters_of_another_alphabet_have_no_suggestions():
    editor = make_editor()
    editor.speller.alphabet = ALPHABET.replace("H", "\u0416")
    spell(editor, "\u0416\u0416")
    assert (editor.suggestions, editor.speller.text) == ([], "\u0416\u0416")


def test_a_glimpse_of_one_more_letter_counts_once_the_word_has_ended():
    editor = make_editor()
    spell(editor, "HEL")
    assert editor.suggestions[0] != "HELD"
    mean = np.full(24, 0.1 / 23, np.float32)
    mean[ALPHABET.index("D")] = 0.9
    editor.speller.glimpses = [Glimpse(mean, 3, 0.1)]
    [told] = editor.finish()
    assert told.startswith("WORDS\tHELD ")
    assert editor.speller.text == "HEL"


def test_a_j_takes_the_place_of_its_i():
    editor = make_editor()
    spell(editor, "I")
    assert feed(editor, "J", replaces=True) == ["BACKSPACE", "J"]
    spell(editor, "AZ")
    feed(editor, "Z")
    assert editor.speller.text == "JAZZ"
    assert editor.suggestions[0] == "JAZZ"


# ---------------------------------------------------------------- keys


def test_a_suggestion_is_taken_and_taken_back():
    editor = make_editor()
    spell(editor, "WORLD")
    editor.press(" ")
    spell(editor, "HELO")
    second = editor.suggestions[1]
    assert editor.press("2") == [f"TAKE\t{second}"]
    assert editor.speller.text == f"WORLD {second} "
    assert editor.suggestions == []
    assert editor.press("\b") == ["UNTAKE\tHELO"]
    assert editor.speller.text == "WORLD HELO"
    assert editor.suggestions[1] == second
    assert [editor.press("\x7f"), editor.speller.text] == [["BACKSPACE"], "WORLD HEL"]


def test_once_a_letter_follows_a_taken_word_it_is_deleted_letter_by_letter():
    editor = make_editor()
    spell(editor, "HELO")
    editor.press("1")
    spell(editor, "W")
    for text in ("HELLO ", "HELLO", "HELL"):
        assert editor.press("\b") == ["BACKSPACE"]
        assert editor.speller.text == text


def test_deleting_a_space_goes_back_to_the_word_before_and_its_suggestions():
    editor = make_editor()
    spell(editor, "HELO")
    editor.press(" ")
    assert editor.suggestions == []
    editor.press("\b")
    assert editor.suggestions[0] == "HELLO"
    spell(editor, "W")
    assert editor.word == "HELOW"


@pytest.mark.parametrize("key", ["1", "3"])
def test_a_key_without_a_suggestion_does_nothing(key):
    editor = make_editor()
    spell(editor, "QXQXQX")
    assert (editor.press(key), editor.speller.text) == ([], "QXQXQX")


def test_clearing_forgets_words_too():
    editor = make_editor()
    spell(editor, "HELO")
    assert editor.press("c") == ["CLEAR"]
    assert (editor.speller.text, editor.suggestions, editor.finish()) == ("", [], [])
    spell(editor, "WORLD")
    assert editor.suggestions[0] == "WORLD"


def test_backspace_brings_back_what_was_cleared():
    editor = make_editor()
    spell(editor, "WORLD")
    editor.press(" ")
    spell(editor, "HELO")
    before = editor.state, editor.suggestions
    for _ in range(2):  # a second C clears nothing
        assert editor.press("c") == ["CLEAR"]
    assert editor.press("\b") == ["UNCLEAR\tWORLD HELO"]
    assert (editor.state, editor.suggestions) == before
    assert editor.press("\b") == ["BACKSPACE"]
    editor.press("c")
    spell(editor, "WE")  # a hand may be there still
    assert [editor.press("\b") for _ in "WE"] == [["BACKSPACE"]] * 2
    assert editor.press("\b") == ["UNCLEAR\tWORLD HEL"]


def test_keys_edit_the_text(model):
    view = view_of(model, sign("A"), text="AB")
    steps = [(" ", ["SPACE"], "AB "), ("\b", ["BACKSPACE"], "AB"), ("\x7f", ["BACKSPACE"], "A")]
    steps += [("h", [], "A"), ("x", [], "A"), ("", [], "A"), ("c", ["CLEAR"], "")]
    for key, edits, text in [*steps, (" ", ["SPACE"], " "), ("\b", ["BACKSPACE"], "")]:
        assert (handle_key(key, view), view.speller.text) == (edits, text)


def test_every_key_that_the_help_names_does_something(model, monkeypatch):
    monkeypatch.setattr(camera.edits, "HandFinder", lambda: FakeFinder(None))
    monkeypatch.setattr(camera.edits, "copy", lambda text: f"{text} copied")
    presses = {"SPACE": " ", "BACKSPACE": "\b", "1 2 3": "3"}
    for key in KEYS.keys() - {"Q or ESC"}:  # which end the loop
        view = view_of(model, sign("A"), text="AB", page="")
        view.editor.suggestions = ["ABLE", "ABBA", "AN"]
        before = view.speller.text, view.page, view.finder, view.note
        handle_key(presses.get(key, key.lower()), view)
        assert (view.speller.text, view.page, view.finder, view.note) != before


def test_pages_are_shown_and_hidden_one_at_a_time(model):
    view, pages = view_of(model, sign("A")), []
    for key in "hhshhss":
        handle_key(key, view)
        pages.append(view.page)
    assert pages == ["help", "", "signs", "help", "", "signs", ""]


def test_the_key_f_follows_the_hand_and_stops(model, monkeypatch):
    view, finder = view_of(model, sign("A")), FakeFinder(None)
    monkeypatch.setattr(camera.edits, "HandFinder", lambda: finder)
    handle_key("f", view)
    assert view.finder is finder
    handle_key("f", view)
    assert view.finder is None


@pytest.mark.parametrize("begins_with", [None, HandFinder])
def test_the_key_f_adds_no_letter_again(begins_with):
    """The box jumps, which is no movement of the hand."""
    model, film = (
        load_model(ROOT / "pretrained/signlanguage.onnx"),
        cv2.VideoCapture(str(ROOT / "data/hello.mp4")),
    )
    finder = begins_with and begins_with()
    view = View(Speller(model.alphabet, model.threshold), 0.7, False, "", finder=finder)
    for number in range(105):  # E is added before frame 85, and held until frame 100
        step_6_camera.translate(model, film.read()[1], number / 30, view, number)
        if number in (87, 93):
            assert view.speller.text == "HE"
            handle_key("f", view)
    assert view.speller.text == "HE"


def test_a_space_after_a_suggestion_that_was_taken_is_one_space():
    editor = make_editor()
    spell(editor, "HELO")
    editor.press("1")
    assert editor.press(" ") == []
    assert editor.speller.text == "HELLO "


# ---------------------------------------------------------------- a hand that goes away


def test_a_hand_away_spells_one_space_where_that_is_asked_for():
    editor = make_editor(space=1.5)
    spell(editor, "HELO")
    entries = [entry for _ in range(40) for entry in feed(editor, is_hand=False)]
    assert [entry.split("\t")[0] for entry in entries] == ["WORDS", "SPACE"]
    assert editor.speller.text == "HELO "
    spell(editor, "HELP")
    assert editor.speller.text == "HELO HELP"
    other = make_editor()
    spell(other, "HELO")
    feed(other, is_hand=False, seconds=60)
    assert other.speller.text == "HELO"


def test_the_keys_still_mean_the_word_before_a_space_that_no_key_made():
    for key, text in [("1", "HELLO "), (" ", "HELO "), ("\b", "HELO")]:
        editor = make_editor(space=1.0)
        spell(editor, "HELO")
        feed(editor, is_hand=False, seconds=1.1)
        assert editor.suggestions[0] == "HELLO"
        editor.press(key)
        assert editor.speller.text == text
    editor.press("c")
    assert feed(editor, is_hand=False, seconds=9) == []  # no space without a word


def test_a_word_after_the_hand_went_away_is_a_word_of_its_own():
    """Without a space between; BACKSPACE after that goes on with the word."""
    editor = make_editor()
    told = []
    for word in ("HELO", "WORLD", "HELO"):
        spell(editor, word)
        told += feed(editor, is_hand=False, seconds=AWAY + 0.1)
    assert [line.split()[:2] for line in told] == [
        ["WORDS", w] for w in ("HELLO", "WORLD", "HELLO")
    ]
    assert editor.speller.text == "HELOWORLDHELO"
    assert editor.speaker.said == ["HELO", "WORLD", "HELO"]
    editor.press("1")
    assert editor.speller.text == "HELOWORLDHELLO "
    assert editor.press("\b") == ["UNTAKE\tHELO"]
    assert [editor.press("\b"), editor.word] == [["BACKSPACE"], "HEL"]
    feed(editor, is_hand=False, seconds=AWAY)
    spell(editor, "P")
    assert (editor.word, editor.suggestions[0]) == ("HELP", "HELP")
    for _ in "HELP":
        editor.press("\b")
    assert editor.word == "HELOWORLD"


def test_a_word_goes_on_after_a_pause_with_the_hand_there():
    editor = make_editor()
    spell(editor, "HEL")
    [told] = feed(editor, seconds=PAUSE + 0.1)
    spell(editor, "LO")
    [again] = editor.finish()
    assert told.startswith("WORDS\tHELD") or told.startswith("WORDS\tHELP")
    assert again.startswith("WORDS\tHELLO")


# ---------------------------------------------------------------- speech


def test_a_word_is_spoken_once_and_again_if_another_is_taken():
    editor = make_editor()
    spell(editor, "HELO")
    feed(editor, seconds=PAUSE + 1)
    editor.press("1")
    spell(editor, "HELLO")
    editor.press(" ")
    assert editor.speaker.said == ["HELO", "HELLO", "HELLO"]
    spell(editor, "HELLO")
    editor.press("1")  # as it was read, and just now spoken
    assert editor.speaker.said[3:] == ["HELLO"]
    editor.close()
    assert editor.speaker.is_closed


def test_a_speech_that_fails_is_told_in_the_window_and_at_the_end(model, words, capsys):
    editor = make_editor()
    editor.speaker.fault = "say cannot speak: it ended with 1"
    render(view_of(model, sign("A"), editor=editor))
    assert editor.speaker.fault in words
    editor.close()
    assert capsys.readouterr().err == f"{editor.speaker.fault}\n"


# ---------------------------------------------------------------- the script


def test_the_script_prints_suggestions_as_lines_of_their_own(start, model_path, video, tmp_path):
    (tmp_path / "w.txt").write_text("hi 5\nhit 2\n")
    options = "--model", model_path, "--source", video, "--headless", "--words", tmp_path / "w.txt"
    done = start(*options, "--transcript", tmp_path / "t.txt")
    assert done.returncode == 0
    _, *lines, spelled = done.stdout.splitlines()
    assert spelled == "Spelled: HI"
    assert lines == (tmp_path / "t.txt").read_text().splitlines()
    assert [line.split("\t")[1] for line in lines] == ["H", "I", "WORDS"]
    assert lines[-1].split("\t")[2].split()[0] == "HI"
    silent = start(*options, "--no-words").stdout.splitlines()
    assert [line for line in silent if "WORDS" in line] == []


def test_the_script_tells_each_word_of_a_film_without_spaces(start, tmp_path):
    """HELLO, two seconds without a hand, HELLO."""
    film = cv2.VideoCapture(str(ROOT / "data/hello.mp4"))
    hello = [film.read()[1] for _ in range(int(film.get(cv2.CAP_PROP_FRAME_COUNT)))]
    size = hello[0].shape[1::-1]
    twice = cv2.VideoWriter(str(tmp_path / "f.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, size)
    for frame in [*hello, *[np.full_like(hello[0], 90)] * 50, *hello]:
        twice.write(frame)
    twice.release()
    lines = start("--source", tmp_path / "f.avi", "--headless").stdout.splitlines()
    told = [line.split("\t")[2] for line in lines if "WORDS" in line]
    assert [words.split()[0] for words in told] == ["HELLO", "HELLO"]
    assert lines[-1] == "Spelled: HELLOHELLO"


def test_the_script_spells_a_space_when_the_hand_is_away(headless, tmp_path, monkeypatch):
    source, square = save_video(tmp_path / "v.avi", ("H", 6.0)), (48, 8, 224)
    finder = FakeFinder(*[square] * 60, *[None] * 50, square, letter="H")
    monkeypatch.setattr(step_6_camera, "HandFinder", lambda: finder)
    lines = headless(source, "--follow", "--space", "1", "--box", "1")
    assert [line.split("\t")[-1] for line in lines] == ["H", "SPACE", "H", "Spelled: H H"]
