//! The one way a push goes: grant, admit, decode, find the device, hand over, count. Headers and status codes are for
//! `keyed` to read and write.

mod count;
mod decide;
mod refusal;
mod store;

pub use count::{Counts, Tally};
pub use decide::{Caller, Hall, Received, Request, caller, enrol, forget, may_enrol, push, test_token};
pub use refusal::{REFUSALS, Refusal, RefusalKind};
pub use store::{Recent, Tallied, by_hour, pushed_since, recent, today_by_site};
