//! A key that a site asks for with a key that it has, by AirNotifier's permission bits (`wire/airnotifier-server.md` 2 and 6).

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::request;
use crate::audit::Actor;
use crate::devices::{self, TokenHash};
use crate::hub::Hub;
use crate::keys::{self, KeyError, KeyKind, Permissions, PlainKey, Wanted};
use crate::push::{self, Refusal, RefusalKind, Told};

/// Which kind of key has these bits: what sends is the site's own; what is for one token, that device's.
fn kind_of(permissions: Permissions, for_one: bool) -> Result<KeyKind, Refusal> {
    let sends = permissions.may(Permissions::SEND_NOTIFICATION) || permissions.may(Permissions::SEND_BROADCAST);
    match (for_one, sends) {
        (true, true) => Err(Refusal::of_field(RefusalKind::BadBody, "permission", "a key for one device can't send: use at most 3")),
        (true, false) => Ok(KeyKind::Device),
        (false, true) => Ok(KeyKind::Site),
        (false, false) => Ok(KeyKind::Devices),
    }
}

/// Issues a key with some of the permissions of the caller's own.
pub(super) async fn issue(
    hub: &Data<Hub>,
    req: &HttpRequest,
    bits: u64,
    token: Option<&str>,
    device: Option<&str>,
) -> Result<PlainKey, Refusal> {
    let caller = push::caller(&hub.hall, request(req))?;
    push::may_enrol(&hub.hall, &caller)?;
    let permissions = Permissions::from_number(bits)
        .ok_or_else(|| Refusal::of_field(RefusalKind::BadBody, "permission", "use 1 to 15: a sum of 1, 2, 4 and 8"))?;
    let grant = caller.grant();
    // Only a site's own key makes others, and none that may more than itself.
    if grant.kind() != KeyKind::Site || !grant.permissions().may(permissions) {
        return Err(RefusalKind::MayNotIssue.into());
    }
    let kind = kind_of(permissions, token.is_some())?;
    let site = grant.site().id;
    hub.doors.accesskeys_of.take(&site).map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    let hash = token.map(|token| TokenHash::of(&hub.ring, token));
    if let (Some(token), Some(hash)) = (token, hash) {
        // What is not said of a device stays as it was.
        let known = hub.db.read(move |conn| match devices::id_of(conn, site, hash)? {
            Some(id) => devices::find(conn, site, id),
            None => Ok(None),
        });
        let known = known.await.map_err(|_| RefusalKind::Busy)?;
        let (platform, channel) = known.map_or(("fcm".to_owned(), "default".to_owned()), |device| (device.platform, device.channel));
        let device = device.filter(|device| !device.is_empty()).unwrap_or(&platform);
        push::enrol(&hub.hall, &caller, token, Told { device, channel: &channel, language: None }).await?;
    }
    let (ring, now) = (hub.ring.clone(), hub.clock.now());
    let issued = hub.db.write(move |tx| {
        let known = hash.map(|hash| devices::id_of(tx.conn(), site, hash)).transpose()?.flatten();
        let held = known.map(|id| devices::hold(tx.conn(), site, id)).transpose()?.flatten();
        let device = held.map(|device| device.id);
        let wanted = Wanted { kind, permissions, device, note: ", asked for with a key of the site" };
        keys::issue(tx, &ring, now, Actor::Hub, site, wanted)
    });
    issued.await.map(|(_, key)| key).map_err(|error| match error {
        KeyError::TooMany => RefusalKind::TooManyKeys.into(),
        KeyError::Fault(fault) => {
            tracing::warn!(error = %fault, "an access key could not be issued");
            RefusalKind::Busy.into()
        }
        KeyError::NotFor(_) => RefusalKind::SiteUnverified.into(),
        // Deleted in this moment.
        KeyError::NeedsDevice | KeyError::Unknown | KeyError::HasSuccessor => RefusalKind::UnknownDevice.into(),
    })
}
