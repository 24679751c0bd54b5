use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::extra::MOST_MEMBERS;
use super::*;
use crate::gateways::decode::decode;

fn sent(body: &Json, limit: usize) -> Result<Json, CantTranslate> {
    let body = body.to_string();
    let message = translate(&decode(body.as_bytes()).unwrap(), limit, None)?;
    assert!(message.payload_bytes() <= limit);
    Ok(serde_json::from_slice(&message.airnotifier_json("T")).unwrap())
}

fn forum_post() -> Json {
    json!({"device": "Android-fcm", "token": "t", "extra": {
        "processor": "moodle", "component": "mod_forum", "name": "posts", "notification": 1, "subject": "New post", "smallmessage": "Hello ä",
        "sitefullname": "School", "wwwroot": "https://m.example", "site": "0123", "userfromid": -10, "usertoid": "3", "courseid": 2,
        "contexturl": "https://m.example/x?a=1&b=2", "customdata": "{\"a\":1}", "savedmessageid": 77, "convid": null, "attachment": "",
        "encrypted": false, "fullmessage": "long", "tomorrow": "new"}})
}

#[test]
fn a_moodle_notification_is_what_the_app_reads() {
    assert_eq!(
        sent(&forum_post(), 4096).unwrap(),
        json!({"device": "fcm", "token": "T", "alert": {"title": "New post", "body": "Hello ä"}, "fcm": {
            "data": {
                "notif": "1", "moodlecomponent": "mod_forum", "siteurl": "https://m.example", "encrypted": "0", "notId": "77", "name": "posts",
                "sitefullname": "School", "site": "0123", "userfromid": "-10", "usertoid": "3", "courseid": "2",
                "contexturl": "https://m.example/x?a=1&b=2", "customdata": "{\"a\":1}", "savedmessageid": "77", "tomorrow": "new"},
            "android": {"priority": "high", "ttl": "86400s", "notification": {"channel_id": "PushPluginChannel"}},
            "apns": {"headers": {"apns-priority": "10", "apns-push-type": "alert"}, "payload": {"aps": {"sound": "default"}}}}})
    );
}

#[test]
fn a_sealed_push_is_data_only_and_untouched() {
    let sealed = "c2VhbGVk".repeat(20);
    let body = json!({"device": "iOS-fcm", "token": "t", "alert": null, "extra": {
        "processor": "moodle", "encrypted": true, "notification": 0, "component": "moodle", "subject": sealed, "smallmessage": sealed,
        "sitefullname": sealed, "userfromid": sealed, "userfromfullname": sealed, "contexturl": sealed, "site": "0123"}});
    let out = sent(&body, 4096).unwrap();
    assert_eq!(out["alert"], Json::Null);
    let data = &out["fcm"]["data"];
    for name in ["subject", "smallmessage", "sitefullname", "userfromid", "userfromfullname", "contexturl"] {
        assert_eq!(data[name], sealed, "{name}");
    }
    assert_eq!((&data["encrypted"], &data["notif"]), (&json!("1"), &json!("0")));
    assert_eq!(out["fcm"]["apns"]["payload"]["aps"]["content-available"], 1);
    assert!(matches!(sent(&body, 500), Err(CantTranslate::TooLarge { .. })));
}

#[test]
fn too_much_loses_what_can_be_spared_then_text() {
    let mut body = forum_post();
    body["extra"]["customdata"] = json!("x".repeat(3_000));
    body["extra"]["smallmessage"] = json!("ä".repeat(3_000));
    let out = sent(&body, 4096).unwrap();
    assert!(out["fcm"]["data"].get("customdata").is_none());
    assert!(out["alert"]["body"].as_str().unwrap().ends_with("ä…"));
    for name in ["notif", "moodlecomponent", "name", "site", "savedmessageid"] {
        assert!(out["fcm"]["data"].get(name).is_some(), "{name}");
    }
    body["extra"]["site"] = json!("s".repeat(5_000));
    assert!(matches!(sent(&body, 4096), Err(CantTranslate::TooLarge { .. })));
}

