use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::saved_views;
use crate::db::{Conn, Fault};
use crate::ids::{AccountId, ViewId};

/// A list of sites that is kept.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = saved_views)]
pub struct View {
    pub id: ViewId,
    pub account_id: AccountId,
    pub name: String,
    pub(super) query: String,
    pub shared: bool,
    pub created_at: Timestamp,
}

/// The lists that a member of the team sees: their own, and what others share; in the order in which they were made.
///
/// # Errors
/// When the database does not answer.
pub fn views_of(conn: &mut Conn, account: AccountId) -> Result<Vec<View>, Fault> {
    let own = saved_views::account_id.eq(account).or(saved_views::shared.eq(true));
    Ok(saved_views::table.filter(own).order(saved_views::id).limit(300).select(View::as_select()).load(conn)?)
}

pub(super) fn count(conn: &mut Conn, account: AccountId) -> Result<i64, Fault> {
    Ok(saved_views::table.filter(saved_views::account_id.eq(account)).count().get_result(conn)?)
}

pub(super) fn insert(conn: &mut Conn, id: ViewId, account: AccountId, said: (&str, &str, bool), now: Timestamp) -> Result<(), Fault> {
    let (name, query, shared) = said;
    diesel::insert_into(saved_views::table)
        .values((
            saved_views::id.eq(id),
            saved_views::account_id.eq(account),
            saved_views::name.eq(name),
            saved_views::query.eq(query),
            saved_views::shared.eq(shared),
            saved_views::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

pub(super) fn delete_named(conn: &mut Conn, account: AccountId, name: &str) -> Result<(), Fault> {
    let same = saved_views::table.filter(saved_views::account_id.eq(account).and(saved_views::name.eq(name)));
    diesel::delete(same).execute(conn)?;
    Ok(())
}

pub(super) fn delete(conn: &mut Conn, account: AccountId, id: ViewId) -> Result<bool, Fault> {
    let own = saved_views::table.find(id).filter(saved_views::account_id.eq(account));
    Ok(diesel::delete(own).execute(conn)? == 1)
}
