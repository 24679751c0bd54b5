use diesel::dsl;
use diesel::prelude::*;

use super::{EmailAddress, Language, Recipient, SECRET_PLACE, Text, Topic, UNSUBSCRIBE_PLACE};
use crate::clock::Timestamp;
use crate::db::schema::{letters, mail_optouts, refusing_mailboxes};
use crate::db::text::lower;
use crate::db::{Conn, Fault};
use crate::ids::{AccountId, LeaseId, LetterId, SiteId};

pub(super) struct NewLetter<'a> {
    pub id: LetterId,
    pub kind: &'static str,
    pub topic: Option<Topic>,
    pub language: Language,
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
            letters::language.eq(letter.language.as_str()),
            letters::topic.eq(letter.topic.map(Topic::as_str)),
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
    pub language: String,
    topic: Option<String>,
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

    /// Whether it has a link whose secret is erased: sent like this, the link would lead nowhere.
    pub fn has_lost_its_link(&self) -> bool {
        self.secret.is_none() && self.text_body.contains(SECRET_PLACE)
    }

    /// The text without its secret, for staff.
    pub fn masked_text(&self) -> String {
        filled(&self.text_body, None, None)
    }

    /// The text with its secret: for the one it is addressed to, and for the console of the local profile.
    pub fn full_text(&self) -> String {
        filled(&self.text_body, self.secret.as_deref(), None)
    }

    /// Text and HTML as they are sent. `stop`: the link by which letters like this are stopped.
    pub(super) fn to_send(&self, stop: Option<&str>) -> (String, String) {
        let secret = self.secret.as_deref();
        (filled(&self.text_body, secret, stop), filled(&self.html_body, secret, stop))
    }

    /// What its reader may stop it as.
    pub(super) fn topic(&self) -> Option<Topic> {
        self.topic.as_deref().and_then(|topic| topic.parse().ok())
    }

    pub(super) fn address(&self) -> Result<EmailAddress, String> {
        EmailAddress::parse(&self.to_address)
    }
}

fn filled(part: &str, secret: Option<&str>, stop: Option<&str>) -> String {
    part.replace(SECRET_PLACE, secret.unwrap_or("…")).replace(UNSUBSCRIBE_PLACE, stop.unwrap_or("…"))
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
    // All of it is asked for again outside: a rival that waited for the row takes nothing twice, and nothing that was
    // sent or put off meanwhile.
    let still = letters::table
        .filter(letters::id.eq_any(some))
        .filter(letters::sent_at.is_null().and(letters::failed_at.is_null()))
        .filter(letters::due_at.le(now).and(letters::leased_until.le(now)));
    diesel::update(still).set((letters::lease.eq(mine), letters::leased_until.eq(until))).execute(conn)?;
    let mine = letters::table.filter(letters::lease.eq(mine).and(letters::leased_until.eq(until)));
    Ok(mine.filter(letters::sent_at.is_null()).order(letters::created_at).select(Posted::as_select()).load(conn)?)
}

type Ours = dsl::Filter<dsl::Filter<dsl::Find<letters::table, LetterId>, dsl::Eq<letters::lease, LeaseId>>, dsl::IsNull<letters::sent_at>>;

/// A letter, if this lease is still the one that holds it and nobody has sent it.
fn ours(id: LetterId, mine: LeaseId) -> Ours {
    letters::table.find(id).filter(letters::lease.eq(mine)).filter(letters::sent_at.is_null())
}

/// Makes the lease on one letter last until `until`. False: it is no longer ours, and another may be sending it.
pub(super) fn renew(conn: &mut Conn, id: LetterId, mine: LeaseId, until: Timestamp) -> Result<bool, Fault> {
    let open = ours(id, mine).filter(letters::failed_at.is_null());
    Ok(diesel::update(open).set(letters::leased_until.eq(until)).execute(conn)? == 1)
}

/// Gives back what this lease still holds, so that nobody has to wait for it to run out.
pub(super) fn release(conn: &mut Conn, mine: LeaseId, now: Timestamp) -> Result<(), Fault> {
    let held = letters::table.filter(letters::lease.eq(mine)).filter(letters::leased_until.gt(now));
    diesel::update(held).set(letters::leased_until.eq(now)).execute(conn)?;
    Ok(())
}

