//! A site's admin.

use actix_web::http::{Method, StatusCode};
use belfry::accounts::Role;
use belfry::keys::KeyKind;
use belfry::sites::Proved;

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
        (format!("{base}/unregister"), vec![]),
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
    let mut staff = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let approve = format!("/staff/sites/{}/verify", site.id);
    assert_eq!(staff.post(&approve, &[("reason", "")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(staff.post(&approve, &[("reason", "Known to us")]).await.status, StatusCode::SEE_OTHER);
    let shown = owner.post(&keys, &[("kind", "site")]).await;
    assert_eq!(shown.status, StatusCode::CREATED);
    let key = shown.body.split("value=\"").find(|part| part.starts_with("belfry_s_")).unwrap().split('"').next().unwrap().to_owned();
    let pushed = site.call_with(&key, Method::POST, "/api/v2/push", crate::support::moodle_push("token-0123456789")).await;
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

/// Leaving the hub is no way around a suspension.
#[actix_web::test]
async fn who_leaves_while_suspended_is_held_on_coming_back() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    hub.suspend(site.id).await;
    let mut owner = hub.person("active@school.example", None).await;
    let url = hub.url_of(site.id).await;
    let left = owner.post(&format!("/my/sites/{}/unregister", site.id), &[("confirm", &url)]).await;
    assert_eq!(left.status, StatusCode::SEE_OTHER);
    let anew = hub.site_at("active@school.example", &url, false).await;
    assert_eq!(hub.prove(anew.id).await, Proved::Held);
    assert!(owner.get(&format!("/my/sites/{}", anew.id)).await.body.contains("decides between the two"));
    let mut staff = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let page = staff.get(&format!("/staff/sites/{}", anew.id)).await.body;
    assert!(page.contains("Others with this address") && page.contains(&site.id.to_string()));
    let approved = staff.post(&format!("/staff/sites/{}/verify", anew.id), &[("reason", "Talked to them")]).await;
    assert_eq!(approved.status, StatusCode::SEE_OTHER);
    assert!(owner.get(&format!("/my/sites/{}", anew.id)).await.body.contains("Active"));
}

/// Only one registration of an address is active: whom staff vouch for has it, and the other hears of it.
#[actix_web::test]
async fn staff_decide_between_two_owners_of_an_address() {
    let hub = TestHub::start().await;
    let first = hub.active_site().await;
    let url = hub.url_of(first.id).await;
    let second = hub.site_at("second@school.example", &url, false).await;
    assert_eq!(hub.prove(second.id).await, Proved::Held);
    assert!(hub.letter("url_contested").await.is_some());
    assert_eq!(first.push("token-0123456789").await.said(), "202");
    let mut staff = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    staff.post(&format!("/staff/sites/{}/verify", second.id), &[("reason", "They sent a letterhead")]).await;
    assert_eq!(first.push("token-0123456789").await.said(), "403 site_unverified");
    assert!(hub.letter("url_lost").await.unwrap().contains("on hold"));
    let (_, key) = hub.key(second.id, KeyKind::Site).await;
    let push = crate::support::moodle_push("token-0123456789");
    assert_eq!(second.call_with(&key, Method::POST, "/api/v2/push", push).await.said(), "202");
    // The winner leaves: the other may prove the address again, and is told.
    let mut winner = hub.person("second@school.example", None).await;
    winner.post(&format!("/my/sites/{}/unregister", second.id), &[("confirm", &url)]).await;
    assert!(hub.letter("url_free").await.unwrap().contains("/verify"));
    assert_eq!(hub.prove(first.id).await, Proved::Active);
    assert_eq!(first.push("token-0123456789").await.said(), "202");
}

/// A suspension that is lifted does not take an address back from whoever has it meanwhile.
#[actix_web::test]
async fn a_lifted_site_whose_address_is_gone_is_held() {
    let hub = TestHub::start().await;
    let first = hub.active_site().await;
    hub.suspend(first.id).await;
    let url = hub.url_of(first.id).await;
    let second = hub.site_at("second@school.example", &url, false).await;
    assert_eq!(hub.prove(second.id).await, Proved::Held, "a suspended site still has its address");
    let mut staff = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    staff.post(&format!("/staff/sites/{}/verify", second.id), &[("reason", "The new owner")]).await;
    let lifted = staff.post(&format!("/staff/sites/{}/lift", first.id), &[("reason", "Mended")]).await;
    assert_eq!(lifted.status, StatusCode::SEE_OTHER);
    assert_eq!(first.push("token-0123456789").await.said(), "403 site_unverified");
    assert!(staff.get(&format!("/staff/sites/{}", first.id)).await.body.contains("Held"));
}

/// Who registers a site that is too large hears of it by mail, not only on the form.
#[actix_web::test]
async fn a_site_over_the_user_limit_is_told_so_at_registration() {
    let hub = TestHub::start().await;
    let mut owner = hub.person("ada@school.example", None).await;
    let form = [
        ("name", "Large School"),
        ("url", "https://large.school.example"),
        ("country", "ES"),
        ("language", "en"),
        ("users", "25,000"),
        ("privacy", "named"),
        ("push_enabled", "1"),
        ("policy_agreed", "1"),
    ];
    let added = owner.post("/register", &form).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER);
    assert!(hub.letter("push_off").await.unwrap().contains("25,000"));
    let id = added.headers["location"].rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(hub.prove(id).await, Proved::Active);
    let page = owner.get(&added.headers["location"]).await.body;
    assert!(page.contains("Push is off: too many users"));
    // The same site twice, as by a double click, is one site.
    let again = owner.post("/register", &form).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.body.contains("registered this site already"));
}

/// Somebody who may only read sees no form that they can't send.
#[actix_web::test]
async fn an_analyst_reads_and_a_refused_reason_stays_in_its_own_form() {
    let hub = TestHub::start().await;
    let site = hub.site("ada@school.example", false).await;
    let page = format!("/staff/sites/{}", site.id);
    let mut analyst = hub.person("reader@hub.example", Some(Role::Analyst)).await;
    assert!(!analyst.get(&page).await.body.contains("<form class=\"decision\""));
    let mut reviewer = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let long = "x".repeat(2_001);
    let refused = reviewer.post(&format!("{page}/suspend"), &[("reason", &long)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.body.matches(&long).count(), 1);
    assert!(refused.body.contains("href=\"#reason-suspend\"") && !refused.body.contains("id=\"reason-verify-error\""));
}

#[actix_web::test]
async fn only_a_site_that_waits_for_a_proof_is_looked_at() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = hub.person("active@school.example", None).await;
    let verify = format!("/my/sites/{}/verify", site.id);
    assert_eq!(owner.post(&verify, &[]).await.headers["location"], format!("/my/sites/{}", site.id));
    hub.suspend(site.id).await;
    assert_eq!(owner.post(&verify, &[]).await.status, StatusCode::CONFLICT);
    assert!(!owner.get(&verify).await.body.contains("Check now"));
}
