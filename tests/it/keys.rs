//! A key's life after it was issued: rotation, its end, who hears of it, leaks, and keys of one device.

use std::time::Duration;

use actix_web::http::Method;
use belfry::accounts::Role;
use belfry::app;
use belfry::audit::Actor;
use belfry::devices::{self, TokenHash};
use belfry::error::Error;
use belfry::ids::KeyId;
use belfry::keys::{self, KeyKind, Permissions, Rotation, Wanted};

use crate::support::{Answer, TestHub, TestSite, moodle_push};

const TOKEN: &str = "fcm:APA91b-0123456789";
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

impl TestSite<'_> {
    async fn push_by(&self, key: &str) -> String {
        self.call_with(key, Method::POST, "/api/v2/push/", moodle_push(TOKEN)).await.said()
    }

    async fn key_id(&self, key: &str) -> KeyId {
        let (site, prefix) = (self.id, key.chars().take(15).collect::<String>());
        let all = self.hub.hub.db.read(move |conn| keys::page(conn, site, None, 100)).await.unwrap();
        all.iter().find(|key| key.prefix == prefix).unwrap().id
    }

    /// Gives the successor's id and the key itself.
    async fn rotate(&self, key: KeyId, overlap: Duration) -> (KeyId, String) {
        let (ring, now, site) = (self.hub.hub.ring.clone(), self.hub.clock.now(), self.id);
        let rotated = self.hub.hub.db.write(move |tx| {
            keys::rotate(tx, &ring, now, Actor::Operator, site, &Rotation { key, overlap, note: "" }).map_err(Error::from)
        });
        let rotated = rotated.await.unwrap();
        (rotated.id, rotated.key.expose_secret().to_owned())
    }

    /// A key for one device, which is enrolled for it.
    async fn device_key(&self, token: &str) -> String {
        assert_eq!(self.enrol(token).await.status.as_u16(), 200);
        let (ring, now, site) = (self.hub.hub.ring.clone(), self.hub.clock.now(), self.id);
        let hash = TokenHash::of(&ring, token);
        let issued = self.hub.hub.db.write(move |tx| {
            let device = devices::id_of(tx.conn(), site, hash)?;
            let wanted = Wanted { device, permissions: Permissions::of(KeyKind::Device), kind: KeyKind::Device, note: "" };
            keys::issue(tx, &ring, now, Actor::Operator, site, wanted).map_err(Error::from)
        });
        issued.await.unwrap().1.expose_secret().to_owned()
    }
}

/// Whatever is due of the jobs of all nodes runs now.
async fn run(hub: &TestHub, name: &str) {
    let chore = app::CHORES.iter().find(|chore| chore.name == name).unwrap();
    hub.clock.advance(chore.every + Duration::from_secs(61));
    while !app::run_if_due(&hub.hub, chore).await.unwrap() {
        hub.clock.advance(chore.every);
    }
}

fn shown_key(page: &Answer) -> String {
    page.body.split("id=\"key\" value=\"").nth(1).unwrap_or_else(|| panic!("{page:?}")).split('"').next().unwrap().to_owned()
}

#[actix_web::test]
async fn a_rotated_key_works_until_its_overlap_ends() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let id = site.key_id(&site.key).await;
    let mut owner = hub.person("active@school.example", None).await;
    let page = owner.post(&format!("/my/sites/{}/keys/{id}/rotate", site.id), &[("overlap", "7d")]).await;
    assert_eq!(page.status.as_u16(), 201);
    assert!(page.body.contains("It takes the place of"), "{}", page.body);
    let new = shown_key(&page);
    assert!(new.starts_with("belfry_s_") && new != site.key);
    assert_eq!((site.push_by(&site.key).await.as_str(), site.push_by(&new).await.as_str()), ("202", "202"));
    // Only one successor.
    let again = owner.post(&format!("/my/sites/{}/keys/{id}/rotate", site.id), &[]).await;
    assert_eq!(again.status.as_u16(), 409);
    hub.clock.advance(DAY * 7 - Duration::from_secs(1));
    assert_eq!(site.push_by(&site.key).await, "202");
    hub.clock.advance(Duration::from_secs(1));
    assert_eq!((site.push_by(&site.key).await.as_str(), site.push_by(&new).await.as_str()), ("400 key_expired", "202"));
    // A login does not last that long.
    let mut owner = hub.person("active@school.example", None).await;
    let list = owner.get(&format!("/my/sites/{}/keys", site.id)).await.body;
    assert!(list.contains("Ended") && list.contains("Rotate"), "{list}");
}

