//! The team's console: the list of sites, searches, lists that are kept, files, and acts on many sites.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use belfry::accounts::{self, Role};
use belfry::audit::{self, Actor, Event, Reason};
use belfry::db::Fault;
use belfry::db::schema::{audit as log, brakes, cases, site_reports, site_terms, sites as stored, usage_hourly};
use belfry::ids::{CaseId, SiteId};
use belfry::keys::KeyKind;
use belfry::mail::EmailAddress;
use belfry::sites::{self, Country, Description, Language, Listing, NewSite, Privacy, ProofKind, PushIs, SiteName, SiteUrl, Users};
use belfry::web::Fields;
use diesel::prelude::*;

use crate::support::{Answer, Browser, TestHub, TestSite};

/// A site of its own owner, not proved.
async fn add(hub: &TestHub, name: &str, country: &str, language: &str, users: u64) -> SiteId {
    let host: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let url = format!("https://{}.example/moodle", host.trim_matches('-'));
    let (now, email) = (hub.clock.now(), EmailAddress::parse(&format!("{}@mail.example", host.trim_matches('-'))).unwrap());
    let new = new_site(name, &url, country, language, users);
    let added = hub.hub.db.write(move |tx| {
        let account = accounts::account_for(tx, now, &email)?;
        Ok::<_, belfry::error::Error>(sites::add(tx, now, Actor::Operator, account, &new)?)
    });
    added.await.unwrap()
}

fn new_site(name: &str, url: &str, country: &str, language: &str, users: u64) -> NewSite {
    NewSite {
        name: SiteName::parse(name).unwrap(),
        url: SiteUrl::parse(url).unwrap(),
        description: Description::parse("").unwrap(),
        country: Country::parse(country).unwrap(),
        language: Language::parse(language).unwrap(),
        users: Users::parse(&users.to_string()).unwrap(),
        privacy: Privacy::Named,
        push_wanted: true,
        email_alerts: true,
    }
}

/// Many sites of one owner in one transaction: `name_of` and `users_of` by number.
async fn add_many(hub: &TestHub, count: u64, name_of: fn(u64) -> String, users_of: fn(u64) -> u64) {
    let (now, email) = (hub.clock.now(), EmailAddress::parse("many@school.example").unwrap());
    let added = hub.hub.db.write(move |tx| {
        let account = accounts::account_for(tx, now, &email)?;
        for n in 0..count {
            sites::add(
                tx,
                now,
                Actor::Operator,
                account,
                &new_site(&name_of(n), &format!("https://s{n}.many.example"), "ES", "es", users_of(n)),
            )?;
        }
        Ok::<_, belfry::error::Error>(())
    });
    added.await.unwrap();
}

async fn prove(hub: &TestHub, site: SiteId, kind: ProofKind) {
    let (now, desk) = (hub.clock.now(), hub.hub.desk.clone());
    hub.hub.db.write(move |tx| sites::prove(tx, &desk, now, Actor::Operator, site, kind, None)).await.unwrap();
}

/// Changes a site as nothing else in a test can: by one column.
macro_rules! set {
    ($hub:expr, $site:expr, $($change:expr),+) => {{
        let site = $site;
        $hub.hub.db.write(move |tx| Ok::<_, Fault>(diesel::update(stored::table.find(site)).set(($($change,)+)).execute(tx.conn())?)).await.unwrap();
    }};
}

async fn open_case(hub: &TestHub, site: SiteId, number: i64, is_open: bool) -> CaseId {
    let now = hub.clock.now();
    let id = CaseId::new(now);
    let added = hub.hub.db.write(move |tx| {
        let what = (cases::id.eq(id), cases::number.eq(number), cases::site_id.eq(site), cases::opened_by.eq("staff"));
        let state = (cases::state.eq(if is_open { "open" } else { "closed" }), cases::round.eq(1), cases::revision.eq(1));
        let times = (cases::opened_at.eq(now), cases::changed_at.eq(now));
        Ok::<_, Fault>(diesel::insert_into(cases::table).values((what, state, times)).execute(tx.conn())?)
    });
    added.await.unwrap();
    id
}

/// The names of the sites in the table of a page, in order.
fn names(page: &Answer) -> Vec<String> {
    let table = page.body.split("<table class=\"sites\"").nth(1).and_then(|rest| rest.split("</table>").next()).unwrap_or_default();
    let rows = table.split("<th scope=\"row\"><a href=\"/staff/sites/").skip(1);
    rows.map(|row| row.split_once('>').unwrap().1.split('<').next().unwrap().to_owned()).collect()
}

fn next_of(page: &Answer) -> Option<String> {
    let href = page.body.split("rel=\"next\" href=\"").nth(1)?.split('"').next()?;
    Some(href.replace("&#38;", "&").replace("&amp;", "&"))
}

