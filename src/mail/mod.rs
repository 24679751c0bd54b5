//! Letters: one type each, put into the outbox in the transaction of their cause, sent by a job. Whether a letter is
//! due is for the act that posts it to decide.

mod address;
mod cases;
pub mod ledger;
mod letters;
mod mailboxes;
mod sender;
mod sheet;
mod store;
mod words;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

pub use address::EmailAddress;
pub use cases::{CaseFacts, CaseLetter, CaseStep, Draft, Sign, draft, preview};
pub use letters::*;
pub use mailboxes::{Refusing, Slip, Topic, count_refusing, is_refusing, is_stopped, refusing, restart, stop};
pub use sender::{Carrier, Outbox, Sender};
pub use sheet::Text;
pub use store::{
    Erase, LetterState, Posted, about_site, again, counts, erase, find, forget_mailbox, of_account, optouts_of, page, posted_since,
    trim_refusing,
};
pub use words::Language;

use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::ids::{AccountId, LetterId, SiteId};
use crate::secret::Keyring;

/// Stands in a letter's text where the secret of its link goes when it is sent: the outbox keeps the two apart, so
/// that neither staff nor a later look at the database can use a link that is not theirs.
///
/// Whoever could type it would be told somebody else's secret: with it in a site's name or address, the letter that
/// confirms a stranger's mail address would carry its live token twice, once in a place of the typist's choice. So it
/// has a control character, which names and reasons refuse and addresses write as `%01`, and it is known in this room
/// only: [`Desk::secret_link`] is the one way for it to come into a letter. U+0001 can be stored in both databases,
/// unlike U+0000.
const SECRET_PLACE: &str = "\u{1}secret\u{1}";

/// Stands where the sender puts the link by which letters of this kind are stopped: its token is made then, and kept nowhere.
const UNSUBSCRIBE_PLACE: &str = "\u{1}unsubscribe\u{1}";

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

    /// An address that carries the letter's secret: for a letter that is [posted](post) with one.
    pub fn secret_link(&self, path: &str) -> String {
        format!("{}{path}?token={SECRET_PLACE}", self.0.base)
    }
}

impl Desk {
    /// Where whoever holds a slip stops letters.
    fn stop_link(&self, ring: &Keyring, slip: &Slip) -> String {
        format!("{}/mail/unsubscribe?token={}", self.0.base, slip.token(ring))
    }
}

/// Who gets a letter.
#[derive(Clone, Debug)]
pub struct Recipient {
    pub account: Option<AccountId>,
    pub site: Option<SiteId>,
    pub address: EmailAddress,
    pub name: String,
    /// In which language they read: a code such as `es` or `pt_br`; what mails don't speak is English.
    pub language: String,
}

/// Puts a letter into the outbox, in its reader's language. `secret` is the token of its link, if it has one; the link is
/// [`Desk::secret_link`]. `None`: its reader has stopped letters of this [topic](Letter::topic), and nothing was written.
///
/// # Errors
/// When it can't be written; then its cause must not happen either. [`Fault::Unreadable`] when the place of a secret
/// is in a letter that has none: its link was made by [`Desk::secret_link`] by mistake.
pub fn post(
    tx: &mut Tx,
    now: Timestamp,
    to: &Recipient,
    letter: &dyn Letter,
    secret: Option<&SecretString>,
) -> Result<Option<LetterId>, Fault> {
    let topic = letter.topic();
    if let Some(topic) = topic
        && is_stopped(tx.conn(), &to.address.key(), topic)?
    {
        return Ok(None);
    }
    let language = Language::of(&to.language);
    let text = letter.render(language)?;
    if secret.is_none() && [&text.subject, &text.text, &text.html].iter().any(|part| part.contains(SECRET_PLACE)) {
        return Err(Fault::Unreadable(format!("the place of a secret in letter {}, which has none", letter.kind())));
    }
    let id = LetterId::new(now);
    let secret = secret.map(|s| s.expose_secret());
    store::insert(tx.conn(), &store::NewLetter { id, kind: letter.kind(), topic, language, to, text: &text, secret, now })?;
    Ok(Some(id))
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

    /// The link comes into a page's attribute as it is, or the secret would not be found there.
    #[test]
    fn the_place_of_the_secret_is_in_every_part_that_has_the_link() {
        let desk = Desk::new("Belfry", "https://hub.example");
        let letter = Reset { hub: desk.hub(), name: "Ada".into(), link: desk.secret_link("/password/reset"), hours: 2 };
        let text = letter.render(Language::English).unwrap();
        assert!(text.text.contains(SECRET_PLACE) && text.html.contains(SECRET_PLACE));
        assert!(!text.subject.contains(SECRET_PLACE));
    }
}
