use std::fmt;

use url::{Host, Url};

/// A Moodle's address (`wwwroot`), normalised: scheme and host in lower case, IDNA, default port and trailing slash
/// dropped, path kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SiteUrl {
    url: Url,
    text: String,
}

impl SiteUrl {
    /// The longest address, in bytes.
    const LONGEST: usize = 1_024;

    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Type the address of your Moodle, such as https://moodle.school.example.".into());
        }
        if text.len() > Self::LONGEST {
            return Err(format!("An address has at most {} characters.", Self::LONGEST));
        }
        let lower = text.to_lowercase();
        if !lower.starts_with("http://") && !lower.starts_with("https://") {
            return Err("Begin with https:// (or http://), as your browser shows it.".into());
        }
        let url = Url::parse(text).map_err(|e| format!("This is not an address that a browser could open ({e})."))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("Leave out the user name and password in the address.".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("Leave out what follows ? or #: only the address of Moodle's front page is needed.".into());
        }
        if url.host_str().is_none_or(|host| host.is_empty() || host.len() > 253) {
            return Err("There is no host name in this address.".into());
        }
        let text = Self::normal(&url);
        // Parsed again, so that what is visited is what is shown.
        let url = Url::parse(&text).map_err(|e| format!("This is not an address that a browser could open ({e})."))?;
        Ok(Self { url, text })
    }

    fn normal(url: &Url) -> String {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/'))
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// What is the same for `http://x` and `https://x`: two spellings with one key are one site.
    pub fn key(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, rest)| rest)
    }

    /// The host, for a DNS record. `None` for a bare IP address, which has none.
    pub fn domain(&self) -> Option<&str> {
        match self.url.host() {
            Some(Host::Domain(domain)) => Some(domain),
            _ => None,
        }
    }
}

impl fmt::Display for SiteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SiteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiteUrl({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_site_come_out_alike() {
        for (typed, kept) in [
            (" HTTPS://Moodle.School.EXAMPLE/ ", "https://moodle.school.example"),
            ("https://moodle.school.example:443", "https://moodle.school.example"),
            ("http://moodle.school.example:80/", "http://moodle.school.example"),
            ("https://school.example/Moodle/", "https://school.example/Moodle"),
            ("https://school.example:8443/a//", "https://school.example:8443/a"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://school.example./x", "https://school.example/x"),
            ("https://school.example/a/../b", "https://school.example/b"),
            ("http://2130706433/", "http://127.0.0.1"),
        ] {
            assert_eq!(SiteUrl::parse(typed).map(|u| u.text), Ok(kept.to_owned()), "{typed}");
        }
        assert_eq!(SiteUrl::parse("http://x.example/m").unwrap().key(), SiteUrl::parse("https://x.example/m").unwrap().key());
    }

    #[test]
    fn what_is_no_site_is_told_why() {
        for bad in [
            "",
            "moodle.example",
            "ftp://x.example",
            "https://",
            "https://a:b@x.example",
            "https://x.example/?a=1",
            "https://x.example/#top",
            "javascript:alert(1)",
            "https://x y.example",
            "https://[::1",
        ] {
            assert!(SiteUrl::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(text in "\\PC{0,80}") {
            for text in [text.clone(), format!("https://{text}"), format!("http://x.example/{text}")] {
                if let Ok(url) = SiteUrl::parse(&text) {
                    prop_assert_eq!(SiteUrl::parse(url.as_str()).map(|u| u.text), Ok(url.text));
                }
            }
        }
    }
}
