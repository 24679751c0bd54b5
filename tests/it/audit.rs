//! The audit log: whatever is changed past the hub is found, and what is erased for somebody's privacy is not taken for that.

use std::process::Command;

use belfry::accounts::Role;
use belfry::audit::{self, About, Actor, Change, Event, Filter, Verified};
use belfry::clock::Timestamp;
use belfry::db::{Conn, Fault, Tx};
use belfry::ids::{AccountId, AuditId, SiteId};
use diesel::sql_types::Binary;
use diesel::{QueryableByName, RunQueryDsl};
use serde_json::Value;

use crate::support::{TestHub, postgres};

async fn verified(hub: &TestHub) -> Result<Verified, String> {
    let ring = hub.hub.ring.clone();
    hub.hub.db.read(move |conn| audit::verify(conn, &ring)).await.map_err(|fault| fault.to_string())
}

/// Why a transaction was undone.
enum Undone {
    Verified(Result<Verified, String>),
    Fault(Fault),
}

impl From<Fault> for Undone {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn run(tx: &mut Tx, statement: &str) -> Result<(), Fault> {
    let rows = diesel::sql_query(statement).execute(tx.conn())?;
    if rows == 0 { Err(Fault::Unreadable(format!("nothing was changed by {statement}"))) } else { Ok(()) }
}

/// What verify says while something is changed; then all is as it was before.
async fn tampered(hub: &TestHub, statements: &[String]) -> Result<Verified, String> {
    let (statements, ring) = (statements.to_vec(), hub.hub.ring.clone());
    let undone = hub.hub.db.write(move |tx| {
        statements.iter().try_for_each(|statement| run(tx, statement))?;
        Err::<(), _>(Undone::Verified(audit::verify(tx.conn(), &ring).map_err(|fault| fault.to_string())))
    });
    match undone.await.unwrap_err() {
        Undone::Verified(said) => said,
        Undone::Fault(fault) => panic!("{fault}"),
    }
}

/// Changes something for good.
pub async fn change(hub: &TestHub, statements: &[String]) {
    let statements = statements.to_vec();
    hub.hub.db.write(move |tx| statements.iter().try_for_each(|statement| run(tx, statement))).await.unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes, as the database of this run writes them.
pub fn bytes(bytes: &[u8]) -> String {
    if postgres().is_some() { format!("'\\x{}'::bytea", hex(bytes)) } else { format!("x'{}'", hex(bytes)) }
}

/// An id, likewise.
pub fn id(bytes: &[u8; 16]) -> String {
    if postgres().is_some() { format!("'{}'::uuid", hex(bytes)) } else { format!("x'{}'", hex(bytes)) }
}

/// A log with entries of every kind: somebody's, with all that one can have, is the third from the end.
async fn a_log(hub: &TestHub) -> (AccountId, SiteId, i64) {
    let site = hub.active_site().await;
    let (account, site, now) = (site.account, site.id, hub.clock.now());
    let written = hub.hub.db.write(move |tx| {
        let by = Actor::Account(account, Some("192.0.2.7".parse().unwrap()));
        let change = Change::of("name", "Old School", "New School");
        let about = About { site: Some(site), account: Some(account) };
        audit::note_change(tx, now, by, Event::SiteChanged, about, Some("A new name"), change)?;
        let seq = audit::last_seq(tx.conn())?;
        audit::note(tx, now, Actor::Hub, Event::PushOff, site, None)?;
        audit::note(tx, now, Actor::Operator, Event::PushOn, site, Some("Again"))?;
        Ok::<_, Fault>(seq)
    });
    (account, site, written.await.unwrap())
}

#[actix_web::test]
async fn a_change_of_any_column_is_found() {
    let hub = TestHub::start().await;
    let (_, _, seq) = a_log(&hub).await;
    verified(&hub).await.unwrap();
    let (other, salt, hash) = (id(&[7; 16]), bytes(&[7; 32]), bytes(&[7; 64]));
    let changes = [
        "reason = 'Another reason'".to_owned(),
        "reason = NULL".to_owned(),
        "reason = ''".to_owned(),
        "address = '198.51.100.1'".to_owned(),
        "address = NULL".to_owned(),
        "before = '{\"name\":\"Elsewhere\"}'".to_owned(),
        "before = NULL".to_owned(),
        "after = '{\"name\":\"Elsewhere\"}'".to_owned(),
        "after = NULL".to_owned(),
        "at = '2020-01-31T12:00:00.000000Z'".to_owned(),
        "actor_kind = 'hub'".to_owned(),
        "actor_kind = 'operator'".to_owned(),
        format!("actor_id = {other}"),
        "actor_id = NULL".to_owned(),
        "event = 'site_lifted'".to_owned(),
        format!("site_id = {other}"),
        "site_id = NULL".to_owned(),
        format!("account_id = {other}"),
        "account_id = NULL".to_owned(),
        "version = 1".to_owned(),
        "version = 3".to_owned(),
        format!("salt = {salt}"),
        format!("salt = {}", bytes(&[])),
        "salt = NULL".to_owned(),
        format!("content_hash = {hash}"),
        format!("content_hash = {salt}"),
        "content_hash = NULL".to_owned(),
        format!("hash = {salt}"),
        "erased_at = '2020-01-31T12:00:00.000000Z'".to_owned(),
        format!("id = {other}"),
        // Several at once, as if it had been erased, or were of the first version.
        "reason = NULL, address = NULL, before = NULL, after = NULL, salt = NULL".to_owned(),
        "reason = NULL, address = NULL, before = NULL, after = NULL, salt = NULL, erased_at = at".to_owned(),
        "address = NULL, salt = substr(salt, 1, 16)".to_owned(),
        "version = 1, address = NULL, before = NULL, after = NULL, salt = NULL, content_hash = NULL".to_owned(),
        "before = after, after = before".to_owned(),
    ];
    for set in changes {
        let said = tampered(&hub, &[format!("UPDATE audit SET {set} WHERE seq = {seq}")]).await;
        assert!(said.as_ref().is_err_and(|words| words.contains(&format!("audit entry {seq}"))), "{set}: {said:?}");
    }
    // An entry without a reason: an empty one is not none.
    let said = tampered(&hub, &[format!("UPDATE audit SET reason = '' WHERE seq = {}", seq + 1)]).await;
    assert!(said.is_err(), "{said:?}");
    verified(&hub).await.unwrap();
}

#[actix_web::test]
async fn what_is_removed_or_swapped_is_found() {
    let hub = TestHub::start().await;
    let (_, _, seq) = a_log(&hub).await;
    let last = seq + 2;
    let cut = |which: &str| vec![format!("DELETE FROM audit WHERE {which}")];
    let cases = [
        ("the first", cut("seq = (SELECT min(seq) FROM audit)")),
        ("one in the middle", cut(&format!("seq = {seq}"))),
        ("the last", cut(&format!("seq = {last}"))),
        ("the last three", cut(&format!("seq >= {seq}"))),
        ("all", cut("seq > 0")),
        ("all, and how it ends", vec!["DELETE FROM audit".to_owned(), "DELETE FROM audit_head".to_owned()]),
        ("how it ends", vec!["DELETE FROM audit_head".to_owned()]),
        ("how it ends, and the last", vec!["DELETE FROM audit_head".to_owned(), format!("DELETE FROM audit WHERE seq = {last}")]),
        (
            "the last, with the number told",
            vec![format!("DELETE FROM audit WHERE seq = {last}"), "UPDATE audit_head SET entries = entries - 1".to_owned()],
        ),
        (
            "the last, with number and hash told",
            vec![
                format!("DELETE FROM audit WHERE seq = {last}"),
                format!("UPDATE audit_head SET entries = entries - 1, hash = (SELECT hash FROM audit WHERE seq = {})", last - 1),
            ],
        ),
        ("the number", vec!["UPDATE audit_head SET entries = entries + 1".to_owned()]),
        ("the last hash", vec![format!("UPDATE audit_head SET hash = {}", bytes(&[7; 32]))]),
        ("the mark", vec![format!("UPDATE audit_head SET mac = {}", bytes(&[7; 32]))]),
        (
            "the order of two",
            vec![
                format!("UPDATE audit SET seq = -1 WHERE seq = {seq}"),
                format!("UPDATE audit SET seq = {seq} WHERE seq = {last}"),
                format!("UPDATE audit SET seq = {last} WHERE seq = -1"),
            ],
        ),
    ];
    for (what, statements) in cases {
        let said = tampered(&hub, &statements).await;
        assert!(said.is_err(), "{what}: {said:?}");
    }
    verified(&hub).await.unwrap();
}

/// A hash of parts as docs/audit.md describes it, made anew here.
#[derive(Default)]
struct Parts(blake3::Hasher);

impl Parts {
    fn part(mut self, bytes: &[u8]) -> Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        self
    }

    fn text(self, text: Option<&str>) -> Self {
        self.part(&[u8::from(text.is_some())]).part(text.unwrap_or_default().as_bytes())
    }

    fn end(self) -> Vec<u8> {
        self.0.finalize().as_bytes().to_vec()
    }
}

/// The hash of an entry of the hub itself, about nothing: `second` is the content hash of the second version.
fn chained(before: &[u8], entry: (AuditId, Timestamp, &str), content: &[u8], second: bool) -> Vec<u8> {
    let (id, at, event) = entry;
    let parts = Parts::default().part(before).part(id.as_bytes()).part(at.sortable().as_bytes()).part(b"hub").part(b"");
    let parts = parts.part(event.as_bytes()).part(b"").part(b"").part(content);
    if second { parts.part(&2_i64.to_le_bytes()).end() } else { parts.end() }
}

#[derive(QueryableByName)]
struct Hash {
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

async fn last_hash(hub: &TestHub) -> Vec<u8> {
    let read = hub.hub.db.read(|conn| {
        let query = "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1";
        let found: Vec<Hash> = match conn {
            Conn::Sqlite(c) => diesel::sql_query(query).load(c)?,
            Conn::Postgres(c) => diesel::sql_query(query).load(c)?,
        };
        Ok::<_, Fault>(found.into_iter().next().map(|row| row.hash).unwrap_or_default())
    });
    read.await.unwrap()
}

/// Whoever can write to the database can hash, too; what they lack is the hub's secret.
#[actix_web::test]
async fn a_made_up_entry_with_a_right_hash_is_found_for_want_of_the_hubs_secret() {
    let hub = TestHub::start().await;
    a_log(&hub).await;
    let (before, now) = (last_hash(&hub).await, hub.clock.now());
    let (entry, salt) = (AuditId::new(now), [9_u8; 32]);
    let words = Parts::default().part(&salt[..16]).text(Some("Made up")).text(None).text(None).end();
    let address = Parts::default().part(&salt[16..]).text(None).end();
    let content = [words, address].concat();
    let hash = chained(&before, (entry, now, "site_lifted"), &content, true);
    let insert = format!(
        "INSERT INTO audit (id, at, actor_kind, event, reason, version, salt, content_hash, hash) VALUES ({}, '{}', 'hub', 'site_lifted', 'Made up', 2, {}, {}, {})",
        id(entry.as_bytes()),
        now.sortable(),
        bytes(&salt),
        bytes(&content),
        bytes(&hash)
    );
    let said = tampered(&hub, std::slice::from_ref(&insert)).await;
    assert!(said.is_err(), "{said:?}");
    let told = format!("UPDATE audit_head SET entries = entries + 1, hash = {}", bytes(&hash));
    let said = tampered(&hub, &[insert.clone(), told.clone()]).await.unwrap_err();
    assert!(said.contains("not noted by this hub"), "{said}");
    // Nor does waiting for the hub's next entry help, with the note changed, as it was, or deleted.
    let notes = [vec![insert.clone(), told], vec![insert.clone()], vec![insert, "DELETE FROM audit_head".to_owned()]];
    for statements in notes {
        let (ring, now) = (hub.hub.ring.clone(), hub.clock.now());
        let undone = hub.hub.db.write(move |tx| {
            statements.iter().try_for_each(|statement| run(tx, statement))?;
            audit::note(tx, now, Actor::Hub, Event::PushOn, About::default(), None)?;
            audit::note(tx, now, Actor::Hub, Event::PushOff, About::default(), None)?;
            Err::<(), _>(Undone::Verified(audit::verify(tx.conn(), &ring).map_err(|fault| fault.to_string())))
        });
        let Undone::Verified(said) = undone.await.unwrap_err() else { panic!("a statement failed") };
        assert!(said.is_err(), "{said:?}");
    }
}

/// Nor does it help to wait for the hub's next entry: where people have accounts, an empty log is no beginning.
#[actix_web::test]
async fn a_log_that_was_emptied_does_not_begin_anew() {
    let hub = TestHub::start().await;
    a_log(&hub).await;
    hub.person("second@school.example", None).await;
    verified(&hub).await.unwrap();
    let (ring, now) = (hub.hub.ring.clone(), hub.clock.now());
    let undone = hub.hub.db.write(move |tx| {
        run(tx, "DELETE FROM audit")?;
        run(tx, "DELETE FROM audit_head")?;
        audit::note(tx, now, Actor::Hub, Event::PushOn, About::default(), None)?;
        Err::<(), _>(Undone::Verified(audit::verify(tx.conn(), &ring).map_err(|fault| fault.to_string())))
    });
    let Undone::Verified(said) = undone.await.unwrap_err() else { panic!("a statement failed") };
    assert!(said.is_err(), "{said:?}");
}

/// A rollback of the whole log, head and all, leaves a log that holds: only a hash kept elsewhere shows it (docs/audit.md).
#[actix_web::test]
async fn a_rollback_of_the_whole_log_is_shown_only_by_the_hash_kept_elsewhere() {
    let hub = TestHub::start().await;
    let (_, site, seq) = a_log(&hub).await;
    let copy = if postgres().is_some() {
        "CREATE TABLE stale AS SELECT * FROM audit_head"
    } else {
        "CREATE TABLE stale AS SELECT entries, hash, mac FROM audit_head"
    };
    hub.hub.db.write(move |tx| Ok::<_, Fault>(diesel::sql_query(copy).execute(tx.conn())?)).await.unwrap();
    let now = hub.clock.now();
    let more = hub.hub.db.write(move |tx| {
        audit::note(tx, now, Actor::Hub, Event::SiteSuspended, site, Some("Floods"))?;
        audit::note(tx, now, Actor::Hub, Event::SiteLifted, site, Some("Mended"))
    });
    more.await.unwrap();
    let kept_elsewhere = verified(&hub).await.unwrap();
    let rewind = ["entries", "hash", "mac"].map(|column| format!("UPDATE audit_head SET {column} = (SELECT {column} FROM stale)"));
    // With rows that don't fit the stale note it is found …
    let one_left = [vec![format!("DELETE FROM audit WHERE seq = {}", seq + 4)], rewind.to_vec()].concat();
    assert!(tampered(&hub, &one_left).await.is_err());
    // … with rows cut to fit it, it is a log that held once.
    let cut = [vec![format!("DELETE FROM audit WHERE seq > {}", seq + 2)], rewind.to_vec()].concat();
    let rolled_back = tampered(&hub, &cut).await.unwrap();
    assert_eq!(rolled_back.entries + 2, kept_elsewhere.entries);
    assert_ne!(rolled_back.last, kept_elsewhere.last);
}

#[actix_web::test]
async fn an_account_that_was_erased_leaves_a_log_that_holds() {
    let hub = TestHub::start().await;
    let (account, _, seq) = a_log(&hub).await;
    let before = verified(&hub).await.unwrap();
    let now = hub.clock.now();
    let erase = move |tx: &mut Tx| {
        tx.alone()?;
        let erased = audit::erase_about(tx, now, account)?;
        audit::note(tx, now, Actor::Account(account, None), Event::AccountErased, account, None)?;
        Ok::<_, Fault>(erased)
    };
    let erased = hub.hub.db.write(erase).await.unwrap();
    assert!(erased > 0);
    let after = verified(&hub).await.unwrap();
    assert_eq!((after.entries, after.erased as usize), (before.entries + 1, erased));
    // What was emptied at another time, or later, or for somebody else, was not emptied by that.
    let empty = "reason = NULL, address = NULL, before = NULL, after = NULL, salt = NULL";
    let elsewhere = ["2020-01-31T12:00:00.000000Z".to_owned(), now.sortable()];
    for (at, which) in [(&elsewhere[0], seq), (&elsewhere[1], seq + 2), (&elsewhere[1], seq + 3)] {
        let said = tampered(&hub, &[format!("UPDATE audit SET {empty}, erased_at = '{at}' WHERE seq = {which}")]).await;
        assert!(said.is_err(), "{which} at {at}: {said:?}");
    }
    let said = tampered(&hub, &[format!("UPDATE audit SET erased_at = NULL WHERE seq = {seq}")]).await;
    assert!(said.is_err(), "{said:?}");
    // Without the entry that tells of it, all of it is tampering.
    let said = tampered(&hub, &[format!("DELETE FROM audit WHERE seq = {}", seq + 3)]).await;
    assert!(said.is_err_and(|words| words.contains("nothing tells that it was erased")));
}

#[actix_web::test]
async fn addresses_that_were_erased_leave_a_log_that_holds() {
    let hub = TestHub::start().await;
    let (account, site, seq) = a_log(&hub).await;
    let old = hub.clock.now();
    hub.clock.advance(std::time::Duration::from_secs(100 * 86_400));
    let now = hub.clock.now();
    let young = move |tx: &mut Tx| {
        let by = Actor::Account(account, Some("192.0.2.8".parse().unwrap()));
        audit::note(tx, now, by, Event::SiteChanged, site, Some("Lately"))?;
        audit::last_seq(tx.conn())
    };
    let young = hub.hub.db.write(young).await.unwrap();
    let erase = move |tx: &mut Tx| audit::forget_addresses(tx, now, Actor::Hub, old + std::time::Duration::from_secs(1), 100);
    assert_eq!(hub.hub.db.write(erase).await.unwrap(), 1);
    assert_eq!(hub.hub.db.write(erase).await.unwrap(), 0, "nothing is left to be erased, and nothing more is noted");
    verified(&hub).await.unwrap();
    let without = "address = NULL, salt = substr(salt, 1, 16)";
    let said = tampered(&hub, &[format!("UPDATE audit SET {without} WHERE seq = {young}")]).await;
    assert!(said.is_err_and(|words| words.contains(&format!("audit entry {young} is gone"))), "younger than those that were erased");
    let said = tampered(&hub, &[format!("UPDATE audit SET reason = 'Another', salt = substr(salt, 1, 16) WHERE seq = {seq}")]).await;
    assert!(said.is_err(), "its words are chained all the same");
    // Nor does it excuse them that the contact of a site was erased since: that is about no address of the log.
    let contact = move |tx: &mut Tx| audit::note(tx, now, Actor::Hub, Event::ContentErased, site, Some("Asked by mail"));
    hub.hub.db.write(contact).await.unwrap();
    verified(&hub).await.unwrap();
    let said = tampered(&hub, &[format!("UPDATE audit SET {without} WHERE seq = {young}")]).await;
    assert!(said.is_err_and(|words| words.contains(&format!("audit entry {young} is gone"))), "an act about one site");
    // The two steps of whoever notes it by themselves.
    let by_hand = move |tx: &mut Tx| {
        let erased = audit::erase_addresses(tx, now + std::time::Duration::from_secs(1), 100)?;
        audit::note(tx, now + std::time::Duration::from_secs(1), Actor::Hub, Event::ContentErased, About::default(), None)?;
        Ok::<_, Fault>(erased)
    };
    assert_eq!(hub.hub.db.write(by_hand).await.unwrap(), 1);
    verified(&hub).await.unwrap();
}

/// Entries as the former release wrote them.
fn former(now: Timestamp) -> Vec<String> {
    let mut before = Vec::new();
    let mut rows = Vec::new();
    for (n, reason) in [None, Some("Vouched for"), Some("Floods one phone")].into_iter().enumerate() {
        let entry = (AuditId::new(now), now + std::time::Duration::from_secs(n as u64), "site_suspended");
        let hash = chained(&before, entry, reason.unwrap_or_default().as_bytes(), false);
        let reason = reason.map_or("NULL".to_owned(), |reason| format!("'{reason}'"));
        rows.push(format!(
            "INSERT INTO audit (id, at, actor_kind, event, reason, hash) VALUES ({}, '{}', 'hub', 'site_suspended', {reason}, {})",
            id(entry.0.as_bytes()),
            entry.1.sortable(),
            bytes(&hash)
        ));
        before = hash;
    }
    rows
}

#[actix_web::test]
async fn a_log_of_the_former_release_holds_alone_and_with_what_follows() {
    let hub = TestHub::start().await;
    change(&hub, &former(hub.clock.now())).await;
    let alone = verified(&hub).await.unwrap();
    assert_eq!((alone.entries, alone.former, alone.marked_since), (3, 3, None));
    let changes = [
        "reason = 'Another'",
        "address = '192.0.2.7'",
        "before = '{}'",
        "after = '{}'",
        "erased_at = at",
        "version = 2",
        "actor_kind = 'operator'",
    ];
    let mut tried: Vec<String> = changes.map(str::to_owned).to_vec();
    tried.extend([format!("salt = {}", bytes(&[7; 32])), format!("content_hash = {}", bytes(&[7; 64]))]);
    let second = "seq = (SELECT min(seq) + 1 FROM audit)";
    for set in &tried {
        let said = tampered(&hub, &[format!("UPDATE audit SET {set} WHERE {second}")]).await;
        assert!(said.is_err(), "{set}: {said:?}");
    }
    a_log(&hub).await;
    let both = verified(&hub).await.unwrap();
    assert!(both.entries > 6 && both.former == 3 && both.marked_since.is_some());
    for set in &tried {
        let said = tampered(&hub, &[format!("UPDATE audit SET {set} WHERE {second}")]).await;
        assert!(said.is_err(), "{set}: {said:?}");
    }
    // The former release's form is no way around the hub's mark.
    let (before, now) = (last_hash(&hub).await, hub.clock.now());
    let entry = AuditId::new(now);
    let hash = chained(&before, (entry, now, "site_lifted"), b"Made up", false);
    let insert = format!(
        "INSERT INTO audit (id, at, actor_kind, event, reason, hash) VALUES ({}, '{}', 'hub', 'site_lifted', 'Made up', {})",
        id(entry.as_bytes()),
        now.sortable(),
        bytes(&hash)
    );
    assert!(tampered(&hub, &[insert]).await.is_err());
}

#[actix_web::test]
async fn the_command_line_finds_it_too() {
    let hub = TestHub::start().await;
    let (_, _, seq) = a_log(&hub).await;
    let verify = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
        let said = command.env("BELFRY_DATABASE__URL", hub.database_url()).args(["audit", "verify"]).output().unwrap();
        (said.status.success(), String::from_utf8(said.stdout).unwrap())
    };
    let (holds, words) = verify();
    assert!(holds && words.contains(&verified(&hub).await.unwrap().last), "{words}");
    change(&hub, &[format!("UPDATE audit SET reason = 'Another' WHERE seq = {seq}")]).await;
    let (holds, words) = verify();
    assert!(!holds && words.contains(&format!("audit entry {seq}")), "{words}");
}

/// The hash of an exported entry, from nothing but its line.
fn of_line(before: &[u8], line: &Value) -> Vec<u8> {
    let text = |name: &str| line[name].as_str();
    let unhex = |text: &str| (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap()).collect::<Vec<u8>>();
    let uuid = |name: &str| text(name).map(|id| unhex(&id.replace('-', ""))).unwrap_or_default();
    let content = if line["version"] == 1 {
        text("reason").unwrap_or_default().as_bytes().to_vec()
    } else {
        let salt = unhex(text("salt").unwrap());
        let words = Parts::default().part(&salt[..16]).text(text("reason")).text(text("before")).text(text("after")).end();
        let address = Parts::default().part(&salt[16..]).text(text("address")).end();
        let content = [words, address].concat();
        assert_eq!(Some(hex(&content).as_str()), text("content_hash"), "{line}");
        content
    };
    let parts = Parts::default().part(before).part(&uuid("id")).part(text("at").unwrap().as_bytes());
    let parts = parts.part(text("actor_kind").unwrap().as_bytes()).part(&uuid("actor_id")).part(text("event").unwrap().as_bytes());
    let parts = parts.part(&uuid("site_id")).part(&uuid("account_id")).part(&content);
    if line["version"] == 1 { parts.end() } else { parts.part(&line["version"].as_i64().unwrap().to_le_bytes()).end() }
}

#[actix_web::test]
async fn an_exported_log_can_be_checked_elsewhere() {
    let hub = TestHub::start().await;
    change(&hub, &former(hub.clock.now())).await;
    a_log(&hub).await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let file = admin.get("/staff/audit.jsonl").await;
    assert_eq!(file.status.as_u16(), 200);
    assert!(file.headers["content-disposition"].contains(".jsonl"));
    let mut before = Vec::new();
    let lines: Vec<Value> = file.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        before = of_line(&before, line);
        assert_eq!(line["hash"].as_str(), Some(hex(&before).as_str()), "{line}");
    }
    assert_eq!(hex(&before), verified(&hub).await.unwrap().last);
    let told = lines.last().unwrap();
    assert_eq!((told["event"].as_str(), told["after"].as_str()), (Some("audit_exported"), Some(r#"{"format":"jsonl"}"#)));
}

#[actix_web::test]
async fn the_log_is_filtered_shown_and_exported_in_words() {
    let hub = TestHub::start().await;
    let (account, site, _) = a_log(&hub).await;
    let mut analyst = hub.person("analyst@hub.example", Some(Role::Analyst)).await;
    let page = analyst.get("/staff/audit").await.body;
    assert!(page.contains("A new name") && page.contains("<del>Old School</del>") && page.contains("<ins>New School</ins>"), "{page}");
    assert!(page.contains("changed a site&#39;s data") || page.contains("changed a site's data"), "{page}");
    assert!(page.contains("192.0.2.0/24") && !page.contains("192.0.2.7"), "the address itself is for admins");
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    assert!(admin.get("/staff/audit").await.body.contains("192.0.2.7"));
    let filters: [(String, bool); 9] = [
        ("event=site_changed".into(), true),
        ("event=push_on".into(), false),
        ("actor=active%40school.example".into(), true),
        (format!("actor={account}"), true),
        ("actor=hub".into(), false),
        (format!("site={site}"), true),
        (format!("account={account}"), true),
        ("from=2020-01-01&to=2020-01-02".into(), false),
        ("from=2020-01-01".into(), true),
    ];
    for (query, is_there) in &filters {
        let page = analyst.get(&format!("/staff/audit?{query}")).await;
        assert_eq!((page.status.as_u16(), page.body.contains("A new name")), (200, *is_there), "{query}");
    }
    for junk in ["event=nothing", "actor=nobody%40hub.example", "site=nowhere", "account=x", "from=yesterday", "to=2020-02-31"] {
        let page = analyst.get(&format!("/staff/audit?{junk}")).await;
        assert!(page.status.as_u16() == 422 && page.body.contains("Something is not right yet"), "{junk}");
    }
    // Page by page, nothing twice and nothing missed.
    let now = hub.clock.now();
    let many = hub
        .hub
        .db
        .write(move |tx| (0..120).try_for_each(|n| audit::note(tx, now, Actor::Hub, Event::PushOn, site, Some(&format!("entry {n:03}.")))));
    many.await.unwrap();
    let (mut path, mut seen) = ("/staff/audit?event=push_on".to_owned(), String::new());
    loop {
        let page = analyst.get(&path).await.body;
        seen += &page;
        let Some((_, rest)) = page.split_once("href=\"/staff/audit?event=push_on&#38;before=") else { break };
        path = format!("/staff/audit?event=push_on&before={}", rest.split('"').next().unwrap());
    }
    for n in 0..120 {
        assert_eq!(seen.matches(&format!("entry {n:03}.")).count(), 1, "{n}");
    }
    let table = admin.get("/staff/audit.csv?event=site_changed").await.body;
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("A new name") && table.contains("192.0.2.7"));
    for path in ["/staff/audit.csv", "/staff/audit.jsonl"] {
        assert_eq!(analyst.get(path).await.status.as_u16(), 403);
    }
    let exports = hub.hub.db.read(|conn| audit::list(conn, &Filter { event: Some(Event::AuditExported), ..Filter::default() }, 10)).await;
    assert_eq!(exports.unwrap().len(), 1);
}

#[actix_web::test]
async fn an_admin_verifies_the_log_on_its_page_and_home_says_when_its_end_was_changed() {
    let hub = TestHub::start().await;
    let (_, _, seq) = a_log(&hub).await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let page = admin.post("/staff/audit/verify", &[]).await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(page.body.contains(&verified(&hub).await.unwrap().last) && page.body.contains("The log holds"), "{}", page.body);
    assert!(!admin.get("/staff").await.body.contains("does not end as the hub has written it"));
    change(&hub, &[format!("UPDATE audit SET reason = 'Another' WHERE seq = {seq}")]).await;
    let page = admin.post("/staff/audit/verify", &[]).await;
    assert!(page.body.contains("The log was changed") && page.body.contains(&format!("audit entry {seq}")), "{}", page.body);
    change(&hub, &["DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)".to_owned()]).await;
    assert!(admin.get("/staff").await.body.contains("does not end as the hub has written it"));
}

/// PostgreSQL takes no NUL in a text.
#[actix_web::test]
async fn whatever_is_typed_into_the_teams_searches_is_no_fault_of_the_hub() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let long = "x".repeat(5_000);
    for path in ["/staff/audit?actor=", "/staff/audit?account=", "/staff/audit?site=", "/staff/outbox?mailbox=", "/staff/accounts?q="] {
        for typed in ["%00", "a%00b@school.example", "%0a", &long] {
            let status = admin.get(&format!("{path}{typed}")).await.status.as_u16();
            assert!(status < 500, "{path}{typed}: {status}");
        }
    }
    assert!(admin.get("/staff/audit.csv?actor=%00").await.status.as_u16() < 500);
    assert!(admin.get("/staff/search?q=%00").await.status.as_u16() < 500);
    assert!(admin.get("/staff/audit?to=9999-12-31").await.status.as_u16() < 500);
}

#[actix_web::test]
async fn the_log_is_checked_once_at_a_time() {
    let hub = TestHub::start().await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    let walk = hub.hub.doors.audit_walk.clone().try_acquire_owned().unwrap();
    let busy = admin.post("/staff/audit/verify", &[]).await;
    assert_eq!(busy.status.as_u16(), 409);
    assert!(busy.body.contains("being checked already"), "{}", busy.body);
    drop(walk);
    assert_eq!(admin.post("/staff/audit/verify", &[]).await.status.as_u16(), 200);
}
