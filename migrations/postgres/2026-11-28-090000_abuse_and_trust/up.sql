-- Second factors. The TOTP secret is sealed; the last step that was used is kept, so that no code is good twice (RFC 6238 5.2).
ALTER TABLE accounts ADD COLUMN totp_sealed BYTEA;
ALTER TABLE accounts ADD COLUMN totp_step BIGINT;
ALTER TABLE accounts ADD COLUMN disabled_at TIMESTAMPTZ;
-- When whoever has the session last showed again that it is them.
ALTER TABLE sessions ADD COLUMN proved_at TIMESTAMPTZ;

CREATE TABLE recovery_codes (
    code_hash BYTEA PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ
);
CREATE INDEX recovery_codes_account ON recovery_codes (account_id);

CREATE TABLE passkeys (
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    credential_id BYTEA NOT NULL UNIQUE,
    name TEXT NOT NULL,
    credential TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ
);
CREATE INDEX passkeys_account ON passkeys (account_id, id);

-- What was asked of an authenticator and is not answered yet: each is good for one answer.
CREATE TABLE ceremonies (
    id UUID PRIMARY KEY,
    account_id UUID REFERENCES accounts (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('enrol', 'login', 'prove')),
    state_sealed BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX ceremonies_expiry ON ceremonies (expires_at);

-- From where somebody has logged in before, as a keyed hash: a login from elsewhere is mailed.
CREATE TABLE login_places (
    account_id UUID NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    place_hash BYTEA NOT NULL,
    first_at TIMESTAMPTZ NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, place_hash)
);

-- Letters: in which language; what one may opt out of; which mailboxes refuse them.
ALTER TABLE letters ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
ALTER TABLE letters ADD COLUMN topic TEXT;
CREATE INDEX letters_account ON letters (account_id, id);
CREATE TABLE mail_optouts (
    email_key TEXT NOT NULL,
    topic TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (email_key, topic)
);
CREATE TABLE refusing_mailboxes (
    email_key TEXT PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    letter_id UUID,
    why TEXT NOT NULL
);
CREATE INDEX refusing_mailboxes_at ON refusing_mailboxes (at);

-- The audit log, second version: what may have to be erased is chained by its hash alone.
ALTER TABLE audit ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN address TEXT;
ALTER TABLE audit ADD COLUMN before TEXT;
ALTER TABLE audit ADD COLUMN after TEXT;
ALTER TABLE audit ADD COLUMN salt BYTEA;
ALTER TABLE audit ADD COLUMN content_hash BYTEA;
ALTER TABLE audit ADD COLUMN erased_at TIMESTAMPTZ;
CREATE INDEX audit_account ON audit (account_id, seq);
CREATE INDEX audit_actor ON audit (actor_id, seq);
CREATE INDEX audit_event ON audit (event, seq);
CREATE INDEX audit_at ON audit (at);
-- One row: how long the log is and how it ends, with a hash that only the hub's secret can make.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    entries BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    mac BYTEA NOT NULL
);

-- What holds for one site otherwise than for the others; without a value: as for all.
ALTER TABLE site_terms ADD COLUMN max_site_users BIGINT;
ALTER TABLE site_terms ADD COLUMN push_per_second BIGINT;
ALTER TABLE site_terms ADD COLUMN push_burst BIGINT;
ALTER TABLE site_terms ADD COLUMN push_per_day BIGINT;
ALTER TABLE site_terms ADD COLUMN enrol_per_second BIGINT;
ALTER TABLE site_terms ADD COLUMN enrol_burst BIGINT;
-- A site that is slowed down for a while.
CREATE TABLE brakes (
    site_id UUID PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    push_per_second BIGINT NOT NULL,
    push_per_day BIGINT NOT NULL,
    enrol_per_second BIGINT NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    case_id UUID,
    automatic BOOLEAN NOT NULL,
    set_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX brakes_until ON brakes (until);

-- Settings that the team has changed while the hub runs.
CREATE TABLE live_settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    account_id UUID
);

-- What is out of the ordinary, in steps of ten minutes, for a few days.
CREATE TABLE activity (
    slot TIMESTAMPTZ NOT NULL,
    sign TEXT NOT NULL,
    site_id UUID NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    amount BIGINT NOT NULL,
    PRIMARY KEY (slot, sign, site_id)
);
CREATE INDEX activity_site ON activity (site_id, slot);
CREATE INDEX usage_hourly_code ON usage_hourly (code, hour);

-- From which networks a site's own keys are used.
CREATE TABLE key_networks (
    key_id UUID NOT NULL REFERENCES access_keys (id) ON DELETE CASCADE,
    network TEXT NOT NULL,
    site_id UUID NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (key_id, network)
);
CREATE INDEX key_networks_seen ON key_networks (seen_at);

