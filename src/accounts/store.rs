use diesel::prelude::*;

use super::{Account, Credentials, Role, Session};
use crate::clock::Timestamp;
use crate::db::schema::{accounts, ceremonies, links, login_places, passkeys, recovery_codes, sessions};
use crate::db::text::{self, lower};
use crate::db::types::text_enum;
use crate::db::{Conn, Fault};
use crate::ids::{AccountId, LinkId, SessionId, SiteId};

/// How long a place is remembered from where somebody has logged in.
const PLACES_KEPT: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);

text_enum! {
    /// What following a link does.
    pub(super) enum Purpose {
        Confirm => "confirm",
        Reset => "reset",
        Welcome => "welcome",
    }
}

/// An account by its id.
///
/// # Errors
/// When the database does not answer.
pub fn find(conn: &mut Conn, id: AccountId) -> Result<Option<Account>, Fault> {
    Ok(accounts::table.find(id).select(Account::as_select()).first(conn).optional()?)
}

/// The members of the hub's team who can act on something, by their names: those that may log in and are no mere readers.
///
/// # Errors
/// When the database does not answer.
pub fn acting_team(conn: &mut Conn, most: i64) -> Result<Vec<Account>, Fault> {
    let acting = accounts::role.eq_any([Role::Reviewer, Role::Admin]).and(accounts::disabled_at.is_null());
    let team = accounts::table.filter(acting).order((accounts::name, accounts::id)).limit(most);
    Ok(team.select(Account::as_select()).load(conn)?)
}

/// Several accounts by their ids, in whatever order.
///
/// # Errors
/// When the database does not answer.
pub fn find_all(conn: &mut Conn, ids: &[AccountId]) -> Result<Vec<Account>, Fault> {
    Ok(accounts::table.filter(accounts::id.eq_any(ids)).select(Account::as_select()).load(conn)?)
}

/// Accounts with a text in their mail address or name; the one with exactly this address first, then the newest.
///
/// # Errors
/// When the database does not answer.
pub fn search(conn: &mut Conn, text: &str, most: i64) -> Result<Vec<Account>, Fault> {
    let typed: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let (typed, small) = (typed.trim().to_owned(), typed.trim().to_lowercase());
    if small.is_empty() {
        return Ok(Vec::new());
    }
    // As it was typed, too: SQLite's lower() knows no letters but ASCII ones.
    let in_name = accounts::name.like(text::with(&typed)).escape('\\').or(lower(accounts::name).like(text::with(&small)).escape('\\'));
    let found = accounts::table.filter(accounts::email_key.like(text::with(&small)).escape('\\').or(in_name));
    let mut found: Vec<Account> = found.order(accounts::id.desc()).limit(most).select(Account::as_select()).load(conn)?;
    if let Some(exact) = by_email(conn, &small)? {
        found.retain(|account| account.id != exact.id);
        found.insert(0, exact);
    }
    Ok(found)
}

pub(super) fn by_email(conn: &mut Conn, key: &str) -> Result<Option<Account>, Fault> {
    Ok(accounts::table.filter(accounts::email_key.eq(key)).select(Account::as_select()).first(conn).optional()?)
}

pub(super) fn credentials(conn: &mut Conn, key: &str) -> Result<Option<Credentials>, Fault> {
    let of_key = accounts::table.filter(accounts::email_key.eq(key).and(accounts::confirmed_at.is_not_null()));
    let of_key = of_key.filter(accounts::disabled_at.is_null());
    Ok(of_key.select(Credentials::as_select()).first(conn).optional()?)
}

pub(super) fn credentials_of(conn: &mut Conn, id: AccountId) -> Result<Option<Credentials>, Fault> {
    Ok(accounts::table.find(id).select(Credentials::as_select()).first(conn).optional()?)
}

pub(super) struct NewAccount<'a> {
    pub id: AccountId,
    pub email: &'a str,
    pub email_key: &'a str,
    pub name: &'a str,
    pub language: &'a str,
    pub role: Option<Role>,
    pub now: Timestamp,
}