#[test]
fn what_no_moodle_sent_passes_unchanged() {
    let fcm = json!({"data": {"a": "1"}, "android": {"priority": "normal"}});
    let out = sent(&json!({"token": "t", "alert": {"title": "A", "body": "B"}, "fcm": fcm, "extra": {"x": 1}}), 4096).unwrap();
    assert_eq!(out, json!({"device": "fcm", "token": "T", "alert": {"title": "A", "body": "B"}, "fcm": fcm}));
    let out = sent(&json!({"token": "t", "alert": "A"}), 4096).unwrap();
    assert_eq!(out["alert"], json!({"title": "A", "body": "A"}));
    assert_eq!(sent(&json!({"token": "t", "extra": {"processor": "os"}}), 4096), Err(CantTranslate::UnknownProcessor("os".into())));
}

#[test]
fn an_alert_in_languages_is_sent_in_the_devices() {
    let body = json!({"token": "t", "alert": {"en": "Hello", "es": "Hola"}}).to_string();
    for (language, text) in [(Some("es"), "Hola"), (Some("es_mx"), "Hola"), (Some("fr"), "Hello"), (None, "Hello")] {
        let message = translate(&decode(body.as_bytes()).unwrap(), 4096, language).unwrap();
        let out: Json = serde_json::from_slice(&message.airnotifier_json("T")).unwrap();
        assert_eq!(out["alert"]["body"], text, "{language:?}");
    }
}

fn data_of(extra: Json) -> Json {
    let mut extra = extra;
    extra["processor"] = json!("moodle");
    sent(&json!({"token": "t", "extra": extra}), 4096).unwrap()["fcm"]["data"].clone()
}

/// Each row of `wire/moodle-app.md` 3.
#[test]
fn each_member_goes_where_the_app_reads_it() {
    for (name, value, key, wanted) in [
        ("notification", json!(1), "notif", "1"),
        ("notification", json!("1"), "notif", "1"),
        ("notification", json!(true), "notif", "1"),
        ("notification", json!(0), "notif", "0"),
        ("notification", json!(null), "notif", "0"),
        ("component", json!("mod_forum"), "moodlecomponent", "mod_forum"),
        ("name", json!("posts"), "name", "posts"),
        ("site", json!("0123"), "site", "0123"),
        ("wwwroot", json!("https://m.example"), "siteurl", "https://m.example"),
        ("siteurl", json!("https://m.example"), "siteurl", "https://m.example"),
        ("usertoid", json!("4"), "usertoid", "4"),
        ("userfromid", json!(-10), "userfromid", "-10"),
        ("userfromfullname", json!("Do not reply "), "userfromfullname", "Do not reply "),
        ("courseid", json!(1), "courseid", "1"),
        ("convid", json!("1"), "convid", "1"),
        ("conversationtype", json!(1), "conversationtype", "1"),
        ("contexturl", json!("https://m.example/x?a=1&b=2#c"), "contexturl", "https://m.example/x?a=1&b=2#c"),
        ("savedmessageid", json!(20), "savedmessageid", "20"),
        ("savedmessageid", json!(20), "notId", "20"),
        ("savedmessageid", json!("20"), "notId", "20"),
        ("savedmessageid", json!(2_147_483_647_u64), "notId", "2147483647"),
        ("savedmessageid", json!(2_147_483_648_u64), "notId", "1"),
        ("savedmessageid", json!(4_294_967_301_u64), "notId", "5"),
        ("customdata", json!("{\"a\": 1}"), "customdata", "{\"a\": 1}"),
        ("customdata", json!({"a": 1}), "customdata", "{\"a\":1}"),
        ("date", json!(1_795_444_354), "date", "1795444354"),
        ("timecreated", json!(1.5), "timecreated", "1.5"),
        ("encrypted", json!(false), "encrypted", "0"),
        ("tomorrow", json!(true), "tomorrow", "1"),
    ] {
        assert_eq!(data_of(json!({ name: value }))[key], wanted, "{name} {value}");
    }
}

