//! The face of the keyed API: a refusal becomes `{"error", "code", "help"}`, in AirNotifier's words where a client reads
//! them; what the framework refuses by itself is dressed alike.

use std::fmt;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::error::whole_seconds;
use crate::hub::Hub;
use crate::push::{self, Refusal, RefusalKind};
use crate::web;

/// As AirNotifier labels every answer of its API.
pub(super) const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json; charset=utf-8");

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    code: &'a str,
    help: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// The answer to a refusal.
pub(super) fn refused(hub: &Hub, refusal: &Refusal) -> HttpResponse {
    let row = refusal.kind.row();
    answer(hub, refusal, row.status, row.words)
}

/// The answer to Moodle's check of its key: always 400, and `Invalid access key`, the only words that it shows in red,
/// unless all is well.
pub(super) fn checked(hub: &Hub, refusal: &Refusal) -> HttpResponse {
    let words = if refusal.kind == RefusalKind::InvalidToken { "Invalid token" } else { "Invalid access key" };
    answer(hub, refusal, 400, words)
}

/// The answer to a refusal in other words than the table's: those that an admin reads in Moodle's own debugging output.
pub(super) fn refused_in(hub: &Hub, refusal: &Refusal, words: &str) -> HttpResponse {
    answer(hub, refusal, refusal.kind.row().status, words)
}

fn answer(hub: &Hub, refusal: &Refusal, status: u16, words: &str) -> HttpResponse {
    let row = refusal.kind.row();
    // Every status of the table is one.
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST));
    response.insert_header(JSON);
    if status >= 500 {
        // What the hub failed to do is found in the log by its number.
        let id = web::request_id();
        tracing::warn!(request_id = id, code = row.code, "a keyed request was not served");
        response.insert_header((web::REQUEST_ID, id));
    }
    limit_headers(&mut response, refusal);
    response.json(ErrorBody {
        error: words,
        code: row.code,
        help: hub.public_url.join(&refusal.help_path()),
        field: refusal.detail.as_deref().map(|(field, _)| *field),
        detail: refusal.detail.as_deref().map(|(_, words)| words.as_str()),
    })
}

/// `Retry-After` (RFC 9110 10.2.3) and the `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers).
fn limit_headers(response: &mut HttpResponseBuilder, refusal: &Refusal) {
    if let Some(wait) = refusal.retry_after {
        response.insert_header((RETRY_AFTER, whole_seconds(wait).to_string()));
    }
    if let Some(standing) = refusal.standing {
        response.insert_header(("RateLimit-Policy", standing.policy_field()));
        response.insert_header(("RateLimit", standing.limit_field()));
    }
}

/// Wraps the scopes of the keyed API: what has no body of its own gets one, and what is the hub's own fault a number.
pub async fn face(req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> actix_web::Result<ServiceResponse> {
    Ok(dressed(next.call(req).await?.map_into_boxed_body()))
}

fn dressed(res: ServiceResponse) -> ServiceResponse {
    let status = res.status();
    if res.response().error().is_none() && status != StatusCode::METHOD_NOT_ALLOWED {
        return res;
    }
    let Some(hub) = res.request().app_data::<Data<Hub>>().cloned() else { return res };
    if let Some(error) = res.response().error().filter(|_| status.is_server_error()) {
        tracing::error!(error = %Chain(error), "the keyed API broke");
    }
    let body = |error: &str, code: &str| ErrorJson::new(&hub, error, code);
    let response = match status.as_u16() {
        404 => HttpResponse::NotFound().insert_header(JSON).json(body("No such route", "no_such_route")),
        405 => {
            let mut response = wrong_method(res.request());
            if let Some(allowed) = res.headers().get(ALLOW) {
                response.headers_mut().insert(ALLOW, allowed.clone());
            }
            response
        }
        413 => refused(&hub, &RefusalKind::BodyTooLarge.into()),
        400..=499 => HttpResponse::build(status).insert_header(JSON).json(body("Invalid request", "invalid_request")),
        _ => HttpResponse::build(status).insert_header(JSON).json(body("Internal error", "internal")),
    };
    res.into_response(response)
}

/// The answer to a known route that is asked in another way: said after the headers were looked at, as AirNotifier does
/// (`wire/airnotifier-server.md` 3). Who asks for a key has none yet.
pub fn wrong_method(req: &HttpRequest) -> HttpResponse {
    let Some(hub) = req.app_data::<Data<Hub>>() else { return HttpResponse::MethodNotAllowed().finish() };
    let wants_key = !req.path().trim_end_matches('/').ends_with("/accesskeys");
    match push::caller(&hub.hall, super::request(req)) {
        Err(refusal) if wants_key => refused(hub, &refusal),
        _ => HttpResponse::MethodNotAllowed().insert_header(JSON).json(ErrorJson::new(hub, "Method not allowed", "method_not_allowed")),
    }
}

/// The answer to a Moodle whose notification server is typed with a slash at its end: it asks for `/:80/accesskeys/`
/// (`wire/moodle-client.md` 1.1).
pub async fn slash_in_url(hub: Data<Hub>) -> HttpResponse {
    let words = "Remove the slash, or the path, at the end of Moodle's Airnotifier URL";
    HttpResponse::NotFound().insert_header(JSON).json(ErrorJson::new(&hub, words, "slash_in_url"))
}

#[derive(Serialize)]
struct ErrorJson {
    error: String,
    code: String,
    help: String,
}

impl ErrorJson {
    fn new(hub: &Hub, error: &str, code: &str) -> Self {
        Self { error: error.to_owned(), code: code.to_owned(), help: hub.public_url.join("/help") }
    }
}

struct Chain<'a>(&'a actix_web::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
