//! How entries are hashed: what each covers, and how the end of the log is marked. Pure.

use crate::clock::Timestamp;
use crate::ids::{AccountId, AuditId, SiteId};
use crate::secret::{Keyring, Purpose};

use super::{ActorKind, Event};

/// The first version chained what it told of in the clear, so that nothing of it could be erased.
pub(super) const IN_THE_CLEAR: i64 = 1;
/// The second one chains a hash of it.
pub(super) const BY_HASH: i64 = 2;

/// How many bytes of salt each of an entry's two hashes has. Both stand in one column, one after the other: the words', then
/// the address's, which is erased sooner.
pub(super) const SALT: usize = 16;
pub(super) const HASH: usize = 32;

/// What an entry tells beyond who did what to whom and when: what may have to be erased.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub reason: Option<String>,
    pub address: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Content {
    fn words_hash(&self, salt: &[u8]) -> [u8; HASH] {
        let mut parts = Parts::default();
        parts.part(salt);
        [&self.reason, &self.before, &self.after].into_iter().for_each(|text| parts.text(text.as_deref()));
        parts.end()
    }

    fn address_hash(&self, salt: &[u8]) -> [u8; HASH] {
        let mut parts = Parts::default();
        parts.part(salt);
        parts.text(self.address.as_deref());
        parts.end()
    }

    pub fn hash(&self, salt: &[u8; 2 * SALT]) -> Vec<u8> {
        let (words, address) = salt.split_at(SALT);
        [self.words_hash(words), self.address_hash(address)].concat()
    }

    fn has_words(&self) -> bool {
        [&self.reason, &self.before, &self.after].iter().any(|text| text.is_some())
    }

    /// Whether it tells nothing but a reason, as all of the first version do.
    pub fn is_reason_alone(&self) -> bool {
        self.address.is_none() && self.before.is_none() && self.after.is_none()
    }

    /// Whether this is what was hashed, as far as it is still there: `None` if not, else what was erased of it.
    pub fn fits(&self, salt: &[u8], hash: &[u8]) -> Option<Erased> {
        let (words_hash, address_hash) = hash.split_at_checked(HASH).filter(|(_, address)| address.len() == HASH)?;
        match salt.len() {
            0 if !self.has_words() && self.address.is_none() => Some(Erased::All),
            SALT if self.address.is_none() && self.words_hash(salt) == words_hash => Some(Erased::Address),
            n if n == 2 * SALT => {
                let (words, address) = salt.split_at(SALT);
                (self.words_hash(words) == words_hash && self.address_hash(address) == address_hash).then_some(Erased::Nothing)
            }
            _ => None,
        }
    }
}

/// What of an entry was erased for somebody's privacy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Erased {
    Nothing,
    Address,
    All,
}

/// An entry as it is hashed.
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

/// A hash of several parts, each with its length, so that none can be moved into the next.
#[derive(Default)]
struct Parts(blake3::Hasher);

impl Parts {
    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// A text or none: an empty one is not none.
    fn text(&mut self, text: Option<&str>) {
        self.part(&[u8::from(text.is_some())]);
        self.part(text.unwrap_or_default().as_bytes());
    }

    fn end(self) -> [u8; HASH] {
        *self.0.finalize().as_bytes()
    }
}

/// The hash of an entry that follows one with the hash `before`. `content`: the reason in the first version, the hash of
/// all of it in the second.
pub(super) fn chain(before: &[u8], version: i64, entry: &NewEntry, content: &[u8]) -> [u8; HASH] {
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

/// The hub's mark on how the log ends.
pub(super) fn head_mac(ring: &Keyring, entries: i64, hash: &[u8]) -> Vec<u8> {
    ring.hash(Purpose::Audit, &[&entries.to_le_bytes(), hash]).to_vec()
}

/// In hexadecimal, as it is kept elsewhere.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(reason: Option<&str>, address: Option<&str>) -> Content {
        Content { reason: reason.map(str::to_owned), address: address.map(str::to_owned), ..Content::default() }
    }

    #[test]
    fn content_fits_its_hash_whole_without_its_address_or_all_erased() {
        let salt: [u8; 2 * SALT] = std::array::from_fn(|n| n as u8);
        let whole = content(Some("why"), Some("192.0.2.7"));
        let hash = whole.hash(&salt);
        assert_eq!(whole.fits(&salt, &hash), Some(Erased::Nothing));
        assert_eq!(content(Some("why"), None).fits(&salt[..SALT], &hash), Some(Erased::Address));
        assert_eq!(content(None, None).fits(&[], &hash), Some(Erased::All));
        assert_eq!(content(Some("why"), None).fits(&salt, &hash), None, "the address alone is gone");
        assert_eq!(content(Some("other"), Some("192.0.2.7")).fits(&salt, &hash), None);
        assert_eq!(content(Some("other"), None).fits(&salt[..SALT], &hash), None);
        assert_eq!(content(Some("why"), None).fits(&[], &hash), None, "words without their salt");
        assert_eq!(whole.fits(&salt, &hash[..HASH]), None);
    }

    #[test]
    fn an_empty_text_is_not_none() {
        let salt = [7; 2 * SALT];
        assert_ne!(content(None, None).hash(&salt), content(Some(""), None).hash(&salt));
        assert_ne!(content(None, None).hash(&salt), content(None, Some("")).hash(&salt));
    }
}
