//! What a Moodle tells of itself: every field of 3.7 to 5.x, validated (`wire/moodle-client.md` 2.5, `wire/hub-protocol.md` 2.1).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::figures::{FIELDS, Figure};
use super::plugins::{Plugins, parse_ai};
use crate::error::FieldErrors;
use crate::sites::Privacy;

/// Never kept, not even aside: mostly personal data, which the hub needs for nothing.
const NEEDLESS: [&str; 7] = ["contactphone", "street", "geolocation", "imageurl", "commnewsemail", "commnewsfirstname", "commnewslastname"];
/// Never kept, since they belong to the call and not to the site: a token is a secret, a signature is made from one.
const OF_THE_CALL: [&str; 8] =
    ["token", "wstoken", "wsfunction", "validateurl", "moodlewsrestformat", "timestamp", "signature", "password"];
/// What the site is called, where it is, who answers for it, and what is read as JSON.
const OF_THE_SITE: [&str; 12] = [
    "url",
    "name",
    "description",
    "contactname",
    "contactemail",
    "emailalertemail",
    "language",
    "Xlanguage",
    "countrycode",
    "privacy",
    "pluginusage",
    "aiusage",
];
/// An unknown field with such a word in its name is not kept: it may hold a secret.
const SECRETIVE: [&str; 4] = ["token", "secret", "password", "key"];

const MOST_USERS: i64 = 1_000_000_000;

/// What a Moodle told at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What the site is called, where it is, who answers for it.
    pub identity: Identity,
    /// By field name, only what was told: -1, "not told" in old versions, is left out.
    pub figures: BTreeMap<&'static str, Figure>,
    /// Each kind of plugin, each plugin: whether enabled and how often used.
    pub plugins: Option<Plugins>,
    /// By provider and action; always a map.
    pub ai: Option<Value>,
    /// What this hub does not know or can't read, kept aside: at most 50 fields, 64 characters of a name, 500 of a value.
    pub unknown: BTreeMap<String, String>,
}

/// What the site is called, where it is, who answers for it. Absent and empty are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// As sent, not parsed.
    pub url: Option<String>,
    /// One line of at most 200 characters, without `://`.
    pub name: Option<String>,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// As Moodle names languages: `en`, `pt_br`.
    pub language: Option<String>,
    /// Two letters of ISO 3166-1, upper case.
    pub country: Option<String>,
    pub privacy: Option<Privacy>,
    pub contact_name: Option<String>,
    /// At most 254 bytes without control characters; whether it is an address, nobody has looked.
    pub contact_email: Option<String>,
    pub email_alert: Option<bool>,
    /// Like `contact_email`.
    pub email_alert_email: Option<String>,
}

impl Report {
    /// Reads what came. `fields`: names and texts, each name once.
    ///
    /// # Errors
    /// Every known number or flag that is none, and usage that can't be read, by its name.
    pub fn parse<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, FieldErrors> {
        let (mut report, mut errors) = (Self::default(), FieldErrors::default());
        let (mut language, mut old_language) = (None, None);
        for (name, text) in fields {
            if text.trim().is_empty() || NEEDLESS.contains(&name) || OF_THE_CALL.contains(&name) {
                continue;
            }
            if let Some(field) = FIELDS.iter().find(|field| field.name == name) {
                match field.kind.read(text.trim()) {
                    Ok(Some(figure)) => {
                        report.figures.insert(field.name, figure);
                    }
                    Ok(None) => {}
                    Err(words) => errors.add(field.name, words),
                }
                continue;
            }
            match name {
                "language" => language = Some(text),
                // A bug of 2.x.
                "Xlanguage" => old_language = Some(text),
                "pluginusage" => match Plugins::parse(text) {
                    Ok(Some(plugins)) => report.plugins = Some(plugins),
                    Ok(None) => report.set_aside(name, text),
                    Err(words) => errors.add("pluginusage", words),
                },
                "aiusage" => match parse_ai(text) {
                    Ok(Some(usage)) => report.ai = Some(usage),
                    Ok(None) => report.set_aside(name, text),
                    Err(words) => errors.add("aiusage", words),
                },
                _ => {
                    if !report.identity.take(name, text) {
                        report.set_aside(name, text);
                    }
                }
            }
        }
        if let Some(text) = language.or(old_language)
            && !report.identity.take("language", text)
        {
            report.set_aside("language", text);
        }
        if let Some(Figure::Flag(wanted)) = report.figures.get("emailalert") {
            report.identity.email_alert = Some(*wanted);
        }
        if errors.is_empty() { Ok(report) } else { Err(errors) }
    }

