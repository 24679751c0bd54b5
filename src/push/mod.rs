//! The one way a push goes: grant, admit, decode, find the device, hand over, count. Headers and status codes are for
//! `keyed` to read and write.

mod count;
mod decide;
mod enrol;
mod refusal;
mod seen;
mod store;
mod totals;

pub use count::{Counts, SLOT, Sign, Tally};
pub use decide::{Caller, Hall, Mailing, Received, Request, caller, may_broadcast, may_push, push, push_to, test_token};
pub use enrol::{Told, enrol, forget, may_enrol};
pub use refusal::{REFUSALS, Refusal, RefusalKind};
pub use seen::Seen;
pub use store::{Recent, Tallied, by_code, by_hour, by_hours, gone_by_hour, pushed_since, recent, today_by_site, today_of};
pub use store::{by_day, forget_recent, trim_recent};
pub use totals::{HubHour, hub_by_hours};