#[actix_web::test]
async fn an_overlap_of_nothing_ends_the_old_key_at_once() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let id = site.key_id(&site.key).await;
    let mut owner = hub.person("active@school.example", None).await;
    let at = format!("/my/sites/{}/keys/{id}/rotate", site.id);
    for wrong in ["soon", "-1", "91d"] {
        let answer = owner.post(&at, &[("overlap", wrong)]).await;
        assert_eq!(answer.status.as_u16(), 422, "{wrong}");
        assert!(answer.body.contains("overlap"), "{}", answer.body);
    }
    let page = owner.post(&at, &[("overlap", "0")]).await;
    assert!(page.body.contains("which has ended"), "{}", page.body);
    assert_eq!(site.push_by(&site.key).await, "400 key_expired");
    assert_eq!(site.push_by(&shown_key(&page)).await, "202");
    // Somebody else's key is none that there is.
    let mut stranger = hub.person("eve@elsewhere.example", None).await;
    assert_eq!(stranger.post(&at, &[]).await.status.as_u16(), 404);
}

/// The promise of a rotation: who changes keys in time is never refused, whatever the load.
#[actix_web::test]
async fn no_push_is_refused_while_a_key_is_rotated_under_load_and_the_old_one_ends() {
    let more = [
        ("BELFRY_LIMITS__PUSH_PER_SECOND", "1000000"),
        ("BELFRY_LIMITS__PUSH_BURST", "1000000"),
        ("BELFRY_LIMITS__PUSH_PER_DEVICE_PER_MINUTE", "1000000"),
    ];
    let hub = TestHub::with(&more).await;
    let site = hub.active_site().await;
    let mut key = site.key.clone();
    assert_eq!(site.push_by(&key).await, "202");
    let done = std::cell::Cell::new(false);
    let using = std::cell::RefCell::new(key.clone());
    // Four callers, each with the key that is the right one at the time.
    let callers = (0..4).map(|_| async {
        let mut pushed = 0_u64;
        while !done.get() {
            let key = using.borrow().clone();
            assert_eq!(site.push_by(&key).await, "202");
            pushed += 1;
        }
        pushed
    });
    let rotating = async {
        for _ in 0..5 {
            let id = site.key_id(&key).await;
            let (_, new) = site.rotate(id, DAY).await;
            // Some go on with the old one for most of the overlap.
            hub.clock.advance(DAY - HOUR);
            actix_web::rt::task::yield_now().await;
            assert_eq!(site.push_by(&key).await, "202");
            using.replace(new.clone());
            // What has begun with the old key is through before it ends.
            for _ in 0..8 {
                assert_eq!(site.push_by(&new).await, "202");
            }
            hub.clock.advance(HOUR);
            assert_eq!(site.push_by(&key).await, "400 key_expired");
            key = new;
        }
        done.set(true);
    };
    let (pushed, ()) = futures_util::join!(futures_util::future::join_all(callers), rotating);
    assert!(pushed.iter().sum::<u64>() > 20, "{pushed:?}");
}