    /// Whether a field of this name is known: it has to be a text. Any other may be whatever tomorrow's Moodle makes of it.
    pub fn knows(name: &str) -> bool {
        FIELDS.iter().any(|field| field.name == name)
            || NEEDLESS.contains(&name)
            || OF_THE_CALL.contains(&name)
            || OF_THE_SITE.contains(&name)
    }

    fn set_aside(&mut self, name: &str, text: &str) {
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let lower = name.to_lowercase();
        if SECRETIVE.iter().any(|word| lower.contains(word)) {
            return;
        }
        let (name, text) = (cut(&name, 64), cut(&spaced(text), 500));
        let has_room = self.unknown.len() < 50 || self.unknown.contains_key(&name);
        if has_room && !name.is_empty() && !text.is_empty() {
            self.unknown.insert(name, text);
        }
    }

    /// Registered users, where told: 0 to 1,000,000,000.
    pub fn users(&self) -> Option<i64> {
        match self.figures.get("users") {
            Some(Figure::Whole(users)) => Some((*users).clamp(0, MOST_USERS)),
            _ => None,
        }
    }

    /// The figures as JSON text, for keeping; `shown` reads it back.
    pub fn figures_json(&self) -> String {
        json(&self.figures)
    }

    /// The plugins as compact JSON text, for keeping; `shown_plugins` reads it back.
    pub fn plugins_json(&self) -> Option<String> {
        self.plugins.as_ref().map(json)
    }

    /// The AI usage as JSON text, for keeping; `shown_ai` reads it back.
    pub fn ai_json(&self) -> Option<String> {
        self.ai.as_ref().map(json)
    }

    /// What was kept aside, as JSON text.
    pub fn unknown_json(&self) -> String {
        json(&self.unknown)
    }
}

fn json(map: &impl Serialize) -> String {
    // Maps by text of what JSON has: there is nothing to fail at.
    serde_json::to_string(map).unwrap_or_else(|_| "{}".into())
}

impl Identity {
    /// Takes what `name` tells. False: no field of this, or a word that is not known, which goes aside.
    fn take(&mut self, name: &str, text: &str) -> bool {
        match name {
            "url" => self.url = Some(text.to_owned()),
            "name" => self.name = site_name(text),
            "description" => self.description = description(text),
            "contactname" => self.contact_name = site_name(text),
            "contactemail" => self.contact_email = email(text),
            "emailalertemail" => self.email_alert_email = email(text),
            "language" => {
                self.language = language(text);
                return self.language.is_some();
            }
            "countrycode" => {
                let code = text.trim().to_ascii_uppercase();
                self.country = rust_iso3166::from_alpha2(&code).map(|_| code);
                return self.country.is_some();
            }
            "privacy" => {
                let known = text.trim().parse::<Privacy>().ok();
                // Whatever tomorrow's word means: less is shown, never more.
                self.privacy = known.or(Some(Privacy::NotDisplayed));
                return known.is_some();
            }
            _ => return false,
        }
        true
    }
}

/// One line that may stand in a mail: an address in it is broken up, so that no mail program makes a link of it.
fn site_name(text: &str) -> Option<String> {
    filled(cut(&line(text, usize::MAX).replace("://", ": //"), 200))
}

fn description(text: &str) -> Option<String> {
    let lines: Vec<String> = text.replace("\r\n", "\n").split(['\n', '\r']).map(|part| line(part, usize::MAX)).collect();
    filled(cut(&lines.join("\n"), 2_000))
}

