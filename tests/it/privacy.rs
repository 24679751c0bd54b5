//! What is kept of whom: the copy of it, its erasure, its end, and what `/privacy` says of it.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::http::StatusCode;
use belfry::accounts::{self, Role};
use belfry::app;
use belfry::audit::{self, Actor, Event};
use belfry::clock::Timestamp;
use belfry::db::schema;
use belfry::db::{Conn, Fault};
use belfry::error::Error;
use belfry::ids::{AccountId, CaseId, DeviceId, EntryId, LetterId, ReportId, SiteId};
use belfry::keys::KeyKind;
use belfry::mail::{self, EmailAddress};
use belfry::{privacy, sites};
use diesel::prelude::*;
use serde_json::Value;

use crate::support::{TestHub, TestSite};

const DAY: Duration = Duration::from_secs(86_400);
const ADA: &str = "ada@school.example";

/// A job of all nodes runs now.
async fn run(hub: &TestHub, name: &str) {
    let chore = app::CHORES.iter().find(|chore| chore.name == name).unwrap();
    hub.clock.advance(chore.every + Duration::from_secs(61));
    while !app::run_if_due(&hub.hub, chore).await.unwrap() {
        hub.clock.advance(chore.every);
    }
}

async fn write<T: Send + 'static>(hub: &TestHub, work: impl Fn(&mut Conn) -> QueryResult<T> + Send + 'static) -> T {
    hub.hub.db.write(move |tx| work(tx.conn()).map_err(Fault::from)).await.unwrap()
}

async fn read<T: Send + 'static>(hub: &TestHub, work: impl FnOnce(&mut Conn) -> QueryResult<T> + Send + 'static) -> T {
    hub.hub.db.read(move |conn| work(conn).map_err(Fault::from)).await.unwrap()
}

async fn holds(hub: &TestHub) -> Result<audit::Verified, Fault> {
    let ring = hub.hub.ring.clone();
    hub.hub.db.read(move |conn| audit::verify(conn, &ring)).await
}

/// Devices, without the ways in which real ones are enrolled.
async fn give_devices(hub: &TestHub, site: SiteId, count: u32) {
    let now = hub.clock.now();
    write(hub, move |conn| {
        use schema::devices::dsl as d;
        for number in 0..count {
            let own = (d::id.eq(DeviceId::new(now)), d::token_hash.eq(number.to_le_bytes().to_vec()), d::hint.eq(format!("…{number:06}")));
            let told = (d::platform.eq("android"), d::app.eq("a"), d::channel.eq("default"), d::token_sealed.eq(vec![1_u8]));
            let times = (d::created_at.eq(now), d::seen_at.eq(now), d::confirmed_at.eq(now));
            diesel::insert_into(d::devices).values((d::site_id.eq(site), own, told, times)).execute(conn)?;
        }
        Ok(())
    })
    .await;
}

async fn ada(hub: &TestHub) -> TestSite<'_> {
    hub.site(ADA, true).await
}

/// A case about a site with an appeal of its owner and a note of the team, closed at once if wanted.
async fn give_case(hub: &TestHub, site: SiteId, owner: AccountId, closed: bool) -> CaseId {
    let (now, id) = (hub.clock.now(), CaseId::new(hub.clock.now()));
    write(hub, move |conn| {
        use schema::{case_entries as e, cases as c};
        let life = (c::opened_at.eq(now), c::changed_at.eq(now), c::closed_at.eq(closed.then_some(now)));
        let own = (c::id.eq(id), c::number.eq(1_i64), c::site_id.eq(site), c::state.eq(if closed { "closed" } else { "open" }));
        diesel::insert_into(c::table)
            .values((own, life, c::opened_by.eq("flood"), c::round.eq(1_i64), c::revision.eq(1_i64)))
            .execute(conn)?;
        for (kind, words, actor) in [("appeal", "My own words", Some(owner)), ("note", "Looks fishy", None)] {
            let entry = (e::id.eq(EntryId::new(now)), e::case_id.eq(id), e::at.eq(now), e::kind.eq(kind), e::words.eq(words));
            diesel::insert_into(e::table).values((entry, e::actor_kind.eq("account"), e::actor_id.eq(actor))).execute(conn)?;
        }
        Ok(())
    })
    .await;
    id
}

