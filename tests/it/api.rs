//! Programs: `/api/v1`, its OpenAPI document and its page.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use belfry::keys::KeyKind;
use belfry::routes;
use serde_json::{Value, json};

use crate::support::{APP, Answer, TestHub, TestSite, moodle_push};

const TOKEN: &str = "fcm-token:0123456789_abcdef-XYZ";
const DAY: Duration = Duration::from_secs(86_400);

async fn call(site: &TestSite<'_>, method: Method, path: &str, body: Value) -> Answer {
    call_with(site, &[], method, path, body).await
}

async fn call_with(site: &TestSite<'_>, headers: &[(&str, &str)], method: Method, path: &str, body: Value) -> Answer {
    let mut all = vec![("X-AN-APP-KEY", site.key.as_str())];
    all.extend_from_slice(headers);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    site.hub.send(method, &format!("/api/v1{path}"), &all, body).await
}

async fn get(site: &TestSite<'_>, path: &str) -> Answer {
    call(site, Method::GET, path, Value::Null).await
}

async fn items(site: &TestSite<'_>, path: &str) -> Vec<Value> {
    let answer = get(site, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

/// All pages of a list.
async fn all(site: &TestSite<'_>, path: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(site, &format!("{path}?limit={limit}{cursor}")).await.json();
        found.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { return found };
        assert_eq!(page["items"].as_array().unwrap().len(), limit);
        cursor = format!("&cursor={next}");
    }
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn only_a_good_key_of_a_site_gets_in() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (_, devices_key) = hub.key(site.id, KeyKind::Devices).await;
    let bearer = format!("Bearer {}", site.key);
    let elsewhere = TestHub::start().await;
    let foreign = elsewhere.active_site().await.key.clone();
    let rows: [(&[(&str, &str)], &str); 8] = [
        (&[], "401 app_key_required"),
        (&[("X-AN-APP-KEY", "")], "401 malformed_key"),
        (&[("X-AN-APP-KEY", "nonsense")], "401 malformed_key"),
        (&[("X-AN-APP-KEY", &foreign)], "401 unknown_key"),
        (&[("Authorization", "Basic YTpi")], "401 app_key_required"),
        (&[("X-AN-APP-KEY", &devices_key)], "403 not_a_site_key"),
        (&[("Authorization", &bearer)], "200"),
        (&[("X-AN-APP-KEY", &site.key)], "200"),
    ];
    for (headers, wanted) in rows {
        assert_eq!(hub.send(Method::GET, "/api/v1/site", headers, "").await.said(), wanted, "{headers:?}");
    }
    let answer = hub.send(Method::GET, "/api/v1/site", &[], "").await;
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.headers["www-authenticate"].starts_with("Bearer"));
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "code": "app_key_required",
      "detail": "The request has no X-AN-APP-KEY header. Set Moodle's \"Airnotifier access key\".",
      "status": 401,
      "title": "app key is required",
      "type": "http://127.0.0.1:8080/help#app_key_required"
    }
    "#);
}

#[actix_web::test]
async fn the_site_is_shown_with_why_it_may_not_push() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let shown = get(&site, "/site").await.json();
    assert_eq!(shown["id"], site.id.to_string());
    assert_eq!(shown["push"], json!({"on": true, "reason": null}));
    assert_eq!((&shown["state"], &shown["binding"], &shown["trial"]), (&json!("active"), &json!("open"), &json!(false)));
    assert_eq!(shown["limits"]["push_per_second"], 50);
    hub.suspend(site.id).await;
    let shown = get(&site, "/site").await.json();
    assert_eq!(shown["push"], json!({"on": false, "reason": "site_suspended"}));
    // Who is suspended looks, and gets no key.
    assert_eq!(call(&site, Method::POST, "/keys", json!({"kind": "site"})).await.said(), "409 site_gets_no_key");
}

