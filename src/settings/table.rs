//! Every setting: its name, what it is when nobody says otherwise, and what it means. `config check`,
//! `docs/configuration.md` and the reading of settings go by this table.

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.name`; `*` stands for a name that the operator chooses.
    pub name: &'static str,
    /// As it would be typed; empty: none.
    pub default: &'static str,
    /// Never shown.
    pub secret: bool,
    /// The team may change it while the hub runs.
    pub live: bool,
    pub meaning: &'static str,
}

impl Key {
    /// The part of its name before the first dot.
    pub fn section(&self) -> &'static str {
        self.name.split('.').next().unwrap_or_default()
    }
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, default, secret: false, live: false, meaning }
}

/// One that the team may change while the hub runs (`settings::Live`).
const fn live(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { live: true, ..key(name, default, meaning) }
}

const fn secret(name: &'static str, meaning: &'static str) -> Key {
    Key { secret: true, ..key(name, "", meaning) }
}

/// All of them, by section.
pub const KEYS: &[Key] = &[
    key("server.bind", "127.0.0.1:8080", "Address and port to listen on."),
    key(
        "server.public_url",
        "http://127.0.0.1:8080",
        "Base of every link. An https URL selects the public profile: a secret key is required, private networks are refused.",
    ),
    key("server.workers", "", "Threads that answer requests; as many as there are cores when not set."),
    key(
        "server.trusted_proxies",
        "",
        "Networks of the proxies whose X-Forwarded-For is believed, with commas between: 10.0.0.0/8, 127.0.0.1/32.",
    ),
    secret(
        "server.secret_key",
        "The master secret, 32 characters or more, the same on all nodes. Required in the public profile; the local profile makes one and keeps it in the database.",
    ),
    key("database.url", "sqlite://data/belfry.db", "sqlite://FILE, or postgres://… as libpq reads it."),
    secret(
        "redis.url",
        "Redis or Valkey, redis://… or rediss://…, the same for all nodes: what one changes the others know at once. Without it they know within a second.",
    ),
    secret(
        "mail.smtp_url",
        "smtp://, smtps:// or smtp://…?tls=required, with user:password@ if needed. Without it letters stay in the outbox.",
    ),
    key("mail.from", "hub@localhost", "The sender's address."),
    key("hub.name", "Belfry", "Shown on pages and in mails, and returned to Moodle."),
    key("hub.contact_email", "", "Shown on pages: whom to write to."),
    live("limits.max_site_users", "20000", "The user limit N: only sites with fewer registered users may push."),
    live("limits.push_per_second", "50", "Pushes a second a site, on average."),
    live("limits.push_burst", "200", "Pushes a site at once."),
    live("limits.push_per_day", "500000", "Pushes a site in a UTC day."),
    live("limits.push_per_device_per_minute", "30", "Pushes a minute to one device."),
    live("limits.enrol_per_second", "20", "Enrolments a second a site, on average."),
    live("limits.enrol_burst", "500", "Enrolments a site at once."),
    key("limits.accesskeys_per_site_per_hour", "10", "Access keys that a Moodle may ask for in an hour, for one site."),
    key("limits.accesskeys_per_address_per_hour", "30", "Access-key requests in an hour from one address."),
    key("limits.registrations_per_hour", "5", "Registrations an hour an address."),
    key("limits.logins_per_hour", "20", "Logins an hour an address, and to an account."),
    key("limits.resets_per_hour", "5", "Password resets an hour an address."),
    key("limits.api_per_minute", "600", "Calls a minute of the native API, for one site."),
    key("limits.broadcasts_per_hour", "10", "Broadcasts an hour that a site may start."),
    key("limits.broadcast_per_second", "20", "Devices a second that a broadcast reaches."),
    live("limits.trial_devices", "50", "Devices of a claimed site on trial."),
    live("limits.trial_per_second", "2", "Pushes a second of a claimed site on trial."),
    live("limits.trial_per_day", "2000", "Pushes a day of a claimed site on trial."),
    key("limits.body_bytes", "65536", "The largest body that the keyed API takes in."),
    key("limits.payload_bytes", "4096", "The most that goes out to a gateway for one push."),
    key("limits.spool_per_site", "100000", "Pushes of a site that wait for a gateway. Known, not used by this version."),
    key("limits.spool_ttl", "24h", "How long a push waits for a gateway. Known, not used by this version."),
    live("registration.claimed_push", "trial", "What a claimed site may push: trial, off or full."),
    key(
        "registration.sitecheck_from",
        "",
        "Networks that may ask /local/sitecheck/check.php whether a site is registered, with commas between: those of your AirNotifier. Without any, everybody may, 60 times a minute.",
    ),
    live(
        "registration.over_limit_grace",
        "7d",
        "How long a site that has grown beyond the user limit goes on pushing. Its contact is mailed at the beginning and at the end.",
    ),
    key(
        "keys.rotation_overlap",
        "7d",
        "How long a key goes on working beside its successor, unless the rotation says otherwise; 0: it ends at once.",
    ),
    live("keys.remind_after", "365d", "After how long the owner of a key that is in use is reminded to rotate it; 0: never."),
    key("devices.binding", "open", "open: a push to a token never seen enrols it, as stock Moodle needs; strict: it is refused."),
    key("devices.confirm_within", "1m", "How soon a site must confirm a device that enrolled itself; others are deleted, once an hour."),
    live(
        "devices.stale_after",
        "180d",
        "After how long unseen a device is deleted: no push arrived, and it was not enrolled again. 0: never.",
    ),
    key(
        "apps.*.gateway",
        "sandbox",
        "The gateway of an app, by its X-AN-APP-NAME: sandbox or airnotifier. Served when nobody says otherwise: commoodlemoodlemobile.",
    ),
    key("gateways.airnotifier.url", "", "The backend AirNotifier; several, with commas between."),
    secret("gateways.airnotifier.access_key", "The hub's master key at the backend AirNotifier."),
    key("gateways.airnotifier.max_in_flight", "10", "Requests at once to each backend process."),
    key("gateways.fcm.service_account", "", "Known, not used by this version."),
    key("gateways.fcm.endpoint", "", "Known, not used by this version."),
    key("gateways.apns.key_file", "", "Known, not used by this version."),
    key("gateways.apns.key_id", "", "Known, not used by this version."),
    key("gateways.apns.team_id", "", "Known, not used by this version."),
    key("gateways.apns.topic", "", "Known, not used by this version."),
    key("gateways.apns.endpoint", "", "Known, not used by this version."),
    key(
        "verification.allow_private_networks",
        "",
        "Whether proofs of ownership may be fetched from private addresses: true in the local profile unless set, refused in the public one.",
    ),
    live(
        "abuse.rate_limited",
        "3000",
        "Pushes refused for the site's limits in an hour that open a case, or as many as the site has users if that is more. Of this and every other signal, 0: never.",
    ),
    live("abuse.unregistered_share", "40", "Percentage of an hour's pushes that went to tokens known to be gone that opens a case."),
    live("abuse.unregistered_least", "500", "How many of an hour's pushes must have gone to such tokens before their share is looked at."),
    live(
        "abuse.flood",
        "300",
        "Pushes refused in an hour because one device got too many that open a case, or half as many as the site has users if that is more.",
    ),
    live("abuse.enrolments", "5000", "New devices in an hour that open a case, or half as many as the site has users if that is more."),
    live(
        "abuse.enrolments_by_push",
        "500",
        "Devices enrolled in an hour by pushes to tokens never seen that open a case, or one and a half times the site's users if that is more.",
    ),
    live("abuse.key_networks", "12", "Networks (/24 of IPv4, /48 of IPv6) in a day from which one key of a site is used that open a case."),
    live(
        "abuse.shared_token_sites",
        "20",
        "Sites at which one device token is enrolled that open a case about the one that enrolled it last.",
    ),
    live(
        "abuse.oversize",
        "300",
        "Pushes refused in an hour because they were too large that open a case, or one and a half times the site's users if that is more.",
    ),
    live("abuse.devices_per_user", "5", "Devices for each of a site's users, with 200 on top, beyond which a case is opened."),
    live("abuse.reports", "1", "Reports by the public about one site that open a case."),
    live(
        "abuse.auto_limit",
        "",
        "The signals on which the hub slows a site down by itself until the team has looked, with commas between: rate_limited, unregistered, flood, enrolments, enrolments_by_push, key_networks, shared_token, oversize, beyond_users, reported. Without any, it never does.",
    ),
    live("abuse.auto_limit_for", "6h", "For how long the hub slows a site down by itself."),
    live(
        "abuse.quiet_after_false_alarm",
        "30d",
        "For how long the same signals of a site open no other case once its case was closed as a false alarm.",
    ),
    live(
        "abuse.brake_per_second",
        "1",
        "Pushes a second, and enrolments a second, of a site that is slowed down, unless the team says otherwise.",
    ),
    live("abuse.brake_per_day", "1000", "Pushes a day of a site that is slowed down, unless the team says otherwise."),
    key("privacy.letters_for", "90d", "How long the words and the address of a letter are kept after it was sent or given up."),
    key("privacy.contacts_for", "90d", "How long the contact is kept that the Moodle of a site has named which has left the hub."),
    key("privacy.pushes_for", "30d", "How long a push stays on the list of a site's latest pushes. There are fifty at most."),
    key("privacy.audit_addresses_for", "365d", "How long the audit log keeps from which address something was done."),
    key(
        "privacy.reports_for",
        "365d",
        "How long a report about abuse is kept after its case was closed, or after it was settled without one.",
    ),
    key("privacy.cases_for", "730d", "How long the words in a case are kept after it was closed: appeals, answers and notes."),
    key("log.level", "info", "What is logged: error, warn, info, debug, or a filter such as belfry=debug,warn."),
    key("log.format", "text", "text or json."),
];

/// The row of a setting that somebody typed.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| matches(key.name, name))
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|chosen| !chosen.is_empty() && !chosen.contains('.')),
    }
}

/// The setting that somebody probably meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    let close = KEYS.iter().map(|key| (distance(key.name, name), key.name)).min()?;
    (close.0 <= 3).then_some(close.1)
}

/// How many letters apart two names are (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let other = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = other.min(row[j] + 1).min(corner + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The table as `docs/configuration.md` has it.
pub fn markdown() -> String {
    let mut text = String::from("| setting | default | meaning |\n| --- | --- | --- |\n");
    for key in KEYS {
        let default = if key.default.is_empty() { "–".to_owned() } else { format!("`{}`", key.default) };
        text += &format!("| `{}` | {default} | {} |\n", key.name.replace('*', "<name>"), key.meaning);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_this_table() {
        let page = include_str!("../../docs/configuration.md");
        assert!(page.contains(&markdown()), "docs/configuration.md should contain:\n{}", markdown());
    }

    #[test]
    fn names_are_found_and_slips_are_guessed() {
        assert!(find("server.bind").is_some() && find("apps.mine.gateway").is_some());
        assert!(find("apps..gateway").is_none() && find("apps.a.b.gateway").is_none() && find("server").is_none());
        assert_eq!(nearest("server.bindd"), Some("server.bind"));
        assert_eq!(nearest("something.else.entirely"), None);
    }
}
