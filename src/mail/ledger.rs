//! The outbox as the team looks at it: what waits, what failed, which mailboxes refuse.

mod store;

pub use store::{clear_refusing, list, of_account, stuck};

use crate::ids::LetterId;

/// Which letters are asked for.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    pub state: Option<Which>,
    /// A part of the mailbox.
    pub mailbox: String,
    /// Older than this letter.
    pub before: Option<LetterId>,
}

/// How far letters have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Waiting,
    Failed,
    Sent,
}

impl Which {
    /// Each with its word in an address, and in a list.
    pub const ALL: [(Self, &'static str, &'static str); 3] =
        [(Self::Waiting, "waiting", "Waiting"), (Self::Failed, "failed", "Given up"), (Self::Sent, "sent", "Sent")];

    /// From the word in an address.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(which, ..)| *which)
    }
}

/// What of the outbox needs somebody, each counted up to a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Due for a quarter of an hour and not sent.
    pub late: usize,
    /// Given up within a week.
    pub given_up: usize,
    /// Mailboxes that refuse letters.
    pub refusing: usize,
}
