use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::erasures;
use crate::db::{Conn, Fault, each};
use crate::ids::AccountId;

/// Notes that an account is to be erased. Twice is once.
pub(super) fn ask(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<(), Fault> {
    let values = (erasures::account_id.eq(account), erasures::asked_at.eq(now));
    each!(conn, c => diesel::insert_into(erasures::table).values(values).on_conflict(erasures::account_id).do_nothing().execute(c))?;
    Ok(())
}

/// Whether an account is being erased.
///
/// # Errors
/// When the database does not answer.
pub fn is_asked(conn: &mut Conn, account: AccountId) -> Result<bool, Fault> {
    Ok(erasures::table.find(account).count().get_result::<i64>(conn)? > 0)
}

/// The accounts that are being erased, the longest first.
///
/// # Errors
/// When the database does not answer.
pub fn under_way(conn: &mut Conn, most: i64) -> Result<Vec<AccountId>, Fault> {
    let asked = erasures::table.order((erasures::asked_at, erasures::account_id)).limit(most);
    Ok(asked.select(erasures::account_id).load(conn)?)
}
