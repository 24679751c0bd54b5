//! What delivers pushes: one trait, one file each. Whose push it is and who asked is not known here.
//!
//! The durable spool will stand here, between a gateway that is down and the answer to the site; until then such a
//! push is refused with `Unavailable`, never accepted.

mod airnotifier;
pub mod decode;
mod sandbox;
pub mod translate;

use std::fmt;
use std::time::Duration;

use actix_web::web::Bytes;
use anyhow::Context;
use http_body_util::Full;
use hyper::Uri;
use hyper_tls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

pub use airnotifier::{Airnotifier, Backends, Standing};
pub use sandbox::Sandbox;
pub use translate::Message;

use crate::devices::Gone;
use crate::settings::GatewayName;

/// The longest that a site waits for its answer: Moodle hangs up after two seconds.
pub const BUDGET: Duration = Duration::from_millis(1_400);

/// How long a connection to a gateway may take to be made.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How long `belfry doctor` waits for an answer.
const DOCTOR: Duration = Duration::from_secs(10);

/// What became of a push that was handed to a gateway.
#[derive(Debug)]
pub enum Verdict {
    /// The gateway has it.
    Accepted,
    /// The token is no longer registered: the gateway was sure.
    Gone(Gone),
    /// The gateway refused this one message; another one may pass.
    Rejected,
    /// Nothing is known to be wrong with the push: later it may pass.
    Unavailable { why: Trouble, retry_after: Duration },
}

/// Why a gateway did not take a push that another time it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It can't be reached, or cut the connection.
    Down,
    /// It did not answer in time; the push may have been delivered.
    Slow,
    /// All connections to it are in use.
    Busy,
    /// It wants less.
    Throttled,
    /// It does not accept the hub's own credentials or settings: somebody has to look.
    Misconfigured,
}

impl Trouble {
    /// For logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Busy => "busy",
            Self::Throttled => "throttled",
            Self::Misconfigured => "misconfigured",
        }
    }
}

/// What every gateway can do. Each worker calls on its own thread.
pub trait Gateway {
    /// Hands a message for one device over; the caller is told by `until`.
    fn deliver(&self, connections: &Connections, token: &str, message: &Message<'_>, until: Instant) -> impl Future<Output = Verdict>;
}

/// The certificates that gateways are known by. Cheap to clone.
#[derive(Clone)]
pub struct Tls(hyper_tls::native_tls::TlsConnector);

impl Tls {
    /// Loads the certificates of this system.
    ///
    /// # Errors
    /// When they can't be loaded.
    pub fn load() -> anyhow::Result<Self> {
        hyper_tls::native_tls::TlsConnector::new().map(Self).context("the system's certificates")
    }
}

type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// One worker's HTTP connections: they belong to its thread, so that a push never changes threads.
pub struct Connections {
    http: Http,
}

impl Connections {
    pub fn new(tls: &Tls) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnector::from((tcp, tls.0.clone().into()));
        // No timeout of the client's own: one is held around each delivery, and each timer costs.
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1_024)
            .build(connector);
        Self { http }
    }
}

/// The gateways of this hub.
pub struct Gateways {
    sandbox: Sandbox,
    airnotifier: Option<Airnotifier>,
}

impl Gateways {
    pub fn new(airnotifier: Option<Airnotifier>) -> Self {
        Self { sandbox: Sandbox, airnotifier }
    }

    /// How the processes of a gateway stand, as far as this node knows. The sandbox has none: it takes everything.
    pub fn standing(&self, gateway: GatewayName) -> Vec<Standing> {
        match (gateway, &self.airnotifier) {
            (GatewayName::Airnotifier, Some(airnotifier)) => airnotifier.standing(),
            _ => Vec::new(),
        }
    }

    /// Hands a message over to the gateway of its app.
    pub async fn deliver(
        &self,
        gateway: GatewayName,
        connections: &Connections,
        app: &str,
        token: &str,
        message: &Message<'_>,
        until: Instant,
    ) -> Verdict {
        match (gateway, &self.airnotifier) {
            (GatewayName::Sandbox, _) => self.sandbox.deliver(connections, token, message, until).await,
            (GatewayName::Airnotifier, Some(airnotifier)) => airnotifier.for_app(app).deliver(connections, token, message, until).await,
            // Settings that name a gateway without its settings are refused at start.
            _ => Verdict::Unavailable { why: Trouble::Misconfigured, retry_after: Duration::from_secs(60) },
        }
    }
}

/// Whether something answers at an address at all: for `belfry doctor`.
///
/// # Errors
/// What went wrong, in words.
pub async fn answers(connections: &Connections, url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|e| format!("{url}: {e}"))?;
    match tokio::time::timeout(DOCTOR, connections.http.get(uri)).await {
        Ok(Ok(response)) if response.status().is_server_error() => Err(format!("{url} answers {}", response.status())),
        Ok(Ok(response)) => Ok(format!("{url} answers {}", response.status())),
        Ok(Err(error)) => Err(format!("{url}: {}", Chain(&error))),
        Err(_) => Err(format!("{url} does not answer within {} seconds", DOCTOR.as_secs())),
    }
}

/// An error with what lies behind it.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |error| error.source()).try_for_each(|error| write!(f, ": {error}"))
    }
}
