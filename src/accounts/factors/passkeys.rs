//! Passkeys (WebAuthn): the hub as relying party. What is asked of an authenticator waits in the table of ceremonies,
//! sealed, for five minutes, and is gone with the first answer to it, whatever that is.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    CreationChallengeResponse, DiscoverableAuthentication, Passkey as Credential, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, RequestChallengeResponse,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::store::{self, NewCeremony};
use super::{Hand, MOST_PASSKEYS, Passkey};
use crate::clock::Timestamp;
use crate::db::types::text_enum;
use crate::db::{Conn, Fault, Tx};
use crate::ids::{AccountId, CeremonyId, PasskeyId};
use crate::secret::Keyring;

/// How long an authenticator may take.
const LASTS: Duration = Duration::from_secs(300);
/// Tells a sealed state from whatever else the hub seals.
const SEALED_AS: &[u8] = b"ceremony\0";

text_enum! {
    /// What an authenticator is asked for.
    pub enum Kind {
        /// To make a passkey.
        Enrol => "enrol",
        /// To log in with one.
        Login => "login",
        /// To show again that it is them.
        Prove => "prove",
    }
}

/// The hub towards authenticators. There is none where the hub is reached by a bare IP address: a passkey belongs to a
/// name.
#[derive(Clone)]
pub struct RelyingParty(Option<Arc<Webauthn>>);

impl RelyingParty {
    /// `origin`: scheme, host and port by which browsers know the hub.
    pub fn new(hub_name: &str, origin: &str) -> Self {
        let made = || {
            let url = Url::parse(origin).ok()?;
            WebauthnBuilder::new(url.domain()?, &url).ok()?.rp_name(hub_name).timeout(LASTS).build().ok()
        };
        Self(made().map(Arc::new))
    }

    /// Whether passkeys can be used here.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    fn webauthn(&self) -> Result<&Webauthn, Fault> {
        self.0.as_deref().ok_or_else(|| Fault::Unreadable("a ceremony, where there are no passkeys".into()))
    }
}

/// What a browser is to ask its authenticators, as its script takes it.
#[derive(Serialize)]
pub struct Asked {
    pub ceremony: CeremonyId,
    #[serde(rename = "publicKey")]
    pub public_key: Value,
}

fn faulty(what: &str, why: impl std::fmt::Display) -> Fault {
    Fault::Unreadable(format!("{what}: {why}"))
}

/// The sealed state of a ceremony, bound to its row.
fn seal(ring: &Keyring, id: CeremonyId, state: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let state = serde_json::to_vec(state).map_err(|e| faulty("a ceremony", e))?;
    Ok(ring.seal(&[SEALED_AS, id.as_bytes(), &state].concat()))
}

fn open<T: DeserializeOwned>(ring: &Keyring, id: CeremonyId, sealed: &[u8]) -> Option<T> {
    let plain = ring.open(sealed)?;
    serde_json::from_slice(plain.strip_prefix(SEALED_AS)?.strip_prefix(id.as_bytes())?).ok()
}

fn credentials(conn: &mut Conn, account: AccountId) -> Result<Vec<(Passkey, Credential)>, Fault> {
    let kept = store::passkeys_of(conn, account)?;
    let read = kept.into_iter().map(|passkey| {
        let credential = credential(&passkey)?;
        Ok((passkey, credential))
    });
    read.collect()
}

fn credential(passkey: &Passkey) -> Result<Credential, Fault> {
    serde_json::from_str(&passkey.credential).map_err(|e| faulty("a passkey", e))
}

/// Asks for a new passkey. `None`: the account has as many as it may have.
///
/// # Errors
/// When it can't be written.
pub fn ask_for_new(tx: &mut Tx, rp: &RelyingParty, hand: &Hand) -> Result<Option<Asked>, Fault> {
    let Some(account) = super::super::find(tx.conn(), hand.account)? else { return Ok(None) };
    let known = credentials(tx.conn(), hand.account)?;
    if i64::try_from(known.len()).is_ok_and(|known| known >= MOST_PASSKEYS) {
        return Ok(None);
    }
    let exclude = known.into_iter().map(|(_, credential)| credential.cred_id().clone()).collect();
    let user = Uuid::from_bytes(*hand.account.as_bytes());
    let begun = rp.webauthn()?.start_passkey_registration(user, &account.email, &account.name, Some(exclude));
    let (asked, state): (CreationChallengeResponse, PasskeyRegistration) = begun.map_err(|e| faulty("a new passkey", e))?;
    let mut public_key = serde_json::to_value(&asked.public_key).map_err(|e| faulty("a new passkey", e))?;
    // One that is found without a name stands in for the password too; one that can't be is a good second factor.
    public_key["authenticatorSelection"]["residentKey"] = "preferred".into();
    let id = CeremonyId::new(hand.now);
    let new = NewCeremony {
        id,
        account: Some(hand.account),
        kind: Kind::Enrol,
        state_sealed: &seal(hand.ring, id, &state)?,
        expires_at: hand.now + LASTS,
    };
    store::insert_ceremony(tx.conn(), &new)?;
    Ok(Some(Asked { ceremony: id, public_key }))
}

