//! Anybody: registration, login, forged forms.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use belfry::accounts::{self, Role};
use belfry::audit::Actor;
use belfry::mail::EmailAddress;
use belfry::{app, sites};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use secrecy::ExposeSecret;

use crate::support::{FORM, PASSWORD, TestHub};

fn form_with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    FORM.iter().map(|(n, v)| if *n == name { (*n, value) } else { (*n, *v) }).collect()
}

#[actix_web::test]
async fn a_registration_is_confirmed_by_mail_once() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    assert_eq!(browser.post("/register", &FORM).await.status, StatusCode::OK);
    let login = browser.post("/login", &[("email", "ada@school.example"), ("password", PASSWORD)]).await;
    assert_eq!(login.status, StatusCode::UNPROCESSABLE_ENTITY, "nobody has confirmed yet");
    let link = hub.mailed_path("confirm").await;
    let followed = browser.get(&link).await;
    assert_eq!(followed.status, StatusCode::SEE_OTHER);
    assert!(followed.headers["location"].starts_with("/my/sites/"));
    let page = browser.get(&followed.headers["location"]).await;
    assert!(page.body.contains("Example School") && page.body.contains("Prove that this site is yours"));
    assert_eq!(hub.browser().get(&link).await.status, StatusCode::GONE);
    let mut elsewhere = hub.browser();
    let login = elsewhere.post("/login", &[("email", "Ada@School.example"), ("password", PASSWORD)]).await;
    assert_eq!(login.headers["location"], "/my/sites");
}

#[actix_web::test]
async fn each_field_says_what_is_wrong_with_it() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    let rows = [
        ("name", ""),
        ("url", "moodle.school.example"),
        ("contact_name", ""),
        ("contact_email", "ada"),
        ("password", "short"),
        ("country", "XX"),
        ("language", "!"),
        ("users", "many"),
        ("privacy", "secret"),
        ("policy_agreed", ""),
    ];
    for (name, value) in rows {
        let answer = browser.post("/register", &form_with(name, value)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(answer.body.contains(&format!("id=\"{name}-error\"")), "{name}");
        assert_eq!(answer.body.matches("class=\"error\"").count(), 1, "{name}");
        assert!(!answer.body.contains(PASSWORD), "a password is never sent back");
    }
    assert!(hub.letter("confirm").await.is_none());
}

