//! The guarded fetcher: resolves once, checks every address, connects to a checked one, and does the same again for
//! each redirect.

use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::Uri;
use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, LOCATION, USER_AGENT};
use awc::error::SendRequestError;
use futures_util::StreamExt;
use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslMethod};
use url::{Host, Url};

use super::{NoProof, Prober, dns};

/// How many redirects are followed.
const REDIRECTS: usize = 5;

/// What becomes of an answer beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    Dropped,
    Refused,
}

/// The body at an address, up to `most` bytes.
pub async fn get(prober: &Prober, url: &Url, most: usize, rest: Rest) -> Result<Vec<u8>, NoProof> {
    let mut here = url.clone();
    for _ in 0..=REDIRECTS {
        match visit(prober, &here, most, rest).await? {
            Visited::Body(body) => return Ok(body),
            Visited::Redirect(to) => here = next(url, &here, &to)?,
        }
    }
    Err(NoProof::TooManyRedirects)
}

enum Visited {
    Body(Vec<u8>),
    Redirect(String),
}

/// Where a redirect leads: only within the same host, or to its `www.` sister, and never from https back to http.
fn next(asked: &Url, here: &Url, to: &str) -> Result<Url, NoProof> {
    let next = here.join(to).map_err(|_| NoProof::BadRedirect)?;
    let bare = |url: &Url| url.host_str().unwrap_or_default().trim_start_matches("www.").to_owned();
    let downgraded = here.scheme() == "https" && next.scheme() != "https";
    if !matches!(next.scheme(), "http" | "https") || downgraded || bare(&next) != bare(asked) || bare(&next).is_empty() {
        return Err(NoProof::BadRedirect);
    }
    // Another port of the same host is another server.
    let ports = |url: &Url| url.port_or_known_default();
    if next.scheme() == here.scheme() && ports(&next) != ports(here) {
        return Err(NoProof::BadRedirect);
    }
    Ok(next)
}

async fn checked_address(prober: &Prober, url: &Url) -> Result<SocketAddr, NoProof> {
    let port = url.port_or_known_default().ok_or(NoProof::Unreachable)?;
    let addresses: Vec<IpAddr> = match url.host().ok_or(NoProof::Unresolved)? {
        Host::Ipv4(v4) => vec![v4.into()],
        Host::Ipv6(v6) => vec![v6.into()],
        Host::Domain(host) => match prober.told() {
            Some(addresses) => addresses,
            None => dns::addresses(host, port).await?,
        },
    };
    // Every one: a name that leads here and there would be asked again until it leads there.
    if !addresses.iter().all(|address| prober.may_visit(*address)) {
        return Err(NoProof::ForbiddenAddress);
    }
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).ok_or(NoProof::Unresolved)?;
    Ok(SocketAddr::new(*first, port))
}

/// TLS with the system's certificates, for all visits: reading them takes long. It keeps no session of one visit for
/// the next.
static TLS: OnceLock<SslConnector> = OnceLock::new();

thread_local! {
    /// A worker's client, which belongs to its thread. It keeps no cookie, and no connection since each is closed after
    /// its request: nothing of one visit reaches the next. Not one for each visit, since each would prepare TLS of its
    /// own before it takes ours.
    static CLIENT: OnceCell<awc::Client> = const { OnceCell::new() };
}

fn tls() -> Result<SslConnector, ErrorStack> {
    if let Some(made) = TLS.get() {
        return Ok(made.clone());
    }
    let mut tls = SslConnector::builder(SslMethod::tls_client())?;
    // The library is built from source and does not know where this system keeps its certificates.
    let store = openssl_probe::probe();
    if let Err(error) = tls.load_verify_locations(store.cert_file.as_deref(), store.cert_dir.first().map(PathBuf::as_path)) {
        tracing::error!(%error, "the system's certificates can't be loaded: no site with https can be verified by tag or file");
    }
    tls.set_alpn_protos(b"\x08http/1.1")?;
    Ok(TLS.get_or_init(|| tls.build()).clone())
}

/// This worker's client.
async fn client() -> Result<awc::Client, NoProof> {
    if let Some(made) = CLIENT.with(|client| client.get().cloned()) {
        return Ok(made);
    }
    // Reading the certificates takes long enough to hold up whoever else this worker answers.
    let tls = match tokio::task::spawn_blocking(tls).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => {
            tracing::error!(%error, "no site can be visited without TLS");
            return Err(NoProof::Unreachable);
        }
        Err(_) => return Err(NoProof::Unreachable),
    };
    let connector = awc::Connector::new().openssl(tls).timeout(Duration::from_secs(5));
    let made =
        awc::Client::builder().connector(connector).timeout(Duration::from_secs(10)).disable_redirects().no_default_headers().finish();
    Ok(CLIENT.with(|client| client.get_or_init(|| made).clone()))
}

async fn visit(prober: &Prober, url: &Url, most: usize, rest: Rest) -> Result<Visited, NoProof> {
    let address = checked_address(prober, url).await?;
    let uri: Uri = url.as_str().parse().map_err(|_| NoProof::Unreachable)?;
    // The name goes into SNI, certificate check and Host; the connection goes to the address that was checked.
    let request = client()
        .await?
        .get(uri)
        .address(address)
        // Else a later visit could get this connection, which leads to an address that was checked for this one.
        .force_close()
        .insert_header((USER_AGENT, concat!("Belfry/", env!("CARGO_PKG_VERSION"), " (+verification)")))
        .insert_header((ACCEPT, "text/html, text/plain, */*;q=0.1"))
        .insert_header((ACCEPT_ENCODING, "identity"))
        .no_decompress();
    let mut response = request.send().await.map_err(|error| match error {
        SendRequestError::Timeout => NoProof::TimedOut,
        _ => NoProof::Unreachable,
    })?;
    let status = response.status();
    if status.is_redirection() {
        let to = response.headers().get(LOCATION).and_then(|v| v.to_str().ok()).ok_or(NoProof::Status(status.as_u16()))?;
        return Ok(Visited::Redirect(to.to_owned()));
    }
    if status.as_u16() != 200 {
        return Err(NoProof::Status(status.as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.next().await {
        let chunk = chunk.map_err(|_| NoProof::Unreachable)?;
        body.extend_from_slice(&chunk);
        if body.len() > most {
            body.truncate(most);
            return if rest == Rest::Dropped { Ok(Visited::Body(body)) } else { Err(NoProof::TooLarge) };
        }
    }
    Ok(Visited::Body(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_with_the_host_and_its_encryption() {
        let rows = [
            ("http://x.example/", "https://x.example/moodle", true),
            ("http://x.example/", "/login", true),
            ("https://x.example/", "https://www.x.example/", true),
            ("https://x.example/", "http://x.example/", false),
            ("https://x.example/", "https://evil.example/", false),
            ("https://x.example/", "//evil.example/", false),
            ("https://x.example/", "https://x.example:8443/", false),
            ("https://x.example/", "file:///etc/passwd", false),
            ("https://x.example/", "https://x.example.evil.example/", false),
        ];
        for (here, to, good) in rows {
            let here: Url = here.parse().unwrap();
            assert_eq!(next(&here, &here, to).is_ok(), good, "{here} → {to}");
        }
    }
}
