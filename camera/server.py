"""Read what a server gives by an address: a film, or the pictures of a network camera."""

from http.client import HTTPException

import cv2

from camera import answers
from camera.addresses import is_named_film, show_address
from camera.films import FPS, Film
from plumbing.faults import UserError

LIMITS = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC]
LIMITS = [value for limit in LIMITS for value in (limit, round(1000 * answers.TIMEOUT))]


class Server:
    """What answers at an address. It is asked when `connect` is iterated, which may take long.

    Raises UserError where the address is none.
    """

    def __init__(self, address):
        self.address, self.name = address, show_address(address)
        self.is_http = address.lower().startswith(("http://", "https://"))
        self.fps, self.is_live = FPS, True  # until more is known
        self.has_answered = self.is_film = self.is_over = False
        self.note = ""
        if mistake := answers.find_mistake(address):
            raise UserError(f"{self.name} cannot be opened: {mistake}")

    def close(self):
        """Do nothing: a connection ends with the generator that reads it."""

    def connect(self):
        """Yield the time, None where it is now, and each frame of one connection.

        Raises UserError where there is nothing to be read the first time.
        """
        try:
            for moment, frame in self.read():
                self.has_answered = True
                yield moment, frame
        except UserError:
            if not self.has_answered or self.is_over:
                raise
        except (OSError, HTTPException):
            return

    def read(self):
        """Yield the frames of one connection, as `connect` does. Raises whatever may happen."""
        answer, kind = None, "film"
        if self.is_http and not is_named_film(self.address):
            try:
                answer = answers.fetch(self.address)
            except UserError as error:
                raise UserError(f"{self.name} cannot be opened: {error}") from None
            kind = answers.kind_of(answer, self.address)
        if kind == "film":
            if answer:
                answer.close()
            yield from self.read_film()
        elif kind == "page":
            with answer:
                told = answers.tell_content(answer)
            raise UserError(f"{self.name} cannot be opened: {told}")
        else:
            pictures = answers.read_parts if kind == "parts" else answers.read_stills
            for frame in pictures(answer, self.address):
                yield None, frame

    def read_film(self):
        """Yield the frames of what OpenCV opens. By http they have times, else they are live."""
        film = Film(self.address, self.name, self.find_cause, LIMITS, self.is_http)
        try:
            self.fps, self.is_film, self.is_live = film.fps, self.is_http, not self.is_http
            for moment, frame in film.frames():
                yield moment if self.is_http else None, frame
            self.note = film.tell_end() if self.is_http else ""
        finally:
            film.close()
        self.is_over = self.is_http and answers.is_whole(self.address)
        if self.is_over and max(film.waits) > 0.9 * answers.TIMEOUT:
            raise UserError(f"{self.name} broke off: its server sends no more")

    def has_ended(self):
        """Return whether this was a film, and is over."""
        return self.is_over

    def find_cause(self):
        """Return why nothing can be read."""
        return answers.find_cause(self.address)

    find_loss = find_cause
