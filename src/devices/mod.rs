//! Devices: device tokens as enrolled for one site. Enrolment, confirmation, feedback, and the cache that pushes look
//! them up in. Sending is for `gateways`.

mod life;
mod lookup;
mod model;
mod store;

pub use life::{By, Enrolled, Enrolment, confirm, delete, enrol, mark_unregistered};
pub use lookup::{Cached, Lookup, LookupKey};
pub use model::{AppName, Device, DeviceToken, Gone, TokenHash};
pub use store::{count, page};