#[actix_web::test]
async fn what_is_wrong_is_named() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let rows = [
        (Method::GET, "/keys?limit=0", "", "422 limit"),
        (Method::GET, "/keys?limit=501", "", "422 limit"),
        (Method::GET, "/keys?limit=%2B5", "", "422 limit"),
        (Method::GET, "/keys?cursor=x", "", "422 cursor"),
        (Method::GET, "/keys?limit=1&limit=2", "", "422 limit"),
        (Method::GET, "/site?what=1", "", "422 what"),
        (Method::GET, "/devices?state=lost", "", "422 state"),
        (Method::GET, "/devices?platform=a%00b", "", "422 platform"),
        (Method::GET, "/devices?platform=%ff", "", "422 platform"),
        (Method::GET, "/devices/unregistered?since=yesterday", "", "422 since"),
        (Method::GET, "/usage?days=31", "", "422 days"),
        (Method::POST, "/keys", "", "400"),
        (Method::POST, "/keys", "{", "400"),
        (Method::POST, "/keys", "[]", "422 body"),
        (Method::POST, "/keys", "{}", "422 kind"),
        (Method::POST, "/keys", r#"{"kind": 1}"#, "422 kind"),
        (Method::POST, "/keys", r#"{"kind": "master"}"#, "422 kind"),
        (Method::POST, "/keys", r#"{"kind": "device"}"#, "422 device_token"),
        (Method::POST, "/keys", r#"{"kind": "device", "device_token": "a\u0000b"}"#, "422 device_token"),
        (Method::POST, "/keys", r#"{"kind": "site", "device_token": "t"}"#, "422 device_token"),
        (Method::POST, "/keys", r#"{"kind": "site", "colour": "red"}"#, "422 colour"),
        (Method::POST, "/push/batch", r#"{"pushes": {}}"#, "422 pushes"),
        (Method::GET, "/devices/nonsense", "", "404"),
        (Method::GET, "/nowhere", "", "404"),
        (Method::GET, "/keys/%00", "", "404"),
    ];
    for (method, path, body, wanted) in rows {
        let headers = [("X-AN-APP-KEY", site.key.as_str())];
        let answer = hub.send(method.clone(), &format!("/api/v1{path}"), &headers, body).await;
        let field = answer.json()["errors"][0]["field"].as_str().map(|field| format!(" {field}")).unwrap_or_default();
        assert_eq!(format!("{}{field}", answer.status.as_u16()), wanted, "{method} {path} {body}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    let answer = hub.send(Method::PUT, "/api/v1/keys", &[], "").await;
    assert_eq!((answer.said().as_str(), answer.headers["allow"].as_str()), ("405 method_not_allowed", "GET, HEAD, POST"));
    let answer = hub.send(Method::POST, "/api/v1/devices/unregistered", &[], "").await;
    assert_eq!((answer.said().as_str(), answer.headers["allow"].as_str()), ("405 method_not_allowed", "GET, HEAD"));
    let large = "x".repeat(70_000);
    assert_eq!(hub.send(Method::POST, "/api/v1/keys", &[("X-AN-APP-KEY", &site.key)], large).await.said(), "413 body_too_large");
}

#[actix_web::test]
async fn a_site_that_asks_without_end_is_told_when_to_come_back() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__API_PER_MINUTE", "5")]).await;
    let site = hub.active_site().await;
    let refused = loop {
        let answer = get(&site, "/site").await;
        if answer.status != StatusCode::OK {
            break answer;
        }
    };
    assert_eq!(refused.said(), "429 rate_limited");
    assert!(refused.headers.contains_key("retry-after") && refused.headers.contains_key("ratelimit-policy"));
}

#[actix_web::test]
async fn keys_are_issued_listed_rotated_and_revoked() {
    let hub = TestHub::start().await;
    let (site, other) = (hub.active_site().await, hub.site("other@school.example", true).await);
    let issued = call(&site, Method::POST, "/keys", json!({"kind": "site"})).await;
    assert_eq!(issued.status, StatusCode::CREATED);
    let issued = issued.json();
    let (id, key) = (issued["id"].as_str().unwrap().to_owned(), issued["key"].as_str().unwrap().to_owned());
    assert!(key.starts_with(issued["prefix"].as_str().unwrap()));
    assert_eq!((&issued["state"], &issued["last_used_at"], &issued["expires_at"]), (&json!("working"), &Value::Null, &Value::Null));
    assert_eq!(site.call_with(&key, Method::POST, "/api/v2/push", moodle_push(TOKEN)).await.said(), "202");

    let listed = items(&site, "/keys").await;
    assert_eq!((listed.len(), listed[0]["id"].as_str()), (2, Some(id.as_str())));
    assert!(listed[0]["last_used_at"].is_string() && listed[0].get("key").is_none());
    assert_eq!(ids(&all(&site, "/keys", 1).await), ids(&listed));

    // Another site's key is none.
    for (method, path) in [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, "/rotate")] {
        assert_eq!(call(&other, method, &format!("/keys/{id}{path}"), Value::Null).await.said(), "404 not_found");
    }

    let rotated = call(&site, Method::POST, &format!("/keys/{id}/rotate"), json!({"overlap": "2d"})).await;
    assert_eq!(rotated.status, StatusCode::CREATED);
    let rotated = rotated.json();
    let successor = rotated["key"].as_str().unwrap().to_owned();
    assert_eq!(rotated["predecessor"]["id"].as_str(), Some(id.as_str()));
    assert_eq!(get(&site, &format!("/keys/{id}")).await.json()["state"], "ending");
    assert_eq!(call(&site, Method::POST, &format!("/keys/{id}/rotate"), Value::Null).await.said(), "409 key_has_successor");
    hub.clock.advance(DAY);
    for key in [&key, &successor] {
        assert_eq!(site.call_with(key, Method::POST, "/api/v2/push", moodle_push(TOKEN)).await.said(), "202");
    }
    hub.clock.advance(DAY * 2);
    assert_eq!(site.call_with(&key, Method::POST, "/api/v2/push", moodle_push(TOKEN)).await.said(), "400 key_expired");
    assert_eq!(site.call_with(&successor, Method::POST, "/api/v2/push", moodle_push(TOKEN)).await.said(), "202");

    let successor_id = rotated["id"].as_str().unwrap();
    assert_eq!(call(&site, Method::DELETE, &format!("/keys/{successor_id}"), Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.call_with(&successor, Method::POST, "/api/v2/push", moodle_push(TOKEN)).await.said(), "400 key_revoked");
    assert_eq!(call(&site, Method::DELETE, &format!("/keys/{successor_id}"), Value::Null).await.said(), "404 not_found");
    assert_eq!(get(&site, &format!("/keys/{successor_id}")).await.said(), "404 not_found");
    assert_eq!(items(&site, "/keys").await[0]["state"], "revoked");
}

#[actix_web::test]
async fn a_rotation_takes_text_seconds_or_nothing() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    for (body, ends_at_once) in [(json!({"overlap": 0}), true), (json!({"overlap": 3600}), false), (Value::Null, false)] {
        let issued = call(&site, Method::POST, "/keys", json!({"kind": "devices"})).await.json();
        let path = format!("/keys/{}/rotate", issued["id"].as_str().unwrap());
        assert_eq!(call(&site, Method::POST, &path, body).await.status, StatusCode::CREATED);
        let old = site.call_with(issued["key"].as_str().unwrap(), Method::POST, &format!("/tokens/{TOKEN}"), "").await;
        assert_eq!(old.status == StatusCode::BAD_REQUEST, ends_at_once, "{old:?}");
    }
    let path = format!("/keys/{}/rotate", items(&site, "/keys").await[0]["id"].as_str().unwrap());
    for bad in [json!({"overlap": "91d"}), json!({"overlap": -1}), json!({"overlap": "soon"}), json!({"overlap": null})] {
        assert_eq!(call(&site, Method::POST, &path, bad).await.said(), "422 invalid_request");
    }
}

#[actix_web::test]
async fn a_devices_own_key_is_good_for_its_token_and_goes_with_it() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let wanted = json!({"kind": "device", "device_token": TOKEN, "platform": "Android-fcm"});
    let issued = call_with(&site, &[("X-AN-APP-NAME", APP)], Method::POST, "/keys", wanted.clone()).await;
    assert_eq!(issued.status, StatusCode::CREATED, "{issued:?}");
    let key = issued.json()["key"].as_str().unwrap().to_owned();
    let device = issued.json()["device_id"].as_str().unwrap().to_owned();
    assert_eq!(items(&site, "/devices").await[0]["id"], device);
    assert_eq!(items(&site, "/devices").await[0]["platform"], "android-fcm");
    assert_eq!(site.call_with(&key, Method::POST, &format!("/tokens/{TOKEN}"), "").await.body, r#"{"status":"token exists"}"#);
    assert_eq!(site.call_with(&key, Method::POST, "/tokens/another-token-0123456789", "").await.said(), "403 other_device");
    assert_eq!(hub.send(Method::GET, "/api/v1/site", &[("X-AN-APP-KEY", &key)], "").await.said(), "403 not_a_site_key");
    // Another key of the same device: the device is there already.
    assert_eq!(call(&site, Method::POST, "/keys", wanted).await.json()["device_id"].as_str(), Some(device.as_str()));
    assert_eq!(call(&site, Method::DELETE, &format!("/devices/{device}"), Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.call_with(&key, Method::POST, &format!("/tokens/{TOKEN}"), "").await.said(), "400 key_revoked");
}

#[actix_web::test]
async fn devices_are_listed_matched_changed_and_forgotten() {
    let hub = TestHub::start().await;
    let (site, other) = (hub.active_site().await, hub.site("other@school.example", true).await);
    for n in 0..5 {
        assert_eq!(site.enrol(&format!("device-token-number-{n}")).await.status, StatusCode::OK);
    }
    let listed = items(&site, "/devices").await;
    assert_eq!(listed.len(), 5);
    assert_eq!(all(&site, "/devices", 2).await, listed);
    let first = listed.iter().find(|device| device["token_sha256"] == sha256("device-token-number-0")).unwrap().clone();
    assert_eq!((&first["token_hint"], &first["state"]), (&json!("…mber-0"), &json!("enrolled")));
    assert!(!get(&site, "/devices").await.body.contains("device-token-number-0"));
    assert_eq!(items(&site, "/devices?state=unregistered").await.len(), 0);
    assert_eq!(items(&site, "/devices?platform=FCM").await.len(), 5);
    assert_eq!(items(&site, "/devices?platform=ios").await.len(), 0);

    let path = format!("/devices/{}", first["id"].as_str().unwrap());
    let changed = call(&site, Method::PATCH, &path, json!({"name": "Ada's phone", "language": "pt-BR"})).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let changed = call(&site, Method::PATCH, &path, json!({"name": null})).await.json();
    assert_eq!((&changed["name"], &changed["language"]), (&Value::Null, &json!("pt_br")));
    assert_eq!(get(&site, &path).await.json(), changed);
    assert_eq!(call(&site, Method::PATCH, &path, json!({"name": "x".repeat(61)})).await.said(), "422 invalid_request");
    for (method, body) in [(Method::GET, Value::Null), (Method::PATCH, json!({})), (Method::DELETE, Value::Null)] {
        assert_eq!(call(&other, method, &path, body).await.said(), "404 not_found");
    }
    assert_eq!(call(&site, Method::DELETE, &path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&site, &path).await.said(), "404 not_found");
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[actix_web::test]
async fn unregistered_devices_are_told_since_a_time() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let before = hub.clock.now();
    assert_eq!(site.enrol(TOKEN).await.status, StatusCode::OK);
    let now = hub.clock.now();
    let device: belfry::ids::DeviceId = items(&site, "/devices").await[0]["id"].as_str().unwrap().parse().unwrap();
    hub.hub.db.write(move |tx| belfry::devices::mark_unregistered(tx, now, device, now)).await.unwrap();
    let since = |at: belfry::clock::Timestamp| format!("/devices/unregistered?since={}", at.rfc3339());
    assert_eq!(items(&site, &since(before)).await.len(), 1);
    assert_eq!(items(&site, "/devices/unregistered").await[0]["state"], "unregistered");
    assert_eq!(items(&site, &since(now + DAY)).await.len(), 0);
    assert_eq!(items(&site, "/devices/unregistered?since=2020-01-31T12:00:00%2B02:00").await.len(), 1);
}

#[actix_web::test]
async fn a_batch_has_an_outcome_for_each_in_order() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let push = |token: &str| serde_json::from_str::<Value>(&moodle_push(token)).unwrap();
    let many: Vec<Value> =
        (0..30).map(|n| if n % 3 == 1 { json!({"token": n}) } else { push(&format!("device-token-number-{n}")) }).collect();
    let batch = call_with(&site, &[("X-AN-APP-NAME", APP)], Method::POST, "/push/batch", json!({"pushes": many})).await;
    assert_eq!(batch.status, StatusCode::OK, "{batch:?}");
    let outcomes = batch.json()["outcomes"].as_array().unwrap().clone();
    assert_eq!(outcomes.len(), 30);
    for (n, outcome) in outcomes.iter().enumerate() {
        let wanted = if n % 3 == 1 { ("rejected", "invalid_body") } else { ("delivered", "delivered") };
        assert_eq!((outcome["outcome"].as_str().unwrap(), outcome["code"].as_str().unwrap()), wanted, "{n}");
        assert_eq!(outcome.get("detail").is_some(), n % 3 == 1);
    }
    let ids: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome["message_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 30);
    let deliveries = items(&site, "/deliveries").await;
    assert!(!deliveries.is_empty() && deliveries.iter().all(|push| ids.contains(push["id"].as_str().unwrap())), "{deliveries:?}");

    let odd = call(&site, Method::POST, "/push/batch", json!({"pushes": [7, null, [], {}]})).await.json();
    assert!(odd["outcomes"].as_array().unwrap().iter().all(|outcome| outcome["outcome"] == "rejected"), "{odd}");
    assert_eq!(call(&site, Method::POST, "/push/batch", json!({"pushes": []})).await.json(), json!({"outcomes": []}));
    let app = call_with(&site, &[("X-AN-APP-NAME", "nobodys")], Method::POST, "/push/batch", json!({"pushes": [push(TOKEN)]})).await;
    assert_eq!(app.json()["outcomes"][0]["code"], "unknown_app");
    let long = json!({"pushes": vec![json!({}); 501]});
    let refused = call(&site, Method::POST, "/push/batch", long).await;
    assert_eq!((refused.said().as_str(), refused.json()["errors"][0]["field"].as_str()), ("422 invalid_request", Some("pushes")));
    hub.suspend(site.id).await;
    let off = call(&site, Method::POST, "/push/batch", json!({"pushes": [push(TOKEN)]})).await.json();
    assert_eq!(off["outcomes"][0]["code"], "site_suspended");
}

#[actix_web::test]
async fn a_batch_is_longer_than_other_bodies_may_be_and_no_push_of_it_is() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let large = json!({"token": TOKEN, "device": "fcm", "alert": "x".repeat(70_000)});
    let small = json!({"token": TOKEN, "device": "fcm", "alert": "x"});
    let sent = call(&site, Method::POST, "/push/batch", json!({"pushes": [large, small]})).await.json();
    assert_eq!((&sent["outcomes"][0]["code"], &sent["outcomes"][1]["code"]), (&json!("body_too_large"), &json!("delivered")));
}

#[actix_web::test]
async fn usage_is_told_by_the_hour() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    for _ in 0..3 {
        assert_eq!(site.push(TOKEN).await.said(), "202");
    }
    assert_eq!(site.call(Method::POST, "/api/v2/push", "{}").await.said(), "400 invalid_body");
    let hours = items(&site, "/usage").await;
    assert_eq!(hours.len(), 24);
    assert_eq!(hours.iter().map(|hour| hour["delivered"].as_u64().unwrap()).sum::<u64>(), 3);
    assert_eq!(hours.iter().map(|hour| hour["refused"].as_u64().unwrap()).sum::<u64>(), 1);
    hub.clock.advance(DAY * 3);
    assert_eq!(items(&site, "/usage").await.iter().map(|hour| hour["delivered"].as_u64().unwrap()).sum::<u64>(), 0);
    let week = items(&site, "/usage?days=7").await;
    assert_eq!((week.len(), week.iter().map(|hour| hour["delivered"].as_u64().unwrap()).sum::<u64>()), (168, 3));
    let deliveries = all(&site, "/deliveries", 3).await;
    assert_eq!(deliveries.len(), 4);
    assert_eq!(deliveries.iter().filter(|push| push["outcome"] == "rejected" && push["code"] == "invalid_body").count(), 1);
}

#[actix_web::test]
async fn a_broadcast_is_started_shown_and_cancelled() {
    let hub = TestHub::start().await;
    let (site, other) = (hub.active_site().await, hub.site("other@school.example", true).await);
    assert_eq!(site.enrol(TOKEN).await.status, StatusCode::OK);
    let key = [("Idempotency-Key", "one")];
    let started = call_with(&site, &key, Method::POST, "/broadcasts", json!({"alert": "No school tomorrow"})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{started:?}");
    let again = call_with(&site, &key, Method::POST, "/broadcasts", json!({"alert": "No school tomorrow"})).await;
    assert_eq!((again.status, &again.body), (StatusCode::ACCEPTED, &started.body));
    let id = started.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(items(&site, "/broadcasts").await.len(), 1);
    assert_eq!(get(&site, &format!("/broadcasts/{id}")).await.json()["total"], 1);
    assert_eq!(get(&other, &format!("/broadcasts/{id}")).await.said(), "404 not_found");
    assert_eq!(call(&other, Method::POST, &format!("/broadcasts/{id}/cancel"), Value::Null).await.said(), "404 not_found");
    // It may be over before it can be cancelled.
    let cancelled = call(&site, Method::POST, &format!("/broadcasts/{id}/cancel"), Value::Null).await.said();
    assert!(["200", "409 broadcast_is_over"].contains(&cancelled.as_str()), "{cancelled}");
    assert_eq!(call(&site, Method::POST, "/broadcasts", json!({})).await.said(), "422 invalid_request");
}

#[actix_web::test]
async fn a_repetition_gets_the_same_answer_and_does_nothing() {
    let hub = TestHub::start().await;
    let (site, other) = (hub.active_site().await, hub.site("other@school.example", true).await);
    let (named, wanted) = ([("Idempotency-Key", "the first")], json!({"kind": "site"}));
    let bad = call_with(&site, &named, Method::POST, "/keys", wanted.clone()).await;
    assert_eq!(bad.said(), "400 invalid_idempotency_key", "a space is not visible");
    let long = "x".repeat(256);
    assert_eq!(
        call_with(&site, &[("Idempotency-Key", &long)], Method::POST, "/keys", wanted.clone()).await.status,
        StatusCode::BAD_REQUEST
    );
    let named = [("Idempotency-Key", "the-first")];
    let first = call_with(&site, &named, Method::POST, "/keys", wanted.clone()).await;
    let again = call_with(&site, &named, Method::POST, "/keys", wanted.clone()).await;
    assert_eq!((first.status, first.headers.get("idempotent-replayed")), (StatusCode::CREATED, None));
    assert_eq!((again.status, &again.body, again.headers["idempotent-replayed"].as_str()), (StatusCode::CREATED, &first.body, "true"));
    assert_eq!(items(&site, "/keys").await.len(), 2);
    let reused = call_with(&site, &named, Method::POST, "/keys", json!({"kind": "devices"})).await;
    assert_eq!(reused.said(), "422 idempotency_key_reused");
    // Another site's names are its own.
    assert_eq!(call_with(&other, &named, Method::POST, "/keys", json!({"kind": "devices"})).await.status, StatusCode::CREATED);
    // A refusal is not kept: what was wrong may be put right.
    let named = [("Idempotency-Key", "the-second")];
    let unknown = format!("/keys/{}/rotate", other.id);
    assert_eq!(call_with(&site, &named, Method::POST, &unknown, Value::Null).await.said(), "404 not_found");
    assert_eq!(call_with(&site, &named, Method::POST, "/keys", wanted.clone()).await.status, StatusCode::CREATED);
    hub.clock.advance(DAY + Duration::from_secs(60));
    let later = call_with(&site, &named, Method::POST, "/keys", wanted).await;
    assert_eq!((later.status, later.headers.get("idempotent-replayed")), (StatusCode::CREATED, None));
}

#[actix_web::test]
async fn many_repetitions_at_once_do_it_once() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let named = [("Idempotency-Key", "at-once")];
    let ask = || call_with(&site, &named, Method::POST, "/keys", json!({"kind": "devices"}));
    let answers = futures_util::future::join_all((0..10).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::CREATED && answer.body == answers[0].body), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| !answer.headers.contains_key("idempotent-replayed")).count(), 1);
    assert_eq!(items(&site, "/keys").await.len(), 2);

    let push = serde_json::from_str::<Value>(&moodle_push(TOKEN)).unwrap();
    let named = [("Idempotency-Key", "a-batch")];
    let ask = || call_with(&site, &named, Method::POST, "/push/batch", json!({"pushes": [push.clone()]}));
    let answers = futures_util::future::join_all((0..5).map(|_| ask())).await;
    for answer in &answers {
        assert!(["200", "409 idempotency_in_progress"].contains(&answer.said().as_str()), "{answer:?}");
    }
    let last = ask().await;
    assert_eq!((last.status, last.headers["idempotent-replayed"].as_str()), (StatusCode::OK, "true"));
    assert_eq!(items(&site, "/deliveries").await.len(), 1);
}

#[actix_web::test]
async fn what_broke_off_is_said_to_be_unknown() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (ring, now, id) = (hub.hub.ring.clone(), hub.clock.now(), site.id);
    let body = json!({"pushes": []}).to_string();
    // As a node leaves it that dies in the middle of a batch.
    let named = belfry::idempotency::Named::new(&ring, id, "broken", &[b"POST", b"/api/v1/push/batch", b"", b"", body.as_bytes()]);
    hub.hub.db.write(move |tx| belfry::idempotency::begin(tx, &ring, now, &named)).await.unwrap();
    let ask = || call_with(&site, &[("Idempotency-Key", "broken")], Method::POST, "/push/batch", json!({"pushes": []}));
    assert_eq!(ask().await.said(), "409 idempotency_in_progress");
    hub.clock.advance(Duration::from_secs(121));
    assert_eq!(ask().await.said(), "409 idempotency_outcome_unknown");
    hub.clock.advance(DAY);
    assert_eq!(ask().await.said(), "200");
}

#[actix_web::test]
async fn whoever_finds_a_key_can_report_it() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    for key in ["nonsense", site.key.as_str()] {
        let body = json!({"key": key, "place": "https://code.example/config.php"}).to_string();
        assert_eq!(hub.send(Method::POST, "/api/v1/leaked-keys", &[], body).await.status, StatusCode::ACCEPTED);
    }
    assert_eq!(get(&site, "/site").await.said(), "401 key_revoked");
}

#[actix_web::test]
async fn each_call_wants_a_key() {
    let hub = TestHub::start().await;
    for (path, method) in rows().into_iter().filter(|(path, _)| !path.ends_with("/leaked-keys")) {
        let some = "0198c0de-0000-7000-8000-000000000000";
        let filled: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { some } else { part }).collect();
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        assert_eq!(hub.send(method.clone(), &filled.join("/"), &[], "{}").await.said(), "401 app_key_required", "{method} {path}");
    }
}

