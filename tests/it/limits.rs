//! Limits of one site, brakes, and settings that change while the hub runs.

use std::time::{Duration, Instant};

use actix_web::http::Method;
use belfry::accounts::Role;
use belfry::app::{CHORES, run_if_due};
use belfry::audit::Actor;
use belfry::db::Fault;
use belfry::ids::SiteId;
use belfry::settings::{Told, live};
use belfry::sites::{self, Brake};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::support::{TestHub, TestSite};

/// A pace at which a test can tell bursts apart from what time gives back.
const SLOW: [(&str, &str); 4] = [
    ("BELFRY_LIMITS__PUSH_PER_SECOND", "1"),
    ("BELFRY_LIMITS__PUSH_BURST", "3"),
    ("BELFRY_LIMITS__PUSH_PER_DAY", "1000"),
    ("BELFRY_REGISTRATION__OVER_LIMIT_GRACE", "0s"),
];

fn on<'a>(hub: &'a TestHub, site: &TestSite<'_>) -> TestSite<'a> {
    TestSite { hub, account: site.account, id: site.id, key: site.key.clone() }
}

/// How many pushes pass at once, and what the next one is told.
async fn burst(site: &TestSite<'_>) -> (usize, String) {
    for passed in 0..100 {
        let said = site.push(&format!("burst-token-0123456789-{}", passed % 20)).await.said();
        if said != "202" {
            return (passed, said);
        }
    }
    panic!("no limit")
}

/// Waits until a thing is so on another node, and says how long that took.
async fn awaited(what: &str, most: Duration, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < most, "{what}: not within {most:?}");
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
}

fn push_burst(hub: &TestHub, site: SiteId) -> u32 {
    hub.hub.hall.table.figures(site, false, hub.clock.now()).0.push_burst.get()
}

const REASON: (&str, &str) = ("reason", "They asked for it");

#[actix_web::test]
async fn a_site_has_a_rate_of_its_own_on_every_node() {
    let one = TestHub::with(&SLOW).await;
    let two = one.again(&SLOW).await;
    let (site, other) = (one.active_site().await, one.site("other@school.example", true).await);
    let mut staff = one.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let path = format!("/staff/sites/{}/limits", site.id);
    assert!((3..6).contains(&burst(&site).await.0));
    let saved = staff.post(&path, &[("push_burst", "20"), ("push_per_second", ""), REASON]).await;
    assert_eq!(saved.status.as_u16(), 303, "{}", saved.body);
    let (passed, said) = burst(&site).await;
    assert!((20..24).contains(&passed) && said == "429 rate_limited", "{passed} {said}");
    awaited("the rate", Duration::from_secs(1), || push_burst(&two, site.id) == 20).await;
    assert!((20..24).contains(&burst(&on(&two, &site)).await.0));
    assert!((3..6).contains(&burst(&other).await.0), "the others go on as before");
    // Lower than for all, and what is said of other things gives no burst back.
    staff.post(&path, &[("push_burst", "1"), REASON]).await;
    assert!((1..3).contains(&burst(&site).await.0));
    staff.post(&path, &[("push_burst", "1"), ("enrol_burst", "7"), REASON]).await;
    assert!(burst(&site).await.0 < 2);
    let page = staff.get(&path).await.body;
    assert!(page.contains("value=\"7\"") && page.contains("For all sites: 3. Empty: as for all."), "{page}");
    let mut owner = one.person("active@school.example", None).await;
    let page = owner.get(&format!("/my/sites/{}", site.id)).await.body;
    assert!(page.contains("1, up to 1 at once") && page.contains("up to 7 at once"), "{page}");
}