fn hidden(page: &Answer, name: &str) -> String {
    let found = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {}", page.body));
    found.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn listed(team: &mut Browser<'_>, query: &str) -> Vec<String> {
    let page = team.get(&format!("/staff/sites?{query}")).await;
    assert_eq!(page.status, StatusCode::OK, "{query}: {}", page.body);
    names(&page)
}

/// A small world: one site for each thing that can be filtered by.
async fn world(hub: &TestHub) {
    let alpha = add(hub, "Alpha", "ES", "es", 100).await;
    prove(hub, alpha, ProofKind::Meta).await;
    let beta = add(hub, "Beta", "FR", "fr", 5_000).await;
    prove(hub, beta, ProofKind::Staff).await;
    set!(hub, beta, stored::push_wanted.eq(false));
    let gamma = add(hub, "Gamma", "FR", "pt_br", 30_000).await;
    prove(hub, gamma, ProofKind::Dns).await;
    let now = hub.clock.now();
    set!(hub, gamma, stored::over_limit_since.eq(now), stored::called_at.eq(now));
    let delta = add(hub, "Delta", "DE", "de", 700).await;
    prove(hub, delta, ProofKind::Meta).await;
    hub.suspend(delta).await;
    let epsilon = add(hub, "Epsilon", "DE", "de", 800).await;
    prove(hub, epsilon, ProofKind::File).await;
    set!(hub, epsilon, stored::push_stopped.eq(true));
    let zeta = add(hub, "Zeta", "IT", "it", 900).await;
    set!(hub, zeta, stored::held_since.eq(now));
    let eta = add(hub, "Eta", "IT", "it", 901).await;
    set!(hub, eta, stored::held_since.eq(now), stored::refused_at.eq(now));
    open_case(hub, beta, 1, true).await;
    open_case(hub, alpha, 2, false).await;
    let limited = hub.hub.db.write(move |tx| {
        let own = (site_terms::site_id.eq(gamma), site_terms::push_per_day.eq(5_i64));
        diesel::insert_into(site_terms::table).values(own).execute(tx.conn())?;
        // Said for its devices, not a limit.
        let strict = (site_terms::site_id.eq(alpha), site_terms::binding.eq("strict"));
        diesel::insert_into(site_terms::table).values(strict).execute(tx.conn())?;
        for (site, until) in [(delta, now + Duration::from_secs(20 * 86_400)), (zeta, now - Duration::from_secs(60))] {
            let slow = (brakes::push_per_second.eq(1), brakes::push_per_day.eq(1), brakes::enrol_per_second.eq(1));
            let when = (brakes::until.eq(until), brakes::automatic.eq(true), brakes::set_at.eq(now));
            diesel::insert_into(brakes::table).values((brakes::site_id.eq(site), slow, when)).execute(tx.conn())?;
        }
        Ok::<_, Fault>(())
    });
    limited.await.unwrap();
}

#[actix_web::test]
async fn each_filter_lists_what_it_is_for() {
    let hub = TestHub::start().await;
    world(&hub).await;
    hub.clock.advance(Duration::from_secs(10 * 86_400));
    let young = add(&hub, "Young", "US", "en", 0).await;
    prove(&hub, young, ProofKind::Call).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Analyst)).await;
    let (today, day) = (hub.clock.now().rfc3339(), |text: &str| text[..10].to_owned());
    let today = day(&today);
    let old = day(&(hub.clock.now() - Duration::from_secs(10 * 86_400)).rfc3339());
    let all = "Young Eta Zeta Epsilon Delta Gamma Beta Alpha";
    for (query, expected) in [
        ("", all),
        ("state=active", "Young Epsilon Gamma Beta Alpha"),
        ("state=suspended", "Delta"),
        ("state=unregistered", ""),
        ("push=on", "Young Alpha"),
        ("push=off", "Eta Zeta Epsilon Delta Gamma Beta"),
        ("push=opted_out", "Beta"),
        ("push=over_user_limit", "Gamma"),
        ("push=suspended", "Delta"),
        ("push=staff", "Epsilon"),
        ("push=unverified", "Eta Zeta"),
        ("proof=any", "Young Epsilon Delta Gamma Beta Alpha"),
        ("proof=none", "Eta Zeta"),
        ("proof=meta", "Delta Alpha"),
        ("proof=staff", "Beta"),
        ("country=fr", "Gamma Beta"),
        ("language=pt-BR", "Gamma"),
        ("users_from=800&users_to=5,000", "Eta Zeta Epsilon Beta"),
        ("users_to=0", "Young"),
        ("case=1", "Beta"),
        ("held=any", "Eta Zeta"),
        ("held=waiting", "Zeta"),
        ("held=refused", "Eta"),
        ("held=no&state=unverified", ""),
        ("held=no&state=active&country=FR", "Gamma Beta"),
        ("held=any&state=unverified", "Eta Zeta"),
        ("over=1&state=active", "Gamma"),
        ("over=1", "Gamma"),
        ("never_called=1", "Young Eta Zeta Epsilon Delta Beta Alpha"),
        ("own_limits=1", "Delta Gamma"),
        ("from=7d", "Young"),
        (&format!("from={today}"), "Young"),
        (&format!("to={old}"), "Eta Zeta Epsilon Delta Gamma Beta Alpha"),
        (&format!("from={old}&to={today}"), all),
        ("q=alpha", "Alpha"),
        ("q=ALPHA+example", "Alpha"),
        ("q=gamma@mail.example", ""),
        ("state=active&country=FR&users_to=10000", "Beta"),
        ("q=example&push=off&held=any&sort=oldest", "Zeta Eta"),
    ] {
        assert_eq!(listed(&mut team, query).await.join(" "), expected, "{query}");
    }
}

#[actix_web::test]
async fn a_filter_by_push_says_what_the_site_says() {
    let hub = TestHub::start().await;
    world(&hub).await;
    let (now, max) = (hub.clock.now(), 20_000);
    let word = |site: &sites::Site| match site.push_off(max) {
        None => PushIs::On,
        Some(sites::PushOff::OptedOut) => PushIs::OptedOut,
        Some(sites::PushOff::OverUserLimit) => PushIs::OverUserLimit,
        Some(sites::PushOff::Suspended) => PushIs::Suspended,
        Some(sites::PushOff::Unverified) => PushIs::Unverified,
        Some(sites::PushOff::Staff) => PushIs::Stopped,
    };
    let all = hub.hub.db.read(move |conn| sites::list(conn, &sites::Filter::default(), now, 100)).await.unwrap();
    assert_eq!(all.len(), 7);
    for push in PushIs::ALL.iter().copied() {
        let filter = sites::Filter { push: Some(push), ..sites::Filter::default() };
        let found: Vec<SiteId> =
            hub.hub.db.read(move |conn| sites::list(conn, &filter, now, 100)).await.unwrap().iter().map(|site| site.id).collect();
        let fits = |site: &&sites::Site| word(site) == push || (push == PushIs::Off && word(site) != PushIs::On);
        let expected: Vec<SiteId> = all.iter().filter(fits).map(|site| site.id).collect();
        assert_eq!(found, expected, "{push}");
        assert!(!expected.is_empty(), "{push} is not tested");
    }
}

/// Walks through a list by its links.
async fn walked(team: &mut Browser<'_>, query: &str) -> Vec<String> {
    let mut page = team.get(&format!("/staff/sites?{query}")).await;
    let mut all = names(&page);
    while let Some(next) = next_of(&page) {
        page = team.get(&next).await;
        assert_eq!(page.status, StatusCode::OK, "{next}");
        assert!(!names(&page).is_empty() && names(&page).len() <= 50);
        all.extend(names(&page));
        assert!(all.len() < 1_000, "a list without an end");
    }
    all
}

