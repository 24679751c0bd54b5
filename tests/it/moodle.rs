//! A Moodle, as the hub meets it (`wire/moodle-client.md` 2 and 3, `wire/hub-protocol.md`).

use actix_web::http::{Method, StatusCode};
use belfry::registrations;
use belfry::sites::{self, SiteState};

use crate::stock::Moodle;
use crate::support::{APP, TestHub, moodle_push};

const URL: &str = "https://moodle.school.example";
const IDENTIFIER: &str = "IuMwWuzf04zuDh0F4sxdAbeeyGI65piImoodle.school.example";

#[actix_web::test]
async fn a_stock_moodle_registers_updates_gets_its_key_pushes_and_leaves() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::new(&hub, URL, &format!("{IDENTIFIER}20261123022837"));
    let back = moodle.register().await;
    let path = back.strip_prefix(URL).unwrap();
    assert!(path.starts_with("/admin/registration/confirmregistration.php?newtoken="), "{path}");
    // It works before the browser is back.
    assert_eq!(moodle.update(&[]).await.body, "true");
    assert_eq!(moodle.is_registered().await.body, "true");
    let key = moodle.access_key().await.json()["accesskey"].as_str().unwrap().to_owned();
    let headers = [("X-AN-APP-NAME", APP), ("X-AN-APP-KEY", key.as_str())];
    let checked = hub.send(Method::POST, "/tokens/testtoken", &headers, "").await;
    assert_eq!((checked.status.as_u16(), checked.json()["error"].as_str()), (400, Some("Invalid token")));
    assert_eq!(hub.send(Method::POST, "/tokens/fcm:APA91b-0123456789", &headers, "").await.body, r#"{"status":"ok"}"#);
    assert_eq!(hub.send(Method::POST, "/api/v2/push/", &headers, moodle_push("fcm:APA91b-0123456789")).await.said(), "202");
    assert_eq!(hub.send(Method::GET, "/", &[], "").await.status, StatusCode::OK);
    assert_eq!(moodle.call("hub_unregister_site", &[("url[0]", URL)]).await.body, "true");
    assert_eq!(moodle.update(&[]).await.json()["errorcode"], "invalidtoken");
    assert_eq!(hub.send(Method::POST, "/api/v2/push/", &headers, moodle_push("fcm:APA91b-0123456789")).await.said(), "400 key_revoked");
}

#[actix_web::test]
async fn the_secret_stands_in_no_address_and_in_no_page_that_the_browser_keeps() {
    let hub = TestHub::start().await;
    let secret = format!("{IDENTIFIER}20261123022837");
    let moodle = Moodle::new(&hub, URL, &secret);
    let mut browser = hub.browser();
    let first = browser.get(&moodle.registration_path()).await;
    assert_eq!((first.status.as_u16(), first.headers["location"].as_str()), (303, "/local/hub/siteregistration.php"));
    assert_eq!(first.headers["referrer-policy"], "no-referrer");
    assert!(!format!("{first:?}").contains(&secret));
    let page = browser.get("/local/hub/siteregistration.php").await;
    assert_eq!((page.status.as_u16(), page.headers["referrer-policy"].as_str()), (200, "no-referrer"));
    assert!(!page.body.contains(&secret) && page.body.contains("Example Moodle"));
    assert!(page.headers["content-security-policy"].contains(&format!("form-action 'self' {URL} https:;")), "{:?}", page.headers);
}

#[actix_web::test]
async fn only_token_and_address_are_needed_and_what_is_wrong_is_named() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    let said = |query: &'static str| {
        let path = format!("/local/hub/siteregistration.php{query}");
        let hub = &hub;
        async move {
            let answer = hub.send(Method::GET, &path, &[], "").await;
            (answer.status.as_u16(), answer.body)
        }
    };
    assert_eq!(said("?token=abcdefgh12345678&url=https%3A%2F%2Fm.example").await.0, 303);
    for (query, named) in [
        ("", "Begin in your Moodle"),
        ("?url=https%3A%2F%2Fm.example", "token is missing"),
        ("?token=abcdefgh12345678", "url: "),
        ("?token=abcdefgh12345678&url=ftp%3A%2F%2Fm.example", "url: Begin with https://"),
        ("?token=abcdefgh12345678&url=https%3A%2F%2Fm.example&users=many", "not a number"),
        ("?token[a]=b&url=https%3A%2F%2Fm.example", "token: is a map"),
        ("?token=a&token=b&url=https%3A%2F%2Fm.example", "token: came twice"),
    ] {
        let (status, body) = said(query).await;
        assert_eq!(status, 400, "{query}");
        assert!(body.contains(named), "{query}: {body}");
    }
    // Nothing waits in this browser.
    let posted = browser.post("/local/hub/siteregistration.php", &[("mark", "x")]).await;
    assert_eq!(posted.status.as_u16(), 400);
}

/// As the first hub's own form sent it: the same names by POST, from elsewhere. It registers nothing by itself.
#[actix_web::test]
async fn a_form_from_elsewhere_is_shown_before_it_is_registered() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    let fields = [("token", "abcdefgh12345678"), ("url", "https://m.example"), ("push_enabled", "1")];
    let answer = browser.post_bare("/local/hub/siteregistration.php", &fields, &[("Origin", "https://elsewhere.example")]).await;
    assert_eq!((answer.status.as_u16(), answer.headers["location"].as_str()), (303, "/local/hub/siteregistration.php"));
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 0);
    // The button without the page's own token shows the page again.
    let page = browser.get("/local/hub/siteregistration.php").await.body;
    let mark = page.split("name=\"mark\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let forged = browser.post_bare("/local/hub/siteregistration.php", &[("mark", mark.as_str()), ("csrf_token", "x")], &[]).await;
    assert_eq!(forged.status.as_u16(), 200);
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 0);
}

/// `wire/moodle-client.md` 0.12: the beginning is the same, the date is new.
#[actix_web::test]
async fn a_site_that_registers_again_goes_on_as_the_same_one() {
    let hub = TestHub::start().await;
    let mut first = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let site = first.site().await;
    let mut again = Moodle::new(&hub, URL, &format!("{IDENTIFIER}20261124101010"));
    again.register().await;
    // Abandoned: the earlier registration goes on.
    assert_eq!(first.update(&[]).await.body, "true");
    assert_eq!(again.update(&[]).await.body, "true");
    assert_eq!(again.site().await.id, site.id);
    assert!(again.site().await.held_since.is_none());
    assert_eq!(first.update(&[]).await.json()["errorcode"], "invalidtoken");
    assert!(hub.letter("newcomer").await.is_none());
    assert_eq!(again.access_key().await.status, StatusCode::OK);
    // Registered by 4.2, before the date came.
    let mut old = Moodle::new(&hub, URL, IDENTIFIER);
    old.register().await;
    assert_eq!(old.update(&[]).await.body, "true");
    assert_eq!(old.site().await.id, site.id);
}

