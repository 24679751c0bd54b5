//! A Moodle, in the hub protocol's words (`wire/hub-protocol.md`, `wire/moodle-client.md` 2): the round trip by the admin's
//! browser, the web service for the site's server, and the question of an AirNotifier whether a site is registered.

mod answer;
pub mod check;
mod form;
mod pending;
pub mod register;
pub mod webservice;

pub use answer::{EXCEPTIONS, face};
