//! What happens to an account. Each act runs in its caller's transaction; passwords come hashed already.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::store::{self, Link, NewAccount, NewLink, Purpose};
use super::{Account, Credentials, PersonName, Role};
use crate::audit::{self, Actor, Event};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::ids::{AccountId, SessionId, SiteId};
use crate::mail::{self, AccountExists, Confirm, Desk, EmailAddress, PasswordChanged, Recipient, Reset};
use crate::secret::{self, Keyring};

/// How long a mailed link may be followed, in hours.
pub const LINK_HOURS: u64 = 48;
/// How long the link for a Moodle's contact may be followed, in hours: nobody waits for that letter.
pub const CONTACT_LINK_HOURS: u64 = 14 * 24;
/// How long a password link may be followed, in hours.
const RESET_HOURS: u64 = 2;
/// An account that nobody has confirmed is forgotten this long after it was made.
pub const UNCONFIRMED_KEPT: Duration = Duration::from_secs(14 * 86_400);

/// Why a link leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Unknown, used or too old: which of these is nobody's business.
    #[error("this link does not work any more")]
    Dead,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Somebody who registers.
#[derive(Clone)]
pub struct SignUp {
    pub email: EmailAddress,
    pub name: PersonName,
    pub language: String,
    pub password_hash: String,
    /// Where they are.
    pub from: Option<IpAddr>,
}

fn link_hash(ring: &Keyring, token: &str) -> [u8; 32] {
    ring.hash(secret::Purpose::Link, &[token.as_bytes()])
}

fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

/// The account that registers with this address: a new one, or one that nobody has confirmed yet. `None`: the address
/// has an account already, whose owner is told by mail, and the one who asked is told nothing.
///
/// # Errors
/// When it can't be written.
pub fn sign_up(tx: &mut Tx, desk: &Desk, now: Timestamp, new: &SignUp) -> Result<Option<AccountId>, Fault> {
    tx.alone()?;
    let key = new.email.key();
    if let Some(known) = store::by_email(tx.conn(), &key)? {
        // Whoever is shut out is not let in by another door, nor told of one.
        if known.disabled_at.is_some() {
            return Ok(None);
        }
        // A member of the team who was invited and has not come yet is no newcomer: a stranger's sign-up must not lead there.
        if known.confirmed_at.is_none() && known.role.is_none() {
            return Ok(Some(known.id));
        }
        if let Some(to) = known.recipient() {
            let letter = AccountExists {
                hub: desk.hub(),
                name: known.name.clone(),
                link_login: desk.link("/login"),
                link_reset: desk.link("/password/forgot"),
            };
            mail::post(tx, now, &to, &letter, None)?;
        }
        return Ok(None);
    }
    let id = AccountId::new(now);
    let account =
        NewAccount { id, email: new.email.as_str(), email_key: &key, name: new.name.as_str(), language: &new.language, role: None, now };
    store::insert(tx.conn(), &account)?;
    audit::note(tx, now, Actor::Account(id, new.from), Event::AccountCreated, id, None)?;
    Ok(Some(id))
}

/// Mails the link that confirms a sign-up and the site that came with it. The chosen password waits with the link.
///
/// # Errors
/// When it can't be written.
pub fn mail_confirmation(
    tx: &mut Tx,
    desk: &Desk,
    ring: &Keyring,
    now: Timestamp,
    account: AccountId,
    new: &SignUp,
    site: (SiteId, &str, &str),
) -> Result<(), Fault> {
    let to = Recipient {
        account: Some(account),
        site: Some(site.0),
        address: new.email.clone(),
        name: new.name.as_str().to_owned(),
        language: new.language.clone(),
    };
    mail_confirm_link(tx, desk, ring, now, &to, Some(&new.password_hash), site)
}

