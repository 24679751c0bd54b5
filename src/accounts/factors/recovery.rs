//! Recovery codes: ten on paper, each good once, for the day when the phone is gone.

use secrecy::{ExposeSecret, SecretString};

use crate::ids::AccountId;
use crate::secret::{self, Keyring, Purpose};

/// How many are made at once.
pub const COUNT: usize = 10;
/// The letters of a code: no `i`, `l`, `o`, `u`, which are misread (Crockford's Base32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How many letters a code has: 60 bits.
const LETTERS: usize = 12;

/// A new code, as people read it: `k7mp-2q9x-w4td`.
pub(super) fn random() -> SecretString {
    let letters = secret::random::<LETTERS>().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("-").into()
}

/// A code as typed, as it is compared: in small letters, without what stands between, misread letters put right.
/// `None`: this is no recovery code.
pub(super) fn normal(typed: &str) -> Option<SecretString> {
    let kept = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let text: String = kept
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .take(LETTERS + 1)
        .collect();
    (text.len() == LETTERS && text.bytes().all(|b| ALPHABET.contains(&b))).then(|| text.into())
}

/// What a code is kept as: with the account, so that the same code of two people is two hashes.
pub(super) fn hash(ring: &Keyring, account: AccountId, code: &SecretString) -> [u8; 32] {
    ring.hash(Purpose::RecoveryCode, &[account.as_bytes(), code.expose_secret().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_twelve_letters_in_three_groups() {
        for _ in 0..200 {
            let code = random();
            let code = code.expose_secret();
            assert_eq!(code.len(), 14);
            for (at, c) in code.chars().enumerate() {
                assert_eq!(c == '-', at == 4 || at == 9, "{code}");
                assert!(c == '-' || ALPHABET.contains(&(c as u8)), "{code}");
            }
            assert_eq!(normal(code).unwrap().expose_secret(), code.replace('-', ""));
        }
    }

    #[test]
    fn a_code_is_known_however_it_is_typed() {
        let typed = normal(" K7MP 2q9x-w4TO ").unwrap();
        assert_eq!(typed.expose_secret(), "k7mp2q9xw4t0");
        for junk in ["", "123456", "k7mp-2q9x-w4t", "k7mp-2q9x-w4tdd", "k7mp-2q9x-w4tu", "k7mp-2q9x-w4té"] {
            assert!(normal(junk).is_none(), "{junk}");
        }
    }
}
