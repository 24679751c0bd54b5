//! A Moodle asks for its access key (`wire/moodle-client.md` 3, `wire/airnotifier-server.md` 6).

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, JSON};
use super::{body, by_key, form, request};
use crate::db::Fault;
use crate::error::Error;
use crate::hub::Hub;
use crate::keys::{self, KeyError, PlainKey};
use crate::limits::Network;
use crate::push::{Refusal, RefusalKind};
use crate::registrations::{self, Siteid};
use crate::sites::{PushOff, Site, SiteError, SiteUrl};
use crate::web::filters;

/// What a Moodle sends. Its contact and its description are of no use here: they were told by registering.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    url: String,
    siteid: String,
    /// AirNotifier's bits: a site that has a key asks for another one, for itself, for all its devices or for one.
    permission: Option<u64>,
    /// The device that the key is for.
    token: Option<String>,
    /// Its platform.
    device: Option<String>,
}

/// `POST /accesskeys/`: a form, as Moodle sends it.
pub async fn create_v1(hub: Data<Hub>, req: HttpRequest, payload: Payload) -> HttpResponse {
    let asked = async {
        let form = form::read(&req, admitted(&hub, &req, payload).await?).await?;
        Ok(Asked { url: form.text("url").to_owned(), siteid: form.text("siteid").to_owned(), ..Asked::default() })
    };
    let asked = asked.await;
    granted(&hub, &req, asked).await
}

/// `POST /api/v2/accesskeys`: the same in JSON; with `permission`, a key for whoever holds a site's key already.
pub async fn create_v2(hub: Data<Hub>, req: HttpRequest, payload: Payload) -> HttpResponse {
    let asked = async {
        let body = admitted(&hub, &req, payload).await?;
        let bad = |words: String| Refusal::of_field(RefusalKind::BadBody, "body", words);
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(bad("a JSON object is expected".into()));
        }
        serde_json::from_slice(&body).map_err(|e| bad(format!("not the JSON object that is expected: {e}")))
    };
    let asked = asked.await;
    granted(&hub, &req, asked).await
}

/// The checks that need no body; of whoever they stop the body is not read.
async fn admitted(hub: &Hub, req: &HttpRequest, payload: Payload) -> Result<Bytes, Refusal> {
    let checked = async {
        let asked = request(req);
        let app = asked.app.filter(|app| !app.is_empty()).ok_or(RefusalKind::NoAppName)?;
        // Its value is not looked at: who asks has none yet, and Moodle says `none`.
        asked.key.ok_or(RefusalKind::NoAppKey)?;
        if !hub.hall.apps.contains_key(app) {
            return Err(Refusal::from(RefusalKind::UnknownApp));
        }
        let address = Network::from(hub.proxies.client(req));
        hub.doors.accesskeys.take(&address).map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))
    };
    match checked.await {
        Ok(()) => body::read(req, payload).await,
        Err(refusal) => {
            body::discard(req, payload).await;
            Err(refusal)
        }
    }
}

async fn granted(hub: &Data<Hub>, req: &HttpRequest, asked: Result<Asked, Refusal>) -> HttpResponse {
    let done = match asked {
        Ok(Asked { permission: Some(bits), token, device, .. }) => {
            by_key::issue(hub, req, bits, token.as_deref(), device.as_deref()).await.map_err(No::from)
        }
        Ok(asked) => grant(hub, req, &asked).await,
        Err(refusal) => Err(No::from(refusal)),
    };
    match done {
        Ok(key) => HttpResponse::Ok().insert_header(JSON).json(json!({"accesskey": key.expose_secret()})),
        Err(No { refusal, words: Some(words) }) => answer::refused_in(hub, &refusal, &words),
        Err(No { refusal, words: None }) => answer::refused(hub, &refusal),
    }
}

/// A refusal, and the words for it where the table's say too little: Moodle shows them to whoever debugs.
struct No {
    refusal: Box<Refusal>,
    words: Option<String>,
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self { refusal: Box::new(refusal), words: None }
    }
}

impl No {
    fn in_words(kind: RefusalKind, words: impl Into<String>) -> Self {
        Self { refusal: Box::new(kind.into()), words: Some(words.into()) }
    }
}

impl From<RefusalKind> for No {
    fn from(kind: RefusalKind) -> Self {
        Refusal::from(kind).into()
    }
}

impl From<Fault> for No {
    fn from(fault: Fault) -> Self {
        Error::from(fault).into()
    }
}

impl From<Error> for No {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(wait) => Refusal::later(RefusalKind::Busy, wait).into(),
            other => {
                tracing::error!(error = ?other, "an access key could not be issued");
                RefusalKind::Busy.into()
            }
        }
    }
}