/// `{path}` and method of each row of the API.
fn rows() -> BTreeSet<(String, String)> {
    routes::api_rows().iter().map(|row| (format!("/api/v1{}", row.path), row.method.to_string().to_lowercase())).collect()
}

#[actix_web::test]
async fn the_document_tells_of_each_route_and_of_no_other() {
    let hub = TestHub::start().await;
    let answer = hub.send(Method::GET, "/openapi.json", &[], "").await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (StatusCode::OK, "application/json"));
    let document = answer.json();
    assert_eq!((document["openapi"].as_str(), document["servers"][0]["url"].as_str()), (Some("3.1.0"), Some("http://127.0.0.1:8080")));
    let mut told = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            told.insert((path.clone(), method.clone()));
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path} {method}");
            assert!(!operation["summary"].as_str().unwrap().is_empty());
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')) && responses.contains_key("422"), "{path} {method}");
            for (status, response) in responses.iter().filter(|(status, _)| !status.starts_with('2')) {
                assert!(response["content"]["application/problem+json"].is_object(), "{path} {method} {status}");
            }
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            assert_eq!(path.matches('{').count(), parameters.iter().filter(|parameter| parameter["in"] == "path").count());
        }
    }
    assert_eq!(told, rows());
    // Every reference leads somewhere.
    let text = answer.body.as_str();
    for part in text.split("\"$ref\":\"").skip(1) {
        let at = part.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(at).is_some(), "{at}");
    }
}

