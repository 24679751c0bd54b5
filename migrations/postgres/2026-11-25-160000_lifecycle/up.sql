-- How much a key is used, from where, and of what its owner was told.
ALTER TABLE access_keys ADD COLUMN use_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE access_keys ADD COLUMN last_network TEXT;
ALTER TABLE access_keys ADD COLUMN end_told_at TIMESTAMPTZ;
ALTER TABLE access_keys ADD COLUMN age_told_at TIMESTAMPTZ;
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
UPDATE devices SET seen_at = now();

-- What holds for one site otherwise than for the others.
CREATE TABLE site_terms (
    site_id UUID PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    binding TEXT CHECK (binding IN ('open', 'strict'))
);

-- Periodic work that one node does for all.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    due_at TIMESTAMPTZ NOT NULL,
    lease UUID,
    leased_until TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    well_at TIMESTAMPTZ,
    took_ms BIGINT,
    runs BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    error TEXT
);

-- One message to all devices of a site. What is said in it is sealed, and erased once it is over.
CREATE TABLE broadcasts (
    id UUID PRIMARY KEY,
    site_id UUID NOT NULL REFERENCES sites (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'cancelled', 'failed')),
    app TEXT NOT NULL,
    channel TEXT,
    platform TEXT,
    body_sealed BYTEA,
    total BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    begun BIGINT NOT NULL,
    after_id UUID,
    due_at TIMESTAMPTZ NOT NULL,
    lease UUID,
    leased_until TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    why TEXT
);
CREATE INDEX broadcasts_site ON broadcasts (site_id, id);
CREATE INDEX broadcasts_due ON broadcasts (due_at) WHERE ended_at IS NULL;

-- The answers to requests that carry an Idempotency-Key, sealed, for a day.
CREATE TABLE idempotent_answers (
    site_id UUID NOT NULL REFERENCES sites (id),
    key_hash BYTEA NOT NULL,
    request_hash BYTEA NOT NULL,
    status BIGINT,
    answer_sealed BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (site_id, key_hash)
);
CREATE INDEX idempotent_answers_age ON idempotent_answers (created_at);
