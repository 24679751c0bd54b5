use diesel::prelude::*;

use super::chain::{BY_HASH, Content, NewEntry, SALT, chain, head_mac, hex};
use super::{ActorKind, Event, Filter};
use crate::clock::Timestamp;
use crate::db::schema::{accounts, audit, audit_head};
use crate::db::{Conn, Fault, MultiBackend, Tx, each};
use crate::ids::{AccountId, AuditId, SiteId};
use crate::secret;

/// An entry, as read back.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = audit)]
pub struct Entry {
    pub seq: i64,
    pub id: AuditId,
    pub at: Timestamp,
    pub actor_kind: ActorKind,
    pub actor_id: Option<AccountId>,
    pub event: Event,
    pub site_id: Option<SiteId>,
    pub account_id: Option<AccountId>,
    pub reason: Option<String>,
    /// From where it was done.
    pub address: Option<String>,
    /// How it was, as JSON; only what differs.
    pub before: Option<String>,
    /// How it is since.
    pub after: Option<String>,
    /// When reason, address, before and after were erased for somebody's privacy.
    pub erased_at: Option<Timestamp>,
    pub(super) version: i64,
    pub(super) salt: Option<Vec<u8>>,
    pub(super) content_hash: Option<Vec<u8>>,
    pub(super) hash: Vec<u8>,
}

/// What is needed to check an entry elsewhere, hashes in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Seal {
    pub version: i64,
    pub salt: Option<String>,
    pub content_hash: Option<String>,
    pub hash: String,
}

impl Entry {
    /// What is needed to check it elsewhere.
    pub fn seal(&self) -> Seal {
        Seal {
            version: self.version,
            salt: self.salt.as_deref().map(hex),
            content_hash: self.content_hash.as_deref().map(hex),
            hash: hex(&self.hash),
        }
    }

    pub(super) fn content(&self) -> Content {
        Content { reason: self.reason.clone(), address: self.address.clone(), before: self.before.clone(), after: self.after.clone() }
    }

    /// Whether it has nothing of what came with the second version.
    pub(super) fn is_bare(&self) -> bool {
        self.salt.is_none() && self.erased_at.is_none()
    }
}

impl From<Entry> for NewEntry {
    fn from(e: Entry) -> Self {
        Self {
            content: e.content(),
            id: e.id,
            at: e.at,
            actor_kind: e.actor_kind,
            actor_id: e.actor_id,
            event: e.event,
            site_id: e.site_id,
            account_id: e.account_id,
        }
    }
}

/// Adds an entry. The caller's transaction is alone (`Tx::alone`), or two entries would follow the same one.
pub(super) fn append(tx: &mut Tx, entry: &NewEntry) -> Result<(), Fault> {
    let end = end_of(tx)?;
    let salt = secret::random::<{ 2 * SALT }>();
    let content_hash = entry.content.hash(&salt);
    let hash = chain(&end.hash, BY_HASH, entry, &content_hash).to_vec();
    diesel::insert_into(audit::table)
        .values((
            (audit::id.eq(entry.id), audit::at.eq(entry.at), audit::event.eq(entry.event)),
            (audit::actor_kind.eq(entry.actor_kind), audit::actor_id.eq(entry.actor_id)),
            (audit::site_id.eq(entry.site_id), audit::account_id.eq(entry.account_id)),
            (audit::reason.eq(&entry.content.reason), audit::address.eq(&entry.content.address)),
            (audit::before.eq(&entry.content.before), audit::after.eq(&entry.content.after)),
            (audit::version.eq(BY_HASH), audit::salt.eq(salt.to_vec()), audit::content_hash.eq(content_hash)),
            audit::hash.eq(&hash),
        ))
        .execute(tx.conn())?;
    move_head(tx, end.entries + 1, &hash, end.is_ours)
}

/// How the log is noted to end.
pub(super) struct Head {
    pub entries: i64,
    /// Of the last entry.
    pub hash: Vec<u8>,
    /// The hub's mark on both.
    pub mac: Vec<u8>,
    /// The number of the last entry that there is.
    pub end: Option<i64>,
}

