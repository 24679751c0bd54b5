use diesel::prelude::*;

use super::{ActorKind, Event};
use crate::clock::Timestamp;
use crate::db::schema::audit;
use crate::db::{Conn, Fault};
use crate::ids::{AccountId, AuditId, SiteId};

pub(super) struct NewEntry {
    pub id: AuditId,
    pub at: Timestamp,
    pub actor_kind: ActorKind,
    pub actor_id: Option<AccountId>,
    pub event: Event,
    pub site_id: Option<SiteId>,
    pub account_id: Option<AccountId>,
    pub reason: Option<String>,
}

/// An entry, as read back.
#[derive(Debug, Clone, Queryable)]
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
    hash: Vec<u8>,
}

/// The hash of an entry that follows one with the hash `before`: every part with its length, so that none can be moved into the next.
fn chain(before: &[u8], entry: &NewEntry) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(before);
    part(entry.id.as_bytes());
    part(entry.at.sortable().as_bytes());
    part(entry.actor_kind.as_str().as_bytes());
    part(entry.actor_id.as_ref().map_or(&[], |id| id.as_bytes()));
    part(entry.event.as_str().as_bytes());
    part(entry.site_id.as_ref().map_or(&[], |id| id.as_bytes()));
    part(entry.account_id.as_ref().map_or(&[], |id| id.as_bytes()));
    part(entry.reason.as_deref().unwrap_or_default().as_bytes());
    *hasher.finalize().as_bytes()
}

/// Adds an entry. The caller's transaction is alone (`Tx::alone`), or two entries would follow the same one.
pub(super) fn append(conn: &mut Conn, entry: &NewEntry) -> Result<(), Fault> {
    let before: Option<Vec<u8>> = audit::table.order(audit::seq.desc()).select(audit::hash).first(conn).optional()?;
    let hash = chain(&before.unwrap_or_default(), entry).to_vec();
    diesel::insert_into(audit::table)
        .values((
            audit::id.eq(entry.id),
            audit::at.eq(entry.at),
            audit::actor_kind.eq(entry.actor_kind),
            audit::actor_id.eq(entry.actor_id),
            audit::event.eq(entry.event),
            audit::site_id.eq(entry.site_id),
            audit::account_id.eq(entry.account_id),
            audit::reason.eq(&entry.reason),
            audit::hash.eq(hash),
        ))
        .execute(conn)?;
    Ok(())
}

/// The newest entries about a site, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn about_site(conn: &mut Conn, site: SiteId, most: i64) -> Result<Vec<Entry>, Fault> {
    Ok(audit::table.filter(audit::site_id.eq(site)).order(audit::seq.desc()).limit(most).load(conn)?)
}

/// A log that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub entries: u64,
    /// The hash of its last entry, in hexadecimal: kept elsewhere, it shows later that nothing before it was rewritten.
    pub last: String,
}

/// Walks the whole log.
///
/// # Errors
/// [`Fault::Unreadable`] names the first entry that does not follow from the one before it.
pub fn verify(conn: &mut Conn) -> Result<Verified, Fault> {
    let (mut before, mut last, mut entries) = (Vec::new(), i64::MIN, 0);
    loop {
        let page: Vec<Entry> = audit::table.filter(audit::seq.gt(last)).order(audit::seq).limit(1_000).load(conn)?;
        let Some(end) = page.last() else {
            return Ok(Verified { entries, last: before.iter().map(|byte: &u8| format!("{byte:02x}")).collect() });
        };
        last = end.seq;
        for entry in page {
            let (seq, hash) = (entry.seq, entry.hash.clone());
            if chain(&before, &NewEntry::from(entry)) != hash.as_slice() {
                return Err(Fault::Unreadable(format!("audit entry {seq} was changed, or one before it was removed")));
            }
            (before, entries) = (hash, entries + 1);
        }
    }
}

impl From<Entry> for NewEntry {
    fn from(e: Entry) -> Self {
        Self {
            id: e.id,
            at: e.at,
            actor_kind: e.actor_kind,
            actor_id: e.actor_id,
            event: e.event,
            site_id: e.site_id,
            account_id: e.account_id,
            reason: e.reason,
        }
    }
}
