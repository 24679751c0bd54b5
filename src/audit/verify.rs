//! Walks the log from its beginning, and says where it was changed.

use std::collections::HashMap;

use super::chain::{BY_HASH, Erased, IN_THE_CLEAR, NewEntry, chain, head_mac, hex};
use super::store::{self, Entry, Head};
use super::{ADDRESSES_BEFORE, Event};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::ids::AccountId;
use crate::secret::{self, Keyring};

/// How many entries are in memory at once.
const AT_ONCE: i64 = 1_000;

/// A log that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub entries: u64,
    /// How many of them tell no more than who did what and when, since the rest was erased.
    pub erased: u64,
    /// How many were written by a release that did not mark the log's end yet: these are only as old as they say if the
    /// hub was that old.
    pub former: u64,
    /// Since when the end is marked: when the first entry after those was written.
    pub marked_since: Option<Timestamp>,
    /// The hash of its last entry, in hexadecimal: kept elsewhere, it shows later that nothing before it was rewritten.
    pub last: String,
}

/// Walks the whole log.
///
/// # Errors
/// [`Fault::Unreadable`] names the first entry that does not follow from the one before it, or says how the end differs
/// from what it was.
pub fn verify(conn: &mut Conn, ring: &Keyring) -> Result<Verified, Fault> {
    match walk_through(conn, ring) {
        // What is erased while the log is walked is told of beyond the end of the walk: another one sees both.
        Err(Fault::Unreadable(_)) => walk_through(conn, ring),
        done => done,
    }
}

fn walk_through(conn: &mut Conn, ring: &Keyring) -> Result<Verified, Fault> {
    // What is added meanwhile is not this walk's: it ends where the head says that the log ends.
    let head = store::head(conn)?;
    let end = match &head {
        Some(head) => head.end.unwrap_or(i64::MIN),
        None => i64::MAX,
    };
    let mut walk = Walk::default();
    let mut last = i64::MIN;
    loop {
        let page = store::between(conn, last, end, AT_ONCE)?;
        let Some(at_end) = page.last() else { break };
        last = at_end.seq;
        page.into_iter().try_for_each(|entry| walk.step(entry))?;
    }
    walk.check_erasures()?;
    check_head(ring, head.as_ref(), &walk)?;
    // Each account has an entry of its beginning at least: without any, and without the note of its end, the log was emptied.
    if head.is_none() && walk.entries == 0 && store::is_missing(conn, 0)? {
        return Err(Fault::Unreadable("the audit log is missing: there are accounts, but not a single entry".into()));
    }
    Ok(Verified {
        entries: walk.entries,
        erased: walk.erased,
        former: walk.former,
        marked_since: walk.marked_since,
        last: hex(&walk.before),
    })
}

/// Whether the log's last entry is the one that the hub has written last: a look at two rows, which finds what was cut off
/// or added at the end, and nothing else.
///
/// # Errors
/// When the database does not answer.
pub fn ends_well(conn: &mut Conn, ring: &Keyring) -> Result<bool, Fault> {
    let Some(head) = store::head(conn)? else { return Ok(!store::has_marked(conn)? && !store::is_missing(conn, 0)?) };
    Ok(head.is_ours(ring) && store::last_hash(conn)?.unwrap_or_default() == head.hash)
}

impl Head {
    /// Whether the hub itself has noted this.
    pub(super) fn is_ours(&self, ring: &Keyring) -> bool {
        secret::same(&head_mac(ring, self.entries, &self.hash), &self.mac)
    }
}

/// An entry whose content is gone, and when that was done; it must have a later entry that tells of it.
struct Emptied {
    seq: i64,
    at: Option<Timestamp>,
    about: [Option<AccountId>; 2],
}

/// A walk through the log, from its beginning.
#[derive(Default)]
struct Walk {
    /// The hash of the entry before.
    before: Vec<u8>,
    entries: u64,
    erased: u64,
    former: u64,
    marked_since: Option<Timestamp>,
    emptied: Vec<Emptied>,
    /// Whose erasure the log tells of: where, and when.
    accounts_erased: HashMap<AccountId, Vec<(i64, Timestamp)>>,
    /// The youngest entry that lacks its address while nothing later tells that those so old were erased.
    without_address: Option<(Timestamp, i64)>,
}

fn changed(seq: i64) -> Fault {
    Fault::Unreadable(format!("audit entry {seq} was changed, or one before it was removed"))
}

