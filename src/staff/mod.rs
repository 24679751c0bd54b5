//! Pages for the hub team: `/staff`.

pub mod abuse;
pub mod case;
pub mod case_acts;
mod case_mail;
pub mod home;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod outbox;
pub mod settings;
pub mod sites;
