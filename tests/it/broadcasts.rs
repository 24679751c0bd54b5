//! Broadcasts: asked for by a key and on the owner's page, sent by the job, which is also called by hand here. The hub's own
//! job runs beside it, at one device a second.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use belfry::audit::{self, Actor};
use belfry::broadcasts::{self, Broadcast, BroadcastError, BroadcastState, Wanted};
use belfry::db::Fault;
use belfry::db::schema::broadcasts as stored;
use belfry::devices::{self, AppName, Filter};
use belfry::gateways::{Connections, Tls};
use belfry::ids::{BroadcastId, LeaseId, SiteId};
use belfry::keys::KeyKind;
use diesel::prelude::*;
use serde_json::{Value, json};

use crate::support::{APP, TestHub, TestSite};

/// What stands in for the gateway: answers with `status`, and keeps what it has accepted.
#[derive(Default)]
pub struct Phones {
    status: Mutex<u16>,
    got: Mutex<Vec<Value>>,
}

impl Phones {
    /// The tokens of what has arrived, each as often as it has.
    pub fn tokens(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        let mut tokens: Vec<String> = got.iter().map(|push| push["token"].as_str().unwrap().to_owned()).collect();
        tokens.sort_unstable();
        tokens
    }
}

async fn deliver(phones: Data<Phones>, body: Bytes) -> HttpResponse {
    let status = *phones.status.lock().unwrap();
    if status == 202 {
        phones.got.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    }
    HttpResponse::build(StatusCode::from_u16(status).unwrap()).content_type("application/json").body("{}")
}

pub async fn phones(status: u16) -> (Data<Phones>, String) {
    let phones = Data::new(Phones { status: Mutex::new(status), ..Phones::default() });
    let shared = phones.clone();
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).route("/api/v2/push", web::post().to(deliver)))
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .bind("127.0.0.1:0")
        .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    (phones, url)
}

const SLOW: (&str, &str) = ("BELFRY_LIMITS__BROADCAST_PER_SECOND", "1");

/// The settings of a hub whose gateway is at `url`.
pub fn through(url: &str) -> [(&str, &str); 4] {
    [
        SLOW,
        ("BELFRY_APPS__COMMOODLEMOODLEMOBILE__GATEWAY", "airnotifier"),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__URL", url),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__ACCESS_KEY", "the-hubs-master-key"),
    ]
}

async fn enrol(site: &TestSite<'_>, token: &str, device: &str, channel: &str, language: Option<&str>) {
    let body = json!({"token": token, "device": device, "channel": channel, "language": language});
    let enrolled = site.call(Method::POST, "/api/v2/tokens", body.to_string()).await;
    assert_eq!(enrolled.status.as_u16(), 200, "{enrolled:?}");
}

/// Enrols so many devices, and gives their tokens in their order.
async fn enrol_many(site: &TestSite<'_>, count: usize) -> Vec<String> {
    let tokens: Vec<String> = (0..count).map(|n| format!("fcm-token-0123456789-{n:03}")).collect();
    for token in &tokens {
        enrol(site, token, "Android-fcm", "default", None).await;
    }
    tokens
}

async fn start(site: &TestSite<'_>, body: Value) -> BroadcastId {
    let answer = site.call(Method::POST, "/api/v2/broadcast", body.to_string()).await;
    assert_eq!((answer.said().as_str(), answer.body.as_str()), ("202", ""), "{answer:?}");
    answer.headers["belfry-broadcast"].parse().unwrap()
}

async fn found(hub: &TestHub, site: SiteId, id: BroadcastId) -> Broadcast {
    hub.hub.db.read(move |conn| broadcasts::find(conn, site, id)).await.unwrap().unwrap()
}

/// One turn of the job.
async fn turn(hub: &TestHub, pace: u32) -> usize {
    let connections = Connections::new(&Tls::load().unwrap());
    broadcasts::turn(&hub.hub.hall, &connections, &hub.hub.counts.worker(), NonZeroU32::new(pace).unwrap()).await.unwrap()
}