#[actix_web::test]
async fn the_page_shows_each_call() {
    let hub = TestHub::start().await;
    let page = hub.send(Method::GET, "/docs/api", &[], "").await;
    assert_eq!(page.status, StatusCode::OK);
    for (path, method) in rows() {
        assert!(page.body.contains(&format!("<code>{} {path}</code>", method.to_uppercase())), "{method} {path}");
    }
    assert!(!page.body.contains("https://unpkg") && page.body.contains("curl -X POST"));
    // Whoever finds a key has none of their own.
    let leak = page.body.split("id=\"curl-report_leaked_key\"").nth(1).unwrap().split("</pre>").next().unwrap();
    assert!(leak.contains("/api/v1/leaked-keys") && !leak.contains("X-AN-APP-KEY"), "{leak}");
}

/// Each example of `docs/api.md`, as a reader would run it. The status that it gives stands behind it.
#[actix_web::test]
async fn the_examples_of_the_manual_work() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md")).unwrap();
    let blocks: Vec<&str> = manual.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= rows().len(), "one for each call");
    let (mut answered, mut asked) = (Value::Null, String::new());
    let (mut key_id, mut device_id, mut broadcast_id) = (String::new(), String::new(), String::new());
    for block in blocks {
        let (command, wanted) = block.trim().rsplit_once("# ").unwrap_or_else(|| panic!("no status behind {block}"));
        let script = command.trim().replacen("curl ", "curl -sS -w '\\n%{http_code}' ", 1);
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(&script).stdin(Stdio::null());
        shell.envs([
            ("HUB", &hub.base),
            ("KEY", &site.key),
            ("KEY_ID", &key_id),
            ("DEVICE_ID", &device_id),
            ("BROADCAST_ID", &broadcast_id),
        ]);
        let output = actix_web::rt::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap();
        let may_be: Vec<&str> = wanted.split(|c: char| !c.is_ascii_digit()).filter(|word| word.len() == 3).collect();
        assert!(may_be.contains(&status), "{status} is not {wanted}: {command}\n{body}");
        asked += command;
        if !body.is_empty() {
            answered = serde_json::from_str(body).unwrap();
        }
        // What a reader copies out of one answer into the next command.
        let id = answered["id"].as_str().unwrap_or_default().to_owned();
        if command.contains("/keys\"") && status == "201" && answered["device_id"].is_null() {
            key_id = id;
        } else if let Some(device) = answered["device_id"].as_str() {
            device_id = device.to_owned();
        } else if command.contains("/broadcasts\"") && status == "202" {
            broadcast_id = id;
        }
    }
    let asked = asked.replace("$KEY_ID", "{key}").replace("$DEVICE_ID", "{device}").replace("$BROADCAST_ID", "{broadcast}");
    for (path, method) in rows() {
        let is_there = asked.lines().any(|line| {
            let of_method = if method == "get" { !line.contains("-X") } else { line.contains(&format!("-X {}", method.to_uppercase())) };
            of_method && (line.contains(&format!("$HUB{path}\"")) || line.contains(&format!("$HUB{path}?")))
        });
        assert!(is_there, "docs/api.md has no example of {method} {path}");
    }
}

