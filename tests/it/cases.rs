//! Cases of abuse as the team, a site's owner and the public see them.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use belfry::abuse::{self, CaseFilter, Evidence, Finding, Signal};
use belfry::accounts::Role;
use belfry::audit::{self, Actor};
use belfry::error::Error;
use belfry::ids::{CaseId, SiteId};
use belfry::sites::{self, SiteState};

use crate::support::{Answer, Browser, TestHub, TestSite};

const TOKEN: &str = "fcm:APA91b-0123456789";
/// What must never come out of a page as it went in.
const SCRIPT: &str = r#"<script>alert(1)</script>"'><img src=x>"#;

/// The watch has found something.
async fn raise(hub: &TestHub, site: SiteId, signal: Signal) -> CaseId {
    let (again, now) = (hub.hub.clone(), hub.clock.now());
    let raised = hub.hub.db.write(move |tx| {
        let evidence = Evidence {
            total: Some(9_000),
            share_percent: Some(46),
            series: vec![abuse::Point::new(now, 4_120), abuse::Point::new(now - Duration::from_secs(600), 7)],
            samples: vec![format!("…{SCRIPT}")],
        };
        let finding = Finding { signal, amount: 4_120, threshold: 3_000, evidence };
        abuse::raise(tx, &again.clerk(), now, Actor::Hub, site, &finding, None).map_err(Error::from)
    });
    raised.await.unwrap().case().unwrap()
}

fn path(case: CaseId, act: &str) -> String {
    if act.is_empty() { format!("/staff/abuse/{case}") } else { format!("/staff/abuse/{case}/{act}") }
}

/// What a page says after an act, from the cookie that it left.
async fn said(browser: &mut Browser<'_>, done: &Answer) -> String {
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let page = browser.get(&done.headers["location"].clone()).await;
    let start = page.body.find("class=\"flash").unwrap();
    page.body[start..].split("</p>").next().unwrap().split('>').next_back().unwrap().to_owned()
}

async fn reviewer(hub: &TestHub) -> Browser<'_> {
    hub.person("rita@hub.example", Some(Role::Reviewer)).await
}

async fn owner<'a>(hub: &'a TestHub, site: &TestSite<'_>) -> Browser<'a> {
    let account = site.account;
    let email = hub.hub.db.read(move |conn| belfry::accounts::find(conn, account)).await.unwrap().unwrap().email;
    hub.person(&email, None).await
}

async fn cases_of(hub: &TestHub, site: SiteId) -> usize {
    hub.hub.db.read(move |conn| abuse::list(conn, &CaseFilter { site: Some(site), ..CaseFilter::default() }, 50)).await.unwrap().len()
}

async fn state_of(hub: &TestHub, site: SiteId) -> SiteState {
    hub.hub.db.read(move |conn| sites::find(conn, site)).await.unwrap().unwrap().state
}

