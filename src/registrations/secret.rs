//! What a Moodle is known by. Its secret comes once, in clear; only hashes of it are kept.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::secret::{self, Keyring, Purpose};

/// The longest secret: what Moodle's own column holds.
const SECRET_CHARS: usize = 255;
/// The date and time at a secret's end, since Moodle 4.5 (`wire/moodle-client.md` 2.2).
const DATE_DIGITS: usize = 14;
/// Letters and digits of a hub token: 238 bits. Moodle keeps at most 255, and throws away all other characters.
const TOKEN_CHARS: usize = 40;
/// MD5 of nothing: what a Moodle that is registered nowhere sends, the same for all (`wire/moodle-client.md` 3.1).
const MD5_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// A site's secret, which its Moodle calls `token`: the site's identifier, and since 4.5 a date of 14 digits.
#[derive(Clone)]
pub struct SiteSecret(SecretString);

impl SiteSecret {
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.chars().count() {
            0 => Err("is missing: it is what a Moodle is known by".into()),
            n if n > SECRET_CHARS => Err(format!("has {n} characters; Moodle's have at most {SECRET_CHARS}")),
            _ if text.chars().any(char::is_control) || text.trim() != text => Err("has characters that Moodle's never have".into()),
            _ => Ok(Self(text.into())),
        }
    }

    /// For the way back to the site alone.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// The part that stays when a Moodle registers again.
    fn identifier(&self) -> &str {
        let whole = self.0.expose_secret();
        let Some(cut) = whole.len().checked_sub(DATE_DIGITS).filter(|cut| *cut > 0 && whole.is_char_boundary(*cut)) else { return whole };
        let (rest, date) = whole.split_at(cut);
        if date.bytes().all(|byte| byte.is_ascii_digit()) { rest } else { whole }
    }

    /// What a Moodle signs with: the 32 hexadecimal digits of the secret's MD5 (`wire/moodle-client.md` 2.5).
    pub fn signing_key(&self) -> SecretString {
        secret::md5_hex(self.0.expose_secret().as_bytes()).into()
    }

    /// What it is known by.
    pub fn prints(&self, ring: &Keyring) -> Prints {
        let print = |text: &str| print(ring, &secret::md5_hex(text.as_bytes()));
        Prints { secret: print(self.0.expose_secret()), identifier: print(self.identifier()) }
    }
}

impl fmt::Debug for SiteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SiteSecret(…)")
    }
}

/// Keyed hashes of what may be known of a secret: of the MD5 of the whole, and of the MD5 of its beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Prints {
    pub(super) secret: [u8; 32],
    pub(super) identifier: [u8; 32],
}

impl Prints {
    /// Whether the two are of one Moodle: one secret, or secrets with one beginning. A Moodle of before 4.5 has the
    /// beginning alone; what a site was paired by may be either.
    pub fn same_moodle(&self, other: &Self) -> bool {
        let mine = [self.secret, self.identifier];
        mine.contains(&other.identifier) || mine.contains(&other.secret)
    }
}

impl fmt::Debug for Prints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prints(…)")
    }
}

fn print(ring: &Keyring, md5: &str) -> [u8; 32] {
    ring.hash(Purpose::SiteSecret, &[md5.as_bytes()])
}

/// The `siteid` of an access-key request: the MD5 of a secret or of its beginning (`wire/moodle-client.md` 3.1).
#[derive(Clone)]
pub struct Siteid(SecretString);

impl Siteid {
    /// # Errors
    /// What is wrong with it. The MD5 of nothing is nobody's.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("is no md5: 32 hexadecimal digits".into());
        }
        if text == MD5_OF_NOTHING {
            return Err("is the md5 of nothing, which every Moodle sends that is not registered".into());
        }
        Ok(Self(text.into()))
    }

    pub(super) fn print(&self, ring: &Keyring) -> [u8; 32] {
        print(ring, self.0.expose_secret())
    }

    /// What a site is known by that was paired by this alone.
    pub(super) fn prints(&self, ring: &Keyring) -> Prints {
        Prints { secret: self.print(ring), identifier: self.print(ring) }
    }
}

impl fmt::Debug for Siteid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Siteid(…)")
    }
}

/// The token that the hub gives a Moodle (`newtoken`) and that it calls with (`wstoken`).
pub struct HubToken(SecretString);

impl HubToken {
    pub fn generate() -> Self {
        Self(secret::random_alphanumeric(TOKEN_CHARS))
    }

    /// For the way back to the site alone.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    pub(super) fn hash(&self, ring: &Keyring) -> [u8; 32] {
        Self::hash_of(ring, self.0.expose_secret())
    }

    pub(super) fn hash_of(ring: &Keyring, presented: &str) -> [u8; 32] {
        ring.hash(Purpose::HubToken, &[presented.as_bytes()])
    }
}

impl fmt::Debug for HubToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDENTIFIER: &str = "IuMwWuzf04zuDh0F4sxdAbeeyGI65piImoodle.example";

    fn ring() -> Keyring {
        Keyring::derive(&"a master secret for tests".into())
    }

    fn prints(secret: &str) -> Prints {
        SiteSecret::parse(secret).unwrap().prints(&ring())
    }

    #[test]
    fn a_moodle_that_registers_again_has_the_same_beginning() {
        let (first, second) = (prints(&format!("{IDENTIFIER}20261123022837")), prints(&format!("{IDENTIFIER}20261123115959")));
        assert!(first.same_moodle(&second) && first != second);
        // It was registered by 4.2, and is upgraded.
        assert!(prints(IDENTIFIER).same_moodle(&second) && second.same_moodle(&prints(IDENTIFIER)));
        assert!(!first.same_moodle(&prints("SxMwWuzf04zuDh0F4sxdAbeeyGI65piImoodle.example20261123022837")));
    }

    #[test]
    fn a_site_that_was_paired_is_known_by_either_kind_of_siteid() {
        let whole = format!("{IDENTIFIER}20261123022837");
        for paired_by in [IDENTIFIER, whole.as_str()] {
            let siteid = Siteid::parse(&secret::md5_hex(paired_by.as_bytes())).unwrap();
            assert!(siteid.prints(&ring()).same_moodle(&prints(&whole)), "{paired_by}");
        }
    }

    #[test]
    fn the_md5_of_nothing_is_nobodys() {
        assert!(Siteid::parse(&secret::md5_hex(b"")).is_err() && Siteid::parse(&secret::md5_hex(b"").to_uppercase()).is_err());
        assert!(Siteid::parse("").is_err() && Siteid::parse("78c2529e219a5e3c76be0a64a218a3a").is_err());
        assert!(Siteid::parse("78C2529e219a5e3c76be0a64a218a3ac").is_ok());
        // A secret that is nothing but a date has no beginning that could be empty.
        assert_eq!(SiteSecret::parse("20261123022837").unwrap().identifier(), "20261123022837");
        assert!(SiteSecret::parse("").is_err());
    }

    #[test]
    fn a_hub_token_survives_moodles_cleaning() {
        let token = HubToken::generate();
        assert!(token.expose_secret().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(token.expose_secret().len(), TOKEN_CHARS);
        assert_ne!(token.expose_secret(), HubToken::generate().expose_secret());
        assert_eq!(format!("{token:?}"), "HubToken(…)");
    }

    proptest! {
        #[test]
        fn any_text_is_a_secret_or_refused(text in "\\PC{0,300}") {
            if let Ok(secret) = SiteSecret::parse(&text) {
                prop_assert!(!secret.identifier().is_empty());
            }
            let _ = Siteid::parse(&text);
        }
    }
}