#[actix_web::test]
async fn a_site_has_a_quota_and_a_user_limit_of_its_own_on_every_node() {
    let one = TestHub::with(&SLOW).await;
    let two = one.again(&SLOW).await;
    let site = one.active_site().await;
    let elsewhere = on(&two, &site);
    let mut staff = one.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let path = format!("/staff/sites/{}/limits", site.id);
    staff.post(&path, &[("push_per_day", "2"), ("max_site_users", "100"), REASON]).await;
    // It has 100 users: no longer fewer than N.
    assert_eq!(site.push("limit-token-0123456789").await.said(), "403 over_user_limit");
    let asked = || elsewhere.call(Method::POST, "/tokens/testtoken", "");
    let started = Instant::now();
    while asked().await.said() != "400 over_user_limit" {
        assert!(started.elapsed() < Duration::from_secs(1), "{}", asked().await.body);
    }
    assert_eq!((one.letters("push_off").await, one.letters("push_on").await), (1, 0));
    assert!(staff.get(&path).await.body.contains("Push off: too many users"));
    assert!(staff.get("/staff/sites").await.body.contains("Push off: too many users"));
    staff.post(&path, &[("push_per_day", "2"), ("max_site_users", "25,000"), REASON]).await;
    assert_eq!((one.letters("push_off").await, one.letters("push_on").await), (1, 1));
    assert_eq!(burst(&site).await, (2, "429 quota_exceeded".to_owned()));
    awaited("the user limit", Duration::from_secs(1), || two.hub.max_users(site.id) == 25_000).await;
    assert_eq!(burst(&elsewhere).await, (2, "429 quota_exceeded".to_owned()));
    let page = staff.get(&path).await.body;
    assert!(page.contains("of 2</span>"), "{page}");
    let mut owner = one.person("active@school.example", None).await;
    let page = owner.get(&format!("/my/sites/{}/settings", site.id)).await.body;
    assert!(page.contains("data-limit=\"25000\""), "{page}");
}

#[actix_web::test]
async fn what_is_no_limit_is_refused_at_its_field_and_kept() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut staff = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let path = format!("/staff/sites/{}/limits", site.id);
    let typed = [("push_per_second", "100001"), ("push_per_day", "lots"), ("max_site_users", "12"), ("reason", " ")];
    let refused = staff.post(&path, &typed).await;
    assert_eq!(refused.status.as_u16(), 422);
    for part in ["push_per_second-error", "push_per_day-error", "reason-error", "value=\"lots\"", "value=\"12\"", "from 1 to 100000,"] {
        assert!(refused.body.contains(part), "{part} in {}", refused.body);
    }
    assert_eq!(hub.hub.max_users(site.id), 20_000, "nothing was kept");
    let nobody = SiteId::new(hub.clock.now());
    assert_eq!(staff.get(&format!("/staff/sites/{nobody}/limits")).await.status.as_u16(), 404);
    assert_eq!(staff.post(&format!("/staff/sites/{nobody}/limits"), &[REASON]).await.status.as_u16(), 404);
    assert_eq!(staff.post(&format!("/staff/sites/{nobody}/limits/release"), &[REASON]).await.status.as_u16(), 404);
    let mut analyst = hub.person("reader@hub.example", Some(Role::Analyst)).await;
    assert!(!analyst.get(&path).await.body.contains(&format!("action=\"{path}\"")));
    assert_eq!(analyst.post(&path, &[("push_burst", "9"), REASON]).await.status.as_u16(), 403);
}

