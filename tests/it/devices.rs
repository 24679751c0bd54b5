//! The devices of a site, as its admin sees them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use belfry::db::Fault;
use belfry::devices::{self, Filter};
use belfry::ids::{DeviceId, SiteId};
use belfry::keys::KeyKind;
use diesel::RunQueryDsl;

use crate::support::{Answer, Browser, TestHub, postgres};

const FIRST: &str = "token-0123456789-aaaaaa";
const SECOND: &str = "token-0123456789-bbbbbb";
const BY_ITSELF: &str = "token-0123456789-cccccc";

/// Puts in that many devices at once, each newer than the one before: every tenth is gone, the one after it is not
/// confirmed, and every thousandth has a name.
async fn fill(hub: &TestHub, site: SiteId, count: u32) {
    let (now, hex) = (hub.clock.now().sortable(), site.to_string().replace('-', ""));
    let columns =
        "id, site_id, token_hash, token_sealed, hint, platform, app, channel, created_at, seen_at, confirmed_at, unregistered_at, name";
    let sql = if postgres().is_some() {
        format!(
            "INSERT INTO devices ({columns}) SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, '{site}'::uuid, \
             decode(lpad(to_hex(i), 64, '0'), 'hex'), decode(repeat('00', 180), 'hex'), '…' || lpad(to_hex(i), 6, '0'), 'android-fcm', \
             'commoodlemoodlemobile', 'default', '{now}'::timestamptz, '{now}'::timestamptz, \
             CASE WHEN i % 10 <> 1 THEN '{now}'::timestamptz END, CASE WHEN i % 10 = 0 THEN '{now}'::timestamptz END, \
             CASE WHEN i % 1000 = 0 THEN 'Phone ' || i END FROM generate_series(1, {count}) AS n (i)"
        )
    } else {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO devices ({columns}) SELECT unhex('01900000000070008000' || printf('%012x', i)), unhex('{hex}'), \
             unhex(printf('%064x', i)), zeroblob(180), '…' || printf('%06x', i), 'android-fcm', 'commoodlemoodlemobile', 'default', \
             '{now}', '{now}', CASE WHEN i % 10 <> 1 THEN '{now}' END, CASE WHEN i % 10 = 0 THEN '{now}' END, \
             CASE WHEN i % 1000 = 0 THEN 'Phone ' || i END FROM n"
        )
    };
    let filled = hub.hub.db.write(move |tx| Ok::<_, Fault>(diesel::sql_query(sql.as_str()).execute(tx.conn())?));
    assert_eq!(filled.await.unwrap(), count as usize);
}

/// The device that was enrolled last.
async fn newest(hub: &TestHub, site: SiteId) -> DeviceId {
    hub.hub.db.read(move |conn| devices::page(conn, site, &Filter::default(), None, 1)).await.unwrap().remove(0).id
}

/// What the devices of a list are called, in its order.
fn listed(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let rows = answer.body.split("<th scope=\"row\"><a href=\"").skip(1);
    rows.map(|row| row.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()).collect()
}

/// Where a link leads.
fn link(answer: &Answer, words: &str) -> Option<String> {
    let (before, _) = answer.body.split_once(&format!("\">{words}</a>"))?;
    Some(before.rsplit("href=\"").next()?.replace("&#38;", "&").replace("&amp;", "&"))
}

fn issued(answer: &Answer) -> String {
    answer.body.split("value=\"").find(|part| part.starts_with("belfry_d_")).unwrap().split('"').next().unwrap().to_owned()
}