#[actix_web::test]
async fn who_still_uses_a_rotated_key_shortly_before_its_end_is_mailed_once() {
    let hub = TestHub::start().await;
    let (used, unused) = (hub.active_site().await, hub.site("second@school.example", true).await);
    for site in [&used, &unused] {
        assert_eq!(site.push_by(&site.key).await, "202");
        site.rotate(site.key_id(&site.key).await, DAY * 7).await;
    }
    // One has put the new key in place on the third day.
    hub.clock.advance(DAY * 3);
    assert_eq!(unused.push_by(&unused.key).await, "202");
    hub.clock.advance(DAY * 2);
    assert_eq!(used.push_by(&used.key).await, "202");
    run(&hub, "keys").await;
    assert_eq!(hub.letters("key_ending").await, 0);
    hub.clock.advance(DAY);
    assert_eq!(used.push_by(&used.key).await, "202");
    run(&hub, "keys").await;
    run(&hub, "keys").await;
    assert_eq!(hub.letters("key_ending").await, 1);
    let letter = hub.letter("key_ending").await.unwrap();
    assert!(letter.contains(&used.key[..15]) && letter.contains("Last used from: 127.0.0.0/24"), "{letter}");
}

#[actix_web::test]
async fn the_owner_of_an_old_key_in_use_is_reminded_now_and_then() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    hub.key(site.id, KeyKind::Devices).await;
    assert_eq!(site.push_by(&site.key).await, "202");
    hub.clock.advance(DAY * 364);
    assert_eq!(site.push_by(&site.key).await, "202");
    run(&hub, "keys").await;
    assert_eq!(hub.letters("key_old").await, 0);
    hub.clock.advance(DAY);
    run(&hub, "keys").await;
    run(&hub, "keys").await;
    // The one that nobody uses is no matter.
    assert_eq!(hub.letters("key_old").await, 1);
    // Nor one that is not used any more.
    hub.clock.advance(DAY * 91);
    run(&hub, "keys").await;
    assert_eq!(hub.letters("key_old").await, 1);
    assert_eq!(site.push_by(&site.key).await, "202");
    run(&hub, "keys").await;
    assert_eq!(hub.letters("key_old").await, 2);
}

#[actix_web::test]
async fn a_leaked_key_is_revoked_and_its_owner_told_and_the_finder_learns_nothing() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut finder = hub.browser();
    let page = finder.get("/leaked-key").await;
    assert_eq!(page.status.as_u16(), 200);
    let empty = finder.post("/leaked-key", &[("key", " ")]).await;
    assert_eq!(empty.status.as_u16(), 422);
    let mut mistyped = site.key.clone();
    mistyped.replace_range(20..21, if &site.key[20..21] == "A" { "B" } else { "A" });
    let wrong = finder.post("/leaked-key", &[("key", &mistyped)]).await;
    assert_eq!(site.push_by(&site.key).await, "202");
    let right = finder.post("/leaked-key", &[("key", &format!(" {}\n", site.key)), ("place", "https://code.example/config.php")]).await;
    let plain = |answer: &Answer| answer.body.split("<main").nth(1).unwrap().to_owned();
    assert_eq!(plain(&wrong), plain(&right));
    assert!(!right.body.contains(&site.key));
    assert_eq!(site.push_by(&site.key).await, "400 key_revoked");
    let letter = hub.letter("key_leaked").await.unwrap();
    assert!(letter.contains("https://code.example/config.php") && letter.contains(&site.key[..15]), "{letter}");
    // Once.
    finder.post("/leaked-key", &[("key", &site.key)]).await;
    assert_eq!(hub.letters("key_leaked").await, 1);
}

