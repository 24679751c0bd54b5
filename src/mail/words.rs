//! The words of letters, in the languages that letters speak: `locales/<language>/mail.ftl`.

use std::borrow::Cow;
use std::sync::LazyLock;

use chrono::{Datelike, NaiveDateTime};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::types::{FluentNumber, FluentNumberOptions};
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use crate::db::Fault;
use crate::db::types::text_enum;

text_enum! {
    /// The languages that letters speak.
    pub enum Language {
        English => "en",
        Spanish => "es",
        French => "fr",
        German => "de",
        Arabic => "ar",
    }
}

type Bundle = FluentBundle<FluentResource>;

impl Language {
    /// The one that a reader of `code` (`es`, `pt_br`, `ar-EG`) is written to in: English where letters don't speak theirs.
    pub fn of(code: &str) -> Self {
        let main = code.split(['_', '-']).next().unwrap_or_default().to_ascii_lowercase();
        main.parse().unwrap_or(Self::English)
    }

    /// Which way it is written: the `dir` of HTML.
    pub const fn direction(self) -> &'static str {
        if matches!(self, Self::Arabic) { "rtl" } else { "ltr" }
    }

    const fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("../../locales/en/mail.ftl"),
            Self::Spanish => include_str!("../../locales/es/mail.ftl"),
            Self::French => include_str!("../../locales/fr/mail.ftl"),
            Self::German => include_str!("../../locales/de/mail.ftl"),
            Self::Arabic => include_str!("../../locales/ar/mail.ftl"),
        }
    }

    fn bundle(self) -> &'static Bundle {
        static BUNDLES: LazyLock<[Bundle; Language::ALL.len()]> =
            LazyLock::new(|| [Language::English, Language::Spanish, Language::French, Language::German, Language::Arabic].map(bundle));
        &BUNDLES[self as usize]
    }

    /// What stands between the groups of three digits.
    const fn between_groups(self) -> char {
        match self {
            Self::English | Self::Arabic => ',',
            Self::German => '.',
            Self::Spanish | Self::French => '\u{a0}',
        }
    }

    fn number(self, number: f64) -> String {
        let digits = format!("{number:.0}");
        let mut out = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            let follows = digits.len() - index;
            if index > 0 && follows.is_multiple_of(3) && !out.ends_with('-') {
                out.push(self.between_groups());
            }
            out.push(digit);
        }
        out
    }
}

fn bundle(language: Language) -> Bundle {
    // What can't be read is missing, which the test of the catalogues finds.
    let resource = FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(readable, _)| readable);
    let mut bundle = Bundle::new_concurrent(vec![language.as_str().parse().unwrap_or_default()]);
    // In text from right to left, names and numbers keep their own direction. Links come in by themselves, on lines of
    // their own, so that no mark becomes part of one.
    bundle.set_use_isolating(language.direction() == "rtl");
    bundle.set_formatter(Some(match language {
        Language::English => |value, _| grouped(Language::English, value),
        Language::Spanish => |value, _| grouped(Language::Spanish, value),
        Language::French => |value, _| grouped(Language::French, value),
        Language::German => |value, _| grouped(Language::German, value),
        Language::Arabic => |value, _| grouped(Language::Arabic, value),
    }));
    // The only error is a message that is there twice.
    let _ = bundle.add_resource(resource);
    bundle
}

fn grouped(language: Language, value: &FluentValue) -> Option<String> {
    match value {
        FluentValue::Number(number) => Some(language.number(number.value)),
        _ => None,
    }
}