#[actix_web::test]
async fn from_the_first_signal_to_pushes_that_flow_again() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = owner(&hub, &site).await;
    let appeal = format!("/my/sites/{}/appeal", site.id);
    assert!(owner.get(&appeal).await.body.contains("All is well"));
    let spanish = [
        ("name", "Colegio"),
        ("description", ""),
        ("country", "ES"),
        ("language", "es"),
        ("users", "100"),
        ("privacy", "named"),
        ("push_enabled", "1"),
    ];
    assert_eq!(owner.post(&format!("/my/sites/{}/settings", site.id), &spanish).await.status, StatusCode::SEE_OTHER);
    let case = raise(&hub, site.id, Signal::RateLimited).await;

    // The team sees it as new, once.
    let mut rita = reviewer(&hub).await;
    let list = rita.get("/staff/abuse").await;
    assert!(list.body.contains(&path(case, "")) && list.body.contains(">New<"), "{}", list.body);
    let page = rita.get(&path(case, "")).await;
    for shown in ["4,120 refusals an hour against a threshold of 3,000", "Of 9,000 in all, 46 in a hundred", "<svg", "The numbers"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    assert!(!rita.get("/staff/abuse").await.body.contains(">New<"));
    // Nobody has told the owner yet.
    assert!(owner.get(&appeal).await.body.contains("All is well"));

    // A warning with an edited mail: first looked at, then sent.
    let shown = rita.post(&path(case, "warn"), &[("reason", "Far too many pushes"), ("preview", "1")]).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.body.contains("Nothing has happened yet") && shown.body.contains("Far too many pushes"), "{}", shown.body);
    assert!(shown.body.contains("<pre lang=\"es\" dir=\"auto\">") && shown.body.contains("Español"), "{}", shown.body);
    assert_eq!(hub.letters("case_warn").await, 0);
    let edited = [("reason", "Far too many pushes"), ("subject", "Please slow down"), ("body", "Dear admin,\n\nyour site floods us.")];
    let done = rita.post(&path(case, "warn"), &edited).await;
    assert!(said(&mut rita, &done).await.contains("warned by mail"));
    let letter = hub.letter("case_warn").await.unwrap();
    assert!(letter.contains("your site floods us.") && letter.contains(&appeal), "{letter}");

    // The owner reads of it and answers; the answer lands on the case.
    let site_page = owner.get(&format!("/my/sites/{}", site.id)).await;
    assert!(site_page.body.contains(&appeal), "{}", site_page.body);
    let read = owner.get(&appeal).await;
    for shown in ["Sends faster than its limit", "Far too many pushes", "has warned you"] {
        assert!(read.body.contains(shown), "{shown} in {}", read.body);
    }
    let done = owner.post(&appeal, &[("message", "A plugin ran wild; it is off now.")]).await;
    assert!(said(&mut owner, &done).await.contains("with the hub"));
    let waiting = rita.get("/staff/abuse?tab=waiting").await;
    assert!(waiting.body.contains(&path(case, "")), "{}", waiting.body);
    let done = rita.post(&path(case, "answer"), &[("message", "Thank you, we watch it.")]).await;
    assert!(said(&mut rita, &done).await.contains("on its way"));
    assert!(hub.letter("case_answered").await.unwrap().contains("Thank you, we watch it."));
    assert!(owner.get(&appeal).await.body.contains("Thank you, we watch it."));
    assert!(!rita.get("/staff/abuse?tab=waiting").await.body.contains(&path(case, "")));

    // It goes on: the site is suspended, its pushes are refused and named the page to go to.
    assert_eq!(site.push(TOKEN).await.said(), "202");
    let done = rita.post(&path(case, "suspend"), &[("reason", "It goes on")]).await;
    assert!(said(&mut rita, &done).await.contains("suspended"));
    assert_eq!(hub.letters("case_suspend").await, 1);
    let refused = site.push(TOKEN).await;
    assert_eq!(refused.said(), "403 site_suspended");
    assert_eq!(refused.json()["help"], format!("http://127.0.0.1:8080{appeal}"));
    let headers = [("X-AN-APP-KEY", site.key.as_str()), ("Idempotency-Key", "one")];
    let native = hub.send(Method::POST, "/api/v1/broadcasts", &headers, r#"{"alert": "x"}"#).await;
    assert_eq!((native.said(), native.json()["help"].clone()), ("403 site_suspended".to_owned(), refused.json()["help"].clone()));
    assert!(owner.get(&appeal).await.body.contains("This site is suspended"));

    // Lifted, everything flows again.
    let done = rita.post(&path(case, "lift"), &[("reason", "Mended")]).await;
    assert!(said(&mut rita, &done).await.contains("lifted"));
    assert_eq!(site.push(TOKEN).await.said(), "202");
    let done = rita.post(&path(case, "close"), &[("reason", "Settled in peace"), ("outcome", "settled")]).await;
    assert!(said(&mut rita, &done).await.contains("closed"));
    let over = owner.get(&appeal).await;
    assert!(over.body.contains("This matter is closed") && !over.body.contains("Settled in peace"), "{}", over.body);
    assert!(rita.get("/staff/abuse?tab=closed").await.body.contains(&path(case, "")));
    let ring = hub.hub.ring.clone();
    let verified = hub.hub.db.read(move |conn| audit::verify(conn, &ring)).await;
    assert!(verified.is_ok(), "the audit log");
}

