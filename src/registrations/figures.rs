//! The figures among what a Moodle tells of itself: which there are, how each is read, and how a page shows it
//! (`wire/moodle-client.md` 2.5).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::report::{cut, filled, spaced};
use crate::web::filters::with_commas;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number,
    /// A number of bytes.
    Bytes,
    /// A number that may have a fraction.
    Average,
    Flag,
    Word,
    /// One of Moodle's numbers for kinds of organisations.
    Organisation,
}

/// Where a page shows a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    People,
    Contents,
    Technique,
    Mobile,
    Analytics,
    /// Organisation, place, newsletter.
    About,
}

/// A field that some Moodle sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: Kind,
    pub group: Group,
}

const fn field(group: Group, kind: Kind, name: &'static str, label: &'static str) -> Field {
    Field { name, label, kind, group }
}

/// Every field that is kept as a figure: numbers, flags and words. Name, URL, contact, language, country and privacy are the site's own.
/// Each group stands together, as a page shows it.
pub const FIELDS: &[Field] = &[
    field(Group::People, Kind::Number, "users", "Registered users"),
    field(Group::People, Kind::Number, "activeusers", "Active users (30 days)"),
    // Moodle counts the roles that people have been given, in courses and elsewhere (lib/classes/hub/registration.php).
    field(Group::People, Kind::Number, "enrolments", "Enrolments (role assignments)"),
    field(Group::People, Kind::Average, "participantnumberaverage", "Participants per course"),
    field(Group::People, Kind::Average, "activeparticipantnumberaverage", "Active participants per course"),
    field(Group::Contents, Kind::Number, "courses", "Courses"),
    // Not what its name says: Moodle counts those whose end date is unset.
    field(Group::Contents, Kind::Number, "coursesnodates", "Courses without end date"),
    field(Group::Contents, Kind::Average, "modulenumberaverage", "Activities per course"),
    field(Group::Contents, Kind::Number, "resources", "File resources"),
    field(Group::Contents, Kind::Number, "posts", "Forum posts"),
    field(Group::Contents, Kind::Number, "questions", "Questions"),
    field(Group::Contents, Kind::Number, "badges", "Badges"),
    field(Group::Contents, Kind::Number, "issuedbadges", "Badges issued"),
    field(Group::Technique, Kind::Word, "moodlerelease", "Moodle release"),
    field(Group::Technique, Kind::Word, "moodleversion", "Moodle version"),
    field(Group::Technique, Kind::Word, "dbtype", "Database"),
    field(Group::Technique, Kind::Word, "sitetheme", "Theme"),
    field(Group::Technique, Kind::Word, "primaryauthtype", "Most used login method"),
    field(Group::Technique, Kind::Bytes, "diskusage", "Size of data directory"),
    field(Group::Mobile, Kind::Flag, "mobileservicesenabled", "Mobile app allowed"),
    field(Group::Mobile, Kind::Flag, "mobilenotificationsenabled", "Push set up"),
    field(Group::Mobile, Kind::Number, "registereduserdevices", "Registered devices"),
    field(Group::Mobile, Kind::Number, "registeredactiveuserdevices", "Devices with push on"),
    field(Group::Analytics, Kind::Number, "analyticsenabledmodels", "Enabled models"),
    field(Group::Analytics, Kind::Number, "analyticspredictions", "Predictions"),
    field(Group::Analytics, Kind::Number, "analyticsactions", "Actions on predictions"),
    field(Group::Analytics, Kind::Number, "analyticsactionsnotuseful", "Predictions marked not useful"),
    field(Group::About, Kind::Organisation, "organisationtype", "Kind of organisation"),
    field(Group::About, Kind::Word, "regioncode", "Region"),
    field(Group::About, Kind::Flag, "emailalert", "Mails on releases and security"),
    field(Group::About, Kind::Flag, "commnews", "Newsletter"),
    field(Group::About, Kind::Flag, "contactable", "Public may write"),
    field(Group::About, Kind::Flag, "policyagreed", "Agreed to the policy"),
];

/// No number of any site is larger: 10^15.
const LARGEST: i64 = 1_000_000_000_000_000;

/// What a field told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    Whole(i64),
    Average(f64),
    Flag(bool),
    Word(String),
}

