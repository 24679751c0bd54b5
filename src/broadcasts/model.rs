use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use diesel::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::db::schema::broadcasts;
use crate::db::types::text_enum;
use crate::devices::{DeviceState, Filter};
use crate::gateways::decode::{self, Alert, BadBody, Body};
use crate::gateways::translate::{CantTranslate, Message, translate};
use crate::ids::{BroadcastId, SiteId};
use crate::push::RefusalKind;

/// How many members an alert may have: each may be a language, and is looked at.
const MOST_LANGUAGES: usize = 200;
/// How many devices are handed over together at most.
const MOST_TOGETHER: u32 = 10;
/// What a broadcast that is behind its pace may make up for.
const SLACK: Duration = Duration::from_secs(1);
/// How long a gateway that is down is left alone.
const REST: Duration = Duration::from_secs(30);
/// How often in a row a gateway may be down until a broadcast is given up.
const MOST_DOWN: u32 = 10;
/// How soon it is tried again when everybody is busy.
const BUSY: Duration = Duration::from_secs(5);
const DAY: Duration = Duration::from_secs(86_400);

/// Why a broadcast waits, where its quota is used up.
const NO_QUOTA: &str = "Waits for tomorrow's quota: the site has used up its pushes for today (UTC).";
/// Why a broadcast waits, where its gateway is down; how often in a row stands behind it, and nowhere else.
const DOWN: &str = "Waits for the gateway, which takes no pushes at the moment. Tries in a row that failed: ";

text_enum! {
    /// How far a broadcast has come.
    pub enum BroadcastState {
        /// Nothing was handed over yet.
        Waiting => "waiting",
        Running => "running",
        Done => "done",
        Cancelled => "cancelled",
        Failed => "failed",
    }
}

/// A broadcast, without what it says.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = broadcasts)]
pub struct Broadcast {
    pub id: BroadcastId,
    pub site_id: SiteId,
    pub state: BroadcastState,
    pub app: String,
    /// None: all of them.
    pub channel: Option<String>,
    /// None: all of them.
    pub platform: Option<String>,
    /// How many devices it was for when it was started.
    pub total: i64,
    /// How many the gateway has taken it for.
    pub sent: i64,
    pub refused: i64,
    /// How many it was handed over for, or is being handed over for.
    pub begun: i64,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Why it waits, or why it failed.
    pub why: Option<String>,
}

impl Broadcast {
    /// Of how many devices it is not known whether they got it: those on their way, and those of a node that died.
    pub fn unknown(&self) -> i64 {
        (self.begun - self.sent - self.refused).max(0)
    }

    /// Whether more may come.
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// The devices that it is for: those that the site vouches for, that are not gone, and that were there when it began.
    pub(super) fn devices(&self) -> Filter {
        Filter {
            state: Some(DeviceState::Enrolled),
            platform: self.platform.clone(),
            app: Some(self.app.clone()),
            channel: self.channel.clone(),
            enrolled_until: Some(self.created_at),
            ..Filter::default()
        }
    }
}

/// What is to be said, and to which of the site's devices.
#[derive(Clone)]
pub struct Draft {
    /// As it came.
    pub(super) body: Vec<u8>,
    pub(super) channel: Option<String>,
    pub(super) platform: Option<String>,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} bytes)", self.body.len())
    }
}

/// Reads the body of a broadcast: AirNotifier's (`wire/airnotifier-server.md` 7), and `extra` beside it. A `device` goes
/// together with the `channel`: both have to fit, where AirNotifier takes whatever fits either.
///
/// # Errors
/// The field that is wrong, and how.
pub fn parse(body: &[u8]) -> Result<Draft, (String, String)> {
    Draft::parse(body).map_err(|bad| (bad.field.to_owned(), bad.words))
}

impl Draft {
    /// As [`parse`].
    ///
    /// # Errors
    /// The field that is wrong, and how.
    pub fn parse(body: &[u8]) -> Result<Self, BadBody> {
        let mailing = decode::decode_mailing(body)?;
        if matches!(mailing.alert, Alert::Absent | Alert::Null) {
            return Err(bad("alert", "alert is required"));
        }
        if let Alert::Map(map) = &mailing.alert {
            texts(&serde_json::from_str(map).map_err(|e| bad("alert", format!("alert can't be read: {e}")))?)?;
        }
        let channel = decode::channel(body)?.map(|channel| channel.into_owned());
        if languages(&mailing.alert).len() > MOST_LANGUAGES {
            return Err(bad("alert", format!("alert has more than {MOST_LANGUAGES} members")));
        }
        each_way(&mailing, usize::MAX, |message| match message {
            Ok(message) if message.data("encrypted") == Some("1") => {
                Err(bad("extra.encrypted", "what is sealed for one device can't be sent to all"))
            }
            Ok(message) if !shows(&message) => Err(bad("alert", "alert has nothing to show: give it text, or a title and a body")),
            Ok(_) => Ok(()),
            Err(CantTranslate::UnknownProcessor(name)) => Err(bad("extra.processor", format!("{name:?} is no known processor"))),
            Err(CantTranslate::BadField { field, words }) => Err(bad(field, words)),
            Err(CantTranslate::TooLarge { bytes, .. }) => Err(bad("body", format!("{bytes} bytes are too many"))),
        })?;
        let platform = Some(mailing.device.to_ascii_lowercase()).filter(|platform| !platform.is_empty());
        Ok(Self { body: body.to_vec(), channel, platform })
    }

