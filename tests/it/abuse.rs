//! Abuse: what opens a case, that there is one a site and one letter a step, and what undoes itself. The pages are in `cases`.

use std::time::Duration;

use actix_web::http::Method;
use belfry::abuse::{
    self, Case, CaseError, CaseFilter, EntryKind, Evidence, Finding, NewReport, Order, Outcome, Raised, Signal, Slowness, Step,
};
use belfry::app;
use belfry::audit::{Actor, Reason};
use belfry::db::Fault;
use belfry::devices::{self, AppName, By, DeviceToken, Enrolment, TokenHash};
use belfry::ids::{CaseId, SiteId};
use belfry::keys;
use belfry::sites;
use serde_json::json;

use crate::support::{APP, TestHub, TestSite, moodle_push};

const TEAM: (&str, &str) = ("BELFRY_HUB__CONTACT_EMAIL", "team@hub.example");
/// Nothing but what a scenario is about is in its way.
const WIDE: [(&str, &str); 4] = [
    ("BELFRY_LIMITS__PUSH_PER_SECOND", "10000"),
    ("BELFRY_LIMITS__PUSH_BURST", "10000"),
    ("BELFRY_LIMITS__ENROL_PER_SECOND", "10000"),
    ("BELFRY_LIMITS__ENROL_BURST", "10000"),
];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [TEAM]
        .into_iter()
        .chain(WIDE.into_iter().filter(|(key, _)| !more.iter().any(|(own, _)| own == key)))
        .chain(more.iter().copied())
        .collect()
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

fn why(words: &str) -> Reason {
    Reason::parse(words).unwrap()
}

/// A minute passes, and the watch looks at what was counted.
async fn look(hub: &TestHub) {
    hub.hub.fresh_counts().await;
    let uses = hub.hub.hall.table.take_uses();
    hub.hub.db.write(move |tx| keys::note_use(tx.conn(), &uses)).await.unwrap();
    let watch = app::CHORES.iter().find(|chore| chore.name == "abuse").unwrap();
    for _ in 0..100 {
        hub.clock.advance(Duration::from_secs(61));
        if app::run_if_due(&hub.hub, watch).await.unwrap() {
            return;
        }
        // The hub's own look has it at this moment.
        tokio::task::yield_now().await;
    }
    panic!("the watch never looked");
}

async fn cases(hub: &TestHub) -> Vec<Case> {
    hub.hub.db.read(|conn| abuse::list(conn, &CaseFilter::default(), 100)).await.unwrap()
}

async fn signals(hub: &TestHub, case: CaseId) -> Vec<Signal> {
    hub.hub.db.read(move |conn| abuse::signals_of(conn, case)).await.unwrap().into_iter().map(|known| known.signal).collect()
}

async fn kinds(hub: &TestHub, case: CaseId) -> Vec<EntryKind> {
    hub.hub.db.read(move |conn| abuse::entries_of(conn, case, 100)).await.unwrap().into_iter().map(|entry| entry.kind).collect()
}

/// Looks for ten minutes: in them one case is opened, about this site, because of this signal, and no more in an hour.
async fn opens_one_case(hub: &TestHub, site: SiteId, signal: Signal) -> Case {
    let begun = hub.clock.now();
    while cases(hub).await.is_empty() && hub.clock.now().since(begun) < minutes(8) {
        look(hub).await;
    }
    let opened = cases(hub).await;
    assert_eq!(opened.iter().map(|case| (case.site_id, case.opened_by)).collect::<Vec<_>>(), [(site, signal)]);
    assert!(opened[0].opened_at.since(begun) < minutes(10));
    for _ in 0..6 {
        hub.clock.advance(minutes(9));
        look(hub).await;
    }
    assert_eq!(cases(hub).await.len(), 1);
    assert_eq!(signals(hub, opened[0].id).await, [signal]);
    assert_eq!(hub.letters("case_opened").await, 1);
    opened[0].clone()
}