impl Kind {
    /// Reads a trimmed text that is not empty; `None`: nothing was told.
    pub(super) fn read(self, text: &str) -> Result<Option<Figure>, &'static str> {
        match self {
            Self::Number | Self::Bytes => Ok(whole(text)?.map(Figure::Whole)),
            Self::Average => Ok(average(text)?.map(Figure::Average)),
            Self::Flag => match text.to_ascii_lowercase().as_str() {
                "1" | "true" => Ok(Some(Figure::Flag(true))),
                "0" | "false" => Ok(Some(Figure::Flag(false))),
                _ => Err("neither 0 nor 1"),
            },
            Self::Word | Self::Organisation => Ok(filled(cut(&spaced(text), 200)).map(Figure::Word)),
        }
    }

    /// A kept figure as people read it; `None`: there is nothing to show.
    fn show(self, kept: &Value) -> Option<String> {
        match self {
            Self::Number => kept.as_i64().map(|number| with_commas(&number.to_string())),
            Self::Bytes => kept.as_i64().map(size),
            Self::Average => kept.as_f64().map(|average| format!("{average:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()),
            Self::Flag => kept.as_bool().map(|flag| if flag { "Yes" } else { "No" }.to_owned()),
            // The region's code is always `-`.
            Self::Word => kept.as_str().filter(|word| *word != "-").map(str::to_owned),
            Self::Organisation => kept.as_str().map(|code| organisation(code).to_owned()),
        }
    }
}

const NOT_A_NUMBER: &str = "not a number";
const TOO_LARGE: &str = "too large a number";

/// A plain decimal number taken apart.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str, points: &[char]) -> Result<Self, &'static str> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once(points).unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if all_digits(whole) && all_digits(fraction) { Ok(Self { negative, whole, fraction }) } else { Err(NOT_A_NUMBER) }
    }

    fn is_whole(&self) -> bool {
        self.fraction.bytes().all(|b| b == b'0')
    }
}

/// A whole number; `None`: -1, which is "not told".
fn whole(text: &str) -> Result<Option<i64>, &'static str> {
    let decimal = Decimal::parse(text, &['.'])?;
    if !decimal.is_whole() {
        return Err("not a whole number");
    }
    let number = decimal.whole.parse::<i64>().ok().filter(|number| *number <= LARGEST).ok_or(TOO_LARGE)?;
    match number {
        1 if decimal.negative => Ok(None),
        1.. if decimal.negative => Err("a negative number"),
        number => Ok(Some(number)),
    }
}

/// A number that may have a fraction; `None`: -1, which is "not told".
fn average(text: &str) -> Result<Option<f64>, &'static str> {
    // PHP writes a small fraction as 5.0E-5.
    let (mantissa, exponent) = text.split_once(['E', 'e']).unwrap_or((text, "0"));
    let decimal = Decimal::parse(mantissa, &['.', ','])?;
    let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NOT_A_NUMBER);
    }
    let number: f64 = format!("{}.{}e{exponent}", decimal.whole, decimal.fraction).parse().map_err(|_| NOT_A_NUMBER)?;
    if number > LARGEST as f64 {
        Err(TOO_LARGE)
    } else if !decimal.negative || number == 0.0 {
        Ok(Some(number))
    } else if number == 1.0 {
        Ok(None)
    } else {
        Err("a negative number")
    }
}