#[actix_web::test]
async fn every_order_goes_on_where_a_page_ended_though_many_are_alike() {
    let hub = TestHub::start().await;
    // Three names and four sizes among 130: no page ends between two that differ.
    add_many(&hub, 130, |n| format!("Site ~ {} & co", n % 3), |n| n % 4 * 10).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Analyst)).await;
    let page = team.get("/staff/sites").await;
    assert!(page.body.contains("130 sites"), "{}", page.body);
    let now = hub.clock.now();
    for sort in ["newest", "oldest", "name", "users", "users_up"] {
        let listing = Listing::parse(&Fields::parse(format!("sort={sort}").as_bytes())).0;
        let expected = hub.hub.db.read(move |conn| sites::page_after(conn, &listing, now, false, 500)).await.unwrap();
        let expected: Vec<String> = expected.iter().map(|site| site.name.replace('&', "&#38;")).collect();
        let seen = walked(&mut team, &format!("sort={sort}")).await;
        assert_eq!(seen, expected, "{sort}");
        assert_eq!(seen.len(), 130, "{sort}");
        // Together with a filter, and as a list of very many is read.
        let filtered = walked(&mut team, &format!("state=unverified&sort={sort}&q=site")).await;
        assert_eq!(filtered, expected, "{sort}");
        let listing = Listing::parse(&Fields::parse(format!("state=unverified&sort={sort}").as_bytes())).0;
        let many = hub.hub.db.read(move |conn| sites::page_after(conn, &listing, now, true, 500)).await.unwrap();
        assert_eq!(many.iter().map(|site| site.name.replace('&', "&#38;")).collect::<Vec<_>>(), expected, "{sort}");
    }
    for (sort, sorted) in [("users", true), ("users_up", false)] {
        let listing = Listing::parse(&Fields::parse(format!("sort={sort}").as_bytes())).0;
        let users: Vec<i64> = hub
            .hub
            .db
            .read(move |conn| sites::page_after(conn, &listing, now, false, 500))
            .await
            .unwrap()
            .iter()
            .map(|s| s.users)
            .collect();
        assert!(users.is_sorted_by(|a, b| if sorted { a >= b } else { a <= b }), "{users:?}");
    }
}