fn finding(signal: Signal, amount: i64) -> Finding {
    Finding { signal, amount, threshold: 10, evidence: Evidence::default() }
}

async fn raise(hub: &TestHub, site: SiteId, found: Finding) -> Raised {
    let (shared, now) = (hub.hub.clone(), hub.clock.now());
    hub.hub.db.write(move |tx| abuse::raise(tx, &shared.clerk(), now, Actor::Hub, site, &found, None)).await.unwrap()
}

/// A step of a case, with its draft as it is.
async fn step(hub: &TestHub, case: CaseId, step: Step) -> Result<(), CaseError> {
    let (shared, now) = (hub.hub.clone(), hub.clock.now());
    let done = hub.hub.db.write(move |tx| {
        let (clerk, reason) = (shared.clerk(), why("It floods phones"));
        let order = Order { case, reason: &reason, told: None };
        match step {
            Step::Warn => abuse::warn(tx, &clerk, now, Actor::Operator, &order),
            Step::Limit => abuse::limit(tx, &clerk, now, Actor::Operator, &order, Slowness::usual(&shared.abuse(), now)),
            Step::PushOff => abuse::push_off(tx, &clerk, now, Actor::Operator, &order),
            Step::Suspend => abuse::suspend(tx, &clerk, now, Actor::Operator, &order),
            Step::Lift => abuse::lift(tx, &clerk, now, Actor::Operator, &order),
            Step::Close => abuse::close(tx, &clerk, now, Actor::Operator, &order, Outcome::FalseAlarm),
        }
    });
    done.await
}

#[actix_web::test]
async fn who_sends_far_faster_than_the_limit_gets_a_case() {
    let hub = TestHub::with(&with(&[
        ("BELFRY_LIMITS__PUSH_PER_SECOND", "1"),
        ("BELFRY_LIMITS__PUSH_BURST", "1"),
        ("BELFRY_ABUSE__RATE_LIMITED", "300"),
    ]))
    .await;
    let site = hub.active_site().await;
    for _ in 0..320 {
        site.push("token-of-a-phone").await;
    }
    let case = opens_one_case(&hub, site.id, Signal::RateLimited).await;
    let known = hub.hub.db.read(move |conn| abuse::signals_of(conn, case.id)).await.unwrap().remove(0);
    assert!(known.peak >= 300 && known.threshold == 300 && known.evidence.series.len() == 36, "{known:?}");
}

async fn feedback(hub: &TestHub, site: &TestSite<'_>, token: &str) {
    let (now, id, hash) = (hub.clock.now(), site.id, TokenHash::of(&hub.hub.ring, token));
    let told = hub.hub.db.write(move |tx| {
        let device = devices::id_of(tx.conn(), id, hash)?.unwrap();
        devices::mark_unregistered(tx, now, device, now)
    });
    told.await.unwrap();
}

#[actix_web::test]
async fn who_pushes_mostly_to_tokens_that_are_gone_gets_a_case() {
    let hub = TestHub::with(&with(&[])).await;
    let site = hub.active_site().await;
    for token in ["gone-token-of-a-phone", "live-token-of-a-phone"] {
        site.enrol(token).await;
    }
    feedback(&hub, &site, "gone-token-of-a-phone").await;
    for n in 0..520 {
        assert_eq!(site.push("gone-token-of-a-phone").await.said(), "404 unregistered_token");
        if n % 20 == 0 {
            site.push("live-token-of-a-phone").await;
        }
    }
    let case = opens_one_case(&hub, site.id, Signal::Unregistered).await;
    let known = hub.hub.db.read(move |conn| abuse::signals_of(conn, case.id)).await.unwrap().remove(0);
    assert!(known.evidence.share_percent >= Some(90) && known.evidence.total >= Some(500), "{known:?}");
}