    /// Whether it goes out in at most `limit` bytes, in whichever language.
    ///
    /// # Errors
    /// How large it is, in words.
    pub fn fits(&self, limit: usize) -> Result<(), String> {
        let mailing = decode::decode_mailing(&self.body).map_err(|bad| bad.words)?;
        each_way(&mailing, limit, |message| match message {
            Err(CantTranslate::TooLarge { bytes, limit }) => Err(format!("{bytes} bytes would go out, at most {limit} may")),
            _ => Ok(()),
        })
    }
}

fn bad(field: &'static str, words: impl Into<String>) -> BadBody {
    BadBody { field, words: words.into() }
}

/// What is shown is text, of the whole or of one language.
fn texts(alert: &BTreeMap<String, Value>) -> Result<(), BadBody> {
    let is_text = |value: Option<&Value>| value.is_none_or(Value::is_string);
    let whole = is_text(alert.get("title")) && is_text(alert.get("body"));
    let each = alert.values().all(|value| is_text(value.get("title")) && is_text(value.get("body")));
    if whole && each { Ok(()) } else { Err(bad("alert", "title and body have to be texts")) }
}

/// The members of an alert, each of which may be a language.
fn languages(alert: &Alert<'_>) -> Vec<String> {
    let Alert::Map(map) = alert else { return Vec::new() };
    serde_json::from_str::<BTreeMap<String, IgnoredAny>>(map).map(|parts| parts.into_keys().collect()).unwrap_or_default()
}

/// Looks at the message as devices get it: in no language, and in each.
fn each_way<E>(body: &Body<'_>, limit: usize, look: impl Fn(Result<Message<'_>, CantTranslate>) -> Result<(), E>) -> Result<(), E> {
    let body = body.to("", "fcm");
    look(translate(&body, limit, None))?;
    languages(&body.alert).iter().try_for_each(|language| look(translate(&body, limit, Some(language))))
}

/// What a message shows, as it goes out.
#[derive(Deserialize)]
struct Shown {
    alert: Value,
}

fn shows(message: &Message<'_>) -> bool {
    let Ok(Shown { alert }) = serde_json::from_slice(&message.airnotifier_json("")) else { return false };
    let has = |part: &str| alert[part].as_str().is_some_and(|text| !text.trim().is_empty());
    has("title") || has("body")
}

/// How many devices are handed over together.
pub(super) fn together(pace: NonZeroU32) -> u32 {
    (pace.get() / 4).clamp(1, MOST_TOGETHER)
}

/// When the next devices are due, once `devices` that were due at `due_at` are begun.
pub(super) fn due_after(due_at: Timestamp, now: Timestamp, devices: usize, pace: NonZeroU32) -> Timestamp {
    let each = Duration::from_secs(1) / pace.get();
    due_at.max(now - SLACK) + each * u32::try_from(devices).unwrap_or(MOST_TOGETHER)
}

/// What became of devices that were handed over together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub sent: usize,
    pub refused: usize,
    /// The last ones, for which no quota was left, or nobody free: nothing of them has gone anywhere, so that it goes on with them.
    pub unreached: usize,
    /// It was the quota.
    pub over_quota: bool,
    /// The gateway took nothing at all.
    pub down: bool,
}

/// How a broadcast goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Goes,
    Waits { until: Timestamp, why: String },
    Fails { why: String },
}

impl Outcome {
    /// Of each device in its order: what it was refused by, if it was.
    pub fn of(refusals: &[Option<RefusalKind>]) -> Self {
        // Of neither anything has left.
        let not_begun = |kind: &&Option<RefusalKind>| matches!(kind, Some(RefusalKind::OverQuota | RefusalKind::Busy));
        let unreached = refusals.iter().rev().take_while(not_begun).count();
        let over_quota = refusals.iter().rev().take(unreached).any(|kind| *kind == Some(RefusalKind::OverQuota));
        let reached = refusals.get(..refusals.len() - unreached).unwrap_or_default();
        let sent = reached.iter().filter(|kind| kind.is_none()).count();
        let gone = |kind: &Option<RefusalKind>| matches!(kind, Some(RefusalKind::GatewayDown | RefusalKind::GatewaySlow));
        let down = sent == 0 && reached.iter().any(gone);
        Self { sent, refused: reached.len() - sent, unreached, over_quota, down }
    }

    /// `before`: why it had to wait before this. `now`: when the devices were begun.
    pub fn next(&self, before: Option<&str>, now: Timestamp) -> Next {
        if self.unreached > 0 && !self.over_quota {
            return Next::Waits { until: now + BUSY, why: "The gateway, or the hub, is busy with other pushes.".to_owned() };
        }
        if self.unreached > 0 {
            return Next::Waits { until: now.day() + DAY, why: NO_QUOTA.to_owned() };
        }
        if !self.down {
            return Next::Goes;
        }
        let times = before.and_then(|why| why.strip_prefix(DOWN)?.parse().ok()).unwrap_or(0_u32).saturating_add(1);
        if times >= MOST_DOWN {
            return Next::Fails { why: format!("The gateway took no pushes, {times} times in a row.") };
        }
        Next::Waits { until: now + REST, why: format!("{DOWN}{times}") }
    }
}

#[cfg(test)]
mod tests;
