-- People who log in. An address is compared in lower case.
CREATE TABLE accounts (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    password_hash TEXT,
    role TEXT CHECK (role IN ('admin', 'reviewer', 'analyst')),
    confirmed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    token_hash BYTEA NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- One-time links in letters. A password chosen at sign-up takes effect with the link, never before: whoever reads the mail decides.
CREATE TABLE links (
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CHECK (purpose IN ('confirm', 'reset', 'welcome')),
    site_id UUID,
    password_hash TEXT,
    token_hash BYTEA NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ
);
CREATE INDEX links_account ON links (account_id);
CREATE INDEX links_expiry ON links (expires_at);

-- url_key is the URL without its scheme: http://x and https://x are one site.
CREATE TABLE sites (
    id UUID PRIMARY KEY,
    account_id UUID REFERENCES accounts (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    url_key TEXT NOT NULL,
    description TEXT NOT NULL,
    country TEXT NOT NULL,
    language TEXT NOT NULL,
    users BIGINT NOT NULL CHECK (users >= 0),
    privacy TEXT NOT NULL CHECK (privacy IN ('notdisplayed', 'named', 'linked')),
    email_alerts BOOLEAN NOT NULL,
    push_wanted BOOLEAN NOT NULL,
    push_stopped BOOLEAN NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('registered', 'unverified', 'claimed', 'active', 'suspended', 'unregistered')),
    state_reason TEXT,
    state_before TEXT CHECK (state_before IN ('unverified', 'claimed', 'active')),
    over_limit_since TIMESTAMPTZ,
    held_since TIMESTAMPTZ,
    proof TEXT CHECK (proof IN ('meta', 'file', 'dns', 'call', 'staff')),
    proved_at TIMESTAMPTZ,
    proof_token TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX sites_active_url ON sites (url_key) WHERE state = 'active';
CREATE INDEX sites_url ON sites (url_key);
CREATE INDEX sites_account ON sites (account_id, id);
CREATE INDEX sites_state ON sites (state, id);

CREATE TABLE access_keys (
    id UUID PRIMARY KEY,
    site_id UUID NOT NULL REFERENCES sites (id),
    kind TEXT NOT NULL CHECK (kind IN ('site', 'devices', 'device')),
    permissions BIGINT NOT NULL,
    prefix TEXT NOT NULL,
    key_hash BYTEA NOT NULL UNIQUE,
    device_id UUID,
    successor_id UUID REFERENCES access_keys (id),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ
);
CREATE INDEX access_keys_site ON access_keys (site_id, id);

-- Tokens are kept as a keyed hash, to find them, and sealed, to broadcast to them.
CREATE TABLE devices (
    id UUID PRIMARY KEY,
    site_id UUID NOT NULL REFERENCES sites (id),
    token_hash BYTEA NOT NULL,
    token_sealed BYTEA NOT NULL,
    hint TEXT NOT NULL,
    platform TEXT NOT NULL,
    app TEXT NOT NULL,
    channel TEXT NOT NULL,
    language TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ,
    unregistered_at TIMESTAMPTZ,
    UNIQUE (site_id, token_hash)
);
CREATE INDEX devices_site ON devices (site_id, id);

-- The outbox. A letter's secret (the token of its link) stands apart from its text and is erased once it is sent.
CREATE TABLE letters (
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL,
    account_id UUID REFERENCES accounts (id) ON DELETE SET NULL,
    site_id UUID REFERENCES sites (id) ON DELETE SET NULL,
    to_address TEXT NOT NULL,
    to_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    text_body TEXT NOT NULL,
    html_body TEXT NOT NULL,
    secret TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    tries BIGINT NOT NULL,
    lease UUID,
    leased_until TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    failed_at TIMESTAMPTZ,
    error TEXT
);
CREATE INDEX letters_due ON letters (due_at) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX letters_site ON letters (site_id, id);

-- Who did what. Each entry's hash covers the one before it.
CREATE TABLE audit (
    seq BIGSERIAL PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    at TIMESTAMPTZ NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('account', 'operator', 'hub')),
    actor_id UUID,
    event TEXT NOT NULL,
    site_id UUID,
    account_id UUID,
    reason TEXT,
    hash BYTEA NOT NULL UNIQUE
);
CREATE INDEX audit_site ON audit (site_id, seq);

-- What became of pushes, by hour.
CREATE TABLE usage_hourly (
    site_id UUID NOT NULL REFERENCES sites (id),
    hour TIMESTAMPTZ NOT NULL,
    code TEXT NOT NULL,
    pushes BIGINT NOT NULL,
    PRIMARY KEY (site_id, hour, code)
);
CREATE INDEX usage_hourly_hour ON usage_hourly (hour);

-- The last few pushes of each site: sizes and reasons, never contents.
CREATE TABLE recent_pushes (
    id UUID PRIMARY KEY,
    site_id UUID NOT NULL REFERENCES sites (id),
    at TIMESTAMPTZ NOT NULL,
    app TEXT NOT NULL,
    hint TEXT NOT NULL,
    body_bytes BIGINT NOT NULL,
    code TEXT NOT NULL
);
CREATE INDEX recent_pushes_site ON recent_pushes (site_id, id);

-- What the nodes keep in memory and must look at again.
CREATE TABLE changes (
    seq BIGSERIAL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('site', 'key', 'device')),
    entity UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX changes_at ON changes (at);

-- One row: which master secret this database was made with, and the secret itself where the local profile made it.
CREATE TABLE hub_secret (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    fingerprint BYTEA NOT NULL,
    secret TEXT
);
