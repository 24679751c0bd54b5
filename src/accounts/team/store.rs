use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::accounts::{Account, Role};
use crate::clock::Timestamp;
use crate::db::schema::{accounts, erasures, passkeys, sessions};
use crate::db::text::{self, lower};
use crate::db::{Conn, Fault};
use crate::ids::AccountId;

/// How many members of the team are listed at most.
const TEAM: i64 = 500;

pub(super) fn set_role(conn: &mut Conn, id: AccountId, role: Option<Role>) -> Result<(), Fault> {
    let changed = (accounts::role.eq(role), accounts::revision.eq(accounts::revision + 1));
    diesel::update(accounts::table.find(id)).set(changed).execute(conn)?;
    Ok(())
}

pub(super) fn set_disabled(conn: &mut Conn, id: AccountId, at: Option<Timestamp>) -> Result<(), Fault> {
    let changed = (accounts::disabled_at.eq(at), accounts::revision.eq(accounts::revision + 1));
    diesel::update(accounts::table.find(id)).set(changed).execute(conn)?;
    Ok(())
}

/// Whether an account is being erased: its owner has left, and nobody calls them back.
pub(super) fn is_leaving(conn: &mut Conn, id: AccountId) -> Result<bool, Fault> {
    Ok(erasures::table.find(id).count().get_result::<i64>(conn)? > 0)
}

/// Whether an admin other than this one can log in.
pub(super) fn has_admin_but(conn: &mut Conn, but: AccountId) -> Result<bool, Fault> {
    let others = accounts::table.filter(accounts::role.eq(Role::Admin).and(accounts::id.ne(but)));
    let able = others.filter(accounts::disabled_at.is_null().and(accounts::confirmed_at.is_not_null()));
    Ok(able.select(accounts::id).first::<AccountId>(conn).optional()?.is_some())
}

/// A member of the team.
#[derive(Clone)]
pub struct Member {
    pub account: Account,
    pub has_factor: bool,
    /// When one of their sessions was last used.
    pub seen_at: Option<Timestamp>,
}

/// The team, by name.
///
/// # Errors
/// When the database does not answer.
pub fn team(conn: &mut Conn) -> Result<Vec<Member>, Fault> {
    let members = accounts::table.filter(accounts::role.is_not_null()).order((accounts::name, accounts::id)).limit(TEAM);
    let found = members.select(Account::as_select()).load(conn)?;
    members_of(conn, found)
}

fn members_of(conn: &mut Conn, found: Vec<Account>) -> Result<Vec<Member>, Fault> {
    let ids: Vec<AccountId> = found.iter().map(|account| account.id).collect();
    let sessions: Vec<(AccountId, Timestamp)> =
        sessions::table.filter(sessions::account_id.eq_any(&ids)).select((sessions::account_id, sessions::seen_at)).load(conn)?;
    let mut seen: HashMap<AccountId, Timestamp> = HashMap::new();
    for (account, at) in sessions {
        let last = seen.entry(account).or_insert(at);
        *last = at.max(*last);
    }
    let with_code: Vec<AccountId> =
        accounts::table.filter(accounts::id.eq_any(&ids).and(accounts::totp_sealed.is_not_null())).select(accounts::id).load(conn)?;
    let with_key: Vec<AccountId> = passkeys::table.filter(passkeys::account_id.eq_any(&ids)).select(passkeys::account_id).load(conn)?;
    let with_factor: HashSet<AccountId> = with_code.into_iter().chain(with_key).collect();
    let member =
        |account: Account| Member { has_factor: with_factor.contains(&account.id), seen_at: seen.get(&account.id).copied(), account };
    Ok(found.into_iter().map(member).collect())
}

/// An account with what the list says of it.
///
/// # Errors
/// When the database does not answer.
pub fn member(conn: &mut Conn, id: AccountId) -> Result<Option<Member>, Fault> {
    let found = accounts::table.find(id).select(Account::as_select()).load(conn)?;
    Ok(members_of(conn, found)?.pop())
}

/// How many members of the team who can log in have no second factor.
///
/// # Errors
/// When the database does not answer.
pub fn count_without_factor(conn: &mut Conn) -> Result<usize, Fault> {
    let able = |member: &&Member| member.account.confirmed_at.is_some() && member.account.disabled_at.is_none();
    Ok(team(conn)?.iter().filter(able).filter(|member| !member.has_factor).count())
}

/// Which accounts are asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Words in the mail address or the name.
    pub words: String,
    pub before: Option<AccountId>,
}

/// Accounts, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn search(conn: &mut Conn, query: &Query, most: i64) -> Result<Vec<Member>, Fault> {
    let mut found = accounts::table.select(Account::as_select()).order(accounts::id.desc()).limit(most).into_boxed();
    // No stored text has control characters, and PostgreSQL takes no NUL.
    let words: String = query.words.chars().filter(|c| !c.is_control()).collect();
    for word in words.split_whitespace().take(8) {
        // As it was typed, too: SQLite's lower() knows no letters but ASCII ones.
        let (typed, small) = (text::with(word), text::with(&word.to_lowercase()));
        let in_name = accounts::name.like(typed).escape('\\').or(lower(accounts::name).like(small.clone()).escape('\\'));
        found = found.filter(in_name.or(accounts::email_key.like(small).escape('\\')));
    }
    if let Some(before) = query.before {
        found = found.filter(accounts::id.lt(before));
    }
    let found = found.load(conn)?;
    members_of(conn, found)
}

/// Accounts by their ids; those that are gone are missing.
///
/// # Errors
/// When the database does not answer.
pub fn named(conn: &mut Conn, ids: &[AccountId]) -> Result<HashMap<AccountId, Account>, Fault> {
    let found: Vec<Account> = accounts::table.filter(accounts::id.eq_any(ids)).select(Account::as_select()).load(conn)?;
    Ok(found.into_iter().map(|account| (account.id, account)).collect())
}
