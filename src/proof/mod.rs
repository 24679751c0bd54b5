//! What proves that somebody owns a site's address, and the one guarded way in which the hub goes where a stranger's
//! text says. Which proofs count for what is for `sites`.

mod addresses;
mod dns;
mod fetch;
mod page;

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use url::{Host, Url};

use crate::secret::same;

/// How long all of one look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a caller waits while their host name is looked up: an admin's page waits with them.
const NAME_PATIENCE: Duration = Duration::from_millis(1_500);
/// How many names are looked up for callers at once.
const NAMES: usize = 64;
/// How many looks run at once: each holds a connection and a page, and strangers say where it goes.
const LOOKS: usize = 8;
/// How much of a front page is read: the head of a page is at its beginning.
const PAGE_BYTES: usize = 512 * 1024;
/// How much of a verification file is read.
const FILE_BYTES: usize = 4 * 1024;

const FILE: &str = "/.well-known/belfry-verification.txt";

/// A way of proving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `<meta name="belfry-verification" content="…">` in the head of the front page: what stands below may be a user's.
    Meta,
    /// `/.well-known/belfry-verification.txt` at the root of the host (RFC 8615), or below the site's own path: who may
    /// put files there need not be who runs the host.
    File,
    /// A DNS TXT record `belfry-verification=…` of the host.
    Dns,
}

impl FromStr for Way {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "meta" => Ok(Self::Meta),
            "file" => Ok(Self::File),
            "dns" => Ok(Self::Dns),
            _ => Err(()),
        }
    }
}

/// Why nothing is proved, in words that an admin can act on and that tell nothing of the hub's own network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    #[error("The host name was not found. Check the address, or wait until its DNS record is known everywhere.")]
    Unresolved,
    #[error("The host name leads to an address that this hub does not visit: it is private or reserved.")]
    ForbiddenAddress,
    #[error("No connection to the site was possible. Is it up, and is its certificate valid?")]
    Unreachable,
    #[error("The site did not answer within {} seconds.", PATIENCE.as_secs())]
    TimedOut,
    #[error("The site answered with status {0} where 200 was expected.")]
    Status(u16),
    #[error("The site redirects too often.")]
    TooManyRedirects,
    #[error("The site redirects to another address, which proves nothing about this one. Register the address it redirects to.")]
    BadRedirect,
    #[error("What the site sent is too large.")]
    TooLarge,
    #[error("The front page has no tag named belfry-verification in its head, as anybody sees it without logging in.")]
    NoTag,
    #[error("The front page has a tag named belfry-verification, but with another value. Copy the one shown here.")]
    WrongTag,
    #[error("The file is there, but does not hold the value shown here.")]
    WrongFile,
    #[error("The host has no TXT record that begins with belfry-verification= (new records can take some minutes).")]
    NoRecord,
    #[error("The host has a TXT record for belfry-verification, but with another value. Copy the one shown here.")]
    WrongRecord,
    #[error("The hub is looking at many sites at the moment. Try again in a minute.")]
    Busy,
}

/// What names are to lead to, one look-up after the other.
type Answers = Arc<Mutex<Vec<Vec<IpAddr>>>>;

/// Looks for proofs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prober {
    allow_private_networks: bool,
    patience: Duration,
    /// Whom to ask for TXT records; this machine's own name server when there is none.
    nameserver: Option<SocketAddr>,
    /// A place for each look that may run; all clones share them.
    looks: Arc<Semaphore>,
    /// A place for each name that may be looked up for a caller: not those of looks, which slow servers could hold.
    names: Arc<Semaphore>,
    /// What names lead to, the next look-up last; this machine's own name server says it when there is none.
    leads_to: Option<Answers>,
}

impl Prober {
    /// `allow_private_networks`: for the local profile, where sites are on the same machine.
    pub fn new(allow_private_networks: bool) -> Self {
        Self {
            allow_private_networks,
            patience: PATIENCE,
            nameserver: None,
            looks: Arc::new(Semaphore::new(LOOKS)),
            names: Arc::new(Semaphore::new(NAMES)),
            leads_to: None,
        }
    }

    /// What a name is to lead to, if that is not for a name server to say.
    fn told(&self) -> Option<Vec<IpAddr>> {
        self.leads_to.as_ref().and_then(|answers| answers.lock().ok()?.pop())
    }

