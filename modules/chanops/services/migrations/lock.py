"""The lock that whoever writes to PostgreSQL holds, or changes its tables: by a number, as PostgreSQL wants it."""

ALONE = int.from_bytes(b"chanops", "big")
