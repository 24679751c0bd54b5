//! Passwords of people: argon2id, a few at a time, never on the event loop.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::Error;

/// A password that somebody chose: 10 to 200 characters.
#[derive(Clone, Debug)]
pub struct NewPassword(SecretString);

impl NewPassword {
    /// # Errors
    /// What the person who chose it should do about it.
    pub fn parse(text: &SecretString) -> Result<Self, String> {
        match text.expose_secret().chars().count() {
            0 => Err("Choose a password of at least 10 characters.".into()),
            1..10 => Err("Too short: at least 10 characters. A few words in a row are fine.".into()),
            10..=200 => Ok(Self(text.clone())),
            _ => Err("At most 200 characters, please.".into()),
        }
    }
}

/// How many hashes are computed at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// How many may wait or compute; who comes beyond that is told to come back.
const WAITING: usize = 32;

/// OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// Compared against where there is no account, so that an answer's time does not tell who has one.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now(&SecretString::from("nobody has this password")).unwrap_or_default());

fn hash_now(password: &SecretString) -> Result<String, argon2::password_hash::Error> {
    let hash: PasswordHash = argon2().hash_password(password.expose_secret().as_bytes())?;
    Ok(hash.to_string())
}

fn verify_now(password: &SecretString, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| argon2().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
}

/// Hashes and checks passwords on blocking threads, with a bound on how many at once.
#[derive(Clone)]
pub struct Passwords {
    computing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { computing: Arc::new(Semaphore::new(AT_ONCE)), waiting: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl Passwords {
    /// # Errors
    /// [`Error::Unavailable`] when too many wait already.
    pub async fn hash(&self, password: NewPassword) -> Result<String, Error> {
        self.compute(move || hash_now(&password.0)).await?.map_err(|e| Error::Internal(anyhow::anyhow!("argon2: {e}")))
    }

    /// Whether `password` is the one behind `hash`; takes as long when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait already.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, Error> {
        self.compute(move || match hash {
            Some(hash) => verify_now(&password, &hash),
            None => {
                verify_now(&password, &NOBODY);
                false
            }
        })
        .await
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let busy = || Error::Unavailable(Duration::from_secs(5));
        let _waiting = self.waiting.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = self.computing.clone().acquire_owned().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|e| Error::Internal(e.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn only_the_right_password_passes() {
        let passwords = Passwords::default();
        let right = SecretString::from("correct horse battery");
        let hash = passwords.hash(NewPassword::parse(&right).unwrap()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify(right.clone(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horse batterx".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody has this password".into(), None).await.unwrap());
        assert!(!passwords.verify(right, Some("junk".into())).await.unwrap());
    }

    #[test]
    fn lengths() {
        for (length, good) in [(0, false), (9, false), (10, true), (200, true), (201, false)] {
            assert_eq!(NewPassword::parse(&"ä".repeat(length).into()).is_ok(), good, "{length}");
        }
    }
}
