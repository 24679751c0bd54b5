//! The face of the hub protocol: status 200 and JSON, whatever comes; an error is an exception in Moodle's own shape. One
//! table, from which the answers and the test that walks them are read.

use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use actix_web::middleware::Next;
use serde_json::{Value, json};

use super::form::Malformed;
use crate::db::Fault;
use crate::error::Error;
use crate::registrations::UnknownToken;
use crate::web;

const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json; charset=utf-8");

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub kind: Kind,
    pub exception: &'static str,
    pub errorcode: &'static str,
    /// What Moodle makes of it: the reaction that the row protects.
    pub reaction: &'static str,
}

macro_rules! exceptions {
    ($($kind:ident => $exception:literal, $code:literal, $reaction:literal;)*) => {
        /// Which exception it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($kind),* }

        /// Every exception that the hub protocol says.
        pub const EXCEPTIONS: &[Row] = &[$(Row {
            kind: Kind::$kind, exception: $exception, errorcode: $code, reaction: $reaction,
        }),*];
    };
}

exceptions! {
    UnknownToken => "moodle_exception", "invalidtoken", "Moodle throws its registration away";
    Malformed => "invalid_parameter_exception", "invalidparameter", "the registration stays, the admin reads which field is wrong";
    UnknownFunction => "webservice_access_exception", "accessexception", "the registration stays";
    NoCourses => "webservice_access_exception", "nocourses", "the registration stays; old Moodles say that there are no courses";
    Held => "moodle_exception", "siteheld", "the registration stays, the admin reads who decides";
    Elsewhere => "moodle_exception", "siteelsewhere", "the registration stays, on both sites, and the admin reads what to do";
    Suspended => "moodle_exception", "sitesuspended", "the registration stays, the admin reads why";
    BadSignature => "moodle_exception", "invalidsignature", "the registration stays, the admin reads what may be wrong";
    TooOften => "moodle_exception", "toooften", "the registration stays, Moodle tries again next week";
    Unavailable => "moodle_exception", "hubunavailable", "the registration stays, Moodle tries again next week";
    Internal => "moodle_exception", "huberror", "the registration stays, Moodle tries again next week";
}

impl Kind {
    /// Its row of the table.
    pub fn row(self) -> &'static Row {
        // Rows stand in the order of the enum, from which they are made.
        &EXCEPTIONS[self as usize]
    }
}

/// Why a call was not done.
#[derive(Debug)]
pub struct Exception {
    kind: Kind,
    message: String,
    retry_after: Option<u64>,
}

impl Exception {
    /// Of any kind but the one that makes Moodle throw its registration away.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        debug_assert!(kind != Kind::UnknownToken, "this one takes a witness");
        let kind = if kind == Kind::UnknownToken { Kind::Internal } else { kind };
        Self { kind, message: message.into(), retry_after: None }
    }

    /// For the log.
    pub fn code(&self) -> &'static str {
        self.kind.row().errorcode
    }
}

impl From<UnknownToken> for Exception {
    fn from(_witness: UnknownToken) -> Self {
        // Moodle goes on by itself: ". Registration token on this site has been reset…"
        Self { kind: Kind::UnknownToken, message: "Invalid token - token not found".to_owned(), retry_after: None }
    }
}

impl From<Malformed> for Exception {
    fn from(malformed: Malformed) -> Self {
        Self::new(Kind::Malformed, format!("Invalid parameter value detected: {malformed}"))
    }
}

impl From<Fault> for Exception {
    fn from(fault: Fault) -> Self {
        Error::from(fault).into()
    }
}

impl From<Error> for Exception {
    fn from(error: Error) -> Self {
        match error {
            Error::Limited(standing) => {
                let seconds = standing.retry_seconds();
                let message = format!("That was more than the hub takes at once. Try again in {seconds} seconds");
                Self { retry_after: Some(seconds), ..Self::new(Kind::TooOften, message) }
            }
            Error::Unavailable(wait) => {
                let message = "The hub is busy at the moment. Nothing was changed; try again in a few minutes";
                Self { retry_after: Some(crate::error::whole_seconds(wait)), ..Self::new(Kind::Unavailable, message) }
            }
            Error::Invalid(errors) => {
                let all: Vec<String> = errors.0.iter().map(|e| format!("{}: {}", e.field, e.words)).collect();
                Self::new(Kind::Malformed, format!("Invalid parameter value detected: {}", all.join("; ")))
            }
            Error::Conflict(words) => Self::new(Kind::Held, words),
            other => {
                let id = web::request_id();
                tracing::error!(request_id = id, error = ?other, "a call of the hub protocol broke");
                Self::new(Kind::Internal, format!("Something broke on the hub's side. If it goes on, tell its team the number {id}"))
            }
        }
    }
}

/// The answer to a call: bare JSON, or an exception. Never empty, never another status: Moodle takes that for no connection.
pub fn answered(done: Result<Value, Exception>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header(JSON).insert_header((CACHE_CONTROL, "no-store"));
    match done {
        Ok(value) => response.body(value.to_string()),
        Err(Exception { kind, message, retry_after }) => {
            if let Some(seconds) = retry_after {
                response.insert_header((RETRY_AFTER, seconds.to_string()));
            }
            let row = kind.row();
            let body = json!({"exception": row.exception, "errorcode": row.errorcode, "message": message});
            response.body(body.to_string())
        }
    }
}

/// Wraps the scope: what the framework refuses by itself is dressed alike.
pub async fn face(req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> actix_web::Result<ServiceResponse> {
    let res = next.call(req).await?.map_into_boxed_body();
    let exception = match res.status() {
        StatusCode::METHOD_NOT_ALLOWED => Exception::new(Kind::Malformed, "The hub is called by GET or POST"),
        status if status.is_client_error() => Exception::new(Kind::UnknownFunction, "There is no such service at this hub"),
        status if status.is_server_error() => Exception::from(Error::Internal(anyhow::anyhow!("status {status}"))),
        _ => return Ok(res),
    };
    Ok(res.into_response(answered(Err(exception))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `wire/moodle-client.md` 0.5: only these two make Moodle forget its registration.
    #[test]
    fn one_exception_alone_makes_moodle_forget_its_registration() {
        let forgets = |row: &&Row| {
            row.exception == "registration_exception" || (row.exception == "moodle_exception" && row.errorcode == "invalidtoken")
        };
        let forgetting: Vec<Kind> = EXCEPTIONS.iter().filter(forgets).map(|row| row.kind).collect();
        assert_eq!(forgetting, [Kind::UnknownToken]);
        for (index, row) in EXCEPTIONS.iter().enumerate() {
            assert_eq!((row.kind as usize, row.kind.row()), (index, row));
        }
    }

    #[test]
    fn a_fault_of_the_hub_is_never_said_as_an_unknown_token() {
        for error in
            [Error::NotFound, Error::LoggedOut, Error::Unavailable(std::time::Duration::ZERO), Error::Internal(anyhow::anyhow!("x"))]
        {
            assert_ne!(Exception::from(error).kind, Kind::UnknownToken);
        }
        assert_ne!(Exception::from(Fault::Busy).kind, Kind::UnknownToken);
    }
}
