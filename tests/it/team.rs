//! The hub's team over real HTTP: who belongs to it, what needs it, how mail and gateways stand.

use actix_web::http::StatusCode;
use belfry::accounts::team::{self, TeamError};
use belfry::accounts::{self, Role};
use belfry::audit::{self, Actor, Event, Filter, Reason};
use belfry::db::Fault;
use belfry::error::Error;
use belfry::ids::{AccountId, CaseId, LetterId};
use belfry::mail::EmailAddress;
use belfry::privacy;
use futures_util::future::join;
use secrecy::ExposeSecret;

use crate::audit::{change, id};
use crate::support::{Answer, Browser, PASSWORD, TestHub};

async fn account(hub: &TestHub, email: &'static str) -> accounts::Account {
    hub.hub.db.read(move |conn| team::by_mail(conn, email)).await.unwrap().unwrap()
}

async fn entries(hub: &TestHub, event: Event) -> Vec<audit::Entry> {
    hub.hub.db.read(move |conn| audit::list(conn, &Filter { event: Some(event), ..Filter::default() }, 50)).await.unwrap()
}

async fn invite(browser: &mut Browser<'_>, email: &str, role: &str) -> Answer {
    browser.post("/staff/accounts", &[("email", email), ("role", role), ("name", "Ben Bell")]).await
}

#[actix_web::test]
async fn somebody_who_is_invited_sets_a_password_by_the_link_and_is_in() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let invited = invite(&mut admin, "ben@hub.example", "reviewer").await;
    let ben = account(&hub, "ben@hub.example").await;
    assert_eq!(invited.headers["location"], format!("/staff/accounts/{}", ben.id));
    assert_eq!((ben.name.as_str(), ben.role, ben.confirmed_at), ("Ben Bell", Some(Role::Reviewer), None));
    assert!(hub.letter("staff_invited").await.unwrap().contains("reviewer"));
    let first = hub.mailed_path("staff_invited").await;
    // A new invitation makes the one before worthless.
    let again = admin.post(&format!("/staff/accounts/{}/invite", ben.id), &[]).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    let (second, mut browser) = (hub.mailed_path("staff_invited").await, hub.browser());
    assert_ne!(first, second);
    let token = |path: &str| path.split("token=").nth(1).unwrap().to_owned();
    let used = browser.post("/password/reset", &[("token", &token(&first)), ("password", PASSWORD)]).await;
    assert!(!used.headers.get("location").is_some_and(|to| to.starts_with("/staff") || to.starts_with("/my")));
    assert_eq!(browser.get("/staff").await.status, StatusCode::SEE_OTHER, "the first link leads nowhere");
    assert_eq!(browser.get(&second).await.status, StatusCode::OK);
    browser.post("/password/reset", &[("token", &token(&second)), ("password", PASSWORD)]).await;
    assert_eq!(browser.get("/staff").await.status, StatusCode::OK);
    // Who has come is invited no more, and who belongs to the team is not invited to it.
    assert_eq!(admin.post(&format!("/staff/accounts/{}/invite", ben.id), &[]).await.status, StatusCode::CONFLICT);
    let member = invite(&mut admin, "BEN@hub.example", "analyst").await;
    assert!(member.status == StatusCode::UNPROCESSABLE_ENTITY && member.body.contains("belongs to the team already"));
    assert!(member.body.contains("value=\"BEN@hub.example\""), "what was typed is kept");
    assert_eq!(account(&hub, "ben@hub.example").await.role, Some(Role::Reviewer));
    let page = admin.get("/staff/accounts").await.body;
    assert!(page.contains("Ben Bell") && page.contains("reviewer"));
}

#[actix_web::test]
async fn an_owner_who_is_invited_belongs_to_the_team_at_once_and_is_told() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let mut owner = hub.person("owner@school.example", None).await;
    assert_eq!(owner.get("/staff").await.status, StatusCode::FORBIDDEN);
    assert_eq!(invite(&mut admin, "owner@school.example", "analyst").await.status, StatusCode::SEE_OTHER);
    // The role is for who logs in from now on: a session from before may be anybody's.
    assert!(owner.get("/staff").await.headers["location"].starts_with("/login"));
    let mut owner = hub.person("owner@school.example", None).await;
    assert_eq!(owner.get("/staff").await.status, StatusCode::OK);
    assert_eq!((hub.letters("role_changed").await, hub.letters("staff_invited").await), (1, 0));
    let wrong = admin.post("/staff/accounts", &[("email", "nobody"), ("role", "boss"), ("name", "")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("id=\"email-error\"") && wrong.body.contains("id=\"role-error\""));
}

