//! A stock AirNotifier as the backend (`wire/airnotifier-server.md` 10): the hub translates, sends `application/json`
//! with its own master key, and says to the site only what the backend was sure of.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::web::Bytes;
use anyhow::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Request, Uri};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Connections, Gateway, Message, Trouble, Verdict};
use crate::devices::Gone;

/// How many 404s in a row are believed of an app to which the backend has accepted something. AirNotifier passes on
/// FCM's 404, which is also what a wrong project id gives: then every token of the app would seem to be gone.
const GONE_IN_A_ROW: u32 = 20;
/// How many are, of an app to which nothing was accepted yet.
const GONE_AT_FIRST: u32 = 3;
/// How much of a backend's answer is read.
const ANSWER_BYTES: usize = 16 * 1024;
/// After how long an AirNotifier gives up by itself: until then what it was sent is in flight.
const GIVES_UP: Duration = Duration::from_secs(20);
/// How long a backend that could not be reached is passed over.
const PASSED_OVER: Duration = Duration::from_secs(3);
/// With less time than this left, a push is not begun: its answer could not be waited for.
const SHORTEST: Duration = Duration::from_millis(150);

/// The backend's processes.
pub struct Backends {
    /// Where each listens, without a trailing slash.
    pub urls: Vec<String>,
    pub access_key: SecretString,
    /// Requests at once per process: AirNotifier itself sends no more than ten.
    pub max_in_flight: usize,
}

struct Backend {
    push_url: Uri,
    in_flight: Arc<Semaphore>,
    max_in_flight: usize,
    /// Until when it is passed over, in milliseconds since this hub's start.
    down_until: AtomicU64,
    /// When it last answered, and when it last did not, likewise; 0: never.
    answered: AtomicU64,
    failed: AtomicU64,
}

/// How one process of a gateway stands, as far as this node knows from its own pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it listens.
    pub address: String,
    pub in_flight: usize,
    pub max_in_flight: usize,
    /// How long ago it last answered anything.
    pub answered_ago: Option<Duration>,
    /// How long ago it last did not answer, or said that it can't.
    pub failed_ago: Option<Duration>,
}

impl Standing {
    /// Whether the last try was answered. `None`: nothing was tried yet.
    pub fn answers(&self) -> Option<bool> {
        match (self.answered_ago, self.failed_ago) {
            (None, None) => None,
            (Some(answered), Some(failed)) => Some(answered <= failed),
            (answered, _) => Some(answered.is_some()),
        }
    }
}

/// An AirNotifier, or several that share their database.
pub struct Airnotifier {
    backends: Vec<Backend>,
    access_key: SecretString,
    next: AtomicUsize,
    started: Instant,
    trust: Mutex<HashMap<String, Trust>>,
}

/// What an app's 404s are worth.
#[derive(Clone, Copy, Debug, Default)]
struct Trust {
    has_accepted: bool,
    gone_in_a_row: u32,
}

impl Airnotifier {
    /// # Errors
    /// When an address or the access key can't be sent in a request.
    pub fn new(settings: Backends) -> anyhow::Result<Self> {
        let backends = settings.urls.iter().map(|url| {
            let push_url = format!("{}/api/v2/push", url.trim_end_matches('/')).parse().context("gateways.airnotifier.url")?;
            let in_flight = Arc::new(Semaphore::new(settings.max_in_flight));
            let never = || AtomicU64::new(0);
            let max_in_flight = settings.max_in_flight;
            Ok(Backend { push_url, in_flight, max_in_flight, down_until: never(), answered: never(), failed: never() })
        });
        header(settings.access_key.expose_secret()).context("gateways.airnotifier.access_key")?;
        Ok(Self {
            backends: backends.collect::<anyhow::Result<_>>()?,
            access_key: settings.access_key,
            next: AtomicUsize::new(0),
            started: Instant::now(),
            trust: Mutex::default(),
        })
    }

