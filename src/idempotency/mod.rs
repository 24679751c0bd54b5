//! Repetitions that do nothing twice (draft-ietf-httpapi-idempotency-key-header): what a client names a request by, and
//! the answer that it got. Which requests may be named, and what a repetition is told, is for who asks.

mod store;

pub use store::forget_all;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::ids::SiteId;
use crate::secret::{Keyring, Purpose, same};

/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// After how long a request that has not ended is taken for one that broke off.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request that its client has given a name, so that it can be repeated.
#[derive(Clone, Copy)]
pub struct Named {
    site: SiteId,
    key: [u8; 32],
    request: [u8; 32],
}

impl Named {
    /// `key`: the client's name for it. `request`: all that makes it this request and no other.
    pub fn new(ring: &Keyring, site: SiteId, key: &str, request: &[&[u8]]) -> Self {
        let mut parts: Vec<&[u8]> = vec![b"request".as_slice()];
        // Each part with its length, so that no two requests run together into the same bytes.
        let lengths: Vec<[u8; 8]> = request.iter().map(|part| (part.len() as u64).to_le_bytes()).collect();
        for (part, length) in request.iter().zip(&lengths) {
            parts.push(length);
            parts.push(part);
        }
        Self {
            site,
            key: ring.hash(Purpose::Idempotency, &[b"key", site.as_bytes(), key.as_bytes()]),
            request: ring.hash(Purpose::Idempotency, &parts),
        }
    }
}

/// An answer as it is kept: it may hold a secret, so it is stored sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    pub body: Vec<u8>,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: from now on it is known, and whoever asked goes on.
    New,
    /// It was answered so.
    Answered(Answer),
    /// The same name was given to another request.
    OtherRequest,
    /// It has begun, and not ended yet.
    InProgress,
    /// It has begun, and broke off: what became of it, nobody knows.
    OutcomeUnknown,
}

/// Looks whether a request is known, and notes that it has begun if it is not.
///
/// # Errors
/// When it can't be written.
pub fn begin(tx: &mut Tx, ring: &Keyring, now: Timestamp, named: &Named) -> Result<Seen, Fault> {
    store::remove_older(tx.conn(), named.site, &named.key, now - KEPT)?;
    if store::reserve(tx.conn(), named.site, &named.key, &named.request, now)? {
        return Ok(Seen::New);
    }
    let stored = store::find(tx.conn(), named.site, &named.key)?.ok_or(Fault::Stale)?;
    if !same(&stored.request_hash, &named.request) {
        return Ok(Seen::OtherRequest);
    }
    let (Some(status), Some(sealed)) = (stored.status, stored.answer_sealed) else {
        return Ok(if now.since(stored.created_at) > PATIENCE { Seen::OutcomeUnknown } else { Seen::InProgress });
    };
    let unreadable = || Fault::Unreadable("an answer that was kept for its repetition".into());
    let body = ring.open(&sealed).ok_or_else(unreadable)?;
    Ok(Seen::Answered(Answer { status: u16::try_from(status).map_err(|_| unreadable())?, body }))
}

/// Keeps the answer to a request that has begun.
///
/// # Errors
/// When it can't be written.
pub fn finish(tx: &mut Tx, ring: &Keyring, named: &Named, answer: &Answer) -> Result<(), Fault> {
    store::fill(tx.conn(), named.site, &named.key, answer.status.into(), &ring.seal(&answer.body))
}

/// Forgets a request that has begun and was refused: the same name may be used again.
///
/// # Errors
/// When it can't be written.
pub fn forget(tx: &mut Tx, named: &Named) -> Result<(), Fault> {
    store::remove(tx.conn(), named.site, &named.key)
}

/// Deletes the answers that nobody repeats any more.
///
/// # Errors
/// When it can't be written.
pub fn trim(conn: &mut Conn, now: Timestamp) -> Result<(), Fault> {
    store::remove_all_older(conn, now - KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_sites_own_and_requests_do_not_run_together() {
        let ring = Keyring::derive(&"a master secret for tests".into());
        let now = Timestamp::from_micros(1_769_860_800_000_000);
        let (one, two) = (SiteId::new(now), SiteId::new(now));
        let of = |site, key: &str, request: &[&[u8]]| Named::new(&ring, site, key, request);
        assert_eq!(of(one, "a", &[b"x"]).key, of(one, "a", &[b"y"]).key);
        assert_ne!(of(one, "a", &[b"x"]).key, of(two, "a", &[b"x"]).key);
        assert_ne!(of(one, "a", &[b"x"]).key, of(one, "b", &[b"x"]).key);
        assert_ne!(of(one, "a", &[b"ab", b"c"]).request, of(one, "a", &[b"a", b"bc"]).request);
    }
}
