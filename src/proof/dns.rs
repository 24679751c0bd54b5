use std::net::IpAddr;

use hickory_resolver::Resolver;
use hickory_resolver::proto::rr::RData;

use super::NoProof;

/// Every address of a host, as this machine resolves it.
pub async fn addresses(host: &str, port: u16) -> Result<Vec<IpAddr>, NoProof> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| NoProof::Unresolved)?;
    let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    if found.is_empty() { Err(NoProof::Unresolved) } else { Ok(found) }
}

/// The TXT records of a host, the parts of each joined. Asked anew each time: an admin waits for a change to show.
pub async fn texts(host: &str) -> Result<Vec<String>, NoProof> {
    let resolver = Resolver::builder_tokio().and_then(|builder| builder.build()).map_err(|_| NoProof::Unresolved)?;
    // Absolute, so that no search domain of this machine is tried.
    let answer = match resolver.txt_lookup(format!("{host}.")).await {
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