#[actix_web::test]
async fn a_brake_slows_a_site_and_ends_by_the_clock_on_every_node() {
    let one = TestHub::with(&SLOW).await;
    let two = one.again(&SLOW).await;
    let site = one.active_site().await;
    let elsewhere = on(&two, &site);
    let mut staff = one.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let (now, id) = (one.clock.now(), site.id);
    let until = now + Duration::from_secs(600);
    let brake = Brake { push_per_second: 1, push_per_day: 50, enrol_per_second: 1, until, case: None, automatic: true };
    let set = brake.clone();
    one.hub.db.write(move |tx| sites::brake(tx, now, Actor::Hub, id, &set, None)).await.unwrap();
    assert_eq!(push_burst(&one, id), 1);
    assert!(burst(&site).await.1.starts_with("429"));
    awaited("the brake", Duration::from_secs(1), || push_burst(&two, id) == 1).await;
    assert!(burst(&elsewhere).await.1.starts_with("429"));
    let page = staff.get(&format!("/staff/sites/{id}/limits")).await.body;
    assert!(page.contains("Slowed down for a while") && page.contains("The hub has done this by itself"), "{page}");
    let mut owner = one.person("active@school.example", None).await;
    assert!(owner.get(&format!("/my/sites/{id}")).await.body.contains("Slowed down by the hub"));
    // Nobody takes it away: its time is over, by the clock of each node.
    one.clock.advance(Duration::from_secs(601));
    assert_eq!((push_burst(&one, id), push_burst(&two, id)), (3, 1), "the other node's clock has not moved");
    assert!(burst(&site).await.0 >= 3);
    two.clock.advance(Duration::from_secs(601));
    assert_eq!(push_burst(&two, id), 3);
    assert!(burst(&elsewhere).await.0 >= 3);
    let later = one.clock.now();
    let ended = one.hub.db.read(move |conn| sites::ended_brakes(conn, later, 10)).await.unwrap();
    assert_eq!(ended, [(id, None)]);
    // And by the team, before its time.
    let again = Brake { until: later + Duration::from_secs(600), ..brake };
    one.hub.db.write(move |tx| sites::brake(tx, later, Actor::Hub, id, &again, None)).await.unwrap();
    assert_eq!(push_burst(&one, id), 1);
    let path = format!("/staff/sites/{id}/limits/release");
    let refused = staff.post(&path, &[("reason", "")]).await;
    assert!(refused.status.as_u16() == 422 && refused.body.contains("release-reason-error"), "{}", refused.body);
    assert_eq!(staff.post(&path, &[REASON]).await.status.as_u16(), 303);
    assert_eq!(push_burst(&one, id), 3);
    assert_eq!(one.hub.db.read(move |conn| sites::brake_of(conn, id)).await.unwrap(), None);
}

#[actix_web::test]
async fn push_that_the_team_has_stopped_is_off_until_it_is_let_go() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let stop = |stopped: bool| {
        let (now, id, reason) = (hub.clock.now(), site.id, belfry::audit::Reason::parse("Floods").unwrap());
        hub.hub.db.write(move |tx| sites::stop_push(tx, now, Actor::Operator, id, stopped, &reason))
    };
    stop(true).await.unwrap();
    assert_eq!(site.push("stopped-token-0123456789").await.said(), "403 push_disabled");
    stop(false).await.unwrap();
    assert_eq!(site.push("stopped-token-0123456789").await.said(), "202");
}

#[derive(QueryableByName)]
struct Noted {
    #[diesel(sql_type = Nullable<Text>)]
    before: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    after: Option<String>,
}

async fn noted(hub: &TestHub) -> Vec<(String, String)> {
    let query = "SELECT before, after FROM audit WHERE event = 'setting_changed' ORDER BY seq";
    let rows = hub.hub.db.read(move |conn| Ok::<_, Fault>(diesel::sql_query(query).load::<Noted>(conn)?)).await.unwrap();
    rows.into_iter().map(|row| (row.before.unwrap_or_default(), row.after.unwrap_or_default())).collect()
}

