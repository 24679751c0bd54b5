//! The house itself: who leans on whom, and the tables of both databases beside `schema.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::support::TestHub;

/// The rooms, lowest first: each leans only on those before it.
const ROOMS: [&str; 35] = [
    "clock",
    "ids",
    "secret",
    "db",
    "error",
    "settings",
    "telemetry",
    "jobs",
    "web",
    "audit",
    "mail",
    "limits",
    "accounts",
    "sites",
    "registrations",
    "proof",
    "keys",
    "devices",
    "gateways",
    "push",
    "broadcasts",
    "idempotency",
    "abuse",
    "privacy",
    "hub",
    "visit",
    "public",
    "my",
    "staff",
    "keyed",
    "moodle",
    "api",
    "routes",
    "app",
    "cli",
];
/// Ground-floor rooms that hold each other up: time and ids are column types, errors tell of the database.
const GROUND: [&str; 5] = ["clock", "ids", "secret", "db", "error"];
/// Leanings against the order, each with its reason.
const ALLOWED: [(&str, &str); 6] = [
    ("visit", "hub"), // beside each other: who asks, of what
    ("staff", "my"),  // a site looks the same to its owner and to staff: `my::views`
    ("my", "public"), // the same choices in the form and in the settings: `public::register`
    ("gateways", "settings"),
    ("push", "settings"),
    ("hub", "settings"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

fn room(path: &Path) -> String {
    let inside = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The code before the tests of a file.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap().lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every `crate::x` in the code, whether in a `use` or in the text.
fn leanings() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    let mut leanings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files {
        let from = room(&path);
        if matches!(from.as_str(), "main" | "lib") {
            continue;
        }
        let text = code(&path);
        let mut targets: Vec<String> = text.match_indices("crate::").map(|(at, _)| word(&text[at + 7..])).collect();
        for (at, _) in text.match_indices("use crate::{") {
            let list = &text[at + 12..at + 12 + text[at + 12..].find('}').unwrap_or(0)];
            targets.extend(list.split(',').map(|part| word(part.trim())));
        }
        leanings.entry(from.clone()).or_default().extend(targets.into_iter().filter(|to| *to != from && ROOMS.contains(&to.as_str())));
    }
    leanings
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn each_room_leans_only_on_those_below_it() {
    let place = |room: &str| ROOMS.iter().position(|known| *known == room).unwrap_or_else(|| panic!("{room} is not on the map"));
    for (from, targets) in leanings() {
        for to in targets {
            let ground = GROUND.contains(&from.as_str()) && GROUND.contains(&to.as_str());
            let allowed = ALLOWED.contains(&(from.as_str(), to.as_str()));
            assert!(ground || allowed || place(&to) < place(&from), "{from} leans on {to}, which stands above it");
        }
    }
}

#[test]
fn the_diagram_is_what_the_imports_say() {
    let mut diagram = String::from("```mermaid\ngraph TD\n");
    for (from, targets) in leanings() {
        // The ground floor is under everything: its lines would hide the others.
        for to in targets.iter().filter(|to| ROOMS.iter().position(|r| r == to) >= ROOMS.iter().position(|r| *r == "audit")) {
            diagram += &format!("  {from} --> {to}\n");
        }
    }
    diagram += "```\n";
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/architecture.md")).unwrap();
    assert!(page.contains(&diagram), "docs/architecture.md should contain:\n{diagram}");
}

#[test]
fn each_library_has_its_home() {
    let homes: [(&str, &[&str]); 13] = [
        ("lettre::", &["mail"]),
        ("argon2::", &["accounts"]),
        ("webauthn_rs::", &["accounts"]),
        ("totp_rs::", &["accounts"]),
        ("qrcode::", &["my"]),
        ("fluent_bundle::", &["mail"]),
        ("governor::", &["limits"]),
        ("hickory_resolver::", &["proof"]),
        ("awc::", &["proof"]),
        ("hyper::", &["gateways"]),
        ("hyper_util::", &["gateways"]),
        ("redis::", &["db"]),
        ("std::env::", &["cli", "settings"]),
    ];
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    for path in files {
        let (from, text) = (room(&path), code(&path));
        for (library, rooms) in homes {
            assert!(!text.contains(library) || rooms.contains(&from.as_str()), "{} uses {library}", path.display());
        }
        let inner = ["audit", "mail", "limits", "accounts", "sites", "keys", "devices", "push"].contains(&from.as_str());
        assert!(!(inner && text.contains("actix_web::")), "{} knows of HTTP", path.display());
    }
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

/// `table.column kind` with a `?` where it may be null, in the words of schema.rs.
fn in_database(conn: &mut belfry::db::Conn) -> BTreeSet<String> {
    let (query, kinds): (_, &[(&str, &str)]) = match conn {
        belfry::db::Conn::Sqlite(_) => (
            "SELECT m.name AS table_name, c.name AS column_name, c.type AS kind, (c.\"notnull\" = 0 AND c.pk = 0) AS nullable \
             FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\'",
            &[("BLOB", "bytes"), ("TEXT", "text"), ("INTEGER", "number")],
        ),
        belfry::db::Conn::Postgres(_) => (
            "SELECT table_name::text, column_name::text, data_type::text AS kind, (is_nullable = 'YES') AS nullable \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'",
            &[
                ("uuid", "bytes"),
                ("bytea", "bytes"),
                ("text", "text"),
                ("timestamp with time zone", "text"),
                ("bigint", "number"),
                ("boolean", "number"),
            ],
        ),
    };
    let columns: Vec<Column> = match conn {
        belfry::db::Conn::Sqlite(c) => diesel::sql_query(query).load(c).unwrap(),
        belfry::db::Conn::Postgres(c) => diesel::sql_query(query).load(c).unwrap(),
    };
    columns
        .iter()
        .map(|c| {
            let kind =
                kinds.iter().find(|(theirs, _)| *theirs == c.kind).unwrap_or_else(|| panic!("{} is of type {}", c.column_name, c.kind)).1;
            format!("{}.{} {kind}{}", c.table_name, c.column_name, if c.nullable { "?" } else { "" })
        })
        .collect()
}

/// The same from schema.rs.
fn in_schema() -> BTreeSet<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/db/schema.rs")).unwrap();
    let (mut table, mut found) = (String::new(), BTreeSet::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with("diesel::joinable!") {
            continue;
        }
        if let Some((name, kind)) = line.trim_end_matches(',').split_once(" -> ") {
            let bare = kind.trim_start_matches("Nullable<").trim_end_matches('>');
            let kind = match bare {
                "Id" | "Binary" => "bytes",
                "Text" | "Moment" => "text",
                "BigInt" | "Bool" => "number",
                other => panic!("{other} is no column type of the house"),
            };
            found.insert(format!("{table}.{name} {kind}{}", if line.contains("Nullable<") { "?" } else { "" }));
        } else if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with(") {")) {
            table = name.to_owned();
        }
    }
    found
}

/// Run on either database, so that all three are held side by side.
#[actix_web::test]
async fn the_tables_are_those_of_schema_rs() {
    let hub = TestHub::start().await;
    let found = hub.hub.db.read(|conn| Ok::<_, belfry::db::Fault>(in_database(conn))).await.unwrap();
    assert_eq!(found, in_schema());
    assert!(found.len() > 80);
}

#[test]
fn migrations_come_in_pairs() {
    let names = |backend: &str| -> BTreeSet<String> {
        let folder = format!("{}/migrations/{backend}", env!("CARGO_MANIFEST_DIR"));
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}