#[actix_web::test]
async fn a_newcomer_at_a_known_address_is_held_and_the_registered_site_goes_on() {
    let hub = TestHub::start().await;
    let mut known = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let key = known.key().await;
    let mut newcomer = Moodle::new(&hub, URL, "SxMwWuzf04zuDh0F4sxdAbeeyGI65piIother.example20261123022837");
    let page = newcomer.page().await;
    assert!(page.body.contains("Another Moodle is registered with this address"), "{}", page.body);
    newcomer.register().await;
    let told = newcomer.update(&[]).await.json();
    assert_eq!((told["exception"].as_str(), told["errorcode"].as_str()), (Some("moodle_exception"), Some("siteheld")));
    // Its page can still be opened, and it can leave.
    assert_eq!(newcomer.is_registered().await.body, "true");
    assert_eq!(newcomer.access_key().await.said(), "403 site_held");
    assert_eq!(known.update(&[]).await.body, "true");
    assert_eq!(known.push_with(&key).await.said(), "202");
    let letter = hub.letter("newcomer").await.unwrap();
    assert!(letter.contains("Another Moodle wants to register"), "{letter}");
    // The registered site's contact gets one letter a day, whoever comes.
    let mut third = Moodle::new(&hub, URL, "TzMwWuzf04zuDh0F4sxdAbeeyGI65piIthird.example20261123022837");
    third.register().await;
    assert_eq!(hub.letters("newcomer").await, 1);
    assert_eq!(newcomer.call("hub_unregister_site", &[("url[0]", URL)]).await.body, "true");
    assert_eq!(known.update(&[]).await.body, "true");
}

#[actix_web::test]
async fn a_copy_can_neither_change_nor_unregister_the_site_it_was_copied_from() {
    let hub = TestHub::start().await;
    let mut site = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let key = site.key().await;
    // The same database, under another address.
    let mut copy = site.copied_to("https://test.school.example");
    assert_eq!(copy.is_registered().await.body, "false");
    let told = copy.update(&[("siteinfo[name]", "Copy"), ("siteinfo[users]", "99999")]).await.json();
    assert_eq!(told["errorcode"], "siteelsewhere");
    assert!(told["message"].as_str().unwrap().contains(URL));
    copy.update(&[]).await;
    assert_eq!(hub.letters("newcomer").await, 1);
    assert_eq!(site.site().await.users, 4);
    assert_eq!(copy.call("hub_unregister_site", &[("url[0]", "https://test.school.example")]).await.body, "true");
    assert_eq!(site.update(&[]).await.body, "true");
    assert_eq!(site.push_with(&key).await.said(), "202");
    assert_eq!(copy.access_key().await.said(), "403 site_not_registered");
}

#[actix_web::test]
async fn http_becomes_https_without_a_question() {
    let hub = TestHub::start().await;
    let site = Moodle::registered(&hub, "http://moodle.school.example", &format!("{IDENTIFIER}20261123022837")).await;
    let mut secure = site.copied_to(URL);
    assert_eq!(secure.update(&[]).await.body, "true");
    assert_eq!(secure.is_registered().await.body, "true");
    assert_eq!(site.site().await.url, URL);
    assert!(hub.letter("newcomer").await.is_none());
}

/// A claim by somebody who only knows the address, and then the site itself, whose server calls from where it is.
#[actix_web::test]
async fn a_call_from_the_sites_own_address_proves_it_and_beats_a_claim() {
    let hub = TestHub::start().await;
    let at_home = "http://127.0.0.1:8123";
    let mut squatter = Moodle::new(&hub, at_home, "SxMwWuzf04zuDh0F4sxdAbeeyGI65piIsquatter20261123022837");
    squatter.register().await;
    let claim = squatter.site().await;
    assert_eq!((claim.state, claim.proof), (SiteState::Claimed, None));
    let mut real = Moodle::new(&hub, at_home, "127MwWuzf04zuDh0F4sxdAbeeyGI65pi127.0.0.120261123022837");
    real.register().await;
    assert!(real.site().await.held_since.is_some());
    assert_eq!(real.update(&[]).await.body, "true");
    assert_eq!(real.site().await.state, SiteState::Active);
    let lost = hub.hub.db.read(move |conn| sites::find(conn, claim.id)).await.unwrap().unwrap();
    assert!(lost.held_since.is_some());
    assert_eq!(squatter.access_key().await.said(), "403 site_held");
}

#[actix_web::test]
async fn what_comes_through_somebody_elses_proxy_proves_nothing() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::new(&hub, "http://127.0.0.1:8124", &format!("{IDENTIFIER}20261123022837"));
    moodle.register().await;
    for header in [("X-Forwarded-For", "203.0.113.9"), ("Via", "1.1 cache"), ("Forwarded", "for=203.0.113.9")] {
        assert_eq!(moodle.call_with(&[header], "hub_update_site_info", &[("siteinfo[name]", "School")]).await.body, "true");
        assert_eq!(moodle.site().await.state, SiteState::Claimed, "{header:?}");
    }
    assert_eq!(moodle.update(&[]).await.body, "true");
    assert_eq!(moodle.site().await.state, SiteState::Active);
}

#[actix_web::test]
async fn an_admin_who_asks_for_a_key_again_and_again_breaks_nothing() {
    let limits = [("BELFRY_LIMITS__ACCESSKEYS_PER_SITE_PER_HOUR", "100"), ("BELFRY_LIMITS__ACCESSKEYS_PER_ADDRESS_PER_HOUR", "100")];
    let hub = TestHub::with(&[limits[0], limits[1], ("BELFRY_REGISTRATION__CLAIMED_PUSH", "full")]).await;
    let moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    hub.browser().get(&hub.mailed_path("moodle_registered").await).await;
    let mut keys = vec![moodle.key().await];
    assert_eq!(hub.letters("key_requested").await, 0);
    for _ in 1..15 {
        keys.push(moodle.key().await);
    }
    // Its owner hears of it, once a day.
    assert_eq!(hub.letters("key_requested").await, 1);
    // Moodle keeps whichever answer came last, which need not be the newest key.
    for key in &keys[8..] {
        assert_eq!(moodle.push_with(key).await.said(), "202");
    }
    assert_eq!(moodle.push_with(&keys[0]).await.said(), "400 key_expired");
    hub.clock.advance(std::time::Duration::from_secs(7 * 86_400 + 1));
    assert_eq!(moodle.push_with(&keys[13]).await.said(), "400 key_expired");
    assert_eq!(moodle.push_with(&keys[14]).await.said(), "202");
}

