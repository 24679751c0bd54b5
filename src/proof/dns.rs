use std::net::{IpAddr, SocketAddr};

use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

use super::NoProof;

/// Every address of a host, as this machine resolves it.
pub async fn addresses(host: &str, port: u16) -> Result<Vec<IpAddr>, NoProof> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| NoProof::Unresolved)?;
    let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    if found.is_empty() { Err(NoProof::Unresolved) } else { Ok(found) }
}

/// The TXT records of a host, the parts of each joined. Asked anew each time: an admin waits for a change to show.
/// `nameserver`: whom to ask; this machine's own when there is none.
pub async fn texts(nameserver: Option<SocketAddr>, host: &str) -> Result<Vec<String>, NoProof> {
    let resolver = match nameserver {
        Some(server) => Resolver::builder_with_config(only(server), TokioRuntimeProvider::default()).build(),
        None => Resolver::builder_tokio().and_then(|builder| builder.build()),
    };
    // Absolute, so that no search domain of this machine is tried.
    let answer = match resolver.map_err(|_| NoProof::Unresolved)?.txt_lookup(format!("{host}.")).await {
        Ok(answer) => answer,
        Err(error) if error.is_no_records_found() => return Err(NoProof::NoRecord),
        Err(_) => return Err(NoProof::Unresolved),
    };
    let texts = answer.answers().iter().filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(txt.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect::<String>()),
        _ => None,
    });
    Ok(texts.collect())
}

fn only(server: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    ResolverConfig::from_parts(None, Vec::new(), vec![NameServerConfig::new(server.ip(), true, connections.to_vec())])
}