async fn grant(hub: &Data<Hub>, req: &HttpRequest, asked: &Asked) -> Result<PlainKey, No> {
    let bad = |field: &'static str, words: String| No::from(Refusal::of_field(RefusalKind::BadBody, field, words));
    let url = SiteUrl::parse(&asked.url).map_err(|words| bad("url", words))?;
    // A Moodle that is registered nowhere sends the md5 of nothing: that is no fault of its body.
    let siteid = match Siteid::parse(&asked.siteid) {
        Ok(siteid) => siteid,
        Err(_) if asked.siteid.len() == 32 => return Err(not_registered(hub)),
        Err(words) => return Err(bad("siteid", words)),
    };
    let site = known(hub, url, siteid).await?.ok_or_else(|| not_registered(hub))?;
    let limited = |standing| No::from(Refusal::limited(RefusalKind::TooFast, standing));
    hub.doors.accesskeys_of.take(&site.id).map_err(limited)?;
    let site = hub.take_call_as_proof(site, hub.proxies.direct(req)).await?;
    may_ask(hub, &site)?;
    let (ring, now, id, overlap) = (hub.ring.clone(), hub.clock.now(), site.id, hub.rotation_overlap);
    let shared = hub.clone();
    let issued = hub.db.write(move |tx| {
        tx.alone()?;
        let another = !keys::requested(tx.conn(), id)?.is_empty();
        let issued = keys::issue_requested(tx, &ring, now, id, overlap)?;
        if another {
            registrations::tell_of_key(tx, shared.office(), now, &site, now + overlap).map_err(unsaid)?;
        }
        Ok(issued)
    });
    let issued = issued.await;
    match issued {
        Ok((key, plain)) => {
            tracing::info!(site.id = %id, key.id = %key, "a Moodle has got its access key");
            Ok(plain)
        }
        Err(KeyError::Fault(fault)) => Err(fault.into()),
        Err(KeyError::Unknown | KeyError::NeedsDevice | KeyError::HasSuccessor) => Err(not_registered(hub)),
        Err(KeyError::NotFor(_)) => Err(RefusalKind::SiteUnverified.into()),
        Err(KeyError::TooMany) => {
            let words = "This site has as many access keys as it may have: revoke one on its page";
            Err(No::in_words(RefusalKind::TooFast, words))
        }
    }
}

/// A letter that can't be written keeps the key from being issued.
fn unsaid(error: SiteError) -> KeyError {
    match error {
        SiteError::Fault(fault) => KeyError::Fault(fault),
        other => KeyError::Fault(Fault::Unreadable(other.to_string())),
    }
}

/// The site with this address and secret; else the one whose owner waits for its Moodle.
async fn known(hub: &Data<Hub>, url: SiteUrl, siteid: Siteid) -> Result<Option<Site>, No> {
    let (ring, asked, print) = (hub.ring.clone(), url.clone(), siteid.clone());
    if let Some(site) = hub.db.read(move |conn| registrations::by_siteid(conn, &ring, &asked, &print)).await? {
        return Ok(Some(site));
    }
    let (shared, now) = (hub.clone(), hub.clock.now());
    let paired = hub.db.write(move |tx| registrations::pair(tx, shared.office(), now, &url, &siteid));
    paired.await.map_err(|error: SiteError| Error::from(error).into())
}

/// "You must register your site …", as Moodle's documentation has it.
fn not_registered(hub: &Hub) -> No {
    let words = format!(
        "You must register your site with {} first: in Moodle, Site administration > General > Registration, with {} as the hub",
        hub.name,
        hub.public_url.as_str()
    );
    No::in_words(RefusalKind::NotRegistered, words)
}

/// Whether a known site may have a key now.
fn may_ask(hub: &Hub, site: &Site) -> Result<(), No> {
    let max_users = hub.max_users(site.id);
    match site.push_off(max_users) {
        // In the grace of a site that has grown its keys go on; it gets no other one.
        None if site.is_over(max_users) => over_limit(site, max_users),
        None => Ok(()),
        Some(PushOff::OverUserLimit) => over_limit(site, max_users),
        Some(PushOff::Suspended) => Err(Refusal::suspended(site.id).into()),
        Some(PushOff::Unverified) if site.held_since.is_some() => Err(RefusalKind::SiteHeld.into()),
        Some(PushOff::Unverified) => Err(RefusalKind::SiteUnverified.into()),
        Some(PushOff::OptedOut | PushOff::Staff) => Err(RefusalKind::PushDisabled.into()),
    }
}

fn over_limit(site: &Site, max_users: u64) -> Result<(), No> {
    let n = |number: u64| filters::with_commas(&number.to_string());
    let words = format!("The push server is limited to sites with fewer than {} users, and this one has {}", n(max_users), n(site.users()));
    Err(No::in_words(RefusalKind::OverUserLimit, words))
}
