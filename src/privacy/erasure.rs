//! Somebody leaves, and takes along what tells of them. An account that is being erased is marked first; then it goes
//! step by step, each step a short transaction that can be the last one before a crash: the next begins where it stopped.

use super::store;
use crate::abuse;
use crate::accounts::{self, Account};
use crate::audit::{self, Actor, Event, Reason};
use crate::broadcasts;
use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::devices::{self, Due};
use crate::error::Error;
use crate::idempotency;
use crate::ids::{AccountId, SiteId};
use crate::keys;
use crate::mail::{self, AccountErased, Desk, Erase, Recipient};
use crate::push;
use crate::registrations;
use crate::settings::live;
use crate::sites::{self, Site, SiteError, SiteState};

pub use super::store::{is_asked, under_way};

/// How many rows one step erases at most: pushes and logins wait behind it.
const AT_ONCE: i64 = 500;
/// How many sites of others one step looks through for whoever leaves.
const SITES_AT_ONCE: i64 = 50;

/// Why an account is not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Nobody takes what they did for the team away with them unseen, and an admin always remains.
    #[error("a member of the hub's team")]
    Member,
    #[error("no such account")]
    Unknown,
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<EraseError> for Error {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Member => Self::Conflict("You belong to the hub's team. Another admin takes you off it first.".into()),
            EraseError::Unknown => Self::NotFound,
            EraseError::Site(error) => error.into(),
            EraseError::Fault(fault) => fault.into(),
        }
    }
}

/// Begins to erase an account: from here on nobody can log in to it, and there is no way back. The rest is for [`go_on`].
///
/// # Errors
/// [`EraseError::Member`].
pub fn ask(tx: &mut Tx, now: Timestamp, by: Actor, account: AccountId) -> Result<(), EraseError> {
    tx.alone()?;
    if accounts::find(tx.conn(), account)?.ok_or(EraseError::Unknown)?.role.is_some() {
        return Err(EraseError::Member);
    }
    store::ask(tx.conn(), account, now)?;
    audit::note(tx, now, by, Event::AccountDisabled, account, Some("its owner wants it erased"))?;
    Ok(accounts::close(tx.conn(), account, now)?)
}

/// Erases the next part of an account that is being erased. `true`: nothing of it is left.
///
/// # Errors
/// When it can't be written; then nothing of this step was done.
pub fn go_on(tx: &mut Tx, desk: &Desk, now: Timestamp, account: AccountId) -> Result<bool, EraseError> {
    tx.alone()?;
    if !is_asked(tx.conn(), account)? {
        return Ok(true);
    }
    // All of them stop before any is cleared away.
    if let Some(site) = sites::of_account(tx.conn(), account)?.first() {
        leave(tx, desk, now, account, site)?;
        return Ok(false);
    }
    if let Some(site) = sites::all_of_account(tx.conn(), account, None, 1)?.first() {
        clear(tx, now, account, site)?;
        return Ok(false);
    }
    if mail::erase(tx.conn(), now, Erase::ToAccount(account), AT_ONCE)? > 0 {
        return Ok(false);
    }
    let known = accounts::find(tx.conn(), account)?.ok_or(EraseError::Unknown)?;
    for mailbox in spellings(&known) {
        if forget_mailbox(tx, now, &mailbox)? {
            return Ok(false);
        }
    }
    end(tx, desk, now, &known)?;
    Ok(true)
}

/// A mail address in small letters, and as it is spelled.
fn spellings(known: &Account) -> [String; 2] {
    [known.email.to_lowercase(), known.email.clone()]
}

