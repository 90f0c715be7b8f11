"""Plumbing: get a file from the internet, and files out of an archive. Skip it on first reading.

It needs the standard library and tqdm alone. What comes from elsewhere is taken with limits: an
archive may be damaged, and a server may send nonsense, or never stop sending.
"""

import gzip
import hashlib
import lzma
import shutil
import struct
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from functools import partial
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from threading import Event
from urllib.parse import urlsplit

from plumbing.faults import UserError, in_a_line, in_background
from plumbing.files import whole_file
from plumbing.progress import Progress

TIMEOUT = 20  # seconds without a byte from the server
MAX_WAIT = 60  # seconds until its answer begins
SLOWEST = 2_000  # bytes a second, the mean after the first TIMEOUT seconds
MAX_DOWNLOAD = 200_000_000  # bytes
MAX_UNPACKED = 300_000_000  # bytes of a tar archive, or of a zip archive's member
# What zipfile and tarfile raise for damage, and for what they cannot read, such as passwords.
ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


class Limited:
    """Something to read from, by its `read` function, that may not give more than `most` bytes."""

    def __init__(self, read, most):
        self.reader, self.most, self.count = read, most, 0

    def read(self, size=-1):
        content = self.reader(size)
        self.count += len(content)
        if self.count > self.most:
            raise UserError(f"more than {self.most:,} bytes")
        return content


class Download(Limited):
    """The body of an http response, which must not come too slowly either."""

    def __init__(self, response, most):
        super().__init__(response.read1, most)  # read would wait until `size` bytes are there
        self.length = response.length  # None if the server does not say
        self.start = time.monotonic()

    def read(self, size=-1):
        content = super().read(size)
        if time.monotonic() - self.start > TIMEOUT + self.count / SLOWEST:
            raise UserError(f"slower than {SLOWEST:,} bytes a second")
        if not content and self.count < (self.length or 0):
            raise UserError(f"cut off after {self.count:,} of {self.length:,} bytes")
        return content


def download(url, path, sha256=None, most=MAX_DOWNLOAD, progress=True):
    """Write what lies at `url`, at most `most` bytes, to the file `path`.

    Takes https only, after redirections too, and plain http from this machine itself. Raises
    UserError, which says why but not which url, if that fails or the sha256 is another, and leaves
    an old file whole.
    """
    require_safe(url)
    try:
        with ask(url) as response, whole_file(path) as draft:
            body, options = Download(response, most), {"desc": "download", "disable": not progress}
            with (
                Progress.wrapattr(body, "read", body.length, **options) as source,
                open(draft, "wb") as file,
            ):
                shutil.copyfileobj(source, file)
            with open(draft, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if sha256 and found != sha256:
                raise UserError(
                    f"another file than expected: sha256 is {found} instead of {sha256}"
                )
    except (UserError, OSError, HTTPException, ValueError) as error:  # ValueError: a url, a number
        if type(error) is urllib.error.URLError:  # which says no more than its reason
            error = error.reason
        raise UserError(in_a_line(error)) from None


def ask(url):
    """A server's answer once its header is there, for which no single timeout holds."""
    opener = urllib.request.build_opener(SafeRedirects)
    request = urllib.request.Request(url, headers={"User-Agent": "sign-language-translator"})
    given_up = Event()

    def answer():
        try:
            response = opener.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            raise
        if given_up.is_set():  # nobody waits for it any more
            response.close()
        return response

    return in_background(answer, given_up.set, MAX_WAIT)


class SafeRedirects(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, req, fp, code, msg, headers):
        with fp:  # closed also where it leads nowhere
            return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def require_safe(url):
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.scheme, parts.hostname) != ("http", "127.0.0.1"):
        raise UserError(f"refused, {url} is not https")


def extract(archive, folder, names):
    """Copy the files `names` from a zip or tar.gz `archive` to `folder`, by their names alone.

    Other members, links, and the folders that the archive gives are ignored. Raises UserError.
    """
    missing = list(names)
    try:
        for path, open_member in members(archive):
            if (name := PurePosixPath(path).name) in missing:
                with open_member() as source, open(Path(folder, name), "wb") as file:
                    shutil.copyfileobj(Limited(source.read, MAX_UNPACKED), file)
                missing.remove(name)
    except ARCHIVE_ERRORS as error:
        raise UserError(
            f"not a zip or tar.gz archive, or a damaged one ({in_a_line(error)})"
        ) from None
    if missing:
        raise UserError(f"no {' and no '.join(missing)} in the archive")


def members(archive):
    """The path of each file in a zip or tar.gz archive, and a function that opens it."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                yield member.filename, partial(file.open, member)
        return
    with (
        gzip.open(archive) as packed,
        tarfile.open(fileobj=Limited(packed.read, MAX_UNPACKED), mode="r|") as file,
    ):
        for member in file:
            if member.isfile():
                yield member.name, partial(file.extractfile, member)