/// Notes that a letter is sent, and erases the secret of its link. False: it was no longer ours.
pub(super) fn sent(conn: &mut Conn, id: LetterId, mine: LeaseId, now: Timestamp) -> Result<bool, Fault> {
    let noted = diesel::update(ours(id, mine))
        .set((
            letters::sent_at.eq(now),
            letters::tries.eq(letters::tries + 1),
            letters::secret.eq(None::<String>),
            letters::error.eq(None::<String>),
            letters::leased_until.eq(now),
        ))
        .execute(conn)?;
    Ok(noted == 1)
}

/// Notes that a try failed, and why: the next one is at `due_at`.
pub(super) fn failed(conn: &mut Conn, id: LetterId, mine: LeaseId, now: Timestamp, why: &str, due_at: Timestamp) -> Result<(), Fault> {
    diesel::update(ours(id, mine))
        .set((letters::tries.eq(letters::tries + 1), letters::error.eq(why), letters::due_at.eq(due_at), letters::leased_until.eq(now)))
        .execute(conn)?;
    Ok(())
}

/// Notes that the last try failed, and why, and erases the secret of the letter's link. False: it was no longer ours.
pub(super) fn given_up(conn: &mut Conn, id: LetterId, mine: LeaseId, now: Timestamp, why: &str) -> Result<bool, Fault> {
    let noted = diesel::update(ours(id, mine))
        .set((
            letters::tries.eq(letters::tries + 1),
            letters::error.eq(why),
            letters::failed_at.eq(now),
            letters::secret.eq(None::<String>),
            letters::leased_until.eq(now),
        ))
        .execute(conn)?;
    Ok(noted == 1)
}

/// Notes that a letter was shown where no server is set. That was no try: it rests until `due_at`.
pub(super) fn shown(conn: &mut Conn, id: LetterId, mine: LeaseId, now: Timestamp, due_at: Timestamp) -> Result<(), Fault> {
    diesel::update(ours(id, mine)).set((letters::due_at.eq(due_at), letters::leased_until.eq(now))).execute(conn)?;
    Ok(())
}

/// Makes the letters due that rest since there was no server, and begins their tries anew. What waits after a failed
/// try keeps its time.
pub(super) fn wake(conn: &mut Conn, now: Timestamp) -> Result<usize, Fault> {
    let resting = letters::table
        .filter(letters::sent_at.is_null().and(letters::failed_at.is_null()))
        .filter(letters::error.is_null())
        .filter(letters::due_at.gt(now));
    Ok(diesel::update(resting).set((letters::due_at.eq(now), letters::tries.eq(0_i64))).execute(conn)?)
}

/// Makes a letter due that waits or was given up, and begins its tries anew. False: it is sent already, or there is no
/// such letter. One that [has lost its link](Posted::has_lost_its_link) is given up again by the next turn.
///
/// # Errors
/// When it can't be written.
pub fn again(conn: &mut Conn, id: LetterId, now: Timestamp) -> Result<bool, Fault> {
    let unsent = letters::table.find(id).filter(letters::sent_at.is_null().and(letters::erased_at.is_null()));
    let due = diesel::update(unsent)
        .set((
            letters::failed_at.eq(None::<Timestamp>),
            letters::error.eq(None::<String>),
            letters::tries.eq(0_i64),
            letters::due_at.eq(now),
        ))
        .execute(conn)?;
    Ok(due == 1)
}