/// Bytes as people read them: `1.5 GB`.
fn size(bytes: i64) -> String {
    let (mut size, mut unit) = (bytes as f64, "bytes");
    for larger in ["kB", "MB", "GB", "TB"] {
        if size < 1_000.0 {
            break;
        }
        (size, unit) = (size / 1_000.0, larger);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{size:.1} {unit}") }
}

/// Moodle's number for a kind of organisation, in words (`wire/moodle-client.md` 2.1); another one stays.
fn organisation(code: &str) -> &str {
    match code {
        "1" => "Whole university",
        "2" => "University department",
        "3" => "College",
        "4" => "College department",
        "5" => "High school",
        "6" => "High school department",
        "7" => "Primary school",
        "8" => "Independent teacher",
        "9" => "Company internal",
        "10" => "Company department",
        "11" => "Commercial course provider",
        "12" => "Other",
        "13" => "High school district",
        "14" => "Government",
        "16" => "Charity or not for profit",
        "17" => "Charter school",
        "18" => "School district",
        "19" => "Hospital",
        other => other,
    }
}

/// A label, and a value as people read it.
pub type Row = (&'static str, String);

/// Kept figures, read back for showing: rows by group, in the order of [`FIELDS`].
pub fn shown(figures_json: &str) -> Vec<(Group, Vec<Row>)> {
    let kept: BTreeMap<String, Value> = serde_json::from_str(figures_json).unwrap_or_default();
    let mut groups: Vec<(Group, Vec<Row>)> = Vec::new();
    for field in FIELDS {
        let Some(value) = kept.get(field.name).and_then(|figure| field.kind.show(figure)) else { continue };
        match groups.last_mut() {
            Some((group, rows)) if *group == field.group => rows.push((field.label, value)),
            _ => groups.push((field.group, vec![(field.label, value)])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrations::Report;
    use crate::registrations::report::tests::{one, refused};

    #[test]
    fn every_field_has_a_name_of_its_own_and_a_short_label() {
        for (index, field) in FIELDS.iter().enumerate() {
            assert!(FIELDS[..index].iter().all(|other| other.name != field.name && other.label != field.label), "{}", field.name);
            assert!(field.label.split(' ').count() <= 5, "{}", field.label);
        }
        let mut groups: Vec<Group> = FIELDS.iter().map(|field| field.group).collect();
        groups.dedup();
        assert_eq!(groups.len(), 6, "each group stands together");
    }

    #[test]
    fn numbers_are_whole_and_in_bounds() {
        for (text, number) in [("0", 0), (" 12 ", 12), ("12.0", 12), ("007", 7), ("-0", 0), ("1000000000000000", LARGEST)] {
            assert_eq!(one("posts", text).figures["posts"], Figure::Whole(number), "{text}");
        }
        for text in ["-1", " -1 ", "-1.0", "", " "] {
            assert_eq!(one("posts", text), Report::default(), "{text}");
        }
        for text in ["abc", "NaN", "1e999", "1e3", "0x10", "+5", "1 000", "1,000", "12.", ".5", "--1", "٣"] {
            assert_eq!(refused("posts", text), NOT_A_NUMBER, "{text}");
        }
        assert_eq!(refused("posts", "12.5"), "not a whole number");
        assert_eq!(refused("posts", "-2"), "a negative number");
        for text in ["1000000000000001", "99999999999999999999"] {
            assert_eq!(refused("posts", text), TOO_LARGE, "{text}");
        }
        assert_eq!(one("users", "2000000000").users(), Some(1_000_000_000));
        assert_eq!(one("users", "-1").users(), None);
    }

    #[test]
    fn averages_may_have_a_fraction() {
        let name = "modulenumberaverage";
        for (text, number) in [("2", 2.0), ("13.5", 13.5), ("13,5", 13.5), ("5.0E-5", 0.000_05), ("-0", 0.0), ("1000000000000000", 1e15)] {
            assert_eq!(one(name, text).figures[name], Figure::Average(number), "{text}");
        }
        assert_eq!(one(name, "-1"), Report::default());
        for text in ["abc", "NaN", "inf", "0x10", "1.2.3", "1,000.5", "1e", "e5", "1e1.5"] {
            assert_eq!(refused(name, text), NOT_A_NUMBER, "{text}");
        }
        assert_eq!(refused(name, "1e999"), TOO_LARGE);
        assert_eq!(refused(name, "-0.5"), "a negative number");
    }

    #[test]
    fn flags_are_true_or_false() {
        for (text, flag) in [("1", true), ("true", true), ("0", false), (" false ", false)] {
            assert_eq!(one("commnews", text).figures["commnews"], Figure::Flag(flag), "{text}");
        }
        for text in ["2", "yes", "-1", "1.0"] {
            assert_eq!(refused("commnews", text), "neither 0 nor 1", "{text}");
        }
    }

    #[test]
    fn figures_are_shown_as_people_read_them() {
        let cases = [
            ("users", "1234567", "1,234,567"),
            ("modulenumberaverage", "100", "100"),
            ("modulenumberaverage", "2.506", "2.51"),
            ("diskusage", "999", "999 bytes"),
            ("diskusage", "1500000000", "1.5 GB"),
            ("diskusage", "1000000000000000", "1000.0 TB"),
            ("contactable", "0", "No"),
            ("moodleversion", "2024100706.00", "2024100706.00"),
            ("organisationtype", "16", "Charity or not for profit"),
            ("organisationtype", "99", "99"),
        ];
        for (name, text, expected) in cases {
            let groups = shown(&one(name, text).figures_json());
            assert_eq!(groups.len(), 1, "{name}");
            assert_eq!(groups[0].1[0].1, expected, "{name}");
        }
        assert!(shown(&one("regioncode", "-").figures_json()).is_empty());
        for broken in ["", "[]", r#"{"users": "many", "contactable": 1, "sitetheme": null, "other": 3}"#] {
            assert!(shown(broken).is_empty(), "{broken}");
        }
    }
}
