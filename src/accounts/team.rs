//! Who belongs to the hub's team, and which accounts may log in. Whoever acts must still be an admin when it is written,
//! and one admin who can log in always remains: two who remove each other at the same moment are not both let through.

mod store;

use secrecy::SecretString;

pub use store::{Member, Query, count_without_factor, member, named, search, team};

use super::store::{by_email, end_links, end_other_sessions, find};
use super::{Account, LINK_HOURS, PersonName, Role, change_name, invite_staff};
use crate::audit::{self, Actor, Change, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::ids::AccountId;
use crate::mail::{self, Desk, EmailAddress, RoleChanged, StaffInvited};
use crate::secret::Keyring;

/// Why the team stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    #[error("no such account")]
    Unknown,
    #[error("Nobody changes their own role or switches off their own account: another admin can.")]
    Yourself,
    #[error("You are no longer an admin of this hub, so nothing was changed.")]
    NoLongerAdmin,
    #[error("This is the last admin who can log in. Make somebody else an admin first.")]
    LastAdmin,
    #[error("That is how it is already: nothing was changed.")]
    Same,
    #[error("This person belongs to the team already. Their role is changed on their own page.")]
    Member,
    #[error("This account is disabled. Enable it first.")]
    Disabled,
    #[error("This account is being erased, as its owner wanted: there is no way back.")]
    Leaving,
    #[error("Only somebody who was invited and has not come yet gets a new invitation.")]
    HasCome,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Somebody who is to belong to the team.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub email: EmailAddress,
    /// As they are called, if it was said.
    pub name: Option<PersonName>,
    pub role: Role,
}

/// What came of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invited {
    /// A link to set a password was mailed.
    ByLink(AccountId),
    /// They have an account that they log in to already, which may do more now.
    AtOnce(AccountId),
}

/// The account with a mail address, however it is spelled.
///
/// # Errors
/// When the database does not answer.
pub fn by_mail(conn: &mut Conn, mail: &str) -> Result<Option<Account>, Fault> {
    by_email(conn, &mail.trim().to_lowercase())
}

/// Whoever acts is an admin still: what the page asked before may have changed since.
fn acts(tx: &mut Tx, by: Actor) -> Result<Option<AccountId>, TeamError> {
    let Actor::Account(id, _) = by else { return Ok(None) };
    match find(tx.conn(), id)? {
        Some(account) if account.role == Some(Role::Admin) && account.disabled_at.is_none() => Ok(Some(id)),
        _ => Err(TeamError::NoLongerAdmin),
    }
}

/// The account that somebody else acts on.
fn other(tx: &mut Tx, by: Actor, id: AccountId) -> Result<Account, TeamError> {
    tx.alone()?;
    if acts(tx, by)? == Some(id) {
        return Err(TeamError::Yourself);
    }
    find(tx.conn(), id)?.ok_or(TeamError::Unknown)
}

fn an_admin_remains(tx: &mut Tx, without: &Account) -> Result<(), TeamError> {
    let counts = without.role == Some(Role::Admin) && without.disabled_at.is_none();
    if counts && !store::has_admin_but(tx.conn(), without.id)? { Err(TeamError::LastAdmin) } else { Ok(()) }
}

/// Makes somebody a member of the team and mails them. Their sessions end.
///
/// # Errors
/// [`TeamError::Member`] when they are one already, [`TeamError::Disabled`] when their account is off.
pub fn invite(tx: &mut Tx, desk: &Desk, ring: &Keyring, now: Timestamp, by: Actor, new: &Invitation) -> Result<Invited, TeamError> {
    tx.alone()?;
    acts(tx, by)?;
    let known = by_email(tx.conn(), &new.email.key())?;
    match known {
        Some(account) if account.disabled_at.is_some() => Err(TeamError::Disabled),
        Some(account) if account.role.is_some() => Err(TeamError::Member),
        Some(account) if account.confirmed_at.is_some() => {
            store::set_role(tx.conn(), account.id, Some(new.role))?;
            // The role is for whoever logs in from now on, not for who has a session from before.
            end_other_sessions(tx.conn(), account.id, None)?;
            let change = Change::of("role", role_word(None), role_word(Some(new.role)));
            audit::note_change(tx, now, by, Event::StaffAdded, account.id, None, change)?;
            tell_role(tx, desk, now, &account, Some(new.role))?;
            Ok(Invited::AtOnce(account.id))
        }
        _ => {
            let (account, token) = invite_staff(tx, ring, now, by, &new.email, new.role)?;
            if let Some(name) = &new.name {
                change_name(tx, account.id, name)?;
            }
            mail_invitation(tx, desk, now, account.id, new.role, &token)?;
            Ok(Invited::ByLink(account.id))
        }
    }
}