#[actix_web::test]
async fn a_device_key_is_good_for_its_device_alone_and_gone_with_it() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let key = site.device_key(TOKEN).await;
    assert!(key.starts_with("belfry_d_"));
    let own = site.call_with(&key, Method::POST, &format!("/tokens/{TOKEN}"), "").await;
    assert_eq!((own.status.as_u16(), own.body.as_str()), (200, r#"{"status":"token exists"}"#));
    assert_eq!(site.call_with(&key, Method::POST, "/tokens/another-token-0123456789", "").await.said(), "403 other_device");
    site.enrol("another-token-0123456789").await;
    assert_eq!(site.call_with(&key, Method::DELETE, "/tokens/another-token-0123456789", "").await.said(), "403 other_device");
    assert_eq!(site.push_by(&key).await, "403 may_not_send");
    // The same token enrolled for another site is another device.
    let other = hub.site("second@school.example", true).await;
    other.enrol(TOKEN).await;
    assert_eq!(site.call_with(&key, Method::DELETE, &format!("/tokens/{TOKEN}"), "").await.status.as_u16(), 200);
    assert_eq!(site.call_with(&key, Method::POST, &format!("/tokens/{TOKEN}"), "").await.said(), "400 key_revoked");
    assert_eq!(other.push(TOKEN).await.said(), "202");
}

#[actix_web::test]
async fn the_team_rotates_and_revokes_with_a_reason() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let id = site.key_id(&site.key).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let at = format!("/staff/sites/{}/keys/{id}", site.id);
    let unreasoned = team.post(&format!("{at}/revoke"), &[("reason", "")]).await;
    assert_eq!(unreasoned.status.as_u16(), 422);
    assert!(unreasoned.body.contains(&format!("reason-key-{id}-error")), "{}", unreasoned.body);
    let page = team.post(&format!("{at}/rotate"), &[("reason", "Its admin has called"), ("overlap", "1h")]).await;
    assert_eq!(page.status.as_u16(), 201);
    let new = shown_key(&page);
    assert_eq!((site.push_by(&site.key).await.as_str(), site.push_by(&new).await.as_str()), ("202", "202"));
    let revoked = team.post(&format!("{at}/revoke"), &[("reason", "Found in a paste")]).await;
    assert_eq!(revoked.status.as_u16(), 303);
    assert_eq!((site.push_by(&site.key).await.as_str(), site.push_by(&new).await.as_str()), ("400 key_revoked", "202"));
    assert!(hub.letter("key_revoked").await.unwrap().contains("> Found in a paste"));
    let page = team.get(&format!("/staff/sites/{}", site.id)).await.body;
    assert!(page.contains("Its admin has called") && page.contains("Found in a paste"), "{page}");
    let mut reader = hub.person("reader@hub.example", Some(Role::Analyst)).await;
    assert_eq!(reader.post(&format!("{at}/revoke"), &[("reason", "x")]).await.status.as_u16(), 403);
}

#[actix_web::test]
async fn how_often_and_from_where_a_key_is_used_is_written_now_and_then() {
    let hub = TestHub::with(&[("BELFRY_SERVER__TRUSTED_PROXIES", "127.0.0.1")]).await;
    let site = hub.active_site().await;
    let headers = [("X-AN-APP-NAME", crate::support::APP), ("X-AN-APP-KEY", site.key.as_str()), ("X-Forwarded-For", "2001:db8:1:2::3")];
    for _ in 0..3 {
        assert_eq!(hub.send(Method::POST, "/api/v2/push/", &headers, moodle_push(TOKEN)).await.said(), "202");
    }
    // What could not be written is not lost, and a change of the key forgets nothing.
    let uses = hub.hub.hall.table.take_uses();
    hub.hub.hall.table.give_back(&uses);
    site.rotate(site.key_id(&site.key).await, DAY).await;
    run(&hub, "keys").await;
    let mut owner = hub.person("active@school.example", None).await;
    let page = owner.get(&format!("/my/sites/{}/keys", site.id)).await.body;
    assert!(page.contains("3 times, last from 2001:db8:1::/48"), "{page}");
}

/// A job of all nodes runs on one of them, and its failure is seen.
#[actix_web::test]
async fn a_job_of_all_nodes_runs_once_and_the_team_sees_when() {
    let one = TestHub::start().await;
    let two = one.second().await;
    let chore = app::CHORES.iter().find(|chore| chore.name == "devices").unwrap();
    for hub in [&one, &two] {
        hub.clock.advance(chore.every * 2);
    }
    let (first, second) = futures_util::join!(app::run_if_due(&one.hub, chore), app::run_if_due(&two.hub, chore));
    assert!(first.unwrap() != second.unwrap() || !app::run_if_due(&one.hub, chore).await.unwrap());
    let mut team = one.person("mentor@hub.example", Some(Role::Analyst)).await;
    let page = team.get("/staff/jobs").await.body;
    for name in ["devices", "keys", "tidying", "user limit", "changes", "outbox"] {
        assert!(page.contains(&format!("<th scope=\"row\">{name}</th>")), "{name}: {page}");
    }
}

