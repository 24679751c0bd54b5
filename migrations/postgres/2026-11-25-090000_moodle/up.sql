-- Sites that register by Moodle's own protocol. They have a contact before they have an account.
ALTER TABLE sites ADD COLUMN contact_name TEXT;
ALTER TABLE sites ADD COLUMN contact_email TEXT;
ALTER TABLE sites ADD COLUMN contact_told_at TIMESTAMPTZ;
-- The registered site whose secret a held one shares at another address; none: it has the address of another one.
ALTER TABLE sites ADD COLUMN held_beside UUID;
ALTER TABLE sites ADD COLUMN refused_at TIMESTAMPTZ;
ALTER TABLE sites ADD COLUMN pairing_until TIMESTAMPTZ;
ALTER TABLE sites ADD COLUMN called_at TIMESTAMPTZ;
CREATE INDEX sites_held_beside ON sites (held_beside) WHERE held_beside IS NOT NULL;
CREATE INDEX sites_held ON sites (id) WHERE held_since IS NOT NULL;

-- A Moodle's registrations. What it is known by is kept as keyed hashes: md5 of its secret, md5 of the secret's beginning
-- (wire/moodle-client.md 3.1), and the token that the hub gave it. A token that was never used waits beside the one in use.
CREATE TABLE registrations (
    id UUID PRIMARY KEY,
    site_id UUID NOT NULL REFERENCES sites (id),
    secret_hash BYTEA NOT NULL,
    identifier_hash BYTEA NOT NULL,
    signing_sealed BYTEA,
    token_hash BYTEA UNIQUE,
    hub_url TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    called_at TIMESTAMPTZ
);
CREATE INDEX registrations_site ON registrations (site_id, id);
CREATE INDEX registrations_secret ON registrations (secret_hash);
CREATE INDEX registrations_identifier ON registrations (identifier_hash);

-- What a Moodle told of itself, the last of each day. figures and unknown are JSON.
CREATE TABLE site_reports (
    site_id UUID NOT NULL REFERENCES sites (id),
    day TIMESTAMPTZ NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    signed BOOLEAN NOT NULL,
    figures TEXT NOT NULL,
    unknown TEXT NOT NULL,
    PRIMARY KEY (site_id, day)
);
CREATE INDEX site_reports_day ON site_reports (day);

-- Use of plugins and of AI, the last of each month: large, and of interest over months.
CREATE TABLE plugin_reports (
    site_id UUID NOT NULL REFERENCES sites (id),
    month TIMESTAMPTZ NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    plugins TEXT,
    ai TEXT,
    PRIMARY KEY (site_id, month)
);
CREATE INDEX plugin_reports_month ON plugin_reports (month);

-- Whether a Moodle asked for the key by itself: the next one that it asks for takes this one's place.
ALTER TABLE access_keys ADD COLUMN requested BOOLEAN NOT NULL DEFAULT FALSE;