    /// This gateway, for pushes of one app.
    pub fn for_app<'a>(&'a self, app: &'a str) -> impl Gateway + 'a {
        ForApp { gateway: self, app }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How each process stands.
    pub fn standing(&self) -> Vec<Standing> {
        let now = self.millis();
        let ago = |at: &AtomicU64| match at.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Duration::from_millis(now.saturating_sub(at))),
        };
        let of = |backend: &Backend| Standing {
            address: backend.push_url.to_string().trim_end_matches("/api/v2/push").to_owned(),
            in_flight: backend.max_in_flight.saturating_sub(backend.in_flight.available_permits()),
            max_in_flight: backend.max_in_flight,
            answered_ago: ago(&backend.answered),
            failed_ago: ago(&backend.failed),
        };
        self.backends.iter().map(of).collect()
    }

    /// Notes that a backend has answered, or has not.
    fn heard(&self, backend: &Backend, answered: bool) {
        let at = if answered { &backend.answered } else { &backend.failed };
        at.store(self.millis().max(1), Ordering::Relaxed);
    }

    /// The backends in the order in which they are to be tried: in turn, those that were down a moment ago last.
    fn in_turn(&self) -> impl Iterator<Item = &Backend> {
        let (count, now) = (self.backends.len(), self.millis());
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let is_up = move |backend: &&Backend| backend.down_until.load(Ordering::Relaxed) <= now;
        let turn = move |n: usize| self.backends.get((first.wrapping_add(n)) % count.max(1));
        let up = (0..count).filter_map(turn).filter(is_up);
        up.chain((0..count).filter_map(turn).filter(move |backend| !is_up(backend)))
    }
}

struct ForApp<'a> {
    gateway: &'a Airnotifier,
    app: &'a str,
}

fn later(why: Trouble, seconds: u64) -> Verdict {
    Verdict::Unavailable { why, retry_after: Duration::from_secs(seconds) }
}

/// A header that is shown nowhere.
fn header(secret: &str) -> Result<HeaderValue, hyper::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(secret)?;
    value.set_sensitive(true);
    Ok(value)
}

const APP_NAME: HeaderName = HeaderName::from_static("x-an-app-name");
const APP_KEY: HeaderName = HeaderName::from_static("x-an-app-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A backend's answer.
struct Answer {
    status: u16,
    body: Bytes,
    retry_after: Option<u64>,
}

/// Why there is none.
enum NoAnswer {
    /// Nothing was sent: another backend may be asked.
    NotReached,
    Broken,
    /// No request can be made of this app's name or key.
    Unfit,
}

impl Gateway for ForApp<'_> {
    async fn deliver(&self, connections: &Connections, token: &str, message: &Message<'_>, until: Instant) -> Verdict {
        let body = Bytes::from(message.airnotifier_json(token));
        let mut last = later(Trouble::Misconfigured, 60);
        for backend in self.gateway.in_turn() {
            // A permit that comes too late would begin what nobody can wait for.
            let turn = timeout_at(until - SHORTEST, backend.in_flight.clone().acquire_owned()).await;
            let Ok(Ok(permit)) = turn else { return later(Trouble::Busy, 1) };
            let sent = self.send(connections, backend, body.clone(), permit, until).await;
            self.gateway.heard(backend, matches!(&sent, Some(Ok(answer)) if answer.status < 500));
            match sent {
                None => return later(Trouble::Slow, 5),
                Some(Ok(answer)) => return self.gateway.judge(self.app, answer.status, &answer.body, answer.retry_after),
                Some(Err(NoAnswer::Broken)) => return later(Trouble::Down, 5),
                Some(Err(NoAnswer::Unfit)) => return later(Trouble::Misconfigured, 60),
                Some(Err(NoAnswer::NotReached)) => {
                    let passed_over = u64::try_from(PASSED_OVER.as_millis()).unwrap_or(u64::MAX);
                    backend.down_until.store(self.gateway.millis() + passed_over, Ordering::Relaxed);
                    last = later(Trouble::Down, 5);
                }
            }
        }
        last
    }
}

