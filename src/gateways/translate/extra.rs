//! Reads `extra`: each member as the text that the phone gets.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The most members of `extra` that have a value; Moodle sends 32. Each is compared with those before it.
pub(super) const MOST_MEMBERS: usize = 128;

/// A value of `extra` as the text that the phone gets. Null, empty text, and structures that mean nothing there are
/// none.
fn as_text<'a>(name: &str, raw: &'a RawValue) -> serde_json::Result<Option<Cow<'a, str>>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let raw = raw.get();
    Ok(match raw.as_bytes().first() {
        Some(b'"') => Some(serde_json::from_str::<Text>(raw)?.0).filter(|text| !text.is_empty()),
        Some(b't') => Some(Cow::Borrowed("1")),
        Some(b'f') => Some(Cow::Borrowed("0")),
        Some(b'n') | None => None,
        // The app reads it as JSON in text.
        Some(b'{' | b'[') => (name == "customdata").then_some(Cow::Borrowed(raw)),
        // Numbers as they were written.
        Some(_) => Some(Cow::Borrowed(raw)),
    })
}

/// The members of `extra` that have a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extra<'a>(pub Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Extra<'a> {
    /// Reads them: what Moodle sends, texts and whole numbers, in one go; anything else once more, as it was written.
    pub fn parse(json: &'a str) -> serde_json::Result<Self> {
        Members::<Plain>::read(json).or_else(|_| Members::<&RawValue>::read(json))
    }

    /// Adds a member. The first of two with one name counts: what was looked at is what is sent. `false`: there are too many.
    fn add(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) -> bool {
        if self.0.iter().any(|(known, _)| *known == name) {
            return true;
        }
        let fits = self.0.len() < MOST_MEMBERS;
        if fits {
            self.0.push((name, value));
        }
        fits
    }
}

/// A way of reading a member's value.
trait Value<'a>: Deserialize<'a> {
    fn text(self, name: &str) -> serde_json::Result<Option<Cow<'a, str>>>;
}

impl<'a> Value<'a> for &'a RawValue {
    fn text(self, name: &str) -> serde_json::Result<Option<Cow<'a, str>>> {
        as_text(name, self)
    }
}

/// A text, a whole number, a yes or no, or nothing; it can't be anything else.
struct Plain<'a>(Option<Cow<'a, str>>);

impl<'a> Value<'a> for Plain<'a> {
    fn text(self, _: &str) -> serde_json::Result<Option<Cow<'a, str>>> {
        Ok(self.0.filter(|text| !text.is_empty()))
    }
}

impl<'de> Deserialize<'de> for Plain<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Found;
        impl<'de> Visitor<'de> for Found {
            type Value = Plain<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a whole number, true, false or null")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Borrowed(if yes { "1" } else { "0" }))))
            }

            fn visit_unit<E>(self) -> Result<Plain<'de>, E> {
                Ok(Plain(None))
            }
        }
        deserializer.deserialize_any(Found)
    }
}

/// Reads the members of an object, each value in one way.
struct Members<V>(PhantomData<V>);

impl<'de, V: Value<'de>> Members<V> {
    fn read(json: &'de str) -> serde_json::Result<Extra<'de>> {
        serde_json::Deserializer::from_str(json).deserialize_map(Self(PhantomData))
    }
}

impl<'de, V: Value<'de>> Visitor<'de> for Members<V> {
    type Value = Extra<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra<'de>, A::Error> {
        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
        let mut extra = Extra(Vec::with_capacity(32));
        while let Some(Name(name)) = map.next_key()? {
            let value = map.next_value::<V>()?.text(&name).map_err(serde::de::Error::custom)?;
            if value.is_some_and(|value| !extra.add(name, value)) {
                return Err(serde::de::Error::custom(format_args!("more than {MOST_MEMBERS} members")));
            }
        }
        Ok(extra)
    }
}

impl<'a> Extra<'a> {
    /// A member's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// The same, to be kept.
    pub fn take(&self, name: &str) -> Option<Cow<'a, str>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The quick way of reading gives what the careful one does, wherever it gives anything.
        #[test]
        fn both_ways_of_reading_agree(
            members in prop::collection::vec(
                ("[a-z]{1,3}|customdata", r#""([a-zä]|\\n|\\u00e4){0,4}"|-?[1-9][0-9]{0,25}|0|-0|1\.50|2e3|true|false|null|\{"a":1\}|\[\]"#),
                0..8,
            ),
        ) {
            let json = format!("{{{}}}", members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect::<Vec<_>>().join(", "));
            let careful = Members::<&RawValue>::read(&json).unwrap();
            if let Ok(quick) = Members::<Plain>::read(&json) {
                prop_assert_eq!(&quick, &careful, "{}", json);
            }
            prop_assert_eq!(Extra::parse(&json).unwrap(), careful, "{}", json);
        }
    }
}
