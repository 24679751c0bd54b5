use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::secret::Prints;
use crate::clock::Timestamp;
use crate::db::schema::registrations;
use crate::ids::{RegistrationId, SiteId};
use crate::secret::{self, Keyring};
use crate::sites::Site;

/// How far a Moodle's clock may be from ours.
const SKEW_SECONDS: i64 = 15 * 60;

/// A Moodle's registration, as stored.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = registrations)]
pub struct Registration {
    pub id: RegistrationId,
    pub site_id: SiteId,
    pub(super) secret_hash: Vec<u8>,
    pub(super) identifier_hash: Vec<u8>,
    pub(super) signing_sealed: Option<Vec<u8>>,
    pub(super) token_hash: Option<Vec<u8>>,
    /// The hub's public URL as it was then: Moodle keeps its registration under exactly that.
    pub hub_url: String,
    pub created_at: Timestamp,
    /// When its server first called with its token; never, where the browser alone came by.
    pub called_at: Option<Timestamp>,
    /// Where its Moodle says that mails on security go, if not to the contact.
    pub alerts_email: Option<String>,
}

impl Registration {
    /// Whether it came by the round trip; if not, the site is only known by what it asked for its key with.
    pub fn has_token(&self) -> bool {
        self.token_hash.is_some()
    }

    pub(super) fn prints(&self) -> Option<Prints> {
        Some(Prints { secret: self.secret_hash.as_slice().try_into().ok()?, identifier: self.identifier_hash.as_slice().try_into().ok()? })
    }

    pub(super) fn is_of(&self, prints: &Prints) -> bool {
        self.prints().is_some_and(|known| known.same_moodle(prints))
    }

    /// Checks the signature of an update (5.1.7 and later): HMAC-SHA256 of `{siteinfo url}|{timestamp}`
    /// (`wire/moodle-client.md` 2.5).
    pub fn check(&self, ring: &Keyring, now: Timestamp, site_url: &str, timestamp: &str, signature: &str) -> Signature {
        if timestamp.is_empty() && signature.is_empty() {
            return Signature::Absent;
        }
        let Some(key) = self.signing_sealed.as_deref().and_then(|sealed| ring.open(sealed)) else { return Signature::Absent };
        let expected = secret::hmac_sha256_hex(&key, format!("{site_url}|{timestamp}").as_bytes());
        let near = timestamp.parse::<i64>().is_ok_and(|at| at.abs_diff(now.seconds()) <= SKEW_SECONDS.unsigned_abs());
        match (secret::same(expected.as_bytes(), signature.to_ascii_lowercase().as_bytes()), near) {
            (false, _) => Signature::Wrong,
            (true, false) => Signature::Late,
            (true, true) => Signature::Good,
        }
    }

    pub(super) fn seal(ring: &Keyring, signing_key: &SecretString) -> Vec<u8> {
        ring.seal(signing_key.expose_secret().as_bytes())
    }
}

/// What the signature of an update says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Moodles before 5.1.7 don't sign, and those that can't don't either: taken, as unverified.
    Absent,
    Good,
    Wrong,
    /// Good, but its time is too far from ours.
    Late,
}

/// The one witness by which Moodle may be told that its token is not known, upon which it throws its registration away:
/// the database was asked, and has no such token.
#[derive(Debug)]
pub struct UnknownToken(pub(super) ());

/// What a newcomer meets.
#[derive(Clone, Debug)]
pub enum Meets {
    /// Nobody: a new site.
    Nobody,
    /// Itself: this Moodle is registered at this address.
    Itself(Box<Site>),
    /// Its owner, who waits for it or is logged in: the site was registered by the form, or its Moodle was installed anew.
    Owner(Box<Site>),
    /// Another Moodle, or the owner of a proved site, at the same address.
    Rival(Box<Site>),
    /// The site with the same secret at another address: moved, or a copy.
    Twin(Box<Site>),
}

impl Meets {
    /// The registered site whose admin is asked; none where nobody has to be.
    pub fn held_beside(&self) -> Option<&Site> {
        match self {
            Self::Rival(site) | Self::Twin(site) => Some(site),
            Self::Nobody | Self::Itself(_) | Self::Owner(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrations::SiteSecret;

    #[test]
    fn a_signature_is_of_the_address_and_the_time() {
        let ring = Keyring::derive(&"a master secret for tests".into());
        let secret = SiteSecret::parse("IuMwWuzf04zuDh0F4sxdAbeeyGI65piImoodle.example20261123022837").unwrap();
        let prints = secret.prints(&ring);
        let now: Timestamp = "2026-11-23T02:30:00Z".parse().unwrap();
        let registration = Registration {
            id: RegistrationId::new(now),
            site_id: SiteId::new(now),
            secret_hash: prints.secret.to_vec(),
            identifier_hash: prints.identifier.to_vec(),
            signing_sealed: Some(Registration::seal(&ring, &secret.signing_key())),
            token_hash: None,
            hub_url: "https://hub.example".into(),
            created_at: now,
            called_at: None,
            alerts_email: None,
        };
        let url = "http://moodle.example";
        let sign = |at: i64| secret::hmac_sha256_hex(secret.signing_key().expose_secret().as_bytes(), format!("{url}|{at}").as_bytes());
        let check = |at: &str, signature: &str| registration.check(&ring, now, url, at, signature);
        let (at, late) = (now.seconds(), now.seconds() - 1_000);
        assert_eq!(check(&at.to_string(), &sign(at)), Signature::Good);
        assert_eq!(check(&late.to_string(), &sign(late)), Signature::Late);
        assert_eq!(check(&(at + 1).to_string(), &sign(at)), Signature::Wrong);
        assert_eq!(check(&at.to_string(), "00"), Signature::Wrong);
        assert_eq!(check(&at.to_string(), ""), Signature::Wrong);
        assert_eq!(check("", ""), Signature::Absent);
        let elsewhere = registration.check(&ring, now, "http://other.example", &at.to_string(), &sign(at));
        assert_eq!(elsewhere, Signature::Wrong);
    }
}
