"""Ask servers of films and network cameras, and tell what keeps them from answering."""

import contextlib
import re
import socket
import ssl
import time
from http.client import HTTPException
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np

from camera.addresses import STILLS, show_address, suffix_of
from plumbing.faults import UserError

TIMEOUT = 10.0  # seconds
LARGEST, LONGEST_LINE = 2**26, 2**16  # bytes of a picture, and of a line before it
LITTLE = 2**10  # bytes that a camera may send after the end of a JPEG
SMALL = 2**16  # bytes of what a server says beside a fault
STILL_EVERY = 0.1  # seconds from asking for a still picture to asking again, at least
PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443}
DOUBTFUL = "in a password, write %40 for @, %2F for /, %23 for # and %3A for :"


def find_mistake(address):
    """Return what is wrong in how an address is written, or ""."""
    try:
        url = urlsplit(address)
        if url.port == 0 or (url.scheme.lower() in PORTS and not url.hostname):
            return "it names no server; write http://NAME/ or http://NAME:PORT/"
    except ValueError:
        if "@" in address:
            return DOUBTFUL
        return "the port is a number up to 65535, and brackets belong around IPv6 alone"
    return ""


class ClosesFirst:
    """Part of a handler of logins that closes the answer by which one is asked for."""

    def http_error_401(self, asked, answer, *more):
        answer.read(SMALL)
        answer.close()
        return super().http_error_401(asked, answer, *more)


class Basic(ClosesFirst, request.HTTPBasicAuthHandler):
    pass


class Digest(ClosesFirst, request.HTTPDigestAuthHandler):
    pass


def fetch(address, method="GET"):
    """Ask a server by http. Returns the answer, a response to read from.

    Most cameras sign their own certificates, so these are not insisted on, as by OpenCV. Raises
    UserError, which says why there is none.
    """
    url = urlsplit(address)
    place = url.netloc.rpartition("@")[2]
    bare = url._replace(netloc=place, fragment="").geturl()
    logins = request.HTTPPasswordMgrWithDefaultRealm()
    logins.add_password(None, bare, unquote(url.username or ""), unquote(url.password or ""))
    handlers = [Basic(logins), Digest(logins)] if url.username else []
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = request.build_opener(request.HTTPSHandler(context=context), *handlers)
    try:
        return opener.open(request.Request(bare, method=method), timeout=TIMEOUT)
    except HTTPError as error:
        with contextlib.suppress(OSError, ValueError):
            error.read(SMALL)  # some servers tell of it at length where one just hangs up
            error.close()
        raise UserError(tell_status(error.code, bool(url.username))) from None
    except URLError as error:
        raise UserError(tell_fault(error.reason, address)) from None
    except OSError as error:
        raise UserError(tell_fault(error, address)) from None
    except (HTTPException, ValueError):
        raise UserError("the answer of the server makes no sense") from None


def tell_status(code, has_login):
    """Return what a status of http or rtsp means."""
    return {
        401: "the server refuses this user name or password"
        if has_login
        else "the server asks for a login: write USER:PASSWORD@ before its name",
        403: "the server does not allow it (403)",
        404: "the server has nothing under this address (404)",
    }.get(code, f"the server answers with the fault {code}")


def tell_fault(error, address):
    """Return what keeps a server from being reached."""
    host, port = place_of(address)
    if isinstance(error, socket.gaierror | UnicodeError):
        is_doubtful = "...@" in show_address(address)
        return DOUBTFUL if is_doubtful else f"no computer is named {host}"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing answers at port {port} of {host}; is it switched on, and the port right?"
    if isinstance(error, TimeoutError):
        return f"{host} does not answer"
    return f"{host}: {getattr(error, 'strerror', None) or 'no connection'}"


def place_of(address):
    """Return the host and port of an address; a port of None where it cannot be known."""
    url = urlsplit(address)
    try:
        return url.hostname or "", url.port or PORTS.get(url.scheme.lower())
    except ValueError:
        return url.hostname or "", None


def find_cause(address):
    """Return why OpenCV gets nothing from an address."""
    scheme = address.partition("://")[0].lower()
    try:
        host, port = place_of(address)
        if scheme in ("http", "https"):
            with fetch(address) as answer:
                return tell_content(answer)
        elif scheme in PORTS and host and port:
            with socket.create_connection((host, port), TIMEOUT) as server:
                return ask_rtsp(server, address) if scheme == "rtsp" else "no pictures come"
    except UserError as error:
        return str(error)
    except (OSError, UnicodeError) as error:
        return tell_fault(error, address)
    except ValueError:
        return "it is no address"
    return "no pictures come" if scheme in PORTS else f"nothing came by {scheme}://"


