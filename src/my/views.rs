//! How a site, its keys and its pushes look on a page: the same for its owner and for the hub team.

use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::keys::{self, AccessKey, KeyKind, KeyState};
use crate::push::{self, REFUSALS};
use crate::sites::{PushOff, Site, SiteState};
use crate::web::{Badge, Chart, When};

/// The head of each page of a site.
pub struct SiteHead {
    pub id: String,
    pub name: String,
    pub url: String,
    pub state: Badge,
    pub push: Badge,
}

impl SiteHead {
    pub fn new(site: &Site, max_users: u64) -> Self {
        Self {
            id: site.id.to_string(),
            name: site.name.clone(),
            url: site.url.clone(),
            state: state_badge(site),
            push: push_badge(site, max_users),
        }
    }
}

pub fn state_badge(site: &Site) -> Badge {
    match site.state {
        SiteState::Registered => Badge::new("idle", "Mail not confirmed"),
        SiteState::Unverified | SiteState::Claimed if site.held_since.is_some() => Badge::new("warn", "Held"),
        SiteState::Unverified => Badge::new("warn", "Not verified"),
        SiteState::Claimed => Badge::new("warn", "On trial"),
        SiteState::Active => Badge::new("ok", "Active"),
        SiteState::Suspended => Badge::new("bad", "Suspended"),
        SiteState::Unregistered => Badge::new("idle", "Unregistered"),
    }
}

pub fn push_badge(site: &Site, max_users: u64) -> Badge {
    match site.push_off(max_users) {
        None if site.is_over(max_users) => Badge::new("warn", "Push goes off soon: too many users"),
        None => Badge::new("ok", "Push on"),
        Some(PushOff::OverUserLimit) => Badge::new("bad", "Push off: too many users"),
        Some(PushOff::Suspended) => Badge::new("bad", "Push off: suspended"),
        Some(PushOff::Staff) => Badge::new("bad", "Push off: by the hub's team"),
        Some(PushOff::OptedOut) => Badge::new("idle", "Push off: not wanted"),
        Some(PushOff::Unverified) => Badge::new("idle", "Push off until verified"),
    }
}

/// Why push is off, in a sentence that says what to do.
pub fn push_reason(site: &Site, max_users: u64) -> Option<String> {
    let limit = crate::web::filters::with_commas(&max_users.to_string());
    let users = crate::web::filters::with_commas(&site.users.to_string());
    let off = site.push_off(max_users);
    if let (None, Some(until)) = (off, site.grace_until) {
        return Some(format!(
            "Push goes off {}: the public push server is limited to sites with fewer than {limit} users, and this one has {users}. \
             If you need more, write to the hub's team before that.",
            until.readable()
        ));
    }
    Some(match off? {
        PushOff::OverUserLimit => format!(
            "Push is off: the public push server is limited to sites with fewer than {limit} users, and this one has {users}. \
             {} If you need more, write to the hub's team.",
            if site.called_at.is_some() {
                "The number is what its Moodle tells."
            } else {
                "If the number is wrong, correct it under Settings."
            }
        ),
        PushOff::Suspended => match &site.state_reason {
            Some(reason) => format!("The hub's team has suspended this site: {reason}"),
            None => "The hub's team has suspended this site.".to_owned(),
        },
        PushOff::Staff => "The hub's team has switched push off for this site.".to_owned(),
        PushOff::OptedOut => "Push is off because your settings say so. Switch it on under Settings.".to_owned(),
        PushOff::Unverified if site.held_since.is_some() => "Push stays off while this registration is held.".to_owned(),
        PushOff::Unverified => "Push goes on as soon as it is proved that this site is yours.".to_owned(),
    })
}

/// What to do next.
pub struct Next {
    pub title: String,
    pub text: String,
    pub href: Option<String>,
    pub label: Option<String>,
}

impl Next {
    fn to(title: &str, text: impl Into<String>, href: String, label: &str) -> Self {
        Self { title: title.to_owned(), text: text.into(), href: Some(href), label: Some(label.to_owned()) }
    }

    fn only(title: &str, text: impl Into<String>) -> Self {
        Self { title: title.to_owned(), text: text.into(), href: None, label: None }
    }