#[actix_web::test]
async fn key_requests_have_their_limits_and_their_reasons() {
    let hub =
        TestHub::with(&[("BELFRY_LIMITS__ACCESSKEYS_PER_SITE_PER_HOUR", "3"), ("BELFRY_LIMITS__ACCESSKEYS_PER_ADDRESS_PER_HOUR", "12")])
            .await;
    let mut moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    // Nobody's, and somebody else's.
    let stranger = Moodle::new(&hub, URL, "");
    assert_eq!(stranger.access_key().await.said(), "403 site_not_registered");
    let other = Moodle::new(&hub, "https://other.example", &format!("{IDENTIFIER}20261123022837"));
    let refused = other.access_key().await;
    assert!(refused.json()["error"].as_str().unwrap().starts_with("You must register your site with Belfry first"), "{refused:?}");
    assert_eq!(moodle.access_key().await.status, StatusCode::OK);
    assert_eq!(moodle.update(&[("siteinfo[users]", "20000")]).await.body, "true");
    let refused = moodle.access_key().await;
    assert_eq!(refused.said(), "403 over_user_limit");
    assert!(refused.json()["error"].as_str().unwrap().contains("limited to sites with fewer than 20,000 users"), "{refused:?}");
    assert_eq!(moodle.update(&[]).await.body, "true");
    assert_eq!(moodle.access_key().await.status, StatusCode::OK);
    let limited = moodle.access_key().await;
    assert_eq!(limited.said(), "429 rate_limited");
    assert!(limited.headers.contains_key("retry-after"));
    hub.suspend(moodle.site().await.id).await;
    hub.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(moodle.access_key().await.said(), "403 site_suspended");
    for _ in 0..12 {
        other.access_key().await;
    }
    assert_eq!(other.access_key().await.said(), "429 rate_limited");
}

#[actix_web::test]
async fn a_site_of_the_web_form_is_joined_with_the_first_moodle_in_its_window_and_no_other() {
    let hub = TestHub::start().await;
    let site = hub.site_at("ada@school.example", URL, true).await;
    let moodle = Moodle::new(&hub, URL, &format!("{IDENTIFIER}20261123022837"));
    assert_eq!(moodle.access_key().await.said(), "403 site_not_registered");
    let mut owner = hub.person("ada@school.example", None).await;
    let opened = owner.post(&format!("/my/sites/{}/pair", site.id), &[]).await;
    assert_eq!(opened.status.as_u16(), 303, "{opened:?}");
    // A Moodle that is registered nowhere sends the md5 of nothing: never bound.
    assert_eq!(Moodle::new(&hub, URL, "").access_key().await.said(), "403 site_not_registered");
    assert_eq!(moodle.access_key().await.status, StatusCode::OK);
    assert!(hub.letter("joined").await.is_some());
    // The window is shut with that; the one that was joined goes on.
    let late = Moodle::new(&hub, URL, "SxMwWuzf04zuDh0F4sxdAbeeyGI65piIother.example20261123022837");
    assert_eq!(late.access_key().await.said(), "403 site_not_registered");
    assert_eq!(moodle.access_key().await.status, StatusCode::OK);
    owner.post(&format!("/my/sites/{}/pair", site.id), &[]).await;
    hub.clock.advance(std::time::Duration::from_secs(15 * 60 + 1));
    assert_eq!(late.access_key().await.said(), "403 site_not_registered");
}

/// Who has only typed an address into the form could wait there for its Moodle.
#[actix_web::test]
async fn a_site_that_nobody_has_proved_has_no_window() {
    let hub = TestHub::start().await;
    let site = hub.site_at("eve@elsewhere.example", URL, false).await;
    let mut owner = hub.person("eve@elsewhere.example", None).await;
    assert_eq!(owner.post(&format!("/my/sites/{}/pair", site.id), &[]).await.status.as_u16(), 409);
    let mut moodle = Moodle::new(&hub, URL, &format!("{IDENTIFIER}20261123022837"));
    moodle.register().await;
    assert_eq!(moodle.update(&[]).await.body, "true");
    assert_ne!(moodle.site().await.id, site.id);
}

#[actix_web::test]
async fn the_contact_gets_an_account_by_a_mailed_link_and_the_site_with_it() {
    let hub = TestHub::start().await;
    let moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    assert_eq!(hub.letters("moodle_registered").await, 1);
    let path = hub.mailed_path("moodle_registered").await;
    let mut browser = hub.browser();
    let answer = browser.get(&path).await;
    let page = format!("/my/sites/{}", moodle.site().await.id);
    assert_eq!((answer.status.as_u16(), answer.headers["location"].as_str()), (303, page.as_str()));
    assert_eq!(browser.get(&page).await.status, StatusCode::OK);
    assert!(moodle.site().await.account_id.is_some());
    // Once.
    assert_eq!(hub.browser().get(&path).await.status.as_u16(), 410);
}

#[actix_web::test]
async fn whoever_is_logged_in_owns_what_their_browser_registers() {
    let hub = TestHub::start().await;
    let mut owner = hub.person("ada@school.example", None).await;
    let mut moodle = Moodle::new(&hub, URL, &format!("{IDENTIFIER}20261123022837"));
    moodle.register_in(&mut owner).await;
    assert!(moodle.site().await.account_id.is_some());
    assert_eq!(hub.letters("moodle_registered").await, 0);
}

