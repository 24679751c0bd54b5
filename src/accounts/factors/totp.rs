//! Codes of an authenticator app (RFC 6238): SHA-1, six digits, 30 seconds, as every app takes them.

use std::fmt;

use totp_rs::{Builder, Secret, Totp};
use url::form_urlencoded::byte_serialize;

use crate::clock::Timestamp;
use crate::ids::AccountId;
use crate::secret::{self, Keyring};

/// How long a code is shown, in seconds.
const STEP_SECONDS: i64 = 30;
/// How many steps the app's clock may be off, each way.
const DRIFT: u16 = 1;
/// Tells a sealed secret from whatever else the hub seals.
const SEALED_AS: &[u8] = b"totp secret\0";

/// What an app and the hub share: 160 bits.
#[derive(Clone)]
pub struct TotpSecret([u8; 20]);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

impl TotpSecret {
    /// A new one.
    pub fn random() -> Self {
        Self(secret::random())
    }

    /// Sealed for one account: in another's row, or in another's form, it opens to nothing.
    pub fn sealed(&self, ring: &Keyring, account: AccountId) -> Vec<u8> {
        ring.seal(&[SEALED_AS, account.as_bytes(), &self.0].concat())
    }

    /// What [`TotpSecret::sealed`] made for this account.
    pub fn open(ring: &Keyring, account: AccountId, sealed: &[u8]) -> Option<Self> {
        let plain = ring.open(sealed)?;
        let secret = plain.strip_prefix(SEALED_AS)?.strip_prefix(account.as_bytes())?;
        secret.try_into().ok().map(Self)
    }

    /// In Base32, which is what apps take.
    pub fn base32(&self) -> String {
        Secret::new_stack(self.0).to_base32()
    }

    /// In groups of four, for whoever types it.
    pub fn in_groups(&self) -> String {
        let text = self.base32();
        let groups: Vec<&str> = text.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        groups.join(" ")
    }

    /// What the QR code says. A colon would end the issuer.
    pub fn uri(&self, hub: &str, email: &str) -> String {
        let encoded = |text: &str| byte_serialize(text.replace(':', " ").trim().as_bytes()).collect::<String>().replace('+', "%20");
        let (issuer, account) = (encoded(hub), encoded(email));
        format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", self.base32())
    }

    fn totp(&self) -> Totp {
        // Nothing here can be out of RFC 6238: the secret has its 160 bits, and the rest is the crate's own default.
        Builder::new().with_secret(Secret::new_stack(self.0)).with_skew(DRIFT).build_noncompliant()
    }

    /// The step that a code belongs to, if it is one of now, of the step before or of the one after. Whether it was used
    /// already is for the account's row to say.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let seconds = u64::try_from(now.seconds()).ok()?;
        let step = self.totp().check(code, seconds)?;
        i64::try_from(step).ok()
    }
}

/// When a step began.
pub(super) fn began(step: i64) -> Timestamp {
    Timestamp::from_micros(step.saturating_mul(STEP_SECONDS).saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// RFC 6238 appendix B, SHA-1: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = TotpSecret(*b"12345678901234567890");
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(secret.step_of(&code[2..], at(seconds)), Some(seconds / 30), "{seconds}");
            assert_eq!(secret.step_of("000000", at(seconds)), None);
        }
    }

    #[test]
    fn one_step_of_drift_is_borne_each_way_and_no_more() {
        let secret = TotpSecret(*b"12345678901234567890");
        let code = "050471"; // of 1,111,111,111, which is step 37,037,037
        for (seconds, step) in [(-60, None), (-30, Some(37_037_037)), (30, Some(37_037_037)), (58, Some(37_037_037)), (59, None)] {
            assert_eq!(secret.step_of(code, at(1_111_111_111 + seconds)), step, "{seconds}");
        }
        for junk in ["", "05047", "0504711", "o50471", "-50471", "+50471", " 50471", "０５０４７１"] {
            assert_eq!(secret.step_of(junk, at(1_111_111_111)), None, "{junk}");
        }
    }

    #[test]
    fn a_sealed_secret_is_one_accounts() {
        let ring = Keyring::derive(&SecretString::from("master"));
        let (mine, other) = (AccountId::new(at(1)), AccountId::new(at(2)));
        let secret = TotpSecret::random();
        let sealed = secret.sealed(&ring, mine);
        assert_eq!(TotpSecret::open(&ring, mine, &sealed).map(|s| s.0), Some(secret.0));
        assert!(TotpSecret::open(&ring, other, &sealed).is_none());
        assert!(TotpSecret::open(&ring, mine, &ring.seal(&secret.0)).is_none());
        assert_eq!(format!("{secret:?}"), "TotpSecret(…)");
    }

    #[test]
    fn the_secret_is_shown_as_apps_take_it() {
        let secret = TotpSecret(*b"12345678901234567890");
        assert_eq!(secret.in_groups(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let uri = secret.uri("Our: hub & co", "a+b@c.example");
        assert_eq!(
            uri,
            "otpauth://totp/Our%20%20hub%20%26%20co:a%2Bb%40c.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Our%20%20hub%20%26%20co"
        );
    }
}
