//! Several nodes, restarts, and bursts on one database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use belfry::audit::{self, Actor};
use belfry::db::Fault;
use belfry::keys::{self, KeyKind, KeyRefusal, Table};
use belfry::{devices, sites};
use diesel::connection::SimpleConnection;

use crate::support::{TestHub, postgres};

/// What one node revokes, another refuses within a second: by the change log alone.
#[actix_web::test]
async fn a_revocation_reaches_the_other_node_within_a_second() {
    let one = TestHub::start().await;
    let two = one.second().await;
    let site = one.active_site().await;
    let (id, key) = one.key(site.id, KeyKind::Site).await;
    let elsewhere = crate::support::TestSite { hub: &two, account: site.account, id: site.id, key: key.clone() };
    let ask = || elsewhere.call(actix_web::http::Method::POST, "/tokens/testtoken", "");
    let waited = Instant::now();
    while ask().await.said() != "400 invalid_token" {
        assert!(waited.elapsed() < Duration::from_secs(2), "the new key has not arrived");
    }
    let (now, site_id) = (one.clock.now(), site.id);
    one.hub.db.write(move |tx| keys::revoke(tx, now, Actor::Operator, site_id, id, "")).await.unwrap();
    let revoked = Instant::now();
    while ask().await.said() != "400 key_revoked" {
        assert!(revoked.elapsed() < Duration::from_secs(1), "the revocation has not arrived");
    }
}

/// A node that was away for longer than the change log is kept: what it reads then is not mixed with what it knew.
#[actix_web::test]
async fn a_table_that_is_loaded_again_forgets_what_is_no_longer_true() {
    let hub = TestHub::start().await;
    let (kept, suspended) = (hub.active_site().await, hub.site("second@school.example", true).await);
    let (revoked, old_key) = hub.key(kept.id, KeyKind::Site).await;
    // A table that nobody tells of changes.
    let table = Arc::new(Table::new(hub.hub.ring.clone(), **hub.hub.hall.table.grants()));
    let load = || {
        let (table, now) = (table.clone(), hub.clock.now());
        hub.hub.db.read(move |conn| table.load(conn, now))
    };
    load().await.unwrap();
    hub.suspend(suspended.id).await;
    let (now, site) = (hub.clock.now(), kept.id);
    hub.hub.db.write(move |tx| keys::revoke(tx, now, Actor::Operator, site, revoked, "")).await.unwrap();
    assert!(table.grant(&old_key, now).is_ok() && table.site(suspended.id).unwrap().state().push_off.is_none());
    load().await.unwrap();
    assert_eq!(table.grant(&old_key, now).err(), Some(KeyRefusal::Revoked));
    assert_eq!(table.site(suspended.id).unwrap().state().push_off, Some(sites::PushOff::Suspended));
    // A month later nobody remembers the revoked key.
    hub.clock.advance(Duration::from_secs(31 * 86_400));
    load().await.unwrap();
    assert_eq!(table.grant(&old_key, now).err(), Some(KeyRefusal::Unknown));
    assert!(table.grant(&kept.key, now).is_ok());
}

/// What a node starts with is what the database says, not what another has in memory.
#[actix_web::test]
async fn a_new_node_knows_keys_quotas_and_devices() {
    let one = TestHub::start().await;
    let site = one.active_site().await;
    assert_eq!(site.push("token-0123456789").await.said(), "202");
    one.hub.counts.flush(&one.hub.db).await.unwrap();
    let two = one.second().await;
    let elsewhere = crate::support::TestSite { hub: &two, account: site.account, id: site.id, key: site.key.clone() };
    assert_eq!(elsewhere.enrol("token-0123456789").await.body, r#"{"status":"token exists"}"#);
    assert_eq!(elsewhere.push("token-0123456789").await.said(), "202");
}

/// Writes that come at once are all kept, and on SQLite share their commits.
#[actix_web::test]
async fn a_burst_of_enrolments_is_kept_whole() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let enrolments = (0..200).map(|n| {
        let site = &site;
        async move { site.enrol(&format!("burst-token-0123456789-{}", n % 150)).await.status.as_u16() }
    });
    assert!(futures_util::future::join_all(enrolments).await.iter().all(|status| *status == 200));
    let id = site.id;
    assert_eq!(hub.hub.db.read(move |conn| devices::count(conn, id)).await.unwrap(), 150);
}

/// One closure's refusal costs the others of its group nothing, and leaves nothing of its own behind.
#[actix_web::test]
async fn half_an_act_cannot_happen() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (id, now) = (site.id, hub.clock.now());
    let writes = (0..50).map(|n| {
        let db = &hub.hub.db;
        async move {
            db.write(move |tx| {
                audit::note(tx, now, Actor::Operator, audit::Event::SiteChanged, id, Some("in a group"))?;
                if n % 2 == 0 { Err(belfry::error::Error::NotFound) } else { Ok(()) }
            })
            .await
            .is_ok()
        }
    });
    let done = futures_util::future::join_all(writes).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 25);
    let entries = hub.hub.db.read(move |conn| audit::about_site(conn, id, 1_000)).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.reason.as_deref() == Some("in a group")).count(), 25);
    verified_audit(&hub).await.unwrap();
}

/// A proof by somebody else for the address of an active site takes nothing over.
#[actix_web::test]
async fn a_second_owner_of_an_address_is_held_and_the_first_is_told() {
    let hub = TestHub::start().await;
    let first = hub.active_site().await;
    let second = hub.site("second@school.example", false).await;
    // The same address for both.
    let (one, two, now, desk) = (first.id, second.id, hub.clock.now(), hub.hub.desk.clone());
    let (site, holder) =
        hub.hub.db.read(move |conn| Ok::<_, Fault>((sites::find(conn, two)?.unwrap(), sites::find(conn, one)?.unwrap()))).await.unwrap();
    hub.hub.db.write(move |tx| sites::hold(tx, &desk, now, &site, &holder)).await.unwrap();
    assert!(hub.letter("url_contested").await.unwrap().contains("goes on working"));
    assert_eq!(first.push("token-0123456789").await.said(), "202");
    let mut staff = hub.person("mentor@hub.example", Some(belfry::accounts::Role::Analyst)).await;
    assert!(staff.get("/staff").await.body.contains(&two.to_string()));
}