/// The pages, the time and the letters tell nobody but the owner that an address has an account.
#[actix_web::test]
async fn who_has_an_account_is_nobody_elses_business() {
    let hub = TestHub::start().await;
    hub.site("known@school.example", false).await;
    let mut browser = hub.browser();
    let known = browser.post("/register", &form_with("contact_email", "known@school.example")).await;
    let new = browser.post("/register", &form_with("contact_email", "unknow@school.example")).await;
    let bare = |body: &str, email: &str| body.replace(email, "[email]");
    assert_eq!(bare(&known.body, "known@school.example"), bare(&new.body, "unknow@school.example"));
    assert!(hub.letter("account_exists").await.unwrap().contains("/login"));
    for email in ["known@school.example", "nobody@school.example"] {
        let answer = browser.post("/password/forgot", &[("email", email)]).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let errors: Vec<String> = {
        let mut found = Vec::new();
        for email in ["known@school.example", "nobody@school.example"] {
            let answer = browser.post("/login", &[("email", email), ("password", "wrong password")]).await;
            found.push(bare(&answer.body, email));
        }
        found
    };
    assert_eq!(errors[0], errors[1]);
}

/// Somebody who registers with another's address does not choose the other's password.
#[actix_web::test]
async fn the_password_is_that_of_the_link_that_was_followed() {
    let hub = TestHub::start().await;
    let mut thief = hub.browser();
    thief.post("/register", &form_with("password", "the thief's password")).await;
    let mut owner = hub.browser();
    hub.clock.advance(Duration::from_millis(10));
    owner.post("/register", &FORM).await;
    let link = hub.mailed_path("confirm").await;
    assert_eq!(owner.get(&link).await.status, StatusCode::SEE_OTHER);
    let login = thief.post("/login", &[("email", "ada@school.example"), ("password", "the thief's password")]).await;
    assert_eq!(login.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn a_forged_form_is_refused() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    browser.get("/login").await;
    assert_eq!(browser.post_bare("/register", &FORM, &[]).await.status, StatusCode::FORBIDDEN);
    let csrf = browser.csrf().await;
    let mut fields = FORM.to_vec();
    fields.push(("csrf_token", &csrf));
    let strange = browser.post_bare("/register", &fields, &[("Origin", "https://evil.example")]).await;
    assert_eq!(strange.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post_bare("/register", &fields, &[("Origin", "null")]).await.status, StatusCode::FORBIDDEN);
    // Another browser's token is no good here.
    let mut other = hub.browser();
    other.get("/login").await;
    assert_eq!(other.post_bare("/register", &fields, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post_bare("/register", &fields, &[("Origin", "http://127.0.0.1:8080")]).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_login_changes_the_cookie_and_a_logout_ends_it_everywhere() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    browser.post("/register", &FORM).await;
    let link = hub.mailed_path("confirm").await;
    browser.cookies.insert("belfry".into(), "chosen-by-somebody-else".into());
    browser.get(&link).await;
    let first = browser.cookies["belfry"].clone();
    assert_ne!(first, "chosen-by-somebody-else");
    browser.post("/login", &[("email", "ada@school.example"), ("password", PASSWORD)]).await;
    assert_ne!(browser.cookies["belfry"], first);
    let mut old = hub.browser();
    old.cookies.insert("belfry".into(), first);
    assert_eq!(old.get("/my/sites").await.status, StatusCode::SEE_OTHER, "the older session has ended");
    let kept = browser.cookies["belfry"].clone();
    browser.post("/logout", &[]).await;
    old.cookies.insert("belfry".into(), kept);
    assert_eq!(old.get("/my/sites").await.status, StatusCode::SEE_OTHER, "its token is worth nothing any more");
}

#[actix_web::test]
async fn a_session_ends_by_itself_when_it_is_not_used() {
    let hub = TestHub::start().await;
    let mut browser = hub.person("ada@school.example", None).await;
    for _ in 0..3 {
        hub.clock.advance(Duration::from_secs(6 * 86_400));
        assert_eq!(browser.get("/my/sites").await.status, StatusCode::OK);
    }
    hub.clock.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(browser.get("/my/sites").await.headers["location"], "/login?next=%2Fmy%2Fsites");
}

#[actix_web::test]
async fn strangers_are_held_to_their_limits() {
    let hub = TestHub::with(&[
        ("BELFRY_LIMITS__REGISTRATIONS_PER_HOUR", "1"),
        ("BELFRY_LIMITS__LOGINS_PER_HOUR", "2"),
        ("BELFRY_LIMITS__RESETS_PER_HOUR", "1"),
    ])
    .await;
    let mut browser = hub.browser();
    assert_eq!(browser.post("/register", &FORM).await.status, StatusCode::OK);
    let refused = browser.post("/register", &FORM).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers["retry-after"].parse::<u64>().unwrap() > 3_000);
    let login = [("email", "ada@school.example"), ("password", "wrong password")];
    for status in [422, 422, 429] {
        assert_eq!(browser.post("/login", &login).await.status.as_u16(), status);
    }
    for status in [200, 429] {
        assert_eq!(browser.post("/password/forgot", &[("email", "a@b.example")]).await.status.as_u16(), status);
    }
    hub.clock.advance(Duration::from_secs(3_600));
    assert_eq!(browser.post("/login", &login).await.status.as_u16(), 422);
}

#[actix_web::test]
async fn a_public_hub_wants_https_everywhere() {
    let hub = TestHub::with(&[
        ("BELFRY_SERVER__PUBLIC_URL", "https://hub.example"),
        ("BELFRY_SERVER__SECRET_KEY", "0123456789abcdef0123456789abcdef"),
    ])
    .await;
    let page = hub.send(Method::GET, "/login", &[], "").await;
    assert!(page.headers["strict-transport-security"].contains("max-age=31536000"));
    let cookie = &page.cookies[0];
    assert!(cookie.name().starts_with("__Host-") && cookie.secure() == Some(true) && cookie.http_only() == Some(true));
    for (header, part) in
        [("content-security-policy", "frame-ancestors 'none'"), ("x-content-type-options", "nosniff"), ("cache-control", "no-store")]
    {
        assert!(page.headers[header].contains(part), "{header}");
    }
    assert!(!page.headers["content-security-policy"].contains("unsafe"));
}

/// Whatever is typed: the form again with words, or an accepted registration; never a 5xx.
#[actix_web::test]
async fn no_form_breaks_it() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    let mut runner = TestRunner::new(ProptestConfig::default());
    let text = proptest::string::string_regex("(\\PC|\\r\\n|<script>|\u{202e}|%00|\u{0}|'|--){0,40}").unwrap();
    for round in 0..60 {
        let value = text.new_tree(&mut runner).unwrap().current();
        for name in FORM.iter().map(|(name, _)| *name).filter(|name| *name != "password" || round == 0) {
            let fields: Vec<(&str, &str)> = FORM
                .iter()
                .map(|(n, v)| {
                    if *n == name {
                        (*n, value.as_str())
                    } else if *n == "country" {
                        (*n, "")
                    } else {
                        (*n, *v)
                    }
                })
                .collect();
            let answer = browser.post("/register", &fields).await;
            assert!(answer.status.as_u16() < 500, "{name}={value:?}: {}", answer.status);
            assert!(!answer.body.contains("<script>"), "{name}={value:?}");
        }
    }
    let answer = hub.send(Method::POST, "/register", &[("Content-Type", "application/x-www-form-urlencoded")], "x".repeat(300_000)).await;
    assert_eq!(answer.status.as_u16(), 413);
}

/// Whoever was invited to the team and has not come yet can't be pre-empted by a sign-up with their address.
#[actix_web::test]
async fn a_strangers_sign_up_does_not_lead_into_the_team() {
    let hub = TestHub::start().await;
    let (ring, now) = (hub.hub.ring.clone(), hub.clock.now());
    let email = EmailAddress::parse("ada@school.example").unwrap();
    let invited = hub.hub.db.write(move |tx| accounts::invite_staff(tx, &ring, now, Actor::Operator, &email, Role::Admin)).await;
    let welcome = invited.unwrap().1;
    let mut thief = hub.browser();
    assert_eq!(thief.post("/register", &FORM).await.status, StatusCode::OK);
    assert!(hub.letter("confirm").await.is_none() && hub.letter("account_exists").await.is_some());
    let mut invited = hub.browser();
    let fields = [("token", welcome.expose_secret()), ("password", "chosen by the invited")];
    assert_eq!(invited.post("/password/reset", &fields).await.status, StatusCode::SEE_OTHER);
    assert_eq!(invited.get("/staff").await.status, StatusCode::OK);
    let login = thief.post("/login", &[("email", "ada@school.example"), ("password", PASSWORD)]).await;
    assert_eq!(login.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// The other way round: who has signed up and not confirmed is invited, and the old link is dead.
#[actix_web::test]
async fn an_invitation_ends_the_links_that_were_under_way() {
    let hub = TestHub::start().await;
    hub.browser().post("/register", &FORM).await;
    let link = hub.mailed_path("confirm").await;
    let (ring, now) = (hub.hub.ring.clone(), hub.clock.now());
    let email = EmailAddress::parse("ada@school.example").unwrap();
    hub.hub.db.write(move |tx| accounts::invite_staff(tx, &ring, now, Actor::Operator, &email, Role::Reviewer)).await.unwrap();
    assert_eq!(hub.browser().get(&link).await.status, StatusCode::GONE);
}

#[actix_web::test]
async fn a_confirm_link_is_a_login_once_and_takes_nobodys_place() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    browser.post("/register", &FORM).await;
    let first = hub.mailed_path("confirm").await;
    hub.clock.advance(Duration::from_millis(10));
    browser.post("/register", &form_with("url", "https://second.school.example")).await;
    let second = hub.mailed_path("confirm").await;
    assert_ne!(first, second);
    let mut other = hub.person("other@school.example", None).await;
    let before = other.cookies["belfry"].clone();
    assert_eq!(other.get(&first).await.headers["location"], "/my/sites");
    assert_eq!(other.cookies["belfry"], before, "who is logged in stays who they are");
    let mut stranger = hub.browser();
    assert_eq!(stranger.get(&second).await.headers["location"], "/login");
    assert!(!stranger.cookies.contains_key("belfry"));
    // The address is confirmed, and so both of its sites go on.
    let login = stranger.post("/login", &[("email", "ada@school.example"), ("password", PASSWORD)]).await;
    assert_eq!(login.status, StatusCode::SEE_OTHER);
    let sites = stranger.get("/my/sites").await.body;
    assert_eq!(sites.matches("Prove that this site is yours").count(), 2);
}

/// Of two sign-ups with one address nobody knows whose password is meant: a link that is sent again sets none.
#[actix_web::test]
async fn a_link_that_is_sent_again_sets_no_strangers_password() {
    let hub = TestHub::start().await;
    let (mut owner, mut thief) = (hub.browser(), hub.browser());
    owner.post("/register", &FORM).await;
    hub.clock.advance(Duration::from_millis(10));
    thief.post("/register", &form_with("password", "the thief's password")).await;
    hub.clock.advance(Duration::from_millis(10));
    let again = owner.post("/register/resend", &[("email", "ada@school.example")]).await;
    assert!(again.body.contains("once more"));
    assert_eq!(owner.get(&hub.mailed_path("confirm").await).await.status, StatusCode::SEE_OTHER);
    let login = thief.post("/login", &[("email", "ada@school.example"), ("password", "the thief's password")]).await;
    assert_eq!(login.status, StatusCode::UNPROCESSABLE_ENTITY);
    let unreadable = owner.post("/register/resend", &[("email", "ada")]).await;
    assert!(unreadable.status == StatusCode::UNPROCESSABLE_ENTITY && unreadable.body.contains("id=\"email-error\""));
}

/// One mailbox is not flooded, from however many addresses the form is sent.
#[actix_web::test]
async fn a_mailbox_gets_so_many_letters_and_no_more() {
    let limits = [("BELFRY_LIMITS__REGISTRATIONS_PER_HOUR", "3"), ("BELFRY_LIMITS__RESETS_PER_HOUR", "3")];
    let hub = TestHub::with(&[limits[0], limits[1], ("BELFRY_SERVER__TRUSTED_PROXIES", "127.0.0.1")]).await;
    let mut browser = hub.browser();
    let csrf = browser.csrf().await;
    for (n, wanted) in [(1, 200), (2, 200), (3, 200), (4, 429)] {
        let fields = [("csrf_token", csrf.as_str()), ("email", "ada@school.example")];
        let address = format!("198.51.100.{n}");
        let answer = browser.post_bare("/password/forgot", &fields, &[("X-Forwarded-For", &address)]).await;
        assert_eq!(answer.status.as_u16(), wanted, "{n}");
    }
}

/// What is kept when a limit refuses a form with fifteen fields.
#[actix_web::test]
async fn a_refused_registration_keeps_what_was_typed_and_says_when_to_come_back() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__REGISTRATIONS_PER_HOUR", "1")]).await;
    let mut browser = hub.browser();
    browser.post("/register", &FORM).await;
    let refused = browser.post("/register", &form_with("name", "Typed with care")).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.body.contains("Typed with care") && refused.body.contains("Try again in"));
    assert_eq!(refused.headers["ratelimit-policy"], r#""registrations";q=1;w=3600"#);
    assert!(refused.headers.contains_key("ratelimit") && refused.headers.contains_key("retry-after"));
}

#[actix_web::test]
async fn nobody_is_sent_where_a_form_went_or_loses_the_query_by_logging_in() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    let site = "/my/sites/0198c0de-0000-7000-8000-000000000000";
    assert_eq!(browser.get("/staff/sites?q=x").await.headers["location"], "/login?next=%2Fstaff%2Fsites%3Fq%3Dx");
    for (path, next) in
        [(format!("{site}/unregister"), site), ("/account/password".into(), "/account"), ("/staff/outbox/x/again".into(), "/staff")]
    {
        let answer = browser.post(&path, &[]).await;
        assert_eq!(answer.headers["location"], format!("/login?next={}", next.replace('/', "%2F")));
    }
    // A logout in an old tab is no forgery.
    assert_eq!(browser.post_bare("/logout", &[], &[]).await.status, StatusCode::SEE_OTHER);
}

/// A session that is in use is renewed, in the browser too, but not for ever.
#[actix_web::test]
async fn a_session_ends_after_thirty_days_however_much_it_is_used() {
    let hub = TestHub::start().await;
    let mut browser = hub.person("ada@school.example", None).await;
    for _ in 0..5 {
        hub.clock.advance(Duration::from_secs(5 * 86_400));
        let page = browser.get("/my/sites").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.cookies.iter().any(|cookie| cookie.name() == "belfry" && cookie.max_age().is_some()), "the cookie lives on too");
    }
    hub.clock.advance(Duration::from_secs(5 * 86_400 + 60));
    assert_eq!(browser.get("/my/sites").await.status, StatusCode::SEE_OTHER);
}