pub(super) fn insert(conn: &mut Conn, new: &NewAccount) -> Result<(), Fault> {
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(new.id),
            accounts::email.eq(new.email),
            accounts::email_key.eq(new.email_key),
            accounts::name.eq(new.name),
            accounts::language.eq(new.language),
            accounts::role.eq(new.role),
            accounts::created_at.eq(new.now),
            accounts::revision.eq(1),
        ))
        .execute(conn)?;
    Ok(())
}

pub(super) fn set_password(conn: &mut Conn, id: AccountId, hash: &str) -> Result<(), Fault> {
    let changed = (accounts::password_hash.eq(hash), accounts::revision.eq(accounts::revision + 1));
    diesel::update(accounts::table.find(id)).set(changed).execute(conn)?;
    Ok(())
}

pub(super) fn set_confirmed(conn: &mut Conn, id: AccountId, now: Timestamp) -> Result<(), Fault> {
    let unconfirmed = accounts::table.find(id).filter(accounts::confirmed_at.is_null());
    diesel::update(unconfirmed).set((accounts::confirmed_at.eq(now), accounts::revision.eq(accounts::revision + 1))).execute(conn)?;
    Ok(())
}

pub(super) fn set_name(conn: &mut Conn, id: AccountId, name: &str) -> Result<(), Fault> {
    let changed = (accounts::name.eq(name), accounts::revision.eq(accounts::revision + 1));
    diesel::update(accounts::table.find(id)).set(changed).execute(conn)?;
    Ok(())
}

pub(super) fn set_role(conn: &mut Conn, id: AccountId, role: Role) -> Result<(), Fault> {
    let changed = (accounts::role.eq(role), accounts::revision.eq(accounts::revision + 1));
    diesel::update(accounts::table.find(id)).set(changed).execute(conn)?;
    Ok(())
}

pub(super) struct NewLink<'a> {
    pub account: AccountId,
    pub purpose: Purpose,
    pub site: Option<SiteId>,
    pub password_hash: Option<&'a str>,
    pub token_hash: &'a [u8],
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

pub(super) fn insert_link(conn: &mut Conn, new: &NewLink) -> Result<(), Fault> {
    diesel::insert_into(links::table)
        .values((
            links::id.eq(LinkId::new(new.now)),
            links::account_id.eq(new.account),
            links::purpose.eq(new.purpose),
            links::site_id.eq(new.site),
            links::password_hash.eq(new.password_hash),
            links::token_hash.eq(new.token_hash),
            links::created_at.eq(new.now),
            links::expires_at.eq(new.expires_at),
        ))
        .execute(conn)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = links)]
pub(super) struct Link {
    pub id: LinkId,
    pub account_id: AccountId,
    pub purpose: Purpose,
    pub site_id: Option<SiteId>,
    pub password_hash: Option<String>,
}

