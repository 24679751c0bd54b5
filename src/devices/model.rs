use std::fmt;

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::devices;
use crate::ids::DeviceId;
use crate::secret::{Keyring, Purpose};

/// What APNs or FCM gave the phone: 1 to 4,096 visible ASCII characters. Personal data: shown shortened, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken(String);

impl DeviceToken {
    const LONGEST: usize = 4_096;

    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.len() {
            0 => Err("token is empty".into()),
            n if n > Self::LONGEST => Err(format!("token has {n} characters, at most {} are taken", Self::LONGEST)),
            _ if !text.bytes().all(|b| b.is_ascii_graphic()) => Err("token has characters that no device token has".into()),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// For the gateway that it goes to.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn hash(&self, ring: &Keyring) -> TokenHash {
        TokenHash::of(ring, &self.0)
    }

    /// What pages show of it.
    pub fn hint(&self) -> String {
        hint(&self.0)
    }
}

/// How many of a token's characters are shown.
pub(super) const HINT_CHARS: usize = 6;

/// The last characters of a token, if it is long enough that they don't give it away.
pub(super) fn hint(token: &str) -> String {
    if token.len() < 16 {
        return "…".into();
    }
    format!("…{}", token.get(token.len() - HINT_CHARS..).unwrap_or_default())
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceToken({})", self.hint())
    }
}

/// A token as it is found: a keyed hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub(super) [u8; 32]);

impl TokenHash {
    pub fn of(ring: &Keyring, token: &str) -> Self {
        Self(ring.hash(Purpose::DeviceToken, &[token.as_bytes()]))
    }
}

/// An app's short name, as in `X-AN-APP-NAME`: 1 to 100 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppName(String);

impl AppName {
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        good.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A gateway's word that a token is no longer registered. Only a gateway's sure answer or stored feedback makes one,
/// so that no outage, limit or bug can tell Moodle to delete a user's device.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone(());

impl Gone {
    /// For gateways, on an answer that can mean nothing else.
    pub fn said_by_gateway() -> Self {
        Self(())
    }

    /// What stored feedback says of a device, if it says anything.
    pub fn stored(unregistered: bool) -> Option<Self> {
        unregistered.then_some(Self(()))
    }
}

/// The language that a device is told things in: `es`, `es_mx`, `pt-BR`. Kept in lower case with underscores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceLanguage(String);

impl DeviceLanguage {
    const LONGEST: usize = 20;

    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let code = text.to_ascii_lowercase().replace('-', "_");
        let mut parts = code.split('_');
        let primary = parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase()));
        let others = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        if primary && others && code.len() <= Self::LONGEST {
            Ok(Self(code))
        } else {
            Err("use a language code such as es, es_mx or pt-BR".into())
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a site calls a device: at most 60 characters on one line; none takes the name away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceName(Option<String>);

impl DeviceName {
    const LONGEST: usize = 60;

    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() > Self::LONGEST {
            return Err(format!("use at most {} characters", Self::LONGEST));
        }
        if text.chars().any(char::is_control) {
            return Err("use one line of plain text".into());
        }
        Ok(Self(Some(text.to_owned()).filter(|text| !text.is_empty())))
    }

    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// Where a device is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// It enrolled itself, and its site has not vouched for it.
    Unconfirmed,
    Enrolled,
    /// A gateway was sure that its token is no longer registered.
    Unregistered,
}

impl DeviceState {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Enrolled, Self::Unconfirmed, Self::Unregistered];

    /// For programs and for addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Enrolled => "enrolled",
            Self::Unregistered => "unregistered",
        }
    }
}

impl std::str::FromStr for DeviceState {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| "use enrolled, unconfirmed or unregistered".into())
    }
}

/// A device, as pages show it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = devices)]
pub struct Device {
    pub id: DeviceId,
    pub hint: String,
    pub name: Option<String>,
    pub platform: String,
    pub app: String,
    pub channel: String,
    pub language: Option<String>,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub unregistered_at: Option<Timestamp>,
}

impl Device {
    pub fn state(&self) -> DeviceState {
        match (self.unregistered_at, self.confirmed_at) {
            (Some(_), _) => DeviceState::Unregistered,
            (None, Some(_)) => DeviceState::Enrolled,
            (None, None) => DeviceState::Unconfirmed,
        }
    }
}

/// A device with its token, for who sends to it or has to know it by its token.
#[derive(Queryable, Selectable)]
#[diesel(table_name = devices)]
pub struct Sealed {
    #[diesel(embed)]
    pub device: Device,
    pub(super) token_sealed: Vec<u8>,
}

impl Sealed {
    /// The token itself. `None`: it was sealed with another master secret.
    pub fn token(&self, ring: &Keyring) -> Option<DeviceToken> {
        let token = String::from_utf8(ring.open(&self.token_sealed)?).ok()?;
        DeviceToken::parse(&token).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_by_its_end_only() {
        let token = DeviceToken::parse("dXJ0:APA91bHPRgkF3JUikC4EN-AHEqMi").unwrap();
        assert_eq!(format!("{token:?}"), "DeviceToken(…AHEqMi)");
        assert_eq!(DeviceToken::parse("short").unwrap().hint(), "…");
        for bad in ["", "a b", "a\n", "ä"] {
            assert!(DeviceToken::parse(bad).is_err());
        }
        assert!(DeviceToken::parse(&"x".repeat(4_097)).is_err());
    }
}
