//! Who is at the other end of the connection, past the proxies that were configured and no others.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    pub fn new(trusted: Vec<IpNet>) -> Self {
        Self(trusted)
    }

    /// Whether nobody stands in front.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The client's address: the last one of `X-Forwarded-For` that no trusted proxy added for another trusted proxy.
    pub fn client(&self, req: &HttpRequest) -> IpAddr {
        let peer = req.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |addr| addr.ip().to_canonical());
        if self.0.is_empty() {
            return peer;
        }
        self.walk(peer, &forwarded(req)).0
    }

    /// The client's address, where nothing says that somebody stands in between: whoever calls through a proxy that is not
    /// ours seems to call from there.
    pub fn direct(&self, req: &HttpRequest) -> Option<IpAddr> {
        let peer = req.peer_addr()?.ip().to_canonical();
        let (client, others) = self.walk(peer, &forwarded(req));
        // Our own proxies may say that they are some.
        let says_so = !self.trusts(peer) && ["via", "forwarded"].iter().any(|name| req.headers().contains_key(*name));
        (!others && !says_so).then_some(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// The client, and whether hops are named that nobody trusted has added.
    fn walk(&self, peer: IpAddr, forwarded: &str) -> (IpAddr, bool) {
        let mut client = peer;
        let mut hops = forwarded.rsplit(',').map(str::trim).filter(|hop| !hop.is_empty());
        while self.trusts(client) {
            match hops.next().map(str::parse::<IpAddr>) {
                Some(Ok(address)) => client = address.to_canonical(),
                Some(Err(_)) => return (client, true),
                None => break,
            }
        }
        (client, hops.next().is_some())
    }
}

fn forwarded(req: &HttpRequest) -> String {
    let headers = req.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    headers.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_said_is_believed() {
        let proxies = Proxies(vec!["10.0.0.0/8".parse().unwrap()]);
        let rows = [
            ("203.0.113.9", "198.51.100.1", "203.0.113.9", true),
            ("203.0.113.9", "", "203.0.113.9", false),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1", false),
            ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1", true),
            ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1", false),
            ("10.0.0.1", "junk", "10.0.0.1", true),
            ("10.0.0.1", "", "10.0.0.1", false),
        ];
        for (peer, forwarded, client, others) in rows {
            let expected = (client.parse::<IpAddr>().unwrap(), others);
            assert_eq!(proxies.walk(peer.parse().unwrap(), forwarded), expected, "{peer} {forwarded}");
        }
    }
}
