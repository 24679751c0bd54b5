//! Letters: one type each, put into the outbox in the transaction of their cause, sent by a job. Whether a letter is
//! due is for the act that posts it to decide.

mod address;
mod letters;
mod sender;
mod store;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

pub use address::EmailAddress;
pub use letters::*;
pub use sender::Outbox;
pub use store::{LetterState, Posted, about_site, counts, find, page};

use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::ids::{AccountId, LetterId, SiteId};

/// Stands in a letter's text where the secret of its link goes when it is sent: the outbox keeps the two apart, so
/// that neither staff nor a later look at the database can use a link that is not theirs.
pub const SECRET_PLACE: &str = "%%SECRET%%";

/// What every letter needs to know of the hub. Cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Letterhead>);

struct Letterhead {
    hub: String,
    base: String,
}

impl Desk {
    /// `base` is the public URL without a trailing slash.
    pub fn new(hub: impl Into<String>, base: impl Into<String>) -> Self {
        Self(Arc::new(Letterhead { hub: hub.into(), base: base.into() }))
    }

    /// The hub's name.
    pub fn hub(&self) -> String {
        self.0.hub.clone()
    }

    /// An address of the hub; `path` begins with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.0.base)
    }

    /// An address that carries the letter's secret.
    pub fn secret_link(&self, path: &str) -> String {
        format!("{}{path}?token={SECRET_PLACE}", self.0.base)
    }
}

/// Who gets a letter.
#[derive(Clone, Debug)]
pub struct Recipient {
    pub account: Option<AccountId>,
    pub site: Option<SiteId>,
    pub address: EmailAddress,
    pub name: String,
}

/// Puts a letter into the outbox. `secret` is the token of its link, if it has one.
///
/// # Errors
/// When it can't be written; then its cause must not happen either.
pub fn post(tx: &mut Tx, now: Timestamp, to: &Recipient, letter: &dyn Letter, secret: Option<&SecretString>) -> Result<LetterId, Fault> {
    let text = letter.render().map_err(|e| Fault::Unreadable(format!("template of letter {}: {e}", letter.kind())))?;
    let id = LetterId::new(now);
    store::insert(
        tx.conn(),
        &store::NewLetter { id, kind: letter.kind(), to, text: &text, secret: secret.map(|s| s.expose_secret()), now },
    )?;
    Ok(id)
}

/// How long to wait after the `tries`th failure: a minute, then twice as long each time, at most six hours.
fn backoff(tries: i64) -> Duration {
    let doublings = u32::try_from(tries.clamp(1, 10) - 1).unwrap_or(0);
    Duration::from_secs(60 << doublings).min(Duration::from_secs(6 * 3600))
}

/// After how many tries a letter is given up: a good two days.
const TRIES: i64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_six_hours() {
        let waits: Vec<u64> = (1..=12).map(|n| backoff(n).as_secs() / 60).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
    }
}