/// What stands in the place of a message's variables.
#[derive(Default)]
pub(super) struct Words(FluentArgs<'static>);

impl Words {
    pub(super) fn set(&mut self, name: &'static str, value: &(impl Word + ?Sized)) {
        self.0.set(name, value.value());
    }

    pub(super) fn with(mut self, name: &'static str, value: &(impl Word + ?Sized)) -> Self {
        self.set(name, value);
        self
    }
}

/// What can stand in the place of a variable.
pub(super) trait Word {
    fn value(&self) -> FluentValue<'static>;

    /// The text, if it is one.
    fn text(&self) -> Option<&str> {
        None
    }
}

impl Word for str {
    fn value(&self) -> FluentValue<'static> {
        FluentValue::String(line(self).into_owned().into())
    }

    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Word for String {
    fn value(&self) -> FluentValue<'static> {
        self.as_str().value()
    }

    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Word for u64 {
    fn value(&self) -> FluentValue<'static> {
        number(*self as f64)
    }
}

/// The number of a case: a name, not an amount.
impl Word for i64 {
    fn value(&self) -> FluentValue<'static> {
        FluentValue::String(self.to_string().into())
    }
}

impl Word for bool {
    fn value(&self) -> FluentValue<'static> {
        FluentValue::String(Cow::Borrowed(if *self { "yes" } else { "no" }))
    }
}

/// So many of something.
pub(super) struct Amount(pub i64);

impl Word for Amount {
    fn value(&self) -> FluentValue<'static> {
        number(self.0 as f64)
    }
}

fn number(value: f64) -> FluentValue<'static> {
    FluentValue::Number(FluentNumber::new(value, FluentNumberOptions::default()))
}

/// Whether a character turns the direction of what follows.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character would do something instead of being seen: end a line, stand for a secret, or turn a direction.
fn acts(c: char) -> bool {
    c.is_control() || turns(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Somebody's words as part of a line of ours.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !turns(*c)).map(|c| if acts(c) { ' ' } else { c }).collect())
}

/// The marks around a name that keep its direction to itself.
const MARKS: [char; 2] = ['\u{2068}', '\u{2069}'];

/// Somebody's words as lines of their own. Marks that came with a draft of ours stay, where each has its other half.
pub(super) fn lines(text: &str) -> Vec<String> {
    let keep = |one: &str| {
        let [opened, closed] = MARKS.map(|mark| one.matches(mark).count());
        let kept = |c: &char| !turns(*c) || (opened == closed && MARKS.contains(c));
        let shown = |c: char| if acts(c) && !turns(c) { ' ' } else { c };
        one.chars().filter(kept).map(shown).collect::<String>().trim_end().to_owned()
    };
    text.trim().lines().map(keep).collect()
}

impl Language {
    /// A message's value (`part` is none) or one of its attributes.
    ///
    /// # Errors
    /// When there is no such message, or something is missing for it: a bug that the tests of all letters find.
    pub(super) fn say(self, id: &str, part: Option<&str>, words: &Words) -> Result<String, Fault> {
        // What a language lacks is said in English: a letter that comes is worth more than one that reads well.
        let found = [self, Self::English].into_iter().find_map(|language| {
            let bundle = language.bundle();
            let message = bundle.get_message(id)?;
            let pattern = match part {
                Some(part) => message.get_attribute(part)?.value(),
                None => message.value()?,
            };
            let mut errors = Vec::new();
            let said = bundle.format_pattern(pattern, Some(&words.0), &mut errors).into_owned();
            errors.is_empty().then_some(said)
        });
        found.ok_or_else(|| Fault::Unreadable(format!("the words {id}.{} of letters", part.unwrap_or("value"))))
    }

    /// A moment as people of this language write it, where it is one as [`Timestamp::readable`](crate::clock::Timestamp::readable) gives it.
    pub(super) fn moment(self, readable: &str) -> String {
        let Ok(at) = NaiveDateTime::parse_from_str(readable, "%d %b %Y, %H:%M UTC") else { return readable.to_owned() };
        let (day, year, time) = (at.day().to_string(), at.year().to_string(), at.format("%H:%M").to_string());
        let words =
            Words::default().with("day", &day).with("year", &year).with("time", &time).with("month", &Amount(i64::from(at.month())));
        self.say("moment", None, &words).unwrap_or_else(|_| readable.to_owned())
    }
}

#[cfg(test)]
mod tests;