def ask_rtsp(server, address):
    """Return why an RTSP server gives no film, asking it as if for the first time."""
    url = urlsplit(address)
    bare = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
    server.sendall(f"DESCRIBE {bare} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
    status = re.match(rb"RTSP/\d\.\d (\d{3})", server.recv(1024))
    if not status:
        return "what answers there is no RTSP server"
    code = int(status[1])
    return "no pictures come" if code == 200 else tell_status(code, bool(url.username))


def tell_content(answer):
    """Return what a server gives that is no film."""
    kind = answer.headers.get_content_type()
    if kind == "text/html":
        return "it is a web page; the address of the pictures themselves is needed"
    return f"it is {kind}, and no film that OpenCV can decode"


def kind_of(answer, address):
    """Return what an answer is: "parts", pictures without end; "still", one; "page"; or "film"."""
    kind = answer.headers.get_content_type()
    if kind == "multipart/x-mixed-replace" or kind == "multipart/mixed":
        return "parts"
    is_still = kind.startswith("image/") and kind != "image/gif"
    if is_still or (kind == "application/octet-stream" and suffix_of(address) in STILLS):
        return "still"
    return "page" if kind in ("text/html", "application/json") else "film"


def is_whole(address):
    """Return whether a server gives a film of a length that it knows: it ends, and is no camera."""
    if suffix_of(address) == ".m3u8":
        return b"#EXT-X-ENDLIST" in ask(address, "GET", lambda answer: answer.read(LARGEST), b"")
    for method in ("HEAD", "GET"):  # not all servers know the first
        if ask(address, method, lambda answer: answer.headers.get("Content-Length", ""), ""):
            return True
    return False


def ask(address, method, read, otherwise):
    """Return what `read` gets of a server's answer, `otherwise` where there is none."""
    try:
        answer = fetch(address, method)
    except UserError:
        return otherwise
    with answer:
        return read(answer)


def read_parts(answer, _):
    """Yield the pictures that a server sends one after another, BGR uint8 (H, W, 3)."""
    boundary = answer.headers.get_boundary() or ""
    mark = b"--" + boundary.strip('"').removeprefix("--").encode()
    for content in split_parts(answer, mark):
        if (frame := decode(content)) is not None:
            yield frame


def split_parts(answer, mark):
    """Yield the bytes of each part of an answer; `mark` begins the line between two of them.

    A part whose length is told is read at once. Cameras also tell none, or a wrong one.
    """
    content, length, is_marked, in_head = bytearray(), 0, False, True
    while line := answer.readline(LONGEST_LINE):
        is_mark = len(mark) > 2 and line.startswith(mark)
        if not in_head:
            if is_mark:
                yield bytes(content)
                content.clear()
            elif len(content) < LARGEST:
                content += line
            in_head = is_marked = is_mark
            continue
        name, _, value = line.partition(b":")
        is_marked |= is_mark or line.startswith(b"--")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            is_marked, length = True, min(int(value), LARGEST)
        if line.strip() or not is_marked:
            continue
        content += answer.read(length)
        in_head = is_whole = length > 0 and b"\xff\xd9" in content[-LITTLE:]
        if is_whole:
            yield bytes(content)
            content.clear()
        is_marked, length = False, 0


def read_stills(answer, address):
    """Yield a camera's still picture, asked for again and again, BGR uint8 (H, W, 3)."""
    while True:
        asked = time.monotonic()
        with answer:
            frame = decode(answer.read(LARGEST))
        if frame is None:
            return
        yield frame
        time.sleep(max(0.0, asked + STILL_EVERY - time.monotonic()))
        answer = fetch(address)


def decode(content):
    """Return the picture in an encoded file's bytes, BGR uint8 (H, W, 3), or None.

    Of a JPEG, some cameras send more bytes than belong to it. libjpeg would tell of one that is cut
    short on standard error.
    """
    if content[:2] == b"\xff\xd8":
        content = content[: content.rfind(b"\xff\xd9") + 2]
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error:
        return None
