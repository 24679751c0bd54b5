use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;

use super::sites::owned;
use super::views::{self, KeyRow, SiteHead};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{KeyId, SiteId};
use crate::keys::{self, KeyKind, Overlap, PlainKey, Rotation};
use crate::settings::MOODLE_APP;
use crate::sites::{Site, SiteState};
use crate::visit::{Owner, Posted};
use crate::web::{self, Fields, Opt, Page, Redirect, When, options};

#[derive(Template)]
#[template(path = "my/keys.html")]
struct KeysPage {
    page: Page,
    site: SiteHead,
    can_issue: bool,
    why_not: Option<String>,
    keys: Vec<KeyRow>,
    overlaps: Vec<Opt>,
    /// Its Moodle can ask for the key by itself.
    asks_itself: bool,
    server_url: String,
    port: String,
    app_name: String,
}

fn why_not(site: &Site) -> Option<String> {
    match site.state {
        _ if site.may_have_keys() => None,
        SiteState::Suspended => Some("This site is suspended: no key is issued until the hub's team lifts that.".into()),
        _ => Some("Keys are issued once it is proved that this site is yours: see Verify.".into()),
    }
}

/// `GET /my/sites/{site}/keys`
pub async fn index(hub: Data<Hub>, owner: Owner, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    let (account, id) = (owner.account.id, site.into_inner());
    let read = hub.db.read(move |conn| Ok::<_, Error>((owned(conn, account, id)?, views::keys_of(conn, id)?)));
    let (site, keys) = read.await?;
    let why_not = why_not(&site);
    let page = KeysPage {
        page: owner.visit.page(&hub),
        site: SiteHead::new(&site, hub.max_users(site.id)),
        can_issue: why_not.is_none(),
        why_not,
        keys: views::key_rows(&keys, &hub),
        overlaps: overlaps(&hub),
        asks_itself: site.called_at.is_some(),
        server_url: hub.public_url.scheme_and_host(),
        port: hub.public_url.port_or_default().to_string(),
        app_name: main_app(&hub),
    };
    web::html(StatusCode::OK, &page)
}

#[derive(Template)]
#[template(path = "my/key_new.html")]
struct NewKeyPage {
    page: Page,
    site: SiteHead,
    kind: String,
    key: String,
    server_url: String,
    port: String,
    app_name: String,
    other_apps: Vec<String>,
    curl_enrol: String,
    curl_push: String,
    /// Of a rotation: the predecessor, and until when it works; none: it has ended.
    instead_of: Option<String>,
    until: Option<When>,
}

/// The page that shows a key, once.
fn new_key(
    hub: &Hub,
    owner: &Owner,
    site: &Site,
    kind: KeyKind,
    key: &PlainKey,
    rotated: Option<(String, Timestamp)>,
) -> Result<HttpResponse, Error> {
    let app_name = main_app(hub);
    let other_apps = hub.hall.apps.keys().filter(|name| **name != app_name).cloned().collect();
    let (curl_enrol, curl_push) = trial_commands(hub, &app_name, key.expose_secret());
    let now = hub.clock.now();
    let page = NewKeyPage {
        page: owner.visit.page(hub),
        site: SiteHead::new(site, hub.max_users(site.id)),
        kind: kind.as_str().to_owned(),
        key: key.expose_secret().to_owned(),
        server_url: hub.public_url.scheme_and_host(),
        port: hub.public_url.port_or_default().to_string(),
        app_name,
        other_apps,
        curl_enrol,
        curl_push,
        until: rotated.as_ref().filter(|(_, end)| *end > now).map(|(_, end)| (*end).into()),
        instead_of: rotated.map(|(prefix, _)| prefix),
    };
    web::html(StatusCode::CREATED, &page)
}

/// `POST /my/sites/{site}/keys`: the answer shows the key, once.
pub async fn issue(hub: Data<Hub>, owner: Owner, site: Path<SiteId>, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    let kind: KeyKind = fields.text("kind").parse().map_err(|_| Error::field("kind", "Choose site or devices."))?;
    let (account, id, now, ring) = (owner.account.id, site.into_inner(), hub.clock.now(), hub.ring.clone());
    let by = owner.actor();
    let issued = hub.db.write(move |tx| {
        let site = owned(tx.conn(), account, id)?;
        let (_, key) = keys::issue(tx, &ring, now, by, id, kind)?;
        Ok::<_, Error>((site, key))
    });
    let (site, key) = issued.await?;
    new_key(&hub, &owner, &site, kind, &key, None)
}