/// Whose letters are erased.
#[derive(Clone, Copy, Debug)]
pub enum Erase<'a> {
    /// Those that were sent or given up before then.
    EndedBefore(Timestamp),
    /// Those of this kind that were sent or given up.
    EndedOfKind(&'a str),
    /// All to an account, those that wait too: they are never sent.
    ToAccount(AccountId),
    /// All about a site, likewise.
    AboutSite(SiteId),
    /// All to a mailbox, in small letters or as it is spelled, that no account got: likewise.
    ToMailbox(&'a str),
}

/// Erases words and addresses of letters, of `most` at once: that there was a letter of a kind, and when, stays. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub fn erase(conn: &mut Conn, now: Timestamp, whose: Erase<'_>, most: i64) -> Result<usize, Fault> {
    let kept = letters::table.filter(letters::erased_at.is_null()).order(letters::id).limit(most).select(letters::id).into_boxed();
    let ended = letters::sent_at.is_not_null().or(letters::failed_at.is_not_null());
    let found: Vec<LetterId> = match whose {
        // Of what was sent and then given up, as by another node, the later counts; the id is from before both.
        Erase::EndedBefore(before) => kept.filter(letters::sent_at.lt(before).or(letters::failed_at.lt(before))).load(conn)?,
        Erase::EndedOfKind(kind) => kept.filter(letters::kind.eq(kind).and(ended)).load(conn)?,
        Erase::ToAccount(account) => kept.filter(letters::account_id.eq(account)).load(conn)?,
        Erase::AboutSite(site) => kept.filter(letters::site_id.eq(site)).load(conn)?,
        Erase::ToMailbox(mailbox) => {
            let theirs = lower(letters::to_address).eq(mailbox).or(letters::to_address.eq(mailbox));
            kept.filter(letters::account_id.is_null()).filter(theirs).load(conn)?
        }
    };
    // A letter that waits is given up with that: there is nothing left of it to send.
    let waiting = letters::table.filter(letters::id.eq_any(&found).and(letters::sent_at.is_null()).and(letters::failed_at.is_null()));
    diesel::update(waiting).set((letters::failed_at.eq(now), letters::error.eq("erased before it was sent"))).execute(conn)?;
    diesel::update(letters::table.filter(letters::id.eq_any(&found)))
        .set((
            (letters::to_address.eq(""), letters::to_name.eq(""), letters::subject.eq("(erased)"), letters::text_body.eq("")),
            (letters::html_body.eq(""), letters::secret.eq(None::<String>), letters::erased_at.eq(now)),
        ))
        .execute(conn)?;
    // What a server said may name the mailbox.
    let told = letters::table.filter(letters::id.eq_any(&found).and(letters::error.is_not_null()));
    diesel::update(told).set(letters::error.eq("erased")).execute(conn)?;
    Ok(found.len())
}

/// Forgets that a mailbox refuses letters. That its owner does not want some of them stays: else they would come again.
///
/// # Errors
/// When it can't be written.
pub fn forget_mailbox(conn: &mut Conn, email_key: &str) -> Result<(), Fault> {
    diesel::delete(refusing_mailboxes::table.find(email_key)).execute(conn)?;
    Ok(())
}

/// Forgets that mailboxes refused letters before a moment, of `most` at once. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn trim_refusing(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let old = refusing_mailboxes::table.filter(refusing_mailboxes::at.lt(before)).order(refusing_mailboxes::at).limit(most);
    let old: Vec<String> = old.select(refusing_mailboxes::email_key).load(conn)?;
    let still = refusing_mailboxes::table.filter(refusing_mailboxes::email_key.eq_any(&old).and(refusing_mailboxes::at.lt(before)));
    diesel::delete(still).execute(conn)?;
    Ok(old.len())
}

/// What a mailbox does not want, and since when.
///
/// # Errors
/// When the database does not answer.
pub fn optouts_of(conn: &mut Conn, email_key: &str) -> Result<Vec<(String, Timestamp)>, Fault> {
    let of_mailbox = mail_optouts::table.filter(mail_optouts::email_key.eq(email_key)).order(mail_optouts::topic).limit(100);
    Ok(of_mailbox.select((mail_optouts::topic, mail_optouts::at)).load(conn)?)
}

/// The letters to an account, oldest first, newer than `after`.
///
/// # Errors
/// When the database does not answer.
pub fn of_account(conn: &mut Conn, account: AccountId, after: Option<LetterId>, most: i64) -> Result<Vec<Posted>, Fault> {
    let to_them = letters::table.filter(letters::account_id.eq(account)).order(letters::id).limit(most);
    let mut query = to_them.select(Posted::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(letters::id.gt(after));
    }
    Ok(query.load(conn)?)
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

/// Whether a letter of a kind about a site was posted since a moment.
///
/// # Errors
/// When the database does not answer.
pub fn posted_since(conn: &mut Conn, site: SiteId, kind: &str, since: Timestamp) -> Result<bool, Fault> {
    let posted = letters::table.filter(letters::site_id.eq(site).and(letters::kind.eq(kind)).and(letters::created_at.gt(since)));
    Ok(posted.count().get_result::<i64>(conn)? > 0)
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