fn mail_confirm_link(
    tx: &mut Tx,
    desk: &Desk,
    ring: &Keyring,
    now: Timestamp,
    to: &Recipient,
    password_hash: Option<&str>,
    (site, site_name, site_url): (SiteId, &str, &str),
) -> Result<(), Fault> {
    let Some(account) = to.account else { return Ok(()) };
    let token = secret::random_text();
    let token_hash = link_hash(ring, token.expose_secret());
    let expires_at = now + hours(LINK_HOURS);
    let link = NewLink { account, purpose: Purpose::Confirm, site: Some(site), password_hash, token_hash: &token_hash, now, expires_at };
    store::insert_link(tx.conn(), &link)?;
    let letter = Confirm {
        hub: desk.hub(),
        name: to.name.clone(),
        site_name: site_name.to_owned(),
        site_url: site_url.to_owned(),
        link: desk.secret_link("/register/confirm"),
        hours: LINK_HOURS,
    };
    mail::post(tx, now, to, &letter, Some(&token))?;
    Ok(())
}

/// The token of a link for the contact that a site's Moodle has named: following it shows that the mailbox is theirs, and
/// makes an account where there is none. `None`: this address gets none, since it belongs to an invited member of the
/// team who has not come yet, or to an account that is disabled.
///
/// # Errors
/// When it can't be written.
pub fn contact_link(
    tx: &mut Tx,
    ring: &Keyring,
    now: Timestamp,
    to: &Recipient,
    language: &str,
    site: SiteId,
) -> Result<Option<SecretString>, Fault> {
    tx.alone()?;
    let key = to.address.key();
    let account = match store::by_email(tx.conn(), &key)? {
        Some(known) if known.disabled_at.is_some() || (known.confirmed_at.is_none() && known.role.is_some()) => return Ok(None),
        Some(known) => known.id,
        None => {
            let id = AccountId::new(now);
            let new = NewAccount { id, email: to.address.as_str(), email_key: &key, name: &to.name, language, role: None, now };
            store::insert(tx.conn(), &new)?;
            audit::note(tx, now, Actor::Hub, Event::AccountCreated, id, None)?;
            id
        }
    };
    let token = secret::random_text();
    let token_hash = link_hash(ring, token.expose_secret());
    let expires_at = now + hours(CONTACT_LINK_HOURS);
    let link =
        NewLink { account, purpose: Purpose::Confirm, site: Some(site), password_hash: None, token_hash: &token_hash, now, expires_at };
    store::insert_link(tx.conn(), &link)?;
    Ok(Some(token))
}

/// What a confirm link confirmed.
#[derive(Debug, Clone, Copy)]
pub struct Confirmed {
    pub account: AccountId,
    /// The site that came with the link.
    pub site: Option<SiteId>,
    /// The account was confirmed by this link. If not, it was before: the link is no login then.
    pub first: bool,
}

/// Follows a confirm link: the address is the person's, and the password chosen with this link is the account's.
///
/// # Errors
/// [`LinkError::Dead`] when it was followed before or is too old, or the account is disabled.
pub fn confirm(tx: &mut Tx, ring: &Keyring, now: Timestamp, from: Option<IpAddr>, token: &str) -> Result<Confirmed, LinkError> {
    tx.alone()?;
    let link = follow(tx, ring, now, token, &[Purpose::Confirm])?;
    let account = store::find(tx.conn(), link.account_id)?.filter(|account| account.disabled_at.is_none()).ok_or(LinkError::Dead)?;
    let first = account.confirmed_at.is_none();
    if first {
        // Never that of a member of the team: theirs is set by the link of their invitation.
        if let (Some(hash), None) = (&link.password_hash, account.role) {
            store::set_password(tx.conn(), account.id, hash)?;
        }
        store::set_confirmed(tx.conn(), account.id, now)?;
        audit::note(tx, now, Actor::Account(account.id, from), Event::AccountConfirmed, account.id, None)?;
    }
    Ok(Confirmed { account: account.id, site: link.site_id, first })
}

/// Whether a link for a new password can still be followed.
///
/// # Errors
/// When the database does not answer.
pub fn is_open(conn: &mut Conn, ring: &Keyring, now: Timestamp, token: &str) -> Result<bool, Fault> {
    let open = store::open_link(conn, &link_hash(ring, token), now)?;
    Ok(open.is_some_and(|link| matches!(link.purpose, Purpose::Reset | Purpose::Welcome)))
}

fn follow(tx: &mut Tx, ring: &Keyring, now: Timestamp, token: &str, purposes: &[Purpose]) -> Result<Link, LinkError> {
    let link = store::open_link(tx.conn(), &link_hash(ring, token), now)?
        .filter(|link| purposes.contains(&link.purpose))
        .ok_or(LinkError::Dead)?;
    if !store::use_link(tx.conn(), link.id, now)? {
        return Err(LinkError::Dead);
    }
    Ok(link)
}

