use diesel::prelude::*;

use super::Topic;
use crate::clock::Timestamp;
use crate::db::schema::{mail_optouts, refusing_mailboxes};
use crate::db::{Conn, Fault, each};
use crate::ids::LetterId;

/// Stops letters about a topic to a mailbox ([`EmailAddress::key`](crate::mail::EmailAddress::key)). May be repeated.
///
/// # Errors
/// When it can't be written.
pub fn stop(conn: &mut Conn, mailbox: &str, topic: Topic, now: Timestamp) -> Result<(), Fault> {
    let row = (mail_optouts::email_key.eq(mailbox), mail_optouts::topic.eq(topic.as_str()), mail_optouts::at.eq(now));
    each!(conn, c => diesel::insert_into(mail_optouts::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Lets letters about a topic come again. May be repeated.
///
/// # Errors
/// When it can't be written.
pub fn restart(conn: &mut Conn, mailbox: &str, topic: Topic) -> Result<(), Fault> {
    diesel::delete(mail_optouts::table.find((mailbox, topic.as_str()))).execute(conn)?;
    Ok(())
}

/// Whether a mailbox has stopped letters about a topic.
///
/// # Errors
/// When the database does not answer.
pub fn is_stopped(conn: &mut Conn, mailbox: &str, topic: Topic) -> Result<bool, Fault> {
    let found = mail_optouts::table.find((mailbox, topic.as_str())).select(mail_optouts::topic);
    Ok(found.first::<String>(conn).optional()?.is_some())
}

/// A mailbox that its server says is none, or takes nothing.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = refusing_mailboxes)]
pub struct Refusing {
    /// Its [key](crate::mail::EmailAddress::key).
    pub email_key: String,
    pub at: Timestamp,
    /// The letter that was refused; it may be deleted by now.
    pub letter_id: Option<LetterId>,
    /// What its server said.
    pub why: String,
}

/// Notes that a mailbox has refused a letter.
pub(in crate::mail) fn refuses(conn: &mut Conn, mailbox: &str, letter: LetterId, now: Timestamp, why: &str) -> Result<(), Fault> {
    let values = (refusing_mailboxes::at.eq(now), refusing_mailboxes::letter_id.eq(letter), refusing_mailboxes::why.eq(why));
    each!(conn, c => diesel::insert_into(refusing_mailboxes::table)
        .values((refusing_mailboxes::email_key.eq(mailbox), values))
        .on_conflict(refusing_mailboxes::email_key)
        .do_update()
        .set(values)
        .execute(c))?;
    Ok(())
}

/// Notes that a mailbox has taken a letter.
pub(in crate::mail) fn accepts(conn: &mut Conn, mailbox: &str) -> Result<(), Fault> {
    diesel::delete(refusing_mailboxes::table.find(mailbox)).execute(conn)?;
    Ok(())
}

/// The mailboxes that refuse letters, the latest refusals first.
///
/// # Errors
/// When the database does not answer.
pub fn refusing(conn: &mut Conn, most: i64) -> Result<Vec<Refusing>, Fault> {
    let latest = refusing_mailboxes::table.order((refusing_mailboxes::at.desc(), refusing_mailboxes::email_key)).limit(most);
    Ok(latest.select(Refusing::as_select()).load(conn)?)
}

/// The last refusal of a mailbox ([`EmailAddress::key`](crate::mail::EmailAddress::key)), if it has taken nothing since.
///
/// # Errors
/// When the database does not answer.
pub fn is_refusing(conn: &mut Conn, mailbox: &str) -> Result<Option<Refusing>, Fault> {
    Ok(refusing_mailboxes::table.find(mailbox).select(Refusing::as_select()).first(conn).optional()?)
}

/// How many mailboxes refuse letters.
///
/// # Errors
/// When the database does not answer.
pub fn count_refusing(conn: &mut Conn) -> Result<i64, Fault> {
    Ok(refusing_mailboxes::table.count().get_result(conn)?)
}
