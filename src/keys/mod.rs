//! Access keys: their format, hash and permissions, issue and revocation, and the table in memory that the push path
//! asks. How much a key may be used is for `limits`.

mod life;
mod meters;
mod model;
mod reminders;
mod secret;
mod store;
mod table;

pub use life::{KeyError, Rotated, Rotation, Wanted, issue, issue_requested, locate, revoke, revoke_all, revoke_of_devices, rotate};
pub use meters::{Figures, Grants, Taking};
pub use model::{AccessKey, KeyKind, KeyState, Overlap, Permissions};
pub use reminders::{remind_of_age, remind_of_ends, take_leak, tell_revoked};
pub use secret::{KeyHash, PlainKey};
pub use store::{Use, beginning_with, find, note_use, of_device, of_site, page, requested, used_from_many};
pub use store::{erase_networks, erase_networks_of_ended, trim_networks};
pub use table::{Grant, KeyRefusal, SiteCell, SiteState, Table};
