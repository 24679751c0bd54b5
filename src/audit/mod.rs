//! Who did what, to which site or account, and why: append-only, each entry's hash covering the one before it.
//! There is no way here to change or delete one.

mod store;

use crate::clock::Timestamp;
use crate::db::types::text_enum;
use crate::db::{Fault, Tx};
use crate::ids::{AccountId, AuditId, SiteId};
pub use store::{Entry, Verified, about_site, verify};

/// Who acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person who is logged in.
    Account(AccountId),
    /// Whoever runs the command line.
    Operator,
    /// The hub by itself.
    Hub,
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

/// Adds an entry, in the transaction of what it tells of.
///
/// # Errors
/// When it can't be written; then what it tells of must not happen either.
pub fn note(tx: &mut Tx, now: Timestamp, by: Actor, event: Event, about: impl Into<About>, reason: Option<&str>) -> Result<(), Fault> {
    let about = about.into();
    let (actor_kind, actor_id) = match by {
        Actor::Account(id) => (ActorKind::Account, Some(id)),
        Actor::Operator => (ActorKind::Operator, None),
        Actor::Hub => (ActorKind::Hub, None),
    };
    let entry = store::NewEntry {
        id: AuditId::new(now),
        at: now,
        actor_kind,
        actor_id,
        event,
        site_id: about.site,
        account_id: about.account,
        reason: reason.map(str::to_owned),
    };
    tx.alone()?;
    store::append(tx.conn(), &entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_trimmed_and_neither_empty_nor_endless() {
        assert_eq!(Reason::parse("  spam\r\nagain ").as_ref().map(Reason::as_str), Ok("spam\nagain"));
        assert!(Reason::parse(" \n").is_err() && Reason::parse("a\0b").is_err());
        assert!(Reason::parse(&"x".repeat(2_000)).is_ok());
        assert!(Reason::parse(&"x".repeat(2_001)).is_err());
    }
}