#[actix_web::test]
async fn what_cannot_be_read_is_told_at_its_field_and_the_rest_is_listed() {
    let hub = TestHub::start().await;
    let first = add(&hub, "First", "ES", "es", 1).await;
    let second = add(&hub, "Second", "ES", "es", 2).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Analyst)).await;
    for (query, field) in [
        ("state=nonsense", "state"),
        ("push=maybe", "push"),
        ("country=Spain", "country"),
        ("users_from=many", "users_from"),
        ("users_from=5&users_to=2", "users_to"),
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("sort=luck", "sort"),
    ] {
        let page = team.get(&format!("/staff/sites?{query}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(page.body.contains(&format!("id=\"{field}-error\"")), "{query}: {}", page.body);
        assert!(page.body.contains(&format!("href=\"#{field}\"")), "{query}");
    }
    let page = team.get("/staff/sites?after=nonsense").await;
    assert_eq!((page.status, names(&page).len()), (StatusCode::UNPROCESSABLE_ENTITY, 2));
    // As lists of before went on.
    assert_eq!(listed(&mut team, &format!("q=&state=&before={second}")).await, ["First"]);
    assert!(listed(&mut team, &format!("before={first}")).await.is_empty());
    // A value of another order is no place.
    assert_eq!(team.get(&format!("/staff/sites?sort=users&after={first}")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn what_people_type_stands_for_itself() {
    let hub = TestHub::start().await;
    for name in ["100% Moodle", "1000 Moodle", "a_b school", "axb school", "back\\slash", "backslash", "École Été"] {
        add(&hub, name, "FR", "fr", 1).await;
    }
    let mut team = hub.person("mentor@hub.example", Some(Role::Analyst)).await;
    for (typed, expected) in [
        ("100%", vec!["100% Moodle"]),
        ("a_b", vec!["a_b school"]),
        ("back\\", vec!["back\\slash"]),
        ("%", vec!["100% Moodle"]),
        ("école", vec!["École Été"]),
        ("ÉTÉ", vec!["École Été"]),
        ("moodle 1000", vec!["1000 Moodle"]),
        ("' OR 1=1 --", vec![]),
    ] {
        assert_eq!(listed(&mut team, &format!("q={}", encoded(typed))).await, expected, "{typed}");
        let page = team.get(&format!("/staff/search?q={}", encoded(typed))).await;
        assert_eq!(names(&page), expected, "{typed}");
    }
    // Accounts are searched in the same way: no address has a percent sign in it.
    assert!(!team.get("/staff/search?q=%25mail").await.body.contains("@mail.example"));
}

#[actix_web::test]
async fn what_a_site_is_found_by_follows_its_changes() {
    let hub = TestHub::start().await;
    let site = hub.site("owner@school.example", true).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Analyst)).await;
    assert_eq!(listed(&mut team, "q=example+school").await, ["Example School"]);
    let mut owner = hub.person("owner@school.example", None).await;
    let fields =
        [("name", "Ärzteschule"), ("country", "DE"), ("language", "de"), ("users", "5"), ("privacy", "named"), ("push_enabled", "1")];
    let saved = owner.post(&format!("/my/sites/{}/settings", site.id), &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    assert!(listed(&mut team, "q=example+school").await.iter().all(|name| name != "Example School"));
    assert_eq!(listed(&mut team, &format!("q={}", encoded("ÄRZTE"))).await, ["Ärzteschule"]);
    // Once its contact is erased, nobody finds it by that.
    let id = site.id;
    set!(hub, id, stored::contact_email.eq("ada@gone.example"));
    let kept = hub.hub.db.write(move |tx| sites::forget_words(tx.conn(), &[id]));
    kept.await.unwrap();
    assert_eq!(listed(&mut team, "q=ada@gone").await, ["Ärzteschule"]);
    owner.post(&format!("/my/sites/{id}/unregister"), &[("confirm", "Ärzteschule")]).await;
    let long_after = hub.clock.now() + Duration::from_secs(400 * 86_400);
    set!(hub, id, stored::state.eq(sites::SiteState::Unregistered));
    assert_eq!(hub.hub.db.write(move |tx| sites::erase_contacts(tx, long_after, 100)).await.unwrap(), [id]);
    assert!(listed(&mut team, "q=ada@gone").await.is_empty());
    assert_eq!(listed(&mut team, &format!("q={}", encoded("Ärzte"))).await, ["Ärzteschule"]);
}

#[actix_web::test]
async fn lists_are_kept_for_oneself_or_for_the_team() {
    let hub = TestHub::start().await;
    let mut one = hub.person("one@hub.example", Some(Role::Analyst)).await;
    let mut two = hub.person("two@hub.example", Some(Role::Reviewer)).await;
    let keep = [("query", "state=active&country=es&after=nonsense&nonsense=1"), ("name", "Spanish & active")];
    let kept = one.post("/staff/sites/views", &keep).await;
    assert_eq!(kept.headers["location"], "/staff/sites?state=active&country=ES");
    one.post("/staff/sites/views", &[("query", "users_from=5000"), ("name", "Big <b>ones</b>"), ("shared", "1")]).await;
    let mine = one.get("/staff/sites?state=active&country=ES").await.body;
    assert!(mine.contains("Spanish &#38; active") && mine.contains("Big &#60;b&#62;ones&#60;/b&#62;"), "{mine}");
    assert!(mine.contains("href=\"/staff/sites?state=active&#38;country=ES\" aria-current=\"page\""), "{mine}");
    let theirs = two.get("/staff/sites").await.body;
    assert!(!theirs.contains("Spanish") && theirs.contains("/staff/sites?users_from=5000"));
    for built_in in ["over=1", "held=waiting", "state=suspended", "from=7d", "never_called=1"] {
        assert!(theirs.contains(&format!("/staff/sites?{built_in}\"")), "{built_in}");
    }
    // The shared one can be seen by the others, not deleted.
    let form = mine.split("/staff/sites/views/").skip(1).map(|rest| rest.split('/').next().unwrap().to_owned());
    let ids: Vec<String> = form.filter(|id| id.len() == 36).collect();
    assert_eq!((ids.len(), theirs.contains("/delete\"")), (2, false));
    for id in &ids {
        assert_eq!(two.post(&format!("/staff/sites/views/{id}/delete"), &[]).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(one.post(&format!("/staff/sites/views/{}/delete", ids[0]), &[]).await.status, StatusCode::SEE_OTHER);
    assert!(!one.get("/staff/sites").await.body.contains("Spanish"));
    // A name is needed, and is kept to be mended.
    let long = "x".repeat(61);
    for (name, words) in [("", "Type a name"), (long.as_str(), "At most 60")] {
        let refused = one.post("/staff/sites/views", &[("query", "over=1"), ("name", name)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            refused.body.contains(words)
                && refused.body.contains(&format!("value=\"{name}\""))
                && refused.body.contains("id=\"name-error\"")
        );
    }
}

#[actix_web::test]
async fn somebody_keeps_fifty_lists_at_most_and_one_of_a_name() {
    let hub = TestHub::start().await;
    let mut team = hub.person("one@hub.example", Some(Role::Analyst)).await;
    let csrf = team.csrf().await;
    for n in 0..51 {
        let name = format!("List {n}");
        let fields = [("csrf_token", csrf.as_str()), ("query", "over=1"), ("name", &name)];
        let answer = team.post_bare("/staff/sites/views", &fields, &[]).await;
        assert_eq!(answer.status, if n < 50 { StatusCode::SEE_OTHER } else { StatusCode::UNPROCESSABLE_ENTITY }, "{n}");
    }
    let again = team.post("/staff/sites/views", &[("query", "own_limits=1"), ("name", "List 7")]).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "one of the same name gives way");
    let page = team.get("/staff/sites").await.body;
    assert_eq!((page.matches(">List 7<").count(), page.contains("own_limits=1")), (2, true));
}

#[actix_web::test]
async fn a_file_has_the_same_sites_and_no_formulas() {
    let hub = TestHub::start().await;
    add(&hub, "=HYPERLINK(\"evil.example\",\"x\")", "ES", "es", 5).await;
    let said = add(&hub, "Said, \"quoted\"", "FR", "fr", 30_000).await;
    set!(hub, said, stored::contact_name.eq("+49 170"), stored::contact_email.eq("@SUM@mail.example"));
    prove(&hub, said, ProofKind::Meta).await;
    // Marked, and past its grace, before the job that applies the limit comes to it.
    let over = (stored::over_limit_since.eq(hub.clock.now()), stored::grace_until.eq(None::<belfry::clock::Timestamp>));
    set!(hub, said, over);
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let file = team.get("/staff/sites.csv?sort=oldest").await;
    assert_eq!((file.status, file.headers["content-type"].as_str()), (StatusCode::OK, "text/csv; charset=utf-8"));
    assert!(file.headers["content-disposition"].starts_with("attachment; filename=\"sites-2"), "{:?}", file.headers);
    let mut reader = csv::Reader::from_reader(file.body.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| rows[row][columns.iter().position(|column| column == name).unwrap()].to_owned();
    assert_eq!(rows.len(), 2);
    assert_eq!(cell(0, "name"), "'=HYPERLINK(\"evil.example\",\"x\")");
    assert_eq!((cell(0, "state"), cell(0, "push"), cell(0, "proof")), ("unverified".into(), "unverified".into(), String::new()));
    assert_eq!((cell(1, "name"), cell(1, "url")), ("Said, \"quoted\"".into(), "https://said---quoted.example/moodle".into()));
    assert_eq!((cell(1, "contact_name"), cell(1, "contact_email")), ("'+49 170".into(), "'@SUM@mail.example".into()));
    assert_eq!((cell(1, "users"), cell(1, "push"), cell(1, "proof")), ("30000".into(), "over_user_limit".into(), "meta".into()));
    assert_eq!(team.get("/staff/sites.csv?country=fr").await.body.lines().count(), 2);
    assert_eq!(team.get("/staff/sites.csv?country=nowhere").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // It has addresses of people in it: analysts get none, and the log tells who took which.
    let mut analyst = hub.person("reader@hub.example", Some(Role::Analyst)).await;
    assert_eq!(analyst.get("/staff/sites.csv").await.status, StatusCode::FORBIDDEN);
    assert!(!analyst.get("/staff/sites").await.body.contains("sites.csv"));
    let noted = hub.hub.db.read(|conn| {
        let of_lists = log::table.filter(log::event.eq(Event::SitesExported)).order(log::seq);
        Ok::<_, Fault>(of_lists.select((log::reason, log::address)).load::<(Option<String>, Option<String>)>(conn)?)
    });
    let noted = noted.await.unwrap();
    assert_eq!(noted.len(), 2);
    assert_eq!(noted[1], (Some("/staff/sites.csv".into()), Some("127.0.0.1".into())));
}

#[actix_web::test]
async fn a_long_file_comes_in_parts_and_whole() {
    let hub = TestHub::start().await;
    add_many(&hub, 2_050, |n| format!("Same {}", n % 2), |n| n % 3).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    for sort in ["newest", "name", "users"] {
        let file = team.get(&format!("/staff/sites.csv?sort={sort}")).await;
        let mut ids: Vec<&str> = file.body.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), file.body.lines().count()), (2_050, 2_051), "{sort}");
    }
}

#[actix_web::test]
async fn a_search_finds_whatever_the_team_has_in_its_hands() {
    let hub = TestHub::start().await;
    let site = hub.site("owner@school.example", true).await;
    let other = add(&hub, "Other place", "ES", "es", 1).await;
    let token = "dXJ0APA91bHPRgkF3JUikC4EN-AHEqMi0123456789abcdef";
    assert_eq!(site.enrol(token).await.status, StatusCode::OK);
    let case = open_case(&hub, other, 17, true).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Analyst)).await;
    let link = |id: SiteId| format!("href=\"/staff/sites/{id}");
    let url = hub.url_of(site.id).await;
    for (typed, finds) in [
        ("example SCHOOL", link(site.id)),
        (url.as_str(), link(site.id)),
        (&url[12..20], link(site.id)),
        ("owner@school.example", link(site.id)),
        ("Owner@School", link(site.id)),
        (&site.key[..15], link(site.id)),
        (&format!("{}…", &site.key[..15]), link(site.id)),
        (&site.key[..12], link(site.id)),
        ("…abcdef", link(site.id)),
        ("abcdef", link(site.id)),
        (&site.id.to_string(), link(site.id)),
        ("case 17", format!("href=\"/staff/abuse/{case}\"")),
        ("#17", format!("href=\"/staff/abuse/{case}\"")),
        ("17", format!("href=\"/staff/abuse/{case}\"")),
    ] {
        let sent = team.post("/staff/search", &[("q", typed)]).await;
        assert_eq!(sent.headers["location"], format!("/staff/search?q={}", encoded(typed)), "{typed}");
        let page = team.get(&sent.headers["location"].clone()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(&finds), "{typed}: {}", page.body);
    }
    let nothing = team.get("/staff/search?q=nowhere-at-all").await;
    assert!(nothing.body.contains("Nothing found"));
    assert!(team.get("/staff/search").await.body.contains("Type into the field"));
    let account = hub
        .hub
        .db
        .read({
            let account = site.account;
            move |conn| accounts::find(conn, account)
        })
        .await
        .unwrap()
        .unwrap();
    assert!(team.get("/staff/search?q=owner").await.body.contains(&format!("/staff/accounts/{}", account.id)));
}

