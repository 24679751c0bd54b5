use diesel::prelude::*;

use super::{EmailAddress, Recipient, SECRET_PLACE, Text};
use crate::clock::Timestamp;
use crate::db::schema::letters;
use crate::db::{Conn, Fault};
use crate::ids::{LeaseId, LetterId, SiteId};

pub(super) struct NewLetter<'a> {
    pub id: LetterId,
    pub kind: &'static str,
    pub to: &'a Recipient,
    pub text: &'a Text,
    pub secret: Option<&'a str>,
    pub now: Timestamp,
}

pub(super) fn insert(conn: &mut Conn, letter: &NewLetter) -> Result<(), Fault> {
    diesel::insert_into(letters::table)
        .values((
            letters::id.eq(letter.id),
            letters::kind.eq(letter.kind),
            letters::account_id.eq(letter.to.account),
            letters::site_id.eq(letter.to.site),
            letters::to_address.eq(letter.to.address.as_str()),
            letters::to_name.eq(&letter.to.name),
            letters::subject.eq(&letter.text.subject),
            letters::text_body.eq(&letter.text.text),
            letters::html_body.eq(&letter.text.html),
            letters::secret.eq(letter.secret),
            letters::created_at.eq(letter.now),
            letters::due_at.eq(letter.now),
            letters::tries.eq(0),
            letters::leased_until.eq(letter.now),
        ))
        .execute(conn)?;
    Ok(())
}

/// A letter of the outbox.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = letters)]
pub struct Posted {
    pub id: LetterId,
    pub kind: String,
    pub to_address: String,
    pub to_name: String,
    pub subject: String,
    text_body: String,
    html_body: String,
    secret: Option<String>,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub tries: i64,
    pub sent_at: Option<Timestamp>,
    pub failed_at: Option<Timestamp>,
    pub error: Option<String>,
}

/// How far a letter has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterState {
    Waiting,
    /// Tried and not sent yet.
    Retrying,
    Sent,
    GivenUp,
}

impl Posted {
    pub fn state(&self) -> LetterState {
        match (self.sent_at, self.failed_at, &self.error) {
            (Some(_), ..) => LetterState::Sent,
            (None, Some(_), _) => LetterState::GivenUp,
            (None, None, Some(_)) => LetterState::Retrying,
            (None, None, None) => LetterState::Waiting,
        }
    }

    /// The text without its secret, for staff.
    pub fn masked_text(&self) -> String {
        self.text_body.replace(SECRET_PLACE, "…")
    }

    /// The text as it is sent: for the one it is addressed to, and for the console of the local profile.
    pub fn full_text(&self) -> String {
        self.text_body.replace(SECRET_PLACE, self.secret.as_deref().unwrap_or("…"))
    }

    pub(super) fn full_html(&self) -> String {
        self.html_body.replace(SECRET_PLACE, self.secret.as_deref().unwrap_or("…"))
    }

    pub(super) fn address(&self) -> Result<EmailAddress, String> {
        EmailAddress::parse(&self.to_address)
    }
}

/// Whether any letter is due: a look that takes no lock.
pub(super) fn any_due(conn: &mut Conn, now: Timestamp) -> Result<bool, Fault> {
    let due = letters::table
        .filter(letters::sent_at.is_null().and(letters::failed_at.is_null()))
        .filter(letters::due_at.le(now).and(letters::leased_until.le(now)));
    Ok(due.select(letters::id).first::<LetterId>(conn).optional()?.is_some())
}

/// Leases up to `most` due letters, so that no other node sends them meanwhile.
pub(super) fn lease(conn: &mut Conn, now: Timestamp, mine: LeaseId, until: Timestamp, most: i64) -> Result<Vec<Posted>, Fault> {
    let due = diesel::alias!(letters as due);
    let some = due
        .filter(due.field(letters::sent_at).is_null().and(due.field(letters::failed_at).is_null()))
        .filter(due.field(letters::due_at).le(now).and(due.field(letters::leased_until).le(now)))
        .order(due.field(letters::due_at))
        .select(due.field(letters::id))
        .limit(most);
    // The lease is asked for again outside: a rival that waited for the row takes nothing twice.
    diesel::update(letters::table.filter(letters::id.eq_any(some)).filter(letters::leased_until.le(now)))
        .set((letters::lease.eq(mine), letters::leased_until.eq(until)))
        .execute(conn)?;
    let mine = letters::table.filter(letters::lease.eq(mine).and(letters::leased_until.eq(until)));
    Ok(mine.filter(letters::sent_at.is_null()).order(letters::created_at).select(Posted::as_select()).load(conn)?)
}

/// Notes that a letter is sent, and erases the secret of its link.
pub(super) fn sent(conn: &mut Conn, id: LetterId, now: Timestamp) -> Result<(), Fault> {
    diesel::update(letters::table.find(id))
        .set((
            letters::sent_at.eq(now),
            letters::tries.eq(letters::tries + 1),
            letters::secret.eq(None::<String>),
            letters::error.eq(None::<String>),
            letters::leased_until.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Notes that a try failed: another at `due_at`, or none when `given_up`.
pub(super) fn failed(
    conn: &mut Conn,
    id: LetterId,
    now: Timestamp,
    why: Option<&str>,
    due_at: Timestamp,
    given_up: bool,
) -> Result<(), Fault> {
    diesel::update(letters::table.find(id))
        .set((
            letters::tries.eq(letters::tries + 1),
            letters::error.eq(why),
            letters::due_at.eq(due_at),
            letters::leased_until.eq(now),
            letters::failed_at.eq(given_up.then_some(now)),
        ))
        .execute(conn)?;
    Ok(())
}

/// A letter by its id.
///
/// # Errors
/// When the database does not answer.
pub fn find(conn: &mut Conn, id: LetterId) -> Result<Option<Posted>, Fault> {
    Ok(letters::table.find(id).select(Posted::as_select()).first(conn).optional()?)
}

/// Letters, newest first, older than `before`.
///
/// # Errors
/// When the database does not answer.
pub fn page(conn: &mut Conn, before: Option<LetterId>, most: i64) -> Result<Vec<Posted>, Fault> {
    let mut query = letters::table.select(Posted::as_select()).order(letters::id.desc()).limit(most).into_boxed();
    if let Some(before) = before {
        query = query.filter(letters::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// The newest letters about a site.
///
/// # Errors
/// When the database does not answer.
pub fn about_site(conn: &mut Conn, site: SiteId, most: i64) -> Result<Vec<Posted>, Fault> {
    let of_site = letters::table.filter(letters::site_id.eq(site));
    Ok(of_site.order(letters::id.desc()).limit(most).select(Posted::as_select()).load(conn)?)
}

/// How many letters wait, and how many of those have failed before or were given up.
///
/// # Errors
/// When the database does not answer.
pub fn counts(conn: &mut Conn) -> Result<(i64, i64), Fault> {
    let open = letters::table.filter(letters::sent_at.is_null());
    let waiting = open.filter(letters::failed_at.is_null()).count().get_result(conn)?;
    let stuck = open.filter(letters::error.is_not_null()).count().get_result(conn)?;
    Ok((waiting, stuck))
}