/// `POST /my/sites/{site}/keys/{key}/rotate`: a successor at once; the key itself works for `overlap` more. The answer
/// shows the successor, once.
pub async fn rotate(hub: Data<Hub>, owner: Owner, path: Path<(SiteId, KeyId)>, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    let (account, (id, key), now, ring) = (owner.account.id, path.into_inner(), hub.clock.now(), hub.ring.clone());
    let by = owner.actor();
    let overlap = overlap(&hub, &fields)?;
    let rotated = hub.db.write(move |tx| {
        let site = owned(tx.conn(), account, id)?;
        let old = keys::find(tx.conn(), id, key)?.ok_or(Error::NotFound)?;
        let rotation = Rotation { key, overlap, note: "" };
        let rotated = keys::rotate(tx, &ring, now, by, id, &rotation)?;
        Ok::<_, Error>((site, old, rotated))
    });
    let (site, old, rotated) = rotated.await?;
    new_key(&hub, &owner, &site, old.kind, &rotated.key, Some((format!("{}…", old.prefix), rotated.predecessor_ends_at)))
}

/// For how long the two keys work beside each other: what was chosen, or what the hub has set.
pub fn overlap(hub: &Hub, fields: &Fields) -> Result<Duration, Error> {
    match fields.given("overlap").map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(hub.rotation_overlap),
        Some(text) => Overlap::parse(text).map(|overlap| overlap.0).map_err(|words| Error::field("overlap", words)),
    }
}

/// The overlaps that pages offer: the hub's own first.
pub fn overlaps(hub: &Hub) -> Vec<Opt> {
    let own = match hub.rotation_overlap.as_secs() {
        0 => None,
        seconds if seconds % 86_400 == 0 && seconds > 86_400 => Some(format!("{} days, as the hub has it", seconds / 86_400)),
        seconds if seconds >= 7_200 => Some(format!("{} hours, as the hub has it", seconds / 3_600)),
        seconds => Some(format!("{} minutes, as the hub has it", seconds.div_ceil(60))),
    };
    let own = own.as_deref().map(|words| ("", words));
    options(own.into_iter().chain([("1h", "an hour"), ("1d", "a day"), ("30d", "30 days"), ("0", "not at all: it ends now")]), "")
}

/// Moodle's own app, where it is served: most sites want that one.
fn main_app(hub: &Hub) -> String {
    let apps = &hub.hall.apps;
    apps.keys().find(|name| *name == MOODLE_APP).or(apps.keys().next()).cloned().unwrap_or_default()
}

/// Commands that enrol a made-up device and push to it, to see that the key works.
fn trial_commands(hub: &Hub, app: &str, key: &str) -> (String, String) {
    let token = "trial-device-0123456789abcdef";
    let headers = format!("-H 'X-AN-APP-NAME: {app}' -H 'X-AN-APP-KEY: {key}'");
    let enrol = format!("curl -X POST '{}' \\\n  {headers} \\\n  -F device=Android-fcm", hub.public_url.join(&format!("/tokens/{token}")));
    let extra = r#"{"processor":"moodle","component":"moodle","name":"instantmessage","notification":1,"subject":"Hello","smallmessage":"It works."}"#;
    let push = format!(
        "curl -i -X POST '{}' \\\n  {headers} \\\n  -H 'Content-Type: application/json' \\\n  -d '{{\"device\":\"Android-fcm\",\"token\":\"{token}\",\"extra\":{extra}}}'",
        hub.public_url.join("/api/v2/push")
    );
    (enrol, push)
}

/// `POST /my/sites/{site}/keys/{key}/revoke`
pub async fn revoke(hub: Data<Hub>, owner: Owner, path: Path<(SiteId, KeyId)>, _: Posted) -> Result<Redirect, Error> {
    let (account, (id, key), now) = (owner.account.id, path.into_inner(), hub.clock.now());
    let by = owner.actor();
    let revoked = hub.db.write(move |tx| {
        owned(tx.conn(), account, id)?;
        Ok::<_, Error>(keys::revoke(tx, now, by, id, key, "")?)
    });
    revoked.await?;
    Ok(Redirect::to(format!("/my/sites/{id}/keys")).flash("ok", "The key is revoked: from now on it is refused everywhere."))
}