-- How far the watch has read.
CREATE TABLE watch_marks (
    name TEXT PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL
);

-- One matter about one site, from the first signal to its closing. A site has one open case at most.
CREATE TABLE cases (
    id UUID PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    site_id UUID NOT NULL REFERENCES sites (id),
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    outcome TEXT CHECK (outcome IN ('settled', 'false_alarm')),
    opened_by TEXT NOT NULL,
    assigned_to UUID REFERENCES accounts (id) ON DELETE SET NULL,
    round BIGINT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    signal_at TIMESTAMPTZ,
    seen_at TIMESTAMPTZ,
    appealed_at TIMESTAMPTZ,
    answered_at TIMESTAMPTZ,
    closed_at TIMESTAMPTZ,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX cases_open ON cases (site_id) WHERE state = 'open';
CREATE INDEX cases_site ON cases (site_id, id);
CREATE INDEX cases_state ON cases (state, id);
CREATE INDEX cases_assigned ON cases (assigned_to, id) WHERE assigned_to IS NOT NULL;

-- Repeated signals of one kind are one row.
CREATE TABLE case_signals (
    case_id UUID NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    signal TEXT NOT NULL,
    first_at TIMESTAMPTZ NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    times BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    peak BIGINT NOT NULL,
    threshold BIGINT NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (case_id, signal)
);

-- What happened in a case, in order.
CREATE TABLE case_entries (
    id UUID PRIMARY KEY,
    case_id UUID NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    at TIMESTAMPTZ NOT NULL,
    kind TEXT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('account', 'operator', 'hub')),
    actor_id UUID,
    words TEXT NOT NULL,
    letter_id UUID
);
CREATE INDEX case_entries_case ON case_entries (case_id, id);

-- Each step of a case is told by mail once.
CREATE TABLE case_steps (
    case_id UUID NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    step TEXT NOT NULL,
    round BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (case_id, step, round)
);

-- What the public tells.
CREATE TABLE abuse_reports (
    id UUID PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    site_id UUID REFERENCES sites (id),
    case_id UUID REFERENCES cases (id),
    about TEXT NOT NULL,
    words TEXT NOT NULL,
    reporter_email TEXT,
    network TEXT NOT NULL,
    done_at TIMESTAMPTZ
);
CREATE INDEX abuse_reports_site ON abuse_reports (site_id, id);
CREATE INDEX abuse_reports_case ON abuse_reports (case_id, id);
CREATE INDEX abuse_reports_open ON abuse_reports (id) WHERE done_at IS NULL AND case_id IS NULL;

-- The console: what is searched, in one narrow table; lists that are kept.
CREATE TABLE site_search (
    site_id UUID PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    words TEXT NOT NULL
);
INSERT INTO site_search (site_id, words) SELECT id, lower(name || ' ' || url || ' ' || coalesce(contact_email, '')) FROM sites;
CREATE TABLE saved_views (
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX saved_views_account ON saved_views (account_id, id);
CREATE INDEX sites_name ON sites (name, id);
CREATE INDEX sites_users ON sites (users, id);
CREATE INDEX sites_over ON sites (id) WHERE over_limit_since IS NOT NULL;
CREATE INDEX accounts_role ON accounts (role, id) WHERE role IS NOT NULL;
-- By how a prefix begins, whatever the collation of the database.
CREATE INDEX access_keys_prefix ON access_keys (prefix text_pattern_ops);
CREATE INDEX devices_token ON devices (token_hash);

-- What became of the pushes of all sites, by hour: a sum over the sites would read millions of rows.
CREATE TABLE hub_hourly (
    hour TIMESTAMPTZ NOT NULL,
    code TEXT NOT NULL,
    pushes BIGINT NOT NULL,
    PRIMARY KEY (hour, code)
);
INSERT INTO hub_hourly (hour, code, pushes) SELECT hour, code, sum(pushes) FROM usage_hourly GROUP BY hour, code;
CREATE INDEX letters_failed ON letters (id) WHERE failed_at IS NOT NULL;
CREATE INDEX letters_waiting ON letters (id) WHERE sent_at IS NULL AND failed_at IS NULL;

-- A device is found by the end of its token among all sites, and among those of one.
DROP INDEX devices_hint;
CREATE INDEX devices_hint ON devices (hint, site_id, id);

-- Privacy: when a letter's words and address were erased; whose account is being erased, step by step.
ALTER TABLE letters ADD COLUMN erased_at TIMESTAMPTZ;
CREATE INDEX letters_kept ON letters (id) WHERE erased_at IS NULL;
CREATE TABLE erasures (
    account_id UUID PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    asked_at TIMESTAMPTZ NOT NULL
);
