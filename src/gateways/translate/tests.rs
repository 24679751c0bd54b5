use proptest::prelude::*;
use serde_json::{Value as Json, json};

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

/// Every push that a real Moodle sent in the recorded exchanges translates.
#[test]
fn recorded_pushes_translate() {
    let mut count = 0;
    for file in
        [include_str!("../../../tests/transcripts/moodle/push.json"), include_str!("../../../tests/transcripts/moodle/push-encrypted.json")]
    {
        let exchanges: Vec<Json> = serde_json::from_str(file).unwrap();
        for request in exchanges.iter().map(|exchange| &exchange["request"]) {
            let path = request["path"].as_str().or(request["url"].as_str()).unwrap_or_default();
            if !path.contains("/api/v2/push") {
                continue;
            }
            let body = match &request["body"] {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            let message = translate(&decode(body.as_bytes()).unwrap(), 4096, None).unwrap();
            assert!(message.data("notif").is_some() && message.data("notification").is_none(), "{body}");
            count += 1;
        }
    }
    assert!(count > 0, "no push was found in the recorded exchanges");
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
            "(notification|component|subject|smallmessage|from|google.x|gcm|message_type|encrypted|savedmessageid|customdata|sitefullname|[a-z]{1,8})",
            any_json(), 0..20),
        limit in 300usize..4_096, null_alert in any::<bool>(),
    ) {
        let mut extra: serde_json::Map<String, Json> = members.into_iter().collect();
        extra.insert("processor".into(), json!("moodle"));
        let mut body = json!({"token": "t", "extra": extra});
        if null_alert {
            body["alert"] = Json::Null;
        }
        if let Ok(out) = sent(&body, limit) {
            let data = out["fcm"]["data"].as_object().unwrap();
            for (name, value) in data {
                prop_assert!(value.is_string());
                prop_assert!(!["notification", "from", "message_type"].contains(&name.as_str()) && !name.starts_with("google") && !name.starts_with("gcm"));
            }
            prop_assert!(out.get("extra").is_none());
            prop_assert!(out["alert"].is_null() || !data.contains_key("subject"));
        }
    }
}
