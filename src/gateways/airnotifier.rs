//! A stock AirNotifier as the backend (`wire/airnotifier-server.md` 10): the hub translates, sends `application/json`
//! with its own master key, and says to the site only what the backend was sure of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::Bytes;
use awc::error::SendRequestError;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{BUDGET, Connections, Gateway, Message, Trouble, Verdict};
use crate::devices::Gone;

/// How many 404s in a row, with nothing accepted between, are believed. AirNotifier passes on FCM's 404, which is also
/// what a wrong project id gives: then every token would seem to be gone.
const GONE_IN_A_ROW: u32 = 20;
/// How much of a backend's answer is read.
const ANSWER_BYTES: usize = 16 * 1024;

/// The backend's processes.
pub struct Backends {
    /// Where each listens, without a trailing slash.
    pub urls: Vec<String>,
    pub access_key: SecretString,
    /// Requests at once per process: AirNotifier itself sends no more than ten.
    pub max_in_flight: usize,
}

struct Backend {
    push_url: String,
    in_flight: Arc<Semaphore>,
}

/// An AirNotifier, or several that share their database.
pub struct Airnotifier {
    backends: Vec<Backend>,
    access_key: SecretString,
    next: AtomicUsize,
    gone_in_a_row: AtomicU32,
}

impl Airnotifier {
    pub fn new(settings: Backends) -> Self {
        let backends = settings.urls.iter().map(|url| Backend {
            push_url: format!("{}/api/v2/push", url.trim_end_matches('/')),
            in_flight: Arc::new(Semaphore::new(settings.max_in_flight)),
        });
        Self { backends: backends.collect(), access_key: settings.access_key, next: AtomicUsize::new(0), gone_in_a_row: AtomicU32::new(0) }
    }

    /// This gateway, for pushes of one app.
    pub fn for_app<'a>(&'a self, app: &'a str) -> impl Gateway + 'a {
        ForApp { gateway: self, app }
    }
}

struct ForApp<'a> {
    gateway: &'a Airnotifier,
    app: &'a str,
}

fn later(why: Trouble, seconds: u64) -> Verdict {
    Verdict::Unavailable { why, retry_after: Duration::from_secs(seconds) }
}

impl Gateway for ForApp<'_> {
    async fn deliver(&self, connections: &Connections, token: &str, message: &Message) -> Verdict {
        let gateway = self.gateway;
        let turn = gateway.next.fetch_add(1, Ordering::Relaxed);
        let Some(backend) = gateway.backends.get(turn % gateway.backends.len().max(1)) else { return later(Trouble::Misconfigured, 60) };
        let body = message.airnotifier_json(token);
        let work = async {
            let Ok(_permit) = backend.in_flight.acquire().await else { return later(Trouble::Busy, 1) };
            self.send(connections, backend, body).await
        };
        tokio::time::timeout(BUDGET, work).await.unwrap_or_else(|_| {
            let why = if backend.in_flight.available_permits() == 0 { Trouble::Busy } else { Trouble::Slow };
            later(why, 5)
        })
    }
}

impl ForApp<'_> {
    async fn send(&self, connections: &Connections, backend: &Backend, body: Vec<u8>) -> Verdict {
        // JSON by its right name: under a form label AirNotifier picks a token out of the text (`wire/airnotifier-server.md` 2).
        let request = connections
            .http
            .post(backend.push_url.as_str())
            .insert_header((CONTENT_TYPE, "application/json"))
            .insert_header((ACCEPT, "application/json"))
            .insert_header(("X-AN-APP-NAME", self.app))
            .insert_header(("X-AN-APP-KEY", self.gateway.access_key.expose_secret()));
        let mut response = match request.send_body(Bytes::from(body)).await {
            Ok(response) => response,
            Err(SendRequestError::Timeout) => return later(Trouble::Slow, 5),
            Err(_) => return later(Trouble::Down, 5),
        };
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        // Read to its end, so that the connection can be used again.
        let answer = response.body().limit(ANSWER_BYTES).await.unwrap_or_default();
        self.gateway.judge(status, &answer, retry_after)
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

impl Airnotifier {
    /// What a backend's answer means (`wire/airnotifier-server.md` 4.2 and 10).
    fn judge(&self, status: StatusCode, body: &[u8], retry_after: Option<u64>) -> Verdict {
        let words = serde_json::from_slice::<ErrorBody>(body).map(|b| b.error).unwrap_or_default();
        let from_gateway = words.starts_with("error response from ") || words == "Unregistered token";
        match status.as_u16() {
            200 | 202 => {
                if self.gone_in_a_row.load(Ordering::Relaxed) != 0 {
                    self.gone_in_a_row.store(0, Ordering::Relaxed);
                }
                Verdict::Accepted
            }
            404 if from_gateway => {
                if self.gone_in_a_row.fetch_add(1, Ordering::Relaxed) < GONE_IN_A_ROW {
                    Verdict::Gone(Gone::said_by_gateway())
                } else {
                    tracing::error!("the backend says of every token that it is gone: is its Firebase project the right one?");
                    later(Trouble::Misconfigured, 60)
                }
            }
            // 400 from the gateway may be the payload or a malformed token: no word of the backend tells which.
            400 | 413 if from_gateway => Verdict::Rejected,
            429 => later(Trouble::Throttled, retry_after.unwrap_or(60).clamp(1, 3_600)),
            500.. => later(Trouble::Down, retry_after.unwrap_or(10).clamp(1, 3_600)),
            other => {
                tracing::error!(status = other, "the backend does not accept the hub's requests: check its URL, access key and app name");
                later(Trouble::Misconfigured, 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> Airnotifier {
        Airnotifier::new(Backends { urls: vec!["http://127.0.0.1:9/".into()], access_key: "k".into(), max_in_flight: 10 })
    }

    #[test]
    fn each_answer_of_a_backend_means_what_the_wire_says() {
        let fcm = br#"{"error": "error response from fcm"}"#;
        let apns = br#"{"error": "error response from apns"}"#;
        let key = br#"{"error": "Invalid access key"}"#;
        let python = br#"{"error": "'NoneType' object has no attribute 'body'"}"#;
        let rows: [(u16, &[u8], &str); 13] = [
            (202, b"", "accepted"),
            (404, fcm, "gone"),
            (404, b"<html>404</html>", "misconfigured"),
            (404, b"", "misconfigured"),
            (400, fcm, "rejected"),
            (400, apns, "rejected"),
            (400, key, "misconfigured"),
            (403, fcm, "misconfigured"),
            (401, fcm, "misconfigured"),
            (423, br#"{"error": "Blocked IP"}"#, "misconfigured"),
            (429, fcm, "throttled"),
            (500, python, "down"),
            (503, fcm, "down"),
        ];
        for (status, body, wanted) in rows {
            let verdict = gateway().judge(StatusCode::from_u16(status).unwrap(), body, None);
            let said = match verdict {
                Verdict::Accepted => "accepted",
                Verdict::Gone(_) => "gone",
                Verdict::Rejected => "rejected",
                Verdict::Unavailable { why, .. } => why.as_str(),
            };
            assert_eq!(said, wanted, "{status} {}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_backend_to_which_every_token_is_gone_is_not_believed() {
        let (gateway, body) = (gateway(), br#"{"error": "error response from fcm"}"#);
        let is_gone = |gateway: &Airnotifier| matches!(gateway.judge(StatusCode::NOT_FOUND, body, None), Verdict::Gone(_));
        assert_eq!((0..30).filter(|_| is_gone(&gateway)).count(), 20);
        gateway.judge(StatusCode::ACCEPTED, b"", None);
        assert!(is_gone(&gateway));
    }
}