#[actix_web::test]
async fn an_export_tells_of_no_case_that_was_not_told() {
    let hub = TestHub::start().await;
    let site = ada(&hub).await;
    let case = give_case(&hub, site.id, site.account, false).await;
    let cases_in_a_copy = async || {
        let mut owner = hub.person(ADA, None).await;
        owner.post("/account/export", &[]).await.json()["sites"][0]["cases"].as_array().map(Vec::len)
    };
    assert_eq!(cases_in_a_copy().await, Some(1));
    write(&hub, move |conn| {
        use schema::case_entries as e;
        diesel::delete(e::table.filter(e::case_id.eq(case).and(e::kind.eq("appeal")))).execute(conn)?;
        Ok(())
    })
    .await;
    assert_eq!(cases_in_a_copy().await, Some(0));
}

#[actix_web::test]
async fn an_export_has_what_is_the_persons_and_nothing_else() {
    let hub = TestHub::start().await;
    let site = ada(&hub).await;
    let other = hub.site("eve@elsewhere.example", true).await;
    let (token, theirs) = ("token-of-a-phone-0123456789", "token-of-another-9876543210");
    assert_eq!((site.push(token).await.said(), other.push(theirs).await.said()), ("202".into(), "202".into()));
    give_case(&hub, site.id, site.account, false).await;
    let mut owner = hub.person(ADA, None).await;
    assert!(owner.get("/account/export").await.body.contains("What is in the file"));
    let file = owner.post("/account/export", &[]).await;
    assert_eq!(file.status, StatusCode::OK);
    assert!(file.headers["content-disposition"].starts_with("attachment; filename=\"belfry-export-"), "{:?}", file.headers);
    assert_eq!(
        (file.headers["cache-control"].as_str(), file.headers["content-type"].as_str()),
        ("no-store", "application/json; charset=utf-8")
    );
    let json = file.json();
    assert_eq!((json["format"].as_str(), json["account"]["email"].as_str()), (Some(privacy::FORMAT), Some(ADA)));
    let sites = json["sites"].as_array().unwrap();
    assert_eq!((sites.len(), sites[0]["id"].as_str().unwrap()), (1, site.id.to_string().as_str()));
    assert_eq!(sites[0]["keys"][0]["prefix"].as_str().map(|prefix| site.key.starts_with(prefix)), Some(true));
    assert_eq!(sites[0]["devices"][0]["token_end"], "…456789");
    assert_eq!((&sites[0]["usage"][0]["outcome"], &sites[0]["usage"][0]["pushes"]), (&"delivered".into(), &1.into()));
    assert_eq!(sites[0]["cases"][0]["entries"].as_array().map(Vec::len), Some(1), "the appeal, not the note");
    assert!(json["letters"].as_array().unwrap().iter().any(|letter| letter["kind"] == "verified"));
    let acts: Vec<&str> = json["audit"].as_array().unwrap().iter().filter_map(|act| act["event"].as_str()).collect();
    assert!(acts.contains(&"account_exported") && acts.contains(&"site_registered"), "{acts:?}");
    for secret in [site.key.as_str(), token, theirs, "eve@", "fishy", &other.id.to_string(), "_hash", "token="] {
        assert!(!file.body.contains(secret), "{secret} is in the export");
    }
    let stranger = hub.browser().get("/account/export").await;
    assert!(stranger.headers["location"].starts_with("/login"));
}