async fn verified_audit(hub: &TestHub) -> Result<audit::Verified, Fault> {
    let ring = hub.hub.ring.clone();
    hub.hub.db.read(move |conn| audit::verify(conn, &ring)).await
}

/// Tampering with the log is found.
#[actix_web::test]
async fn a_changed_audit_entry_is_found() {
    let hub = TestHub::start().await;
    hub.active_site().await;
    let verified = verified_audit(&hub).await.unwrap();
    assert!(verified.entries >= 3 && verified.last.len() == 64);
    let changed = hub.hub.db.write(|tx| {
        use diesel::RunQueryDsl;
        Ok::<_, Fault>(diesel::sql_query("UPDATE audit SET reason = 'something else' WHERE seq = 2").execute(tx.conn())?)
    });
    assert_eq!(changed.await.unwrap(), 1);
    let found = verified_audit(&hub).await.unwrap_err();
    assert!(found.to_string().contains("audit entry 2"), "{found}");
}

/// This run tests the database that it says it tests.
#[actix_web::test]
async fn the_run_is_on_the_database_it_names() {
    let hub = TestHub::start().await;
    let is_postgres = hub.hub.db.read(|conn| Ok::<_, Fault>(matches!(conn, belfry::db::Conn::Postgres(_)))).await.unwrap();
    assert_eq!(is_postgres, postgres().is_some());
}

/// 404 makes Moodle delete the device: what one node remembers of it is not enough once another has enrolled it again.
#[actix_web::test]
async fn a_device_that_was_revived_elsewhere_is_not_called_gone() {
    let one = TestHub::start().await;
    let two = one.second().await;
    let site = one.active_site().await;
    let elsewhere = crate::support::TestSite { hub: &two, account: site.account, id: site.id, key: site.key.clone() };
    let (token, started) = ("revived-token-0123456789", Instant::now());
    assert_eq!(site.push(token).await.said(), "202");
    // A moved clock gives the site's rate back, which these looks use up.
    while elsewhere.push(token).await.said() != "202" {
        two.clock.advance(Duration::from_millis(100));
        assert!(started.elapsed() < Duration::from_secs(2), "the key has not arrived");
    }
    for _ in 0..5 {
        let (id, now) = (site.id, one.clock.now());
        let device = one.hub.db.read(move |conn| devices::page(conn, id, &devices::Filter::default(), None, 1)).await.unwrap().remove(0).id;
        one.hub.db.write(move |tx| devices::mark_unregistered(tx, now, device, now)).await.unwrap();
        let marked = Instant::now();
        while elsewhere.push(token).await.said() != "404 unregistered_token" {
            two.clock.advance(Duration::from_secs(2));
            assert!(marked.elapsed() < Duration::from_secs(1), "the feedback has not arrived");
        }
        assert_eq!(site.enrol(token).await.body, r#"{"status":"token exists"}"#);
        assert_eq!(elsewhere.push(token).await.said(), "202", "at once, long before the change log is read");
    }
}

/// A full disk: what can't be kept is refused as such, pages can still be read, and when there is room again all goes on.
#[actix_web::test]
async fn a_full_disk_is_told_and_survived() {
    if postgres().is_some() {
        return; // The test fills SQLite's file.
    }
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    let limit = |pages: i64| {
        hub.hub.db.write(move |tx| {
            // Lower than what is used already means: not one page more.
            Ok::<_, Fault>(tx.conn().batch_execute(&format!("PRAGMA max_page_count = {pages}"))?)
        })
    };
    limit(1).await.unwrap();
    let enrolments = (0..300).map(|n| {
        let site = &site;
        async move { (n, site.enrol(&format!("full-token-0123456789-{n}")).await.said()) }
    });
    let answers = futures_util::future::join_all(enrolments).await;
    let refused = answers.iter().filter(|(_, said)| said == "503 busy").count();
    assert!(refused > 0 && answers.iter().all(|(_, said)| said == "200" || said == "503 busy"), "{answers:?}");
    assert_eq!(owner.get(&format!("/my/sites/{}", site.id)).await.status.as_u16(), 200, "it can still be read");
    limit(1_000_000).await.unwrap();
    hub.clock.advance(Duration::from_secs(60));
    for (n, said) in &answers {
        let again = site.enrol(&format!("full-token-0123456789-{n}")).await;
        assert_eq!(again.status.as_u16(), 200);
        if said == "200" {
            assert_eq!(again.body, r#"{"status":"token exists"}"#, "what was answered as kept is kept");
        }
    }
    let id = site.id;
    assert_eq!(hub.hub.db.read(move |conn| devices::count(conn, id)).await.unwrap(), 300);
    verified_audit(&hub).await.unwrap();
}

/// A write that panics costs its group, not the hub.
#[actix_web::test]
async fn a_write_that_panics_is_the_last_of_nothing() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let broken = hub.hub.db.write(|tx| {
        tx.alone()?;
        if tx.conn().batch_execute("SELECT 1").is_ok() {
            panic!("on purpose");
        }
        Ok::<(), Fault>(())
    });
    assert!(broken.await.unwrap_err().is_outage());
    assert_eq!(site.enrol("after-token-0123456789").await.body, r#"{"status":"ok"}"#);
}
