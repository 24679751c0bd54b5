-- How much a key is used, from where, and of what its owner was told.
ALTER TABLE access_keys ADD COLUMN use_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_keys ADD COLUMN last_network TEXT;
ALTER TABLE access_keys ADD COLUMN end_told_at TEXT;
ALTER TABLE access_keys ADD COLUMN age_told_at TEXT;
CREATE INDEX access_keys_device ON access_keys (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX access_keys_age ON access_keys (id) WHERE expires_at IS NULL AND revoked_at IS NULL AND device_id IS NULL AND last_used_at IS NOT NULL;
CREATE INDEX access_keys_expiry ON access_keys (expires_at) WHERE expires_at IS NOT NULL AND revoked_at IS NULL;

-- A name that its site gives a device; and what the purges look for.
ALTER TABLE devices ADD COLUMN name TEXT;
CREATE INDEX devices_hint ON devices (site_id, hint, id);
CREATE INDEX devices_name ON devices (site_id, name, id) WHERE name IS NOT NULL;
CREATE INDEX devices_site_enrolled ON devices (site_id, id) WHERE confirmed_at IS NOT NULL AND unregistered_at IS NULL;
CREATE INDEX devices_unconfirmed ON devices (created_at) WHERE confirmed_at IS NULL;
CREATE INDEX devices_unregistered ON devices (unregistered_at) WHERE unregistered_at IS NOT NULL;
CREATE INDEX devices_site_unregistered ON devices (site_id, id) WHERE unregistered_at IS NOT NULL;
CREATE INDEX devices_site_unconfirmed ON devices (site_id, id) WHERE confirmed_at IS NULL;
CREATE INDEX devices_seen ON devices (seen_at);
-- Pushes did not count as a sign of life before: nobody is stale yet.
UPDATE devices SET seen_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now');

-- What holds for one site otherwise than for the others.
CREATE TABLE site_terms (
    site_id BLOB PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    binding TEXT CHECK (binding IN ('open', 'strict'))
) STRICT;

-- Periodic work that one node does for all.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    due_at TEXT NOT NULL,
    lease BLOB,
    leased_until TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    well_at TEXT,
    took_ms INTEGER,
    runs INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    error TEXT
) STRICT;

-- One message to all devices of a site. What is said in it is sealed, and erased once it is over.
CREATE TABLE broadcasts (
    id BLOB PRIMARY KEY,
    site_id BLOB NOT NULL REFERENCES sites (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'cancelled', 'failed')),
    app TEXT NOT NULL,
    channel TEXT,
    platform TEXT,
    body_sealed BLOB,
    total INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    after_id BLOB,
    due_at TEXT NOT NULL,
    lease BLOB,
    leased_until TEXT NOT NULL,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    why TEXT
) STRICT;
CREATE INDEX broadcasts_site ON broadcasts (site_id, id);
CREATE INDEX broadcasts_due ON broadcasts (due_at) WHERE ended_at IS NULL;

-- The answers to requests that carry an Idempotency-Key, sealed, for a day.
CREATE TABLE idempotent_answers (
    site_id BLOB NOT NULL REFERENCES sites (id),
    key_hash BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    status INTEGER,
    answer_sealed BLOB,
    created_at TEXT NOT NULL,
    PRIMARY KEY (site_id, key_hash)
) STRICT;
CREATE INDEX idempotent_answers_age ON idempotent_answers (created_at);