#[actix_web::test]
async fn who_floods_one_phone_gets_a_case() {
    let hub = TestHub::with(&with(&[])).await;
    let site = hub.active_site().await;
    for _ in 0..340 {
        site.push("token-of-a-phone").await;
    }
    opens_one_case(&hub, site.id, Signal::Flood).await;
}

#[actix_web::test]
async fn who_enrols_far_more_devices_than_people_gets_a_case() {
    let hub = TestHub::with(&with(&[("BELFRY_ABUSE__ENROLMENTS", "100")])).await;
    let site = hub.active_site().await;
    for n in 0..105 {
        site.enrol(&format!("token-of-phone-{n}")).await;
    }
    opens_one_case(&hub, site.id, Signal::Enrolments).await;
}

#[actix_web::test]
async fn who_tries_tokens_out_by_pushing_to_them_gets_a_case() {
    let hub = TestHub::with(&with(&[("BELFRY_ABUSE__ENROLMENTS_BY_PUSH", "150")])).await;
    let site = hub.active_site().await;
    for n in 0..155 {
        site.push(&format!("token-of-phone-{n}")).await;
    }
    opens_one_case(&hub, site.id, Signal::EnrolmentsByPush).await;
}

#[actix_web::test]
async fn whose_key_is_used_from_many_networks_gets_a_case() {
    let hub = TestHub::with(&with(&[("BELFRY_SERVER__TRUSTED_PROXIES", "127.0.0.1/32")])).await;
    let (site, cluster) = (hub.active_site().await, hub.site("cluster@school.example", true).await);
    let from = async |site: &TestSite<'_>, address: String| {
        let headers = [("X-AN-APP-NAME", APP), ("X-AN-APP-KEY", &site.key), ("X-Forwarded-For", &address)];
        hub.send(Method::POST, "/api/v2/push/", &headers, moodle_push("token-of-a-phone")).await
    };
    for n in 0..12 {
        from(&site, format!("198.51.{n}.7")).await;
        // Four networks, from several addresses each.
        from(&cluster, format!("203.0.{}.{n}", n % 4)).await;
    }
    let case = opens_one_case(&hub, site.id, Signal::KeyNetworks).await;
    let known = hub.hub.db.read(move |conn| abuse::signals_of(conn, case.id)).await.unwrap().remove(0);
    assert!(known.peak == 12 && known.evidence.samples.contains(&"198.51.3.0/24".to_owned()), "{known:?}");
}

#[actix_web::test]
async fn who_enrols_a_token_that_very_many_sites_have_gets_a_case() {
    let hub = TestHub::with(&with(&[])).await;
    let mut last = None;
    for n in 0..20 {
        let site = hub.site(&format!("admin{n}@school.example"), true).await;
        site.enrol("token-of-somebody-everywhere").await;
        last = Some(site.id);
    }
    let case = opens_one_case(&hub, last.unwrap(), Signal::SharedToken).await;
    let known = hub.hub.db.read(move |conn| abuse::signals_of(conn, case.id)).await.unwrap().remove(0);
    assert_eq!((known.peak, known.evidence.samples), (20, vec!["…ywhere".to_owned()]));
}

#[actix_web::test]
async fn who_sends_what_is_too_large_again_and_again_gets_a_case() {
    let hub = TestHub::with(&with(&[])).await;
    let site = hub.active_site().await;
    let large = json!({"device": "Android-fcm", "token": "token-of-a-phone", "extra": {"data": "x".repeat(70_000)}}).to_string();
    for _ in 0..305 {
        assert_eq!(site.call(Method::POST, "/api/v2/push/", large.clone()).await.status.as_u16(), 413);
    }
    opens_one_case(&hub, site.id, Signal::Oversize).await;
}

