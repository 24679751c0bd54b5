//! What others ask by plain GET: an AirNotifier whether a site is registered, a Moodle for the hub's logo.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{Exception, Kind, answered};
use crate::hub::Hub;
use crate::limits::Network;
use crate::registrations::{self, Siteid};
use crate::sites::{Site, SiteUrl};
use crate::web::Fields;

/// As a stock AirNotifier reads it.
const HTML: (HeaderName, &str) = (CONTENT_TYPE, "text/html; charset=utf-8");

/// `GET /local/sitecheck/check.php?siteid=&url=`: a bare integer, 0 = not registered (`wire/hub-protocol.md` 7).
/// Registered is who may have a key: a site that is held or suspended is not.
pub async fn sitecheck(hub: Data<Hub>, req: HttpRequest) -> HttpResponse {
    let from = hub.proxies.client(&req);
    let listed = hub.sitecheck_from.iter().any(|net| net.contains(&from));
    if !listed && !hub.sitecheck_from.is_empty() {
        return HttpResponse::Forbidden().insert_header(HTML).finish();
    }
    if !listed && let Err(standing) = hub.doors.sitechecks.take(&Network::from(from)) {
        let wait = standing.retry_seconds().to_string();
        return HttpResponse::TooManyRequests().insert_header(HTML).insert_header((RETRY_AFTER, wait)).finish();
    }
    let fields = Fields::parse(req.query_string().as_bytes());
    let registered = match (SiteUrl::parse(fields.text("url")), Siteid::parse(fields.text("siteid"))) {
        (Ok(url), Ok(siteid)) => {
            let ring = hub.ring.clone();
            hub.db.read(move |conn| registrations::by_siteid(conn, &ring, &url, &siteid)).await
        }
        _ => Ok(None),
    };
    match registered {
        Ok(site) => {
            let word = if site.is_some_and(|site: Site| site.may_have_keys()) { "1" } else { "0" };
            HttpResponse::Ok().insert_header(HTML).insert_header((CACHE_CONTROL, "no-store")).body(word)
        }
        // Not 0: that would say that a registered site is none.
        Err(fault) => {
            tracing::error!(error = %fault, "a site check could not be answered");
            HttpResponse::ServiceUnavailable().insert_header(HTML).insert_header((RETRY_AFTER, "30")).finish()
        }
    }
}

/// `GET /local/hub/webservice/download.php?filetype=hubscreenshot`: the hub's logo, in an `img` of old Moodles. There are no
/// courses to download.
pub async fn download(hub: Data<Hub>, req: HttpRequest) -> HttpResponse {
    let fields = Fields::parse(req.query_string().as_bytes());
    match fields.text("filetype") {
        "hubscreenshot" => HttpResponse::Found().insert_header((LOCATION, hub.assets.url("logo.svg"))).finish(),
        _ => answered(Err(Exception::new(Kind::NoCourses, "This hub has no courses to download"))),
    }
}