/// Each list is read page by page: with several pages, what is written is one whole document.
#[actix_web::test]
async fn an_export_of_many_devices_and_sites_is_one_document() {
    let hub = TestHub::start().await;
    let (first, second, _) = (ada(&hub).await, ada(&hub).await, ada(&hub).await);
    give_devices(&hub, first.id, 2_003).await;
    give_devices(&hub, second.id, 1_000).await;
    let file = hub.person(ADA, None).await.post("/account/export", &[]).await.json();
    let counts: Vec<usize> = file["sites"].as_array().unwrap().iter().map(|site| site["devices"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [2_003, 1_000, 0]);
    let ends: BTreeSet<&str> = file["sites"][0]["devices"].as_array().unwrap().iter().filter_map(|d| d["token_end"].as_str()).collect();
    assert_eq!(ends.len(), 2_003, "each once");
}

async fn texts_of_letters(hub: &TestHub) -> Vec<(String, String)> {
    let letters = hub.hub.db.read(|conn| mail::page(conn, None, 200)).await.unwrap();
    letters.into_iter().map(|letter| (letter.kind.clone(), format!("{}{}", letter.to_address, letter.masked_text()))).collect()
}

#[actix_web::test]
async fn who_leaves_takes_everything_along_and_the_log_still_holds() {
    let hub = TestHub::start().await;
    let site = ada(&hub).await;
    let eve = hub.site("eve@elsewhere.example", true).await;
    assert_eq!(site.push("token-of-a-phone-0123456789").await.said(), "202");
    assert_eq!(eve.push("token-of-another-0123456789").await.said(), "202");
    give_devices(&hub, site.id, 1_200).await;
    let (case, now) = (give_case(&hub, site.id, site.account, false).await, hub.clock.now());
    write(&hub, move |conn| {
        use schema::{abuse_reports as r, mail_optouts as o, refusing_mailboxes as m};
        let told = (r::about.eq("https://x.example"), r::words.eq("Spam"), r::reporter_email.eq(ADA), r::network.eq("203.0.113.0/24"));
        diesel::insert_into(r::table).values((r::id.eq(ReportId::new(now)), r::at.eq(now), told)).execute(conn)?;
        diesel::insert_into(o::table).values((o::email_key.eq(ADA), o::topic.eq("push"), o::at.eq(now))).execute(conn)?;
        diesel::insert_into(m::table).values((m::email_key.eq(ADA), m::at.eq(now), m::why.eq("full"))).execute(conn)
    })
    .await;
    let mut owner = hub.person(ADA, None).await;
    let settings = format!("/my/sites/{}/settings", site.id);
    let change = [
        ("name", "Ada's School"),
        ("description", "Ask Ada"),
        ("users", "7"),
        ("country", "ES"),
        ("language", "en"),
        ("privacy", "named"),
        ("push_enabled", "1"),
    ];
    assert_eq!(owner.post(&settings, &change).await.status, StatusCode::SEE_OTHER);
    let page = owner.get("/account/delete").await.body;
    assert!(page.contains("What goes") && page.contains("What stays, and why") && page.contains("Ada&#39;s School"), "{page}");
    // Somebody who has not typed the address has erased nothing.
    for typed in ["", "yes", "eve@elsewhere.example"] {
        assert_eq!(owner.post("/account/delete", &[("confirm", typed)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(site.push("token-of-a-phone-0123456789").await.said(), "202");
    let gone = owner.post("/account/delete", &[("confirm", " Ada@School.example ")]).await;
    assert_eq!((gone.status, gone.headers["location"].as_str()), (StatusCode::SEE_OTHER, "/"));

    assert_eq!(site.push("token-of-a-phone-0123456789").await.said(), "400 key_revoked");
    assert_eq!(eve.push("token-of-another-0123456789").await.said(), "202", "others go on");
    assert!(owner.get("/my/sites").await.headers["location"].starts_with("/login"));
    let (account, id) = (site.account, site.id);
    assert!(hub.hub.db.read(move |conn| accounts::find(conn, account)).await.unwrap().is_none());
    let left = hub.hub.db.read(move |conn| sites::find(conn, id)).await.unwrap().unwrap();
    assert_eq!((left.account_id, left.description.as_str(), left.contact_email), (None, "", None));
    assert_eq!(left.name, "Ada's School", "figures go by it");
    for (kind, text) in texts_of_letters(&hub).await {
        let is_last = kind == "account_erased";
        assert_eq!(text.contains("ada@"), is_last, "{kind}: {text}");
    }
    assert_eq!(hub.letters("account_erased").await, 1);
    let kept = read(&hub, move |conn| {
        use schema::{abuse_reports as r, case_entries as e, devices as d, mail_optouts as o, recent_pushes as p, refusing_mailboxes as m};
        let devices: i64 = d::table.filter(d::site_id.eq(id)).count().get_result(conn)?;
        let pushes: i64 = p::table.filter(p::site_id.eq(id)).count().get_result(conn)?;
        let (reports, mailboxes) =
            (r::table.select(r::reporter_email).load::<Option<String>>(conn)?, m::table.count().get_result::<i64>(conn)?);
        let words: Vec<String> = e::table.filter(e::case_id.eq(case)).order(e::kind).select(e::words).load(conn)?;
        Ok((devices, pushes, reports, mailboxes, o::table.count().get_result::<i64>(conn)?, words))
    });
    let kept = kept.await;
    assert_eq!(kept, (0, 0, vec![None], 0, 1, vec![String::new(), "Looks fishy".into()]));
    let verified = holds(&hub).await.unwrap();
    assert!(verified.erased > 0, "what the log told of them is gone");
    let log = hub.hub.db.read(move |conn| audit::of_account(conn, account, 0, 500)).await.unwrap();
    assert_eq!(log.last().map(|entry| entry.event), Some(Event::AccountErased));
    assert!(log.iter().all(|entry| entry.address.is_none() && entry.before.is_none() && entry.after.is_none()), "{log:?}");
    // The last letter is erased too once it is sent, and the address is free.
    let sent = hub.clock.now();
    write(&hub, move |conn| diesel::update(schema::letters::table).set(schema::letters::sent_at.eq(sent)).execute(conn)).await;
    run(&hub, "erasure").await;
    assert!(texts_of_letters(&hub).await.iter().all(|(_, text)| !text.contains("ada@")));
    assert_eq!(hub.person(ADA, None).await.get("/my/sites").await.status, StatusCode::OK);
}

/// As when the node dies between two steps: what is begun is in the database, and any node goes on with it.
#[actix_web::test]
async fn an_erasure_goes_on_where_it_stopped() {
    let hub = TestHub::start().await;
    let site = ada(&hub).await;
    ada(&hub).await;
    give_devices(&hub, site.id, 1_200).await;
    let mut owner = hub.person(ADA, None).await;
    let (account, now, desk) = (site.account, hub.clock.now(), hub.hub.desk.clone());
    hub.hub.db.write(move |tx| privacy::ask(tx, now, Actor::Account(account, None), account).map_err(Error::from)).await.unwrap();
    assert!(owner.get("/account").await.headers["location"].starts_with("/login"), "nobody is logged in from the beginning on");
    for _ in 0..4 {
        let desk = desk.clone();
        let ended = hub.hub.db.write(move |tx| privacy::go_on(tx, &desk, now, account).map_err(Error::from)).await.unwrap();
        assert!(!ended);
    }
    assert!(hub.hub.db.read(move |conn| accounts::find(conn, account)).await.unwrap().is_some());
    assert_eq!(hub.letters("account_erased").await, 0);
    let other = hub.second().await;
    run(&other, "erasure").await;
    assert!(hub.hub.db.read(move |conn| accounts::find(conn, account)).await.unwrap().is_none());
    assert_eq!(hub.letters("account_erased").await, 1);
    run(&other, "erasure").await;
    assert_eq!(hub.letters("account_erased").await, 1, "once");
    assert!(holds(&hub).await.is_ok());
}

#[actix_web::test]
async fn a_member_of_the_team_stays_until_another_admin_takes_them_off_it() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("root@hub.example", Some(Role::Admin)).await;
    let mut mentor = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    for (member, email) in [(&mut admin, "root@hub.example"), (&mut mentor, "mentor@hub.example")] {
        assert!(member.get("/account/delete").await.body.contains("Another admin takes you off it first"));
        assert_eq!(member.post("/account/delete", &[("confirm", email)]).await.status, StatusCode::CONFLICT);
        assert_eq!(member.get("/staff").await.status, StatusCode::OK, "and goes on");
    }
    let known = hub.hub.db.read(|conn| accounts::team::by_mail(conn, "mentor@hub.example")).await.unwrap().unwrap();
    let off = [("role", "none"), ("reason", "Has left")];
    assert_eq!(admin.post(&format!("/staff/accounts/{}/role", known.id), &off).await.status, StatusCode::SEE_OTHER);
    assert_eq!(mentor.post("/account/delete", &[("confirm", "mentor@hub.example")]).await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn what_others_tell_of_who_leaves_goes_too() {
    let hub = TestHub::start().await;
    ada(&hub).await;
    let other = hub.site("eve@elsewhere.example", true).await;
    let (id, now) = (other.id, hub.clock.now());
    let letters = write(&hub, move |conn| {
        use schema::{abuse_reports as r, letters as l, sites as s};
        let named = (s::contact_name.eq("Ada"), s::contact_email.eq("Ada@School.example"));
        diesel::update(s::table.find(id)).set(named).execute(conn)?;
        let told = (r::about.eq("x"), r::words.eq("Spam"), r::reporter_email.eq("ADA@school.example"), r::network.eq("203.0.113.0/24"));
        diesel::insert_into(r::table).values((r::id.eq(ReportId::new(now)), r::at.eq(now), told)).execute(conn)?;
        let to_nobody = (l::account_id.eq(None::<AccountId>), l::to_address.eq("Ada@school.example"));
        diesel::update(l::table.filter(l::kind.eq("verified").and(l::site_id.eq(id)))).set(to_nobody).execute(conn)
    });
    assert!(letters.await > 0);
    let mut owner = hub.person(ADA, None).await;
    assert_eq!(owner.post("/account/delete", &[("confirm", ADA)]).await.status, StatusCode::SEE_OTHER);
    let left = hub.hub.db.read(move |conn| sites::find(conn, id)).await.unwrap().unwrap();
    assert_eq!((left.contact_name, left.contact_email), (None, None));
    assert_eq!(left.account_id, Some(other.account), "the site itself goes on");
    for (kind, text) in texts_of_letters(&hub).await {
        assert_eq!(text.to_lowercase().contains(ADA), kind == "account_erased", "{kind}: {text}");
    }
    let reporters = read(&hub, |conn| {
        use schema::abuse_reports as r;
        r::table.select(r::reporter_email).load::<Option<String>>(conn)
    });
    assert_eq!(reporters.await, vec![None::<String>]);
}

#[actix_web::test]
async fn a_copy_for_a_member_of_the_team_leaves_out_what_is_about_others_and_is_not_taken_all_day() {
    let hub = TestHub::start().await;
    let site = ada(&hub).await;
    let mut mentor = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let suspended = mentor.post(&format!("/staff/sites/{}/suspend", site.id), &[("reason", "Ada floods phones")]).await;
    assert_eq!(suspended.status, StatusCode::SEE_OTHER);
    let file = mentor.post("/account/export", &[]).await;
    assert!(file.body.contains("site_suspended") && !file.body.contains("Ada floods phones"), "{}", file.body);
    assert!(hub.person(ADA, None).await.post("/account/export", &[]).await.body.contains("Ada floods phones"));
    for _ in 0..4 {
        assert_eq!(mentor.post("/account/export", &[]).await.status, StatusCode::OK);
    }
    assert_eq!(mentor.post("/account/export", &[]).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[actix_web::test]
async fn staff_erase_the_contact_of_a_site_for_who_has_no_account() {
    let hub = TestHub::start().await;
    let site = ada(&hub).await;
    let id = site.id;
    write(&hub, move |conn| {
        use schema::sites as s;
        let named = (s::account_id.eq(None::<AccountId>), s::contact_name.eq("Bob"), s::contact_email.eq("bob@school.example"));
        diesel::update(s::table.find(id)).set(named).execute(conn)
    })
    .await;
    let path = format!("/staff/sites/{id}/erase-contact");
    let mut admin = hub.person("root@hub.example", Some(Role::Admin)).await;
    assert!(admin.get(&path).await.body.contains("bob@school.example"));
    assert_eq!(admin.post(&path, &[("reason", "")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(admin.get(&path).await.body.contains("bob@school.example"));
    assert_eq!(admin.post(&path, &[("reason", "Asked by mail")]).await.status, StatusCode::SEE_OTHER);
    let site = hub.hub.db.read(move |conn| sites::find(conn, id)).await.unwrap().unwrap();
    assert_eq!((site.contact_name, site.contact_email), (None, None));
    assert!(texts_of_letters(&hub).await.iter().all(|(_, text)| !text.contains('@')));
    assert!(holds(&hub).await.is_ok());
    let noted = hub.hub.db.read(move |conn| audit::about_site(conn, id, 1)).await.unwrap().remove(0);
    assert_eq!((noted.event, noted.reason.as_deref(), noted.address.is_some()), (Event::ContentErased, Some("Asked by mail"), true));
}

#[actix_web::test]
async fn what_was_kept_for_its_time_goes() {
    let hub = TestHub::start().await;
    let site = ada(&hub).await;
    assert_eq!(site.push("token-of-a-phone-0123456789").await.said(), "202");
    hub.hub.fresh_counts().await;
    let mut owner = hub.person(ADA, None).await;
    assert_eq!(owner.post("/account/profile", &[("name", "Ada")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(owner.post(&format!("/my/sites/{}/keys", site.id), &[("kind", "devices")]).await.status, StatusCode::CREATED);
    let case = give_case(&hub, site.id, site.account, true).await;
    let (id, now, key) = (site.id, hub.clock.now(), hub.key(site.id, KeyKind::Site).await.0);
    write(&hub, move |conn| {
        use schema::{abuse_reports as r, access_keys as k, key_networks as n, letters as l};
        let told = (r::about.eq("x"), r::words.eq("Spam"), r::reporter_email.eq(ADA), r::network.eq("203.0.113.0/24"), r::case_id.eq(case));
        diesel::insert_into(r::table).values((r::id.eq(ReportId::new(now)), r::at.eq(now), told)).execute(conn)?;
        let seen = (n::key_id.eq(key), n::network.eq("203.0.113.0/24"), n::site_id.eq(id), n::seen_at.eq(now));
        diesel::insert_into(n::table).values(seen).execute(conn)?;
        let ended = (k::revoked_at.eq(now), k::last_network.eq("203.0.113.0/24"));
        diesel::update(k::table.find(key)).set(ended).execute(conn)?;
        diesel::update(l::table).set(l::sent_at.eq(now)).execute(conn)
    })
    .await;
    let left = || {
        read(&hub, move |conn| {
            use schema::{
                abuse_reports as r, access_keys as k, audit as a, case_entries as e, key_networks as n, letters as l, recent_pushes as p,
            };
            let networks: i64 = n::table.count().get_result(conn)?;
            let last: i64 = k::table.filter(k::last_network.is_not_null()).count().get_result(conn)?;
            let pushes: i64 = p::table.count().get_result(conn)?;
            let letters: i64 = l::table.filter(l::to_address.ne("")).count().get_result(conn)?;
            let addresses: i64 = a::table.filter(a::address.is_not_null()).count().get_result(conn)?;
            let reports: i64 = r::table.count().get_result(conn)?;
            let words: i64 = e::table.filter(e::words.ne("")).count().get_result(conn)?;
            Ok([networks, last, pushes, letters, addresses, reports, words].map(|count| count > 0))
        })
    };
    // In days: networks 7, pushes 30, letters 90, addresses and reports 365, words of cases 730.
    let days = [
        (6, [true; 7]),
        (8, [false, false, true, true, true, true, true]),
        (31, [false, false, false, true, true, true, true]),
        (91, [false, false, false, false, true, true, true]),
        (364, [false, false, false, false, true, true, true]),
        (366, [false, false, false, false, false, false, true]),
        (731, [false; 7]),
    ];
    for (day, expected) in days {
        let ahead = (now + DAY * day).since(hub.clock.now());
        hub.clock.advance(ahead);
        run(&hub, "retention").await;
        assert_eq!(left().await, expected, "after {day} days");
        assert!(holds(&hub).await.is_ok(), "after {day} days");
    }
    let letters = read(&hub, |conn| {
        schema::letters::table.select((schema::letters::kind, schema::letters::sent_at.is_not_null())).load::<(String, bool)>(conn)
    });
    assert!(letters.await.iter().any(|(kind, sent)| kind == "verified" && *sent), "that there was a letter, and when, stays");
}

#[actix_web::test]
async fn a_period_of_its_own_holds() {
    let hub = TestHub::with(&[("BELFRY_PRIVACY__LETTERS_FOR", "2d")]).await;
    ada(&hub).await;
    let now = hub.clock.now();
    write(&hub, move |conn| diesel::update(schema::letters::table).set(schema::letters::sent_at.eq(now)).execute(conn)).await;
    for (days, kept) in [(1, true), (3, false)] {
        hub.clock.advance((now + DAY * days).since(hub.clock.now()));
        run(&hub, "retention").await;
        assert_eq!(texts_of_letters(&hub).await.iter().any(|(_, text)| text.contains("ada@")), kept, "after {days} days");
    }
}

#[actix_web::test]
async fn the_privacy_page_says_what_the_settings_do() {
    let as_built = TestHub::start().await;
    let page = as_built.browser().get("/privacy").await.body;
    for words in [
        "90 days after they were sent",
        "365 days",
        "730 days",
        "180 days",
        "which sends nowhere",
        "no mail server",
        "belfry-visitor",
        "belfry-half",
        "This hub names no contact address",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("Redis"));
    for path in ["/account/export", "/account/delete"] {
        assert!(page.contains(&format!("href=\"{path}\"")), "{path}");
    }
    let otherwise = TestHub::with(&[
        ("BELFRY_PRIVACY__LETTERS_FOR", "12d"),
        ("BELFRY_PRIVACY__AUDIT_ADDRESSES_FOR", "36h"),
        ("BELFRY_DEVICES__STALE_AFTER", "17d"),
        ("BELFRY_MAIL__SMTP_URL", "smtp://127.0.0.1:1"),
        ("BELFRY_HUB__CONTACT_EMAIL", "privacy@hub.example"),
        ("BELFRY_APPS__COMMOODLEMOODLEMOBILE__GATEWAY", "airnotifier"),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__URL", "https://push.backend.example:8801/path"),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__ACCESS_KEY", "a-master-key"),
    ])
    .await;
    let page = otherwise.browser().get("/privacy").await.body;
    for words in [
        "12 days after they were sent",
        "36 hours",
        "17 days without a push",
        "push.backend.example",
        "mailto:privacy@hub.example",
        "mail server to your mailbox",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for words in ["90 days after they were sent", "180 days", "a-master-key", ":8801", "sends nowhere", "no contact address"] {
        assert!(!page.contains(words), "{words}");
    }
}

/// A new table needs a word about whom it tells of, and for how long.
#[test]
fn every_table_has_its_place_in_the_list_of_what_is_kept() {
    let (page, schema) = (include_str!("../../docs/privacy.md"), include_str!("../../src/db/schema.rs"));
    let tables: BTreeSet<&str> =
        schema.lines().filter(|line| line.ends_with(") {")).filter_map(|line| line.trim().split_once(" (")).map(|(name, _)| name).collect();
    assert!(tables.len() > 30, "{tables:?}");
    let rows: Vec<&str> = page.split("## A copy").next().unwrap().lines().filter(|line| line.starts_with("| `")).collect();
    for table in &tables {
        let row = rows.iter().find(|row| row.starts_with(&format!("| `{table}` |")));
        let row =
            row.unwrap_or_else(|| panic!("docs/privacy.md does not say what {table} keeps of people, for how long, and by which job"));
        assert_eq!(row.matches(" | ").count(), 2, "{row}");
    }
    for row in &rows {
        let name = row.trim_start_matches("| `").split('`').next().unwrap();
        assert!(tables.contains(name), "docs/privacy.md tells of {name}, which is no table");
    }
}

#[actix_web::test]
async fn what_an_owner_changes_is_noted_with_before_after_and_address() {
    let hub = TestHub::start().await;
    let site = ada(&hub).await;
    let mut owner = hub.person(ADA, None).await;
    let change = [
        ("name", "Another name"),
        ("description", ""),
        ("users", "100"),
        ("country", "FR"),
        ("language", "en"),
        ("privacy", "named"),
        ("push_enabled", "1"),
        ("email_alerts", "1"),
    ];
    assert_eq!(owner.post(&format!("/my/sites/{}/settings", site.id), &change).await.status, StatusCode::SEE_OTHER);
    let url = hub.url_of(site.id).await;
    assert_eq!(owner.post(&format!("/my/sites/{}/unregister", site.id), &[("confirm", &url)]).await.status, StatusCode::SEE_OTHER);
    let id = site.id;
    let log = hub.hub.db.read(move |conn| audit::about_site(conn, id, 50)).await.unwrap();
    let of = |event: Event| log.iter().find(|entry| entry.event == event).unwrap();
    let json = |text: &Option<String>| serde_json::from_str::<Value>(text.as_deref().unwrap()).unwrap();
    let changed = of(Event::SiteChanged);
    assert_eq!(changed.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(json(&changed.before), serde_json::json!({"name": "Example School", "country": "ES"}));
    assert_eq!(json(&changed.after), serde_json::json!({"name": "Another name", "country": "FR"}));
    let left = of(Event::SiteUnregistered);
    assert_eq!(
        (left.address.as_deref(), json(&left.before), json(&left.after)),
        (Some("127.0.0.1"), serde_json::json!({"state": "active"}), serde_json::json!({"state": "unregistered"}))
    );
}

#[actix_web::test]
async fn an_erased_letter_is_never_sent_again() {
    let hub = TestHub::start().await;
    ada(&hub).await;
    let (now, id): (Timestamp, LetterId) = (hub.clock.now(), hub.hub.db.read(|conn| mail::page(conn, None, 1)).await.unwrap()[0].id);
    let again = move |hub: &TestHub| {
        let db = hub.hub.db.clone();
        async move { db.write(move |tx| mail::again(tx.conn(), id, now)).await.unwrap() }
    };
    assert!(again(&hub).await);
    let account = EmailAddress::parse(ADA).unwrap();
    let account = hub.hub.db.write(move |tx| accounts::account_for(tx, now, &account)).await.unwrap();
    let erased = hub.hub.db.write(move |tx| mail::erase(tx.conn(), now, mail::Erase::ToAccount(account), 500)).await.unwrap();
    assert!(erased > 0 && !again(&hub).await);
}
