"""When the lesson takes a picture, and what it asks for next."""

import numpy as np
import pytest

from camera.lesson import EXTRA, PAUSE, STILL, Lesson

FPS = 30


def draw_hand(seed):
    """A picture of something still: blobs, uint8 (28, 28)."""
    cells = np.random.default_rng(seed).integers(0, 256, (4, 4), np.uint8)
    return np.kron(cells, np.ones((7, 7), np.uint8))


class Student:
    """Shows hands to a lesson at FPS, and counts the seconds until pictures are taken."""

    def __init__(self, *letters):
        self.lesson, self.now = Lesson([*letters]), 0.0

    def show(self, image, seconds, read_as=None, is_hand=True):
        """Hold an image, read as the letter asked for or as `read_as`.

        Returns how many pictures were taken.
        """
        taken = 0
        for _ in range(round(seconds * FPS)):
            self.now += 1 / FPS
            if self.lesson.update(image, is_hand, self.now):
                self.lesson.add(image, read_as or self.lesson.letter, self.now)
                taken += 1
        return taken


def test_a_still_hand_is_taken_once_and_the_next_letter_waits_for_another_hand():
    student = Student("A", "B")
    assert student.show(draw_hand(1), STILL - 0.1) == 0
    assert student.show(draw_hand(1), 0.2) == 1
    assert student.lesson.letter == "B"
    assert student.show(draw_hand(1), 5) == 0
    assert student.show(draw_hand(2), STILL + 0.1) == 1
    assert student.lesson.letter is None
    assert student.show(draw_hand(3), 3) == 0
    assert [taken.letter for taken in student.lesson.taken] == ["A", "B"]


def test_nothing_is_taken_of_a_moving_hand_or_of_none():
    student = Student("A")
    assert sum(student.show(draw_hand(i), 2 / FPS) for i in range(60)) == 0
    assert student.show(draw_hand(1), 3, is_hand=False) == 0
    assert student.lesson.progress == 0


def test_a_hand_that_trembles_holds_still():
    student, rng = Student("A"), np.random.default_rng(0)
    image = draw_hand(1)
    taken = 0
    for _ in range(30):
        noisy = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
        taken += student.show(noisy, 1 / FPS)
    assert taken == 1


def test_a_misread_letter_gets_a_picture_for_each_wish():
    student = Student("A", "B")
    student.show(draw_hand(1), STILL + 0.1, read_as="S")
    wishes = []
    for _ in EXTRA:
        wishes.append(student.lesson.wish)
        assert student.lesson.letter == "A"
        assert student.show(draw_hand(1), PAUSE + STILL + 0.1, read_as="S") == 1
    assert wishes == [*EXTRA]
    assert student.lesson.letter == "B"
    assert student.lesson.wish == ""


def test_back_takes_the_last_letter_anew():
    student = Student("A", "B", "C")
    student.show(draw_hand(1), 1)
    student.show(draw_hand(2), 1)
    assert student.lesson.letter == "C"
    assert [taken.letter for taken in student.lesson.back()] == ["B"]
    assert student.lesson.letter == "B"
    assert student.show(draw_hand(2), STILL + 0.1) == 1  # the same hand may be shown
    assert student.lesson.letter == "C"


@pytest.mark.parametrize("steps", [1, 5])
def test_skip_ends_after_the_last_letter_and_back_stops_at_the_first(steps):
    lesson = Student("A", "B").lesson
    for _ in range(steps):
        lesson.skip()
    assert lesson.letter == ("B" if steps == 1 else None)
    for _ in range(steps):
        assert lesson.back() == []
    assert lesson.letter == "A"


def test_any_letter_can_be_asked_for_anew():
    student = Student("A", "B")
    student.show(draw_hand(1), 1)
    student.show(draw_hand(2), 1)
    assert [taken.letter for taken in student.lesson.go_to("A")] == ["A"]
    assert student.show(draw_hand(2), 1) == 1
    assert student.lesson.go_to("K") == []
    assert student.lesson.letter == "K"
