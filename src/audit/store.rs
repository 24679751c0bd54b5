use std::collections::HashMap;

use diesel::prelude::*;

use super::{ActorKind, Event};
use crate::clock::Timestamp;
use crate::db::schema::{audit, audit_head};
use crate::db::{Conn, Fault, Tx, each};
use crate::ids::{AccountId, AuditId, SiteId};
use crate::secret::{self, Keyring, Purpose};

/// The first version chained what it told of in the clear, so that nothing of it could be erased.
const IN_THE_CLEAR: i64 = 1;
/// The second one chains a hash of it.
const BY_HASH: i64 = 2;

/// What an entry tells beyond who did what to whom and when: what may have to be erased.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub reason: Option<String>,
    pub address: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// How many bytes of salt each of an entry's two hashes has. Both stand in one column, one after the other: the words', then
/// the address's, which is erased sooner.
const SALT: usize = 16;
const HASH: usize = 32;

impl Content {
    fn words_hash(&self, salt: &[u8]) -> [u8; HASH] {
        let mut parts = Parts::default();
        parts.part(salt);
        for text in [&self.reason, &self.before, &self.after] {
            parts.part(text.as_deref().unwrap_or_default().as_bytes());
        }
        parts.end()
    }

    fn address_hash(&self, salt: &[u8]) -> [u8; HASH] {
        let mut parts = Parts::default();
        parts.part(salt);
        parts.part(self.address.as_deref().unwrap_or_default().as_bytes());
        parts.end()
    }

    fn hash(&self, salt: &[u8; 2 * SALT]) -> Vec<u8> {
        let (words, address) = salt.split_at(SALT);
        [self.words_hash(words), self.address_hash(address)].concat()
    }

    fn has_words(&self) -> bool {
        [&self.reason, &self.before, &self.after].iter().any(|text| text.is_some())
    }

    /// Whether this is what was hashed, as far as it is still there: `None` if not, else what was erased of it.
    fn fits(&self, salt: &[u8], hash: &[u8]) -> Option<Erased> {
        let (words_hash, address_hash) = hash.split_at_checked(HASH)?;
        match salt.len() {
            0 if !self.has_words() && self.address.is_none() => Some(Erased::All),
            SALT if self.address.is_none() && self.words_hash(salt) == words_hash => Some(Erased::Address),
            n if n == 2 * SALT && self.words_hash(&salt[..SALT]) == words_hash && self.address_hash(&salt[SALT..]) == address_hash => {
                Some(Erased::Nothing)
            }
            _ => None,
        }
    }
}

/// What of an entry was erased for somebody's privacy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Erased {
    Nothing,
    Address,
    All,
}

pub(super) struct NewEntry {
    pub id: AuditId,
    pub at: Timestamp,
    pub actor_kind: ActorKind,
    pub actor_id: Option<AccountId>,
    pub event: Event,
    pub site_id: Option<SiteId>,
    pub account_id: Option<AccountId>,
    pub content: Content,
}

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
    version: i64,
    salt: Option<Vec<u8>>,
    content_hash: Option<Vec<u8>>,
    hash: Vec<u8>,
}

/// A hash of several parts, each with its length, so that none can be moved into the next.
#[derive(Default)]
struct Parts(blake3::Hasher);

