//! What is kept of whom, for how long: the copy of it for whoever it is about, its erasure when they leave, and its end
//! when its time is over. Each room erases and reads its own tables; what hangs together is said here, and
//! `docs/privacy.md` has every table with its period.

mod erasure;
mod export;
mod policy;
mod retention;
mod store;

pub use erasure::{EraseError, ask, erase_contact, forget_last_letters, go_on, is_asked, under_way};
pub use export::{Export, FORMAT};
pub use policy::{GatewayInUse, Policy, in_words};
pub use retention::{Kept, NETWORKS_FOR, step};
