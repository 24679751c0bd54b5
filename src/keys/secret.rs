//! The format of an access key: `belfry_s_` + 32 random characters + 6 check characters.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::KeyKind;
use crate::secret::{self, Keyring, Purpose};

/// Random bytes in a key: 192 bits, 32 characters.
const RANDOM_BYTES: usize = 24;
const RANDOM_CHARS: usize = 32;
/// Check characters: 36 bits, so that a mistyped or made-up key is told from a real one without looking it up.
const CHECK_CHARS: usize = 6;
/// `belfry_s_`, `belfry_c_`, `belfry_d_`.
const PREFIX_CHARS: usize = 9;
const LENGTH: usize = PREFIX_CHARS + RANDOM_CHARS + CHECK_CHARS;
/// How many of the random characters are shown in lists.
const SHOWN_CHARS: usize = 6;

impl KeyKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Site => "belfry_s_",
            Self::Devices => "belfry_c_",
            Self::Device => "belfry_d_",
        }
    }
}

/// A key, from its making to its one showing.
pub struct PlainKey(SecretString);

impl PlainKey {
    /// A new random key.
    pub fn generate(kind: KeyKind) -> Self {
        let body = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(secret::random::<RANDOM_BYTES>()));
        let check = check(&body);
        Self(SecretString::from(body + &check))
    }

    /// For the one page or answer that shows it.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// What lists show: the kind and the first random characters.
    pub fn shown_prefix(&self) -> String {
        self.0.expose_secret().chars().take(PREFIX_CHARS + SHOWN_CHARS).collect()
    }

    pub fn hash(&self, ring: &Keyring) -> KeyHash {
        KeyHash::of(ring, self.0.expose_secret())
    }
}

impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainKey(…)")
    }
}

/// The first 36 bits of the BLAKE3 hash of what stands before, as six characters.
fn check(body: &str) -> String {
    let hash = blake3::hash(body.as_bytes());
    let mut text = URL_SAFE_NO_PAD.encode(&hash.as_bytes()[..5]);
    text.truncate(CHECK_CHARS);
    text
}

/// A key as stored: a keyed hash, found by itself and compared in constant time by the map's own equality of all bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a well-formed key; `None` for anything else, before any look-up.
    pub fn of_presented(ring: &Keyring, key: &str) -> Option<Self> {
        let well_formed = key.len() == LENGTH
            && key.is_ascii()
            && [KeyKind::Site, KeyKind::Devices, KeyKind::Device].iter().any(|kind| key.starts_with(kind.prefix()));
        let (body, given) = well_formed.then(|| key.split_at(LENGTH - CHECK_CHARS))?;
        secret::same(check(body).as_bytes(), given.as_bytes()).then(|| Self::of(ring, key))
    }

    fn of(ring: &Keyring, key: &str) -> Self {
        Self(ring.hash(Purpose::AccessKey, &[key.as_bytes()]))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From a stored value; `None` if it has another length.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ring() -> Keyring {
        Keyring::derive(&"a master secret for tests".into())
    }

    #[test]
    fn a_key_survives_moodles_cleaning_and_is_recognised() {
        for kind in [KeyKind::Site, KeyKind::Devices, KeyKind::Device] {
            let key = PlainKey::generate(kind);
            let text = key.expose_secret();
            assert_eq!(text.len(), LENGTH);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{text}");
            assert_eq!(KeyHash::of_presented(&ring(), text), Some(key.hash(&ring())));
            assert!(text.starts_with(&key.shown_prefix()) && key.shown_prefix().len() == 15);
            assert_eq!(format!("{key:?}"), "PlainKey(…)");
        }
    }

    proptest! {
        #[test]
        fn a_mistyped_key_is_told_without_a_look(at in 0usize..LENGTH, with in "[A-Za-z0-9_-]") {
            let key = PlainKey::generate(KeyKind::Site);
            let mut text = key.expose_secret().to_owned();
            text.replace_range(at..=at, &with);
            prop_assert_eq!(KeyHash::of_presented(&ring(), &text).is_some(), text == key.expose_secret());
        }

        #[test]
        fn junk_never_panics(text in "\\PC{0,80}") {
            prop_assert!(KeyHash::of_presented(&ring(), &text).is_none());
        }
    }
}
