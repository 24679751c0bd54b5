//! The catalogues beside each other: what one language says, all say, and of the same things.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey};
use fluent_syntax::parser;

use super::*;

/// What a message or an attribute asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asks {
    variables: BTreeSet<String>,
    /// The choices by the word in a variable, with the one taken for any other word.
    words: BTreeMap<String, (BTreeSet<String>, String)>,
    /// The categories of plural by the amount in a variable.
    plurals: BTreeMap<String, BTreeSet<String>>,
}

const CATEGORIES: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

fn look(pattern: &Pattern<&str>, asks: &mut Asks) {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => assert!(!value.contains("://"), "a link in the words: {value}"),
            PatternElement::Placeable { expression: Expression::Inline(inline) } => {
                asks.variables.insert(variable(inline));
            }
            PatternElement::Placeable { expression: Expression::Select { selector, variants } } => {
                let name = variable(selector);
                asks.variables.insert(name.clone());
                let key = |key: &VariantKey<&str>| match key {
                    VariantKey::Identifier { name } => (*name).to_owned(),
                    VariantKey::NumberLiteral { value } => (*value).to_owned(),
                };
                let keys: BTreeSet<String> = variants.iter().map(|variant| key(&variant.key)).collect();
                assert_eq!(keys.len(), variants.len(), "twice the same choice of {name}");
                let default = variants.iter().find(|variant| variant.default).map(|variant| key(&variant.key)).unwrap();
                if keys.contains("one") && keys.iter().all(|key| CATEGORIES.contains(&key.as_str())) {
                    assert_eq!(default, "other", "{name}");
                    asks.plurals.insert(name, keys);
                } else {
                    asks.words.insert(name, (keys, default));
                }
                for variant in variants {
                    look(&variant.value, asks);
                }
            }
        }
    }
}

fn variable(expression: &InlineExpression<&str>) -> String {
    match expression {
        InlineExpression::VariableReference { id } => id.name.to_owned(),
        other => panic!("letters take variables and nothing else: {other:?}"),
    }
}

/// Each message as `id`, each of its attributes as `id.attribute`.
fn catalogue(language: Language) -> BTreeMap<String, Asks> {
    let resource = parser::parse(language.source()).unwrap_or_else(|(_, errors)| panic!("{language}: {errors:?}"));
    let mut all = BTreeMap::new();
    for entry in &resource.body {
        let message = match entry {
            Entry::Message(message) => message,
            Entry::Term(term) => panic!("{language}: a term, -{}", term.id.name),
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => continue,
            Entry::Junk { content } => panic!("{language}: {content}"),
        };
        let mut add = |name: String, pattern: &Pattern<&str>| {
            let mut asks = Asks::default();
            look(pattern, &mut asks);
            assert!(all.insert(name.clone(), asks).is_none(), "{language}: {name} is there twice");
        };
        add(message.id.name.to_owned(), message.value.as_ref().unwrap());
        for attribute in &message.attributes {
            add(format!("{}.{}", message.id.name, attribute.id.name), &attribute.value);
        }
    }
    all
}

const NOTHING: [&&String; 0] = [];

/// The categories that a language tells apart in whole numbers.
fn categories(language: Language) -> BTreeSet<String> {
    let own: &[&str] = if language == Language::Arabic { &CATEGORIES } else { &["one", "other"] };
    own.iter().map(|category| (*category).to_owned()).collect()
}

#[test]
fn every_language_says_all_that_english_says_and_no_more() {
    let english = catalogue(Language::English);
    assert!(english.len() > 150);
    for language in Language::ALL {
        let other = catalogue(*language);
        let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) = (english.keys().collect(), other.keys().collect());
        assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), NOTHING, "superfluous in {language}");
        assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), NOTHING, "missing in {language}");
        for (name, asks) in &other {
            assert_eq!(asks.variables, english[name].variables, "{language}: the variables of {name}");
            assert_eq!(asks.words, english[name].words, "{language}: the choices of {name}");
            assert_eq!(asks.plurals.keys().collect::<Vec<_>>(), english[name].plurals.keys().collect::<Vec<_>>(), "{language}: {name}");
            for (variable, found) in &asks.plurals {
                assert_eq!(*found, categories(*language), "{language}: the plurals of {name} by {variable}");
            }
        }
    }
}

/// Whatever is left in English was forgotten: no two of these languages say a whole sentence alike.
#[test]
fn nothing_is_left_in_english() {
    let said = |language: Language| -> BTreeMap<String, String> {
        let resource = parser::parse(language.source()).unwrap();
        let words = |pattern: &Pattern<&str>| format!("{:?}", pattern.elements);
        let messages = resource.body.iter().filter_map(|entry| if let Entry::Message(message) = entry { Some(message) } else { None });
        let all = messages.flat_map(|message| {
            let value = message.value.as_ref().map(|value| (message.id.name.to_owned(), words(value)));
            let attributes = message.attributes.iter().map(|a| (format!("{}.{}", message.id.name, a.id.name), words(&a.value)));
            value.into_iter().chain(attributes)
        });
        all.collect()
    };
    let english = said(Language::English);
    // Words that are the same in both, and sentences that are names and signs alone.
    let alike = ["about.site"];
    for language in Language::ALL.iter().filter(|language| **language != Language::English) {
        for (name, words) in said(*language) {
            assert!(words != english[&name] || alike.contains(&name.as_str()), "{language}: {name}");
        }
    }
}

