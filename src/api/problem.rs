//! The face of the API: what goes wrong becomes problem details (RFC 9457); what the framework refuses by itself is dressed
//! alike.

use std::fmt;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::broadcasts::BroadcastError;
use crate::db::Fault;
use crate::error::Error;
use crate::hub::Hub;
use crate::keys::KeyError;
use crate::push::{REFUSALS, Refusal};
use crate::web;

/// The media type of problem details.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// A field or parameter that is wrong, and how.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Its name in the body, the query or the headers.
    pub field: String,
    pub detail: String,
}

/// Why a request was not served.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<FieldProblem>,
    /// The path of the page to go to, where there is one for this very case.
    help: Option<String>,
    /// When it passes, where it passes with time.
    passes: Option<Error>,
    /// What broke, for the log alone.
    cause: Option<anyhow::Error>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner { status, code, title, detail: detail.into(), errors: Vec::new(), help: None, passes: None, cause: None }))
    }

    /// A field or parameter that is wrong.
    pub(super) fn field(field: impl Into<String>, words: impl Into<String>) -> Self {
        Self::fields(vec![FieldProblem { field: field.into(), detail: words.into() }])
    }

    /// All the fields that are wrong.
    pub(super) fn fields(errors: Vec<FieldProblem>) -> Self {
        let all: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", "The request is not valid", all.join("; "));
        problem.0.errors = errors;
        problem
    }

    /// A request that can't be read at all.
    pub(super) fn unreadable(words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", "The request can't be read", words)
    }

    /// The same under another code.
    pub(super) fn coded(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }

    /// The same with another status.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// What the framework has refused by itself.
    fn of_framework(status: StatusCode, error: Option<&actix_web::Error>) -> Self {
        match status.as_u16() {
            404 => Error::NotFound.into(),
            405 => Self::new(status, "method_not_allowed", "Method not allowed", "Allow says what can be done here."),
            413 => Self::new(status, "body_too_large", "Request body too large", "The body is larger than the hub takes in."),
            400..=499 => {
                Self::new(status, "malformed_request", "The request can't be read", "It is not of the form that is expected here.")
            }
            _ => Error::Internal(anyhow::anyhow!("{error:?}")).into(),
        }
    }

    fn response(&self, hub: &Hub) -> HttpResponse {
        let Inner { status, code, title, detail, errors, help, passes, cause } = &*self.0;
        let mut response = HttpResponse::build(*status);
        let request_id = status.is_server_error().then(web::request_id);
        if let Some(id) = &request_id {
            response.insert_header((web::REQUEST_ID, id.clone()));
            match cause {
                Some(cause) => tracing::error!(request_id = id, error = format!("{cause:#}"), "the API broke"),
                None => tracing::warn!(request_id = id, code, "a request of the API was not served"),
            }
        }
        if *status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"belfry\""));
        }
        let has_help = REFUSALS.iter().any(|row| row.code == *code);
        let view = ProblemView {
            kind: if has_help { format!("{}#{code}", hub.public_url.join("/help")) } else { "about:blank".to_owned() },
            title: (*title).to_owned(),
            status: status.as_u16(),
            detail: detail.clone(),
            code: (*code).to_owned(),
            help: help.as_ref().map(|path| hub.public_url.join(path)),
            errors: (!errors.is_empty()).then(|| errors.clone()),
            request_id,
        };
        let body = serde_json::to_vec(&view).unwrap_or_default();
        let mut response = response.insert_header((CONTENT_TYPE, PROBLEM_JSON)).body(body);
        if let Some(passes) = passes {
            web::tell_when(response.headers_mut(), passes);
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.code, self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// Bare: the scope's face dresses it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.0.status)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = web::status_of(&error);
        match error {
            Error::NotFound => Self::new(status, "not_found", "Not found", "There is nothing here, or it is not this site's."),
            Error::LoggedOut => Self::new(status, "app_key_required", "No access key", "Send an access key of your site."),
            Error::Forbidden(why) => Self::new(status, "forbidden", "Forbidden", why),
            Error::OldForm => Self::new(status, "forbidden", "Forbidden", "This is no page."),
            Error::Invalid(errors) => {
                let errors = errors.0.into_iter().map(|error| FieldProblem { field: error.field.to_owned(), detail: error.words });
                Self::fields(errors.collect())
            }
            Error::Malformed(words) => Self::unreadable(words),
            Error::TooLarge(most) => {
                Self::new(status, "body_too_large", "Request body too large", format!("At most {most} bytes are taken in here."))
            }
            Error::Conflict(words) => Self::new(status, "conflict", "Not done", words),
            Error::Limited(standing) => {
                let words = format!("More of this came than the hub takes. Try again in {} s.", standing.retry_seconds());
                let mut problem = Self::new(status, "rate_limited", "Too many requests", words);
                problem.0.passes = Some(Error::Limited(standing));
                problem
            }
            Error::Unavailable(wait) => {
                let mut problem = Self::new(status, "busy", "Hub is busy", "Nothing was changed. Try again after Retry-After.");
                problem.0.passes = Some(Error::Unavailable(wait));
                problem
            }
            Error::Internal(cause) => {
                let mut problem = Self::new(
                    status,
                    "internal",
                    "Something broke on the hub's side",
                    "It is noted. If it goes on, tell the hub's team the request_id.",
                );
                problem.0.cause = Some(cause);
                problem
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let row = refusal.kind.row();
        // Every status of the table is one.
        let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut problem = Self::new(status, row.code, row.words, format!("{} {}", row.meaning, row.remedy));
        problem.0.passes = refusal.standing.map(Error::Limited).or(refusal.retry_after.map(Error::Unavailable));
        problem.0.help = refusal.site.map(|_| refusal.help_path());
        let wrong = refusal.detail.map(|detail| FieldProblem { field: detail.0.to_owned(), detail: detail.1 });
        problem.0.errors = wrong.into_iter().collect();
        problem
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Error::from(fault).into()
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let code = match &error {
            KeyError::NotFor(_) => Some("site_gets_no_key"),
            KeyError::TooMany => Some("too_many_keys"),
            KeyError::HasSuccessor => Some("key_has_successor"),
            KeyError::Unknown | KeyError::NeedsDevice | KeyError::Fault(_) => None,
        };
        let problem = Self::from(Error::from(error));
        match code {
            Some(code) => problem.coded(code),
            None => problem,
        }
    }
}

impl From<BroadcastError> for Problem {
    fn from(error: BroadcastError) -> Self {
        let code = match &error {
            BroadcastError::TooMany => Some("too_many_broadcasts"),
            BroadcastError::Over => Some("broadcast_is_over"),
            BroadcastError::Unknown | BroadcastError::Fault(_) => None,
        };
        let problem = Self::from(Error::from(error));
        match code {
            Some(code) => problem.coded(code),
            None => problem,
        }
    }
}

/// Problem details (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemView {
    /// A page that says what to do, or `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    pub detail: String,
    /// For programs: it never changes.
    pub code: String,
    /// The page to go to: for `site_suspended`, where the site's admin reads why and can answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The fields or parameters that are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldProblem>>,
    /// By this the hub's team finds it in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Wraps the scope of the API.
pub async fn face(req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> actix_web::Result<ServiceResponse> {
    let mut res = dressed(next.call(req).await?.map_into_boxed_body());
    // An answer may hold a key.
    res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    res.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(res)
}

fn dressed(res: ServiceResponse) -> ServiceResponse {
    let status = res.status();
    if res.response().error().is_none() && status != StatusCode::METHOD_NOT_ALLOWED {
        return res;
    }
    let Some(hub) = res.request().app_data::<Data<Hub>>().cloned() else { return res };
    let mut response = {
        let error = res.response().error();
        match error.and_then(|error| error.as_error::<Problem>()) {
            Some(problem) => problem.response(&hub),
            None => Problem::of_framework(status, error).response(&hub),
        }
    };
    if let Some(allowed) = res.headers().get(ALLOW) {
        response.headers_mut().insert(ALLOW, allowed.clone());
    }
    res.into_response(response)
}
