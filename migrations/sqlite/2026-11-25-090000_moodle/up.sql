-- Sites that register by Moodle's own protocol. They have a contact before they have an account.
ALTER TABLE sites ADD COLUMN contact_name TEXT;
ALTER TABLE sites ADD COLUMN contact_email TEXT;
ALTER TABLE sites ADD COLUMN contact_told_at TEXT;
-- The registered site whose secret a held one shares at another address; none: it has the address of another one.
ALTER TABLE sites ADD COLUMN held_beside BLOB;
ALTER TABLE sites ADD COLUMN refused_at TEXT;
ALTER TABLE sites ADD COLUMN pairing_until TEXT;
ALTER TABLE sites ADD COLUMN called_at TEXT;
CREATE INDEX sites_held_beside ON sites (held_beside) WHERE held_beside IS NOT NULL;
CREATE INDEX sites_held ON sites (id) WHERE held_since IS NOT NULL;

-- A Moodle's registrations. What it is known by is kept as keyed hashes: md5 of its secret, md5 of the secret's beginning
-- (wire/moodle-client.md 3.1), and the token that the hub gave it. A token that was never used waits beside the one in use.
CREATE TABLE registrations (
    id BLOB PRIMARY KEY,
    site_id BLOB NOT NULL REFERENCES sites (id),
    secret_hash BLOB NOT NULL,
    identifier_hash BLOB NOT NULL,
    signing_sealed BLOB,
    token_hash BLOB UNIQUE,
    hub_url TEXT NOT NULL,
    created_at TEXT NOT NULL,
    called_at TEXT
) STRICT;
CREATE INDEX registrations_site ON registrations (site_id, id);
CREATE INDEX registrations_secret ON registrations (secret_hash);
CREATE INDEX registrations_identifier ON registrations (identifier_hash);

-- What a Moodle told of itself, the last of each day. figures and unknown are JSON.
CREATE TABLE site_reports (
    site_id BLOB NOT NULL REFERENCES sites (id),
    day TEXT NOT NULL,
    at TEXT NOT NULL,
    signed INTEGER NOT NULL,
    figures TEXT NOT NULL,
    unknown TEXT NOT NULL,
    PRIMARY KEY (site_id, day)
) STRICT;
CREATE INDEX site_reports_day ON site_reports (day);

-- Use of plugins and of AI, the last of each month: large, and of interest over months.
CREATE TABLE plugin_reports (
    site_id BLOB NOT NULL REFERENCES sites (id),
    month TEXT NOT NULL,
    at TEXT NOT NULL,
    plugins TEXT,
    ai TEXT,
    PRIMARY KEY (site_id, month)
) STRICT;
CREATE INDEX plugin_reports_month ON plugin_reports (month);

-- Whether a Moodle asked for the key by itself: the next one that it asks for takes this one's place.
ALTER TABLE access_keys ADD COLUMN requested INTEGER NOT NULL DEFAULT 0;
