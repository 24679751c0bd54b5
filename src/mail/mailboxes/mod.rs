//! What mailboxes want and what they take: which letters are stopped, and which mailboxes refuse them.

mod slip;
mod store;

pub use slip::Slip;
pub use store::{Refusing, count_refusing, is_refusing, is_stopped, refusing, restart, stop};
pub(super) use store::{accepts, refuses};

use crate::db::types::text_enum;

text_enum! {
    /// What letters that nobody must get are about: each can be stopped by itself.
    pub enum Topic {
        /// That a key is old.
        Reminders => "reminders",
        /// What the team tells.
        Notices => "notices",
        /// That a site is active, that its push is on again.
        Push => "push",
    }
}
