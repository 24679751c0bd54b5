//! A site's admin.

use actix_web::http::StatusCode;
use belfry::keys::KeyKind;

use crate::support::TestHub;

/// Another account's site, key and session answer as if they weren't there.
#[actix_web::test]
async fn what_is_somebody_elses_is_not_found() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (key, _) = hub.key(site.id, KeyKind::Site).await;
    let mut stranger = hub.person("stranger@school.example", None).await;
    let base = format!("/my/sites/{}", site.id);
    for path in ["", "/keys", "/devices", "/deliveries", "/verify", "/settings"] {
        assert_eq!(stranger.get(&format!("{base}{path}")).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let posts: [(String, Vec<(&str, &str)>); 5] = [
        (format!("{base}/keys"), vec![("kind", "site")]),
        (format!("{base}/keys/{key}/revoke"), vec![]),
        (format!("{base}/verify"), vec![]),
        (format!("{base}/settings"), vec![("name", "x"), ("users", "1"), ("country", "ES"), ("language", "en"), ("privacy", "named")]),
        (format!("{base}/unregister"), vec![("confirm", "x")]),
    ];
    for (path, fields) in posts {
        assert_eq!(stranger.post(&path, &fields).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(stranger.get("/my/sites/not-an-id").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.push("token-0123456789abcdef").await.said(), "202");
}

#[actix_web::test]
async fn keys_are_issued_once_the_site_is_proved() {
    let hub = TestHub::start().await;
    let site = hub.site("ada@school.example", false).await;
    let mut owner = hub.person("ada@school.example", None).await;
    let keys = format!("/my/sites/{}/keys", site.id);
    assert_eq!(owner.post(&keys, &[("kind", "site")]).await.status, StatusCode::CONFLICT);
    assert_eq!(owner.post(&keys, &[("kind", "junk")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut staff = hub.person("mentor@hub.example", Some(belfry::accounts::Role::Reviewer)).await;
    let approve = format!("/staff/sites/{}/verify", site.id);
    assert_eq!(staff.post(&approve, &[("reason", "")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(staff.post(&approve, &[("reason", "Known to us")]).await.status, StatusCode::SEE_OTHER);
    let shown = owner.post(&keys, &[("kind", "site")]).await;
    assert_eq!(shown.status, StatusCode::CREATED);
    let key = shown.body.split("value=\"").find(|part| part.starts_with("belfry_s_")).unwrap().split('"').next().unwrap().to_owned();
    let pushed = site.call_with(&key, actix_web::http::Method::POST, "/api/v2/push", crate::support::moodle_push("token-0123456789")).await;
    assert_eq!(pushed.said(), "202");
    let listed = owner.get(&keys).await;
    assert!(!listed.body.contains(&key) && listed.body.contains(&key[..15]), "only its beginning is listed");
    let deliveries = owner.get(&format!("/my/sites/{}/deliveries", site.id)).await;
    assert!(deliveries.body.contains("Delivered"), "the push shows at once");
}

#[actix_web::test]
async fn crossing_the_user_limit_switches_push_off_and_on() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    let settings = format!("/my/sites/{}/settings", site.id);
    let save = |users: &'static str| {
        [("name", "Example School"), ("users", users), ("country", "ES"), ("language", "en"), ("privacy", "named"), ("push_enabled", "1")]
    };
    assert_eq!(owner.post(&settings, &save("20000")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.push("token-0123456789").await.said(), "403 over_user_limit");
    assert!(hub.letter("push_off").await.unwrap().contains("20,000"));
    assert_eq!(owner.post(&settings, &save("19999")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.push("token-0123456789").await.said(), "202");
    assert!(hub.letter("push_on").await.is_some());
    let opted_out = &save("10")[..5];
    owner.post(&settings, opted_out).await;
    assert_eq!(site.push("token-0123456789").await.said(), "403 push_disabled");
}

#[actix_web::test]
async fn a_site_that_leaves_takes_its_keys_along() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    let leave = format!("/my/sites/{}/unregister", site.id);
    assert_eq!(owner.post(&leave, &[("confirm", "no")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.push("token-0123456789").await.said(), "202");
    let page = owner.get(&format!("/my/sites/{}", site.id)).await;
    let url = page.body.split("href=\"https://moodle").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(owner.post(&leave, &[("confirm", &format!("https://moodle{url}"))]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.push("token-0123456789").await.said(), "400 key_revoked");
    assert_eq!(owner.get(&format!("/my/sites/{}", site.id)).await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_password_change_wants_the_old_one_and_ends_other_logins() {
    let hub = TestHub::start().await;
    let mut visitor = hub.browser();
    hub.site("ada@school.example", false).await;
    visitor.post("/password/forgot", &[("email", "ada@school.example")]).await;
    let path = hub.mailed_path("reset").await;
    let token = path.split("token=").nth(1).unwrap().to_owned();
    visitor.post("/password/reset", &[("token", &token), ("password", crate::support::PASSWORD)]).await;
    let mut other = hub.person("ada@school.example", None).await;
    let wrong = visitor.post("/account/password", &[("current_password", "wrong"), ("new_password", "another long one")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right =
        visitor.post("/account/password", &[("current_password", crate::support::PASSWORD), ("new_password", "another long one")]).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    assert_eq!(visitor.get("/my/sites").await.status, StatusCode::OK);
    assert_eq!(other.get("/my/sites").await.status, StatusCode::SEE_OTHER);
    assert!(hub.letter("password_changed").await.is_some());
}
