//! Access keys: their format, hash and permissions, issue and revocation, and the table in memory that the push path
//! asks. How much a key may be used is for `limits`.

mod life;
mod model;
mod secret;
mod store;
mod table;

pub use life::{KeyError, issue, issue_requested, revoke, revoke_all};
pub use model::{AccessKey, KeyKind, KeyState, Permissions};
pub use secret::{KeyHash, PlainKey};
pub use store::{note_use, of_site, requested};
pub use table::{Grant, Grants, KeyRefusal, SiteCell, SiteState, Table};