/// One that was issued by AirNotifier's bits, say to send alone.
#[actix_web::test]
async fn a_key_that_may_less_does_no_more_by_the_api() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    site.enrol(TOKEN).await;
    let given = site.call(Method::POST, "/api/v2/accesskeys", json!({"permission": 4}).to_string()).await;
    let sender = TestSite { hub: &hub, account: site.account, id: site.id, key: given.json()["accesskey"].as_str().unwrap().to_owned() };
    let device = items(&site, "/devices").await[0]["id"].as_str().unwrap().to_owned();
    let keys = items(&site, "/keys").await;
    let id_of = |key: &str| {
        let found = keys.iter().find(|listed| key.starts_with(listed["prefix"].as_str().unwrap())).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let (full, own) = (id_of(&site.key), id_of(&sender.key));
    for (method, path, body, said) in [
        (Method::DELETE, format!("/devices/{device}"), Value::Null, "403 no_permission"),
        (Method::PATCH, format!("/devices/{device}"), json!({"name": "x"}), "403 no_permission"),
        (Method::DELETE, format!("/keys/{full}"), Value::Null, "403 may_not_issue"),
        (Method::POST, format!("/keys/{full}/rotate"), Value::Null, "403 may_not_issue"),
        (Method::POST, "/keys".to_owned(), json!({"kind": "site"}), "403 may_not_issue"),
        (Method::POST, "/broadcasts".to_owned(), json!({"alert": "x"}), "403 may_not_broadcast"),
    ] {
        assert_eq!(call(&sender, method.clone(), &path, body).await.said(), said, "{method} {path}");
    }
    // Its own it may give up.
    assert_eq!(call(&sender, Method::DELETE, &format!("/keys/{own}"), Value::Null).await.status.as_u16(), 204);
    assert_eq!(site.push(TOKEN).await.said(), "202");
}

#[actix_web::test]
async fn a_broadcast_is_refused_like_a_push_and_counted_once() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__BROADCASTS_PER_HOUR", "1")]).await;
    let site = hub.active_site().await;
    let ask = |name: &'static str, alert: &'static str| {
        let site = &site;
        async move { call_with(site, &[("Idempotency-Key", name)], Method::POST, "/broadcasts", json!({"alert": alert})).await }
    };
    let first = ask("one", "x").await;
    assert_eq!(first.status.as_u16(), 202);
    assert_eq!(ask("one", "x").await.body, first.body, "a repetition is none");
    assert_eq!(ask("two", "x").await.said(), "429 rate_limited");
    hub.clock.advance(Duration::from_secs(3_600));
    hub.suspend(site.id).await;
    assert_eq!(ask("three", "x").await.said(), "403 site_suspended");
}