/// Turns until a broadcast is over.
async fn over(hub: &TestHub, site: SiteId, id: BroadcastId) -> Broadcast {
    for _ in 0..200 {
        turn(hub, 40).await;
        let broadcast = found(hub, site, id).await;
        if !broadcast.is_open() {
            return broadcast;
        }
        hub.clock.advance(Duration::from_secs(1));
    }
    panic!("it does not end: {:?}", found(hub, site, id).await)
}

/// What is kept of a broadcast's content.
async fn content(hub: &TestHub, id: BroadcastId) -> Option<Vec<u8>> {
    let read = hub.hub.db.read(move |conn| Ok::<_, Fault>(stored::table.find(id).select(stored::body_sealed).first(conn)?));
    read.await.unwrap()
}

#[actix_web::test]
async fn each_device_of_the_site_gets_it_once_and_nobody_elses_does() {
    let (phones, url) = phones(202).await;
    let hub = TestHub::with(&through(&url)).await;
    let (mine, yours) = (hub.active_site().await, hub.site("other@school.example", true).await);
    let tokens = enrol_many(&mine, 23).await;
    enrol(&yours, "somebody-elses-0123456789", "Android-fcm", "default", None).await;
    let (_, key) = hub.key(mine.id, KeyKind::Devices).await;
    assert_eq!(mine.call_with(&key, Method::POST, "/tokens/not-confirmed-0123456789", "").await.status.as_u16(), 200);

    let answer = mine.call(Method::POST, "/api/v2/broadcast/", json!({"alert": "To all"}).to_string()).await;
    assert_eq!((answer.said().as_str(), answer.body.as_str()), ("202", ""));
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    let id: BroadcastId = answer.headers["belfry-broadcast"].parse().unwrap();
    assert_eq!(answer.headers["location"], format!("/api/v1/broadcasts/{id}"));
    let sealed = content(&hub, id).await.unwrap();
    assert!(!sealed.windows(6).any(|some| some == b"To all"));
    enrol(&mine, "came-later-0123456789", "Android-fcm", "default", None).await;

    let done = over(&hub, mine.id, id).await;
    assert_eq!((done.state, done.total, done.sent, done.refused, done.begun), (BroadcastState::Done, 23, 23, 0, 23), "{done:?}");
    assert!(done.started_at.is_some() && done.why.is_none() && done.unknown() == 0);
    assert_eq!(phones.tokens(), tokens);
    assert_eq!(content(&hub, id).await, None, "what it said is erased");
    let (other, site) = (yours.id, mine.id);
    assert!(hub.hub.db.read(move |conn| broadcasts::find(conn, other, id)).await.unwrap().is_none());
    let entries = hub.hub.db.read(move |conn| audit::about_site(conn, site, 10)).await.unwrap();
    assert!(entries.iter().any(|entry| entry.reason.as_deref().is_some_and(|why| why.contains("to 23 devices"))));
    // It is listed for 90 days.
    let trim = |days: u64| {
        let at = hub.clock.now() + Duration::from_secs(days * 86_400);
        hub.hub.db.write(move |tx| broadcasts::trim(tx.conn(), at))
    };
    assert_eq!((trim(89).await.unwrap(), trim(91).await.unwrap()), (0, 1));
}