/// A message that nothing names is said by nothing.
#[test]
fn no_words_are_there_for_nothing() {
    let code =
        [include_str!("../letters.rs"), include_str!("../sheet.rs"), include_str!("../cases.rs"), include_str!("../words.rs")].join("\n");
    for name in catalogue(Language::English).keys() {
        let (id, part) = name.split_once('.').unwrap_or((name, ""));
        let known = id.strip_prefix("sign-").is_some_and(|signal| SIGNALS.contains(&signal) || signal == "between");
        assert!(known || code.contains(&format!("\"{id}\"")), "{id}");
        assert!(part.is_empty() || code.contains(&format!("\"{part}\"")), "{name}");
    }
}

const SIGNALS: [&str; 11] = [
    "rate_limited",
    "unregistered",
    "flood",
    "enrolments",
    "enrolments_by_push",
    "key_networks",
    "shared_token",
    "oversize",
    "beyond_users",
    "reported",
    "staff",
];

#[test]
fn readers_are_written_to_in_their_language_or_in_english() {
    let rows = [("es", "es"), ("es_mx", "es"), ("pt_br", "en"), ("AR", "ar"), ("de-AT", "de"), ("", "en"), ("fra", "en"), ("fr_ca", "fr")];
    for (code, expected) in rows {
        assert_eq!(Language::of(code).as_str(), expected, "{code}");
    }
}

#[test]
fn numbers_and_days_are_written_as_people_write_them() {
    let numbers = Language::ALL.map_all(|language| language.number(1_234_567.0));
    assert_eq!(numbers, ["1,234,567", "1\u{a0}234\u{a0}567", "1\u{a0}234\u{a0}567", "1.234.567", "1,234,567"]);
    assert_eq!([0.0, 999.0, 1000.0, -1000.0].map(|number| Language::English.number(number)), ["0", "999", "1,000", "-1,000"]);
    let days = Language::ALL.map_all(|language| language.moment("2 Dec 2026, 09:05 UTC").replace(['\u{2068}', '\u{2069}'], ""));
    assert_eq!(
        days,
        [
            "2 December 2026, 09:05 UTC",
            "2 de diciembre de 2026, 09:05 UTC",
            "2 décembre 2026, 09:05 UTC",
            "2. Dezember 2026, 09:05 UTC",
            "2 ديسمبر 2026، 09:05 بالتوقيت العالمي",
        ]
    );
    assert_eq!(Language::Spanish.moment("soon"), "soon");
}

trait MapAll {
    fn map_all(&self, of: impl Fn(Language) -> String) -> Vec<String>;
}

impl MapAll for &[Language] {
    fn map_all(&self, of: impl Fn(Language) -> String) -> Vec<String> {
        self.iter().map(|language| of(*language)).collect()
    }
}

#[test]
fn arabic_tells_six_plurals_apart() {
    let hours = |hours: u64| Language::Arabic.say("confirm", Some("once"), &Words::default().with("hours", &hours)).unwrap();
    let forms: BTreeSet<String> = [0, 1, 2, 3, 11, 100].into_iter().map(hours).collect();
    assert_eq!(forms.len(), 6);
    assert!(hours(2).contains("ساعتين") && hours(48).contains("48") && hours(3).contains("ساعات"));
}

#[test]
fn words_that_are_missing_are_a_fault_and_no_letter() {
    for (id, part) in [("nothing", None), ("confirm", Some("nothing")), ("confirm", None)] {
        assert!(Language::German.say(id, part, &Words::default()).is_err(), "{id} {part:?}");
    }
}

#[test]
fn what_would_act_does_not() {
    assert_eq!(line("a\r\nb\u{1}c\u{2028}d\u{202e}e\u{2066}f\u{2068}g\u{2069}"), "a  b c defg");
    let marked = "\u{2068}Ada\u{2069} \u{202e}x";
    assert_eq!(lines(&format!(" {marked}\r\n\r\n\u{2069}{marked}\t")), ["\u{2068}Ada\u{2069} x", "", "Ada x"]);
}

/// A moment of ours, or a line of evidence, becomes part of another line: in Arabic its marks give way to those around it.
#[test]
fn no_mark_of_direction_is_left_alone() {
    let until = Language::Arabic.moment("2 Dec 2026, 09:05 UTC");
    let said = Language::Arabic.say("draft-limit", Some("until"), &Words::default().with("until", &until)).unwrap();
    assert!(said.contains("\u{2068}2 ديسمبر 2026، 09:05 بالتوقيت العالمي\u{2069}"), "{said}");
}
