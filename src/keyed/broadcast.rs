//! One message to all devices of the caller's site (`wire/airnotifier-server.md` 7).

use std::time::Duration;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{self, JSON};
use super::{body, request};
use crate::audit::Actor;
use crate::broadcasts::{self, BroadcastError, Draft, Wanted};
use crate::devices::AppName;
use crate::hub::Hub;
use crate::ids::BroadcastId;
use crate::push::{self, Refusal, RefusalKind};

/// Where it is told how far a broadcast has come.
const BROADCAST: &str = "Belfry-Broadcast";
/// How soon a site may try again whose other broadcasts are not over yet.
const AGAIN: Duration = Duration::from_secs(60);

/// `POST /api/v2/broadcast`: to the devices of the caller's site and of the app in the header, of nobody else. With `channel`
/// and `device` only to those that fit both; AirNotifier takes whatever fits either. The answer is AirNotifier's, and given
/// at once: a job does the sending, and two headers name it.
pub async fn start(hub: Data<Hub>, req: HttpRequest, payload: Payload) -> HttpResponse {
    match started(&hub, &req, payload).await {
        Ok(id) => HttpResponse::Accepted()
            .insert_header(JSON)
            .insert_header((LOCATION, format!("/api/v1/broadcasts/{id}")))
            .insert_header((BROADCAST, id.to_string()))
            .finish(),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}

async fn started(hub: &Data<Hub>, req: &HttpRequest, payload: Payload) -> Result<BroadcastId, Refusal> {
    let asked = request(req);
    let admitted = push::caller(&hub.hall, asked).and_then(|caller| {
        push::may_broadcast(&hub.hall, &caller)?;
        Ok(caller)
    });
    let caller = match admitted {
        Ok(caller) => caller,
        Err(refusal) => {
            body::discard(req, payload).await;
            return Err(refusal);
        }
    };
    let body = body::read(req, payload).await?;
    let draft = Draft::parse(&body).map_err(|bad| Refusal::of_field(RefusalKind::BadBody, bad.field, bad.words))?;
    draft.fits(hub.hall.payload_bytes).map_err(|words| Refusal::of_field(RefusalKind::PayloadTooLarge, "alert", words))?;
    let app = asked.app.and_then(AppName::parse).ok_or(RefusalKind::UnknownApp)?;
    let (ring, now, site) = (hub.ring.clone(), hub.clock.now(), caller.grant().site().id);
    hub.doors.broadcasts.take(&site).map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    let note = format!(", by the access key {}", caller.grant().key());
    let begun =
        hub.db.write(move |tx| broadcasts::start(tx, &ring, now, Actor::Hub, &Wanted { site, app: &app, draft: &draft, note: &note }));
    begun.await.map_err(not_started)
}

fn not_started(error: BroadcastError) -> Refusal {
    match error {
        BroadcastError::TooMany => {
            Refusal { retry_after: Some(AGAIN), ..Refusal::of_field(RefusalKind::TooFast, "site", error.to_string()) }
        }
        BroadcastError::Fault(fault) => {
            tracing::warn!(error = %fault, "a broadcast could not be started");
            Refusal::later(RefusalKind::Busy, Duration::from_secs(5))
        }
        // The site has left the hub in this moment.
        BroadcastError::Unknown | BroadcastError::Over => RefusalKind::SiteUnverified.into(),
    }
}
