//! Stylesheet, scripts and pictures: built into the binary, served under a name with their hash, kept by browsers for ever.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, ResponseError};

use crate::error::Error;

const FILES: [(&str, &str, &[u8]); 8] = [
    ("belfry.css", "text/css; charset=utf-8", include_bytes!("../../static/belfry.css")),
    ("logo.svg", "image/svg+xml", include_bytes!("../../static/logo.svg")),
    ("favicon.svg", "image/svg+xml", include_bytes!("../../static/favicon.svg")),
    ("copy.js", "text/javascript; charset=utf-8", include_bytes!("../../static/copy.js")),
    ("console.js", "text/javascript; charset=utf-8", include_bytes!("../../static/console.js")),
    ("users-limit.js", "text/javascript; charset=utf-8", include_bytes!("../../static/users-limit.js")),
    ("passkey.js", "text/javascript; charset=utf-8", include_bytes!("../../static/passkey.js")),
    ("local-time.js", "text/javascript; charset=utf-8", include_bytes!("../../static/local-time.js")),
];

/// The files and their addresses.
#[derive(Clone)]
pub struct Assets {
    base: Arc<str>,
    hashed: Arc<HashMap<&'static str, String>>,
}

impl Assets {
    /// `base` is the path of the hub's public URL, without a trailing slash.
    pub fn new(base: &str) -> Self {
        let hashed = FILES.iter().map(|(name, _, bytes)| {
            let hash = blake3::hash(bytes).to_hex();
            (*name, format!("{}-{name}", &hash[..12]))
        });
        Self { base: base.into(), hashed: Arc::new(hashed.collect()) }
    }

    /// The address of a file; an unknown name gives an address that leads to a 404.
    pub fn url(&self, name: &str) -> String {
        let hashed = self.hashed.get(name).map_or(name, String::as_str);
        format!("{}/static/{hashed}", self.base)
    }

    fn find(&self, hashed: &str) -> Option<(&'static str, &'static [u8])> {
        FILES.iter().find(|(name, ..)| self.hashed.get(name).is_some_and(|h| h == hashed)).map(|(_, kind, bytes)| (*kind, *bytes))
    }
}

/// `GET /static/{name}`.
pub async fn serve(assets: Data<Assets>, name: Path<String>) -> HttpResponse {
    match assets.find(&name) {
        None => Error::NotFound.error_response(),
        Some((kind, bytes)) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, kind))
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(bytes),
    }
}
