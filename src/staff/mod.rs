//! Pages for the hub team: `/staff`.

pub mod home;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod outbox;
pub mod settings;
pub mod sites;
