//! The types that settings are used as, and how each is read from what was typed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use url::Url;

use crate::db::Address;

/// What delivers an app's pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayName {
    Sandbox,
    Airnotifier,
}

impl GatewayName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Airnotifier => "airnotifier",
        }
    }
}

impl FromStr for GatewayName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sandbox" => Ok(Self::Sandbox),
            "airnotifier" => Ok(Self::Airnotifier),
            "fcm" | "apns" => Err(format!("the gateway {text} is not in this version yet; use sandbox or airnotifier")),
            _ => Err("use sandbox or airnotifier".into()),
        }
    }
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident => $word:literal),* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($variant),* }

        impl $name {
            /// As it is typed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("use one of {}", [$($word),*].join(", "))),
                }
            }
        }
    )*};
}

choices! {
    /// What a push to a token never seen does.
    Binding { Open => "open", Strict => "strict" }
    /// What a claimed site may push.
    ClaimedPush { Trial => "trial", Off => "off", Full => "full" }
}

/// The hub's own address, without a trailing slash.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    url: Url,
    text: String,
    origin: String,
}

impl PublicUrl {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// An address below it; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Scheme, host and port, as browsers send it in `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Scheme and host without the port: what Moodle wants in its setting `airnotifierurl`.
    pub fn scheme_and_host(&self) -> String {
        format!("{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }

    pub fn port_or_default(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(if self.is_https() { 443 } else { 80 })
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = http_url(text)?;
        if url.path() != "/" {
            return Err("the hub has to stand at the root of its host: leave out the path".into());
        }
        let origin = url.origin().ascii_serialization();
        Ok(Self { text: origin.clone(), url, origin })
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicUrl({})", self.text)
    }
}

/// An http or https URL without query, fragment, user or password.
pub fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("not a URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("use http://… or https://…".into());
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("leave out query, fragment, user and password".into());
    }
    Ok(url)
}

/// A length of time: `0`, `500ms`, `30s`, `1m`, `24h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let wrong = || "use a number with ms, s, m, h or d, such as 7d".to_owned();
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "" if count == 0 => 0,
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    count
        .checked_mul(millis)
        .filter(|total| *total <= 3_650 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(|| "at most ten years".into())
}

/// What is logged: `info`, or parts of the program with a level each, as in `belfry=debug,warn`.
pub fn log_filter(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|e| format!("use error, warn, info, debug or trace, or parts with a level each such as belfry=debug,warn ({e})"))
}

/// `sqlite://FILE`, or what libpq reads.
pub fn database(text: &str) -> Result<Address, String> {
    if let Some(path) = text.strip_prefix("sqlite://") {
        return match path {
            "" | ":memory:" => Err("name a file: sqlite://data/belfry.db".into()),
            path => Ok(Address::Sqlite(PathBuf::from(path))),
        };
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Address::Postgres(text.into()));
    }
    Err("use sqlite://FILE or postgres://…".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in
            [("0", 0), ("0s", 0), ("500ms", 500), ("30s", 30_000), ("1m", 60_000), ("24h", 86_400_000), ("7d", 604_800_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "7", "d", "-1d", "1.5h", "1w", "99999999999999999999d", "99999999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn public_urls() {
        let url: PublicUrl = "https://Hub.Example/".parse().unwrap();
        assert_eq!((url.as_str(), url.port_or_default(), url.is_https()), ("https://hub.example", 443, true));
        let url: PublicUrl = "http://127.0.0.1:8080".parse().unwrap();
        assert_eq!((url.scheme_and_host().as_str(), url.port_or_default()), ("http://127.0.0.1", 8080));
        for bad in ["hub.example", "ftp://x", "https://x/?a", "https://u@x", "https://x/path"] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whole_seconds_come_back(seconds in 0u64..100_000_000) {
            prop_assert_eq!(duration(&format!("{seconds}s")), Ok(Duration::from_secs(seconds)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            let _ = (duration(&text), text.parse::<PublicUrl>(), database(&text));
        }
    }
}