impl Parts {
    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn end(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// The hash of an entry that follows one with the hash `before`. `content`: the reason in the first version, the hash of
/// all of it in the second.
fn chain(before: &[u8], version: i64, entry: &NewEntry, content: &[u8]) -> [u8; 32] {
    let mut parts = Parts::default();
    parts.part(before);
    parts.part(entry.id.as_bytes());
    parts.part(entry.at.sortable().as_bytes());
    parts.part(entry.actor_kind.as_str().as_bytes());
    parts.part(entry.actor_id.as_ref().map_or(&[], |id| id.as_bytes()));
    parts.part(entry.event.as_str().as_bytes());
    parts.part(entry.site_id.as_ref().map_or(&[], |id| id.as_bytes()));
    parts.part(entry.account_id.as_ref().map_or(&[], |id| id.as_bytes()));
    parts.part(content);
    if version != IN_THE_CLEAR {
        parts.part(&version.to_le_bytes());
    }
    parts.end()
}

/// Adds an entry. The caller's transaction is alone (`Tx::alone`), or two entries would follow the same one.
pub(super) fn append(tx: &mut Tx, entry: &NewEntry) -> Result<(), Fault> {
    let before: Option<Vec<u8>> = audit::table.order(audit::seq.desc()).select(audit::hash).first(tx.conn()).optional()?;
    let salt = secret::random::<{ 2 * SALT }>();
    let content_hash = entry.content.hash(&salt);
    let hash = chain(&before.unwrap_or_default(), BY_HASH, entry, &content_hash).to_vec();
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
    move_head(tx, &hash)
}

fn head_mac(ring: &Keyring, entries: i64, hash: &[u8]) -> Vec<u8> {
    ring.hash(Purpose::Audit, &[&entries.to_le_bytes(), hash]).to_vec()
}

/// How the log is noted to end: how many entries, the last one's hash, the hub's mark on both, and the last number.
type Head = (i64, Vec<u8>, Vec<u8>, Option<i64>);

/// In one statement, so that nothing is added between the looks.
fn head(conn: &mut Conn) -> Result<Option<Head>, Fault> {
    let end = audit::table.select(diesel::dsl::max(audit::seq)).single_value();
    Ok(audit_head::table.find(1).select((audit_head::entries, audit_head::hash, audit_head::mac, end)).first(conn).optional()?)
}

/// Notes how the log ends now.
fn move_head(tx: &mut Tx, hash: &[u8]) -> Result<(), Fault> {
    let before: Option<i64> = audit_head::table.find(1).select(audit_head::entries).first(tx.conn()).optional()?;
    let entries = match before {
        Some(entries) => entries + 1,
        // A log from before this was kept.
        None => audit::table.count().get_result(tx.conn())?,
    };
    let Some(mac) = tx.ring().map(|ring| head_mac(ring, entries, hash)) else {
        return Err(Fault::Unreadable("the hub's keys are not known to the database (Db::know)".into()));
    };
    let row = (audit_head::id.eq(1_i64), audit_head::entries.eq(entries), audit_head::hash.eq(hash), audit_head::mac.eq(&mac));
    let changed = (audit_head::entries.eq(entries), audit_head::hash.eq(hash), audit_head::mac.eq(&mac));
    each!(tx.conn(), c => diesel::insert_into(audit_head::table).values(row).on_conflict(audit_head::id).do_update().set(changed).execute(c))?;
    Ok(())
}

/// The newest entries about a site, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn about_site(conn: &mut Conn, site: SiteId, most: i64) -> Result<Vec<Entry>, Fault> {
    Ok(audit::table.filter(audit::site_id.eq(site)).order(audit::seq.desc()).limit(most).select(Entry::as_select()).load(conn)?)
}

/// Erases, for somebody's privacy, what entries by or about an account tell beyond who did what and when. Their hashes
/// stay, and the chain holds. Gives how many were erased; those of the first version can't be. The caller notes that
/// the account was erased ([`Event::AccountErased`]): without that, `verify` takes it for tampering.
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

/// Erases the addresses of entries made before a moment, `most` at once. The caller notes it ([`Event::ContentErased`]).
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

/// A log that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub entries: u64,
    /// How many of them tell no more than who did what and when, since the rest was erased.
    pub erased: u64,
    /// The hash of its last entry, in hexadecimal: kept elsewhere, it shows later that nothing before it was rewritten.
    pub last: String,
}

/// Walks the whole log.
///
/// # Errors
/// [`Fault::Unreadable`] names the first entry that does not follow from the one before it, or says how the end differs
/// from what it was.
pub fn verify(conn: &mut Conn, ring: &Keyring) -> Result<Verified, Fault> {
    // What is added meanwhile is not this walk's: it ends where the head says that the log ends.
    let head = head(conn)?;
    let end = match &head {
        Some((.., end)) => end.unwrap_or(i64::MIN),
        None => i64::MAX,
    };
    let mut walk = Walk::default();
    let mut last = i64::MIN;
    loop {
        let upto = audit::table.filter(audit::seq.gt(last)).filter(audit::seq.le(end));
        let page: Vec<Entry> = upto.order(audit::seq).limit(1_000).select(Entry::as_select()).load(conn)?;
        let Some(at_end) = page.last() else { break };
        last = at_end.seq;
        page.into_iter().try_for_each(|entry| walk.step(entry))?;
    }
    walk.check_erasures()?;
    check_head(ring, head, &walk)?;
    let last = walk.before.iter().map(|byte: &u8| format!("{byte:02x}")).collect();
    Ok(Verified { entries: walk.entries, erased: walk.erased, last })
}