/// Mails a new link to somebody who was invited and has not come yet; the one before leads nowhere any more.
///
/// # Errors
/// [`TeamError::HasCome`] when there is nothing to invite them to.
pub fn invite_again(tx: &mut Tx, desk: &Desk, ring: &Keyring, now: Timestamp, by: Actor, id: AccountId) -> Result<(), TeamError> {
    tx.alone()?;
    acts(tx, by)?;
    let account = find(tx.conn(), id)?.ok_or(TeamError::Unknown)?;
    let (Some(role), None) = (account.role, account.confirmed_at) else { return Err(TeamError::HasCome) };
    if account.disabled_at.is_some() {
        return Err(TeamError::Disabled);
    }
    let email = EmailAddress::parse(&account.email).map_err(|_| TeamError::Unknown)?;
    let (account, token) = invite_staff(tx, ring, now, by, &email, role)?;
    mail_invitation(tx, desk, now, account.id, role, &token)
}

fn mail_invitation(tx: &mut Tx, desk: &Desk, now: Timestamp, id: AccountId, role: Role, token: &SecretString) -> Result<(), TeamError> {
    let Some(to) = find(tx.conn(), id)?.and_then(|account| account.recipient()) else { return Ok(()) };
    let letter = StaffInvited {
        hub: desk.hub(),
        name: to.name.clone(),
        role: role.as_str().to_owned(),
        link: desk.secret_link("/password/reset"),
        hours: LINK_HOURS,
    };
    mail::post(tx, now, &to, &letter, Some(token))?;
    Ok(())
}

fn role_word(role: Option<Role>) -> Option<&'static str> {
    role.map(Role::as_str)
}

fn tell_role(tx: &mut Tx, desk: &Desk, now: Timestamp, account: &Account, role: Option<Role>) -> Result<(), TeamError> {
    let Some(to) = account.recipient() else { return Ok(()) };
    let role = role_word(role).unwrap_or("none").to_owned();
    let letter = RoleChanged { hub: desk.hub(), name: to.name.clone(), role, link: desk.link("/staff") };
    mail::post(tx, now, &to, &letter, None)?;
    Ok(())
}

/// Gives somebody another role in the team, or none. They are told by mail. If they may do more now, their sessions end.
///
/// # Errors
/// [`TeamError`] says what is in the way.
pub fn set_role(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, id: AccountId, to: (Option<Role>, &Reason)) -> Result<(), TeamError> {
    let account = other(tx, by, id)?;
    let (role, reason) = to;
    if account.role == role {
        return Err(TeamError::Same);
    }
    // Who was never of the team is invited, so that they are told how to come in.
    if account.confirmed_at.is_none() && account.role.is_none() {
        return Err(TeamError::Unknown);
    }
    if role != Some(Role::Admin) {
        an_admin_remains(tx, &account)?;
    }
    store::set_role(tx.conn(), id, role)?;
    if role.is_some_and(|role| role.is_more_than(account.role)) {
        end_other_sessions(tx.conn(), id, None)?;
    }
    if role.is_none() && account.confirmed_at.is_none() {
        // An invitation that was taken back.
        end_links(tx.conn(), id, now)?;
    }
    let change = Change::of("role", role_word(account.role), role_word(role));
    audit::note_change(tx, now, by, Event::RoleSet, id, Some(reason.as_str()), change)?;
    tell_role(tx, desk, now, &account, role)
}

/// Switches an account off: its sessions end at once, its links lead nowhere, and it can't log in.
///
/// # Errors
/// [`TeamError`] says what is in the way.
pub fn disable(tx: &mut Tx, now: Timestamp, by: Actor, id: AccountId, reason: &Reason) -> Result<(), TeamError> {
    let account = other(tx, by, id)?;
    if account.disabled_at.is_some() {
        return Err(TeamError::Same);
    }
    an_admin_remains(tx, &account)?;
    store::set_disabled(tx.conn(), id, Some(now))?;
    end_links(tx.conn(), id, now)?;
    end_other_sessions(tx.conn(), id, None)?;
    let change = Change::of("disabled", false, true);
    Ok(audit::note_change(tx, now, by, Event::AccountDisabled, id, Some(reason.as_str()), change)?)
}

/// Lets an account log in again.
///
/// # Errors
/// [`TeamError`] says what is in the way.
pub fn enable(tx: &mut Tx, now: Timestamp, by: Actor, id: AccountId, reason: &Reason) -> Result<(), TeamError> {
    let account = other(tx, by, id)?;
    if account.disabled_at.is_none() {
        return Err(TeamError::Same);
    }
    if store::is_leaving(tx.conn(), id)? {
        return Err(TeamError::Leaving);
    }
    store::set_disabled(tx.conn(), id, None)?;
    let change = Change::of("disabled", true, false);
    Ok(audit::note_change(tx, now, by, Event::AccountEnabled, id, Some(reason.as_str()), change)?)
}

/// Ends all sessions of somebody: they log in anew.
///
/// # Errors
/// [`TeamError`] says what is in the way.
pub fn end_sessions(tx: &mut Tx, now: Timestamp, by: Actor, id: AccountId, reason: &Reason) -> Result<(), TeamError> {
    let account = other(tx, by, id)?;
    end_other_sessions(tx.conn(), account.id, None)?;
    Ok(audit::note(tx, now, by, Event::SessionEnded, id, Some(reason.as_str()))?)
}