/// Mails whoever has this address what helps: a link for a new password, or the confirm link again. Says nothing to
/// the one who asked.
///
/// # Errors
/// When it can't be written.
pub fn forgot(
    tx: &mut Tx,
    desk: &Desk,
    ring: &Keyring,
    now: Timestamp,
    email: &EmailAddress,
    site_of: impl Fn(&mut Conn, SiteId) -> Result<Option<(String, String)>, Fault>,
) -> Result<(), Fault> {
    let known = store::by_email(tx.conn(), &email.key())?;
    let Some(account) = known.filter(|account| account.disabled_at.is_none()) else { return Ok(()) };
    let Some(mut to) = account.recipient() else { return Ok(()) };
    if account.confirmed_at.is_some() {
        return mail_reset_link(tx, desk, ring, now, &to);
    }
    let links = store::confirm_links(tx.conn(), account.id)?;
    let Some(site) = links.first().and_then(|newest| newest.site_id) else { return Ok(()) };
    let Some((name, url)) = site_of(tx.conn(), site)? else { return Ok(()) };
    to.site = Some(site);
    // With several sign-ups nobody knows whose password would be set: then none is, and the person chooses one anew.
    // A link that came without one, as to a Moodle's contact, is another's too.
    let mut passwords: Vec<Option<&str>> = links.iter().map(|link| link.password_hash.as_deref()).collect();
    passwords.dedup();
    let password = if let [only] = passwords[..] { only } else { None };
    mail_confirm_link(tx, desk, ring, now, &to, password, (site, &name, &url))
}

fn mail_reset_link(tx: &mut Tx, desk: &Desk, ring: &Keyring, now: Timestamp, to: &Recipient) -> Result<(), Fault> {
    let Some(account) = to.account else { return Ok(()) };
    let token = new_password_link(tx, ring, now, account, Purpose::Reset, hours(RESET_HOURS))?;
    let letter = Reset { hub: desk.hub(), name: to.name.clone(), link: desk.secret_link("/password/reset"), hours: RESET_HOURS };
    mail::post(tx, now, to, &letter, Some(&token))?;
    Ok(())
}

fn new_password_link(
    tx: &mut Tx,
    ring: &Keyring,
    now: Timestamp,
    account: AccountId,
    purpose: Purpose,
    lasts: Duration,
) -> Result<SecretString, Fault> {
    let token = secret::random_text();
    let token_hash = link_hash(ring, token.expose_secret());
    let link = NewLink { account, purpose, site: None, password_hash: None, token_hash: &token_hash, now, expires_at: now + lasts };
    store::insert_link(tx.conn(), &link)?;
    Ok(token)
}

/// Sets a password by a mailed link. All sessions end: whoever had the old one is out.
///
/// # Errors
/// [`LinkError::Dead`] when the link was used before or is too old.
pub fn reset_password(
    tx: &mut Tx,
    desk: &Desk,
    ring: &Keyring,
    now: Timestamp,
    from: Option<IpAddr>,
    (token, password_hash): (&str, &str),
) -> Result<AccountId, LinkError> {
    tx.alone()?;
    let link = follow(tx, ring, now, token, &[Purpose::Reset, Purpose::Welcome])?;
    store::set_confirmed(tx.conn(), link.account_id, now)?;
    set_password(tx, desk, now, Actor::Account(link.account_id, from), password_hash, None)?;
    Ok(link.account_id)
}

/// Changes the password of somebody who is logged in and has proved to know the old one. Other sessions end.
///
/// # Errors
/// When it can't be written.
pub fn change_password(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, password_hash: &str, kept: SessionId) -> Result<(), Fault> {
    set_password(tx, desk, now, by, password_hash, Some(kept))
}