    /// The next step of a site, from where it is.
    pub fn of(site: &Site, max_users: u64, keys: usize, pushes: u64) -> Self {
        let at = |part: &str| format!("/my/sites/{}{part}", site.id);
        match (site.state, site.push_off(max_users)) {
            (SiteState::Registered, _) => Self::only("Confirm your e-mail address", "Follow the link in the mail that we have sent you."),
            (SiteState::Unverified | SiteState::Claimed, _) if site.refused_at.is_some() => Self::only(
                "This registration was turned away",
                "Whoever registered the site before, or the hub's team, does not know it. If that is wrong, write to the hub's team.",
            ),
            (SiteState::Claimed, _) if site.held_since.is_some() && site.held_beside.is_some() => Self::only(
                "Has the site moved, or is this a copy?",
                "Its Moodle is registered at another address already. The contact of that registration was mailed, and says which it is; the hub's team can, too.",
            ),
            (SiteState::Unverified | SiteState::Claimed, _) if site.held_since.is_some() => Self::only(
                "The hub's team looks at this",
                "Another registration of the same address stands against yours. Its contact was told, and the hub's team decides between the two; you will hear from them by mail.",
            ),
            (SiteState::Claimed, _) if site.called_at.is_none() && keys == 0 => Self::to(
                "Your Moodle's server has not called the hub yet",
                "Your browser has registered the site, but the site's own server was never heard of. By itself Moodle calls no private address and \
                 no port but 80 and 443: look at Site administration › General › Security › HTTP security, at the lists of blocked hosts and allowed \
                 ports. Then press Update registration in Moodle. The site can also be verified in another way.",
                at("/verify"),
                "Verify in another way",
            ),
            (SiteState::Claimed, _) => Self::to(
                "Prove that this site is yours",
                "The site is on trial: it may push a little. It becomes active by itself when its own server calls from the address that its name \
                 leads to. If it calls from elsewhere, put a line of HTML, a file or a DNS record in place: one of them is enough.",
                at("/verify"),
                "Verify the site",
            ),
            (SiteState::Unverified, _) => Self::to(
                "Prove that this site is yours",
                "Put a line of HTML, a file or a DNS record in place: one of them is enough, and it takes a minute.",
                at("/verify"),
                "Verify the site",
            ),
            (SiteState::Suspended, _) => Self::to(
                "This site is suspended",
                "None of its pushes goes through. Read why, and answer the hub's team.",
                at("/appeal"),
                "Read why and answer",
            ),
            (SiteState::Unregistered, _) => Self::only("This site has left the hub", "Register it again to use push."),
            (SiteState::Active, Some(PushOff::Staff)) => Self::to(
                "Push is switched off",
                "The hub's team has switched it off. Read why, and answer them.",
                at("/appeal"),
                "Read why and answer",
            ),
            (SiteState::Active, Some(PushOff::OverUserLimit)) => Self::to(
                "Push is off: too many users",
                "If the number of users is wrong, correct it under Settings. If it is right, write to the hub's team: they may raise the limit for your site.",
                at("/settings"),
                "Open settings",
            ),
            (SiteState::Active, Some(_)) => Self::to(
                "Switch push on",
                "Your settings say that push is not wanted. Tick the box there.",
                at("/settings"),
                "Open settings",
            ),
            (SiteState::Active, None) if keys == 0 && site.called_at.is_some() => Self::to(
                "Let your Moodle get its access key",
                "Set the push server in Moodle and press Request access key there. We show you which value goes where.",
                at("/keys"),
                "See the values",
            ),
            (SiteState::Active, None) if keys == 0 => Self::to(
                "Get your access key",
                "Moodle needs it to send pushes. We show you which value goes where.",
                at("/keys"),
                "Issue an access key",
            ),
            (SiteState::Active, None) if pushes == 0 => Self::to(
                "Send a first push",
                "Put the key into Moodle and send a test from there, or try it with the commands shown with the key. It will be listed under Deliveries.",
                at("/deliveries"),
                "Watch deliveries",
            ),
            (SiteState::Active, None) => {
                Self::to("All is well", "Pushes arrive. Under Deliveries you see what became of each.", at("/deliveries"), "See deliveries")
            }
        }
    }
}