#[actix_web::test]
async fn a_step_that_is_sent_twice_is_mailed_once() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let case = raise(&hub, site.id, Signal::Flood).await;
    let mut rita = reviewer(&hub).await;
    let fields = [("reason", "why"), ("outcome", "false_alarm")];
    for (act, kind) in [
        ("warn", "case_warn"),
        ("limit", "case_limit"),
        ("push-off", "case_push_off"),
        ("suspend", "case_suspend"),
        ("lift", "case_lift"),
        ("close", "case_close"),
    ] {
        let first = rita.post(&path(case, act), &fields).await;
        assert_eq!(first.status, StatusCode::SEE_OTHER, "{act}: {}", first.body);
        let again = rita.post(&path(case, act), &fields).await;
        assert!(said(&mut rita, &again).await.contains("done already on"), "{act}");
        assert_eq!(hub.letters(kind).await, 1, "{kind}");
    }
}

#[actix_web::test]
async fn what_cannot_be_done_is_not_offered_and_says_why() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let case = raise(&hub, site.id, Signal::Flood).await;
    let mut rita = reviewer(&hub).await;
    assert!(!rita.get(&path(case, "")).await.body.contains(&format!("action=\"{}\"", path(case, "lift"))));
    let refused = rita.post(&path(case, "lift"), &[("reason", "typed by mistake")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("Nothing holds this site"), "{}", refused.body);
    // Without a reason the form comes back, with the error at its field.
    let wrong = rita.post(&path(case, "warn"), &[("reason", " ")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("href=\"#reason-warn\"") && wrong.body.contains("id=\"reason-warn-error\""), "{}", wrong.body);
    let wrong = rita.post(&path(case, "limit"), &[("reason", "kept as typed"), ("hours", "soon")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("id=\"hours-error\"") && wrong.body.contains("kept as typed"), "{}", wrong.body);
    // In the mail, too.
    let wrong = rita.post(&path(case, "warn"), &[("reason", "r"), ("subject", ""), ("body", "kept body")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("id=\"subject-error\"") && wrong.body.contains("kept body"), "{}", wrong.body);
    assert_eq!(hub.letters("case_warn").await, 0);
    let done = rita.post(&path(case, "close"), &[("reason", "nothing"), ("outcome", "false_alarm")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let closed = rita.post(&path(case, "warn"), &[("reason", "late")]).await;
    assert_eq!(closed.status, StatusCode::CONFLICT);
    assert!(closed.body.contains("This case is closed"));
    assert_eq!(rita.get(&path(CaseId::new(hub.clock.now()), "")).await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_slowed_down_site_is_told_until_when() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let case = raise(&hub, site.id, Signal::Flood).await;
    let mut rita = reviewer(&hub).await;
    let numbers = [("reason", "Slow down"), ("push_per_second", "3"), ("push_per_day", "77"), ("hours", "2")];
    assert_eq!(rita.post(&path(case, "limit"), &numbers).await.status, StatusCode::SEE_OTHER);
    assert!(rita.get(&path(case, "")).await.body.contains("to 3 a second and 77 a day"));
    let mut owner = owner(&hub, &site).await;
    let page = owner.get(&format!("/my/sites/{}/appeal", site.id)).await;
    assert!(page.body.contains("at most 3 pushes a second and 77 a day"), "{}", page.body);
    hub.clock.advance(Duration::from_secs(2 * 3_600 + 1));
    assert!(!owner.get(&format!("/my/sites/{}/appeal", site.id)).await.body.contains("at most 3 pushes"));
}

#[actix_web::test]
async fn an_analyst_reads_and_does_not_act() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let case = raise(&hub, site.id, Signal::Flood).await;
    let mut ann = hub.person("ann@hub.example", Some(Role::Analyst)).await;
    let page = ann.get(&path(case, "")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("name=\"reason\"") && !page.body.contains(&path(case, "note")));
    for act in ["warn", "limit", "push-off", "suspend", "lift", "close", "note", "assign", "answer"] {
        let refused = ann.post(&path(case, act), &[("reason", "why"), ("note", "n"), ("message", "m")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{act}");
    }
    assert_eq!(ann.post("/staff/abuse", &[("site", &site.id.to_string()), ("reason", "why")]).await.status, StatusCode::FORBIDDEN);
    // Who can't act leaves a case as new as it was.
    assert!(ann.get("/staff/abuse").await.body.contains(">New<"));
}

#[actix_web::test]
async fn the_team_notes_and_assigns_and_the_owner_never_sees_it() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut rita = reviewer(&hub).await;
    let opened = rita.post("/staff/abuse", &[("site", &site.id.to_string()), ("reason", "Looks odd to me")]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.body);
    let case_path = opened.headers["location"].clone();
    let noted = rita.post(&format!("{case_path}/note"), &[("note", "Their admin is my cousin")]).await;
    assert!(said(&mut rita, &noted).await.contains("kept"));
    let given = rita.post(&format!("{case_path}/assign"), &[("to", "me")]).await;
    assert_eq!(given.status, StatusCode::SEE_OTHER);
    assert!(rita.get("/staff/abuse?tab=mine").await.body.contains(&case_path));
    let taken = rita.post(&format!("{case_path}/assign"), &[("to", "")]).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER);
    assert!(!rita.get("/staff/abuse?tab=mine").await.body.contains(&case_path));
    assert_eq!(rita.post(&format!("{case_path}/assign"), &[("to", &site.account.to_string())]).await.status, StatusCode::CONFLICT);
    assert_eq!(rita.post(&format!("{case_path}/warn"), &[("reason", "A word with you")]).await.status, StatusCode::SEE_OTHER);
    let mut owner = owner(&hub, &site).await;
    let page = owner.get(&format!("/my/sites/{}/appeal", site.id)).await;
    assert!(page.body.contains("A word with you"));
    for hidden in ["cousin", "Looks odd to me", "rita", "Rita"] {
        assert!(!page.body.contains(hidden), "{hidden} in {}", page.body);
    }
}

#[actix_web::test]
async fn nobody_sees_or_answers_another_ones_matter() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let case = raise(&hub, site.id, Signal::Flood).await;
    assert_eq!(reviewer(&hub).await.post(&path(case, "warn"), &[("reason", "why")]).await.status, StatusCode::SEE_OTHER);
    let mut eve = hub.person("eve@school.example", None).await;
    let appeal = format!("/my/sites/{}/appeal", site.id);
    assert_eq!(eve.get(&appeal).await.status, StatusCode::NOT_FOUND);
    assert_eq!(eve.post(&appeal, &[("message", "let me in")]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(eve.get(&path(case, "")).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn an_owner_writes_five_times_before_somebody_answers() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let appeal = format!("/my/sites/{}/appeal", site.id);
    let mut owner = owner(&hub, &site).await;
    assert_eq!(owner.post(&appeal, &[("message", "Hello?")]).await.status, StatusCode::CONFLICT);
    let case = raise(&hub, site.id, Signal::Flood).await;
    let mut rita = reviewer(&hub).await;
    rita.post(&path(case, "warn"), &[("reason", "why")]).await;
    assert_eq!(owner.post(&appeal, &[("message", " ")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for number in 0..5 {
        let text = format!("Message {number}");
        for _ in 0..2 {
            assert_eq!(owner.post(&appeal, &[("message", &text)]).await.status, StatusCode::SEE_OTHER, "{text}");
        }
    }
    let sixth = owner.post(&appeal, &[("message", "The sixth is kept as typed")]).await;
    assert_eq!(sixth.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(sixth.body.contains("The sixth is kept as typed") && sixth.body.contains("id=\"message-error\""), "{}", sixth.body);
    // Sent twice, each is there once.
    assert_eq!(rita.get(&path(case, "")).await.body.matches("Message 3").count(), 2);
    rita.post(&path(case, "answer"), &[("message", "One at a time")]).await;
    assert_eq!(owner.post(&appeal, &[("message", "The sixth")]).await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn a_site_suspended_from_its_own_page_can_answer() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut rita = reviewer(&hub).await;
    let done = rita.post(&format!("/staff/sites/{}/suspend", site.id), &[("reason", "Sells watches")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let mut owner = owner(&hub, &site).await;
    let appeal = format!("/my/sites/{}/appeal", site.id);
    assert!(owner.get(&appeal).await.body.contains("Sells watches"));
    assert_eq!(owner.post(&appeal, &[("message", "We sell none")]).await.status, StatusCode::SEE_OTHER);
    let waiting = rita.get("/staff/abuse?tab=waiting").await;
    assert!(waiting.body.contains(&site.id.to_string()), "{}", waiting.body);
    let done = rita.post(&format!("/staff/sites/{}/lift", site.id), &[("reason", "They are right")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(state_of(&hub, site.id).await, SiteState::Active);
}

/// By the command line, or before there were cases.
#[actix_web::test]
async fn a_site_suspended_without_a_case_can_answer_too() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    hub.suspend(site.id).await;
    let mut owner = owner(&hub, &site).await;
    let appeal = format!("/my/sites/{}/appeal", site.id);
    assert!(owner.get(&appeal).await.body.contains("Floods one phone"));
    assert_eq!(owner.post(&appeal, &[("message", "It is mended")]).await.status, StatusCode::SEE_OTHER);
    assert!(owner.get(&appeal).await.body.contains("It is mended"));
    assert_eq!(cases_of(&hub, site.id).await, 1);
    let mut rita = reviewer(&hub).await;
    assert!(rita.get("/staff/abuse?tab=waiting").await.body.contains(&site.id.to_string()));
    // Its owner has opened the case: to the team it is new.
    assert!(rita.get("/staff/abuse").await.body.contains(">New<"));
}

/// Every page that shows what strangers have typed.
#[actix_web::test]
async fn nothing_that_is_typed_becomes_part_of_a_page() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut owner = owner(&hub, &site).await;
    let settings = [
        ("name", SCRIPT),
        ("description", SCRIPT),
        ("country", "ES"),
        ("language", "en"),
        ("users", "100"),
        ("privacy", "named"),
        ("push_enabled", "1"),
    ];
    owner.post(&format!("/my/sites/{}/settings", site.id), &settings).await;
    report(&hub, &[("about", &hub.url_of(site.id).await), ("message", SCRIPT)], 60).await;
    report(&hub, &[("about", SCRIPT), ("message", SCRIPT)], 60).await;
    let case = raise(&hub, site.id, Signal::Flood).await;
    let mut rita = reviewer(&hub).await;
    let appeal = format!("/my/sites/{}/appeal", site.id);
    let edited = [("reason", SCRIPT), ("subject", SCRIPT), ("body", SCRIPT)];
    let preview = [edited[0], edited[1], edited[2], ("preview", "1")];
    let mut pages = vec![rita.post(&path(case, "warn"), &preview).await];
    rita.post(&path(case, "warn"), &edited).await;
    rita.post(&path(case, "note"), &[("note", SCRIPT)]).await;
    owner.post(&appeal, &[("message", SCRIPT)]).await;
    rita.post(&path(case, "answer"), &[("message", SCRIPT)]).await;
    rita.post(&path(case, "suspend"), &[("reason", SCRIPT)]).await;
    pages.push(rita.post(&path(case, "limit"), &[("reason", SCRIPT)]).await);
    pages.push(rita.post(&path(case, "close"), &[("reason", SCRIPT), ("outcome", SCRIPT)]).await);
    pages.push(rita.post("/staff/abuse", &[("site", &site.id.to_string()), ("reason", "")]).await);
    pages.push(owner.post(&appeal, &[("message", &format!("{SCRIPT}{}", "x".repeat(5_000)))]).await);
    for page in ["/staff/abuse", &path(case, ""), &format!("/staff/abuse/new?site={}", site.id), &format!("/staff/sites/{}", site.id)] {
        pages.push(rita.get(page).await);
    }
    for page in [&appeal, &format!("/my/sites/{}", site.id)] {
        pages.push(owner.get(page).await);
    }
    for page in &pages {
        assert!(page.status != StatusCode::SEE_OTHER && page.status.as_u16() < 500, "{page:?}");
        assert!(!page.body.contains("<script>alert") && !page.body.contains("<img src=x>"), "{}", page.body);
    }
    assert!(pages.iter().filter(|page| page.body.contains("alert(1)")).count() >= 8);
    // Nor part of the letter.
    let letters = hub.hub.db.read(|conn| belfry::mail::page(conn, None, 50)).await.unwrap();
    let warned = letters.iter().find(|letter| letter.kind == "case_warn").unwrap();
    assert!(warned.subject.contains("alert(1)") && !warned.subject.contains('\n'));
}

/// Opens the form, waits, sends it.
async fn report(hub: &TestHub, fields: &[(&str, &str)], after: u64) -> Answer {
    let mut visitor = hub.browser();
    let shown = stamp(&mut visitor).await;
    hub.clock.advance(Duration::from_secs(after));
    let mut all = vec![("shown", shown.as_str())];
    all.extend_from_slice(fields);
    visitor.post("/report-abuse", &all).await
}

async fn stamp(visitor: &mut Browser<'_>) -> String {
    let page = visitor.get("/report-abuse").await;
    let start = page.body.find("name=\"shown\" value=\"").unwrap() + 20;
    page.body[start..].split('"').next().unwrap().to_owned()
}

async fn loose(hub: &TestHub) -> Vec<abuse::Report> {
    hub.hub.db.read(|conn| abuse::loose_reports(conn, None, 50)).await.unwrap()
}

#[actix_web::test]
async fn a_report_about_a_known_site_opens_a_case_and_the_same_words_again_are_folded() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let url = hub.url_of(site.id).await;
    // Under the names that programs may guess, too; with a slash, and without its https.
    let typed = [("url", &*format!("{url}/")), ("description", "It sends me lottery tickets"), ("email", "neighbour@home.example")];
    for _ in 0..2 {
        let sent = report(&hub, &typed, 10).await;
        assert_eq!(sent.status, StatusCode::OK);
        assert!(sent.body.contains("Thank you."), "{}", sent.body);
    }
    assert_eq!(cases_of(&hub, site.id).await, 1);
    let mut rita = reviewer(&hub).await;
    let listed = rita.get("/staff/abuse?signal=reported").await;
    let start = listed.body.find("<a href=\"/staff/abuse/0").unwrap() + 9;
    let case_path = listed.body[start..].split('"').next().unwrap().to_owned();
    let page = rita.get(&case_path).await;
    assert_eq!(page.body.matches("It sends me lottery tickets").count(), 1, "{}", page.body);
    assert!(page.body.contains("neighbour@home.example"));
    // The owner learns that there was something, never what or by whom.
    assert_eq!(rita.post(&format!("{case_path}/warn"), &[("reason", "People complain")]).await.status, StatusCode::SEE_OTHER);
    let seen = owner(&hub, &site).await.get(&format!("/my/sites/{}/appeal", site.id)).await;
    assert!(seen.body.contains("People complain"));
    for hidden in ["lottery", "neighbour", "Reported by the public", "has reported the site"] {
        assert!(!seen.body.contains(hidden), "{hidden} in {}", seen.body);
    }
    assert!(!hub.letter("case_warn").await.unwrap().contains("lottery"));
}

#[actix_web::test]
async fn a_report_about_an_unknown_site_waits_for_the_team() {
    let hub = TestHub::start().await;
    report(&hub, &[("about", "https://nowhere.example"), ("message", "Spam")], 10).await;
    report(&hub, &[("about", "A school in Soria"), ("message", "Spam too")], 10).await;
    let waiting = loose(&hub).await;
    assert_eq!(waiting.len(), 2);
    let mut rita = reviewer(&hub).await;
    let list = rita.get("/staff/abuse").await;
    assert!(list.body.contains("A school in Soria") && list.body.contains("https://nowhere.example"), "{}", list.body);
    let done = |id| format!("/staff/abuse/reports/{id}/done");
    let wrong = rita.post(&done(waiting[0].id), &[("reason", "")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains(&format!("href=\"#reason-{}\"", waiting[0].id)), "{}", wrong.body);
    assert_eq!(rita.post(&done(waiting[0].id), &[("reason", "No such site")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(rita.post(&done(waiting[0].id), &[("reason", "No such site")]).await.status, StatusCode::NOT_FOUND);
    // The other one is about a site that the team knows.
    let site = hub.active_site().await;
    let unknown = rita.post(&done(waiting[1].id), &[("reason", "Known"), ("site", "https://nowhere.example")]).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    let placed = rita.post(&done(waiting[1].id), &[("reason", "It is them"), ("site", &hub.url_of(site.id).await)]).await;
    assert_eq!(placed.status, StatusCode::SEE_OTHER, "{}", placed.body);
    assert!(rita.get(&placed.headers["location"].clone()).await.body.contains("Spam too"));
    assert!(loose(&hub).await.is_empty());
}

#[actix_web::test]
async fn a_program_that_reports_sees_what_everybody_sees_and_opens_no_case() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let url = hub.url_of(site.id).await;
    let fields = [("about", url.as_str()), ("message", "Spam")];
    let trapped = report(&hub, &[fields[0], fields[1], ("homepage", "https://pills.example")], 10).await;
    let fast = report(&hub, &fields, 0).await;
    let bare = hub.browser().post("/report-abuse", &fields).await;
    let forged = hub.browser().post("/report-abuse", &[fields[0], fields[1], ("shown", "1790000000000000.AAAA")]).await;
    let other_visitor = {
        let shown = stamp(&mut hub.browser()).await;
        hub.clock.advance(Duration::from_secs(10));
        hub.browser().post("/report-abuse", &[fields[0], fields[1], ("shown", &shown)]).await
    };
    for caught in [trapped, fast, bare, forged, other_visitor] {
        assert_eq!(caught.status, StatusCode::OK);
        assert!(caught.body.contains("Thank you."), "{}", caught.body);
    }
    // What fell into the trap is gone. The others, which said the same, wait as one for somebody who looks at it.
    let id = site.id;
    let open = || hub.hub.db.read(move |conn| abuse::open_of(conn, id));
    assert_eq!((loose(&hub).await.len(), open().await.unwrap().is_none()), (1, true));
    assert!(report(&hub, &[fields[0], ("message", "Typed by hand")], 10).await.body.contains("Thank you."));
    assert_eq!((loose(&hub).await.len(), open().await.unwrap().is_some()), (1, true));
}

#[actix_web::test]
async fn an_old_form_and_a_wrong_one_come_back_as_they_were_typed() {
    let hub = TestHub::start().await;
    let old = report(&hub, &[("about", "Soria"), ("message", "Typed with care")], 86_401).await;
    assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(old.body.contains("open for more than a day") && old.body.contains("Typed with care"), "{}", old.body);
    let wrong = report(&hub, &[("about", ""), ("message", "Typed with care"), ("email", "no address")], 10).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("id=\"about-error\"") && wrong.body.contains("id=\"email-error\""), "{}", wrong.body);
    assert!(wrong.body.contains("Typed with care"));
    assert!(loose(&hub).await.is_empty());
}

#[actix_web::test]
async fn an_address_reports_five_times_an_hour() {
    let hub = TestHub::start().await;
    let mut answers = Vec::new();
    for number in 0..6 {
        let message = format!("Spam {number}");
        answers.push(report(&hub, &[("about", "Soria"), ("message", &message)], 4).await.status.as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 200, 200, 429]);
    assert_eq!(loose(&hub).await.len(), 5);
}

#[actix_web::test]
async fn the_thresholds_are_explained_with_the_numbers_in_force() {
    let hub = TestHub::with(&[("BELFRY_ABUSE__FLOOD", "0"), ("BELFRY_ABUSE__AUTO_LIMIT", "oversize")]).await;
    let page = reviewer(&hub).await.get("/staff/abuse").await;
    for shown in ["No open case", "How signals work", "switched off (abuse.flood = 0)", "3,000 refusals an hour", "for 6 hours"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    for row in abuse::SIGNALS {
        assert!(page.body.contains(row.title), "{}", row.title);
    }
}