/// A device that enrolled itself, one that a gateway said is gone, one that was not seen for long: each has its time.
#[actix_web::test]
async fn devices_disappear_by_themselves() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__PUSH_PER_DEVICE_PER_MINUTE", "1000")]).await;
    let site = hub.active_site().await;
    let (_, devices_key) = hub.key(site.id, KeyKind::Devices).await;
    let (count, id) = (|site| hub.hub.db.read(move |conn| devices::count(conn, site)), site.id);
    let enrol = |token: &'static str| site.call_with(&devices_key, Method::POST, token, "");
    assert_eq!(enrol("/tokens/self-enrolled-0123456789").await.status.as_u16(), 200);
    assert_eq!(enrol("/tokens/confirmed-by-push-0123456789").await.status.as_u16(), 200);
    assert_eq!(site.push("confirmed-by-push-0123456789").await.said(), "202");
    assert_eq!(site.enrol("enrolled-by-site-0123456789").await.status.as_u16(), 200);
    run(&hub, "devices").await;
    assert_eq!(count(id).await.unwrap(), 2);
    // Gone by a gateway's word: it answers 404 at once for 30 days, then it is forgotten.
    let (now, hash) = (hub.clock.now(), TokenHash::of(&hub.hub.ring, "enrolled-by-site-0123456789"));
    let marked = hub.hub.db.write(move |tx| {
        let device = devices::id_of(tx.conn(), id, hash)?.unwrap();
        devices::mark_unregistered(tx, now, device, now)
    });
    marked.await.unwrap();
    assert_eq!(site.push("enrolled-by-site-0123456789").await.said(), "404 unregistered_token");
    hub.clock.advance(DAY * 29);
    run(&hub, "devices").await;
    assert_eq!(count(id).await.unwrap(), 2);
    hub.clock.advance(DAY);
    run(&hub, "devices").await;
    assert_eq!(count(id).await.unwrap(), 1);
    // Pushes that arrive keep a device alive.
    for _ in 0..3 {
        hub.clock.advance(DAY * 100);
        assert_eq!(site.push("confirmed-by-push-0123456789").await.said(), "202");
        hub.hub.hall.seen.flush(&hub.hub.db).await.unwrap();
        run(&hub, "devices").await;
        assert_eq!(count(id).await.unwrap(), 1);
    }
    hub.clock.advance(DAY * 181);
    run(&hub, "devices").await;
    assert_eq!(count(id).await.unwrap(), 0);
}

#[actix_web::test]
async fn a_site_that_the_team_binds_strictly_can_not_push_to_what_it_has_not_enrolled() {
    let hub = TestHub::start().await;
    let (bound, free) = (hub.active_site().await, hub.site("second@school.example", true).await);
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let at = format!("/staff/sites/{}/binding", bound.id);
    assert_eq!(team.post(&at, &[("binding", "loose"), ("reason", "x")]).await.status.as_u16(), 422);
    assert_eq!(team.post(&at, &[("binding", "strict"), ("reason", "Pushes to made-up tokens")]).await.status.as_u16(), 303);
    assert_eq!(bound.push(TOKEN).await.said(), "400 unknown_token");
    assert_eq!(free.push(TOKEN).await.said(), "202");
    bound.enrol(TOKEN).await;
    assert_eq!(bound.push(TOKEN).await.said(), "202");
    team.post(&at, &[("binding", ""), ("reason", "Mended")]).await;
    assert_eq!(bound.push("fcm:APA91b-another-token").await.said(), "202");
}