/// A link that may still be followed.
pub(super) fn open_link(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<Option<Link>, Fault> {
    let open = links::table.filter(links::token_hash.eq(token_hash)).filter(links::used_at.is_null().and(links::expires_at.gt(now)));
    Ok(open.select(Link::as_select()).first(conn).optional()?)
}

/// Uses a link up. `false`: somebody was faster.
pub(super) fn use_link(conn: &mut Conn, id: LinkId, now: Timestamp) -> Result<bool, Fault> {
    let unused = links::table.find(id).filter(links::used_at.is_null());
    Ok(diesel::update(unused).set((links::used_at.eq(now), links::password_hash.eq(None::<String>))).execute(conn)? == 1)
}

/// The latest confirm links of an account, newest first, used or not: what a new one is made after.
pub(super) fn confirm_links(conn: &mut Conn, account: AccountId) -> Result<Vec<Link>, Fault> {
    let of_account = links::table.filter(links::account_id.eq(account).and(links::purpose.eq(Purpose::Confirm)));
    Ok(of_account.order(links::id.desc()).limit(20).select(Link::as_select()).load(conn)?)
}

/// Ends every open link of an account.
pub(super) fn end_links(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<(), Fault> {
    let open = links::table.filter(links::account_id.eq(account).and(links::used_at.is_null()));
    diesel::update(open).set((links::used_at.eq(now), links::password_hash.eq(None::<String>))).execute(conn)?;
    Ok(())
}

/// Accounts without a role that were made before a moment and never confirmed.
pub(super) fn unconfirmed_before(conn: &mut Conn, before: Timestamp, most: i64) -> Result<Vec<AccountId>, Fault> {
    let unconfirmed = accounts::table.filter(accounts::confirmed_at.is_null().and(accounts::role.is_null()));
    Ok(unconfirmed.filter(accounts::created_at.lt(before)).order(accounts::id).limit(most).select(accounts::id).load(conn)?)
}

pub(super) fn delete(conn: &mut Conn, id: AccountId) -> Result<(), Fault> {
    diesel::delete(accounts::table.find(id)).execute(conn)?;
    Ok(())
}

pub(super) fn insert_session(conn: &mut Conn, session: &Session, token_hash: &[u8]) -> Result<(), Fault> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(session.id),
            sessions::account_id.eq(session.account_id),
            sessions::token_hash.eq(token_hash),
            sessions::created_at.eq(session.created_at),
            sessions::seen_at.eq(session.seen_at),
            sessions::expires_at.eq(session.expires_at),
            sessions::address.eq(&session.address),
            sessions::agent.eq(&session.agent),
            sessions::proved_at.eq(session.proved_at),
        ))
        .execute(conn)?;
    Ok(())
}