#[actix_web::test]
async fn it_is_said_in_each_devices_language_and_only_where_channel_and_platform_fit() {
    let (phones, url) = phones(202).await;
    let hub = TestHub::with(&through(&url)).await;
    let site = hub.active_site().await;
    enrol(&site, "english-0123456789", "Android-fcm", "news", Some("en")).await;
    enrol(&site, "mexican-0123456789", "iOS-fcm", "news", Some("es_mx")).await;
    enrol(&site, "unknown-0123456789", "Android-fcm", "default", None).await;

    let id = start(&site, json!({"alert": {"en": "Hello", "es": {"title": "Hola", "body": "a todos"}}})).await;
    assert_eq!(over(&hub, site.id, id).await.sent, 3);
    let mut said: Vec<(String, Value)> = Vec::new();
    for push in phones.got.lock().unwrap().iter() {
        said.push((push["token"].as_str().unwrap().to_owned(), push["alert"]["title"].clone()));
    }
    said.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let titles: Vec<&str> = said.iter().map(|(_, title)| title.as_str().unwrap()).collect();
    assert_eq!(titles, ["Hello", "Hola", "Hello"], "{said:?}");

    for (whom, total) in [
        (json!({"channel": "news"}), 2),
        (json!({"channel": ""}), 3),
        (json!({"device": "android-fcm"}), 2),
        (json!({"channel": "news", "device": "iOS-fcm"}), 1),
        (json!({"channel": "default", "device": "iOS-fcm"}), 0),
        (json!({"channel": "nobody"}), 0),
    ] {
        let mut body = whom.clone();
        body["alert"] = "x".into();
        let id = start(&site, body).await;
        let begun = found(&hub, site.id, id).await;
        assert_eq!(begun.total, total, "{whom}");
        assert_eq!(begun.state == BroadcastState::Done, total == 0, "{whom}: nobody is waited for");
        assert_eq!(over(&hub, site.id, id).await.sent, total, "{whom}");
    }
}

