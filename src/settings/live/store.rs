use diesel::prelude::*;

use super::Told;
use crate::clock::Timestamp;
use crate::db::schema::live_settings;
use crate::db::{Conn, Fault, Tx};
use crate::ids::AccountId;

/// Everything that the team has said. There are as many at most as there are settings.
///
/// # Errors
/// When the database does not answer.
pub fn told(conn: &mut Conn) -> Result<Vec<Told>, Fault> {
    type Row = (String, String, Timestamp, Option<AccountId>);
    let rows: Vec<Row> = live_settings::table.order(live_settings::name).limit(1_000).load(conn)?;
    Ok(rows.into_iter().map(|(name, value, changed_at, account)| Told { name, value, changed_at, account }).collect())
}

/// Keeps what the team says of a setting; its caller has checked it.
///
/// # Errors
/// When it can't be written.
pub fn set(tx: &mut Tx, told: &Told) -> Result<(), Fault> {
    tx.alone()?;
    forget(tx, &told.name)?;
    diesel::insert_into(live_settings::table)
        .values((
            live_settings::name.eq(&told.name),
            live_settings::value.eq(&told.value),
            live_settings::changed_at.eq(told.changed_at),
            live_settings::account_id.eq(told.account),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Lets file and environment say again. `false`: they did already.
///
/// # Errors
/// When it can't be written.
pub fn forget(tx: &mut Tx, name: &str) -> Result<bool, Fault> {
    tx.alone()?;
    Ok(diesel::delete(live_settings::table.find(name)).execute(tx.conn())? > 0)
}

/// Takes an account's name from what it has said; that stays.
///
/// # Errors
/// When it can't be written.
pub fn forget_account(conn: &mut Conn, account: AccountId) -> Result<(), Fault> {
    let theirs = live_settings::table.filter(live_settings::account_id.eq(account));
    diesel::update(theirs).set(live_settings::account_id.eq(None::<AccountId>)).execute(conn)?;
    Ok(())
}