#[actix_web::test]
async fn only_an_admin_decides_who_belongs_to_the_team() {
    let hub = TestHub::start().await;
    hub.person("admin@hub.example", Some(Role::Admin)).await;
    let target = account(&hub, "admin@hub.example").await.id;
    for role in [Role::Analyst, Role::Reviewer] {
        let mut browser = hub.person(&format!("{role}@hub.example"), Some(role)).await;
        let page = browser.get("/staff/accounts").await;
        assert!(page.status == StatusCode::OK && !page.body.contains("Invite somebody"));
        let page = browser.get(&format!("/staff/accounts/{target}")).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("Disable the account"));
        assert_eq!(invite(&mut browser, "ben@hub.example", "admin").await.status, StatusCode::FORBIDDEN);
        for act in ["role", "disable", "enable", "sessions/end", "invite"] {
            let answer = browser.post(&format!("/staff/accounts/{target}/{act}"), &[("role", "none"), ("reason", "Because")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{act} by {role}");
        }
    }
    assert_eq!(account(&hub, "admin@hub.example").await.role, Some(Role::Admin));
}

#[actix_web::test]
async fn a_role_is_changed_with_a_reason_told_and_noted() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let mut ben = hub.person("ben@hub.example", Some(Role::Reviewer)).await;
    let target = account(&hub, "ben@hub.example").await.id;
    let path = format!("/staff/accounts/{target}/role");
    for (role, reason, words) in
        [("admin", "", "Say why"), ("boss", "Because", "Choose a role"), ("reviewer", "Because", "nothing was changed")]
    {
        let refused = admin.post(&path, &[("role", role), ("reason", reason)]).await;
        assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains(words), "{role}: {}", refused.body);
    }
    assert_eq!(admin.post(&path, &[("role", "none"), ("reason", "Has left")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(ben.get("/staff").await.status, StatusCode::FORBIDDEN, "at once");
    assert_eq!(hub.letters("role_changed").await, 1);
    let noted = entries(&hub, Event::RoleSet).await.remove(0);
    assert_eq!((noted.reason.as_deref(), noted.address.as_deref()), (Some("Has left"), Some("127.0.0.1")));
    assert_eq!((noted.before.as_deref(), noted.after.as_deref()), (Some(r#"{"role":"reviewer"}"#), Some(r#"{"role":null}"#)));
    let nobody = admin.post("/staff/accounts/0198c0de-0000-7000-8000-000000000000/role", &[("role", "admin"), ("reason", "Because")]).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn the_last_admin_stays_one_and_nobody_changes_their_own_role() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let own = account(&hub, "admin@hub.example").await.id;
    for (act, role) in [("role", "analyst"), ("disable", ""), ("sessions/end", "")] {
        let refused = admin.post(&format!("/staff/accounts/{own}/{act}"), &[("role", role), ("reason", "Because")]).await;
        assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("Nobody changes their own role"), "{act}");
    }
    let (now, desk) = (hub.clock.now(), hub.hub.desk.clone());
    let reason = Reason::parse("From the command line").unwrap();
    let why = reason.clone();
    let demoted = hub.hub.db.write(move |tx| team::set_role(tx, &desk, now, Actor::Operator, own, (Some(Role::Analyst), &why))).await;
    assert!(matches!(demoted, Err(TeamError::LastAdmin)), "{demoted:?}");
    let disabled = hub.hub.db.write(move |tx| team::disable(tx, now, Actor::Operator, own, &reason)).await;
    assert!(matches!(disabled, Err(TeamError::LastAdmin)), "{disabled:?}");
    assert_eq!(admin.get("/staff").await.status, StatusCode::OK);
}

async fn admins(hub: &TestHub) -> usize {
    let members = hub.hub.db.read(team::team).await.unwrap();
    members.iter().filter(|member| member.account.role == Some(Role::Admin) && member.account.disabled_at.is_none()).count()
}

#[actix_web::test]
async fn two_admins_who_remove_each_other_at_once_leave_one() {
    for act in ["role", "disable"] {
        let hub = TestHub::start().await;
        let other = hub.second().await;
        let mut one = hub.person("one@hub.example", Some(Role::Admin)).await;
        let mut two = other.person("two@hub.example", Some(Role::Admin)).await;
        let (first, second) = (account(&hub, "one@hub.example").await.id, account(&hub, "two@hub.example").await.id);
        let (to_second, to_first) = (format!("/staff/accounts/{second}/{act}"), format!("/staff/accounts/{first}/{act}"));
        let fields = [("role", "none"), ("reason", "Because")];
        let (here, there) = join(one.post(&to_second, &fields), two.post(&to_first, &fields)).await;
        let is_done =
            |answer: &Answer| answer.status == StatusCode::SEE_OTHER && answer.headers["location"].starts_with("/staff/accounts/");
        let done = usize::from(is_done(&here)) + usize::from(is_done(&there));
        assert_eq!((done, admins(&hub).await), (1, 1), "{act}: {} and {}", here.status, there.status);
    }
}

/// What the page looked at before may have changed when the act is written: it looks again.
#[actix_web::test]
async fn whoever_is_no_longer_an_admin_changes_nothing() {
    let hub = TestHub::start().await;
    for (email, role) in [("one@hub.example", Role::Admin), ("two@hub.example", Role::Admin), ("three@hub.example", Role::Reviewer)] {
        hub.person(email, Some(role)).await;
    }
    let one = account(&hub, "one@hub.example").await.id;
    let (two, three) = (account(&hub, "two@hub.example").await.id, account(&hub, "three@hub.example").await.id);
    let (now, reason) = (hub.clock.now(), Reason::parse("Because").unwrap());
    let acts = |by: AccountId, on: AccountId| {
        let (desk, reason) = (hub.hub.desk.clone(), reason.clone());
        hub.hub.db.write(move |tx| team::set_role(tx, &desk, now, Actor::Account(by, None), on, (None, &reason)))
    };
    assert!(acts(one, two).await.is_ok());
    for on in [one, three] {
        assert!(matches!(acts(two, on).await, Err(TeamError::NoLongerAdmin)));
    }
    assert!(matches!(acts(three, one).await, Err(TeamError::NoLongerAdmin)));
}

#[actix_web::test]
async fn a_disabled_account_is_out_at_once_and_comes_back_by_logging_in() {
    let hub = TestHub::start().await;
    let site = hub.site("owner@school.example", true).await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let mut owner = hub.person("owner@school.example", None).await;
    assert_eq!(owner.get("/my/sites").await.status, StatusCode::OK);
    let path = format!("/staff/accounts/{}", site.account);
    let unreasoned = admin.post(&format!("{path}/disable"), &[("reason", " ")]).await;
    assert!(unreasoned.status == StatusCode::UNPROCESSABLE_ENTITY && unreasoned.body.contains("id=\"reason-disable-error\""));
    assert_eq!(owner.get("/my/sites").await.status, StatusCode::OK);
    assert_eq!(admin.post(&format!("{path}/disable"), &[("reason", "Sold the password")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(owner.get("/my/sites").await.headers["location"], "/login?next=%2Fmy%2Fsites");
    let page = admin.get(&path).await.body;
    assert!(page.contains("Disabled") && page.contains("Enable the account") && page.contains("Sold the password"));
    assert!(page.contains("Not logged in anywhere") && page.contains("Example School"));
    assert_eq!(site.push("token-0123456789").await.said(), "202", "its sites go on");
    assert_eq!(admin.post(&format!("{path}/enable"), &[("reason", "Cleared up")]).await.status, StatusCode::SEE_OTHER);
    let mut owner = hub.person("owner@school.example", None).await;
    assert_eq!(owner.get("/my/sites").await.status, StatusCode::OK);
    assert_eq!(admin.post(&format!("{path}/sessions/end"), &[("reason", "A stolen phone")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(owner.get("/my/sites").await.status, StatusCode::SEE_OTHER);
    for event in [Event::AccountDisabled, Event::AccountEnabled, Event::SessionEnded] {
        assert_eq!(entries(&hub, event).await.len(), 1, "{event:?}");
    }
}

#[actix_web::test]
async fn who_may_do_more_logs_in_anew_and_who_may_do_less_goes_on() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let mut ben = hub.person("ben@hub.example", Some(Role::Reviewer)).await;
    let path = format!("/staff/accounts/{}/role", account(&hub, "ben@hub.example").await.id);
    admin.post(&path, &[("role", "analyst"), ("reason", "Because")]).await;
    assert_eq!(ben.get("/staff").await.status, StatusCode::OK);
    admin.post(&path, &[("role", "admin"), ("reason", "Because")]).await;
    assert!(ben.get("/staff").await.headers["location"].starts_with("/login"));
}

#[actix_web::test]
async fn a_disabled_account_gets_no_link_and_follows_none() {
    let hub = TestHub::start().await;
    let site = hub.site("owner@school.example", true).await;
    let (id, owner, now, ring) = (site.id, site.account, hub.clock.now(), hub.hub.ring.clone());
    let reason = Reason::parse("Sold the password").unwrap();
    let said = hub.hub.db.write(move |tx| {
        let to = accounts::find(tx.conn(), owner)?.and_then(|known| known.recipient()).ok_or(Fault::Stale)?;
        let token = accounts::contact_link(tx, &ring, now, &to, "en", id)?.ok_or(Fault::Stale)?;
        team::disable(tx, now, Actor::Operator, owner, &reason).map_err(|_| Fault::Stale)?;
        let followed = accounts::confirm(tx, &ring, now, None, token.expose_secret());
        Ok::<_, Fault>((accounts::contact_link(tx, &ring, now, &to, "en", id)?.is_none(), followed.is_err()))
    });
    assert_eq!(said.await.unwrap(), (true, true));
}

#[actix_web::test]
async fn an_account_that_is_being_erased_is_not_enabled_again() {
    let hub = TestHub::start().await;
    let owner = hub.site("owner@school.example", true).await.account;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let now = hub.clock.now();
    hub.hub.db.write(move |tx| privacy::ask(tx, now, Actor::Account(owner, None), owner).map_err(Error::from)).await.unwrap();
    let refused = admin.post(&format!("/staff/accounts/{owner}/enable"), &[("reason", "Cleared up")]).await;
    assert!(refused.status == StatusCode::CONFLICT && refused.body.contains("being erased"), "{}", refused.body);
    assert!(account(&hub, "owner@school.example").await.disabled_at.is_some());
}

#[actix_web::test]
async fn accounts_are_found_by_mail_and_name_page_by_page() {
    let hub = TestHub::start().await;
    let now = hub.clock.now();
    let made = hub.hub.db.write(move |tx| {
        for n in 0..60 {
            let email = EmailAddress::parse(&format!("teacher{n:02}@school.example")).map_err(|_| Fault::Stale)?;
            accounts::account_for(tx, now, &email)?;
        }
        Ok::<_, Fault>(())
    });
    made.await.unwrap();
    let mut analyst = hub.person("analyst@hub.example", Some(Role::Analyst)).await;
    let (mut path, mut seen) = ("/staff/accounts?q=TEACHER%20school".to_owned(), String::new());
    loop {
        let page = analyst.get(&path).await.body;
        seen += &page;
        let Some((_, rest)) = page.split_once("href=\"/staff/accounts?q=TEACHER+school&#38;before=") else { break };
        path = format!("/staff/accounts?q=TEACHER+school&before={}", rest.split(['"', '#']).next().unwrap());
    }
    for n in 0..60 {
        assert_eq!(seen.matches(&format!("teacher{n:02}@school.example")).count(), 1, "{n}");
    }
    for (words, finds) in [("teacher07", true), ("teacher_7", false), ("%25", false), ("nobody", false)] {
        let page = analyst.get(&format!("/staff/accounts?q={words}")).await.body;
        assert_eq!(page.contains("teacher07@school.example"), finds, "{words}");
    }
}

/// What home says: what is urgent, and what can wait.
async fn home(browser: &mut Browser<'_>) -> String {
    browser.get("/staff").await.body
}

#[actix_web::test]
async fn home_shows_each_kind_of_trouble_and_goes_calm_again() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut analyst = hub.person("analyst@hub.example", Some(Role::Analyst)).await;
    let calm = "Nothing needs you now";
    let page = home(&mut analyst).await;
    assert!(page.contains(calm) && page.contains("have no second factor") && page.contains("Sites by state"), "{page}");
    let now = hub.clock.now();
    let (at, this) = (now.sortable(), id(site.id.as_bytes()));
    let case = id(CaseId::new(now).as_bytes());
    let opened = format!(
        "INSERT INTO cases (id, number, site_id, state, opened_by, round, opened_at, changed_at, revision) VALUES ({case}, 1, {this}, 'open', 'signal', 1, '{at}', '{at}', 1)"
    );
    let hour = now.hour().sortable();
    let kinds: [(&str, &str, String, String); 8] = [
        ("cases that nobody has looked at yet", "/staff/abuse", opened, format!("UPDATE cases SET seen_at = '{at}'")),
        (
            "appeals wait",
            "/staff/abuse",
            format!("UPDATE cases SET appealed_at = '{at}'"),
            format!("UPDATE cases SET answered_at = '{at}'"),
        ),
        (
            "did not get through a gateway",
            "/staff/gateways",
            format!("INSERT INTO hub_hourly (hour, code, pushes) VALUES ('{hour}', 'gateway_unavailable', 40)"),
            "DELETE FROM hub_hourly".into(),
        ),
        (
            "jobs failed",
            "/staff/jobs",
            format!(
                "INSERT INTO jobs (name, due_at, leased_until, runs, failures, error) VALUES ('a job of a test', '2100-01-01T00:00:00.000000Z', '{at}', 1, 1, 'no room')"
            ),
            "UPDATE jobs SET error = NULL WHERE name = 'a job of a test'".into(),
        ),
        (
            "letters were given up",
            "/staff/outbox?state=failed",
            format!("UPDATE letters SET failed_at = '{at}'"),
            "UPDATE letters SET failed_at = '2020-01-01T00:00:00.000000Z'".into(),
        ),
        (
            "have too many users, so their push is off",
            "/staff/sites?push=over_user_limit",
            format!("UPDATE sites SET over_limit_since = '{at}'"),
            "UPDATE sites SET over_limit_since = NULL".into(),
        ),
        (
            "are held for a decision",
            "/staff#held",
            format!("UPDATE sites SET held_since = '{at}', state = 'unverified'"),
            "UPDATE sites SET held_since = NULL, state = 'active'".into(),
        ),
        (
            "reports of the public",
            "/staff/abuse",
            format!("INSERT INTO abuse_reports (id, at, about, words, network) VALUES ({case}, '{at}', 'x', 'y', 'z')"),
            format!("UPDATE abuse_reports SET done_at = '{at}'"),
        ),
    ];
    for (words, href, begins, ends) in kinds {
        change(&hub, &[begins]).await;
        let page = home(&mut analyst).await;
        assert!(page.contains(words) && page.contains(&format!("href=\"{href}\"")) && !page.contains(calm), "{words}: {page}");
        change(&hub, &[ends]).await;
        let page = home(&mut analyst).await;
        assert!(page.contains(calm) && !page.contains(words), "{words} is over: {page}");
    }
    // What can wait does not end the calm.
    let refuses = format!("INSERT INTO refusing_mailboxes (email_key, at, why) VALUES ('a@school.example', '{at}', '550 no such user')");
    let grace = "UPDATE sites SET over_limit_since = '2020-01-01T00:00:00.000000Z', grace_until = '2100-01-01T00:00:00.000000Z'";
    change(&hub, &[refuses, grace.to_owned()]).await;
    let page = home(&mut analyst).await;
    assert!(page.contains(calm) && page.contains("mailboxes refuse letters") && page.contains("until their grace ends"), "{page}");
}

#[actix_web::test]
async fn home_tells_of_letters_that_are_late_where_there_is_a_server() {
    let hub = TestHub::with(&[("BELFRY_MAIL__SMTP_URL", "smtp://127.0.0.1:1")]).await;
    hub.active_site().await;
    let mut analyst = hub.person("analyst@hub.example", Some(Role::Analyst)).await;
    assert!(!home(&mut analyst).await.contains("due for more than 15 minutes"));
    hub.clock.advance(std::time::Duration::from_secs(16 * 60));
    assert!(home(&mut analyst).await.contains("letters are due for more than 15 minutes"));
}

#[actix_web::test]
async fn gateways_shows_what_became_of_the_pushes_of_all_sites() {
    let hub = TestHub::start().await;
    let (one, two) = (hub.site("one@school.example", true).await, hub.site("two@school.example", true).await);
    for site in [&one, &two] {
        for _ in 0..3 {
            assert_eq!(site.push("token-0123456789").await.said(), "202");
        }
    }
    let mut analyst = hub.person("analyst@hub.example", Some(Role::Analyst)).await;
    let page = analyst.get("/staff/gateways").await.body;
    assert!(page.contains("sandbox") && page.contains("commoodlemoodlemobile") && page.contains("delivers none"), "{page}");
    assert!(page.contains("<td>6</td>") && page.contains("No push in this hour and the one before failed"), "{page}");
    let hour = hub.clock.now().hour().sortable();
    change(&hub, &[format!("INSERT INTO hub_hourly (hour, code, pushes) VALUES ('{hour}', 'gateway_timeout', 1234)")]).await;
    let page = analyst.get("/staff/gateways").await.body;
    assert!(page.contains("<strong>1,234</strong> were not answered in time") && page.contains("<td>1,234</td>"), "{page}");
}

#[actix_web::test]
async fn gateways_tells_whether_the_backend_answers() {
    let more = [
        ("BELFRY_APPS__COMMOODLEMOODLEMOBILE__GATEWAY", "airnotifier"),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__URL", "http://127.0.0.1:1"),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__ACCESS_KEY", "0123456789abcdef"),
    ];
    let hub = TestHub::with(&more).await;
    let site = hub.active_site().await;
    let mut analyst = hub.person("analyst@hub.example", Some(Role::Analyst)).await;
    let page = analyst.get("/staff/gateways").await.body;
    assert!(page.contains("http://127.0.0.1:1") && page.contains("Not tried yet") && !page.contains("0123456789abcdef"), "{page}");
    site.push("token-0123456789").await;
    assert!(analyst.get("/staff/gateways").await.body.contains("Does not answer"));
}

#[actix_web::test]
async fn the_outbox_is_filtered_and_a_refusing_mailbox_is_cleared() {
    let hub = TestHub::start().await;
    hub.site("one@school.example", true).await;
    hub.site("two_@school.example", true).await;
    let mut reviewer = hub.person("reviewer@hub.example", Some(Role::Reviewer)).await;
    let mut analyst = hub.person("analyst@hub.example", Some(Role::Analyst)).await;
    let at = hub.clock.now().sortable();
    change(&hub, &[format!("UPDATE letters SET failed_at = '{at}', error = '550 no' WHERE to_address = 'one@school.example'")]).await;
    let shown = [
        ("", true, true),
        ("?state=waiting", false, true),
        ("?state=failed", true, false),
        ("?state=sent", false, false),
        ("?mailbox=ONE%40", true, false),
        ("?mailbox=two_", false, true),
        ("?mailbox=tw__", false, false),
        ("?state=nonsense&before=x", true, true),
    ];
    for (query, one, two) in shown {
        let page = analyst.get(&format!("/staff/outbox{query}")).await.body;
        let listed = (page.contains("<td>one@school.example</td>"), page.contains("<td>two_@school.example</td>"));
        assert_eq!(listed, (one, two), "{query}");
    }
    let letter = id(LetterId::new(hub.clock.now()).as_bytes());
    let insert = format!(
        "INSERT INTO refusing_mailboxes (email_key, at, letter_id, why) VALUES ('one@school.example', '{at}', {letter}, '550 no such user')"
    );
    change(&hub, &[insert]).await;
    let page = analyst.get("/staff/outbox").await.body;
    assert!(page.contains("550 no such user") && !page.contains("/staff/outbox/refusing/clear"));
    assert!(reviewer.get("/staff/outbox").await.body.contains("/staff/outbox/refusing/clear"));
    let clear = [("mailbox", "one@school.example")];
    assert_eq!(analyst.post("/staff/outbox/refusing/clear", &clear).await.status, StatusCode::FORBIDDEN);
    assert_eq!(reviewer.post("/staff/outbox/refusing/clear", &clear).await.status, StatusCode::SEE_OTHER);
    assert!(!reviewer.get("/staff/outbox").await.body.contains("550 no such user"));
    reviewer.post("/staff/outbox/refusing/clear", &clear).await;
    let noted = entries(&hub, Event::MailboxCleared).await;
    assert_eq!((noted.len(), noted[0].account_id), (1, Some(account(&hub, "one@school.example").await.id)));
}
