//! Who holds an access key: the decision table of design.md section 6, row by row.

use std::time::Duration;

use actix_web::http::Method;
use belfry::keys::{self, KeyKind};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::{APP, TestHub, moodle_push};

const TOKEN: &str = "fcm-token:0123456789_abcdef-XYZ";

#[actix_web::test]
async fn the_first_check_that_fails_answers() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let push = |headers: Vec<(&'static str, String)>, body: String| {
        let hub = &hub;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            hub.send(Method::POST, "/api/v2/push", &headers, body).await
        }
    };
    let name = || ("X-AN-APP-NAME", APP.to_owned());
    let key = || ("X-AN-APP-KEY", site.key.clone());
    let rows = [
        (vec![], "{}", "400 app_name_required"),
        (vec![key()], "{}", "400 app_name_required"),
        (vec![name()], "{}", "400 app_key_required"),
        (vec![name(), ("X-AN-APP-KEY", "".into())], "{}", "400 malformed_key"),
        (vec![name(), ("X-AN-APP-KEY", "d41d8cd98f00b204e9800998ecf8427e".into())], "{}", "400 malformed_key"),
        (vec![("X-AN-APP-NAME", "CommoodleMoodlemobile".into()), key()], "{}", "400 unknown_app"),
        (vec![name(), key()], "", "400 invalid_body"),
        (vec![name(), key()], "[1]", "400 invalid_body"),
        (vec![name(), key()], "{\"token\": 7}", "400 invalid_body"),
        (vec![name(), key()], "{\"token\": \"t\", \"device\": \"pigeon\"}", "400 invalid_body"),
        (vec![("x-an-app-name", APP.to_owned()), ("x-an-app-key", site.key.clone())], &moodle_push(TOKEN), "202"),
    ];
    for (headers, body, wanted) in rows {
        assert_eq!(push(headers.clone(), body.to_owned()).await.said(), wanted, "{headers:?} {body}");
    }
    let answer = push(vec![name()], String::new()).await;
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "code": "app_key_required",
      "error": "app key is required",
      "help": "http://127.0.0.1:8080/help#app_key_required"
    }
    "#);
}

#[actix_web::test]
async fn a_stranger_of_the_right_form_is_unknown_and_a_revoked_key_is_told_so() {
    let hub = TestHub::start().await;
    let (site, other) = (hub.active_site().await, TestHub::start().await);
    let foreign = other.active_site().await.key.clone();
    assert_eq!(site.call_with(&foreign, Method::POST, "/api/v2/push", "{}").await.said(), "400 unknown_key");
    let (id, key) = hub.key(site.id, KeyKind::Site).await;
    assert_eq!(site.call_with(&key, Method::POST, "/api/v2/push", moodle_push(TOKEN)).await.said(), "202");
    let (now, site_id) = (hub.clock.now(), site.id);
    hub.hub.db.write(move |tx| keys::revoke(tx, now, belfry::audit::Actor::Operator, site_id, id, "")).await.unwrap();
    assert_eq!(site.call_with(&key, Method::POST, "/api/v2/push", moodle_push(TOKEN)).await.said(), "400 key_revoked");
    assert_eq!(site.push(TOKEN).await.said(), "202");
}

#[actix_web::test]
async fn only_an_active_site_pushes() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    assert_eq!(site.push(TOKEN).await.said(), "202");
    hub.suspend(site.id).await;
    let refused = site.push(TOKEN).await;
    assert_eq!(refused.said(), "403 site_suspended");
    assert_eq!(site.enrol(TOKEN).await.said(), "403 site_suspended");
}

#[actix_web::test]
async fn a_devices_key_enrols_and_does_nothing_else() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (_, key) = hub.key(site.id, KeyKind::Devices).await;
    assert_eq!(site.call_with(&key, Method::POST, &format!("/tokens/{TOKEN}"), "").await.body, r#"{"status":"ok"}"#);
    assert_eq!(site.call_with(&key, Method::POST, "/api/v2/push", moodle_push(TOKEN)).await.said(), "403 may_not_send");
    assert_eq!(site.call_with(&key, Method::DELETE, &format!("/tokens/{TOKEN}"), "").await.said(), "403 may_not_delete");
}

