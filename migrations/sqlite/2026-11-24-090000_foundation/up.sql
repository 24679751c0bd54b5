-- People who log in. An address is compared in lower case.
CREATE TABLE accounts (
    id BLOB PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    password_hash TEXT,
    role TEXT CHECK (role IN ('admin', 'reviewer', 'analyst')),
    confirmed_at TEXT,
    created_at TEXT NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- One-time links in letters. A password chosen at sign-up takes effect with the link, never before: whoever reads the mail decides.
CREATE TABLE links (
    id BLOB PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CHECK (purpose IN ('confirm', 'reset', 'welcome')),
    site_id BLOB,
    password_hash TEXT,
    token_hash BLOB NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT
) STRICT;
CREATE INDEX links_account ON links (account_id);
CREATE INDEX links_expiry ON links (expires_at);

-- url_key is the URL without its scheme: http://x and https://x are one site.
CREATE TABLE sites (
    id BLOB PRIMARY KEY,
    account_id BLOB REFERENCES accounts (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    url_key TEXT NOT NULL,
    description TEXT NOT NULL,
    country TEXT NOT NULL,
    language TEXT NOT NULL,
    users INTEGER NOT NULL CHECK (users >= 0),
    privacy TEXT NOT NULL CHECK (privacy IN ('notdisplayed', 'named', 'linked')),
    email_alerts INTEGER NOT NULL,
    push_wanted INTEGER NOT NULL,
    push_stopped INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('registered', 'unverified', 'claimed', 'active', 'suspended', 'unregistered')),
    state_reason TEXT,
    state_before TEXT CHECK (state_before IN ('unverified', 'claimed', 'active')),
    over_limit_since TEXT,
    held_since TEXT,
    proof TEXT CHECK (proof IN ('meta', 'file', 'dns', 'call', 'staff')),
    proved_at TEXT,
    proof_token TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    revision INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX sites_active_url ON sites (url_key) WHERE state = 'active';
CREATE INDEX sites_url ON sites (url_key);
CREATE INDEX sites_account ON sites (account_id, id);
CREATE INDEX sites_state ON sites (state, id);

CREATE TABLE access_keys (
    id BLOB PRIMARY KEY,
    site_id BLOB NOT NULL REFERENCES sites (id),
    kind TEXT NOT NULL CHECK (kind IN ('site', 'devices', 'device')),
    permissions INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    key_hash BLOB NOT NULL UNIQUE,
    device_id BLOB,
    successor_id BLOB REFERENCES access_keys (id),
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT,
    last_used_at TEXT
) STRICT;
CREATE INDEX access_keys_site ON access_keys (site_id, id);

-- Tokens are kept as a keyed hash, to find them, and sealed, to broadcast to them.
CREATE TABLE devices (
    id BLOB PRIMARY KEY,
    site_id BLOB NOT NULL REFERENCES sites (id),
    token_hash BLOB NOT NULL,
    token_sealed BLOB NOT NULL,
    hint TEXT NOT NULL,
    platform TEXT NOT NULL,
    app TEXT NOT NULL,
    channel TEXT NOT NULL,
    language TEXT,
    created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    confirmed_at TEXT,
    unregistered_at TEXT,
    UNIQUE (site_id, token_hash)
) STRICT;
CREATE INDEX devices_site ON devices (site_id, id);

-- The outbox. A letter's secret (the token of its link) stands apart from its text and is erased once it is sent.
CREATE TABLE letters (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    account_id BLOB REFERENCES accounts (id) ON DELETE SET NULL,
    site_id BLOB REFERENCES sites (id) ON DELETE SET NULL,
    to_address TEXT NOT NULL,
    to_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    text_body TEXT NOT NULL,
    html_body TEXT NOT NULL,
    secret TEXT,
    created_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    tries INTEGER NOT NULL,
    lease BLOB,
    leased_until TEXT NOT NULL,
    sent_at TEXT,
    failed_at TEXT,
    error TEXT
) STRICT;
CREATE INDEX letters_due ON letters (due_at) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX letters_site ON letters (site_id, id);

-- Who did what. Each entry's hash covers the one before it.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    at TEXT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('account', 'operator', 'hub')),
    actor_id BLOB,
    event TEXT NOT NULL,
    site_id BLOB,
    account_id BLOB,
    reason TEXT,
    hash BLOB NOT NULL UNIQUE
) STRICT;
CREATE INDEX audit_site ON audit (site_id, seq);

-- What became of pushes, by hour.
CREATE TABLE usage_hourly (
    site_id BLOB NOT NULL REFERENCES sites (id),
    hour TEXT NOT NULL,
    code TEXT NOT NULL,
    pushes INTEGER NOT NULL,
    PRIMARY KEY (site_id, hour, code)
) STRICT;
CREATE INDEX usage_hourly_hour ON usage_hourly (hour);

-- The last few pushes of each site: sizes and reasons, never contents.
CREATE TABLE recent_pushes (
    id BLOB PRIMARY KEY,
    site_id BLOB NOT NULL REFERENCES sites (id),
    at TEXT NOT NULL,
    app TEXT NOT NULL,
    hint TEXT NOT NULL,
    body_bytes INTEGER NOT NULL,
    code TEXT NOT NULL
) STRICT;
CREATE INDEX recent_pushes_site ON recent_pushes (site_id, id);

-- What the nodes keep in memory and must look at again.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('site', 'key', 'device')),
    entity BLOB NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX changes_at ON changes (at);

-- One row: which master secret this database was made with, and the secret itself where the local profile made it.
CREATE TABLE hub_secret (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    fingerprint BLOB NOT NULL,
    secret TEXT
) STRICT;