/// A push on a list.
pub struct Recent {
    pub at: When,
    pub outcome: Badge,
    pub code: String,
    pub explain: String,
    pub device: String,
    pub bytes: u64,
}

/// The latest pushes and the chart of the last day.
pub fn pushes(conn: &mut Conn, site: SiteId, now: Timestamp, most: i64) -> Result<(Vec<Recent>, Chart, u64), Fault> {
    let recent = push::recent(conn, site, None, most)?.into_iter().map(|push| {
        let refusal = REFUSALS.iter().find(|row| row.code == push.code);
        Recent {
            at: push.at.into(),
            outcome: if refusal.is_none() { Badge::new("ok", "Delivered") } else { Badge::new("bad", "Refused") },
            explain: refusal.map_or("The gateway has it.".to_owned(), |row| format!("{} {}", row.meaning, row.remedy)),
            code: push.code,
            device: if push.hint.is_empty() { "–".to_owned() } else { push.hint },
            bytes: u64::try_from(push.body_bytes).unwrap_or(0),
        }
    });
    let recent = recent.collect();
    let hours = push::by_hour(conn, site, now)?;
    let delivered = hours.iter().map(|(_, tallied)| tallied.delivered).sum();
    let rows = hours.into_iter().map(|(hour, tallied)| (hour.hour_label(), tallied.delivered, tallied.refused));
    Ok((recent, Chart::stacked("Pushes in the last 24 hours (UTC)", rows), delivered))
}

/// A key on a list.
pub struct KeyRow {
    pub id: String,
    pub kind: String,
    pub prefix: String,
    pub state: Badge,
    pub created: When,
    pub last_used: Option<When>,
    /// How often and from where, in words.
    pub usage: String,
    pub revocable: bool,
    /// It works, and has no successor yet.
    pub rotatable: bool,
}

impl KeyRow {
    pub fn new(key: &AccessKey, hub: &Hub) -> Self {
        let now = hub.clock.now();
        let state = key.state(now);
        let used = hub.hall.table.last_used(key.id).into_iter().chain(key.last_used_at).max();
        Self {
            id: key.id.to_string(),
            kind: kind_words(key.kind).to_owned(),
            prefix: format!("{}…", key.prefix),
            state: match state {
                KeyState::Working => Badge::new("ok", "Working"),
                KeyState::Ending(end) => Badge::new("warn", format!("Works until {}", end.readable())),
                KeyState::Expired => Badge::new("idle", "Ended"),
                KeyState::Revoked => Badge::new("idle", "Revoked"),
            },
            created: key.created_at.into(),
            last_used: used.map(When::from),
            usage: usage(key),
            rotatable: state == KeyState::Working,
            revocable: matches!(state, KeyState::Working | KeyState::Ending(_)),
        }
    }
}

/// How often a key was used and from where it was last, as far as that is written.
fn usage(key: &AccessKey) -> String {
    let times = match key.use_count {
        0 => return String::new(),
        1 => "once".to_owned(),
        n => format!("{} times", crate::web::filters::with_commas(&n.to_string())),
    };
    match &key.last_network {
        Some(network) => format!("{times}, last from {network}"),
        None => times,
    }
}

/// What a kind of key is for, in a few words.
pub fn kind_words(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Site => "Site",
        KeyKind::Devices => "Devices",
        KeyKind::Device => "One device",
    }
}

/// The keys of a site, as rows.
pub fn key_rows(keys: &[AccessKey], hub: &Hub) -> Vec<KeyRow> {
    keys.iter().map(|key| KeyRow::new(key, hub)).collect()
}

/// How many of a site's keys work.
pub fn working(keys: &[AccessKey], now: Timestamp) -> usize {
    keys.iter().filter(|key| matches!(key.state(now), KeyState::Working | KeyState::Ending(_))).count()
}

/// A site's keys, the newest hundred.
pub fn keys_of(conn: &mut Conn, site: SiteId) -> Result<Vec<AccessKey>, Fault> {
    keys::of_site(conn, site, 100)
}
