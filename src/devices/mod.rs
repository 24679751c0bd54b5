//! Devices: device tokens as enrolled for one site. Enrolment, confirmation, feedback, and the cache that pushes look
//! them up in. Sending is for `gateways`.

mod life;
mod lookup;
mod model;
mod store;

pub use life::UNREGISTERED_KEPT;
pub use life::{
    By, DeviceChange, Due, Enrolled, Enrolment, change, confirm, delete, delete_by_id, enrol, mark_unregistered, note_seen, purge,
};
pub use lookup::{Cached, Lookup, LookupKey};
pub use model::{AppName, Device, DeviceLanguage, DeviceName, DeviceState, DeviceToken, Gone, Sealed, TokenHash};
pub use store::{
    AtManySites, Filter, NewlyEnrolled, Search, at_many_sites, count, count_listed, enrolled_between, find, find_sealed, has_more_than,
    hold, id_of, of_any_site, page, sealed_after,
};
