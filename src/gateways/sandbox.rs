use tokio::time::Instant;

use super::{Connections, Gateway, Message, Verdict};

/// Accepts everything and sends nothing: for trying the hub out. The site's page shows what came in.
pub struct Sandbox;

impl Gateway for Sandbox {
    async fn deliver(&self, _connections: &Connections, _token: &str, _message: &Message<'_>, _until: Instant) -> Verdict {
        Verdict::Accepted
    }
}