impl Walk {
    fn step(&mut self, entry: Entry) -> Result<(), Fault> {
        let (seq, hash, version) = (entry.seq, entry.hash.clone(), entry.version);
        let content = self.content(&entry)?;
        let erased_addresses = entry.after.as_deref().map(addresses_before);
        let entry = NewEntry::from(entry);
        if chain(&self.before, version, &entry, &content) != hash.as_slice() {
            return Err(changed(seq));
        }
        match (entry.event, entry.account_id) {
            (Event::AccountErased, Some(account)) => self.accounts_erased.entry(account).or_default().push((seq, entry.at)),
            // One about a site tells that its contact was erased: that excuses no address of the log.
            (Event::ContentErased, _) if entry.site_id.is_none() => {
                // One that does not say how old they were can only have meant those that were there.
                let before = erased_addresses.flatten().unwrap_or(entry.at);
                self.without_address = self.without_address.filter(|(at, _)| *at >= before);
            }
            _ => {}
        }
        self.before = hash;
        self.entries += 1;
        Ok(())
    }

    /// What the entry's hash covers of its content, once it is known to be as it was written, or erased.
    fn content(&mut self, entry: &Entry) -> Result<Vec<u8>, Fault> {
        let content = entry.content();
        match (entry.version, &entry.content_hash) {
            // The first version had nothing else, and none of it was written once the second one began.
            (IN_THE_CLEAR, None) if content.is_reason_alone() && entry.is_bare() && self.marked_since.is_none() => {
                self.former += 1;
                Ok(content.reason.unwrap_or_default().into_bytes())
            }
            (BY_HASH, Some(content_hash)) => {
                self.marked_since.get_or_insert(entry.at);
                let erased = content.fits(entry.salt.as_deref().unwrap_or_default(), content_hash).ok_or_else(|| changed(entry.seq))?;
                if (erased == Erased::All) != entry.erased_at.is_some() {
                    return Err(changed(entry.seq));
                }
                match erased {
                    Erased::Nothing => {}
                    Erased::Address => self.without_address = self.without_address.max(Some((entry.at, entry.seq))),
                    Erased::All => {
                        self.erased += 1;
                        self.emptied.push(Emptied { seq: entry.seq, at: entry.erased_at, about: [entry.actor_id, entry.account_id] });
                    }
                }
                Ok(content_hash.clone())
            }
            _ => Err(changed(entry.seq)),
        }
    }

    /// Whatever is gone was erased by an act that the log tells of, or somebody else has emptied it.
    fn check_erasures(&self) -> Result<(), Fault> {
        let told = |emptied: &Emptied| {
            let acts = emptied.about.iter().flatten().filter_map(|account| self.accounts_erased.get(account)).flatten();
            acts.into_iter().any(|(seq, at)| *seq > emptied.seq && Some(*at) == emptied.at)
        };
        let untold = self.emptied.iter().find(|emptied| !told(emptied)).map(|emptied| emptied.seq);
        match untold.or(self.without_address.map(|(_, seq)| seq)) {
            Some(seq) => Err(Fault::Unreadable(format!("the content of audit entry {seq} is gone, and nothing tells that it was erased"))),
            None => Ok(()),
        }
    }
}

/// How old addresses had to be to be erased, as the entry that tells of it says.
fn addresses_before(after: &str) -> Option<Timestamp> {
    let after: serde_json::Value = serde_json::from_str(after).ok()?;
    after.get(ADDRESSES_BEFORE)?.as_str()?.parse().ok()
}

fn check_head(ring: &Keyring, head: Option<&Head>, walk: &Walk) -> Result<(), Fault> {
    // A log from before its end was noted, to which nothing was added since, has only the first version's entries.
    let Some(head) = head else {
        return match walk.marked_since {
            Some(_) => Err(Fault::Unreadable("how the audit log ends is not noted".into())),
            None => Ok(()),
        };
    };
    if !head.is_ours(ring) {
        return Err(Fault::Unreadable("how the audit log ends was not noted by this hub, or with another secret key".into()));
    }
    let noted = u64::try_from(head.entries).unwrap_or(0);
    if noted != walk.entries || head.hash != walk.before {
        return Err(Fault::Unreadable(format!("the audit log has {} entries, but {noted} were written", walk.entries)));
    }
    Ok(())
}