async fn has_devices(hub: &TestHub, site: SiteId, count: u32) {
    let (ring, now) = (hub.hub.ring.clone(), hub.clock.now());
    let enrolled = hub.hub.db.write(move |tx| {
        for n in 0..count {
            let new = Enrolment {
                site,
                token: DeviceToken::parse(&format!("token-of-phone-{n}")).unwrap(),
                platform: "android".into(),
                app: AppName::parse(APP).unwrap(),
                channel: String::new(),
                language: None,
                by: By::Site,
            };
            devices::enrol(tx, &ring, now, &new, None)?;
        }
        Ok::<_, Fault>(())
    });
    enrolled.await.unwrap();
}

#[actix_web::test]
async fn who_has_more_devices_than_its_people_can_have_gets_a_case() {
    let hub = TestHub::with(&with(&[])).await;
    let (site, full) = (hub.active_site().await, hub.site("full@school.example", true).await);
    has_devices(&hub, site.id, 701).await;
    has_devices(&hub, full.id, 700).await;
    opens_one_case(&hub, site.id, Signal::BeyondUsers).await;
}

fn told_of(site: Option<SiteId>) -> NewReport {
    let (about, words) = ("moodle.school.example".to_owned(), "It sends me advertisements.".to_owned());
    NewReport { site, about, words, reporter_email: None, network: "192.0.2.0/24".into() }
}

async fn report(hub: &TestHub, site: Option<SiteId>) {
    let (shared, now) = (hub.hub.clone(), hub.clock.now());
    hub.hub.db.write(move |tx| abuse::report(tx, &shared.clerk(), now, &told_of(site))).await.unwrap();
}

#[actix_web::test]
async fn whom_the_public_reports_gets_a_case() {
    let hub = TestHub::with(&with(&[])).await;
    let site = hub.active_site().await;
    report(&hub, None).await;
    assert_eq!(cases(&hub).await, []);
    report(&hub, Some(site.id)).await;
    let case = opens_one_case(&hub, site.id, Signal::Reported).await;
    report(&hub, Some(site.id)).await;
    let read =
        hub.hub.db.read(move |conn| Ok::<_, Fault>((abuse::reports_of_case(conn, case.id, 10)?, abuse::loose_reports(conn, None, 10)?)));
    let (on_case, loose) = read.await.unwrap();
    assert_eq!((on_case.len(), loose.len(), loose[0].site_id), (2, 1, None));
    assert_eq!(kinds(&hub, case.id).await, [EntryKind::Opened, EntryKind::Report]);
}

#[actix_web::test]
async fn what_is_found_of_a_site_with_an_open_case_joins_it() {
    let hub = TestHub::with(&with(&[])).await;
    let (site, other) = (hub.active_site().await, hub.site("other@school.example", true).await);
    let Raised::Opened(case) = raise(&hub, site.id, finding(Signal::Flood, 12)).await else { panic!("no case") };
    assert_eq!(raise(&hub, site.id, finding(Signal::Flood, 40)).await, Raised::Joined(case));
    hub.clock.advance(minutes(11));
    assert_eq!(raise(&hub, site.id, finding(Signal::Flood, 20)).await, Raised::Joined(case));
    assert_eq!(raise(&hub, site.id, finding(Signal::Oversize, 20)).await, Raised::Joined(case));
    assert!(matches!(raise(&hub, other.id, finding(Signal::Oversize, 20)).await, Raised::Opened(id) if id != case));
    let known = hub.hub.db.read(move |conn| abuse::signals_of(conn, case)).await.unwrap();
    let flood = &known[0];
    assert_eq!((known.len(), flood.signal, flood.times, flood.amount, flood.peak), (2, Signal::Flood, 2, 20, 40));
    // What is seen again is no line of its own.
    assert_eq!(kinds(&hub, case).await, [EntryKind::Opened, EntryKind::Signal]);
    assert_eq!(cases(&hub).await.iter().map(|case| case.number).collect::<Vec<_>>(), [2, 1]);
}

