//! Randomness, keyed hashes, sealing and constant-time compares. The format of any one secret is its room's.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Random bytes from the system.
///
/// # Panics
/// When the operating system has no randomness, which no caller could do anything about.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "can't fail on a supported system: getrandom(2) only errs where it is missing")]
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A random text for a URL or a cookie: 256 bits in 43 characters of `A-Z a-z 0-9 - _`.
pub fn random_text() -> SecretString {
    URL_SAFE_NO_PAD.encode(random::<32>()).into()
}

/// A random text of letters and digits alone: `length` of them, just under six bits each.
pub fn random_alphanumeric(length: usize) -> SecretString {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // 248 is four times 62: what lies above would make the first letters likelier.
        let fair = random::<64>().into_iter().filter(|byte| *byte < 248);
        text.extend(fair.take(length - text.len()).map(|byte| char::from(ALPHABET[usize::from(byte) % 62])));
    }
    text.into()
}

/// MD5 in lower-case hexadecimal digits: what Moodle makes of its secrets. It protects nothing here.
pub fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// HMAC-SHA256 (RFC 2104) in lower-case hexadecimal digits.
pub fn hmac_sha256_hex(key: &[u8], message: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "can't fail: HMAC takes keys of any length (RFC 2104 2)")]
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(message);
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether two byte strings are the same, in a time that does not tell where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// What a keyed hash is for: each purpose has a key of its own, so that a hash made for one says nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    AccessKey,
    DeviceToken,
    Session,
    Link,
    Csrf,
    Fingerprint,
    /// The token that a Moodle calls the hub with.
    HubToken,
    /// The md5 of a site's secret, by which its Moodle is known.
    SiteSecret,
    /// What a client names a request by that it may repeat, and the request itself.
    Idempotency,
    /// The end of the audit log.
    Audit,
    /// A code that stands in for a second factor.
    RecoveryCode,
    /// From where somebody has logged in.
    LoginPlace,
    /// The link in a letter by which its reader stops letters of its kind.
    Unsubscribe,
    /// When a form was shown to whom.
    FormTime,
}

const PURPOSES: [(Purpose, &str); 14] = [
    (Purpose::AccessKey, "belfry 2026 access key"),
    (Purpose::DeviceToken, "belfry 2026 device token"),
    (Purpose::Session, "belfry 2026 session"),
    (Purpose::Link, "belfry 2026 one-time link"),
    (Purpose::Csrf, "belfry 2026 csrf"),
    (Purpose::Fingerprint, "belfry 2026 fingerprint"),
    (Purpose::HubToken, "belfry 2026 hub token"),
    (Purpose::SiteSecret, "belfry 2026 site secret"),
    (Purpose::Idempotency, "belfry 2026 idempotency"),
    (Purpose::Audit, "belfry 2026 audit"),
    (Purpose::RecoveryCode, "belfry 2026 recovery code"),
    (Purpose::LoginPlace, "belfry 2026 login place"),
    (Purpose::Unsubscribe, "belfry 2026 unsubscribe"),
    (Purpose::FormTime, "belfry 2026 form time"),
];

/// The hub's master secret, as the keys derived from it. The secret itself is not kept.
#[derive(Clone)]
pub struct Keyring {
    hashing: [[u8; 32]; PURPOSES.len()],
    sealing: [u8; 32],
}

impl Keyring {
    /// Derives every key from the master secret (BLAKE3 key derivation, one context each).
    pub fn derive(master: &SecretString) -> Self {
        let material = master.expose_secret().as_bytes();
        Self {
            hashing: PURPOSES.map(|(_, context)| blake3::derive_key(context, material)),
            sealing: blake3::derive_key("belfry 2026 sealing", material),
        }
    }

    /// What tells this master secret from others, for names that are no secret.
    pub fn name(&self) -> String {
        hex(&self.hash(Purpose::Fingerprint, &[b"name"])[..8])
    }

    /// A fast keyed hash, for secrets that have enough randomness of their own.
    pub fn hash(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.hashing[purpose as usize]);
        for part in parts {
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// Encrypts `plain` so that the database alone does not tell it (XChaCha20-Poly1305, random nonce in front).
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let nonce = random::<24>();
        let cipher = XChaCha20Poly1305::new(&Key::from(self.sealing));
        #[expect(clippy::expect_used, reason = "can't fail: the only error is a message of more than 256 GiB")]
        let sealed = cipher.encrypt(&XNonce::from(nonce), plain).expect("short enough to seal");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts what [`Keyring::seal`] made; `None` if it was made with another secret or was changed.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_first_chunk::<24>()?;
        XChaCha20Poly1305::new(&Key::from(self.sealing)).decrypt(&XNonce::from(*nonce), body).ok()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(master: &str) -> Keyring {
        Keyring::derive(&SecretString::from(master))
    }

    #[test]
    fn each_purpose_and_each_master_has_its_own_hash() {
        let mut seen = std::collections::HashSet::new();
        for master in ["one", "two"] {
            for (purpose, _) in PURPOSES {
                assert!(seen.insert(ring(master).hash(purpose, &[b"x"])));
            }
        }
    }

    #[test]
    fn purposes_stand_in_the_order_of_their_contexts() {
        for (index, (purpose, _)) in PURPOSES.iter().enumerate() {
            assert_eq!(*purpose as usize, index);
        }
    }

    #[test]
    fn sealed_opens_only_with_its_own_secret_and_unchanged() {
        let mut sealed = ring("one").seal(b"token");
        assert_eq!(ring("one").open(&sealed).as_deref(), Some(b"token".as_slice()));
        assert_eq!(ring("two").open(&sealed), None);
        sealed[30] ^= 1;
        assert_eq!(ring("one").open(&sealed), None);
        assert_eq!(ring("one").open(b"short"), None);
    }

    #[test]
    fn digests_are_those_of_the_standards() {
        // RFC 1321 A.5; RFC 4231 4.3.
        assert_eq!(md5_hex(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(md5_hex(b"message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_sha256_hex(b"Jefe", b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn a_random_text_of_letters_and_digits_uses_them_all() {
        let text = random_alphanumeric(6_200);
        let text = text.expose_secret();
        assert_eq!(text.len(), 6_200);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let mut used: Vec<u8> = text.bytes().collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), 62);
    }

    #[test]
    fn nothing_shows_in_debug() {
        assert_eq!(format!("{:?}", ring("one")), "Keyring(…)");
    }
}