/// Erases the next part of what tells of a mailbox apart from its account: sites of others that name it, and letters that
/// went to it without one. `false`: there is nothing.
fn forget_mailbox(tx: &mut Tx, now: Timestamp, mailbox: &str) -> Result<bool, EraseError> {
    let conn = tx.conn();
    let naming = sites::naming(conn, mailbox, SITES_AT_ONCE)?;
    for site in &naming {
        sites::forget_contact(conn, *site)?;
    }
    let alerts = registrations::erase_alerts_to(conn, mailbox, AT_ONCE)?;
    let letters = mail::erase(conn, now, Erase::ToMailbox(mailbox), AT_ONCE)?;
    Ok(!naming.is_empty() || alerts > 0 || letters > 0)
}

/// The site leaves the hub, as when its owner unregisters it: its keys stop.
fn leave(tx: &mut Tx, desk: &Desk, now: Timestamp, account: AccountId, site: &Site) -> Result<(), EraseError> {
    sites::leave(tx, desk, now, Actor::Account(account, None), site, None)?;
    registrations::forget_all(tx, site.id)?;
    Ok(keys::revoke_all(tx, now, site.id)?)
}

/// Erases the next part of what a site that has left tells of people, and in the end whose it was.
fn clear(tx: &mut Tx, now: Timestamp, account: AccountId, site: &Site) -> Result<(), EraseError> {
    debug_assert_eq!(site.state, SiteState::Unregistered);
    if devices::purge(tx, now, Due::OfSite(site.id), AT_ONCE)? > 0 {
        return Ok(());
    }
    if mail::erase(tx.conn(), now, Erase::AboutSite(site.id), AT_ONCE)? > 0 {
        return Ok(());
    }
    let conn = tx.conn();
    broadcasts::cancel_all(conn, site.id, now)?;
    push::forget_recent(conn, site.id)?;
    keys::erase_networks(conn, site.id)?;
    idempotency::forget_all(conn, site.id)?;
    registrations::erase_persons(conn, site.id)?;
    abuse::erase_appeals(conn, site.id, account)?;
    Ok(sites::forget_owner(conn, site.id)?)
}

/// The last step: the account itself, and what the audit log tells by and about it beyond who did what and when.
fn end(tx: &mut Tx, desk: &Desk, now: Timestamp, known: &Account) -> Result<(), EraseError> {
    let account = known.id;
    for mailbox in spellings(known) {
        abuse::erase_reporter(tx.conn(), &mailbox)?;
    }
    live::forget_account(tx.conn(), account)?;
    mail::forget_mailbox(tx.conn(), &known.email.to_lowercase())?;
    if let Some(to) = known.recipient().filter(|_| known.confirmed_at.is_some()) {
        let (to, letter) = (Recipient { account: None, ..to }, AccountErased { hub: desk.hub(), name: known.name.clone() });
        mail::post(tx, now, &to, &letter, None)?;
    }
    audit::erase_about(tx, now, account)?;
    // After what it excuses: the log is verified in order.
    audit::note(tx, now, Actor::Account(account, None), Event::AccountErased, account, None)?;
    Ok(accounts::forget(tx, account)?)
}

/// Erases the letters that told people that they are erased, once they are sent. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn forget_last_letters(tx: &mut Tx, now: Timestamp) -> Result<usize, Fault> {
    mail::erase(tx.conn(), now, Erase::EndedOfKind("account_erased"), AT_ONCE)
}

/// Erases the contact that a site's Moodle has named, and the letters about the site that nobody with an account got: they ask
/// the team for it. `false`: nobody was named.
///
/// # Errors
/// [`SiteError::Unknown`] when there is no such site.
pub fn erase_contact(tx: &mut Tx, now: Timestamp, by: Actor, id: SiteId, reason: &Reason) -> Result<bool, SiteError> {
    tx.alone()?;
    let site = sites::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    let known = sites::forget_contact(tx.conn(), id)?;
    registrations::erase_persons(tx.conn(), id)?;
    if site.account_id.is_none() {
        while mail::erase(tx.conn(), now, Erase::AboutSite(id), AT_ONCE)? > 0 {}
    }
    audit::note(tx, now, by, Event::ContentErased, id, Some(reason.as_str()))?;
    Ok(known)
}