#[actix_web::test]
async fn two_nodes_that_find_the_same_open_one_case_and_write_one_letter() {
    let hub = TestHub::with(&with(&[])).await;
    let other = hub.again(&with(&[])).await;
    let site = hub.active_site().await;
    let nodes = [&hub, &other, &hub, &other];
    let raised = futures_util::future::join_all(nodes.map(|node| raise(node, site.id, finding(Signal::Flood, 12)))).await;
    assert_eq!(raised.iter().filter(|raised| matches!(raised, Raised::Opened(_))).count(), 1, "{raised:?}");
    let case = cases(&hub).await.remove(0).id;
    assert_eq!((cases(&hub).await.len(), hub.letters("case_opened").await), (1, 1));
    let warned = futures_util::future::join_all(nodes.map(|node| step(node, case, Step::Warn))).await;
    assert_eq!(warned.iter().filter(|warned| warned.is_ok()).count(), 1);
    assert!(warned.iter().all(|warned| matches!(warned, Ok(()) | Err(CaseError::Already(Step::Warn, _)))), "{warned:?}");
    assert_eq!(hub.letters("case_warn").await, 1);
}

#[actix_web::test]
async fn each_step_is_mailed_once_until_what_holds_the_site_is_lifted() {
    let hub = TestHub::with(&with(&[])).await;
    let site = hub.active_site().await;
    let case = raise(&hub, site.id, finding(Signal::Flood, 12)).await.case().unwrap();
    assert!(matches!(step(&hub, case, Step::Lift).await, Err(CaseError::NotNow(_))));
    for each in [Step::Warn, Step::Limit, Step::PushOff, Step::Suspend] {
        step(&hub, case, each).await.unwrap();
        assert!(matches!(step(&hub, case, each).await, Err(CaseError::Already(again, _)) if again == each), "{each}");
    }
    assert_eq!(site.push("token-of-a-phone").await.said(), "403 site_suspended");
    assert!(matches!(step(&hub, case, Step::Close).await, Err(CaseError::NotNow(_))), "a false alarm holds nobody");
    step(&hub, case, Step::Lift).await.unwrap();
    assert_eq!(site.push("token-of-a-phone").await.status.as_u16(), 202);
    let id = site.id;
    assert_eq!(hub.hub.db.read(move |conn| sites::brake_of(conn, id)).await.unwrap(), None);
    step(&hub, case, Step::Warn).await.unwrap();
    step(&hub, case, Step::Close).await.unwrap();
    assert!(matches!(step(&hub, case, Step::Warn).await, Err(CaseError::Closed)));
    let mut mailed = Vec::new();
    for kind in ["case_warn", "case_limit", "case_push_off", "case_suspend", "case_lift", "case_close", "suspended", "lifted"] {
        mailed.push(hub.letters(kind).await);
    }
    assert_eq!(mailed, [2, 1, 1, 1, 1, 1, 0, 0]);
    use EntryKind::{Closed, Lifted, Limited, Opened, PushOff, Suspended, Warned};
    assert_eq!(kinds(&hub, case).await, [Opened, Warned, Limited, PushOff, Suspended, Lifted, Warned, Closed]);
}

