use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Topic;
use crate::secret::{self, Keyring, Purpose};

/// How many bytes of the keyed hash a token carries.
const SEAL: usize = 24;

/// What somebody holds who has a letter that can be stopped: the right to stop letters like it to this mailbox. Its token
/// never expires, since letters are kept for years, and is stored nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Slip {
    /// The mailbox's [key](crate::mail::EmailAddress::key).
    pub mailbox: String,
    pub topic: Topic,
}

impl Slip {
    /// The token that stands for it, fit for an address.
    pub fn token(&self, ring: &Keyring) -> String {
        let said = self.said();
        let seal = ring.hash(Purpose::Unsubscribe, &[said.as_bytes()]);
        URL_SAFE_NO_PAD.encode([&seal[..SEAL], said.as_bytes()].concat())
    }

    /// Reads a token. `None`: this hub has not made it.
    pub fn read(ring: &Keyring, token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (seal, said) = bytes.split_at_checked(SEAL)?;
        if !secret::same(seal, &ring.hash(Purpose::Unsubscribe, &[said])[..SEAL]) {
            return None;
        }
        let (topic, mailbox) = std::str::from_utf8(said).ok()?.split_once(' ')?;
        Some(Self { mailbox: mailbox.to_owned(), topic: topic.parse().ok()? })
    }

    /// No topic has a space in it.
    fn said(&self) -> String {
        format!("{} {}", self.topic, self.mailbox)
    }

    /// The mailbox for somebody who knows it already: `a…@school.example`.
    pub fn masked(&self) -> String {
        let (name, host) = self.mailbox.rsplit_once('@').unwrap_or((&self.mailbox, ""));
        let first: String = name.chars().take(1).collect();
        format!("{first}…@{host}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::*;

    fn ring(master: &str) -> Keyring {
        Keyring::derive(&SecretString::from(master))
    }

    proptest! {
        #[test]
        fn a_token_says_what_it_was_made_of_and_nothing_else(mailbox in "\\PC{1,60}@[a-z. ]{1,20}", topic in prop::sample::select(Topic::ALL), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let slip = Slip { mailbox, topic };
            let token = slip.token(&ring("one"));
            prop_assert!(Slip::read(&ring("one"), &token).is_some_and(|read| read == slip));
            prop_assert!(Slip::read(&ring("two"), &token).is_none());
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(Slip::read(&ring("one"), &URL_SAFE_NO_PAD.encode(bytes)).is_none());
        }

        #[test]
        fn whatever_is_shown_as_a_token_is_no_fault(text in "\\PC{0,200}") {
            prop_assert!(Slip::read(&ring("one"), &text).is_none());
        }
    }

    #[test]
    fn a_masked_mailbox_shows_one_letter_and_the_host() {
        let slip = |mailbox: &str| Slip { mailbox: mailbox.into(), topic: Topic::Push }.masked();
        assert_eq!(slip("ada@school.example"), "a…@school.example");
        assert_eq!(slip("\"a@b\"@school.example"), "\"…@school.example");
    }
}
