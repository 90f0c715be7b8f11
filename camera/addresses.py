"""Tell addresses from files, and show them without the secrets in them."""

import re

FILMS = "ts m3u8 mp4 m4v mov mkv webm avi flv mpg mpeg gif wmv ogv vob mts m2ts 3gp"
FILMS = tuple(f".{suffix}" for suffix in FILMS.split())
MOVING = ".mjpg", ".mjpeg", ".cgi", ".sdp"  # of cameras, or of films
STILLS = ".jpg", ".jpeg", ".png", ".bmp", ".webp"
SECRET = re.compile(r"(?i)[^/;&?]*(pass|pwd|token|key|auth|secret|user|login|sig)\w*[=_:][^/;]*")


def is_address(source):
    """Return whether a source is an address, not a file: it begins with http://, rtsp:// ..."""
    return bool(re.match(r"(?!file:)[a-z][a-z0-9+.-]*://", source, re.I))


def show_address(source):
    """Return an address, or what is meant for one, without what may be secret in it.

    That is what comes before an @, values after a question mark, and parts of the path that look
    like a password or a token.

    >>> show_address("rtsp://admin:hunter2@10.0.0.5:554/live?token=abc")
    'rtsp://10.0.0.5:554/live?...'
    """
    scheme, mark, rest = source.partition("://") if "://" in source else ("", "", source)
    if not mark and not re.match(r"(?![a-zA-Z]:[\\/])[^/\s]+:\S*@", source):
        return source  # a file
    login, at, after = rest.rpartition("@")
    first = re.split(r"[/?#]", login)[0]
    if first == login:
        rest = after
    elif ":" in first or "@" in first:  # perhaps a password with a slash in it
        rest = f"...{at}{after}"
    place, *more = re.split(r"[?#]", rest, maxsplit=1)
    host, *parts = place.split("/")
    parts = [hide_secret(part) for part in parts]
    return f"{scheme}{mark}{'/'.join([host, *parts])}{'?...' if more else ''}"


def hide_secret(part):
    """Return a part of a path, or dots where it looks like a password or token."""
    is_token = len(part) > 15 and not part.lower().endswith(FILMS + MOVING + STILLS)
    return "..." if is_token or SECRET.search(part) else part


def suffix_of(address):
    """Return how the path of an address ends, in lower case: ".mp4"."""
    path = re.split(r"[?#]", address)[0].partition("://")[2].partition("/")[2]
    return re.search(r"(\.\w+)?$", path)[0].lower()


def is_named_film(address):
    """Return whether an address ends as the names of films do."""
    return suffix_of(address) in FILMS