/// Control characters and what no database can keep: never a 5xx, in whichever form or query.
#[actix_web::test]
async fn no_control_character_breaks_a_form_or_a_query() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (mut owner, mut staff) =
        (hub.person("active@school.example", None).await, hub.person("mentor@hub.example", Some(Role::Admin)).await);
    for junk in ["\0", "a\0b@c.example", "\u{1}\u{7f}", "\u{feff}\u{202e}", "\u{fffd}", "%00", "' OR 1=1 --"] {
        for (path, fields) in [
            ("/login".to_owned(), vec![("email", junk), ("password", junk)]),
            ("/password/forgot".into(), vec![("email", junk)]),
            ("/password/reset".into(), vec![("token", junk), ("password", PASSWORD)]),
            ("/register/resend".into(), vec![("email", junk)]),
            ("/account/profile".into(), vec![("name", junk)]),
            (format!("/my/sites/{}/settings", site.id), vec![("name", junk), ("description", junk), ("users", junk), ("privacy", junk)]),
            (format!("/my/sites/{}/keys", site.id), vec![("kind", junk)]),
            (format!("/my/sites/{}/verify", site.id), vec![("way", junk)]),
            (format!("/my/sites/{}/unregister", site.id), vec![("confirm", junk)]),
        ] {
            let answer = if path.starts_with("/my") || path.starts_with("/account") {
                owner.post(&path, &fields).await
            } else {
                hub.browser().post(&path, &fields).await
            };
            assert!(answer.status.as_u16() < 500, "{path} {junk:?}: {}", answer.status);
        }
        for act in ["verify", "suspend", "lift"] {
            let answer = staff.post(&format!("/staff/sites/{}/{act}", site.id), &[("reason", junk)]).await;
            assert!(answer.status.as_u16() < 500, "{act} {junk:?}: {}", answer.status);
        }
        let query: String = url::form_urlencoded::byte_serialize(junk.as_bytes()).collect();
        for path in [
            "/staff/sites?q=",
            "/staff/sites?state=",
            "/staff/sites?before=",
            "/staff/outbox?before=",
            "/login?next=",
            "/register/confirm?token=",
            "/password/reset?token=",
        ] {
            let answer = staff.get(&format!("{path}{query}")).await;
            assert!(answer.status.as_u16() < 500, "{path} {junk:?}: {}", answer.status);
        }
    }
    for path in ["/my/sites/%00", "/my/sites/%ff", "/staff/sites/%2e%2e", "/static/%00", "/%ff%fe", "/my/sites/x/keys/y/revoke"] {
        assert!(staff.get(path).await.status.is_client_error(), "{path}");
    }
}

