//! Who did what, to which site or account, and why: append-only, each entry's hash covering the one before it.
//! There is no way here to change or delete one. What may have to be erased for somebody's privacy (reason, address, what
//! was before and after) is chained by a salted hash alone, so that the chain holds without it. How the log ends is kept
//! with a hash that only the hub's own secret makes: whoever can write to the database can't shorten it unnoticed.

mod chain;
mod list;
mod store;
mod verify;

use std::net::IpAddr;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::db::types::text_enum;
use crate::db::{Fault, Tx};
use crate::ids::{AccountId, AuditId, SiteId};
pub use list::{Differing, Filter};
pub use store::{Entry, Seal, about_site, erase_about, erase_addresses, last_seq, list, list_upwards, of_account};
pub use verify::{Verified, ends_well, verify};

/// Who acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person who is logged in, and from where.
    Account(AccountId, Option<IpAddr>),
    /// Whoever runs the command line.
    Operator,
    /// The hub by itself.
    Hub,
}

impl Actor {
    /// The person's account, if it is one.
    pub fn account(self) -> Option<AccountId> {
        match self {
            Self::Account(id, _) => Some(id),
            Self::Operator | Self::Hub => None,
        }
    }
}

text_enum! {
    /// The stored word for an [`Actor`].
    pub enum ActorKind {
        Account => "account",
        Operator => "operator",
        Hub => "hub",
    }
}

text_enum! {
    /// What was done. New ones are added at the end; none is ever renamed, since the words are in the log.
    pub enum Event {
        AccountCreated => "account_created",
        AccountConfirmed => "account_confirmed",
        PasswordSet => "password_set",
        StaffAdded => "staff_added",
        SiteRegistered => "site_registered",
        SiteProved => "site_proved",
        SiteHeld => "site_held",
        SiteApproved => "site_approved",
        SiteChanged => "site_changed",
        SiteSuspended => "site_suspended",
        SiteLifted => "site_lifted",
        SiteUnregistered => "site_unregistered",
        PushOff => "push_off",
        PushEnding => "push_ending",
        PushOn => "push_on",
        KeyIssued => "key_issued",
        KeyRotated => "key_rotated",
        KeyRevoked => "key_revoked",
        BindingSet => "binding_set",
        BroadcastStarted => "broadcast_started",
        BroadcastCancelled => "broadcast_cancelled",
        SiteClaimed => "site_claimed",
        SiteJoined => "site_joined",
        SiteMoved => "site_moved",
        SiteSeparated => "site_separated",
        SiteRefused => "site_refused",
        SiteAdopted => "site_adopted",
        PairingOpened => "pairing_opened",
        LoggedIn => "logged_in",
        FactorAdded => "factor_added",
        FactorRemoved => "factor_removed",
        RoleSet => "role_set",
        AccountDisabled => "account_disabled",
        AccountEnabled => "account_enabled",
        AccountExported => "account_exported",
        AccountErased => "account_erased",
        SessionEnded => "session_ended",
        TermsSet => "terms_set",
        BrakeSet => "brake_set",
        BrakeEnded => "brake_ended",
        SettingChanged => "setting_changed",
        CaseOpened => "case_opened",
        CaseAssigned => "case_assigned",
        CaseNoted => "case_noted",
        CaseWarned => "case_warned",
        CaseAppealed => "case_appealed",
        CaseAnswered => "case_answered",
        CaseClosed => "case_closed",
        NoticeSent => "notice_sent",
        AuditExported => "audit_exported",
        SitesExported => "sites_exported",
        ContentErased => "content_erased",
        MailboxCleared => "mailbox_cleared",
    }
}

/// Why somebody did something: at most 2,000 characters, not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The longest reason, in characters.
    pub const LONGEST: usize = 2_000;

    /// # Errors
    /// What the person who wrote it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("Say why. It is kept with the decision, and the site's contact is told.".into()),
            n if n > Self::LONGEST => Err(format!("At most {} characters, please; this has {n}.", Self::LONGEST)),
            _ if text.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t')) => {
                Err("This has characters that can't be shown.".into())
            }
            _ => Ok(Self(text.replace("\r\n", "\n"))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct About {
    pub site: Option<SiteId>,
    pub account: Option<AccountId>,
}

impl From<SiteId> for About {
    fn from(site: SiteId) -> Self {
        Self { site: Some(site), account: None }
    }
}

impl From<AccountId> for About {
    fn from(account: AccountId) -> Self {
        Self { site: None, account: Some(account) }
    }
}

/// How something was before it was changed and how it is now, as JSON that people read: only what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    before: Option<String>,
    after: Option<String>,
}

