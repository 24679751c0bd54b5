//! What delivers pushes: one trait, one file each. Whose push it is and who asked is not known here.
//!
//! The durable spool will stand here, between a gateway that is down and the answer to the site; until then such a
//! push is refused with `Unavailable`, never accepted.

mod airnotifier;
pub mod decode;
mod sandbox;
pub mod translate;

use std::time::Duration;

pub use airnotifier::{Airnotifier, Backends};
pub use sandbox::Sandbox;
pub use translate::Message;

use tokio::time::Instant;

use crate::devices::Gone;
use crate::settings::GatewayName;

/// The longest that a site waits for its answer: Moodle hangs up after two seconds.
pub const BUDGET: Duration = Duration::from_millis(1_400);

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
    fn deliver(&self, connections: &Connections, token: &str, message: &Message, until: Instant) -> impl Future<Output = Verdict>;
}

/// One worker's HTTP connections: they belong to its thread, so that a push never changes threads.
pub struct Connections {
    http: awc::Client,
}

impl Connections {
    /// # Errors
    /// When the system's certificates can't be loaded.
    pub fn new() -> anyhow::Result<Self> {
        let mut tls = openssl::ssl::SslConnector::builder(openssl::ssl::SslMethod::tls_client())?;
        // The library is built from source and does not know where this system keeps its certificates.
        let store = openssl_probe::probe();
        tls.load_verify_locations(store.cert_file.as_deref(), store.cert_dir.first().map(std::path::PathBuf::as_path)).ok();
        tls.set_alpn_protos(b"\x08http/1.1")?;
        let connector = awc::Connector::new()
            .openssl(tls.build())
            .timeout(Duration::from_secs(1))
            .conn_keep_alive(Duration::from_secs(30))
            .conn_lifetime(Duration::from_secs(3_600))
            .limit(1_024);
        // No timeout of the client's own: one is held around each delivery, and each timer costs.
        let http = awc::Client::builder().connector(connector).disable_timeout().disable_redirects().no_default_headers().finish();
        Ok(Self { http })
    }

    /// Connections with the client's own defaults, where [`Connections::new`] fails.
    pub fn without_certificates() -> Self {
        Self { http: awc::Client::default() }
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

    /// Hands a message over to the gateway of its app.
    pub async fn deliver(
        &self,
        gateway: GatewayName,
        connections: &Connections,
        app: &str,
        token: &str,
        message: &Message,
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
    match connections.http.get(url).send().await {
        Ok(response) if response.status().is_server_error() => Err(format!("{url} answers {}", response.status())),
        Ok(response) => Ok(format!("{url} answers {}", response.status())),
        Err(error) => Err(format!("{url}: {error}")),
    }
}
