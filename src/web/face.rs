//! How an error looks on a page: what happened, what next.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use super::Page;
use crate::error::{Error, whole_seconds};

/// The status of an error, whatever its face.
pub fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::LoggedOut => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) | Error::OldForm => StatusCode::FORBIDDEN,
        Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Malformed(_) => StatusCode::BAD_REQUEST,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status_of(self)
    }

    /// Bare: the scope's face dresses it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(status_of(self))
    }
}

/// A page that tells of an error.
#[derive(Template)]
#[template(path = "web/error.html")]
pub struct ErrorPage {
    page: Page,
    status: u16,
    title: String,
    text: String,
    next: Vec<(String, String)>,
    request_id: Option<String>,
}

impl ErrorPage {
    /// `error`: what the hub said; `None` where the framework refused by itself.
    pub fn new(page: Page, status: StatusCode, error: Option<&Error>, request_id: &str) -> Self {
        let (title, text) = words(status, error);
        let mut next = vec![("/".to_owned(), "To the front page".to_owned())];
        if page.user.is_some() {
            next.insert(0, ("/my/sites".to_owned(), "To my sites".to_owned()));
        } else if status == StatusCode::FORBIDDEN {
            next.insert(0, ("/login".to_owned(), "Log in".to_owned()));
        }
        let request_id = status.is_server_error().then(|| request_id.to_owned());
        if matches!(error, Some(Error::Limited(standing)) if standing.name == "logins") {
            // Who is kept out by somebody else's tries gets in by their mailbox.
            next.insert(0, ("/password/forgot".to_owned(), "Choose a new password".to_owned()));
        }
        Self { page, status: status.as_u16(), title, text, next, request_id }
    }

    pub fn response(&self, status: StatusCode, error: Option<&Error>) -> HttpResponse {
        let body = self.render().unwrap_or_else(|_| self.text.clone());
        let mut response = HttpResponse::build(status).insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(body);
        if let Some(error) = error {
            tell_when(response.headers_mut(), error);
        }
        response
    }
}

/// `Retry-After`, and the `RateLimit` fields, of an error that passes with time.
pub fn tell_when(headers: &mut HeaderMap, error: &Error) {
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    match error {
        Error::Limited(standing) => {
            set(RETRY_AFTER, standing.retry_seconds().to_string());
            set(HeaderName::from_static("ratelimit-policy"), standing.policy_field());
            set(HeaderName::from_static("ratelimit"), standing.limit_field());
        }
        Error::Unavailable(wait) => set(RETRY_AFTER, whole_seconds(*wait).to_string()),
        _ => {}
    }
}

/// What an error says that passes with time, for a form that is shown again.
pub fn come_back(error: &Error) -> Option<String> {
    match error {
        Error::Limited(standing) => Some(format!("That was a lot at once. Try again in {}.", in_words(standing.retry_seconds()))),
        Error::Unavailable(_) => Some("The hub is busy, and nothing was changed. Try again in a few seconds.".to_owned()),
        _ => None,
    }
}

fn words(status: StatusCode, error: Option<&Error>) -> (String, String) {
    let (title, text) = match (error, status.as_u16()) {
        (Some(Error::Forbidden(why)), _) => ("This is not for you", (*why).to_owned()),
        (Some(Error::Malformed(why)), _) => ("This can't be read", why.clone()),
        (Some(Error::Conflict(why)), _) => ("Not done", why.clone()),
        (Some(Error::Invalid(errors)), _) => {
            let all: Vec<String> = errors.0.iter().map(|e| format!("{}: {}", e.field, e.words)).collect();
            ("Something is not right yet", all.join(" "))
        }
        (Some(Error::OldForm), _) => (
            "This form was too old",
            "Nothing was changed. Go back, reload the page and send it again: most browsers still have what you typed.".to_owned(),
        ),
        (Some(Error::Limited(standing)), _) if standing.name == "logins" => (
            "Too many tries",
            format!(
                "There were too many tries to log in from your address or to this account, maybe by somebody else. Try again in {}, \
                 or choose a new password.",
                in_words(standing.retry_seconds())
            ),
        ),
        (Some(Error::Limited(standing)), _) => (
            "That was a lot at once",
            format!("More of this came than the hub takes. Try again in {}.", in_words(standing.retry_seconds())),
        ),
        (_, 404) => ("There is no such page", "It may have moved, or it is not yours to see. Check the address.".to_owned()),
        (_, 405) => ("This can't be done here", "The page exists, but not for this kind of request.".to_owned()),
        (_, 413) => ("That is too large", "What was sent is larger than the hub takes in.".to_owned()),
        (_, 503) => ("The hub is busy", "Nothing was changed. Try again in a few seconds.".to_owned()),
        (_, 500..) => (
            "Something broke on our side",
            "It is noted, and nothing you did is to blame. If it goes on, tell the hub's team the number below.".to_owned(),
        ),
        _ => ("This can't be read", "The request is not of the form that this page takes.".to_owned()),
    };
    (title.to_owned(), text)
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".into(),
        2..=90 => format!("{seconds} seconds"),
        91..=5_400 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3_600)),
    }
}