#[actix_web::test]
async fn what_can_not_be_sent_is_refused_at_once() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (_, devices) = hub.key(site.id, KeyKind::Devices).await;
    let refused = site.call_with(&devices, Method::POST, "/api/v2/broadcast", r#"{"alert":"x"}"#).await;
    assert_eq!(refused.said(), "403 may_not_broadcast");
    assert_eq!(refused.json()["error"], "No permission to send broadcast");
    let headers = [("X-AN-APP-NAME", "unknown"), ("X-AN-APP-KEY", site.key.as_str())];
    assert_eq!(hub.send(Method::POST, "/api/v2/broadcast", &headers, r#"{"alert":"x"}"#).await.said(), "400 unknown_app");
    let large = json!({"alert": {"title": "x", "body": "x".repeat(5_000)}}).to_string();
    for (body, wanted) in [
        ("", "400 invalid_body"),
        (r#"{"channel":"x"}"#, "400 invalid_body"),
        (r#"{"alert":{}}"#, "400 invalid_body"),
        (r#"{"alert":"x","device":"pigeon"}"#, "400 invalid_body"),
        (r#"{"alert":"x","channel":"\u0000"}"#, "400 invalid_body"),
        (large.as_str(), "413 payload_too_large"),
        (&" ".repeat(70_000), "413 body_too_large"),
    ] {
        assert_eq!(site.call(Method::POST, "/api/v2/broadcast", body).await.said(), wanted);
    }
    // Ten an hour, of those that could be read.
    for _ in 0..10 {
        start(&site, json!({"alert": "x"})).await;
    }
    let eleventh = site.call(Method::POST, "/api/v2/broadcast", r#"{"alert":"x"}"#).await;
    assert!(eleventh.said() == "429 rate_limited" && eleventh.headers.contains_key("retry-after"), "{eleventh:?}");
    hub.suspend(site.id).await;
    assert_eq!(site.call(Method::POST, "/api/v2/broadcast", r#"{"alert":"x"}"#).await.said(), "403 site_suspended");
}

#[actix_web::test]
async fn a_site_has_five_on_their_way_at_most() {
    let hub = TestHub::with(&[SLOW]).await;
    let site = hub.active_site().await;
    enrol_many(&site, 30).await;
    let first = start(&site, json!({"alert": "x"})).await;
    for _ in 0..4 {
        start(&site, json!({"alert": "x"})).await;
    }
    let sixth = site.call(Method::POST, "/api/v2/broadcast", r#"{"alert":"x"}"#).await;
    assert!(sixth.said() == "429 rate_limited" && sixth.headers.contains_key("retry-after"), "{sixth:?}");
    let (now, id) = (hub.clock.now(), site.id);
    hub.hub.db.write(move |tx| broadcasts::cancel(tx, now, Actor::Operator, id, first)).await.unwrap();
    start(&site, json!({"alert": "x"})).await;
}

#[actix_web::test]
async fn a_cancelled_one_goes_no_further() {
    let (phones, url) = phones(202).await;
    let hub = TestHub::with(&through(&url)).await;
    let site = hub.active_site().await;
    enrol_many(&site, 30).await;
    let id = start(&site, json!({"alert": "x"})).await;
    turn(&hub, 1).await;
    let mut owner = hub.person("active@school.example", None).await;
    let cancel = format!("/my/sites/{}/broadcasts/{id}/cancel", site.id);
    assert_eq!(owner.post(&cancel, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(owner.post(&cancel, &[]).await.status, StatusCode::CONFLICT);
    // What was on its way arrives.
    while found(&hub, site.id, id).await.unknown() > 0 {
        actix_web::rt::task::yield_now().await;
    }
    let arrived = phones.tokens().len();
    for _ in 0..5 {
        hub.clock.advance(Duration::from_secs(60));
        assert_eq!(turn(&hub, 40).await, 0);
    }
    let cancelled = found(&hub, site.id, id).await;
    assert_eq!(cancelled.state, BroadcastState::Cancelled);
    assert_eq!((cancelled.sent, cancelled.unknown()), (i64::try_from(arrived).unwrap(), 0), "{cancelled:?}");
    assert!((1..30).contains(&arrived) && phones.tokens().len() == arrived);
    assert_eq!(content(&hub, id).await, None);
}

/// A site on trial, or with a low limit, goes around nothing by a broadcast.
#[actix_web::test]
async fn it_goes_no_faster_than_the_site_may_push() {
    let hub = TestHub::with(&[SLOW, ("BELFRY_LIMITS__PUSH_PER_SECOND", "1")]).await;
    let site = hub.active_site().await;
    enrol_many(&site, 30).await;
    let id = start(&site, json!({"alert": "x"})).await;
    turn(&hub, 40).await;
    let slow = found(&hub, site.id, id).await;
    assert!((1..5).contains(&slow.begun), "{slow:?}");
}

/// A node is killed after it has said where it goes on, and before it has said what became of two devices.
#[actix_web::test]
async fn another_node_takes_it_up_and_sends_nothing_twice() {
    let (phones, url) = phones(202).await;
    let hub = TestHub::with(&through(&url)).await;
    let site = hub.active_site().await;
    enrol_many(&site, 12).await;
    let (ring, now, id) = (hub.hub.ring.clone(), hub.clock.now(), site.id);
    let read = hub.hub.db.read(move |conn| devices::sealed_after(conn, id, &Filter::default(), None, 100));
    let in_order = read.await.unwrap();
    let second = in_order[1].device.id;
    let begun = hub.hub.db.write(move |tx| {
        let (app, draft) = (AppName::parse(APP).unwrap(), broadcasts::parse(br#"{"alert":"x"}"#).unwrap());
        let wanted = Wanted { site: id, app: &app, draft: &draft, note: "" };
        let broadcast = broadcasts::start(tx, &ring, now, Actor::Operator, &wanted)?;
        let as_left = (
            stored::state.eq(BroadcastState::Running),
            stored::lease.eq(LeaseId::new(now)),
            stored::leased_until.eq(now + Duration::from_secs(30)),
            stored::after_id.eq(second),
            stored::begun.eq(2_i64),
        );
        diesel::update(stored::table.find(broadcast)).set(as_left).execute(tx.conn()).map_err(Fault::from)?;
        Ok::<_, BroadcastError>(broadcast)
    });
    let broadcast = begun.await.unwrap();
    assert_eq!(turn(&hub, 40).await, 0, "somebody else works on it");
    hub.clock.advance(Duration::from_secs(31));
    let done = over(&hub, site.id, broadcast).await;
    assert_eq!((done.state, done.total, done.sent, done.unknown()), (BroadcastState::Done, 12, 10, 2), "{done:?}");
    let mut rest: Vec<String> = in_order[2..].iter().map(|to| to.token(&hub.hub.ring).unwrap().expose().to_owned()).collect();
    rest.sort_unstable();
    assert_eq!(phones.tokens(), rest);
    let mut owner = hub.person("active@school.example", None).await;
    let page = owner.get(&format!("/my/sites/{}/broadcasts", site.id)).await;
    assert!(page.body.contains("10 sent, 0 refused, 2 not known, of 12"), "{}", page.body);
}

#[actix_web::test]
async fn two_nodes_share_the_work() {
    let (phones, url) = phones(202).await;
    let one = TestHub::with(&through(&url)).await;
    let site = one.active_site().await;
    let tokens = enrol_many(&site, 60).await;
    let two = one.again(&through(&url)).await;
    let id = start(&site, json!({"alert": "x"})).await;
    for _ in 0..200 {
        futures_util::future::join(turn(&one, 400), turn(&two, 400)).await;
        if !found(&one, site.id, id).await.is_open() {
            break;
        }
        for node in [&one, &two] {
            node.clock.advance(Duration::from_millis(20));
        }
    }
    let done = found(&one, site.id, id).await;
    assert_eq!((done.state, done.sent, done.refused, done.begun), (BroadcastState::Done, 60, 0, 60), "{done:?}");
    assert_eq!(phones.tokens(), tokens);
}

#[actix_web::test]
async fn a_used_up_quota_is_waited_for_and_nobody_is_lost() {
    let hub = TestHub::with(&[SLOW, ("BELFRY_LIMITS__PUSH_PER_DAY", "3")]).await;
    let site = hub.active_site().await;
    enrol_many(&site, 5).await;
    let id = start(&site, json!({"alert": "x"})).await;
    let mut waits = found(&hub, site.id, id).await;
    for _ in 0..50 {
        turn(&hub, 40).await;
        waits = found(&hub, site.id, id).await;
        if waits.why.is_some() {
            break;
        }
        hub.clock.advance(Duration::from_secs(1));
    }
    assert_eq!((waits.state, waits.sent, waits.refused, waits.begun), (BroadcastState::Running, 3, 0, 3), "{waits:?}");
    assert!(waits.why.unwrap().starts_with("Waits for tomorrow's quota"));
    assert_eq!(turn(&hub, 40).await, 0);
    hub.clock.advance(Duration::from_secs(86_400));
    let done = over(&hub, site.id, id).await;
    assert_eq!((done.state, done.sent, done.refused, done.begun), (BroadcastState::Done, 5, 0, 5), "{done:?}");
}

#[actix_web::test]
async fn a_gateway_that_stays_down_ends_it() {
    let (_phones, url) = phones(500).await;
    let hub = TestHub::with(&through(&url)).await;
    let site = hub.active_site().await;
    enrol_many(&site, 12).await;
    let id = start(&site, json!({"alert": "x"})).await;
    for _ in 0..60 {
        turn(&hub, 1).await;
        if !found(&hub, site.id, id).await.is_open() {
            break;
        }
        hub.clock.advance(Duration::from_secs(31));
    }
    let failed = found(&hub, site.id, id).await;
    assert_eq!((failed.state, failed.sent), (BroadcastState::Failed, 0), "{failed:?}");
    // The hub's own job turns too, and the clock runs past its lease: it may be at one more when it is over.
    assert!(failed.begun == failed.refused && (10..=11).contains(&failed.begun), "{failed:?}");
    assert!(failed.why.unwrap().contains("10 times in a row"));
    assert_eq!(content(&hub, id).await, None);
}

#[actix_web::test]
async fn a_site_that_is_suspended_meanwhile_sends_nothing_more() {
    let hub = TestHub::with(&[SLOW]).await;
    let site = hub.active_site().await;
    enrol_many(&site, 30).await;
    let id = start(&site, json!({"alert": "x"})).await;
    hub.suspend(site.id).await;
    let failed = over(&hub, site.id, id).await;
    assert_eq!((failed.state, failed.why.as_deref()), (BroadcastState::Failed, Some("The site was suspended.")));
    assert!(failed.begun < 30 && failed.ended_at.is_some());
}

#[actix_web::test]
async fn the_owner_starts_one_on_the_page_and_sees_how_far_it_is() {
    let (phones, url) = phones(202).await;
    let hub = TestHub::with(&through(&url)).await;
    let site = hub.active_site().await;
    enrol_many(&site, 30).await;
    let page = format!("/my/sites/{}/broadcasts", site.id);
    let mut owner = hub.person("active@school.example", None).await;
    let empty = owner.get(&page).await;
    assert!(empty.status == StatusCode::OK && empty.body.contains("No broadcast yet"));
    let untold = owner.post(&page, &[("title", "Down <tonight>"), ("text", " "), ("app", APP)]).await;
    assert_eq!(untold.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(untold.body.contains("Write what you want to say.") && untold.body.contains("Down &#60;tonight&#62;"), "{}", untold.body);
    let elsewhere = owner.post(&page, &[("title", "x"), ("text", "x"), ("app", "unknown")]).await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = owner.post(&page, &[("title", "Down tonight"), ("text", "From 22:00 on."), ("app", APP)]).await;
    assert_eq!((told.status, told.headers["location"].as_str()), (StatusCode::SEE_OTHER, page.as_str()));
    let shown = owner.get(&page).await;
    assert!(shown.body.contains("30 devices") && shown.body.contains("<progress max=\"30\"") && shown.body.contains("of 30"));
    assert!(!shown.body.contains("Down tonight"), "what is said is shown nowhere");

    let site_id = site.id;
    let listed = hub.hub.db.read(move |conn| broadcasts::page(conn, site_id, None, 10)).await.unwrap();
    let id = listed[0].id;
    assert_eq!(over(&hub, site.id, id).await.sent, 30);
    let shown = owner.get(&page).await;
    assert!(shown.body.contains("30 sent, 0 refused, of 30") && shown.body.contains("Done"), "{}", shown.body);
    let arrived = phones.got.lock().unwrap()[0].clone();
    assert_eq!((&arrived["alert"]["title"], &arrived["alert"]["body"]), (&json!("Down tonight"), &json!("From 22:00 on.")));
    // Without it, a tap would open a chat with nobody.
    assert_eq!(arrived["fcm"]["data"]["notif"], "1");

    let mut stranger = hub.person("stranger@school.example", None).await;
    assert_eq!(stranger.get(&page).await.status, StatusCode::NOT_FOUND);
    let theirs = stranger.post(&page, &[("title", "x"), ("text", "x"), ("app", APP)]).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.post(&format!("{page}/{id}/cancel"), &[]).await.status, StatusCode::NOT_FOUND);
    let other = hub.site("stranger@school.example", true).await;
    let by_another_site = format!("/my/sites/{}/broadcasts/{id}/cancel", other.id);
    assert_eq!(stranger.post(&by_another_site, &[]).await.status, StatusCode::NOT_FOUND);

    hub.suspend(site.id).await;
    let off = owner.get(&page).await;
    assert!(off.body.contains("No broadcast can be sent now.") && !off.body.contains("Send it to all devices"));
    let refused = owner.post(&page, &[("title", "x"), ("text", "x"), ("app", APP)]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
}
