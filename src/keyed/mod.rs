//! The keyed API, for who holds an access key, in AirNotifier's words (`wire/airnotifier-server.md`).

pub mod accesskeys;
mod answer;
mod body;
pub mod broadcast;
mod by_key;
mod form;
pub mod push;
pub mod tokens;

use std::str;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use actix_web::web::Data;

pub use answer::{face, slash_in_url, wrong_method};

use crate::hub::Hub;
use crate::limits::Network;
use crate::push::Request;

const APP_NAME: HeaderName = HeaderName::from_static("x-an-app-name");
const APP_KEY: HeaderName = HeaderName::from_static("x-an-app-key");

/// The two headers that every call has.
fn request(req: &HttpRequest) -> Request<'_> {
    let from = req.app_data::<Data<Hub>>().map(|hub| Network::from(hub.proxies.client(req)));
    let text = |name: &HeaderName| req.headers().get(name).map(|value| str::from_utf8(value.as_bytes()).unwrap_or_default().trim());
    Request { app: text(&APP_NAME), key: text(&APP_KEY), from }
}