#[actix_web::test]
async fn a_device_is_found_by_its_token_its_end_its_name_and_its_state() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    let list = format!("/my/sites/{}/devices", site.id);
    let empty = owner.get(&list).await;
    assert!(empty.body.contains("No device yet") && !empty.body.contains("Find a device"));
    assert_eq!(site.enrol(FIRST).await.said(), "200");
    let first = newest(&hub, site.id).await;
    hub.clock.advance(Duration::from_secs(1));
    assert_eq!(site.enrol(SECOND).await.said(), "200");
    let second = newest(&hub, site.id).await;
    hub.clock.advance(Duration::from_secs(1));
    let (_, devices_key) = hub.key(site.id, KeyKind::Devices).await;
    assert_eq!(site.call_with(&devices_key, Method::POST, &format!("/tokens/{BY_ITSELF}"), "").await.said(), "200");
    let now = hub.clock.now();
    hub.hub.db.write(move |tx| devices::mark_unregistered(tx, now, second, now)).await.unwrap();
    assert_eq!(listed(&owner.get(&list).await), ["…cccccc", "…bbbbbb", "…aaaaaa"]);
    assert_eq!(owner.post(&format!("{list}/{first}"), &[("name", "Phone of Ada"), ("language", "")]).await.status, StatusCode::SEE_OTHER);
    let rows: [(String, &[&str]); 14] = [
        (format!("?q={FIRST}"), &["Phone of Ada"]),
        ("?q=aaaaaa".into(), &["Phone of Ada"]),
        ("?q=%E2%80%A6bbbbbb".into(), &["…bbbbbb"]),
        ("?q=+Phone+of+Ada+".into(), &["Phone of Ada"]),
        ("?q=Phone".into(), &[]),
        ("?q=aaa".into(), &[]),
        ("?q=Sch%C3%BClerin%00".into(), &[]),
        (format!("?q={FIRST}&state=unregistered"), &[]),
        ("?q=&state=enrolled".into(), &["Phone of Ada"]),
        ("?state=unconfirmed".into(), &["…cccccc"]),
        ("?state=unregistered".into(), &["…bbbbbb"]),
        ("?state=&q=&before=".into(), &["…cccccc", "…bbbbbb", "Phone of Ada"]),
        (format!("?before={second}"), &["Phone of Ada"]),
        (format!("?before={first}"), &[]),
    ];
    for (query, wanted) in rows {
        assert_eq!(listed(&owner.get(&format!("{list}{query}")).await), wanted, "{query}");
    }
    let none = owner.get(&format!("{list}?q=nobody")).await;
    assert!(none.body.contains("No such device") && none.body.contains("value=\"nobody\""));
    assert_eq!(link(&none, "Show all"), Some(list.clone()));
    for junk in ["state=asleep", "before=there", "before=%00"] {
        assert_eq!(owner.get(&format!("{list}?{junk}")).await.status, StatusCode::BAD_REQUEST, "{junk}");
        assert_eq!(owner.get(&format!("{list}.csv?{junk}&q=x")).await.status, StatusCode::BAD_REQUEST, "{junk}");
    }
}

#[actix_web::test]
async fn older_pages_keep_what_is_searched_for() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    fill(&hub, site.id, 120).await;
    let list = format!("/my/sites/{}/devices", site.id);
    let (mut next, mut pages, mut seen) = (Some(format!("{list}?state=enrolled")), Vec::new(), HashSet::new());
    while let Some(path) = next {
        let page = owner.get(&path).await;
        assert_eq!(link(&page, "Newest").as_deref(), (!pages.is_empty()).then_some(format!("{list}?state=enrolled").as_str()));
        pages.push(listed(&page).len());
        seen.extend(listed(&page));
        next = link(&page, "Older ones");
    }
    // Of 120 a tenth is gone, and as many are not confirmed.
    assert_eq!((pages, seen.len()), (vec![50, 46], 96));
}