fn set_password(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, hash: &str, kept: Option<SessionId>) -> Result<(), Fault> {
    let Some(account) = by.account() else { return Ok(()) };
    tx.alone()?;
    store::end_links(tx.conn(), account, now)?;
    store::set_password(tx.conn(), account, hash)?;
    store::end_other_sessions(tx.conn(), account, kept)?;
    audit::note(tx, now, by, Event::PasswordSet, account, None)?;
    if let Some(to) = store::find(tx.conn(), account)?.and_then(|a| a.recipient()) {
        let letter = PasswordChanged { hub: desk.hub(), name: to.name.clone(), link_reset: desk.link("/password/forgot") };
        mail::post(tx, now, &to, &letter, None)?;
    }
    Ok(())
}

/// Changes what a person is called.
///
/// # Errors
/// When it can't be written.
pub fn change_name(tx: &mut Tx, account: AccountId, name: &PersonName) -> Result<(), Fault> {
    store::set_name(tx.conn(), account, name.as_str())
}

/// The account and password hash behind an address, for a login. `None`: nobody, or nobody who has confirmed.
///
/// # Errors
/// When the database does not answer.
pub fn log_in(conn: &mut Conn, email: &EmailAddress) -> Result<Option<Credentials>, Fault> {
    store::credentials(conn, &email.key())
}

/// What a password is checked against when somebody who is logged in wants to change it.
impl Credentials {
    /// # Errors
    /// When the database does not answer.
    pub fn of(conn: &mut Conn, account: AccountId) -> Result<Option<Self>, Fault> {
        store::credentials_of(conn, account)
    }
}

/// Makes somebody a member of the hub team, and gives the token of the link by which a password is set.
///
/// # Errors
/// When it can't be written.
pub fn invite_staff(
    tx: &mut Tx,
    ring: &Keyring,
    now: Timestamp,
    by: Actor,
    email: &EmailAddress,
    role: Role,
) -> Result<(Account, SecretString), Fault> {
    tx.alone()?;
    let key = email.key();
    let known = store::by_email(tx.conn(), &key)?;
    let id = known.as_ref().map_or_else(|| AccountId::new(now), |account| account.id);
    match known {
        Some(account) => {
            store::set_role(tx.conn(), id, role)?;
            // Whoever has one of the sessions from before must not get the role with it.
            if role.is_more_than(account.role) {
                store::end_other_sessions(tx.conn(), id, None)?;
            }
        }
        None => {
            let name = email.as_str().split('@').next().unwrap_or_default();
            let account = NewAccount { id, email: email.as_str(), email_key: &key, name, language: "en", role: Some(role), now };
            store::insert(tx.conn(), &account)?;
        }
    }
    // Whatever link was under way before leads to less than what the account may do now.
    store::end_links(tx.conn(), id, now)?;
    audit::note(tx, now, by, Event::StaffAdded, id, Some(role.as_str()))?;
    let token = new_password_link(tx, ring, now, id, Purpose::Welcome, hours(LINK_HOURS))?;
    let account = store::find(tx.conn(), id)?.ok_or_else(|| Fault::Unreadable("the account just written".into()))?;
    Ok((account, token))
}

/// The account with this address, or a new one that is confirmed but has no password: its owner sets one by the link
/// under "Forgot your password?".
///
/// # Errors
/// When it can't be written.
pub fn account_for(tx: &mut Tx, now: Timestamp, email: &EmailAddress) -> Result<AccountId, Fault> {
    tx.alone()?;
    let key = email.key();
    let id = match store::by_email(tx.conn(), &key)? {
        Some(known) => known.id,
        None => {
            let id = AccountId::new(now);
            let name = email.as_str().split('@').next().unwrap_or_default();
            store::insert(tx.conn(), &NewAccount { id, email: email.as_str(), email_key: &key, name, language: "en", role: None, now })?;
            audit::note(tx, now, Actor::Operator, Event::AccountCreated, id, None)?;
            id
        }
    };
    store::set_confirmed(tx.conn(), id, now)?;
    Ok(id)
}

/// The accounts that nobody has confirmed in time: what belongs to them is to be forgotten, then they are.
///
/// # Errors
/// When the database does not answer.
pub fn never_confirmed(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<AccountId>, Fault> {
    store::unconfirmed_before(conn, now - UNCONFIRMED_KEPT, most)
}

/// Forgets an account that owns nothing any more.
///
/// # Errors
/// When it can't be written.
pub fn forget(tx: &mut Tx, id: AccountId) -> Result<(), Fault> {
    store::delete(tx.conn(), id)
}
