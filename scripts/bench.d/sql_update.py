"""Replaces the host's `sql_update` example until that is built: one UPDATE, through Python's SQLite."""

import sqlite3
import sys

db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE t SET name = upper(name), bal = bal * 1.1")
db.execute("COMMIT")
