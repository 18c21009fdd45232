"""Connections, transactions, jobs, migrations. The only package that knows asyncpg; everybody else writes SQL into a `Transaction`."""

from sangdam.db.database import Database, Row, Transaction
from sangdam.db.listen import Listener

__all__ = ["Database", "Listener", "Row", "Transaction"]