#[actix_web::test]
async fn a_whole_key_or_token_leads_to_its_site_and_stands_in_no_address() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let token = "dXJ0:APA91bHPRgkF3JUikC4EN-AHEqMi0123456789";
    assert_eq!(site.enrol(token).await.status, StatusCode::OK);
    let (_, devices_key) = hub.key(site.id, KeyKind::Devices).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Analyst)).await;
    for (secret, part) in [(site.key.as_str(), "keys"), (devices_key.as_str(), "keys"), (token, "devices")] {
        for typed in [secret.to_owned(), format!("  {secret}\n")] {
            let found = team.post("/staff/search", &[("q", &typed)]).await;
            assert_eq!(found.status, StatusCode::SEE_OTHER, "{}", found.body);
            assert_eq!(found.headers["location"], format!("/staff/sites/{}#{part}", site.id));
        }
    }
    // One that is nobody's: the page is shown at once, and does not say it again.
    let mut unknown = site.key.clone();
    unknown.replace_range(20..22, "zz");
    for secret in [unknown.as_str(), "0123456789abcdef0123456789abcdef0123456789abcdef"] {
        let page = team.post("/staff/search", &[("q", secret)]).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("Nothing found") && !page.body.contains(secret));
        // Nor does the list take it into its links.
        let list = team.get(&format!("/staff/sites?q={secret}")).await;
        assert_eq!(list.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!list.body.contains(secret), "{}", list.body);
    }
    let told = hub.hub.db.read(|conn| Ok::<_, Fault>(log::table.select(log::reason).load::<Option<String>>(conn)?)).await.unwrap();
    assert!(told.iter().flatten().all(|reason| !reason.contains(token) && !reason.contains(&site.key)));
    // At two sites there is a choice to make.
    let second = hub.site("second@school.example", true).await;
    second.enrol(token).await;
    let page = team.post("/staff/search", &[("q", token)]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(&site.id.to_string()) && page.body.contains(&second.id.to_string()) && !page.body.contains(token));
}

/// By a body, in which no sign of a token means anything to a path.
async fn enrol(site: &TestSite<'_>, token: &str) {
    let enrolled = site.call(Method::POST, "/api/v2/tokens", serde_json::json!({"token": token}).to_string()).await;
    assert_eq!(enrolled.status, StatusCode::OK, "{token}: {}", enrolled.body);
}

/// Whatever signs it has in it, and however short it is.
#[actix_web::test]
async fn a_whole_token_of_any_shape_leads_to_its_site() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Analyst)).await;
    for token in
        ["dXJ0.APA91bHP~RgkF3JUikC4EN//AHEqMi/xYzWvUt", "wns!a.b~c//d", "abcdefghijklmnop", "http//token.without.a.colon~0123456789"]
    {
        enrol(&site, token).await;
        let found = team.post("/staff/search", &[("q", token)]).await;
        assert_eq!(found.status, StatusCode::SEE_OTHER, "{}", found.body);
        assert_eq!(found.headers["location"], format!("/staff/sites/{}#devices", site.id), "{token}");
    }
    // At two sites there is a choice to make, and it stands in no address either.
    let second = hub.site("second@school.example", true).await;
    enrol(&second, "wns!a.b~c//d").await;
    let page = team.post("/staff/search", &[("q", "wns!a.b~c//d")]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(&second.id.to_string()), "{}", page.body);
    // One that is nobody's.
    let unknown = "nobodys.token~of//some/forty/characters.and.more";
    let page = team.post("/staff/search", &[("q", unknown)]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains(unknown), "{}", page.body);
}

