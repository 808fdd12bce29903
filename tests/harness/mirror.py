# SPDX-License-Identifier: GPL-2.0
"""A mirror of a made-up Debian archive on the loopback address, and what can be wrong with one.

An archive is the files that it has by their paths; a mirror serves them and remembers what it
was asked for.  Nothing is signed: apt must be told to put up with that.
"""

import collections
import email.utils
import fnmatch
import functools
import hashlib
import http.server
import lzma
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.parse

DAY = 24 * 60 * 60
WAIT_SECONDS = 60

# Fates of a request.
REFUSE = "answer 503"
CUT = "announce all of the file, send half of it and close the connection"
HANG = "never answer"
STALL = "announce all of the file, send half of it and then nothing more"
HOLD = "answer as soon as the test says so"

Package = collections.namedtuple("Package", "name version architecture depends recommends", defaults=("s390x", "", ""))


def file_name(package):
    """The name in the pool; it is without the epoch of the version."""
    version = package.version.split(":")[-1]
    return f"{package.name}_{version}_{package.architecture}.deb"


def pool_path(package):
    return f"pool/main/{package.name[0]}/{package.name}/{file_name(package)}"


def control(package, **more):
    """The fields of a package, and those that only an index has."""
    fields = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": package.architecture,
        "Maintainer": "Nobody <nobody@example.org>",
        "Depends": package.depends,
        "Recommends": package.recommends,
        "Description": "for a test",
    } | more
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


@functools.cache
def deb(package):
    """The bytes of a package's file."""
    with tempfile.TemporaryDirectory() as name:
        tree, file = pathlib.Path(name, "tree"), pathlib.Path(name, "package.deb")
        content = tree / "usr/share" / package.name
        content.parent.mkdir(parents=True)
        content.write_text(f"{package.version}\n")
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(control(package))
        build = ["dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, file]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        return file.read_bytes()


def spoilt(content):
    """Other bytes, and as many."""
    return bytes(byte ^ 1 for byte in content)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def suite_files(suite, packages, valid_for=DAY):
    """The files of a suite; its Release is of yesterday and valid for some seconds from now."""
    pool = [(package, pool_path(package), deb(package)) for package in packages]
    index = "\n".join(
        control(package, Filename=path, Size=len(content), SHA256=sha256(content)) for package, path, content in pool
    ).encode()
    main = "main/binary-s390x"
    indexes = {f"{main}/Packages": index, f"{main}/Packages.xz": lzma.compress(index)}
    now = time.time()
    release = f"""\
Origin: Debian
Label: Debian
Suite: {suite}
Codename: {suite}
Date: {email.utils.formatdate(now - 2 * DAY, usegmt=True)}
Valid-Until: {email.utils.formatdate(now + valid_for, usegmt=True)}
Architectures: s390x
Components: main
SHA256:
"""
    for path, content in indexes.items():
        release += f" {sha256(content)} {len(content)} {path}\n"
    # The index that is not compressed is named but not there, as in Debian.
    compressed = {f"dists/{suite}/{main}/Packages.xz": indexes[f"{main}/Packages.xz"]}
    return {f"dists/{suite}/Release": release.encode()} | compressed | {path: content for _, path, content in pool}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The head and the body of an answer are sent one by one; the body is not to wait.
    disable_nagle_algorithm = True

    def do_GET(self):
        mirror = self.server.mirror
        path = urllib.parse.unquote(self.path).removeprefix("/debian/")
        fault, content = mirror.ask(path)
        if fault in (HANG, HOLD):
            mirror.released.wait()
        if fault == HANG:
            self.close_connection = True
        elif fault == REFUSE:
            self.answer(503, b"busy")
        elif content is None:
            self.answer(404, b"not here")
        elif fault in (CUT, STALL):
            self.answer(200, content, len(content) // 2)
            if fault == STALL:
                mirror.released.wait()
            self.close_connection = True
        else:
            self.answer(200, content)

    def answer(self, code, content, length=None):
        try:
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:length])
        except OSError:
            # The client has gone: killed, or out of patience.
            self.close_connection = True

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Say nothing: a client that is killed resets its connection."""


class Mirror:
    """Serves files until it is closed.  `files` can be changed by a test at any time."""

    def __init__(self, files):
        self.files = dict(files)
        self.requests = []
        self.released = threading.Event()
        self._faults = []
        self._changed = threading.Condition()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.mirror = self
        self.url = f"http://127.0.0.1:{self._server.server_port}/debian"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def lose(self, pattern):
        """Answer 404 for these files from now on, as for all that never was there."""
        for path in self._matching(pattern):
            del self.files[path]

    def spoil(self, pattern):
        """Have other bytes in these files than the index says, and as many."""
        for path in self._matching(pattern):
            self.files[path] = spoilt(self.files[path])

    def _matching(self, pattern):
        if found := fnmatch.filter(self.files, pattern):
            return found
        raise ValueError(f"no file is {pattern}")

    def fail(self, pattern, fault, times=None):
        """Let this happen to the requests of these files, or to the first so many of them."""
        self._faults.append([pattern, fault, times])

    def refuse_then_update(self, pattern, files):
        """Refuse the first request of these files, and have other files from then on."""
        self.fail(pattern, lambda: setattr(self, "files", dict(files)), 1)

    def ask(self, path):
        """Remember a request; what happens to it, and the file."""
        with self._changed:
            self.requests.append(path)
            self._changed.notify_all()
            content = self.files.get(path)
            for fault in self._faults:
                if fault[2] != 0 and fnmatch.fnmatch(path, fault[0]):
                    if fault[2] is not None:
                        fault[2] -= 1
                    if callable(fault[1]):
                        fault[1]()
                        return REFUSE, None
                    return fault[1], content
            return None, content

    def count(self, pattern):
        """Count the requests for such files."""
        with self._changed:
            return len(fnmatch.filter(self.requests, pattern))

    def wait_for(self, pattern):
        """Wait until such a file is asked for."""
        with self._changed:
            if not self._changed.wait_for(lambda: fnmatch.filter(self.requests, pattern), WAIT_SECONDS):
                raise TimeoutError(f"nobody has asked for {pattern}")
