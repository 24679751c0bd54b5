//! What every page needs and no domain word: layout, forms, faces of errors, cookies, headers, client address, charts.

mod assets;
mod chart;
mod client;
mod confirm;
mod face;
mod fields;
pub mod filters;
mod page;
mod respond;
pub mod sheet;

pub use assets::{Assets, serve as serve_asset};
pub use chart::{Bar, Chart, Measured, One};
pub use client::Proxies;
pub use confirm::{CONFIRM_FIELDS, ConfirmPage};
pub use face::{ErrorPage, come_back, status_of, tell_when};
pub use fields::{Check, Field, Fields, Opt, options};
pub use page::{Badge, Flash, Page, User, When};
pub use respond::{
    REQUEST_ID, Redirect, Tls, clear_flash, csp_for_form_to, flash_cookie_name, html, request_id, security_headers, take_flash,
};
