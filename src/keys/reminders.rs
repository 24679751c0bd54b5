//! What the owner of a site is mailed about its keys.

use std::time::Duration;

use super::{AccessKey, KeyError, life, store};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::ids::SiteId;
use crate::mail::{Desk, KeyEnding, KeyLeaked, KeyOld, KeyRevoked};
use crate::secret::Keyring;
use crate::sites::{self, Site, SiteError};

/// How long before its end the owner hears of a key that is still in use; half of a shorter overlap.
const NOTICE: Duration = Duration::from_secs(86_400);
/// How often the owner is reminded of the age of a key.
const AGE_AGAIN: Duration = Duration::from_secs(90 * 86_400);
/// A key that was used since then is in use.
const IN_USE: Duration = Duration::from_secs(30 * 86_400);
/// The most characters of what somebody writes about a key that was found.
const WHERE_CHARS: usize = 500;

fn untold(error: SiteError) -> KeyError {
    match error {
        SiteError::Fault(fault) => KeyError::Fault(fault),
        _ => KeyError::Unknown,
    }
}

fn site_of(tx: &mut Tx, id: SiteId) -> Result<Site, KeyError> {
    sites::find(tx.conn(), id)?.ok_or(KeyError::Unknown)
}

/// Whether a rotated key is still in use shortly before its end: used within the last day, or the last quarter of a short
/// overlap. Whoever has put the successor in place by then is not bothered.
fn is_in_use(key: &AccessKey, rotated_at: Timestamp, now: Timestamp) -> bool {
    let (Some(end), Some(used)) = (key.expires_at, key.last_used_at) else { return false };
    let overlap = end.since(rotated_at);
    now >= end - NOTICE.min(overlap / 2) && used > rotated_at && used > now - NOTICE.min(overlap / 4)
}

/// Mails the owners of rotated keys that end soon and are still in use, once for each. Gives how many were told of.
///
/// # Errors
/// When it can't be written.
pub fn remind_of_ends(tx: &mut Tx, desk: &Desk, now: Timestamp) -> Result<usize, KeyError> {
    let ending = store::ending_untold(tx.conn(), now, NOTICE)?;
    let due: Vec<AccessKey> = ending.into_iter().filter(|(key, rotated_at)| is_in_use(key, *rotated_at, now)).map(|(key, _)| key).collect();
    for key in &due {
        let (site, Some(end)) = (site_of(tx, key.site_id)?, key.expires_at) else { continue };
        if !store::note_end_told(tx.conn(), key.id, now)? {
            continue;
        }
        let told = sites::tell(tx, now, &site, |name| {
            Box::new(KeyEnding {
                hub: desk.hub(),
                name,
                site_name: site.name.clone(),
                site_url: site.url.clone(),
                prefix: key.prefix.clone(),
                until: end.readable(),
                network: key.last_network.clone().unwrap_or_default(),
                link: desk.link(&format!("/my/sites/{}/keys", site.id)),
            })
        });
        told.map_err(untold)?;
    }
    Ok(due.len())
}

/// Mails the owners of keys in use that are older than `after`; nobody, when that is nothing. Gives how many were told of.
///
/// # Errors
/// When it can't be written.
pub fn remind_of_age(tx: &mut Tx, desk: &Desk, now: Timestamp, after: Duration) -> Result<usize, KeyError> {
    if after.is_zero() {
        return Ok(0);
    }
    let old = store::old_untold(tx.conn(), now - after, now - IN_USE, now - AGE_AGAIN)?;
    for key in &old {
        let site = site_of(tx, key.site_id)?;
        if !store::note_age_told(tx.conn(), key.id, now, now - AGE_AGAIN)? {
            continue;
        }
        // Who has no key that works has nothing to rotate.
        if site.may_have_keys() {
            let told = sites::tell(tx, now, &site, |name| {
                Box::new(KeyOld {
                    hub: desk.hub(),
                    name,
                    site_name: site.name.clone(),
                    site_url: site.url.clone(),
                    prefix: key.prefix.clone(),
                    since: key.created_at.readable(),
                    link: desk.link(&format!("/my/sites/{}/keys", site.id)),
                })
            });
            told.map_err(untold)?;
        }
    }
    Ok(old.len())
}

/// Takes the report of a key that was found where it should not be: its owner is told, and it is revoked. `true`: it was a
/// working one of this hub's. `place`: where it was found, in the finder's words.
///
/// # Errors
/// When it can't be written; then it is not revoked either.
pub fn take_leak(tx: &mut Tx, ring: &Keyring, desk: &Desk, now: Timestamp, presented: &str, place: &str) -> Result<bool, KeyError> {
    let Some(key) = life::revoke_leaked(tx, ring, now, presented)? else { return Ok(false) };
    let site = site_of(tx, key.site_id)?;
    let place: String = place.chars().filter(|c| !c.is_control()).take(WHERE_CHARS).collect();
    let told = sites::tell(tx, now, &site, |name| {
        Box::new(KeyLeaked {
            hub: desk.hub(),
            name,
            site_name: site.name.clone(),
            site_url: site.url.clone(),
            prefix: key.prefix.clone(),
            place: place.trim().to_owned(),
            link: desk.link(&format!("/my/sites/{}/keys", site.id)),
        })
    });
    told.map_err(untold)?;
    Ok(true)
}

/// Tells the owner of a site that the team has revoked a key of theirs, and why.
///
/// # Errors
/// When it can't be written.
pub fn tell_revoked(tx: &mut Tx, desk: &Desk, now: Timestamp, key: &AccessKey, reason: &str) -> Result<(), KeyError> {
    let site = site_of(tx, key.site_id)?;
    let told = sites::tell(tx, now, &site, |name| {
        Box::new(KeyRevoked {
            hub: desk.hub(),
            name,
            site_name: site.name.clone(),
            site_url: site.url.clone(),
            prefix: key.prefix.clone(),
            reason: reason.to_owned(),
            link: desk.link(&format!("/my/sites/{}/keys", site.id)),
        })
    });
    told.map_err(untold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::KeyId;
    use crate::keys::KeyKind;

    #[test]
    fn only_who_still_uses_a_key_shortly_before_its_end_is_told() {
        let rotated: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let hours = |n: u64| Duration::from_secs(n * 3_600);
        let key = |overlap: u64, used: Option<u64>| AccessKey {
            id: KeyId::new(rotated),
            site_id: SiteId::new(rotated),
            kind: KeyKind::Site,
            permissions: 15,
            prefix: "belfry_s_abcdef".into(),
            device_id: None,
            successor_id: None,
            created_at: rotated,
            expires_at: Some(rotated + hours(overlap)),
            revoked_at: None,
            last_used_at: used.map(|n| rotated + hours(n)),
            use_count: 1,
            last_network: None,
        };
        // Overlap, last use, now: in hours since the rotation.
        for (overlap, used, now, told) in [
            (168, Some(143), 144, true),
            (168, Some(143), 143, false),
            (168, Some(41), 150, false),
            (168, None, 150, false),
            (12, Some(5), 6, true),
            (12, Some(2), 6, false),
            (12, Some(5), 5, false),
        ] {
            assert_eq!(is_in_use(&key(overlap, used), rotated, rotated + hours(now)), told, "{overlap} {used:?} {now}");
        }
    }
}