#[actix_web::test]
async fn the_registered_admin_decides_about_a_newcomer() {
    for (decision, keeps) in [("move", true), ("refuse", false)] {
        let hub = TestHub::start().await;
        let mut known = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
        let key = known.key().await;
        let site = known.site().await.id;
        hub.prove(site).await;
        let mut newcomer = Moodle::new(&hub, URL, "SxMwWuzf04zuDh0F4sxdAbeeyGI65piIother.example20261123022837");
        newcomer.register().await;
        newcomer.update(&[]).await;
        let held = newcomer.site().await.id;
        let mut owner = hub.browser();
        owner.get(&hub.mailed_path("newcomer").await).await;
        let page = owner.get(&format!("/my/sites/{site}")).await;
        assert!(page.body.contains("Another Moodle wants this site's address"), "{}", page.body);
        let stranger = hub
            .person("eve@elsewhere.example", None)
            .await
            .post(&format!("/my/sites/{site}/newcomers/{held}"), &[("decision", decision)])
            .await;
        assert_eq!(stranger.status.as_u16(), 404);
        let answer = owner.post(&format!("/my/sites/{site}/newcomers/{held}"), &[("decision", decision)]).await;
        assert_eq!(answer.status.as_u16(), 303, "{answer:?}");
        assert_eq!(known.push_with(&key).await.said(), "202");
        assert!(hub.letter("decided").await.is_some());
        if keeps {
            // Installed anew: the same site, by another token.
            assert_eq!(newcomer.update(&[]).await.body, "true");
            assert_eq!(newcomer.site().await.id, site);
            assert_eq!(known.update(&[]).await.json()["errorcode"], "invalidtoken");
        } else {
            assert_eq!(newcomer.update(&[]).await.json()["errorcode"], "siteheld");
            assert_eq!(known.update(&[]).await.body, "true");
            assert!(!owner.get(&format!("/my/sites/{site}")).await.body.contains("wants this site's address"));
        }
    }
}

#[actix_web::test]
async fn the_registered_admin_says_whether_a_site_has_moved_or_was_copied() {
    let moved = "https://learn.school.example";
    for decision in ["move", "separate"] {
        let hub = TestHub::start().await;
        let mut known = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
        let key = known.key().await;
        let site = known.site().await.id;
        let mut there = known.copied_to(moved);
        there.update(&[]).await;
        let held = there.site().await.id;
        let mut owner = hub.browser();
        owner.get(&hub.mailed_path("newcomer").await).await;
        owner.post(&format!("/my/sites/{site}/newcomers/{held}"), &[("decision", decision)]).await;
        assert_eq!(there.update(&[("siteinfo[users]", "77")]).await.body, "true", "{decision}");
        assert_eq!(there.is_registered().await.body, "true");
        assert_eq!(known.push_with(&key).await.said(), "202");
        assert_eq!(there.access_key().await.status, StatusCode::OK);
        if decision == "move" {
            assert_eq!((there.site().await.id, there.site().await.users), (site, 77));
        } else {
            assert_eq!((there.site().await.id, known.site().await.id), (held, site));
            assert_eq!(known.update(&[]).await.body, "true");
            assert_eq!((there.site().await.users, known.site().await.users), (77, 4));
        }
    }
}