/// In one statement, so that nothing is added between the looks.
pub(super) fn head(conn: &mut Conn) -> Result<Option<Head>, Fault> {
    let end = audit::table.select(diesel::dsl::max(audit::seq)).single_value();
    let columns = (audit_head::entries, audit_head::hash, audit_head::mac, end);
    let found = audit_head::table.find(1).select(columns).first::<(i64, Vec<u8>, Vec<u8>, Option<i64>)>(conn).optional()?;
    Ok(found.map(|(entries, hash, mac, end)| Head { entries, hash, mac, end }))
}

pub(super) fn last_hash(conn: &mut Conn) -> Result<Option<Vec<u8>>, Fault> {
    Ok(audit::table.order(audit::seq.desc()).select(audit::hash).first(conn).optional()?)
}

/// Whether the log has entries from since its end is marked.
pub(super) fn has_marked(conn: &mut Conn) -> Result<bool, Fault> {
    let marked = audit::table.filter(audit::version.ne(super::chain::IN_THE_CLEAR)).select(audit::seq);
    Ok(marked.order(audit::seq.desc()).first::<i64>(conn).optional()?.is_some())
}

/// Whether the log is empty though there are more accounts than `known`. The accounts' room lies above this one: all that is
/// read of its table is how many there are.
pub(super) fn is_missing(conn: &mut Conn, known: i64) -> Result<bool, Fault> {
    Ok(last_hash(conn)?.is_none() && accounts::table.count().get_result::<i64>(conn)? > known)
}

/// What the next entry follows.
struct End {
    entries: i64,
    hash: Vec<u8>,
    /// Whether the hub itself has noted so. If not, no later mark may make it good.
    is_ours: bool,
}

/// The next entry follows what the hub has noted, not what stands last in the table: whoever has rewritten the end of the log
/// must not get the hub's mark on it by waiting for the next entry.
fn end_of(tx: &mut Tx) -> Result<End, Fault> {
    let ring = tx.ring().cloned().ok_or_else(|| Fault::Unreadable("the hub's keys are not known to the database (Db::know)".into()))?;
    match head(tx.conn())? {
        Some(head) if head.is_ours(&ring) => Ok(End { entries: head.entries, hash: head.hash, is_ours: true }),
        Some(head) => Ok(End { entries: head.entries, hash: last_hash(tx.conn())?.unwrap_or_default(), is_ours: false }),
        // A log from before its end was noted; or somebody has deleted the note.
        None => {
            let entries = audit::table.count().get_result(tx.conn())?;
            // The very first account is there before its own entry is; with more of them, somebody has emptied the log.
            let is_ours = !has_marked(tx.conn())? && !is_missing(tx.conn(), 1)?;
            Ok(End { entries, hash: last_hash(tx.conn())?.unwrap_or_default(), is_ours })
        }
    }
}

/// Notes how the log ends now. Without the hub's mark where what was noted before was not the hub's: the log stays broken.
fn move_head(tx: &mut Tx, entries: i64, hash: &[u8], is_ours: bool) -> Result<(), Fault> {
    let mac = tx.ring().filter(|_| is_ours).map(|ring| head_mac(ring, entries, hash)).unwrap_or_default();
    let row = (audit_head::id.eq(1_i64), audit_head::entries.eq(entries), audit_head::hash.eq(hash), audit_head::mac.eq(&mac));
    let changed = (audit_head::entries.eq(entries), audit_head::hash.eq(hash), audit_head::mac.eq(&mac));
    each!(tx.conn(), c => diesel::insert_into(audit_head::table).values(row).on_conflict(audit_head::id).do_update().set(changed).execute(c))?;
    Ok(())
}

/// The entries after a number, up to another, oldest first.
pub(super) fn between(conn: &mut Conn, after: i64, upto: i64, most: i64) -> Result<Vec<Entry>, Fault> {
    let between = audit::table.filter(audit::seq.gt(after)).filter(audit::seq.le(upto));
    Ok(between.order(audit::seq).limit(most).select(Entry::as_select()).load(conn)?)
}

/// The entries that pass a filter.
fn passing(filter: &Filter) -> audit::BoxedQuery<'static, MultiBackend> {
    let mut query = audit::table.into_boxed();
    if let Some(event) = filter.event {
        query = query.filter(audit::event.eq(event));
    }
    if let Some(kind) = filter.actor_kind {
        query = query.filter(audit::actor_kind.eq(kind));
    }
    if let Some(actor) = filter.actor {
        query = query.filter(audit::actor_id.eq(actor));
    }
    if let Some(site) = filter.site {
        query = query.filter(audit::site_id.eq(site));
    }
    if let Some(account) = filter.account {
        query = query.filter(audit::account_id.eq(account));
    }
    if let Some(person) = filter.by_or_about {
        query = query.filter(audit::actor_id.eq(person).or(audit::account_id.eq(person)));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit::at.ge(from));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit::at.lt(until));
    }
    if let Some(before) = filter.before {
        query = query.filter(audit::seq.lt(before));
    }
    query
}