#[actix_web::test]
async fn what_the_hub_slows_down_by_itself_is_let_go_by_itself() {
    let hub = TestHub::with(&with(&[("BELFRY_ABUSE__AUTO_LIMIT", "flood, reported")])).await;
    let (site, id) = (hub.active_site().await, hub.active_site().await.id);
    let brake = async |site: SiteId| hub.hub.db.read(move |conn| sites::brake_of(conn, site)).await.unwrap();
    raise(&hub, id, finding(Signal::Oversize, 12)).await;
    assert_eq!(brake(id).await, None, "nobody has asked for that");
    let case = raise(&hub, site.id, finding(Signal::Flood, 12)).await.case().unwrap();
    raise(&hub, site.id, finding(Signal::Flood, 50)).await;
    report(&hub, Some(site.id)).await;
    let holds = brake(site.id).await.unwrap();
    assert!(holds.automatic && holds.case == Some(case) && holds.push_per_day == 1_000, "{holds:?}");
    assert_eq!(hub.letters("case_limit").await, 1);
    hub.clock.advance(minutes(6 * 60 - 10));
    look(&hub).await;
    assert!(brake(site.id).await.is_some());
    hub.clock.advance(minutes(10));
    look(&hub).await;
    look(&hub).await;
    assert_eq!(brake(site.id).await, None);
    // Nobody of the team has looked, and it goes on: once more, with one mail for that time.
    for _ in 0..2 {
        raise(&hub, site.id, finding(Signal::Flood, 50)).await;
    }
    assert!(brake(site.id).await.is_some_and(|brake| brake.automatic));
    assert_eq!(hub.letters("case_limit").await, 2);
    use EntryKind::{LimitEnded, Limited, Opened, Report};
    assert_eq!(kinds(&hub, case).await, [Opened, Limited, Report, LimitEnded, Limited]);
    // What the team lifts stays lifted for a while; the team may slow it down again, and tells of it.
    step(&hub, case, Step::Lift).await.unwrap();
    raise(&hub, site.id, finding(Signal::Flood, 50)).await;
    assert_eq!((brake(site.id).await, hub.letters("case_limit").await), (None, 2));
    step(&hub, case, Step::Limit).await.unwrap();
    assert_eq!(hub.letters("case_limit").await, 3);
}

#[actix_web::test]
async fn closing_a_case_lets_go_what_the_hub_has_slowed_down() {
    let hub = TestHub::with(&with(&[("BELFRY_ABUSE__AUTO_LIMIT", "flood")])).await;
    let site = hub.active_site().await;
    let (id, case) = (site.id, raise(&hub, site.id, finding(Signal::Flood, 12)).await.case().unwrap());
    step(&hub, case, Step::Close).await.unwrap();
    assert_eq!(hub.hub.db.read(move |conn| sites::brake_of(conn, id)).await.unwrap(), None);
    assert_eq!(hub.letters("case_close").await, 1);
}

#[actix_web::test]
async fn a_false_alarm_keeps_the_same_signals_quiet_for_a_month() {
    let hub = TestHub::with(&with(&[])).await;
    let site = hub.active_site().await;
    let case = raise(&hub, site.id, finding(Signal::Flood, 12)).await.case().unwrap();
    step(&hub, case, Step::Close).await.unwrap();
    // Nobody was told of the case, so nobody is told of its end.
    assert_eq!(hub.letters("case_close").await, 0);
    for signal in [Signal::Flood, Signal::Oversize] {
        assert_eq!(raise(&hub, site.id, finding(signal, 99)).await, Raised::Quiet, "counted before the case was closed: {signal}");
    }
    hub.clock.advance(minutes(61));
    assert_eq!(raise(&hub, site.id, finding(Signal::Flood, 99)).await, Raised::Quiet);
    let Raised::Opened(second) = raise(&hub, site.id, finding(Signal::Oversize, 99)).await else { panic!("another matter") };
    step(&hub, second, Step::Close).await.unwrap();
    hub.clock.advance(minutes(60 * 24 * 30));
    assert!(matches!(raise(&hub, site.id, finding(Signal::Flood, 99)).await, Raised::Opened(_)));
}