#[test]
fn what_the_app_does_not_read_is_not_sent() {
    for name in [
        "notification",
        "component",
        "wwwroot",
        "processor",
        "smallmessage",
        "fullmessage",
        "fullmessagehtml",
        "subject",
        "attachment",
        "attachname",
        "replyto",
        "replytoname",
        "title",
        "body",
        "message",
        "alert",
        "from",
        "message_type",
        "google.x",
        "gcm",
        "",
    ] {
        assert!(data_of(json!({ name: "x" })).get(name).is_none(), "{name}");
    }
    for (name, value) in [
        ("convid", json!(null)),
        ("convid", json!("")),
        ("tomorrow", json!({"a": 1})),
        ("tomorrow", json!([1])),
        ("data", json!("{\"notification\":null}")),
    ] {
        assert!(data_of(json!({ name: value })).get(name).is_none(), "{name} {value}");
    }
}

/// What a stock AirNotifier was seen to pass on unchanged (`wire/airnotifier/push-as-hub.json`, the first two).
#[test]
fn data_is_what_an_airnotifier_passed_on() {
    let wanted = json!({
        "notif": "1", "moodlecomponent": "mod_forum", "name": "posts", "site": "0123456789abcdef0123456789abcdef",
        "siteurl": "https://moodle.example", "contexturl": "https://moodle.example/mod/forum/discuss.php?d=7#p9",
        "customdata": "{\"cmid\":3}", "savedmessageid": "77", "notId": "77", "userfromid": "4", "encrypted": "0"});
    let mut extra = json!({
        "processor": "moodle", "notification": 1, "component": "mod_forum", "name": "posts", "site": "0123456789abcdef0123456789abcdef",
        "wwwroot": "https://moodle.example", "contexturl": "https://moodle.example/mod/forum/discuss.php?d=7#p9",
        "customdata": "{\"cmid\":3}", "savedmessageid": 77, "userfromid": 4, "encrypted": false, "subject": "Re: Welcome",
        "smallmessage": "Tim Tutor posted in Announcements"});
    let out = sent(&json!({"token": "t", "extra": extra}), 4096).unwrap();
    assert_eq!(out["alert"], json!({"title": "Re: Welcome", "body": "Tim Tutor posted in Announcements"}));
    assert_eq!(out["fcm"]["data"], wanted);
    for name in ["subject", "smallmessage"] {
        extra[name] = json!("8C6fQ==");
    }
    extra["encrypted"] = json!(true);
    let out = sent(&json!({"token": "t", "alert": null, "extra": extra}), 4096).unwrap();
    let mut sealed = wanted;
    for (name, value) in [("encrypted", "1"), ("subject", "8C6fQ=="), ("smallmessage", "8C6fQ==")] {
        sealed[name] = json!(value);
    }
    assert_eq!((&out["alert"], &out["fcm"]["data"]), (&Json::Null, &sealed));
    assert_eq!(
        out["fcm"]["apns"],
        json!({"headers": {"apns-priority": "5", "apns-push-type": "background"}, "payload": {"aps": {"content-available": 1}}})
    );
}

#[test]
fn a_title_and_a_text_are_found() {
    let shown = |extra: Json, alert: Option<Json>| {
        let mut body = json!({"token": "t", "extra": extra});
        if let Some(alert) = alert {
            body["alert"] = alert;
        }
        sent(&body, 4096).unwrap()["alert"].clone()
    };
    let moodle = |names: &[&str]| {
        let mut extra = json!({"processor": "moodle", "component": "x"});
        for name in names {
            extra[*name] = json!(name);
        }
        extra
    };
    assert_eq!(
        shown(moodle(&["subject", "sitefullname", "smallmessage", "fullmessage"]), None),
        json!({"title": "subject", "body": "smallmessage"})
    );
    assert_eq!(shown(moodle(&["sitefullname", "fullmessage"]), None), json!({"title": "sitefullname", "body": "fullmessage"}));
    assert_eq!(shown(moodle(&[]), None), json!({"title": "Notification"}));
    assert_eq!(shown(json!({"component": "x", "smallmessage": "b"}), None), json!({"title": "Notification", "body": "b"}));
    assert_eq!(shown(moodle(&["subject"]), Some(json!("given"))), json!({"title": "given", "body": "given"}));
    assert_eq!(shown(moodle(&["subject"]), Some(json!({"title": "a", "image": "i"}))), json!({"title": "a", "image": "i"}));
    assert_eq!(shown(moodle(&["subject"]), Some(json!({"en": {"title": "a"}}))), json!({"title": "a"}));
}