/// Entries that pass a filter, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn list(conn: &mut Conn, filter: &Filter, most: i64) -> Result<Vec<Entry>, Fault> {
    Ok(passing(filter).order(audit::seq.desc()).limit(most).select(Entry::as_select()).load(conn)?)
}

/// Entries that pass a filter, after the one with the number `after` and up to `upto`, oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn list_upwards(conn: &mut Conn, filter: &Filter, (after, upto): (i64, i64), most: i64) -> Result<Vec<Entry>, Fault> {
    let between = passing(filter).filter(audit::seq.gt(after)).filter(audit::seq.le(upto));
    Ok(between.order(audit::seq).limit(most).select(Entry::as_select()).load(conn)?)
}

/// The number of the last entry; 0 where there is none.
///
/// # Errors
/// When the database does not answer.
pub fn last_seq(conn: &mut Conn) -> Result<i64, Fault> {
    Ok(audit::table.order(audit::seq.desc()).select(audit::seq).first(conn).optional()?.unwrap_or(0))
}

/// The newest entries about a site, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn about_site(conn: &mut Conn, site: SiteId, most: i64) -> Result<Vec<Entry>, Fault> {
    Ok(audit::table.filter(audit::site_id.eq(site)).order(audit::seq.desc()).limit(most).select(Entry::as_select()).load(conn)?)
}

/// The entries by or about an account, oldest first, later than `after`.
///
/// # Errors
/// When the database does not answer.
pub fn of_account(conn: &mut Conn, account: AccountId, after: i64, most: i64) -> Result<Vec<Entry>, Fault> {
    let theirs = audit::table.filter(audit::actor_id.eq(account).or(audit::account_id.eq(account))).filter(audit::seq.gt(after));
    Ok(theirs.order(audit::seq).limit(most).select(Entry::as_select()).load(conn)?)
}

/// Erases, for somebody's privacy, what entries by or about an account tell beyond who did what and when. Their hashes
/// stay, and the chain holds. Gives how many were erased; those of the first version can't be. The caller notes in the same
/// transaction, and with the same `now`, that the account was erased ([`Event::AccountErased`]): without that, `verify`
/// takes it for tampering.
///
/// # Errors
/// When it can't be written.
pub fn erase_about(tx: &mut Tx, now: Timestamp, account: AccountId) -> Result<usize, Fault> {
    let theirs = audit::actor_id.eq(account).or(audit::account_id.eq(account));
    let erasable = audit::table.filter(theirs).filter(audit::version.eq(BY_HASH).and(audit::salt.is_not_null()));
    let none = None::<String>;
    let erased = diesel::update(erasable).set((
        (audit::reason.eq(&none), audit::address.eq(&none), audit::before.eq(&none), audit::after.eq(&none)),
        (audit::salt.eq(None::<Vec<u8>>), audit::erased_at.eq(now)),
    ));
    Ok(erased.execute(tx.conn())?)
}

/// Erases the addresses of entries made before a moment, `most` at once. The caller notes it ([`Event::ContentErased`]);
/// [`super::forget_addresses`] does both.
///
/// # Errors
/// When it can't be written.
pub fn erase_addresses(tx: &mut Tx, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let old = audit::table.filter(audit::at.lt(before).and(audit::address.is_not_null()).and(audit::salt.is_not_null()));
    let rows: Vec<(i64, Option<Vec<u8>>)> = old.order(audit::seq).limit(most).select((audit::seq, audit::salt)).load(tx.conn())?;
    for (seq, salt) in &rows {
        let kept = salt.as_deref().map(|salt| salt.iter().copied().take(SALT).collect::<Vec<u8>>());
        diesel::update(audit::table.find(seq)).set((audit::address.eq(None::<String>), audit::salt.eq(kept))).execute(tx.conn())?;
    }
    Ok(rows.len())
}
