//! The master secret that a database was made with: its fingerprint, and in the local profile the secret itself.

use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::schema::hub_secret;
use super::{Conn, Fault};
use crate::secret::{Keyring, Purpose, random_text, same};

fn fingerprint(secret: &SecretString) -> Vec<u8> {
    Keyring::derive(secret).hash(Purpose::Fingerprint, &[b"belfry"]).to_vec()
}

/// The secret to use: the configured one if there is one, else the one kept here, else a new one, which is kept.
///
/// # Errors
/// [`Fault::Unreadable`] when the database was made with another secret.
pub fn agree(conn: &mut Conn, configured: Option<&SecretString>) -> Result<SecretString, Fault> {
    let row: Option<(Vec<u8>, Option<String>)> =
        hub_secret::table.select((hub_secret::fingerprint, hub_secret::secret)).first(conn).optional()?;
    match (row, configured) {
        (None, configured) => {
            let secret = configured.cloned().unwrap_or_else(random_text);
            let kept = configured.is_none().then(|| secret.expose_secret().to_owned());
            diesel::insert_into(hub_secret::table)
                .values((hub_secret::id.eq(1), hub_secret::fingerprint.eq(fingerprint(&secret)), hub_secret::secret.eq(kept)))
                .execute(conn)?;
            Ok(secret)
        }
        (Some((known, _)), Some(configured)) if same(&known, &fingerprint(configured)) => {
            // From now on it is kept outside only.
            diesel::update(hub_secret::table.find(1)).set(hub_secret::secret.eq(None::<String>)).execute(conn)?;
            Ok(configured.clone())
        }
        (Some((_, Some(kept))), None) => Ok(kept.into()),
        (Some((_, None)), None) => {
            Err(Fault::Unreadable("this database was made with a secret of its own: set server.secret_key to it".into()))
        }
        (Some((_, kept)), Some(_)) => Err(Fault::Unreadable(match kept {
            Some(_) => "this database was made with another secret; it is in its table hub_secret: set server.secret_key to that".into(),
            None => "this database was made with another secret: its access keys and devices can't be read with this one".into(),
        })),
    }
}