    /// Looks once, in one way. `Ok`: it is proved. Waits for its turn first, for as long as a look may take at most.
    ///
    /// # Errors
    /// What was found instead, or [`NoProof::Busy`] if it had no turn.
    pub async fn check(&self, way: Way, site: &Url, token: &str) -> Result<(), NoProof> {
        let Ok(Ok(_place)) = tokio::time::timeout(self.patience, self.looks.acquire()).await else { return Err(NoProof::Busy) };
        let look = async {
            match way {
                Way::Meta => self.check_meta(site, token).await,
                Way::File => self.check_file(site, token).await,
                Way::Dns => self.check_dns(site, token).await,
            }
        };
        tokio::time::timeout(self.patience, look).await.unwrap_or(Err(NoProof::TimedOut))
    }

    async fn check_meta(&self, site: &Url, token: &str) -> Result<(), NoProof> {
        let html = fetch::get(self, &below(site, "/"), PAGE_BYTES, fetch::Rest::Dropped).await?;
        // Half a megabyte of a stranger's text is too much to read where others wait for answers.
        let Ok(found) = tokio::task::spawn_blocking(move || page::verification_tags(&html)).await else {
            tracing::error!("a front page was not read to its end");
            return Err(NoProof::Busy);
        };
        match (found.is_empty(), any_same(&found, token)) {
            (_, true) => Ok(()),
            (true, false) => Err(NoProof::NoTag),
            (false, false) => Err(NoProof::WrongTag),
        }
    }

    async fn check_file(&self, site: &Url, token: &str) -> Result<(), NoProof> {
        let own = below(site, FILE);
        let mut root = site.clone();
        root.set_path(FILE);
        let found = self.file_holds(&own, token).await;
        if found.is_ok() || own == root { found } else { self.file_holds(&root, token).await.or(found) }
    }

    async fn file_holds(&self, file: &Url, token: &str) -> Result<(), NoProof> {
        let text = fetch::get(self, file, FILE_BYTES, fetch::Rest::Refused).await?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<String> = text.trim_start_matches('\u{feff}').lines().map(|line| line.trim().to_owned()).collect();
        if any_same(&lines, token) { Ok(()) } else { Err(NoProof::WrongFile) }
    }

    async fn check_dns(&self, site: &Url, token: &str) -> Result<(), NoProof> {
        let Some(Host::Domain(host)) = site.host() else { return Err(NoProof::NoRecord) };
        let records = dns::texts(self.nameserver, host).await?;
        let found: Vec<String> =
            records.iter().filter_map(|text| text.trim().strip_prefix("belfry-verification=")).map(str::to_owned).collect();
        match (found.is_empty(), any_same(&found, token)) {
            (_, true) => Ok(()),
            (true, false) => Err(NoProof::NoRecord),
            (false, false) => Err(NoProof::WrongRecord),
        }
    }

    /// Whether a site's host name leads to an address from which somebody has called. A private address proves nothing to a
    /// hub that may not visit any: it is the same one in every network.
    pub async fn is_at(&self, site: &Url, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if !self.may_visit(address) {
            return false;
        }
        match site.host() {
            Some(Host::Ipv4(v4)) => address == IpAddr::from(v4),
            Some(Host::Ipv6(v6)) => address == IpAddr::from(v6).to_canonical(),
            Some(Host::Domain(host)) => {
                let port = site.port_or_known_default().unwrap_or(80);
                let look_up = async {
                    let _place = self.names.acquire().await;
                    dns::addresses(host, port).await
                };
                let found = tokio::time::timeout(NAME_PATIENCE, look_up).await;
                matches!(found, Ok(Ok(found)) if found.iter().any(|found| found.to_canonical() == address))
            }
            None => false,
        }
    }

    /// Whether the hub may connect to an address.
    fn may_visit(&self, address: IpAddr) -> bool {
        if self.allow_private_networks { !addresses::is_metadata(address) } else { addresses::is_public(address) }
    }
}

fn any_same(found: &[String], token: &str) -> bool {
    found.iter().any(|text| same(text.trim().as_bytes(), token.as_bytes()))
}

/// An address below the site's own.
fn below(site: &Url, path: &str) -> Url {
    let mut url = site.clone();
    url.set_path(&format!("{}{path}", site.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests;
