//! Pages for a site's admin: `/my`, `/account`. Whatever is asked for is looked up as the account's own.

pub mod account;
pub mod appeal;
pub mod broadcasts;
pub mod devices;
pub mod devices_file;
pub mod keys;
pub mod moodle;
pub mod passkeys;
pub mod security;
pub mod privacy;
pub mod settings;
pub mod sites;
pub mod verify;
pub mod views;