#[test]
fn a_map_that_is_no_map_of_languages_passes_unchanged() {
    for map in [json!({"sound": "x"}), json!({"title": "x"}), json!({"body": "x"}), json!({"en": 1}), json!({})] {
        assert_eq!(sent(&json!({"token": "t", "alert": map}), 4096).unwrap()["alert"], map);
    }
    let body = json!({"token": "t", "alert": {"en": "Hello", "fi": "Hei", "pt_BR": "Oi"}}).to_string();
    for (language, text) in [("fil", "Hello"), ("pt-br", "Oi"), ("fi_x", "Hei"), ("é", "Hello")] {
        let message = translate(&decode(body.as_bytes()).unwrap(), 4096, Some(language)).unwrap();
        let out: Json = serde_json::from_slice(&message.airnotifier_json("T")).unwrap();
        assert_eq!(out["alert"]["body"], text, "{language}");
    }
}

/// `android.notification` alone makes FCM show an empty notification.
#[test]
fn data_only_is_silent_even_when_nothing_is_sealed() {
    let out =
        sent(&json!({"token": "t", "alert": null, "extra": {"processor": "moodle", "smallmessage": "x", "subject": "s"}}), 4096).unwrap();
    assert!(out["alert"].is_null() && out["fcm"]["android"].get("notification").is_none());
    assert_eq!(out["fcm"]["apns"]["headers"]["apns-push-type"], "background");
    assert_eq!((&out["fcm"]["data"]["subject"], &out["fcm"]["data"]["encrypted"]), (&json!("s"), &json!("0")));
}

#[test]
fn what_is_sealed_is_never_shown_even_beside_an_alert() {
    for alert in [json!("x"), json!({"title": "x"})] {
        let out = sent(&json!({"token": "t", "alert": alert, "extra": {"processor": "moodle", "encrypted": "1", "subject": "c2U="}}), 4096)
            .unwrap();
        assert_eq!((&out["alert"], &out["fcm"]["data"]["subject"]), (&Json::Null, &json!("c2U=")));
    }
}

/// An escape is counted as the gateways count it: as the character it stands for.
#[test]
fn bytes_are_counted_as_text() {
    for json in [r#""\u4f60\u597d \ud83d\udc4b \u00e5 \u0041 \" \\ \/ \n""#, r#""plain åäö {[,:]}""#] {
        assert_eq!(text_bytes(json), serde_json::from_str::<String>(json).unwrap().len(), "{json}");
    }
    assert_eq!(text_bytes(r#" { "ab" : [ "c", 12, true ] } "#), "abc12true".len());
    let body = format!(r#"{{"token":"t","alert":{{"title":"x","body":"{}"}}}}"#, "\\u4f60".repeat(1_000));
    assert_eq!(translate(&decode(body.as_bytes()).unwrap(), 4096, None).unwrap().payload_bytes(), "titlexbody".len() + 3_000);
}

#[test]
fn what_is_unknown_goes_before_the_text_is_cut() {
    let mut body = forum_post();
    body["extra"]["tomorrow"] = json!("x".repeat(5_000));
    let out = sent(&body, 4096).unwrap();
    assert_eq!((out["alert"]["body"].as_str(), out["fcm"]["data"].get("tomorrow")), (Some("Hello ä"), None));
}

/// Members are compared with one another: a body full of them must not keep a worker busy.
#[test]
fn more_members_than_any_moodle_sends_are_refused() {
    let with = |n: usize| {
        let mut extra: serde_json::Map<String, Json> = (0..n).map(|i| (format!("m{i}"), json!(1))).collect();
        extra.insert("processor".into(), json!("moodle"));
        sent(&json!({"token": "t", "extra": extra}), 4096)
    };
    assert!(with(MOST_MEMBERS - 1).is_ok());
    assert!(matches!(with(MOST_MEMBERS), Err(CantTranslate::BadField { field: "extra", .. })));
}

/// Every push that a real Moodle sent in the recorded exchanges translates, and the sealed ones go out as they came.
#[test]
fn recorded_pushes_translate() {
    const PLAIN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/moodle/push.json"));
    const SEALED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/moodle/push-encrypted.json"));
    let (mut plain, mut sealed) = (0, 0);
    for file in [PLAIN, SEALED] {
        let exchanges: Vec<Json> = serde_json::from_str(file).unwrap();
        for body in exchanges.iter().filter_map(|exchange| exchange["request"]["body"].as_str()) {
            let extra = serde_json::from_str::<Json>(body).unwrap()["extra"].clone();
            let message = translate(&decode(body.as_bytes()).unwrap(), 4096, None).unwrap();
            let out: Json = serde_json::from_slice(&message.airnotifier_json("T")).unwrap();
            let data = &out["fcm"]["data"];
            assert!(message.payload_bytes() <= 4096 && data.get("notification").is_none(), "{body}");
            assert_eq!(data["notif"], extra["notification"].to_string());
            assert_eq!((&data["site"], &data["siteurl"]), (&extra["site"], &extra["wwwroot"]));
            if extra["encrypted"] == true {
                sealed += 1;
                assert!(out["alert"].is_null());
                for name in ["subject", "smallmessage", "sitefullname", "userfromfullname", "userfromid"] {
                    assert_eq!(data[name], extra[name], "{name}");
                }
                assert_eq!(data.get("contexturl"), extra.get("contexturl").filter(|url| !url.is_null()));
            } else {
                plain += 1;
                // One subject is larger than a whole message may be.
                if extra["subject"].as_str().unwrap().len() > 4_096 {
                    assert!(out["alert"]["title"].as_str().unwrap().ends_with('…'));
                    continue;
                }
                assert_eq!((&out["alert"]["title"], &out["alert"]["body"]), (&extra["subject"], &extra["smallmessage"]));
                assert_eq!(data.get("customdata"), extra.get("customdata").filter(|custom| !custom.is_null()));
            }
        }
    }
    assert_eq!((plain, sealed), (9, 2));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "\\PC{0,300}".prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map("[a-z]{1,5}", inner, 0..4).prop_map(|m| Json::Object(m.into_iter().collect()))
        ]
    })
}