/// Everything that Moodle tells is kept, by day; what this hub does not know is put aside.
#[actix_web::test]
async fn figures_are_kept_with_their_history() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    hub.clock.advance(std::time::Duration::from_secs(7 * 86_400));
    assert_eq!(
        moodle
            .update(&[
                ("siteinfo[users]", "50"),
                ("siteinfo[tomorrow]", "x"),
                ("siteinfo[nested][one][]", "y"),
                ("siteinfo[emailalertemail]", "security@school.example"),
                ("siteinfo[pluginusage]", r#"{"mod":{"quiz":{"enabled":1,"count":3}}}"#)
            ])
            .await
            .body,
        "true"
    );
    let site = moodle.site().await.id;
    let rows = hub.hub.db.read(move |conn| registrations::history(conn, site, 10)).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].figures.contains(r#""users":50"#) && rows[1].figures.contains(r#""users":4"#), "{rows:?}");
    assert_eq!(rows[0].unknown, r#"{"nested":"{\"one\":{\"0\":\"y\"}}","tomorrow":"x"}"#);
    let kept = hub.hub.db.read(move |conn| registrations::of_site(conn, site)).await.unwrap();
    assert_eq!(kept[0].alerts_email.as_deref(), Some("security@school.example"));
    let plugins = hub.hub.db.read(move |conn| registrations::latest_plugins(conn, site)).await.unwrap().unwrap();
    assert_eq!(plugins.plugins.as_deref(), Some(r#"{"mod":{"quiz":[1,3]}}"#));
    let wrong = moodle.update(&[("siteinfo[users]", "many")]).await.json();
    assert_eq!(wrong["errorcode"], "invalidparameter");
    assert!(wrong["message"].as_str().unwrap().contains("users: not a number"), "{wrong}");
    assert_eq!(moodle.site().await.users, 50);
}

#[actix_web::test]
async fn crossing_the_user_limit_by_an_update_switches_push_off_after_a_grace_and_on_again() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    hub.browser().get(&hub.mailed_path("moodle_registered").await).await;
    let key = moodle.key().await;
    moodle.update(&[("siteinfo[users]", "20000")]).await;
    assert!(hub.letter("push_ending").await.is_some());
    assert_eq!(moodle.push_with(&key).await.said(), "202");
    assert_eq!(moodle.access_key().await.said(), "403 over_user_limit");
    let end = || {
        let (now, desk) = (hub.clock.now(), hub.hub.desk.clone());
        hub.hub.db.write(move |tx| sites::end_grace(tx, &desk, now, 20_000))
    };
    let week = std::time::Duration::from_secs(7 * 86_400);
    hub.clock.advance(week - std::time::Duration::from_secs(1));
    assert_eq!(end().await.unwrap(), 0);
    hub.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(end().await.unwrap(), 1);
    assert_eq!(moodle.push_with(&key).await.said(), "403 over_user_limit");
    assert!(hub.letter("push_off").await.is_some());
    moodle.update(&[("siteinfo[users]", "19999")]).await;
    assert_eq!(moodle.push_with(&key).await.said(), "202");
    assert!(hub.letter("push_on").await.is_some());
    // Fewer again before the end: all goes on, and nobody is mailed once more.
    moodle.update(&[("siteinfo[users]", "20001")]).await;
    moodle.update(&[("siteinfo[users]", "10")]).await;
    hub.clock.advance(week);
    assert_eq!(end().await.unwrap(), 0);
    assert_eq!(moodle.push_with(&key).await.said(), "202");
    assert_eq!((hub.letters("push_off").await, hub.letters("push_on").await), (1, 1));
    // A site that is new here has nothing to lose.
    let mut big = Moodle::new(&hub, "https://big.example", "BiMwWuzf04zuDh0F4sxdAbeeyGI65piIbig.example20261123022837");
    big.register().await;
    big.update(&[("siteinfo[users]", "50000")]).await;
    assert_eq!(big.access_key().await.said(), "403 over_user_limit");
    assert!(big.site().await.grace_until.is_none());
}

/// A stock AirNotifier in front: a bare integer, for address and secret together.
#[actix_web::test]
async fn an_airnotifier_is_told_who_is_registered() {
    let hub = TestHub::start().await;
    let moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let siteid = moodle.siteid();
    let check = |siteid: String, url: &'static str| {
        let hub = &hub;
        async move { hub.send(Method::GET, &format!("/local/sitecheck/check.php?siteid={siteid}&url={url}"), &[], "").await }
    };
    let yes = check(siteid.clone(), URL).await;
    assert_eq!((yes.status.as_u16(), yes.body.as_str(), yes.headers["content-type"].as_str()), (200, "1", "text/html; charset=utf-8"));
    assert_eq!(check(siteid.clone(), "https://other.example").await.body, "0");
    assert_eq!(check("0".repeat(32), URL).await.body, "0");
    assert_eq!(check(String::new(), URL).await.body, "0");
    hub.suspend(moodle.site().await.id).await;
    assert_eq!(check(siteid.clone(), URL).await.body, "0");
    for _ in 0..60 {
        check(siteid.clone(), URL).await;
    }
    assert_eq!(check(siteid.clone(), URL).await.status.as_u16(), 429);
    let closed = TestHub::with(&[("BELFRY_REGISTRATION__SITECHECK_FROM", "203.0.113.0/24")]).await;
    assert_eq!(closed.send(Method::GET, "/local/sitecheck/check.php?siteid=a&url=b", &[], "").await.status.as_u16(), 403);
}

#[actix_web::test]
async fn a_hub_address_with_a_slash_at_its_end_works_all_the_same() {
    let hub = TestHub::start().await;
    let answer = hub
        .send(
            Method::POST,
            "//local/hub/webservice/webservices.php",
            &[("Content-Type", "application/x-www-form-urlencoded")],
            "wsfunction=hub_get_info&wstoken=publichub",
        )
        .await;
    assert_eq!(answer.json()["name"], "Belfry", "{answer:?}");
    let answer = hub.send(Method::GET, "//local/hub/siteregistration.php?token=abcdefgh&url=https%3A%2F%2Fm.example", &[], "").await;
    assert_eq!(answer.status.as_u16(), 303);
    let logo = hub.send(Method::GET, "/local/hub/webservice/download.php?filetype=hubscreenshot", &[], "").await;
    assert!(logo.headers["location"].ends_with("logo.svg"));
}

/// Deep, huge, many, twice, of the wrong kind: refused at once, with the field named, and the registration stays.
#[actix_web::test]
async fn no_form_breaks_the_web_service() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let start = std::time::Instant::now();
    let forms = [
        ("a=1&".repeat(100_000), "form"),
        (format!("siteinfo{}=x", "[a]".repeat(5_000)), "siteinfo"),
        ("siteinfo[users]=1&siteinfo[users]=2".to_owned(), "siteinfo[users]"),
        ("siteinfo=text".to_owned(), "siteinfo"),
        ("siteinfo[users][x]=1".to_owned(), "siteinfo[users]"),
        (format!("siteinfo[name]={}", "x".repeat(1_100_000)), "form"),
        ("siteinfo[users]=1e400".to_owned(), "users"),
        ("siteinfo[pluginusage]={".to_owned(), "pluginusage"),
        ("siteinfo[url]=nonsense".to_owned(), "siteinfo[url]"),
        (String::new(), "siteinfo"),
    ];
    for (form, named) in forms {
        let answer = moodle.post_raw("hub_update_site_info", &form).await;
        let json = answer.json();
        assert_eq!((answer.status.as_u16(), json["errorcode"].as_str()), (200, Some("invalidparameter")), "{named}: {answer:?}");
        assert!(json["message"].as_str().unwrap().contains(named), "{named}: {json}");
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!(moodle.update(&[]).await.body, "true");
}

/// `wire/moodle-client.md` 1.1: with a slash behind the notification server, Moodle asks for this.
#[actix_web::test]
async fn a_slash_behind_the_notification_server_is_told() {
    let hub = TestHub::start().await;
    let answer = hub.send(Method::POST, "/:80/accesskeys/", &[], "").await;
    assert_eq!(answer.said(), "404 slash_in_url");
}

#[actix_web::test]
async fn the_contact_of_a_site_that_has_left_is_erased_after_three_months() {
    let hub = TestHub::start().await;
    let moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let id = moodle.site().await.id;
    assert_eq!(moodle.call("hub_unregister_site", &[("url[0]", URL)]).await.body, "true");
    for (days, kept) in [(89, true), (91, false)] {
        let now = hub.clock.now() + std::time::Duration::from_secs(days * 86_400);
        let periods = hub.hub.privacy.keeps;
        hub.hub.db.write(move |tx| belfry::privacy::step(tx, now, belfry::privacy::Kept::Contacts, &periods)).await.unwrap();
        let site = hub.hub.db.read(move |conn| sites::find(conn, id)).await.unwrap().unwrap();
        assert_eq!(site.contact_email.is_some(), kept, "after {days} days");
    }
}

/// Moodle keeps its registration under the hub's exact address (`wire/moodle-client.md` 0.13).
#[actix_web::test]
async fn a_hub_that_has_moved_says_so() {
    let hub = TestHub::start().await;
    Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let mut team = hub.person("mentor@hub.example", Some(belfry::accounts::Role::Admin)).await;
    assert!(!team.get("/staff").await.body.contains("know it by another one"));
    let moved = hub.again(&[("BELFRY_SERVER__PUBLIC_URL", "http://127.0.0.1:8081")]).await;
    let mut team = moved.person("mentor@hub.example", Some(belfry::accounts::Role::Admin)).await;
    assert!(team.get("/staff").await.body.contains("know it by another one: 1"));
}

/// The browser, the site's server and the next call may each meet another node.
#[actix_web::test]
async fn a_registration_may_begin_at_one_node_and_go_on_at_another() {
    let (first, secret) = (TestHub::start().await, format!("{IDENTIFIER}20261123022837"));
    let second = first.second().await;
    let mut browser = first.browser();
    browser.get(&Moodle::new(&first, URL, &secret).registration_path()).await;
    let mut there = second.browser();
    there.cookies.clone_from(&browser.cookies);
    assert_eq!(there.get("/local/hub/siteregistration.php").await.status, StatusCode::OK);
    let mut moodle = Moodle::new(&first, URL, &secret);
    moodle.register().await;
    let mut at_second = Moodle { token: moodle.token.clone(), ..Moodle::new(&second, URL, &secret) };
    assert_eq!(at_second.update(&[]).await.body, "true");
    assert_eq!(moodle.is_registered().await.body, "true");
    let key = at_second.key().await;
    let told = async {
        while moodle.push_with(&key).await.said() != "202" {
            actix_web::rt::task::yield_now().await;
        }
    };
    assert!(actix_web::rt::time::timeout(std::time::Duration::from_secs(1), told).await.is_ok(), "not known everywhere within a second");
}

/// `sites`: leaving while suspended is no way around it, by Moodle's protocol either, and before anything was proved.
#[actix_web::test]
async fn a_suspended_site_that_leaves_and_comes_back_is_suspended_as_before() {
    let hub = TestHub::start().await;
    let at_home = "http://127.0.0.1:8125";
    let mut moodle = Moodle::new(&hub, at_home, &format!("{IDENTIFIER}20261123022837"));
    moodle.register().await;
    let site = moodle.site().await.id;
    hub.suspend(site).await;
    assert_eq!(moodle.call("hub_unregister_site", &[("url[0]", at_home)]).await.body, "true");
    assert_eq!(moodle.update(&[]).await.json()["errorcode"], "invalidtoken");
    let mut back = Moodle::new(&hub, at_home, &format!("{IDENTIFIER}20261124101010"));
    back.register().await;
    assert_eq!(back.update(&[]).await.json()["errorcode"], "sitesuspended");
    assert_eq!((back.site().await.id, back.site().await.state), (site, SiteState::Suspended));
    assert_eq!(back.access_key().await.said(), "403 site_suspended");
}

#[actix_web::test]
async fn a_token_that_names_ever_new_addresses_piles_up_nothing() {
    let hub = TestHub::start().await;
    let moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    for number in 0..15 {
        let mut copy = moodle.copied_to(&format!("https://copy{number}.example"));
        assert_eq!(copy.update(&[]).await.json()["errorcode"], "siteelsewhere");
    }
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 11);
    assert_eq!(hub.letters("newcomer").await, 1);
}