#[actix_web::test]
async fn a_device_gets_a_name_and_a_language() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    site.enrol(FIRST).await;
    let page = format!("/my/sites/{}/devices/{}", site.id, newest(&hub, site.id).await);
    let long = "x".repeat(61);
    let wrong = owner.post(&page, &[("name", &long), ("language", "klingon!!")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in
        [long.as_str(), "klingon!!", "id=\"name-error\">Use at most 60 characters.", "id=\"language-error\">Use a language code", "…aaaaaa"]
    {
        assert!(wrong.body.contains(part), "{part}");
    }
    let right = owner.post(&page, &[("name", " <b>Tablet</b> "), ("language", "pt-BR")]).await;
    assert_eq!((right.status, right.headers["location"].as_str()), (StatusCode::SEE_OTHER, page.as_str()));
    let shown = owner.get(&page).await;
    assert!(shown.body.contains("pt_br") && shown.body.contains("Saved.") && !shown.body.contains("<b>Tablet"));
    assert!(shown.body.contains("Pushes go to it.") && !shown.body.contains(FIRST));
    owner.post(&page, &[("name", ""), ("language", "")]).await;
    assert!(!owner.get(&page).await.body.contains("Tablet"));
}

#[actix_web::test]
async fn a_deleted_device_takes_its_key_along() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    site.enrol(FIRST).await;
    site.enrol(SECOND).await;
    let list = format!("/my/sites/{}/devices", site.id);
    let found = owner.get(&format!("{list}?q={FIRST}")).await;
    let page = link(&found, "…aaaaaa").unwrap();
    let shown = owner.post(&format!("{page}/keys"), &[]).await;
    assert_eq!(shown.status, StatusCode::CREATED);
    let key = issued(&shown);
    let enrol = |token: &'static str| site.call_with(&key, Method::POST, token, "");
    assert_eq!(enrol("/tokens/token-0123456789-aaaaaa").await.said(), "200");
    assert_eq!(enrol("/tokens/token-0123456789-bbbbbb").await.said(), "403 other_device");
    let listed_there = owner.get(&page).await;
    assert!(listed_there.body.contains(&key[..15]) && !listed_there.body.contains(&key));
    let deleted = owner.post(&format!("{page}/delete"), &[]).await;
    assert_eq!((deleted.status, deleted.headers["location"].as_str()), (StatusCode::SEE_OTHER, list.as_str()));
    assert_eq!(owner.get(&page).await.status, StatusCode::NOT_FOUND);
    assert_eq!(owner.post(&format!("{page}/delete"), &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(enrol("/tokens/token-0123456789-aaaaaa").await.said(), "400 key_revoked");
    assert_eq!(listed(&owner.get(&list).await), ["…bbbbbb"]);
    assert_eq!(site.push(FIRST).await.said(), "202", "enrolled anew");
    assert_eq!(owner.get(&page).await.status, StatusCode::NOT_FOUND, "as another device");
}

#[actix_web::test]
async fn another_accounts_and_another_sites_devices_are_not_found() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let other = hub.active_site().await;
    site.enrol(FIRST).await;
    let device = newest(&hub, site.id).await;
    let mut stranger = hub.person("stranger@school.example", None).await;
    let mut owner = hub.person("active@school.example", None).await;
    let list = format!("/my/sites/{}/devices", site.id);
    for path in [list.clone(), format!("{list}.csv"), format!("{list}/{device}"), format!("{list}/not-an-id")] {
        assert_eq!(stranger.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let elsewhere = format!("/my/sites/{}/devices/{device}", other.id);
    assert_eq!(owner.get(&elsewhere).await.status, StatusCode::NOT_FOUND);
    for act in ["", "/delete", "/keys"] {
        for (visitor, path) in [(&mut stranger, format!("{list}/{device}{act}")), (&mut owner, format!("{elsewhere}{act}"))] {
            let answer = visitor.post(&path, &[("name", "Mine"), ("language", "")]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    assert_eq!(listed(&owner.get(&list).await), ["…aaaaaa"]);
}

#[actix_web::test]
async fn the_file_has_every_device_and_no_formula() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    fill(&hub, site.id, 5_000).await;
    let list = format!("/my/sites/{}/devices", site.id);
    // Two parts to the last device: the third is empty.
    let whole_parts = owner.get(&format!("{list}.csv?state=enrolled")).await;
    assert_eq!(whole_parts.body.lines().count(), 4_001);
    site.enrol(FIRST).await;
    let page = format!("{list}/{}", newest(&hub, site.id).await);
    owner.post(&page, &[("name", "=HYPERLINK(\"https://evil.example\", \"me\")"), ("language", "es")]).await;
    let file = owner.get(&format!("{list}.csv")).await;
    assert_eq!((file.status, file.headers["content-type"].as_str()), (StatusCode::OK, "text/csv; charset=utf-8"));
    let disposition = &file.headers["content-disposition"];
    assert!(disposition.starts_with("attachment; filename=\"devices-moodle") && disposition.ends_with(".csv\""), "{disposition}");
    assert!(!file.body.contains(FIRST));
    let mut reader = csv::Reader::from_reader(file.body.as_bytes());
    let columns = "id,token_end,name,platform,app,channel,language,state,enrolled_at,last_seen_at,confirmed_at,unregistered_at";
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>().join(","), columns);
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 5_001);
    assert_eq!(records.iter().map(|record| record[0].to_owned()).collect::<HashSet<_>>().len(), 5_001);
    assert!(records.windows(2).all(|pair| pair[0][0] > pair[1][0]), "newest first");
    let named = &records[0];
    assert_eq!(
        (&named[1], &named[2], &named[6], &named[7]),
        ("…aaaaaa", "'=HYPERLINK(\"https://evil.example\", \"me\")", "es", "enrolled")
    );
    assert!(named[8].ends_with('Z') && named[11].is_empty());
    for (query, count) in [("state=unregistered", 500), ("state=enrolled", 4_001), ("q=Phone+3000", 1), ("q=nobody", 0)] {
        let file = owner.get(&format!("{list}.csv?{query}")).await;
        assert_eq!(csv::Reader::from_reader(file.body.as_bytes()).records().map(Result::unwrap).count(), count, "{query}");
    }
}

async fn fastest(owner: &mut Browser<'_>, path: &str) -> (Duration, Answer) {
    let mut best: Option<(Duration, Answer)> = None;
    for _ in 0..3 {
        let started = Instant::now();
        let answer = owner.get(path).await;
        let took = started.elapsed();
        if best.as_ref().is_none_or(|(before, _)| took < *before) {
            best = Some((took, answer));
        }
    }
    best.unwrap()
}

/// The number that counts, 150 ms, is that of a release build: `cargo test --release --test it devices`.
#[actix_web::test]
async fn a_hundred_thousand_devices_are_listed_at_once() {
    let most = Duration::from_millis(if cfg!(debug_assertions) { 600 } else { 150 });
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    fill(&hub, site.id, 100_000).await;
    let list = format!("/my/sites/{}/devices", site.id);
    let middle = "before=01900000-0000-7000-8000-00000000c350";
    let rows = [
        (String::new(), 50, "Phone 100000"),
        (format!("?{middle}"), 50, "…00c34f"),
        ("?q=000001".into(), 1, "…000001"),
        ("?q=Phone+1000".into(), 1, "Phone 1000"),
        ("?q=nobody".into(), 0, ""),
        ("?state=unregistered".into(), 50, "Phone 100000"),
        (format!("?state=unconfirmed&{middle}"), 50, "…00c347"),
        (format!("?state=enrolled&q=000001&{middle}"), 0, ""),
    ];
    for (query, count, first) in rows {
        let (took, answer) = fastest(&mut owner, &format!("{list}{query}")).await;
        let found = listed(&answer);
        assert!(answer.body.contains("100,000"), "{query}");
        assert_eq!((found.len(), found.first().map_or("", String::as_str)), (count, first), "{query}");
        assert!(took < most, "{query}: {took:?}");
    }
}
