//! Forms: what was typed, what is wrong with it, and the choices of a list.

use std::borrow::Cow;
use std::collections::HashMap;

use secrecy::SecretString;

use crate::error::FieldErrors;

/// A field as its template shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    pub value: String,
    pub error: Option<String>,
}

/// A box to tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    pub on: bool,
    pub error: Option<String>,
}

/// A choice of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    pub value: String,
    pub label: String,
    /// The label's own language, if it is not the page's.
    pub lang: String,
    pub selected: bool,
}

impl Opt {
    /// Says that the label is in the language that the choice is for.
    pub fn in_its_language(self) -> Self {
        Self { lang: self.value.replace('_', "-"), ..self }
    }
}

/// A list of choices with one selected.
pub fn options<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>, selected: &str) -> Vec<Opt> {
    let all = all.into_iter().map(|(value, label)| Opt {
        value: value.to_owned(),
        label: label.to_owned(),
        lang: String::new(),
        selected: value == selected,
    });
    all.collect()
}

/// What came in a form: each name once, the last one wins.
#[derive(Clone, Default)]
pub struct Fields(HashMap<String, String>);

impl Fields {
    /// From a urlencoded body. Anything is readable as some form; names that nobody asks for are passed over. A NUL,
    /// which PostgreSQL can't keep, becomes the sign for what can't be read.
    pub fn parse(body: &[u8]) -> Self {
        let readable = |text: Cow<str>| if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.into_owned() };
        Self(url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), readable(value))).collect())
    }

    /// From names and values, for filling a form in.
    pub fn of<const N: usize>(pairs: [(&str, String); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Puts a value in.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Takes what others have; what both have is theirs, unless it is empty.
    pub fn take(&mut self, others: Self) {
        let filled = others.0.into_iter().filter(|(name, value)| !value.is_empty() || !self.0.contains_key(name));
        let filled: Vec<_> = filled.collect();
        self.0.extend(filled);
    }

    /// As a browser would send it.
    pub fn encoded(&self) -> Vec<u8> {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish().into_bytes()
    }

    /// Takes a value out.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// All that came, by name.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<_> = self.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        pairs.sort_unstable();
        pairs
    }

    /// What was typed; nothing for a field that did not come.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// What came for a field; `None` where the form did not have it at all.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What was typed and must not be shown again.
    pub fn secret(&self, name: &str) -> SecretString {
        self.text(name).into()
    }

    /// Whether a box was ticked. `off`, `0` and `false` are not, for clients that send those.
    pub fn on(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !matches!(value.as_str(), "" | "0" | "off" | "false"))
    }

    /// The rest of each name that begins with `start` and whose box was ticked, in order.
    pub fn ticked(&self, start: &str) -> Vec<&str> {
        let mut found: Vec<&str> = self.0.keys().filter(|name| self.on(name)).filter_map(|name| name.strip_prefix(start)).collect();
        found.sort_unstable();
        found
    }

    /// The field with what was typed and what is wrong with it.
    pub fn field(&self, name: &str, errors: &FieldErrors) -> Field {
        Field { value: self.text(name).to_owned(), error: errors.of(name) }
    }

    /// The field emptied: for passwords, which are not sent back.
    pub fn emptied(name: &str, errors: &FieldErrors) -> Field {
        Field { value: String::new(), error: errors.of(name) }
    }

    pub fn check(&self, name: &str, errors: &FieldErrors) -> Check {
        Check { on: self.on(name), error: errors.of(name) }
    }

    /// Parses a field; what is wrong goes to `errors`.
    pub fn read<T>(&self, name: &'static str, errors: &mut FieldErrors, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        parse(self.text(name)).map_err(|words| errors.add(name, words)).ok()
    }
}

impl FieldErrors {
    /// As a template lists them: field name and words.
    pub fn listed(&self) -> Vec<(String, String)> {
        self.0.iter().map(|e| (e.field.to_owned(), e.words.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn boxes_and_texts() {
        let fields = Fields::parse(b"name=A%20b&push_enabled=on&email_alerts=0&name=last");
        assert_eq!(fields.text("name"), "last");
        assert!(fields.on("push_enabled") && !fields.on("email_alerts") && !fields.on("missing"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_form(body in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = Fields::parse(&body);
        }
    }
}