/// `wire/moodle-client.md` 2.5: everything in the query, as up to 3.7.
#[actix_web::test]
async fn a_moodle_of_2019_calls_by_get() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::new(&hub, URL, IDENTIFIER);
    moodle.register().await;
    let query = format!(
        "wstoken={}&wsfunction=hub_update_site_info&moodlewsrestformat=json&siteinfo%5Bname%5D=Old&siteinfo%5Busers%5D=7&siteinfo%5Burl%5D={URL}",
        moodle.token
    );
    let answer = hub.send(Method::GET, &format!("/local/hub/webservice/webservices.php?{query}"), &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "true"));
    assert_eq!((moodle.site().await.users, moodle.site().await.name.as_str()), (7, "Old"));
}

/// `wire/moodle-client.md` 2.2 and 2.5: five parameters, and signed updates.
#[actix_web::test]
async fn the_newest_moodle_sends_five_parameters_and_signs_its_updates() {
    let hub = TestHub::start().await;
    let secret = format!("{IDENTIFIER}20261123022837");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([
        ("token", secret.as_str()),
        ("url", URL),
        ("policyagreed", "1"),
        ("contactemail", "a@b.example"),
        ("language", "en"),
    ]);
    let mut browser = hub.browser();
    browser.get(&format!("/local/hub/siteregistration.php?{}", query.finish())).await;
    let page = browser.get("/local/hub/siteregistration.php").await;
    assert!(page.body.contains("Register moodle.school.example"), "{}", page.body);
    let mut moodle = Moodle::new(&hub, URL, &secret);
    moodle.register().await;
    let at = hub.clock.now().seconds().to_string();
    let key = belfry::secret::md5_hex(secret.as_bytes());
    let signature = belfry::secret::hmac_sha256_hex(key.as_bytes(), format!("{URL}|{at}").as_bytes());
    assert_eq!(moodle.update(&[("timestamp", &at), ("signature", &signature)]).await.body, "true");
    let site = moodle.site().await.id;
    let kept = hub.hub.db.read(move |conn| registrations::latest(conn, site)).await.unwrap().unwrap();
    assert!(kept.signed);
}

#[actix_web::test]
async fn a_site_that_its_owner_takes_off_the_hub_is_told_by_the_next_call() {
    let hub = TestHub::start().await;
    let mut owner = hub.person("ada@school.example", None).await;
    let mut moodle = Moodle::new(&hub, URL, &format!("{IDENTIFIER}20261123022837"));
    moodle.register_in(&mut owner).await;
    assert_eq!(moodle.update(&[]).await.body, "true");
    let id = moodle.site().await.id;
    assert_eq!(owner.post(&format!("/my/sites/{id}/unregister"), &[("confirm", URL)]).await.status.as_u16(), 303);
    assert_eq!(moodle.update(&[]).await.json()["errorcode"], "invalidtoken");
    assert_eq!(moodle.is_registered().await.json()["errorcode"], "invalidtoken");
}

#[actix_web::test]
async fn the_team_decides_about_a_newcomer_with_a_reason() {
    let hub = TestHub::start().await;
    let mut team = hub.person("mentor@hub.example", Some(belfry::accounts::Role::Reviewer)).await;
    let known = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let site = known.site().await.id;
    let mut copy = known.copied_to("https://learn.school.example");
    copy.update(&[]).await;
    let held = copy.site().await.id;
    let page = team.get(&format!("/staff/sites/{held}")).await.body;
    assert!(page.contains("It is the same site") && page.contains("It is a site of its own") && page.contains("Turn it away"), "{page}");
    assert!(team.get("/staff").await.body.contains("https://learn.school.example"));
    assert_eq!(team.post(&format!("/staff/sites/{held}/move"), &[("reason", "")]).await.status.as_u16(), 422);
    let refused = team.post(&format!("/staff/sites/{held}/refuse"), &[("reason", "Nobody answers")]).await;
    assert_eq!(refused.headers["location"], format!("/staff/sites/{held}"));
    assert_eq!(copy.update(&[]).await.json()["errorcode"], "siteelsewhere");
    // They may change their mind.
    let moved = team.post(&format!("/staff/sites/{held}/move"), &[("reason", "The school has called")]).await;
    assert_eq!(moved.headers["location"], format!("/staff/sites/{site}"));
    assert_eq!(copy.update(&[]).await.body, "true");
    assert_eq!((copy.site().await.id, copy.site().await.url.as_str()), (site, "https://learn.school.example"));
    assert!(team.get(&format!("/staff/sites/{site}")).await.body.contains("The school has called"));
}