/// Asks for an answer by a passkey: one of this account's, or whichever the person has for this hub.
///
/// # Errors
/// When it can't be written.
pub fn ask(tx: &mut Tx, rp: &RelyingParty, ring: &Keyring, now: Timestamp, kind: Kind, account: Option<AccountId>) -> Result<Asked, Fault> {
    let begun = rp.webauthn()?.start_discoverable_authentication();
    let (asked, state): (RequestChallengeResponse, DiscoverableAuthentication) = begun.map_err(|e| faulty("a ceremony", e))?;
    let mut public_key = serde_json::to_value(&asked.public_key).map_err(|e| faulty("a ceremony", e))?;
    if let Some(account) = account {
        let known = credentials(tx.conn(), account)?;
        let allowed: Vec<Value> = known
            .iter()
            .map(|(_, credential)| {
                let id = URL_SAFE_NO_PAD.encode(credential.cred_id());
                serde_json::json!({ "type": "public-key", "id": id })
            })
            .collect();
        public_key["allowCredentials"] = Value::Array(allowed);
    }
    let id = CeremonyId::new(now);
    let new = NewCeremony { id, account, kind, state_sealed: &seal(ring, id, &state)?, expires_at: now + LASTS };
    store::insert_ceremony(tx.conn(), &new)?;
    Ok(Asked { ceremony: id, public_key })
}

/// A browser's answer: which ceremony it answers, and what the authenticator said.
#[derive(Clone, Debug)]
pub struct Reply {
    pub ceremony: CeremonyId,
    /// JSON, as the browser gives it.
    pub credential: String,
}

/// Takes the answer to [`ask_for_new`]. `None`: it is none, is too late, is of a passkey that is known already, or is one more
/// than the account may have.
pub(super) fn take_new(tx: &mut Tx, rp: &RelyingParty, hand: &Hand, reply: &Reply, name: &str) -> Result<Option<Passkey>, Fault> {
    let Some((owner, sealed)) = store::take_ceremony(tx.conn(), reply.ceremony, Kind::Enrol, hand.now)? else { return Ok(None) };
    let Some(state) = open::<PasskeyRegistration>(hand.ring, reply.ceremony, &sealed) else { return Ok(None) };
    let Ok(answer) = serde_json::from_str::<RegisterPublicKeyCredential>(&reply.credential) else { return Ok(None) };
    if owner != Some(hand.account) {
        return Ok(None);
    }
    let Some(Ok(credential)) = rp.0.as_deref().map(|rp| rp.finish_passkey_registration(&answer, &state)) else { return Ok(None) };
    // Several may have been asked for while there was room for one.
    let full = store::count_passkeys(tx.conn(), hand.account)? >= MOST_PASSKEYS;
    if full || store::passkey_by(tx.conn(), credential.cred_id())?.is_some() {
        return Ok(None);
    }
    let passkey = Passkey {
        id: PasskeyId::new(hand.now),
        account_id: hand.account,
        name: name.to_owned(),
        credential: serde_json::to_string(&credential).map_err(|e| faulty("a new passkey", e))?,
        created_at: hand.now,
        used_at: None,
    };
    store::insert_passkey(tx.conn(), &passkey, credential.cred_id())?;
    Ok(Some(passkey))
}

/// Takes the answer to [`ask`], and gives the account whose passkey it is. A counter that has not grown, which is how a
/// copied authenticator shows, is no answer. `None`: it is none, is too late, or is another's than it was asked of.
///
/// # Errors
/// When it can't be written.
pub fn take(
    tx: &mut Tx,
    rp: &RelyingParty,
    ring: &Keyring,
    now: Timestamp,
    kind: Kind,
    account: Option<AccountId>,
    reply: &Reply,
) -> Result<Option<AccountId>, Fault> {
    tx.alone()?;
    let Some((asked_of, sealed)) = store::take_ceremony(tx.conn(), reply.ceremony, kind, now)? else { return Ok(None) };
    let Some(state) = open::<DiscoverableAuthentication>(ring, reply.ceremony, &sealed) else { return Ok(None) };
    let Ok(answer) = serde_json::from_str::<PublicKeyCredential>(&reply.credential) else { return Ok(None) };
    let Some(passkey) = store::passkey_by(tx.conn(), answer.get_credential_id())? else { return Ok(None) };
    // Whoever was not known before is named by the authenticator; whom it names otherwise has to be the same.
    let named = answer.get_user_unique_id();
    let own = named.is_some_and(|named| named == passkey.account_id.as_bytes());
    let theirs = match account {
        Some(account) => passkey.account_id == account && (named.is_none() || own),
        None => own,
    };
    if asked_of != account || !theirs {
        return Ok(None);
    }
    let mut credential = credential(&passkey)?;
    let Some(webauthn) = rp.0.as_deref() else { return Ok(None) };
    let result = match webauthn.finish_discoverable_authentication_v2(&answer, state, &credential) {
        Ok(result) => result,
        Err(why) => {
            tracing::warn!(account.id = %passkey.account_id, passkey.id = %passkey.id, why = %why, "a passkey's answer is not taken");
            return Ok(None);
        }
    };
    credential.update_credential(&result);
    let kept = serde_json::to_string(&credential).map_err(|e| faulty("a passkey", e))?;
    store::use_passkey(tx.conn(), passkey.id, &kept, now)?;
    Ok(Some(passkey.account_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_a_name_for_the_hub() {
        for (origin, there) in [
            ("https://hub.example", true),
            ("https://hub.example:8443", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", false),
            ("http://[::1]:8080", false),
        ] {
            assert_eq!(RelyingParty::new("Belfry", origin).is_there(), there, "{origin}");
        }
    }
}
