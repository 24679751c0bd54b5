//! Where settings come from: the table's defaults, then a file, then the environment. Each keeps its source.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::table::{self, KEYS};

/// Something wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub key: String,
    pub source: String,
    pub words: String,
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaints(pub Vec<Complaint>);

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings can't be used:")?;
        for complaint in &self.0 {
            write!(f, "\n  {} ({}): {}", complaint.key, complaint.source, complaint.words)?;
        }
        Ok(())
    }
}

impl std::error::Error for Complaints {}

impl Complaints {
    pub fn add(&mut self, key: &str, source: &str, words: impl Into<String>) {
        self.0.push(Complaint { key: key.to_owned(), source: source.to_owned(), words: words.into() });
    }
}

/// What was typed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub value: String,
    pub source: String,
}

/// What was typed for each setting.
pub type All = BTreeMap<String, Typed>;

const PREFIX: &str = "BELFRY_";
/// Read where the program starts, not settings.
const NOT_SETTINGS: [&str; 2] = ["BELFRY_CONFIG", "BELFRY_TEST_DATABASE_URL"];

/// Gathers all sources; unknown names are complained about.
pub fn gather(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>, complaints: &mut Complaints) -> All {
    let mut all: All = BTreeMap::new();
    for key in KEYS.iter().filter(|key| !key.name.contains('*')) {
        all.insert(key.name.to_owned(), Typed { value: key.default.to_owned(), source: "default".into() });
    }
    from_file(file, &mut all, complaints);
    let mut env: Vec<_> = env.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && !NOT_SETTINGS.contains(&name.as_str())).collect();
    env.sort();
    for (variable, value) in env {
        let name = variable[PREFIX.len()..].to_lowercase().replace("__", ".");
        set(&mut all, complaints, &name, value, &variable);
    }
    all
}

fn set(all: &mut All, complaints: &mut Complaints, name: &str, value: String, source: &str) {
    if table::find(name).is_some() {
        all.insert(name.to_owned(), Typed { value: value.trim().to_owned(), source: source.to_owned() });
        return;
    }
    let hint = table::nearest(name).map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
    complaints.add(name, source, format!("there is no such setting.{hint}"));
}

fn from_file(file: Option<&Path>, all: &mut All, complaints: &mut Complaints) {
    let usual = PathBuf::from("belfry.toml");
    let path = match file {
        Some(path) => path,
        None if usual.exists() => &usual,
        None => return,
    };
    let source = path.display().to_string();
    let table =
        std::fs::read_to_string(path).map_err(|e| e.to_string()).and_then(|text| text.parse::<toml::Table>().map_err(|e| e.to_string()));
    match table {
        Err(words) => complaints.add("--config", &source, words),
        Ok(table) => flatten(&table, "", &mut |name, value| match value {
            Ok(value) => set(all, complaints, name, value, &source),
            Err(words) => complaints.add(name, &source, words),
        }),
    }
}

fn flatten(table: &toml::Table, above: &str, found: &mut impl FnMut(&str, Result<String, String>)) {
    for (name, value) in table {
        let name = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(inner, &name, found),
            other => found(&name, text(other)),
        }
    }
}

fn text(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(yes) => Ok(yes.to_string()),
        toml::Value::Array(values) => Ok(values.iter().map(text).collect::<Result<Vec<_>, _>>()?.join(", ")),
        _ => Err("this is neither text, a number, true or false, nor a list of those".into()),
    }
}