#[actix_web::test]
async fn enrolment_in_each_spelling() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    assert_eq!(site.enrol(TOKEN).await.body, r#"{"status":"ok"}"#);
    assert_eq!(site.enrol(TOKEN).await.body, r#"{"status":"token exists"}"#);
    assert_eq!(site.call(Method::POST, &format!("/tokens/{TOKEN}/"), "").await.body, r#"{"status":"token exists"}"#);
    let form = "--b\r\nContent-Disposition: form-data; name=\"device\"\r\n\r\niOS-fcm\r\n--b--\r\n";
    let headers = [("X-AN-APP-NAME", APP), ("X-AN-APP-KEY", site.key.as_str()), ("Content-Type", "multipart/form-data; boundary=b")];
    assert_eq!(hub.send(Method::POST, "/tokens/another-token-1", &headers, form).await.body, r#"{"status":"ok"}"#);
    let broken = hub.send(Method::POST, "/tokens/another-token-2", &headers, "no form").await;
    assert_eq!(broken.said(), "400 invalid_body");
    assert_eq!(site.call(Method::POST, "/tokens/short?device=ios", "").await.said(), "400 invalid_token");
    for path in ["/api/v2/tokens", "/api/v2/tokens/"] {
        let answer = site.call(Method::POST, path, r#"{"token":"v2-token","device":"Android-fcm","channel":"default"}"#).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{path}");
    }
    assert_eq!(site.call(Method::POST, "/api/v2/tokens", "device=fcm").await.said(), "400 invalid_body");
    assert_eq!(site.call(Method::DELETE, "/api/v2/tokens/v2-token", "").await.body, r#"{"status":"deleted"}"#);
    let gone = site.call(Method::DELETE, "/tokens/v2-token", "").await;
    assert_eq!((gone.status.as_u16(), gone.json()["status"].as_str()), (404, Some("Token doesn't exist")));
}

#[actix_web::test]
async fn a_token_belongs_to_the_site_that_enrolled_it() {
    let hub = TestHub::with(&[("BELFRY_DEVICES__BINDING", "strict")]).await;
    let (mine, yours) = (hub.active_site().await, hub.site("other@school.example", true).await);
    assert_eq!(mine.enrol(TOKEN).await.status.as_u16(), 200);
    assert_eq!(mine.push(TOKEN).await.said(), "202");
    assert_eq!(yours.push(TOKEN).await.said(), "400 unknown_token");
    assert_eq!(yours.call(Method::DELETE, &format!("/tokens/{TOKEN}"), "").await.status.as_u16(), 404);
    assert_eq!(mine.push(TOKEN).await.said(), "202");
}

/// Moodle pushes to a renewed token without ever enrolling it (`wire/moodle-client.md` 0, point 9).
#[actix_web::test]
async fn a_push_to_a_token_never_seen_enrols_it() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    assert_eq!(site.push("renewed-token-0123456789").await.said(), "202");
    assert_eq!(site.enrol("renewed-token-0123456789").await.body, r#"{"status":"token exists"}"#);
}

/// Green, red or no line at all on Moodle's check page hang on this (`wire/moodle-client.md` 6).
#[actix_web::test]
async fn moodles_check_of_its_key_is_green_only_when_all_is_well() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let check = |key: String| {
        let site = &site;
        async move {
            let answer = site.call_with(&key, Method::POST, "/tokens/testtoken", "").await;
            let json = answer.json();
            format!("{} {} {}", answer.status.as_u16(), json["error"].as_str().unwrap(), json["code"].as_str().unwrap())
        }
    };
    assert_eq!(check(site.key.clone()).await, "400 Invalid token invalid_token");
    assert_eq!(check("wrong".into()).await, "400 Invalid access key malformed_key");
    hub.suspend(site.id).await;
    assert_eq!(check(site.key.clone()).await, "400 Invalid access key site_suspended");
}

#[actix_web::test]
async fn a_site_is_held_to_its_rate_and_told_when_to_come_back() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__PUSH_PER_SECOND", "1"), ("BELFRY_LIMITS__PUSH_BURST", "3")]).await;
    let site = hub.active_site().await;
    for _ in 0..3 {
        assert_eq!(site.push(TOKEN).await.said(), "202");
    }
    let refused = site.push(TOKEN).await;
    assert_eq!(refused.said(), "429 rate_limited");
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.headers["ratelimit-policy"], r#""push";q=3;w=3"#);
    assert_eq!(refused.headers["ratelimit"], r#""push";r=0;t=1"#);
    hub.clock.advance(Duration::from_secs(1));
    assert_eq!(site.push(TOKEN).await.said(), "202");
}

#[actix_web::test]
async fn a_day_has_its_quota() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__PUSH_PER_DAY", "2")]).await;
    let site = hub.active_site().await;
    assert_eq!(site.push(TOKEN).await.said(), "202");
    assert_eq!(site.push(TOKEN).await.said(), "202");
    assert_eq!(site.push(TOKEN).await.said(), "429 quota_exceeded");
    hub.clock.advance(Duration::from_secs(86_400));
    assert_eq!(site.push(TOKEN).await.said(), "202");
}

/// Never 404 for a limit: Moodle would delete the user's device.
#[actix_web::test]
async fn one_device_is_not_flooded() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__PUSH_PER_DEVICE_PER_MINUTE", "2")]).await;
    let site = hub.active_site().await;
    // The first push enrols, and the device is in memory from then on.
    assert_eq!(site.push(TOKEN).await.said(), "202");
    assert_eq!(site.push(TOKEN).await.said(), "202");
    assert_eq!(site.push(TOKEN).await.said(), "429 device_rate_limited");
    assert_eq!(site.push("another-token-0123456789").await.said(), "202");
    hub.clock.advance(Duration::from_secs(60));
    assert_eq!(site.push(TOKEN).await.said(), "202");
}

/// Who enrols a device again gets no second minute's pushes to it.
#[actix_web::test]
async fn enrolling_again_does_not_open_the_flood_gate() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__PUSH_PER_DEVICE_PER_MINUTE", "2")]).await;
    let site = hub.active_site().await;
    for _ in 0..2 {
        assert_eq!(site.push(TOKEN).await.said(), "202");
    }
    assert_eq!(site.enrol(TOKEN).await.body, r#"{"status":"token exists"}"#);
    assert_eq!(site.push(TOKEN).await.said(), "429 device_rate_limited");
}

/// Moodle puts a token into the path as it is (`wire/moodle-client.md` 4).
#[actix_web::test]
async fn a_token_may_have_a_slash_in_it() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    assert_eq!(site.enrol("tok/with:odd_chars-1").await.body, r#"{"status":"ok"}"#);
    assert_eq!(site.enrol("tok/with:odd_chars-1/").await.body, r#"{"status":"token exists"}"#);
    assert_eq!(site.push("tok/with:odd_chars-1").await.said(), "202");
    let deleted = site.call(Method::DELETE, "/api/v2/tokens/tok/with:odd_chars-1", "").await;
    assert_eq!(deleted.body, r#"{"status":"deleted"}"#);
}

/// What is no form is not picked apart as one, and a list is no object (`wire/airnotifier-server.md` 5 and 11).
#[actix_web::test]
async fn nothing_is_read_out_of_a_body_of_another_kind() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let headers = [("X-AN-APP-NAME", APP), ("X-AN-APP-KEY", site.key.as_str()), ("Content-Type", "application/json")];
    let answer = hub.send(Method::POST, "/tokens/json-token-0123456789", &headers, r#"{"a":"&device=pig/eon&"}"#).await;
    assert_eq!(answer.body, r#"{"status":"ok"}"#);
    for body in [r#"["list-token-0123456789"]"#, "\"text\"", "7", "null", ""] {
        assert_eq!(site.call(Method::POST, "/api/v2/tokens", body).await.said(), "400 invalid_body", "{body}");
    }
    let junk = b"--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n\xff\xfe\r\n--b--\r\n";
    let multipart = [headers[0], headers[1], ("Content-Type", "multipart/form-data; boundary=b")];
    assert_eq!(hub.send(Method::POST, "/tokens/other-token-0123456789", &multipart, *junk).await.body, r#"{"status":"ok"}"#);
}

/// `wire/airnotifier-server.md` 5: long ones of an old app are FCM's, in the path; in JSON a token of APNs is exact.
#[actix_web::test]
async fn an_ios_token_has_64_digits_or_is_fcms() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let hex = "0123456789abcdef".repeat(4);
    assert_eq!(site.call(Method::POST, &format!("/tokens/{hex}?device=iOS"), "").await.body, r#"{"status":"ok"}"#);
    assert_eq!(site.call(Method::POST, &format!("/tokens/{hex}:long?device=iOS"), "").await.body, r#"{"status":"ok"}"#);
    for token in [&hex[1..], &format!("{}z", &hex[1..])] {
        assert_eq!(site.call(Method::POST, &format!("/tokens/{token}?device=ios"), "").await.said(), "400 invalid_token");
    }
    let long = format!(r#"{{"device":"ios","token":"{hex}00"}}"#);
    assert_eq!(site.call(Method::POST, "/api/v2/tokens", long).await.said(), "400 invalid_token");
}

/// A key that is on every phone can't use up what the site enrols with, nor can deletes go on without end.
#[actix_web::test]
async fn each_way_of_enrolling_has_its_own_rate() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__ENROL_PER_SECOND", "1"), ("BELFRY_LIMITS__ENROL_BURST", "2")]).await;
    let site = hub.active_site().await;
    let (_, devices) = hub.key(site.id, KeyKind::Devices).await;
    let by_itself = |n: u8| {
        let (site, devices) = (&site, &devices);
        async move { site.call_with(devices, Method::POST, &format!("/tokens/own-token-0123456789-{n}"), "").await.said() }
    };
    assert_eq!([by_itself(1).await, by_itself(2).await, by_itself(3).await], ["200", "200", "429 rate_limited"]);
    for (n, wanted) in [(1, "200"), (2, "200"), (3, "429 rate_limited")] {
        assert_eq!(site.enrol(&format!("site-token-0123456789-{n}")).await.said(), wanted);
    }
    for (n, wanted) in [(1, "202"), (2, "202"), (3, "429 rate_limited")] {
        assert_eq!(site.push(&format!("push-token-0123456789-{n}")).await.said(), wanted);
    }
    assert_eq!(site.call(Method::DELETE, "/tokens/nobodys-token", "").await.said(), "429 rate_limited");
    hub.clock.advance(Duration::from_secs(1));
    assert_eq!(site.call(Method::DELETE, "/tokens/nobodys-token", "").await.status.as_u16(), 404);
}

/// The body is looked at in its turn: who has no good key hears of that, whatever the body.
#[actix_web::test]
async fn a_bad_body_does_not_come_before_a_bad_key() {
    let hub = TestHub::start().await;
    let large = "x".repeat(70_000);
    for (path, method) in [("/api/v2/push", Method::POST), ("/api/v2/tokens", Method::POST), ("/tokens/some-token", Method::POST)] {
        assert_eq!(hub.send(method.clone(), path, &[], large.clone()).await.said(), "400 app_name_required", "{path}");
        let headers = [("X-AN-APP-NAME", APP), ("X-AN-APP-KEY", "none"), ("Content-Type", "multipart/form-data; boundary=b")];
        assert_eq!(hub.send(method, path, &headers, "no form").await.said(), "400 malformed_key", "{path}");
    }
}

#[actix_web::test]
async fn what_is_too_large_is_refused() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let body = serde_json::json!({"token": TOKEN, "extra": {"processor": "moodle", "site": "s".repeat(5_000)}}).to_string();
    assert_eq!(site.call(Method::POST, "/api/v2/push", body).await.said(), "413 payload_too_large");
    assert_eq!(site.call(Method::POST, "/api/v2/push", "x".repeat(70_000)).await.said(), "413 body_too_large");
}

#[actix_web::test]
async fn what_is_no_route_answers_in_json() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    assert_eq!(site.call(Method::POST, "/api/v2/nothing", "").await.said(), "404 no_such_route");
    assert_eq!(site.call(Method::GET, "/api/v2/push", "").await.said(), "405 method_not_allowed");
    assert_eq!(site.call(Method::PUT, "/tokens/x", "").await.said(), "405 method_not_allowed");
}

/// Whatever the body: a 4xx that names the fault, or an accepted push; never a 5xx, never a connection cut.
#[actix_web::test]
async fn no_body_breaks_it() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__PUSH_BURST", "100000"), ("BELFRY_LIMITS__ENROL_BURST", "100000")]).await;
    let site = hub.active_site().await;
    let json = "(\\{|\\}|\\[|\\]|\"token\"|\"alert\"|\"extra\"|\"processor\"|\"moodle\"|\"device\"|:|,|null|1e999|-0|true|\"x\"|\"\\\\ud800\"| ){0,24}";
    let value = "(\"[a-zäß\\\\n]{0,12}\"|[0-9]{1,30}|null|true|\\[\\]|\\{\\}|\\{\"a\":\\{\"b\":\\[1,2\\]\\}\\})";
    let shaped = format!(
        "\\{{\"token\":{value},\"device\":{value},\"alert\":{value},\"extra\":\\{{\"processor\":\"moodle\",\"[a-z]{{1,8}}\":{value},\"notification\":{value}\\}}\\}}"
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1));
    for strategy in [json, shaped.as_str()] {
        let strategy = proptest::string::string_regex(strategy).unwrap();
        for _ in 0..150 {
            let body = strategy.new_tree(&mut runner).unwrap().current();
            for (method, path) in [(Method::POST, "/api/v2/push"), (Method::POST, "/api/v2/tokens"), (Method::POST, "/tokens/some-token")] {
                let answer = site.call(method, path, body.clone()).await;
                assert!(answer.status.as_u16() < 500 && answer.status.as_u16() != 404, "{path} {body}: {answer:?}");
                if answer.status.is_client_error() {
                    let json = answer.json();
                    assert!(json["code"].is_string() && json["error"].is_string() && json["help"].is_string(), "{answer:?}");
                }
            }
        }
    }
}