/// Who has merely claimed an address could swallow the Moodle that it belongs to.
#[actix_web::test]
async fn whoever_has_only_claimed_an_address_does_not_decide_about_others_there() {
    let hub = TestHub::start().await;
    let mut squatter = hub.person("eve@elsewhere.example", None).await;
    let mut claim = Moodle::new(&hub, URL, "SxMwWuzf04zuDh0F4sxdAbeeyGI65piIsquatter20261123022837");
    claim.register_in(&mut squatter).await;
    let claimed = claim.site().await.id;
    let mut real = Moodle::new(&hub, URL, &format!("{IDENTIFIER}20261123022837"));
    real.register().await;
    real.update(&[]).await;
    let held = real.site().await.id;
    for decision in ["move", "refuse"] {
        let answer = squatter.post(&format!("/my/sites/{claimed}/newcomers/{held}"), &[("decision", decision)]).await;
        assert_eq!(answer.status.as_u16(), 409, "{decision}");
    }
    let page = squatter.get(&format!("/my/sites/{claimed}")).await.body;
    assert!(page.contains("Prove first that this site is yours") && !page.contains("turn it away"), "{page}");
}

/// A known secret at somebody else's address: neither by saying that it has moved nor as a copy does it get there.
#[actix_web::test]
async fn a_site_can_neither_move_nor_be_copied_to_where_another_one_stands() {
    let hub = TestHub::start().await;
    let victim = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let mut eve = hub.person("eve@elsewhere.example", None).await;
    let mut own = Moodle::new(&hub, "https://evil.example", "EvMwWuzf04zuDh0F4sxdAbeeyGI65piIevil.example20261123022837");
    own.register_in(&mut eve).await;
    assert_eq!(own.update(&[]).await.body, "true");
    let site = own.site().await.id;
    let mut there = own.copied_to(URL);
    there.update(&[]).await;
    let page = eve.get(&format!("/my/sites/{site}")).await.body;
    let held = page.split("/newcomers/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let moved = eve.post(&format!("/my/sites/{site}/newcomers/{held}"), &[("decision", "move")]).await;
    assert_eq!(moved.status.as_u16(), 409);
    eve.post(&format!("/my/sites/{site}/newcomers/{held}"), &[("decision", "separate")]).await;
    let copy = hub.hub.db.read(move |conn| sites::find(conn, held.parse().unwrap())).await.unwrap().unwrap();
    assert!(copy.held_since.is_some() && copy.held_beside.is_none(), "{copy:?}");
    assert!(victim.site().await.held_since.is_none());
}

#[actix_web::test]
async fn who_leaves_while_held_sets_nobody_free() {
    let hub = TestHub::start().await;
    let mut known = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let mut held = Vec::new();
    for name in ["One", "Two"] {
        let mut newcomer = Moodle::new(&hub, URL, &format!("{name}wWuzf04zuDh0F4sxdAbeeyGI65piIother.example20261123022837"));
        newcomer.register().await;
        held.push(newcomer);
    }
    assert_eq!(held[0].call("hub_unregister_site", &[("url[0]", URL)]).await.body, "true");
    assert!(held[1].site().await.held_since.is_some());
    // Nor may a held one speak for another address.
    let mut elsewhere = held[1].copied_to("https://other.example");
    assert_eq!(elsewhere.update(&[]).await.json()["errorcode"], "siteelsewhere");
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 2);
    // Once the registered site leaves, the address is free.
    assert_eq!(known.update(&[]).await.body, "true");
    assert_eq!(known.call("hub_unregister_site", &[("url[0]", URL)]).await.body, "true");
    assert!(held[1].site().await.held_since.is_none());
}

#[actix_web::test]
async fn a_copy_is_a_site_of_its_own_once_the_first_one_has_left() {
    let hub = TestHub::start().await;
    let known = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let mut there = Moodle::new(&hub, "https://learn.school.example", &known.secret);
    there.register().await;
    assert_eq!(there.update(&[]).await.json()["errorcode"], "siteheld");
    assert_eq!(known.call("hub_unregister_site", &[("url[0]", URL)]).await.body, "true");
    assert_eq!(there.update(&[]).await.body, "true");
    assert_eq!(there.access_key().await.status, StatusCode::OK);
}

#[actix_web::test]
async fn claims_that_nothing_comes_of_are_forgotten_and_do_not_pile_up() {
    let hub = TestHub::start().await;
    // One of 4.2 may never tell of itself, and be in use all the same: it stays.
    Moodle::new(&hub, URL, IDENTIFIER).register().await;
    for number in 0..13 {
        Moodle::new(&hub, URL, &format!("{number:02}wWuzf04zuDh0F4sxdAbeeyGI65piIother.example20261123022837")).register().await;
    }
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 11);
    let now = hub.clock.now() + std::time::Duration::from_secs(31 * 86_400);
    hub.hub.db.write(move |tx| belfry::app::trim(tx, now)).await.unwrap();
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 1);
}

/// A Moodle that names one mailbox after the other, or crosses the limit to and fro, mails a stranger once a day at most.
#[actix_web::test]
async fn a_moodle_can_not_make_the_hub_mail_strangers_again_and_again() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    for number in 0..6 {
        let mailbox = format!("stranger{number}@elsewhere.example");
        let users = if number % 2 == 0 { "30000" } else { "10" };
        assert_eq!(moodle.update(&[("siteinfo[contactemail]", mailbox.as_str()), ("siteinfo[users]", users)]).await.body, "true");
    }
    let all = hub.hub.db.read(|conn| belfry::mail::page(conn, None, 200)).await.unwrap();
    let mut kinds: Vec<String> = all.iter().map(|letter| letter.kind.clone()).collect();
    kinds.sort();
    // Each kind once, whoever is named.
    assert_eq!(kinds, ["moodle_registered", "push_ending"], "{kinds:?}");
}

/// Somebody signs up with the address of a Moodle's contact, who then has a link sent again: the stranger's password does
/// not come along with it.
#[actix_web::test]
async fn a_strangers_password_does_not_ride_on_the_contacts_link() {
    let hub = TestHub::start().await;
    let form: Vec<(&str, &str)> = crate::support::FORM
        .into_iter()
        .map(|(name, value)| if name == "contact_email" { (name, "admin@moodle.example") } else { (name, value) })
        .collect();
    assert_eq!(hub.browser().post("/register", &form).await.status, StatusCode::OK);
    Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let mut contact = hub.browser();
    contact.post("/register/resend", &[("email", "admin@moodle.example")]).await;
    contact.get(&hub.mailed_path("confirm").await).await;
    let account = contact.get("/account").await;
    assert!(account.body.contains("have no password yet"), "{}", account.body);
}