/// The session with this token's hash and its account, while it lasts and the account may log in.
///
/// # Errors
/// When the database does not answer.
pub fn session(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<Option<(Session, Account)>, Fault> {
    let open = sessions::table.inner_join(accounts::table).filter(sessions::token_hash.eq(token_hash).and(sessions::expires_at.gt(now)));
    let open = open.filter(accounts::disabled_at.is_null());
    Ok(open.select((Session::as_select(), Account::as_select())).first(conn).optional()?)
}

/// Notes that a session is in use.
///
/// # Errors
/// When the database does not answer.
pub fn touch_session(conn: &mut Conn, id: SessionId, now: Timestamp, expires_at: Timestamp) -> Result<(), Fault> {
    diesel::update(sessions::table.find(id)).set((sessions::seen_at.eq(now), sessions::expires_at.eq(expires_at))).execute(conn)?;
    Ok(())
}

/// Notes that whoever has a session has shown again that it is them.
///
/// # Errors
/// When the database does not answer.
pub fn prove_session(conn: &mut Conn, id: SessionId, now: Timestamp) -> Result<(), Fault> {
    diesel::update(sessions::table.find(id)).set(sessions::proved_at.eq(Some(now))).execute(conn)?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// When the database does not answer.
pub fn end_session(conn: &mut Conn, id: SessionId) -> Result<(), Fault> {
    diesel::delete(sessions::table.find(id)).execute(conn)?;
    Ok(())
}

/// Ends a session if it is this account's. `false`: it has no such session.
///
/// # Errors
/// When the database does not answer.
pub fn end_session_of(conn: &mut Conn, account: AccountId, id: SessionId) -> Result<bool, Fault> {
    Ok(diesel::delete(sessions::table.find(id).filter(sessions::account_id.eq(account))).execute(conn)? == 1)
}

/// Ends all sessions of an account but `kept`, and says how many.
///
/// # Errors
/// When the database does not answer.
pub fn end_other_sessions(conn: &mut Conn, account: AccountId, kept: Option<SessionId>) -> Result<usize, Fault> {
    let of_account = sessions::table.filter(sessions::account_id.eq(account));
    Ok(match kept {
        Some(kept) => diesel::delete(of_account.filter(sessions::id.ne(kept))).execute(conn)?,
        None => diesel::delete(of_account).execute(conn)?,
    })
}

/// Notes that somebody logs in from a place. `true`: from there they never did, though from others.
pub(super) fn note_place(conn: &mut Conn, account: AccountId, place: &[u8], now: Timestamp) -> Result<bool, Fault> {
    let known = login_places::table.find((account, place));
    if diesel::update(known).set(login_places::last_at.eq(now)).execute(conn)? == 1 {
        return Ok(false);
    }
    let of_account = login_places::table.filter(login_places::account_id.eq(account));
    let another: Option<AccountId> = of_account.select(login_places::account_id).first(conn).optional()?;
    let new = (
        login_places::account_id.eq(account),
        login_places::place_hash.eq(place),
        login_places::first_at.eq(now),
        login_places::last_at.eq(now),
    );
    diesel::insert_into(login_places::table).values(new).execute(conn)?;
    Ok(another.is_some())
}

/// The open sessions of an account, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn sessions_of(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<Vec<Session>, Fault> {
    let open = sessions::table.filter(sessions::account_id.eq(account).and(sessions::expires_at.gt(now)));
    Ok(open.order(sessions::id.desc()).limit(100).select(Session::as_select()).load(conn)?)
}

/// Shuts an account whose owner leaves: nobody can log in to it any more, and by what they logged in is gone.
///
/// # Errors
/// When it can't be written.
pub fn close(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<(), Fault> {
    diesel::delete(sessions::table.filter(sessions::account_id.eq(account))).execute(conn)?;
    diesel::delete(links::table.filter(links::account_id.eq(account))).execute(conn)?;
    diesel::delete(recovery_codes::table.filter(recovery_codes::account_id.eq(account))).execute(conn)?;
    diesel::delete(passkeys::table.filter(passkeys::account_id.eq(account))).execute(conn)?;
    diesel::delete(ceremonies::table.filter(ceremonies::account_id.eq(account))).execute(conn)?;
    diesel::delete(login_places::table.filter(login_places::account_id.eq(account))).execute(conn)?;
    diesel::update(accounts::table.find(account))
        .set((
            accounts::password_hash.eq(None::<String>),
            accounts::totp_sealed.eq(None::<Vec<u8>>),
            accounts::totp_step.eq(None::<i64>),
            accounts::disabled_at.eq(now),
            accounts::revision.eq(accounts::revision + 1),
        ))
        .execute(conn)?;
    Ok(())
}

/// By what somebody shows that it is them, beside the password: kinds and times alone.
#[derive(Clone, Debug, Default)]
pub struct Factors {
    pub totp: bool,
    /// Name, when it was added, when it was last used.
    pub passkeys: Vec<(String, Timestamp, Option<Timestamp>)>,
    /// When each was made, and when it was used.
    pub recovery_codes: Vec<(Timestamp, Option<Timestamp>)>,
}

/// The second factors of an account.
///
/// # Errors
/// When the database does not answer.
pub fn factors_of(conn: &mut Conn, account: AccountId) -> Result<Factors, Fault> {
    let totp: Option<Option<Vec<u8>>> = accounts::table.find(account).select(accounts::totp_sealed).first(conn).optional()?;
    let keys = passkeys::table.filter(passkeys::account_id.eq(account)).order(passkeys::id).limit(200);
    let codes = recovery_codes::table.filter(recovery_codes::account_id.eq(account)).order(recovery_codes::created_at).limit(200);
    Ok(Factors {
        totp: totp.flatten().is_some(),
        passkeys: keys.select((passkeys::name, passkeys::created_at, passkeys::used_at)).load(conn)?,
        recovery_codes: codes.select((recovery_codes::created_at, recovery_codes::used_at)).load(conn)?,
    })
}

/// Drops what has run out: sessions, links, ceremonies, places from where nobody came for a year.
///
/// # Errors
/// When the database does not answer.
pub fn trim(conn: &mut Conn, now: Timestamp) -> Result<usize, Fault> {
    let sessions = diesel::delete(sessions::table.filter(sessions::expires_at.lt(now))).execute(conn)?;
    let old = now - std::time::Duration::from_secs(30 * 86_400);
    let places = diesel::delete(login_places::table.filter(login_places::last_at.lt(now - PLACES_KEPT))).execute(conn)?;
    let ceremonies = super::factors::trim_ceremonies(conn, now)?;
    Ok(sessions + places + ceremonies + diesel::delete(links::table.filter(links::expires_at.lt(old))).execute(conn)?)
}