#[actix_web::test]
async fn the_search_stands_on_every_page_of_the_team() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    for path in ["/staff", "/staff/sites", "/staff/search", "/staff/outbox", "/staff/jobs", &format!("/staff/sites/{}", site.id)] {
        let page = team.get(path).await.body;
        assert!(page.contains("action=\"/staff/search\"") && page.contains("id=\"staff-q\"") && page.contains("console.js"), "{path}");
        let form = page.split("action=\"/staff/search\"").nth(1).unwrap();
        assert!(form.contains(&format!("name=\"csrf_token\" value=\"{}\"", team.csrf().await)), "{path}");
    }
    let script = team.get("/staff").await.body;
    let script = script.split("<script src=\"").find(|part| part.contains("console.js")).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(team.get(&script).await.status, StatusCode::OK);
}

/// Ticks sites and asks what would happen.
async fn previewed(team: &mut Browser<'_>, act: &str, reason: &str, ids: &[SiteId]) -> Answer {
    let names: Vec<String> = ids.iter().map(|id| format!("site-{id}")).collect();
    let mut fields = vec![("act", act), ("reason", reason)];
    fields.extend(names.iter().map(|name| (name.as_str(), "1")));
    team.post("/staff/sites/bulk", &fields).await
}

async fn carried_out(team: &mut Browser<'_>, preview: &Answer, reason: &str) -> Answer {
    let (act, seen, query) = (hidden(preview, "act"), hidden(preview, "seen"), hidden(preview, "query"));
    team.post("/staff/sites/bulk/run", &[("act", &act), ("reason", reason), ("seen", &seen), ("query", &query)]).await
}

async fn state(hub: &TestHub, site: SiteId) -> sites::SiteState {
    hub.hub.db.read(move |conn| sites::find(conn, site)).await.unwrap().unwrap().state
}

#[actix_web::test]
async fn many_sites_are_shown_first_and_then_done_to() {
    let hub = TestHub::start().await;
    let (one, two, gone) =
        (add(&hub, "One", "ES", "es", 1).await, add(&hub, "Two", "ES", "es", 2).await, add(&hub, "Three", "ES", "es", 3).await);
    for site in [one, two, gone] {
        prove(&hub, site, ProofKind::Meta).await;
    }
    hub.suspend(gone).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let preview = previewed(&mut team, "suspend", "A wave of spam", &[one, two, gone]).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.body);
    assert!(preview.body.contains("Nothing is done yet") && preview.body.contains("It is suspended already."), "{}", preview.body);
    assert!(preview.body.contains("Suspend: 2 sites") && preview.body.contains("A wave of spam"));
    assert_eq!(state(&hub, one).await, sites::SiteState::Active, "nothing is done by looking");
    let letters = hub.letters("suspended").await;
    let done = carried_out(&mut team, &preview, "A wave of spam").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert!(done.body.contains("Done to 2 sites."), "{}", done.body);
    for site in [one, two] {
        assert_eq!(state(&hub, site).await, sites::SiteState::Suspended);
        let entries = hub.hub.db.read(move |conn| audit::about_site(conn, site, 5)).await.unwrap();
        // With a case beside it, so that the owner has where to answer.
        assert_eq!(entries[0].event, Event::CaseOpened);
        let suspended = entries.iter().find(|entry| entry.event == Event::SiteSuspended).unwrap();
        assert_eq!(suspended.reason.as_deref(), Some("A wave of spam"));
        assert!(suspended.actor_id.is_some() && suspended.address.is_some());
    }
    assert_eq!(hub.letters("suspended").await, letters + 2);
    // Sent twice, it is done once.
    let again = carried_out(&mut team, &preview, "A wave of spam").await;
    assert!(again.body.contains("Done to 0 sites, not done to 2.") && again.body.contains("It has changed since"), "{}", again.body);
    assert_eq!(hub.letters("suspended").await, letters + 2);
}

#[actix_web::test]
async fn each_act_on_many_is_done_to_those_that_it_fits() {
    let hub = TestHub::start().await;
    let (proved, fresh, held) =
        (add(&hub, "Proved", "ES", "es", 1).await, add(&hub, "Fresh", "ES", "es", 2).await, add(&hub, "Held", "ES", "es", 3).await);
    prove(&hub, proved, ProofKind::Meta).await;
    let now = hub.clock.now();
    set!(hub, held, stored::held_since.eq(now));
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let all = [proved, fresh, held];
    for (act, may, words) in [
        ("verify", 1, "decide between the two on its page"),
        ("stop_push", 3, ""),
        ("stop_push", 0, "stopped already"),
        ("allow_push", 3, ""),
        ("lift", 0, "It is not suspended."),
        ("suspend", 3, ""),
        ("lift", 3, ""),
    ] {
        let preview = previewed(&mut team, act, "Because", &all).await;
        assert!(preview.body.contains(&format!("done to {may} of these")) && preview.body.contains(words), "{act}: {}", preview.body);
        if may > 0 {
            let done = carried_out(&mut team, &preview, "Because").await;
            assert!(done.body.contains(&format!("Done to {may} site")), "{act}: {}", done.body);
        } else {
            assert_eq!(hidden(&preview, "seen"), "");
            assert_eq!(carried_out(&mut team, &preview, "Because").await.status, StatusCode::BAD_REQUEST);
        }
    }
    assert_eq!(state(&hub, fresh).await, sites::SiteState::Active);
    assert_eq!(state(&hub, held).await, sites::SiteState::Unverified);
}

#[actix_web::test]
async fn approving_many_takes_an_address_from_nobody() {
    let hub = TestHub::start().await;
    let one = add(&hub, "One", "ES", "es", 1).await;
    let (now, email) = (hub.clock.now(), EmailAddress::parse("twin@mail.example").unwrap());
    let new = new_site("Twin", "https://one.example/moodle", "ES", "es", 1);
    let twin = hub.hub.db.write(move |tx| {
        let account = accounts::account_for(tx, now, &email)?;
        Ok::<_, belfry::error::Error>(sites::add(tx, now, Actor::Operator, account, &new)?)
    });
    let twin = twin.await.unwrap();
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let taken = "Another registration has this address: decide on its page.";
    let before = previewed(&mut team, "verify", "Known to us", &[twin]).await;
    assert!(before.body.contains("done to 1 of these") && !before.body.contains(taken), "{}", before.body);
    prove(&hub, one, ProofKind::Meta).await;
    let done = carried_out(&mut team, &before, "Known to us").await;
    assert!(done.body.contains("Done to 0 sites, not done to 1.") && done.body.contains(taken), "{}", done.body);
    let after = previewed(&mut team, "verify", "Known to us", &[twin]).await;
    assert!(after.body.contains("done to 0 of these") && after.body.contains(taken), "{}", after.body);
    assert_eq!((state(&hub, one).await, state(&hub, twin).await), (sites::SiteState::Active, sites::SiteState::Unverified));
}