fn email(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() <= 254 && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn language(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_lowercase().replace('-', "_");
    let well_formed = code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    ((2..=30).contains(&code.len()) && well_formed).then_some(code)
}

/// Text on one line, without blanks at its ends or side by side, of at most `most` characters.
pub(super) fn line(text: &str, most: usize) -> String {
    cut(&spaced(text).split_whitespace().collect::<Vec<_>>().join(" "), most)
}

pub(super) fn spaced(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

pub(super) fn cut(text: &str, most: usize) -> String {
    text.trim().chars().take(most).collect::<String>().trim_end().to_owned()
}

pub(super) fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registrations::{Group, shown};
    use crate::sites::{Description, SiteName};

    fn told<'a>(fields: &[(&'a str, &'a str)]) -> Report {
        Report::parse(fields.iter().copied()).unwrap()
    }

    pub fn one(name: &str, text: &str) -> Report {
        told(&[(name, text)])
    }

    /// What is wrong with a text in a field.
    pub fn refused(name: &'static str, text: &str) -> String {
        let errors = Report::parse([(name, text)]).unwrap_err();
        assert_eq!(errors.0.len(), 1);
        errors.of(name).unwrap()
    }

    #[test]
    fn an_update_of_moodle_4_5_is_read() {
        let report = told(&[
            ("policyagreed", "1"),
            ("language", "en"),
            ("countrycode", "SE"),
            ("privacy", "linked"),
            ("contactemail", "admin@moodle.example"),
            ("emailalert", "0"),
            ("commnews", "0"),
            ("contactname", "Admin User"),
            ("name", "Example Moodle"),
            ("description", "An example site"),
            ("imageurl", ""),
            ("contactphone", "+46 8 123"),
            ("regioncode", "-"),
            ("organisationtype", ""),
            ("courses", "1"),
            ("users", "4"),
            ("participantnumberaverage", "13.333333333333"),
            ("dbtype", "pgsql"),
            ("coursesnodates", "-1"),
            ("pluginusage", r#"{"mod":{"assign":{"enabled":1,"count":3},"quiz":{"enabled":0}}}"#),
            ("aiusage", ""),
            ("moodlerelease", "4.5.6 (Build: 20250811)"),
            ("url", "http://moodle.example"),
            ("mobileservicesenabled", "1"),
        ]);
        assert_eq!(
            report.identity,
            Identity {
                url: Some("http://moodle.example".into()),
                name: Some("Example Moodle".into()),
                description: Some("An example site".into()),
                language: Some("en".into()),
                country: Some("SE".into()),
                privacy: Some(Privacy::Linked),
                contact_name: Some("Admin User".into()),
                contact_email: Some("admin@moodle.example".into()),
                email_alert: Some(false),
                email_alert_email: None,
            }
        );
        assert_eq!(report.users(), Some(4));
        assert_eq!(report.figures["participantnumberaverage"], Figure::Average(13.333_333_333_333));
        assert_eq!(report.plugins_json().unwrap(), r#"{"mod":{"assign":[1,3],"quiz":[0]}}"#);
        assert_eq!((report.ai_json(), report.unknown_json()), (None, "{}".into()));
        let expected: [(Group, &[(&str, &str)]); 5] = [
            (Group::People, &[("Registered users", "4"), ("Participants per course", "13.33")]),
            (Group::Contents, &[("Courses", "1")]),
            (Group::Technique, &[("Moodle release", "4.5.6 (Build: 20250811)"), ("Database", "pgsql")]),
            (Group::Mobile, &[("Mobile app allowed", "Yes")]),
            (Group::About, &[("Mails on releases and security", "No"), ("Newsletter", "No"), ("Agreed to the policy", "Yes")]),
        ];
        let expected =
            expected.map(|(group, rows)| (group, rows.iter().map(|(label, value)| (*label, (*value).to_owned())).collect::<Vec<_>>()));
        assert_eq!(shown(&report.figures_json()), Vec::from(expected));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let fields = [("users", "many"), ("name", "A site"), ("emailalert", "maybe"), ("pluginusage", "{mod}"), ("aiusage", "lots")];
        let errors = Report::parse(fields).unwrap_err();
        assert_eq!(errors.0.iter().map(|error| error.field).collect::<Vec<_>>(), ["users", "emailalert", "pluginusage", "aiusage"]);
    }

    #[test]
    fn words_are_cleaned() {
        assert_eq!(one("sitetheme", " bo\u{0}ost\n").figures["sitetheme"], Figure::Word("bo ost".into()));
        assert_eq!(one("sitetheme", &"ö".repeat(300)).figures["sitetheme"], Figure::Word("ö".repeat(200)));
        assert_eq!(one("sitetheme", "\u{0}\u{1}"), Report::default());

        let name = |text: &str| one("name", text).identity.name;
        assert_eq!(name(" A\tsite \n of  ours "), Some("A site of ours".into()));
        assert_eq!(name("<b>Win</b> at https://bad.example"), Some("<b>Win</b> at https: //bad.example".into()));
        assert_eq!(name(&"x".repeat(300)), Some("x".repeat(200)));
        assert_eq!(name("\u{0}"), None);

        let description = |text: &str| one("description", text).identity.description;
        assert_eq!(description(" One\r\n two\u{7}\tthree\rhttp://x.example \n"), Some("One\ntwo three\nhttp://x.example".into()));
        assert_eq!(description(&"x".repeat(3_000)), Some("x".repeat(2_000)));

        assert_eq!(one("contactemail", " a@b.example ").identity.contact_email, Some("a@b.example".into()));
        let long = "x".repeat(255);
        for bad in ["a@b\r\nBcc: c@d.example", long.as_str()] {
            // Not kept aside either: it is somebody's.
            assert_eq!(one("emailalertemail", bad), Report::default(), "{bad}");
        }
    }

    #[test]
    fn words_that_are_not_known_go_aside() {
        assert_eq!(one("countrycode", "se").identity.country, Some("SE".into()));
        assert_eq!(one("language", "pt-BR").identity.language, Some("pt_br".into()));
        for (name, text) in [("countrycode", "XX"), ("privacy", "friends"), ("language", "e"), ("language", "klingon!")] {
            let report = one(name, text);
            let privacy = (name == "privacy").then_some(Privacy::NotDisplayed);
            assert_eq!(report.identity, Identity { privacy, ..Identity::default() }, "{text}");
            assert_eq!(report.unknown, BTreeMap::from([(name.to_owned(), text.to_owned())]));
        }
        assert_eq!(told(&[("Xlanguage", "fr"), ("language", "")]).identity.language, Some("fr".into()));
        assert_eq!(told(&[("language", "de"), ("Xlanguage", "fr")]).identity.language, Some("de".into()));
    }

    #[test]
    fn usage_of_another_shape_goes_aside() {
        for name in ["pluginusage", "aiusage"] {
            let long = format!("[{}]", vec!["1"; 1_000].join(","));
            let report = one(name, &long);
            assert_eq!((&report.plugins, &report.ai), (&None, &None));
            assert_eq!(report.unknown[name], long[..500]);
            assert_eq!(refused(name, "{"), "not JSON");
        }
        let report = one("aiusage", r#"{"aiprovider_openai": {"generate_text": {"success_count": 1}}}"#);
        assert_eq!(report.ai_json().unwrap(), r#"{"aiprovider_openai":{"generate_text":{"success_count":1}}}"#);
    }

    #[test]
    fn unknown_fields_are_kept_aside_in_bounds() {
        let (long_name, long_text) = ("n".repeat(70), "v".repeat(600));
        let report = told(&[("planet", " Earth\u{0}! "), ("co\nlour", "blue"), (long_name.as_str(), long_text.as_str()), ("empty", "")]);
        let expected = [("planet".into(), "Earth !".into()), ("colour".into(), "blue".into()), ("n".repeat(64), "v".repeat(500))];
        assert_eq!(report.unknown, BTreeMap::from(expected));
        assert_eq!(one("planet", "\"Earth\"").unknown_json(), r#"{"planet":"\"Earth\""}"#);

        let names: Vec<String> = (0..60).map(|n| format!("field{n}")).collect();
        assert_eq!(Report::parse(names.iter().map(|name| (name.as_str(), "x"))).unwrap().unknown.len(), 50);
    }

    #[test]
    fn neither_secrets_nor_needless_personal_data_are_kept() {
        let secrets = ["apiKey", "siteSecret", "newToken", "to\u{0}ken", "PASSWORD2"];
        let long = format!("{}token", "x".repeat(64));
        for name in NEEDLESS.into_iter().chain(OF_THE_CALL).chain(secrets).chain([long.as_str()]) {
            assert_eq!(one(name, "1234"), Report::default(), "{name}");
        }
    }

    fn known_name() -> impl Strategy<Value = &'static str> {
        let others = ["name", "description", "language", "countrycode", "privacy", "contactemail", "pluginusage", "aiusage", "wstoken"];
        prop::sample::select(FIELDS.iter().map(|field| field.name).chain(others).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn no_text_in_a_known_field_panics(name in known_name(), text in "(?s:.){0,80}|-?[0-9]{1,20}([.,e][0-9]{1,4})?") {
            if let Ok(report) = Report::parse([(name, text.as_str())]) {
                shown(&report.figures_json());
            }
        }

        #[test]
        fn what_is_kept_aside_is_bounded(fields in prop::collection::vec(("(?s:.){0,80}", "(?s:.){0,60}|[a-z]{490,520}"), 0..70)) {
            let Ok(report) = Report::parse(fields.iter().map(|(name, text)| (name.as_str(), text.as_str()))) else { return Ok(()) };
            prop_assert!(report.unknown.len() <= 50);
            for (name, text) in &report.unknown {
                prop_assert!((1..=64).contains(&name.chars().count()) && (1..=500).contains(&text.chars().count()));
                prop_assert!(!name.chars().any(char::is_control));
            }
        }

        #[test]
        fn names_and_descriptions_pass_where_people_type_them(text in "(?s:.){0,300}|(:|/| |a){0,300}") {
            let identity = told(&[("name", text.as_str()), ("description", text.as_str())]).identity;
            prop_assert!(identity.name.is_none_or(|name| SiteName::parse(&name).is_ok_and(|parsed| parsed.as_str() == name)));
            prop_assert!(identity.description.is_none_or(|text| Description::parse(&text).is_ok()));
        }
    }
}
