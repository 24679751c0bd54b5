use std::time::Duration;

use diesel::prelude::*;

use super::{Shelf, Stuck, Which};
use crate::clock::Timestamp;
use crate::db::schema::{letters, refusing_mailboxes};
use crate::db::text::{self, lower};
use crate::db::{Conn, Fault};
use crate::ids::{AccountId, LetterId};
use crate::mail::Posted;

/// From when on a due letter is late.
const LATE: Duration = Duration::from_secs(15 * 60);
/// For how long a letter that was given up is worth a look.
const RECENT: Duration = Duration::from_secs(7 * 86_400);

/// Letters that are asked for, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn list(conn: &mut Conn, shelf: &Shelf, most: i64) -> Result<Vec<Posted>, Fault> {
    let mut query = letters::table.select(Posted::as_select()).order(letters::id.desc()).limit(most).into_boxed();
    match shelf.state {
        Some(Which::Waiting) => query = query.filter(letters::sent_at.is_null().and(letters::failed_at.is_null())),
        Some(Which::Failed) => query = query.filter(letters::failed_at.is_not_null()),
        Some(Which::Sent) => query = query.filter(letters::sent_at.is_not_null()),
        None => {}
    }
    let mailbox: String = shelf.mailbox.trim().to_lowercase().chars().filter(|c| !c.is_control()).collect();
    if !mailbox.is_empty() {
        query = query.filter(lower(letters::to_address).like(text::with(&mailbox)).escape('\\'));
    }
    if let Some(before) = shelf.before {
        query = query.filter(letters::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// The newest letters to an account.
///
/// # Errors
/// When the database does not answer.
pub fn of_account(conn: &mut Conn, account: AccountId, most: i64) -> Result<Vec<Posted>, Fault> {
    let theirs = letters::table.filter(letters::account_id.eq(account));
    Ok(theirs.order(letters::id.desc()).limit(most).select(Posted::as_select()).load(conn)?)
}

/// What of the outbox needs somebody, each counted up to `most`.
///
/// # Errors
/// When the database does not answer.
pub fn stuck(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Stuck, Fault> {
    let waiting = letters::table.filter(letters::sent_at.is_null().and(letters::failed_at.is_null()));
    // One that was put off after a failed try is late too: its first try was due when it was written.
    let late = waiting.filter(letters::due_at.lt(now - LATE).or(letters::tries.gt(0).and(letters::created_at.lt(now - LATE))));
    let given_up = letters::table.filter(letters::failed_at.ge(now - RECENT).and(letters::sent_at.is_null()));
    Ok(Stuck {
        late: late.limit(most).select(letters::id).load::<LetterId>(conn)?.len(),
        given_up: given_up.limit(most).select(letters::id).load::<LetterId>(conn)?.len(),
        refusing: refusing_mailboxes::table.limit(most).select(refusing_mailboxes::email_key).load::<String>(conn)?.len(),
    })
}

/// Forgets that a mailbox has refused letters: the next one is tried. `false`: it was not known to.
///
/// # Errors
/// When it can't be written.
pub fn clear_refusing(conn: &mut Conn, mailbox: &str) -> Result<bool, Fault> {
    Ok(diesel::delete(refusing_mailboxes::table.find(mailbox)).execute(conn)? == 1)
}