impl Change {
    /// What differs between two structures, member by member; two that don't differ give an empty change.
    pub fn between(before: &impl Serialize, after: &impl Serialize) -> Self {
        let (before, after) = (as_map(before), as_map(after));
        let differing = |one: &Map<String, Value>, other: &Map<String, Value>| {
            let kept = one.iter().filter(|(name, value)| other.get(*name) != Some(value));
            kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>()
        };
        let text = |map: Map<String, Value>| (!map.is_empty()).then(|| Value::Object(map).to_string());
        Self { before: text(differing(&before, &after)), after: text(differing(&after, &before)) }
    }

    /// Of one thing.
    pub fn of(name: &str, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        let one = |value: Value| Map::from_iter([(name.to_owned(), value)]);
        Self::between(&one(before.into()), &one(after.into()))
    }

    pub fn is_empty(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }
}

fn as_map(thing: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(thing) {
        Ok(Value::Object(map)) => map,
        Ok(other) => Map::from_iter([("value".to_owned(), other)]),
        Err(_) => Map::new(),
    }
}

/// Adds an entry, in the transaction of what it tells of.
///
/// # Errors
/// When it can't be written; then what it tells of must not happen either.
pub fn note(tx: &mut Tx, now: Timestamp, by: Actor, event: Event, about: impl Into<About>, reason: Option<&str>) -> Result<(), Fault> {
    note_change(tx, now, by, event, about, reason, Change::default())
}

/// Adds an entry that tells how something was and how it is now.
///
/// # Errors
/// When it can't be written; then what it tells of must not happen either.
pub fn note_change(
    tx: &mut Tx,
    now: Timestamp,
    by: Actor,
    event: Event,
    about: impl Into<About>,
    reason: Option<&str>,
    change: Change,
) -> Result<(), Fault> {
    let about = about.into();
    let (actor_kind, actor_id, address) = match by {
        Actor::Account(id, address) => (ActorKind::Account, Some(id), address.map(|address| address.to_canonical().to_string())),
        Actor::Operator => (ActorKind::Operator, None, None),
        Actor::Hub => (ActorKind::Hub, None, None),
    };
    let entry = chain::NewEntry {
        id: AuditId::new(now),
        at: now,
        actor_kind,
        actor_id,
        event,
        site_id: about.site,
        account_id: about.account,
        content: chain::Content { reason: reason.map(str::to_owned), address, before: change.before, after: change.after },
    };
    tx.alone()?;
    store::append(tx, &entry)
}

/// The name under which an entry says how old addresses had to be to be erased.
const ADDRESSES_BEFORE: &str = "addresses_before";

/// Erases the addresses of entries made before a moment, `most` at once, and notes that they were. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn forget_addresses(tx: &mut Tx, now: Timestamp, by: Actor, before: Timestamp, most: i64) -> Result<usize, Fault> {
    tx.alone()?;
    let erased = erase_addresses(tx, before, most)?;
    if erased > 0 {
        let change = Change::of(ADDRESSES_BEFORE, Value::Null, before.sortable());
        note_change(tx, now, by, Event::ContentErased, About::default(), None, change)?;
    }
    Ok(erased)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tells_only_what_differs() {
        let (before, after) = (serde_json::json!({"a": 1, "b": 2, "c": 3}), serde_json::json!({"a": 1, "b": 5, "d": 4}));
        let change = Change::between(&before, &after);
        assert_eq!(change.before.as_deref(), Some(r#"{"b":2,"c":3}"#));
        assert_eq!(change.after.as_deref(), Some(r#"{"b":5,"d":4}"#));
        assert!(Change::between(&before, &before).is_empty());
    }

    #[test]
    fn a_reason_is_trimmed_and_neither_empty_nor_endless() {
        assert_eq!(Reason::parse("  spam\r\nagain ").as_ref().map(Reason::as_str), Ok("spam\nagain"));
        assert!(Reason::parse(" \n").is_err() && Reason::parse("a\0b").is_err());
        assert!(Reason::parse(&"x".repeat(2_000)).is_ok());
        assert!(Reason::parse(&"x".repeat(2_001)).is_err());
    }
}