#[actix_web::test]
async fn a_setting_changes_while_the_hub_runs_on_every_node_and_goes_back() {
    let one = TestHub::with(&SLOW).await;
    let two = one.again(&SLOW).await;
    let site = one.active_site().await;
    let mut admin = one.person("head@hub.example", Some(Role::Admin)).await;
    assert!((3..6).contains(&burst(&site).await.0));
    let change = [("name", "limits.push_burst"), ("value", " 15 "), REASON];
    assert_eq!(admin.post("/staff/settings", &change).await.status.as_u16(), 303);
    assert!((15..19).contains(&burst(&site).await.0), "at once, without a restart");
    awaited("the setting", Duration::from_secs(2), || two.hub.limits().push_burst.get() == 15).await;
    assert!((15..19).contains(&burst(&on(&two, &site)).await.0));
    let page = admin.get("/staff/settings").await.body;
    assert!(page.contains("changed by the team") && page.contains("Back to 3 (BELFRY_LIMITS__PUSH_BURST)"), "{page}");
    // Another node that starts knows it, too.
    let three = one.again(&SLOW).await;
    assert_eq!(push_burst(&three, site.id), 15);
    let back = [("name", "limits.push_burst"), ("value", "15"), ("reset", "1"), REASON];
    assert_eq!(admin.post("/staff/settings", &back).await.status.as_u16(), 303);
    assert_eq!(one.hub.limits().push_burst.get(), 3);
    awaited("the reset", Duration::from_secs(2), || push_burst(&two, site.id) == 3).await;
    let (to, from) = (r#"{"limits.push_burst":"3"}"#.to_owned(), r#"{"limits.push_burst":"15"}"#.to_owned());
    assert_eq!(noted(&one).await, [(to.clone(), from.clone()), (from, to)]);
}

#[actix_web::test]
async fn each_setting_that_may_change_does_so_where_it_is_used() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut admin = hub.person("head@hub.example", Some(Role::Admin)).await;
    assert_eq!(site.push("flood-token-0123456789").await.said(), "202");
    for (name, value) in [
        ("limits.push_per_device_per_minute", "1"),
        ("registration.over_limit_grace", "3d"),
        ("keys.remind_after", "100d"),
        ("devices.stale_after", "20d"),
        ("registration.claimed_push", "off"),
        ("limits.trial_devices", "7"),
    ] {
        assert_eq!(admin.post("/staff/settings", &[("name", name), ("value", value), REASON]).await.status.as_u16(), 303, "{name}");
    }
    assert_eq!(site.push("flood-token-0123456789").await.said(), "202");
    assert_eq!(site.push("flood-token-0123456789").await.said(), "429 device_rate_limited");
    let days = |days: u64| Duration::from_secs(days * 86_400);
    assert_eq!((hub.hub.over_limit_grace(), hub.hub.remind_keys_after(), hub.hub.devices().stale_after), (days(3), days(100), days(20)));
    let grants = **hub.hub.hall.table.grants();
    assert_eq!((grants.trial_devices, grants.claimed_may_push), (7, false));
}

#[actix_web::test]
async fn another_user_limit_is_told_to_those_it_moves_past_and_gives_them_time() {
    let hub = TestHub::start().await;
    let (site, own) = (hub.active_site().await, hub.site("own@school.example", true).await);
    let mut admin = hub.person("head@hub.example", Some(Role::Admin)).await;
    admin.post(&format!("/staff/sites/{}/limits", own.id), &[("max_site_users", "5000"), REASON]).await;
    admin.post("/staff/settings", &[("name", "limits.max_site_users"), ("value", "80"), REASON]).await;
    assert_eq!(hub.letters("push_ending").await, 1, "the site with a limit of its own is not concerned");
    assert_eq!(
        (site.push("user-token-0123456789").await.said(), own.push("user-token-0123456789").await.said()),
        ("202".into(), "202".into())
    );
    assert!(hub.browser().get("/register").await.body.contains("fewer than 80 users"));
    hub.clock.advance(Duration::from_secs(8 * 86_400));
    let chore = CHORES.iter().find(|chore| chore.name == "user limit").unwrap();
    assert!(run_if_due(&hub.hub, chore).await.unwrap());
    assert_eq!(site.push("user-token-0123456789").await.said(), "403 over_user_limit");
    assert_eq!(own.push("user-token-0123456789").await.said(), "202");
    let mut admin = hub.person("head@hub.example", Some(Role::Admin)).await;
    admin.post("/staff/settings", &[("name", "limits.max_site_users"), ("reset", "1"), REASON]).await;
    assert_eq!((site.push("user-token-0123456789").await.said(), hub.letters("push_on").await), ("202".into(), 1));
}