#[actix_web::test]
async fn a_case_knows_what_is_done_to_its_site_among_many() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await.id;
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let opened = team.post("/staff/abuse", &[("site", &site.to_string()), ("reason", "Spam")]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.body);
    let case = opened.headers["location"].clone();
    for _ in 0..2 {
        let done = team.post(&format!("{case}/suspend"), &[("reason", "Spam")]).await;
        assert_eq!((done.status, state(&hub, site).await), (StatusCode::SEE_OTHER, sites::SiteState::Suspended), "{}", done.body);
        let preview = previewed(&mut team, "lift", "They have stopped", &[site]).await;
        let done = carried_out(&mut team, &preview, "They have stopped").await;
        assert!(done.body.contains("Done to 1 site."), "{}", done.body);
        assert_eq!(state(&hub, site).await, sites::SiteState::Active);
    }
    assert!(team.get(&case).await.body.contains("They have stopped"));
    // Who is suspended among many has a case to answer on.
    let other = add(&hub, "Other", "ES", "es", 1).await;
    let preview = previewed(&mut team, "suspend", "Sells watches", &[other]).await;
    carried_out(&mut team, &preview, "Sells watches").await;
    assert!(team.get(&format!("/staff/sites/{other}")).await.body.contains("href=\"/staff/abuse/"));
}

#[actix_web::test]
async fn a_notice_goes_once_to_those_who_want_mails() {
    let hub = TestHub::start().await;
    let reached = hub.site("owner@school.example", true).await;
    let (account, now) = (reached.account, hub.clock.now());
    let confirmed = hub.hub.db.write(move |tx| {
        use belfry::db::schema::accounts as people;
        Ok::<_, Fault>(diesel::update(people::table.find(account)).set(people::confirmed_at.eq(now)).execute(tx.conn())?)
    });
    confirmed.await.unwrap();
    let silent = add(&hub, "Silent", "ES", "es", 1).await;
    set!(hub, silent, stored::email_alerts.eq(false));
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let preview = previewed(&mut team, "notice", "Planned work", &[reached.id, silent]).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.body);
    assert!(preview.body.contains("It does not want mails") && preview.body.contains("Send a notice: 1 site"), "{}", preview.body);
    let seen = hidden(&preview, "seen");
    let send = |subject: &'static str, body: &'static str| {
        [("act", "notice"), ("reason", "Planned work"), ("subject", subject), ("body", body)].map(|(n, v)| (n.to_owned(), v.to_owned()))
    };
    let mut answers = Vec::new();
    for fields in [
        send("", "text"),
        send("Work\nBcc: x@y.example", "text"),
        send("Work on Sunday", ""),
        send("Work on Sunday", "The hub rests.\n\n<b>Soon</b>"),
        send("Work on Sunday", "The hub rests."),
    ] {
        let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.push(("seen", &seen));
        answers.push(team.post("/staff/sites/bulk/run", &fields).await);
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [422, 422, 422, 200, 200]);
    assert!(answers[0].body.contains("id=\"subject-error\"") && answers[2].body.contains("id=\"body-error\""));
    assert!(answers[3].body.contains("Done to 1 site."), "{}", answers[3].body);
    assert!(answers[4].body.contains("a short while ago"), "{}", answers[4].body);
    assert_eq!(hub.letters("notice").await, 1);
    assert!(hub.letter("notice").await.unwrap().contains("The hub rests."));
    let id = reached.id;
    let entries = hub.hub.db.read(move |conn| audit::about_site(conn, id, 1)).await.unwrap();
    assert_eq!((entries[0].event, entries[0].reason.as_deref()), (Event::NoticeSent, Some("Work on Sunday: Planned work")));
}

#[actix_web::test]
async fn what_has_changed_since_it_was_shown_is_left_alone() {
    let hub = TestHub::start().await;
    let (one, two) = (add(&hub, "One", "ES", "es", 1).await, add(&hub, "Two", "ES", "es", 2).await);
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let preview = previewed(&mut team, "suspend", "Spam", &[one, two]).await;
    let (now, by, reason) = (hub.clock.now(), Actor::Operator, Reason::parse("by somebody else").unwrap());
    hub.hub.db.write(move |tx| sites::stop_push(tx, now, by, one, true, &reason)).await.unwrap();
    let done = carried_out(&mut team, &preview, "Spam").await;
    assert!(done.body.contains("Done to 1 site, not done to 1.") && done.body.contains("It has changed since you looked"), "{}", done.body);
    assert_eq!((state(&hub, one).await, state(&hub, two).await), (sites::SiteState::Unverified, sites::SiteState::Suspended));
}

