//! Who calls: the site whose access key it is.

use std::str;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderName};
use actix_web::web::{Bytes, Payload};

use super::body;
use super::problem::Problem;
use crate::devices::AppName;
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::keys::{Grant, KeyKind, Permissions};
use crate::limits::Network;
use crate::push::{self, Refusal, RefusalKind, Request};
use crate::settings::MOODLE_APP;

pub(super) const APP_NAME: HeaderName = HeaderName::from_static("x-an-app-name");
const APP_KEY: HeaderName = HeaderName::from_static("x-an-app-key");
/// How much of a key lists show: its kind and its first random characters.
const SHOWN_CHARS: usize = 15;

/// A site that calls with a good key of its own.
pub(super) struct Caller {
    pub grant: Grant,
    /// The beginning of its key, as lists show it.
    pub shown: String,
}

impl Caller {
    pub fn site(&self) -> SiteId {
        self.grant.site().id
    }

    /// That its key may do this: one with fewer permissions than the site's does no more by this API than by AirNotifier's.
    ///
    /// # Errors
    /// 403.
    pub fn needs(&self, what: Permissions) -> Result<(), Problem> {
        if self.grant.permissions().may(what) {
            return Ok(());
        }
        let words = "The access key may do less than this needs: use another one of the site's.";
        Err(Problem::new(StatusCode::FORBIDDEN, "no_permission", "No permission for this", words))
    }

    /// What the audit log has of whom this was done by.
    pub fn note(&self) -> String {
        format!(", by the API with {}", self.shown)
    }
}

fn text<'a>(req: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    req.headers().get(name).map(|value| str::from_utf8(value.as_bytes()).unwrap_or_default().trim())
}

/// The key that a request shows, in either of the two places.
pub(super) fn presented(req: &HttpRequest) -> Option<&str> {
    let bearer = || {
        let (scheme, key) = text(req, &AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    };
    text(req, &APP_KEY).or_else(bearer)
}

/// From where a request comes.
pub(super) fn network(hub: &Hub, req: &HttpRequest) -> Network {
    Network::from(hub.proxies.client(req))
}

/// Lets in who calls with a key of a site.
///
/// # Errors
/// 401 for a key that is not good, 403 for one of another kind, 429 for a site that calls too often.
pub(super) fn enter(hub: &Hub, req: &HttpRequest) -> Result<Caller, Problem> {
    // The app does not matter to a key, and a call that does not need one may leave it out.
    let request = Request { app: Some(MOODLE_APP), key: presented(req), from: Some(network(hub, req)) };
    let asked = push::caller(&hub.hall, request).map_err(|refusal| Problem::from(refusal).with_status(StatusCode::UNAUTHORIZED))?;
    let grant = asked.grant().clone();
    if grant.kind() != KeyKind::Site {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not_a_site_key",
            "This key is not for the API",
            "Keys that devices hold can't call the API: use one of the site's own, which begins with belfry_s_.",
        ));
    }
    hub.doors.api.take(&grant.site().id).map_err(Error::Limited)?;
    let shown = request.key.unwrap_or_default().chars().take(SHOWN_CHARS).collect();
    Ok(Caller { grant, shown })
}

/// Lets in who calls with a key of a site, and reads what they sent: of whoever is not let in, the body is not read.
pub(super) async fn enter_with_body(hub: &Hub, req: &HttpRequest, payload: Payload, most: usize) -> Result<(Caller, Bytes), Problem> {
    match enter(hub, req) {
        Ok(caller) => Ok((caller, body::read(payload, most).await?)),
        Err(problem) => {
            body::discard(payload);
            Err(problem)
        }
    }
}

/// The app that a request names, if it names one.
///
/// # Errors
/// When it is the name of no app at all.
pub(super) fn named_app(req: &HttpRequest) -> Result<Option<AppName>, Problem> {
    let Some(name) = text(req, &APP_NAME) else { return Ok(None) };
    let words = "1 to 100 letters, digits, dots, hyphens and underscores";
    AppName::parse(name).map(Some).ok_or_else(|| Problem::field("X-AN-APP-NAME", words))
}

/// Moodle's own app where it is served, else the first of those that are.
pub(super) fn main_app(hub: &Hub) -> Option<AppName> {
    let apps = &hub.hall.apps;
    let name = apps.keys().find(|name| *name == MOODLE_APP).or(apps.keys().next())?;
    AppName::parse(name)
}

/// The app that a request is about.
///
/// # Errors
/// When it names one that is none, or is not served.
pub(super) fn app(hub: &Hub, req: &HttpRequest) -> Result<AppName, Problem> {
    let unknown = || Problem::from(Refusal::from(RefusalKind::UnknownApp));
    let app = named_app(req)?.or_else(|| main_app(hub)).ok_or_else(unknown)?;
    if hub.hall.apps.contains_key(app.as_str()) { Ok(app) } else { Err(unknown()) }
}
