//! Pages for the hub team: `/staff`.

pub mod home;
pub mod outbox;
pub mod sites;