#[actix_web::test]
async fn a_site_that_is_suspended_from_its_own_page_has_a_case_on_which_its_owner_can_answer() {
    let hub = TestHub::with(&with(&[])).await;
    let (site, shared, now) = (hub.active_site().await, hub.hub.clone(), hub.clock.now());
    let (id, owner) = (site.id, Actor::Account(site.account, None));
    let untold = raise(&hub, id, finding(Signal::Flood, 12)).await.case().unwrap();
    let say = |words: &'static str| {
        let shared = shared.clone();
        hub.hub.db.write(move |tx| abuse::appeal(tx, &shared.clerk(), now, owner, id, &why(words)))
    };
    assert!(matches!(say("What is the matter?").await, Err(CaseError::Unknown)), "nobody was told of it yet");
    let again = shared.clone();
    let suspended = hub.hub.db.write(move |tx| abuse::suspend_site(tx, &again.clerk(), now, Actor::Operator, id, &why("Floods")));
    assert_eq!(suspended.await.unwrap(), untold);
    assert_eq!((hub.letters("suspended").await, hub.letters("case_suspend").await), (1, 0));
    assert_eq!(say("It was a plugin.").await.unwrap(), untold);
    assert_eq!(say("It is off now.").await.unwrap(), untold);
    assert_eq!(hub.letters("appeal_arrived").await, 1);
    for _ in 0..3 {
        say("Hello?").await.unwrap();
    }
    assert!(matches!(say("Hello?").await, Err(CaseError::TooMany)));
    let counts = hub.hub.db.read(abuse::counts).await.unwrap();
    assert_eq!((counts.open, counts.appeals), (1, 1));
    hub.clock.advance(minutes(1));
    let (again, later) = (shared.clone(), hub.clock.now());
    let answered = hub.hub.db.write(move |tx| {
        let order = Order { case: untold, reason: &why("Thank you, we look at it."), told: None };
        abuse::answer(tx, &again.clerk(), later, Actor::Operator, &order)
    });
    answered.await.unwrap();
    assert!(hub.letter("case_answered").await.unwrap().contains("Thank you, we look at it."));
    assert_eq!(hub.hub.db.read(abuse::counts).await.unwrap().appeals, 0);
    let again = shared.clone();
    hub.hub.db.write(move |tx| abuse::lift_site(tx, &again.clerk(), later, Actor::Operator, id, &why("Mended"))).await.unwrap();
    let case = hub.hub.db.read(move |conn| abuse::find(conn, untold)).await.unwrap().unwrap();
    assert_eq!((case.round, hub.letters("lifted").await), (2, 1));
}

#[actix_web::test]
async fn an_appeal_opens_a_closed_case_again_while_the_site_is_still_held() {
    let hub = TestHub::with(&with(&[])).await;
    let (site, shared, now) = (hub.active_site().await, hub.hub.clone(), hub.clock.now());
    let (id, owner) = (site.id, Actor::Account(site.account, None));
    let case = raise(&hub, id, finding(Signal::Flood, 12)).await.case().unwrap();
    step(&hub, case, Step::Suspend).await.unwrap();
    let again = shared.clone();
    let closed = hub.hub.db.write(move |tx| {
        let order = Order { case, reason: &why("For good"), told: None };
        abuse::close(tx, &again.clerk(), now, Actor::Operator, &order, Outcome::Settled)
    });
    closed.await.unwrap();
    let again = shared.clone();
    let appealed = hub.hub.db.write(move |tx| abuse::appeal(tx, &again.clerk(), now, owner, id, &why("It was not us")));
    assert_eq!(appealed.await.unwrap(), case);
    assert!(cases(&hub).await[0].is_open());
    step(&hub, case, Step::Lift).await.unwrap();
    step(&hub, case, Step::Close).await.unwrap();
    let late = hub.hub.db.write(move |tx| abuse::appeal(tx, &shared.clerk(), now, owner, id, &why("And thanks")));
    assert!(matches!(late.await, Err(CaseError::Closed)), "nothing holds the site");
}

