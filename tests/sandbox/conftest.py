"""What the sandbox's tests share: pools of each isolation that this machine has, and a world outside to attack."""

import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox import Pool, SandboxUnavailable

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NOBODY = 65534
SECRET = "SECRET-7c1e\n"


@pytest.fixture(scope="session", params=["full", "flat"])
def pool(request):
    """A pool under each isolation, without libraries, for tests that do not disturb it."""
    with Pool(isolation=request.param, prewarm=()) as pool:
        try:
            pool.zygote()
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
        yield pool


@pytest.fixture(scope="session")
def python_of():
    """A command that runs this interpreter as me or as nobody; skips where nobody may not run it."""
    return lambda user: [sys.executable] if user == "me" else _python_of_nobody()


def _python_of_nobody() -> list[str]:
    if os.getuid() != 0:
        pytest.skip("this process is unprivileged itself: the other rows have tested it")
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    answer = subprocess.run([*drop, sys.executable, str(HERE / "driver.py"), "--hello"], capture_output=True, text=True)
    if answer.stdout.strip() != "hello":
        pytest.skip(f"user {NOBODY} cannot run {sys.executable} here")
    return [*drop, sys.executable]


@dataclass
class World:
    """Things outside that an attack must not reach, and a way to see whether it did."""

    directory: Path
    victim: "subprocess.Popen[bytes]"
    tcp: int
    udp: int
    abstract: str
    secret: str = SECRET
    hits: list[str] = field(default_factory=list)

    def names(self) -> dict[str, object]:
        return {
            "DIRECTORY": self.directory,
            "VICTIM": self.victim.pid,
            "TCP": self.tcp,
            "UDP": self.udp,
            "ABSTRACT": self.abstract,
        }

    def damage(self) -> list[str]:
        """What has changed."""
        found = list(self.hits)
        names = sorted(path.name for path in self.directory.iterdir())
        file = self.directory / "file"
        if names != ["file", "socket"]:
            found.append(f"the directory holds {names}")
        elif file.read_text() != SECRET or file.stat().st_mode & 0o777 != 0o666 or file.stat().st_mtime < 1e9:
            found.append("the file was changed")
        if self.directory.stat().st_mode & 0o777 != 0o777:
            found.append("the directory's mode was changed")
        if self.victim.poll() is not None:
            found.append("the victim died")
        elif _standing(self.victim.pid) != _standing(0):
            found.append("the victim's priority was changed")
        return found + [f"left {path}" for path in Path("/dev/shm").glob("sandbox-attack*")]


def _standing(pid: int) -> object:
    """What others may do to a process without killing it."""
    limits = Path(f"/proc/{pid or 'self'}/limits").read_text()
    return os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid), os.sched_getscheduler(pid), limits


@pytest.fixture
def world(tmp_path_factory):
    directory = tmp_path_factory.mktemp("outside")
    for path in (directory, *directory.parents):
        if path.owner() == directory.owner() and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o755)
    directory.chmod(0o777)
    (directory / "file").write_text(SECRET)
    (directory / "file").chmod(0o666)
    victim = subprocess.Popen(["sleep", "300"], user=NOBODY if os.getuid() == 0 else None)
    abstract = f"sandbox-test-{os.getpid()}"
    sockets = {
        "tcp": _listening(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        "udp": _listening(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        "unix": _listening(socket.AF_UNIX, socket.SOCK_STREAM, str(directory / "socket")),
        "abstract": _listening(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{abstract}"),
        "abstract datagram": _listening(socket.AF_UNIX, socket.SOCK_DGRAM, f"\0{abstract}"),
    }
    (directory / "socket").chmod(0o777)
    world = World(directory, victim, sockets["tcp"].getsockname()[1], sockets["udp"].getsockname()[1], abstract)
    threads = [threading.Thread(target=_serve, args=(name, one, world.hits)) for name, one in sockets.items()]
    for thread in threads:
        thread.start()
    yield world
    for one in sockets.values():
        one.settimeout(0)
        one.close()
    for thread in threads:
        thread.join()
    victim.kill()
    victim.wait()


def _listening(family, kind, address):
    one = socket.socket(family, kind)
    one.bind(address)
    if kind == socket.SOCK_STREAM:
        one.listen()
    one.settimeout(0.1)
    return one


def _serve(name, one, hits):
    while one.fileno() >= 0:
        try:
            if one.type == socket.SOCK_STREAM:
                one.accept()[0].close()
            else:
                one.recv(9)
        except TimeoutError:
            continue
        except OSError:
            return
        hits.append(f"something reached the {name} socket")