/// A walk through the log, from its beginning.
#[derive(Default)]
struct Walk {
    /// The hash of the entry before.
    before: Vec<u8>,
    entries: u64,
    erased: u64,
    /// Whether there are entries from since the log's end is noted.
    has_hashed: bool,
    /// Entries whose content is gone, with whom they are about: each must have a later entry that tells why.
    emptied: Vec<(i64, Option<AccountId>, Option<AccountId>)>,
    /// The last entry that lacks its address.
    without_address: Option<i64>,
    /// Whose erasure the log tells of, and where; and where it last tells that addresses were erased.
    accounts_erased: HashMap<AccountId, i64>,
    addresses_erased: Option<i64>,
}

impl Walk {
    fn step(&mut self, entry: Entry) -> Result<(), Fault> {
        let (seq, hash, version, event) = (entry.seq, entry.hash.clone(), entry.version, entry.event);
        let changed = || Fault::Unreadable(format!("audit entry {seq} was changed, or one before it was removed"));
        let (salt, content_hash) = (entry.salt.clone().unwrap_or_default(), entry.content_hash.clone());
        let entry = NewEntry::from(entry);
        let content = match (version, content_hash) {
            (IN_THE_CLEAR, _) => entry.content.reason.clone().unwrap_or_default().into_bytes(),
            (BY_HASH, Some(content_hash)) => {
                self.has_hashed = true;
                match entry.content.fits(&salt, &content_hash).ok_or_else(changed)? {
                    Erased::Nothing => {}
                    Erased::Address => self.without_address = Some(seq),
                    Erased::All => {
                        self.erased += 1;
                        self.emptied.push((seq, entry.actor_id, entry.account_id));
                    }
                }
                content_hash
            }
            _ => return Err(changed()),
        };
        if chain(&self.before, version, &entry, &content) != hash.as_slice() {
            return Err(changed());
        }
        match (event, entry.account_id) {
            (Event::AccountErased, Some(account)) => {
                self.accounts_erased.insert(account, seq);
            }
            (Event::ContentErased, _) => self.addresses_erased = Some(seq),
            _ => {}
        }
        self.before = hash;
        self.entries += 1;
        Ok(())
    }

    /// Whatever is gone was erased by an act that the log tells of, or somebody else has emptied it.
    fn check_erasures(&self) -> Result<(), Fault> {
        let told = |at: i64, account: &Option<AccountId>| {
            account.as_ref().and_then(|account| self.accounts_erased.get(account)).is_some_and(|erased| *erased >= at)
        };
        let untold = self.emptied.iter().find(|(at, actor, about)| !told(*at, actor) && !told(*at, about)).map(|(at, ..)| *at);
        let without_address = self.without_address.filter(|at| self.addresses_erased.is_none_or(|erased| erased < *at));
        match untold.or(without_address) {
            Some(seq) => Err(Fault::Unreadable(format!("the content of audit entry {seq} is gone, and nothing tells that it was erased"))),
            None => Ok(()),
        }
    }
}

fn check_head(ring: &Keyring, head: Option<Head>, walk: &Walk) -> Result<(), Fault> {
    // A log from before its end was noted, to which nothing was added since, has only the first version's entries.
    let Some((noted, hash, mac, _)) = head else {
        return if walk.has_hashed { Err(Fault::Unreadable("how the audit log ends is not noted".into())) } else { Ok(()) };
    };
    if !secret::same(&head_mac(ring, noted, &hash), &mac) {
        return Err(Fault::Unreadable("how the audit log ends was not noted by this hub, or with another secret key".into()));
    }
    let noted = u64::try_from(noted).unwrap_or(0);
    if noted != walk.entries || hash != walk.before {
        return Err(Fault::Unreadable(format!("the audit log has {} entries, but {noted} were written", walk.entries)));
    }
    Ok(())
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
            content: Content { reason: e.reason, address: e.address, before: e.before, after: e.after },
        }
    }
}
