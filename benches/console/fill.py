#!/usr/bin/env python3
"""Fills a hub's SQLite file with many made-up sites, to see how quick the console is with them.

Start the hub once with an empty folder, so that the tables are there, stop it, then: fill.py data/belfry.db [sites]
"""

import sqlite3
import sys

SQL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :sites)
INSERT INTO sites (id, account_id, name, url, url_key, description, country, language, users, privacy, email_alerts, push_wanted,
    push_stopped, state, proof, proved_at, proof_token, created_at, changed_at, revision, contact_name, contact_email, called_at,
    over_limit_since)
SELECT
    -- A UUIDv7 of its own minute, counted from 2024.
    unhex(printf('%012x', 1704067200000 + i * 60000) || printf('7%03x', i % 4096) || '8' || printf('%015x', i)),
    NULL,
    'School ' || substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ', i * 7 % 26 + 1, 1) || ' of ' || (i * 7919 % 1000),
    'https://moodle' || i || '.school.example', 'moodle' || i || '.school.example',
    'A school that was made up to see how quick the console is. It has a description of the usual length.',
    substr('ESFRDEITUSBRMXARPLIN', i % 10 * 2 + 1, 2), CASE i % 3 WHEN 0 THEN 'en' WHEN 1 THEN 'es' ELSE 'fr' END,
    CASE WHEN i % 97 = 0 THEN 20000 + i % 50000 ELSE i * 31 % 3000 END,
    'named', 1, i % 20 != 0, i % 5000 = 0,
    CASE WHEN i % 1500 = 0 THEN 'suspended' WHEN i % 10 = 1 THEN 'claimed' WHEN i % 10 = 2 THEN 'unverified' ELSE 'active' END,
    CASE WHEN i % 10 IN (1, 2) THEN NULL ELSE 'call' END, NULL, 'x',
    strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1704067200 + i * 60, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1704067200 + i * 60, 'unixepoch'), 1,
    'Ada Admin', 'admin' || i || '@school.example',
    CASE WHEN i % 10 = 2 THEN NULL ELSE '2026-01-01T00:00:00.000000Z' END,
    CASE WHEN i % 97 = 0 THEN '2026-01-01T00:00:00.000000Z' END
FROM n;
"""
WORDS = "INSERT INTO site_search SELECT id, lower(name || ' ' || url || ' ' || coalesce(contact_email, '')) FROM sites WHERE id NOT IN (SELECT site_id FROM site_search)"


def main() -> None:
    path, sites = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300_000
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA synchronous = OFF")
        # Older builds of SQLite have no unhex().
        db.create_function("unhex", 1, bytes.fromhex, deterministic=True)
        db.execute(SQL, {"sites": sites})
        db.execute(WORDS)
        print(db.execute("SELECT count(*) FROM sites").fetchone()[0], "sites")


if __name__ == "__main__":
    main()