impl ForApp<'_> {
    /// Sends, and waits until `until` for the answer. `None`: it has not come by then. The permit is kept for as long as
    /// the backend may still be at work, or a slow one would get more and more.
    async fn send(
        &self,
        connections: &Connections,
        backend: &Backend,
        body: Bytes,
        permit: OwnedSemaphorePermit,
        until: Instant,
    ) -> Option<Result<Answer, NoAnswer>> {
        let (Ok(app), Ok(key)) = (HeaderValue::from_str(self.app), header(self.gateway.access_key.expose_secret())) else {
            return Some(Err(NoAnswer::Unfit));
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = backend.push_url.clone();
        // JSON by its right name: under a form label AirNotifier picks a token out of the text (`wire/airnotifier-server.md` 2).
        request.headers_mut().extend([(CONTENT_TYPE, JSON), (ACCEPT, JSON), (APP_NAME, app), (APP_KEY, key)].map(|(n, v)| (Some(n), v)));
        let answering = connections.http.request(request);
        let mut asking = Box::pin(async move {
            let response = answering.await.map_err(|e| if e.is_connect() { NoAnswer::NotReached } else { NoAnswer::Broken })?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
            // Read to its end, so that the connection can be used again.
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            Ok(Answer { status, body: body.map(|body| body.to_bytes()).unwrap_or_default(), retry_after })
        });
        match timeout_at(until, asking.as_mut()).await {
            Ok(answer) => Some(answer),
            Err(_) => {
                actix_web::rt::spawn(async move {
                    let _ = timeout(GIVES_UP, asking).await;
                    drop(permit);
                });
                None
            }
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

impl Airnotifier {
    /// What a backend's answer means (`wire/airnotifier-server.md` 4.2 and 10).
    fn judge(&self, app: &str, status: u16, body: &[u8], retry_after: Option<u64>) -> Verdict {
        match status {
            200 | 202 => {
                self.accepted(app);
                return Verdict::Accepted;
            }
            429 => return later(Trouble::Throttled, retry_after.unwrap_or(60).clamp(1, 3_600)),
            500.. => return later(Trouble::Down, retry_after.unwrap_or(10).clamp(1, 3_600)),
            _ => {}
        }
        let words = serde_json::from_slice::<ErrorBody>(body).map(|b| b.error).unwrap_or_default();
        let from_gateway = words.starts_with("error response from ") || words == "Unregistered token";
        match status {
            404 if from_gateway && self.believes_gone(app) => Verdict::Gone(Gone::said_by_gateway()),
            404 if from_gateway => {
                tracing::error!(app, "the backend says of every token of this app that it is gone: is its Firebase project the right one?");
                later(Trouble::Misconfigured, 60)
            }
            // 400 from the gateway may be the payload or a malformed token: no word of the backend tells which.
            400 | 413 if from_gateway => Verdict::Rejected,
            other => {
                tracing::error!(status = other, "the backend does not accept the hub's requests: check its URL, access key and app name");
                later(Trouble::Misconfigured, 60)
            }
        }
    }

    fn accepted(&self, app: &str) {
        let mut trust = self.trust.lock().unwrap_or_else(PoisonError::into_inner);
        match trust.get_mut(app) {
            Some(trust) => *trust = Trust { has_accepted: true, gone_in_a_row: 0 },
            // Only apps that are served come here: there are few.
            None => drop(trust.insert(app.to_owned(), Trust { has_accepted: true, gone_in_a_row: 0 })),
        }
    }

    /// Whether one more 404 of an app is believed.
    fn believes_gone(&self, app: &str) -> bool {
        let mut trust = self.trust.lock().unwrap_or_else(PoisonError::into_inner);
        let trust = trust.entry(app.to_owned()).or_default();
        trust.gone_in_a_row = trust.gone_in_a_row.saturating_add(1);
        trust.gone_in_a_row <= if trust.has_accepted { GONE_IN_A_ROW } else { GONE_AT_FIRST }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> Airnotifier {
        Airnotifier::new(Backends { urls: vec!["http://127.0.0.1:9/".into()], access_key: "k".into(), max_in_flight: 10 }).unwrap()
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
            let verdict = gateway().judge("app", status, body, None);
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
        let is_gone = |app: &str| matches!(gateway.judge(app, 404, body, None), Verdict::Gone(_));
        assert_eq!((0..30).filter(|_| is_gone("new")).count(), 3);
        gateway.judge("new", 202, b"", None);
        assert_eq!((0..30).filter(|_| is_gone("new")).count(), 20);
        // That another app is well says nothing of this one.
        gateway.judge("other", 202, b"", None);
        assert!(!is_gone("new"));
        gateway.judge("new", 202, b"", None);
        assert!(is_gone("new"));
    }

    #[test]
    fn backends_take_turns_and_one_that_is_down_comes_last() {
        let urls = ["http://a", "http://b", "http://c"].map(str::to_owned).to_vec();
        let gateway = Airnotifier::new(Backends { urls, access_key: "k".into(), max_in_flight: 1 }).unwrap();
        let order = || gateway.in_turn().map(|b| b.push_url.host().unwrap().to_owned()).collect::<String>();
        assert_eq!([order(), order(), order()], ["abc", "bca", "cab"]);
        gateway.backends[0].down_until.store(u64::MAX, Ordering::Relaxed);
        assert_eq!([order(), order(), order()], ["bca", "bca", "cba"]);
    }
}