#[actix_web::test]
async fn a_value_that_the_file_would_be_refused_with_is_refused_in_the_same_words() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("head@hub.example", Some(Role::Admin)).await;
    let env = [("BELFRY_REGISTRATION__CLAIMED_PUSH".to_owned(), "perhaps".to_owned())];
    let words = belfry::settings::Settings::load(None, env).unwrap_err().0.remove(0).words;
    let typed = [("name", "registration.claimed_push"), ("value", "perhaps"), REASON];
    let refused = admin.post("/staff/settings", &typed).await;
    assert_eq!(refused.status.as_u16(), 422);
    let said = words.replace('"', "&#34;").replace('\'', "&#39;");
    for part in [said.as_str(), "id=\"value-registration.claimed_push-error\"", "value=\"perhaps\"", REASON.1] {
        assert!(refused.body.contains(part), "{part} in {}", refused.body);
    }
    let without = admin.post("/staff/settings", &[("name", "limits.push_burst"), ("value", "4")]).await;
    assert!(without.status.as_u16() == 422 && without.body.contains("id=\"reason-limits.push_burst-error\""), "{}", without.body);
    for name in ["server.secret_key", "database.url", "no.such", "", "limits.body_bytes"] {
        assert_eq!(admin.post("/staff/settings", &[("name", name), ("value", "1"), REASON]).await.status.as_u16(), 422, "{name}");
    }
    assert!(noted(&hub).await.is_empty() && hub.hub.limits().push_burst.get() == 200);
}

#[actix_web::test]
async fn settings_are_read_by_the_team_and_changed_by_its_admins() {
    let hub = TestHub::with(&[("BELFRY_SERVER__SECRET_KEY", "a-secret-that-nobody-may-ever-see-here")]).await;
    for (role, may_change) in [(Role::Analyst, false), (Role::Reviewer, false), (Role::Admin, true)] {
        let mut person = hub.person(&format!("{}@hub.example", role.as_str()), Some(role)).await;
        let page = person.get("/staff/settings").await;
        assert!(page.status.as_u16() == 200 && page.body.contains("limits.push_burst") && !page.body.contains("nobody-may-ever"));
        assert_eq!(page.body.contains("value-limits.push_burst"), may_change);
        let changed = person.post("/staff/settings", &[("name", "limits.push_burst"), ("value", "9"), REASON]).await;
        assert_eq!(changed.status.as_u16(), if may_change { 303 } else { 403 });
    }
    let mut owner = hub.person("owner@school.example", None).await;
    assert_eq!(owner.get("/staff/settings").await.status.as_u16(), 403);
    assert_eq!(hub.hub.limits().push_burst.get(), 9);
}

#[actix_web::test]
async fn a_value_that_can_no_longer_be_read_keeps_no_hub_from_starting() {
    let hub = TestHub::start().await;
    let now = hub.clock.now();
    let told = |name: &str, value: &str| Told { name: name.into(), value: value.into(), changed_at: now, account: None };
    for one in [told("limits.push_burst", "as many as they like"), told("limits.push_per_day", "12"), told("limits.gone", "1")] {
        hub.hub.db.write(move |tx| live::set(tx, &one)).await.unwrap();
    }
    let other = hub.second().await;
    let limits = other.hub.limits();
    assert_eq!((limits.push_burst.get(), limits.push_per_day), (200, 12));
    let mut admin = other.person("head@hub.example", Some(Role::Admin)).await;
    let page = admin.get("/staff/settings").await.body;
    assert!(page.contains("What was changed here can't be read any more"), "{page}");
    // And it can be put right from there.
    let change = [("name", "limits.push_burst"), ("value", "33"), REASON];
    assert_eq!(admin.post("/staff/settings", &change).await.status.as_u16(), 303);
    assert_eq!(other.hub.limits().push_burst.get(), 33);
}