#[actix_web::test]
async fn what_can_be_got_can_be_asked_about_and_405_says_what_is_allowed() {
    let hub = TestHub::start().await;
    for path in ["/", "/healthz", "/readyz", "/login", "/robots.txt"] {
        let answer = hub.send(Method::HEAD, path, &[], "").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""), "{path}");
    }
    assert_eq!(hub.send(Method::DELETE, "/login", &[], "").await.headers["allow"], "GET, HEAD, POST");
    assert_eq!(hub.send(Method::GET, "/api/v2/push", &[], "").await.headers["allow"], "POST");
    assert_eq!(hub.send(Method::PUT, "/tokens/x", &[], "").await.headers["allow"], "POST, DELETE");
}

/// Who registers and never follows the link is forgotten, with the site.
#[actix_web::test]
async fn a_sign_up_that_nobody_confirms_is_forgotten() {
    let hub = TestHub::start().await;
    hub.browser().post("/register", &FORM).await;
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 1);
    // Whatever the team has said about it meanwhile.
    let site = hub
        .hub
        .db
        .read(|conn| sites::list(conn, &sites::Filter::default(), belfry::clock::Clock::system().now(), 1))
        .await
        .unwrap()
        .remove(0)
        .id;
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let said = team.post(&format!("/staff/sites/{site}/binding"), &[("binding", "strict"), ("reason", "A try")]).await;
    assert_eq!(said.status.as_u16(), 303);
    let later = hub.clock.now() + Duration::from_secs(15 * 86_400);
    let forgotten = hub.hub.db.write(move |tx| app::trim(tx, later));
    forgotten.await.unwrap();
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 0);
    assert_eq!(hub.browser().post("/register", &FORM).await.status, StatusCode::OK, "the address is free again");
}