#[actix_web::test]
async fn who_has_written_in_vain_may_write_again_once_the_case_was_closed() {
    let hub = TestHub::with(&with(&[])).await;
    let site = hub.active_site().await;
    let (id, owner) = (site.id, Actor::Account(site.account, None));
    let case = raise(&hub, id, finding(Signal::Flood, 12)).await.case().unwrap();
    step(&hub, case, Step::Suspend).await.unwrap();
    let say = || {
        let (shared, now) = (hub.hub.clone(), hub.clock.now());
        hub.hub.db.write(move |tx| abuse::appeal(tx, &shared.clerk(), now, owner, id, &why("Hello?")))
    };
    for _ in 0..5 {
        say().await.unwrap();
    }
    assert!(matches!(say().await, Err(CaseError::TooMany)));
    hub.clock.advance(minutes(1));
    let (shared, now) = (hub.hub.clone(), hub.clock.now());
    let closed = hub.hub.db.write(move |tx| {
        let order = Order { case, reason: &why("It stays"), told: None };
        abuse::close(tx, &shared.clerk(), now, Actor::Operator, &order, Outcome::Settled)
    });
    closed.await.unwrap();
    hub.clock.advance(minutes(1));
    assert_eq!(say().await.unwrap(), case);
    assert!(cases(&hub).await[0].waits_for_answer());
}

#[actix_web::test]
async fn what_is_counted_of_a_site_that_can_not_push_opens_no_case() {
    let hub = TestHub::with(&with(&[])).await;
    let site = hub.active_site().await;
    hub.suspend(site.id).await;
    assert_eq!(raise(&hub, site.id, finding(Signal::RateLimited, 99)).await, Raised::Quiet);
    assert!(matches!(raise(&hub, site.id, finding(Signal::Reported, 1)).await, Raised::Opened(_)));
    assert!(matches!(raise(&hub, site.id, finding(Signal::RateLimited, 99)).await, Raised::Joined(_)));
}

#[actix_web::test]
async fn push_that_is_stopped_and_allowed_elsewhere_is_on_the_open_case_and_told() {
    let hub = TestHub::with(&with(&[])).await;
    let (site, other) = (hub.active_site().await, hub.site("other@school.example", true).await);
    let case = raise(&hub, site.id, finding(Signal::Flood, 12)).await.case().unwrap();
    let set = async |id: SiteId, stopped: bool| {
        let (shared, now) = (hub.hub.clone(), hub.clock.now());
        let done =
            hub.hub.db.write(move |tx| abuse::stop_push_of_site(tx, &shared.clerk(), now, Actor::Operator, id, stopped, &why("Floods")));
        done.await.unwrap();
    };
    for stopped in [true, true, false, true] {
        set(site.id, stopped).await;
    }
    set(other.id, true).await;
    use EntryKind::{Opened, PushOff, PushOn};
    assert_eq!(kinds(&hub, case).await, [Opened, PushOff, PushOn, PushOff]);
    assert_eq!((hub.letters("case_push_off").await, hub.letters("case_lift").await, cases(&hub).await.len()), (2, 1, 1));
}

#[actix_web::test]
async fn a_false_alarm_that_is_refused_leaves_all_as_it_was() {
    let hub = TestHub::with(&with(&[("BELFRY_ABUSE__AUTO_LIMIT", "flood")])).await;
    let site = hub.active_site().await;
    let (id, case) = (site.id, raise(&hub, site.id, finding(Signal::Flood, 12)).await.case().unwrap());
    step(&hub, case, Step::PushOff).await.unwrap();
    assert!(matches!(step(&hub, case, Step::Close).await, Err(CaseError::NotNow(_))));
    assert!(hub.hub.db.read(move |conn| sites::brake_of(conn, id)).await.unwrap().is_some());
}

#[actix_web::test]
async fn old_counts_are_forgotten_some_at_a_time() {
    let hub = TestHub::with(&with(&[])).await;
    for n in 0..3 {
        hub.site(&format!("admin{n}@school.example"), true).await.enrol("token-of-a-phone").await;
    }
    hub.hub.fresh_counts().await;
    let later = hub.clock.now() + minutes(60 * 24 * 4);
    let mut trimmed = Vec::new();
    for _ in 0..3 {
        trimmed.push(hub.hub.db.write(move |tx| abuse::trim(tx, later, 2)).await.unwrap());
    }
    assert_eq!(trimmed, [2, 1, 0]);
}
