//! What can go wrong for whoever asked. How it looks is the asking audience's face (`web::face`, `keyed::face`).

use std::time::Duration;

use crate::db::Fault;

/// A wrong field: its name in the form or body, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub field: &'static str,
    pub words: String,
}

/// All the wrong fields of one form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// Notes that `field` is wrong.
    pub fn add(&mut self, field: &'static str, words: impl Into<String>) {
        self.0.push(FieldError { field, words: words.into() });
    }

    /// What is wrong with `field`, if anything.
    pub fn of(&self, field: &str) -> Option<String> {
        self.0.iter().find(|e| e.field == field).map(|e| e.words.clone())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a limit left or refused, for the `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub name: &'static str,
    pub quota: u64,
    pub window_seconds: u64,
    pub remaining: u64,
    pub retry_after: Duration,
}

impl Standing {
    /// Whole seconds until another try can succeed, at least one.
    pub fn retry_seconds(&self) -> u64 {
        whole_seconds(self.retry_after)
    }

    /// `RateLimit-Policy`.
    pub fn policy_field(&self) -> String {
        format!("\"{}\";q={};w={}", self.name, self.quota, self.window_seconds)
    }

    /// `RateLimit`.
    pub fn limit_field(&self) -> String {
        format!("\"{}\";r={};t={}", self.name, self.remaining, self.retry_seconds())
    }
}

/// A time as `Retry-After` says it (RFC 9110 10.2.3): whole seconds, at least one.
pub fn whole_seconds(time: Duration) -> u64 {
    // Far from what would not fit: no limit is longer than a day.
    (time.as_secs_f64().ceil() as u64).max(1)
}

/// What the one who asked can act on, and `Internal`, which must not be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not found")]
    NotFound,
    /// Nobody is logged in where somebody has to be.
    #[error("not logged in")]
    LoggedOut,
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// A form whose token is no longer, or never was, this visitor's.
    #[error("an old or forged form")]
    OldForm,
    #[error("invalid input")]
    Invalid(FieldErrors),
    /// A request that can't be read at all: the words say what is wrong with it.
    #[error("bad request: {0}")]
    Malformed(String),
    #[error("too large: more than {0} bytes")]
    TooLarge(usize),
    #[error("conflict: {0}")]
    Conflict(String),
    #[error("limited for {:?}", .0.retry_after)]
    Limited(Standing),
    #[error("unavailable for {0:?}")]
    Unavailable(Duration),
    /// A bug or a broken part: logged once where it is shown, shown as the request's id alone.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl Error {
    /// One wrong field.
    pub fn field(field: &'static str, words: impl Into<String>) -> Self {
        let mut errors = FieldErrors::default();
        errors.add(field, words);
        Self::Invalid(errors)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy => Self::Unavailable(Duration::from_secs(5)),
            Fault::Stale => Self::Conflict("Somebody else changed this at the same moment. Look at it again, then repeat.".into()),
            outage if outage.is_outage() => {
                // Said here: what is shown is only that the hub is busy.
                tracing::error!(error = %outage, "the database does not do its work");
                Self::Unavailable(Duration::from_secs(30))
            }
            other => Self::Internal(other.into()),
        }
    }
}