/// `wire/airnotifier-server.md` 2: 1 create, 2 delete, 4 send, 8 broadcast.
#[actix_web::test]
async fn a_site_issues_keys_by_airnotifiers_permission_bits() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let ask = |key: String, body: serde_json::Value| {
        let site = &site;
        async move { site.call_with(&key, Method::POST, "/api/v2/accesskeys", body.to_string()).await }
    };
    let given = |answer: &Answer| answer.json()["accesskey"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
    let sender = given(&ask(site.key.clone(), serde_json::json!({"permission": 4})).await);
    assert!(sender.starts_with("belfry_s_"));
    site.enrol(TOKEN).await;
    assert_eq!(site.push_by(&sender).await, "202");
    assert_eq!(site.call_with(&sender, Method::POST, "/tokens/another-token-0123456789", "").await.said(), "403 may_not_create");
    let devices = given(&ask(site.key.clone(), serde_json::json!({"permission": 1})).await);
    assert!(devices.starts_with("belfry_c_"));
    let own =
        given(&ask(site.key.clone(), serde_json::json!({"permission": 3, "token": "one-phone-0123456789", "device": "ios-fcm"})).await);
    assert!(own.starts_with("belfry_d_"));
    assert_eq!(site.call_with(&own, Method::POST, "/tokens/one-phone-0123456789", "").await.status.as_u16(), 200);
    assert_eq!(site.call_with(&own, Method::POST, &format!("/tokens/{TOKEN}"), "").await.said(), "403 other_device");
    // Nothing more than one has oneself, and only for a site's own key.
    assert_eq!(ask(sender, serde_json::json!({"permission": 15})).await.said(), "403 may_not_create");
    assert_eq!(ask(devices, serde_json::json!({"permission": 1})).await.said(), "403 may_not_issue");
    for (body, said) in [
        (serde_json::json!({"permission": 0}), "400 invalid_body"),
        (serde_json::json!({"permission": 16}), "400 invalid_body"),
        (serde_json::json!({"permission": 4, "token": TOKEN}), "400 invalid_body"),
        (serde_json::json!({"permission": 3, "token": ""}), "400 invalid_token"),
        (serde_json::json!({"permission": "all"}), "400 invalid_body"),
    ] {
        assert_eq!(ask(site.key.clone(), body.clone()).await.said(), said, "{body}");
    }
    assert_eq!(ask("none".into(), serde_json::json!({"permission": 1})).await.said(), "400 malformed_key");
}

/// A leaked phone keeps nobody from enrolling.
#[actix_web::test]
async fn a_device_key_uses_up_nothing_of_its_site() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__ENROL_BURST", "5"), ("BELFRY_LIMITS__ENROL_PER_SECOND", "1")]).await;
    let site = hub.active_site().await;
    let key = site.device_key(TOKEN).await;
    for number in 0..10 {
        site.call_with(&key, Method::DELETE, &format!("/tokens/made-up-token-{number}-0123456789"), "").await;
        site.call_with(&key, Method::POST, &format!("/tokens/made-up-token-{number}-0123456789"), "").await;
    }
    assert_eq!(site.call_with(&key, Method::POST, &format!("/tokens/{TOKEN}"), "").await.said(), "429 rate_limited");
    assert_eq!(site.enrol("the-sites-own-0123456789").await.status.as_u16(), 200);
}

/// Staleness that is switched off, and one that is shorter than a day.
#[actix_web::test]
async fn staleness_is_as_it_is_set() {
    for (after, left) in [("0", 1), ("8h", 1)] {
        let hub = TestHub::with(&[("BELFRY_DEVICES__STALE_AFTER", after)]).await;
        let site = hub.active_site().await;
        let id = site.id;
        assert_eq!(site.enrol(TOKEN).await.status.as_u16(), 200);
        for _ in 0..5 {
            hub.clock.advance(HOUR * 3);
            assert_eq!(site.push(TOKEN).await.said(), "202");
            hub.hub.hall.seen.flush(&hub.hub.db).await.unwrap();
        }
        run(&hub, "devices").await;
        assert_eq!(hub.hub.db.read(move |conn| devices::count(conn, id)).await.unwrap(), left, "{after}");
        hub.clock.advance(DAY * 400);
        run(&hub, "devices").await;
        let gone = hub.hub.db.read(move |conn| devices::count(conn, id)).await.unwrap() == 0;
        assert_eq!(gone, after != "0", "{after}");
    }
}