/// `wire/moodle-client.md` 2.8: the copy's Moodle makes itself another secret, and its admin registers anew.
#[actix_web::test]
async fn a_copy_is_made_a_site_of_its_own_by_its_admin() {
    let hub = TestHub::start().await;
    let mut known = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let copied = "https://test.school.example";
    let mut browser = hub.browser();
    browser.get(&Moodle::new(&hub, copied, &known.secret).registration_path()).await;
    let page = browser.get("/local/hub/siteregistration.php").await.body;
    assert!(page.contains("It is a copy: make it a site of its own"), "{page}");
    let mark = page.split("name=\"mark\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let sent = browser.post("/local/hub/siteregistration.php", &[("mark", mark.as_str()), ("as", "copy")]).await;
    let to = url::Url::parse(&sent.headers["location"]).unwrap();
    assert_eq!((sent.status.as_u16(), to.host_str()), (303, Some("test.school.example")));
    assert_eq!(to.path(), "/admin/registration/renewregistration.php");
    let told: Vec<(String, String)> = to.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let want = [("url", "http://127.0.0.1:8080"), ("token", known.secret.as_str()), ("hubname", "Belfry")];
    assert_eq!(told, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(hub.hub.db.read(sites::count_all).await.unwrap(), 1);
    // Another date behind the same beginning.
    let mut copy = Moodle::registered(&hub, copied, &format!("{IDENTIFIER}20261124101010")).await;
    assert_ne!(copy.site().await.id, known.site().await.id);
    assert!(copy.site().await.held_since.is_none());
    assert_eq!(copy.is_registered().await.body, "true");
    assert_eq!(known.update(&[]).await.body, "true");
    assert_eq!(copy.update(&[]).await.body, "true");
    assert!(hub.letter("newcomer").await.is_none());
}

/// The server called from there: no other proof of the new address is asked for.
#[actix_web::test]
async fn a_site_that_was_seen_at_its_new_address_stays_active_when_it_moves() {
    let hub = TestHub::start().await;
    let mut owner = hub.person("ada@school.example", None).await;
    let mut known = Moodle::new(&hub, "http://127.0.0.1:8126", &format!("{IDENTIFIER}20261123022837"));
    known.register_in(&mut owner).await;
    assert_eq!(known.update(&[]).await.body, "true");
    let site = known.site().await;
    assert_eq!(site.state, SiteState::Active);
    for (address, state) in [("http://127.0.0.1:8127", SiteState::Active), (URL, SiteState::Claimed)] {
        let mut there = known.copied_to(address);
        assert_eq!(there.update(&[]).await.json()["errorcode"], "siteelsewhere");
        let held = there.site().await.id;
        let said = owner.post(&format!("/my/sites/{}/newcomers/{held}", site.id), &[("decision", "move")]).await;
        assert_eq!(said.status.as_u16(), 303, "{said:?}");
        let moved = hub.hub.db.read(move |conn| sites::find(conn, site.id)).await.unwrap().unwrap();
        assert_eq!((moved.url.as_str(), moved.state), (address, state));
        let page = owner.get(&format!("/my/sites/{}", site.id)).await.body;
        assert_eq!(page.contains("It is on trial until its server calls"), state == SiteState::Claimed, "{page}");
        known = there;
    }
}

#[actix_web::test]
async fn who_was_turned_away_stays_so_even_after_leaving() {
    let hub = TestHub::start().await;
    let mut team = hub.person("mentor@hub.example", Some(belfry::accounts::Role::Reviewer)).await;
    Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let mut newcomer = Moodle::new(&hub, URL, "SxMwWuzf04zuDh0F4sxdAbeeyGI65piIother.example20261123022837");
    newcomer.register().await;
    let held = newcomer.site().await.id;
    team.post(&format!("/staff/sites/{held}/refuse"), &[("reason", "Nobody knows it")]).await;
    assert_eq!(newcomer.call("hub_unregister_site", &[("url[0]", URL)]).await.body, "true");
    newcomer.register().await;
    assert_eq!(newcomer.site().await.id, held);
    assert!(newcomer.site().await.refused_at.is_some());
    assert_eq!(newcomer.update(&[]).await.json()["errorcode"], "siteheld");
    assert_eq!(hub.letters("newcomer").await, 1);
}

/// Fewer users typed than the Moodle tells would switch push on until its next report.
#[actix_web::test]
async fn an_owner_can_not_type_fewer_users_than_the_moodle_tells() {
    let hub = TestHub::start().await;
    let mut owner = hub.person("ada@school.example", None).await;
    let mut moodle = Moodle::new(&hub, URL, &format!("{IDENTIFIER}20261123022837"));
    moodle.register_in(&mut owner).await;
    assert_eq!(moodle.update(&[("siteinfo[users]", "30000")]).await.body, "true");
    let id = moodle.site().await.id;
    let fields = [
        ("name", "School"),
        ("description", ""),
        ("country", "SE"),
        ("language", "en"),
        ("users", "10"),
        ("privacy", "linked"),
        ("push_enabled", "1"),
    ];
    let saved = owner.post(&format!("/my/sites/{id}/settings"), &fields).await;
    assert_eq!(saved.status.as_u16(), 303, "{saved:?}");
    let site = moodle.site().await;
    assert_eq!((site.users, site.name.as_str()), (30_000, "School"));
}

#[actix_web::test]
async fn the_page_says_what_registering_again_will_not_change() {
    let hub = TestHub::start().await;
    let known = Moodle::registered(&hub, URL, &format!("{IDENTIFIER}20261123022837")).await;
    let mut newcomer = Moodle::new(&hub, URL, "SxMwWuzf04zuDh0F4sxdAbeeyGI65piIother.example20261123022837");
    newcomer.register().await;
    assert!(known.page().await.body.contains("It goes on as the same site"));
    let page = newcomer.page().await.body;
    assert!(page.contains("is <em>held</em> beside another registration") && !page.contains("goes on as the same site"), "{page}");
    hub.suspend(known.site().await.id).await;
    let page = known.page().await.body;
    assert!(page.contains("has <em>suspended</em> it") && !page.contains("goes on as the same site"), "{page}");
}
