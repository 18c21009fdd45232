"""What must be true of a database before the product trusts it with several organisations. Findings are sentences, none is good.

Asked of the running database and not of the migration files: what matters is what is there.
"""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from sangdam.db.database import Database, Transaction
from sangdam.db.migrate import Migration, migrations

_ENCRYPTED = ("require", "verify-ca", "verify-full")
_POLICIES = ("org_isolation", "owner_all")


def tls_findings(name: str, dsn: str) -> tuple[str, ...]:
    """A network connection must be encrypted; a Unix socket needs no encryption. `name` is the variable to speak of."""
    url = urlsplit(dsn)
    query = parse_qs(url.query)
    host = query.get("host", [url.hostname or ""])[-1]
    if host == "" or host.startswith(("/", "%2F", "%2f")):
        return ()
    mode = query.get("sslmode", ["prefer"])[-1]
    return () if mode in _ENCRYPTED else (f"{name} needs sslmode=require or stricter",)


async def database_findings(database: Database, files: Sequence[Migration] | None = None) -> tuple[str, ...]:
    """Everything wrong with role, schema version and row security, as the role the database is opened with."""
    async with database.system() as tx:
        return (
            *await role_findings(tx),
            *await version_findings(tx, migrations() if files is None else files),
            *await row_security_findings(tx),
        )


async def role_findings(tx: Transaction) -> tuple[str, ...]:
    """The application's role may not be able to step around row security, by itself or by a role it can become."""
    rows = await tx.fetch(
        """
        select r.rolname as name, r.rolsuper as super, r.rolbypassrls as bypass, r.rolname = current_user as itself
        from pg_roles r where pg_has_role(current_user, r.oid, 'member')
        """
    )
    findings: list[str] = []
    for row in rows:
        who = (
            f"the role {row['name']}" if row["itself"] else f"the role {row['name']}, which the application can become,"
        )
        if row["super"]:
            findings.append(f"{who} is a superuser")
        elif row["bypass"]:
            findings.append(f"{who} has BYPASSRLS")
    owned = await tx.fetch(
        f"select name from ({_TENANT_TABLES}) t where pg_has_role(current_user, t.owner, 'member') order by 1"  # noqa: S608
    )
    findings += [f"the application's role owns the table {row['name']}" for row in owned]
    return tuple(findings)


async def version_findings(tx: Transaction, files: Sequence[Migration]) -> tuple[str, ...]:
    if await tx.fetchval("select to_regclass('public.schema_version') is null"):
        return ("the database has no schema: run sangdam migrate",)
    known = {
        row["version"]: row["checksum"] for row in await tx.fetch("select version, checksum from public.schema_version")
    }
    wanted = {one.version: one for one in files}
    findings = [
        f"migration {one.version}_{one.name} is missing: run sangdam migrate"
        for one in files
        if one.version not in known
    ]
    findings += [
        f"the database has version {version}, which this build does not know"
        for version in sorted(known.keys() - wanted.keys())
    ]
    findings += [
        f"migration {version}_{wanted[version].name} is not the one of this build"
        for version in sorted(known.keys() & wanted.keys())
        if known[version] != wanted[version].checksum
    ]
    return tuple(findings)


async def row_security_findings(tx: Transaction) -> tuple[str, ...]:
    """`migrate --check`: every table with an `org_id`, and the organisations themselves."""
    rows = await tx.fetch(
        f"""
        select t.name, t.enabled, t.forced, coalesce(array_agg(p.polname::text) filter (where
            p.polpermissive and p.polcmd = '*' and p.polqual is not null and p.polwithcheck is not null), '{{}}') as policies
        from ({_TENANT_TABLES}) t left join pg_policy p on p.polrelid = t.oid
        group by t.name, t.enabled, t.forced order by t.name
        """  # noqa: S608
    )
    findings: list[str] = []
    for row in rows:
        if not row["enabled"]:
            findings.append(f"the table {row['name']} has no row security")
        elif not row["forced"]:
            findings.append(f"the table {row['name']} does not force row security")
        findings += [
            f"the table {row['name']} lacks the policy {policy}"
            for policy in _POLICIES
            if policy not in row["policies"]
        ]
    return tuple(findings)


_TENANT_TABLES = """
    select c.oid, c.relname::text as name, c.relowner as owner, c.relrowsecurity as enabled, c.relforcerowsecurity as forced
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and (c.relname = 'a_iam_organizations' or exists (
        select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped))
"""
