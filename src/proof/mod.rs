//! What proves that somebody owns a site's address, and the one guarded way in which the hub goes where a stranger's
//! text says. Which proofs count for what is for `sites`.

mod addresses;
mod dns;
mod fetch;
mod page;

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use url::{Host, Url};

use crate::secret::same;

/// How long all of one look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of a front page is read: the head of a page is at its beginning.
const PAGE_BYTES: usize = 512 * 1024;
/// How much of a verification file is read.
const FILE_BYTES: usize = 4 * 1024;

/// A way of proving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `<meta name="belfry-verification" content="…">` on the front page.
    Meta,
    /// `/.well-known/belfry-verification.txt` below the site's address. For a site with a path only the file below that
    /// path counts: who owns the root of a host need not own every site on it.
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
    #[error("The front page has no tag named belfry-verification in what anybody can see without logging in.")]
    NoTag,
    #[error("The front page has a tag named belfry-verification, but with another value. Copy the one shown here.")]
    WrongTag,
    #[error("The file is there, but does not hold the value shown here.")]
    WrongFile,
    #[error("The host has no TXT record that begins with belfry-verification= (new records can take some minutes).")]
    NoRecord,
    #[error("The host has a TXT record for belfry-verification, but with another value. Copy the one shown here.")]
    WrongRecord,
}

/// Looks for proofs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prober {
    allow_private_networks: bool,
    patience: Duration,
}

impl Prober {
    /// `allow_private_networks`: for the local profile, where sites are on the same machine.
    pub fn new(allow_private_networks: bool) -> Self {
        Self { allow_private_networks, patience: PATIENCE }
    }

    /// Looks once, in one way. `Ok`: it is proved.
    ///
    /// # Errors
    /// What was found instead.
    pub async fn check(&self, way: Way, site: &Url, token: &str) -> Result<(), NoProof> {
        let look = async {
            match way {
                Way::Meta => self.check_meta(site, token).await,
                Way::File => self.check_file(site, token).await,
                Way::Dns => check_dns(site, token).await,
            }
        };
        tokio::time::timeout(self.patience, look).await.unwrap_or(Err(NoProof::TimedOut))
    }

    async fn check_meta(&self, site: &Url, token: &str) -> Result<(), NoProof> {
        let html = fetch::get(self, &below(site, "/"), PAGE_BYTES, fetch::Rest::Dropped).await?;
        let found = page::verification_tags(&String::from_utf8_lossy(&html));
        match (found.is_empty(), any_same(&found, token)) {
            (_, true) => Ok(()),
            (true, false) => Err(NoProof::NoTag),
            (false, false) => Err(NoProof::WrongTag),
        }
    }

    async fn check_file(&self, site: &Url, token: &str) -> Result<(), NoProof> {
        let text = fetch::get(self, &below(site, "/.well-known/belfry-verification.txt"), FILE_BYTES, fetch::Rest::Refused).await?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<String> = text.trim_start_matches('\u{feff}').lines().map(|line| line.trim().to_owned()).collect();
        if any_same(&lines, token) { Ok(()) } else { Err(NoProof::WrongFile) }
    }

    /// Whether the hub may connect to an address.
    fn may_visit(&self, address: IpAddr) -> bool {
        if self.allow_private_networks { !addresses::is_metadata(address) } else { addresses::is_public(address) }
    }
}

async fn check_dns(site: &Url, token: &str) -> Result<(), NoProof> {
    let Some(Host::Domain(host)) = site.host() else { return Err(NoProof::NoRecord) };
    let records = dns::texts(host).await?;
    let found: Vec<String> =
        records.iter().filter_map(|text| text.trim().strip_prefix("belfry-verification=")).map(str::to_owned).collect();
    match (found.is_empty(), any_same(&found, token)) {
        (_, true) => Ok(()),
        (true, false) => Err(NoProof::NoRecord),
        (false, false) => Err(NoProof::WrongRecord),
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