proptest! {
    #[test]
    fn whatever_extra_holds_what_goes_out_fits_and_is_clean(
        members in prop::collection::hash_map(
            "(notification|component|subject|smallmessage|from|google.x|gcm|message_type|encrypted|savedmessageid|customdata|sitefullname|[a-z]{1,8}|\\PC{0,8})",
            any_json(), 0..20),
        limit in 0usize..4_096, null_alert in any::<bool>(), alert in prop::option::of(any_json()), moodle in any::<bool>(),
    ) {
        let mut extra: serde_json::Map<String, Json> = members.into_iter().collect();
        if moodle {
            extra.insert("processor".into(), json!("moodle"));
        }
        let mut body = json!({"token": "t", "extra": extra});
        if null_alert {
            body["alert"] = Json::Null;
        } else if let Some(alert) = alert.filter(|alert| alert.is_string() || alert.is_object()) {
            body["alert"] = alert;
        }
        if let Ok(out) = sent(&body, limit) {
            prop_assert!(out.get("extra").is_none());
            for (name, value) in out["fcm"]["data"].as_object().into_iter().flatten() {
                prop_assert!(value.as_str().is_some_and(|text| !text.is_empty()));
                prop_assert!(!["notification", "from", "message_type"].contains(&name.as_str()) && !name.starts_with("google") && !name.starts_with("gcm"));
                prop_assert!(out["alert"].is_null() || name != "subject");
            }
        }
    }

    /// What a client gives for the gateway goes out as it came, or not at all.
    #[test]
    fn what_is_passed_on_is_unchanged(fcm in any_json(), apns in any_json(), limit in 0usize..4_096) {
        let body = json!({"token": "t", "alert": null, "fcm": fcm, "apns": apns});
        if fcm.is_object() && apns.is_object() && let Ok(out) = sent(&body, limit) {
            prop_assert_eq!((&out["fcm"], &out["apns"]), (&fcm, &apns));
        }
    }

    #[test]
    fn text_is_counted_as_it_is_read(text in any::<String>()) {
        prop_assert_eq!(text_bytes(&json!(text).to_string()), text.len());
    }
}