#[actix_web::test]
async fn all_that_fit_a_filter_are_meant_up_to_a_thousand() {
    let hub = TestHub::start().await;
    add_many(&hub, 1_001, |n| format!("Site {n}"), |n| n).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    assert!(!team.get("/staff/sites").await.body.contains("name=\"all\""), "too many for one act");
    let some = team.get("/staff/sites?users_to=69").await;
    assert!(some.body.contains("All 70 that fit this filter"), "{}", some.body);
    let refused = team.post("/staff/sites/bulk", &[("act", "suspend"), ("reason", "x"), ("all", "1"), ("query", "")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let fields = [("act", "suspend"), ("reason", "Spam"), ("all", "1"), ("query", "users_to=69")];
    let preview = team.post("/staff/sites/bulk", &fields).await;
    assert!(preview.body.contains("Suspend: 70 sites"), "{}", preview.body);
    let done = carried_out(&mut team, &preview, "Spam").await;
    assert!(done.body.contains("Done to 70 sites."), "{}", done.body);
    assert!(team.get("/staff/sites?state=suspended").await.body.contains("70 sites"));
    // A thousand fit into the form.
    let fields = [("act", "lift"), ("reason", "Spam"), ("all", "1"), ("query", "users_to=999")];
    let preview = team.post("/staff/sites/bulk", &fields).await;
    assert!(preview.body.contains("It can be done to 70 of these"), "{}", &preview.body[..2_000]);
    let preview =
        team.post("/staff/sites/bulk", &[("act", "stop_push"), ("reason", "Spam"), ("all", "1"), ("query", "users_to=999")]).await;
    assert!(preview.body.contains("Stop push: 1,000 sites"));
    let done = carried_out(&mut team, &preview, &"ü".repeat(2_000)).await;
    assert!(done.body.contains("Done to 1,000 sites."), "{}", done.status);
}

#[actix_web::test]
async fn an_act_on_many_needs_a_reason_a_choice_and_a_role() {
    let hub = TestHub::start().await;
    let one = add(&hub, "One", "ES", "es", 1).await;
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let preview = previewed(&mut team, "suspend", "", &[one]).await;
    assert_eq!(preview.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(preview.body.contains("id=\"reason-error\"") && preview.body.contains("Suspend: 1 site"), "{}", preview.body);
    let refused = carried_out(&mut team, &preview, "  ").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(state(&hub, one).await, sites::SiteState::Unverified);
    let done = carried_out(&mut team, &refused, "Spam").await;
    assert!(done.body.contains("Done to 1 site."), "{}", done.body);
    let unknown = previewed(&mut team, "explode", "x", &[one]).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unknown.body.contains("id=\"act-error\""));
    assert_eq!(previewed(&mut team, "lift", "x", &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for seen in ["", "nonsense!", "AAAA"] {
        let answer = team.post("/staff/sites/bulk/run", &[("act", "lift"), ("reason", "x"), ("seen", seen)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{seen}");
    }
    assert_eq!(team.post("/staff/sites/bulk", &[("act", "lift"), ("site-nonsense", "1")]).await.status, StatusCode::BAD_REQUEST);
    let mut analyst = hub.person("reader@hub.example", Some(Role::Analyst)).await;
    assert_eq!(previewed(&mut analyst, "lift", "x", &[one]).await.status, StatusCode::FORBIDDEN);
    let page = analyst.get("/staff/sites").await.body;
    assert!(!page.contains("/staff/sites/bulk") && !page.contains(&format!("site-{one}")));
}

#[actix_web::test]
async fn no_site_can_put_anything_into_the_teams_pages() {
    let hub = TestHub::start().await;
    let evil = "<script>alert(1)</script>\"'><img src=x>";
    let site = add(&hub, evil, "ES", "es", 1).await;
    open_case(&hub, site, 5, true).await;
    set!(
        hub,
        site,
        stored::contact_email.eq("\"><script>x</script>@mail.example"),
        stored::contact_name.eq(evil),
        stored::description.eq(evil)
    );
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let mut pages = Vec::new();
    for path in ["/staff/sites", "/staff/sites?sort=name", "/staff/search?q=script", "/staff/search?q=5", &format!("/staff/sites/{site}")] {
        pages.push(team.get(path).await.body);
    }
    pages.push(team.get(&format!("/staff/search?q={}", encoded(evil))).await.body);
    pages.push(team.get(&format!("/staff/sites?q={}", encoded(evil))).await.body);
    let preview = previewed(&mut team, "suspend", evil, &[site]).await;
    pages.push(carried_out(&mut team, &preview, evil).await.body);
    pages.push(preview.body);
    for page in pages {
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{page}");
        assert!(page.contains("&#60;script&#62;"), "{page}");
    }
}

#[actix_web::test]
async fn a_sites_page_tells_its_past() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (id, now) = (site.id, hub.clock.now());
    site.enrol("token-0123456789-abcdef").await;
    let case = open_case(&hub, id, 23, true).await;
    let filled = hub.hub.db.write(move |tx| {
        for (weeks, users) in [(1, 1_200), (2, 1_100), (60, 900)] {
            let at = now - Duration::from_secs(weeks * 7 * 86_400);
            let told = (site_reports::figures.eq(format!("{{\"users\":{users},\"courses\":{weeks}}}")), site_reports::unknown.eq("[]"));
            let when =
                (site_reports::site_id.eq(id), site_reports::day.eq(at.day()), site_reports::at.eq(at), site_reports::signed.eq(true));
            diesel::insert_into(site_reports::table).values((told, when)).execute(tx.conn())?;
        }
        for (hours, code, pushes) in [(1, "delivered", 30), (48, "delivered", 12), (48, "payload_too_large", 7)] {
            let hour = (now - Duration::from_secs(hours * 3_600)).hour();
            let what =
                (usage_hourly::site_id.eq(id), usage_hourly::hour.eq(hour), usage_hourly::code.eq(code), usage_hourly::pushes.eq(pushes));
            diesel::insert_into(usage_hourly::table).values(what).execute(tx.conn())?;
        }
        Ok::<_, Fault>(())
    });
    filled.await.unwrap();
    let mut team = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let stopped = hub.hub.db.write({
        let reason = Reason::parse("Too loud").unwrap();
        move |tx| sites::stop_push(tx, now, Actor::Operator, id, true, &reason)
    });
    stopped.await.unwrap();
    let page = team.get(&format!("/staff/sites/{id}")).await.body;
    assert!(page.contains("Registered users: at most 1,200") && page.contains("Courses: at most 60"), "{page}");
    assert!(page.contains("<code>delivered</code></th><td>30</td><td>42</td>"), "{page}");
    assert!(page.contains("<code>payload_too_large</code></th><td>0</td><td>7</td>"), "{page}");
    assert!(page.contains("<dt>Enrolled</dt><dd>1</dd>"), "{page}");
    assert!(page.contains(&format!("<a href=\"/staff/abuse/{case}\">Case 23</a>")) && !page.contains("/staff/abuse/new"), "{page}");
    assert!(page.contains("{&#34;push_stopped&#34;:false}") && page.contains("{&#34;push_stopped&#34;:true}"), "{page}");
    assert!(page.contains(&format!("/staff/sites/{id}/limits")));
    let other = add(&hub, "Quiet", "ES", "es", 1).await;
    let quiet = team.get(&format!("/staff/sites/{other}")).await.body;
    assert!(quiet.contains(&format!("/staff/abuse/new?site={other}")) && quiet.contains("Its Moodle has told nothing yet."));
    // The search of what can be got can be asked about, too.
    assert_eq!(hub.send(Method::HEAD, "/staff/sites", &[], "").await.status, StatusCode::SEE_OTHER);
}
