//! Which sites the team looks at, in what order, and from where on: read from an address, and written back into one.

mod store;

use crate::clock::Timestamp;
use crate::db::types::text_enum;
use crate::error::FieldErrors;
use crate::ids::SiteId;
use crate::web::Fields;

use super::model::{Country, Language, ProofKind, Site, SiteState, Users};
pub(super) use store::keep_words;
pub use store::{count, forget_words, ids, list, page_after};

/// How far sites are counted: beyond it a page says "more than".
pub const COUNTED: usize = 10_000;

text_enum! {
    /// In what order sites are listed.
    pub enum Sort {
        Newest => "newest",
        Oldest => "oldest",
        Name => "name",
        MostUsers => "users",
        FewestUsers => "users_up",
    }
}

text_enum! {
    /// Whether a site's pushes go out, and if not, why.
    pub enum PushIs {
        On => "on",
        Off => "off",
        OptedOut => "opted_out",
        OverUserLimit => "over_user_limit",
        Suspended => "suspended",
        Stopped => "staff",
        Unverified => "unverified",
    }
}

text_enum! {
    /// Whether another registration stands against a site's.
    pub enum HeldIs {
        /// For a decision.
        Waiting => "waiting",
        /// It was turned away.
        Refused => "refused",
        Any => "any",
        /// None does.
        No => "no",
    }
}

/// Whether it is proved who owns a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofIs {
    Missing,
    There,
    By(ProofKind),
}

impl ProofIs {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "none",
            Self::There => "any",
            Self::By(kind) => kind.as_str(),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::Missing),
            "any" => Some(Self::There),
            kind => kind.parse().ok().map(Self::By),
        }
    }
}

/// A bound of when sites were registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// The beginning of a day, UTC.
    On(Timestamp),
    /// So many days ago, whenever somebody looks.
    Ago(u32),
}

impl Day {
    const LONGEST: u32 = 36_500;
    /// The day after the last one of year 9999 can't be written in four digits, by which times are sorted.
    const LAST_YEAR: i32 = 9_998;

    /// Reads `2026-01-31` or `7d`.
    ///
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = || "Type a day such as 2026-01-31, or 7d for seven days ago.".to_owned();
        if let Some(days) = text.strip_suffix('d') {
            let days = days.parse().ok().filter(|days| *days <= Self::LONGEST).ok_or_else(words)?;
            return Ok(Self::Ago(days));
        }
        let is_written_so = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let plain = is_written_so && text.get(..4).and_then(|year| year.parse::<i32>().ok()).is_some_and(|year| year <= Self::LAST_YEAR);
        let day = plain.then(|| format!("{text}T00:00:00Z").parse::<Timestamp>().ok()).flatten();
        day.map(Self::On).ok_or_else(words)
    }

    fn written(self) -> String {
        match self {
            Self::On(day) => day.rfc3339().chars().take(10).collect(),
            Self::Ago(days) => format!("{days}d"),
        }
    }

    /// When that day began, or that many days ago.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::On(day) => day,
            Self::Ago(days) => now - std::time::Duration::from_secs(u64::from(days) * 86_400),
        }
    }
}

/// Which sites are asked for: all that fit everything that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What was typed: each word is in the name, the address or the contact's mail address.
    pub words: String,
    pub state: Option<SiteState>,
    pub push: Option<PushIs>,
    pub proof: Option<ProofIs>,
    pub country: Option<String>,
    pub language: Option<String>,
    pub users_from: Option<i64>,
    pub users_to: Option<i64>,
    pub registered_from: Option<Day>,
    /// To the end of that day.
    pub registered_to: Option<Day>,
    pub held: Option<HeldIs>,
    pub has_open_case: bool,
    pub over_user_limit: bool,
    pub never_called: bool,
    pub own_limits: bool,
}

/// The words that are looked for, in lower case; no more than anybody types.
pub fn terms(text: &str) -> Vec<String> {
    // No stored text has control characters, and PostgreSQL takes no NUL.
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    plain.split_whitespace().take(8).map(|word| word.chars().take(200).collect::<String>()).collect()
}

/// Whether a text is, or may be, an access key or a device token: it must not get into an address, a log or a list.
pub fn looks_secret(text: &str) -> bool {
    let of_a_token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':' | b'+' | b'/' | b'=');
    text.split_whitespace().any(|word| {
        let begins = |scheme: &str| word.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        // A site's address and its id are no secrets.
        let is_known = begins("http://") || begins("https://") || word.parse::<SiteId>().is_ok();
        // A long word of a language has no digit; what comes from randomness has.
        let is_random = word.len() >= 20 && word.bytes().all(of_a_token) && word.bytes().any(|b| b.is_ascii_digit());
        // No gateway says what its tokens look like: what is as long as one may be one, if it is no mail address.
        let is_long = word.len() >= 40 && word.bytes().all(|b| b.is_ascii_graphic() && b != b'@');
        (is_random || is_long) && !is_known
    })
}

/// From where on a list goes on: behind a site that was seen, at the value that it was sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) id: SiteId,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The order is that of the ids.
    Nothing,
    Name(String),
    Users(i64),
}

impl Place {
    /// Behind a site of a list.
    pub fn behind(site: &Site, sort: Sort) -> Self {
        let value = match sort {
            Sort::Newest | Sort::Oldest => Value::Nothing,
            Sort::Name => Value::Name(site.name.clone()),
            Sort::MostUsers | Sort::FewestUsers => Value::Users(site.users),
        };
        Self { id: site.id, value }
    }

    fn parse(text: &str, sort: Sort) -> Option<Self> {
        let (id, value) = text.split_at_checked(36)?;
        let value = match (sort, value.strip_prefix('~')) {
            (Sort::Newest | Sort::Oldest, None) if value.is_empty() => Value::Nothing,
            (Sort::Name, Some(name)) => Value::Name(name.to_owned()),
            (Sort::MostUsers | Sort::FewestUsers, Some(users)) => Value::Users(users.parse().ok()?),
            _ => return None,
        };
        Some(Self { id: id.parse().ok()?, value })
    }

    fn written(&self) -> String {
        match &self.value {
            Value::Nothing => self.id.to_string(),
            Value::Name(name) => format!("{}~{name}", self.id),
            Value::Users(users) => format!("{}~{users}", self.id),
        }
    }
}

/// A list of sites as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub filter: Filter,
    pub sort: Sort,
    pub after: Option<Place>,
}

impl Default for Listing {
    fn default() -> Self {
        Self { filter: Filter::default(), sort: Sort::Newest, after: None }
    }
}

impl Listing {
    /// From what stands in an address: what is empty is not asked for, what can't be read is told at its field and left out.
    pub fn parse(fields: &Fields) -> (Self, FieldErrors) {
        let mut read = Reader { fields, errors: FieldErrors::default() };
        let sort = read.choice("sort", |word| word.parse().ok()).unwrap_or(Sort::Newest);
        let filter = Filter {
            words: read.words(),
            state: read.choice("state", |word| word.parse().ok()),
            push: read.choice("push", |word| word.parse().ok()),
            proof: read.choice("proof", ProofIs::parse),
            country: read.typed("country", |text| Country::parse(text).map(|country| country.0)),
            language: read.typed("language", |text| Language::parse(text).map(|language| language.0)),
            users_from: read.typed("users_from", |text| Users::parse(text).map(|users| users.0)),
            users_to: read.typed("users_to", |text| Users::parse(text).map(|users| users.0)),
            registered_from: read.typed("from", Day::parse),
            registered_to: read.typed("to", Day::parse),
            held: read.choice("held", |word| word.parse().ok()),
            has_open_case: fields.on("case"),
            over_user_limit: fields.on("over"),
            never_called: fields.on("never_called"),
            own_limits: fields.on("own_limits"),
        };
        if matches!((filter.users_from, filter.users_to), (Some(from), Some(to)) if from > to) {
            read.errors.add("users_to", "This is less than where it begins.");
        }
        let after = match (fields.text("after"), fields.text("before")) {
            ("", "") => None,
            // As lists of before sorts were called on.
            ("", before) => Place::parse(before, Sort::Newest).filter(|_| sort == Sort::Newest),
            (after, _) => Place::parse(after, sort),
        };
        let goes_on = !fields.text("after").is_empty() || !fields.text("before").is_empty();
        if goes_on && after.is_none() {
            read.errors.add("form", "The list can't go on from there, so this is its top.");
        }
        (Self { filter, sort, after }, read.errors)
    }

    /// A search for words alone.
    pub fn of_words(words: &str) -> Self {
        Self { filter: Filter { words: words.to_owned(), ..Filter::default() }, ..Self::default() }
    }

    /// What stands in the address of this list, from its top: only what is asked for, always in one order.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let filter = &self.filter;
        let text = |value: Option<&'static str>| value.unwrap_or_default().to_owned();
        let number = |value: Option<i64>| value.map(|number| number.to_string()).unwrap_or_default();
        let flag = |on: bool| if on { "1".to_owned() } else { String::new() };
        let mut pairs = vec![
            ("q", filter.words.clone()),
            ("state", text(filter.state.map(SiteState::as_str))),
            ("push", text(filter.push.map(PushIs::as_str))),
            ("proof", text(filter.proof.map(ProofIs::as_str))),
            ("country", filter.country.clone().unwrap_or_default()),
            ("language", filter.language.clone().unwrap_or_default()),
            ("users_from", number(filter.users_from)),
            ("users_to", number(filter.users_to)),
            ("from", filter.registered_from.map(Day::written).unwrap_or_default()),
            ("to", filter.registered_to.map(Day::written).unwrap_or_default()),
            ("held", text(filter.held.map(HeldIs::as_str))),
            ("case", flag(filter.has_open_case)),
            ("over", flag(filter.over_user_limit)),
            ("never_called", flag(filter.never_called)),
            ("own_limits", flag(filter.own_limits)),
            ("sort", text(Some(self.sort.as_str()).filter(|_| self.sort != Sort::Newest))),
        ];
        pairs.retain(|(_, value)| !value.is_empty());
        pairs
    }

    /// The query of this list's address, from its top.
    pub fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(self.pairs()).finish()
    }

    /// The query of the address at which the list goes on behind a site.
    pub fn query_behind(&self, last: &Site) -> String {
        let mut query = url::form_urlencoded::Serializer::new(self.query());
        query.append_pair("after", &Place::behind(last, self.sort).written()).finish()
    }

    /// Whether not all sites are asked for.
    pub fn is_narrow(&self) -> bool {
        self.filter != Filter::default()
    }
}

struct Reader<'a> {
    fields: &'a Fields,
    errors: FieldErrors,
}

impl Reader<'_> {
    fn words(&mut self) -> String {
        let words = terms(self.fields.text("q")).join(" ");
        if looks_secret(&words) {
            self.errors
                .add("q", "This may be a key or a device token. Look for it with the search above, which keeps it out of addresses.");
            return String::new();
        }
        words
    }

    fn choice<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.typed(name, |text| parse(text).ok_or_else(|| "There is no such choice. Choose one of the list.".to_owned()))
    }

    fn typed<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.fields.text(name).trim();
        if text.is_empty() { None } else { parse(text).map_err(|words| self.errors.add(name, words)).ok() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(query: &str) -> (Listing, FieldErrors) {
        Listing::parse(&Fields::parse(query.as_bytes()))
    }

    #[test]
    fn an_address_is_read_and_written_back() {
        let query = "q=moodle+school&state=active&push=off&proof=any&country=ES&language=pt_br&users_from=10&users_to=2000&from=7d\
                     &to=2026-01-31&held=waiting&case=1&over=1&never_called=1&own_limits=1&sort=users";
        let (listing, errors) = parsed(query);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(listing.query(), query);
        assert!(listing.is_narrow() && !parsed("sort=name&state=").0.is_narrow());
    }

    #[test]
    fn what_cannot_be_read_is_told_at_its_field_and_left_out() {
        for field in
            ["state", "push", "proof", "country", "language", "users_from", "users_to", "from", "to", "held", "sort", "after", "before"]
        {
            let (listing, errors) = parsed(&format!("{field}=nonsense!"));
            assert!(errors.of(field).or(errors.of("form")).is_some(), "{field}");
            assert_eq!(listing, Listing::default(), "{field}");
        }
        assert!(parsed("users_from=9&users_to=3").1.of("users_to").is_some());
        for day in ["2026-02-30", "2026-1-1", "d", "-1d", "99999999d", "2026-01-01T00:00:00Z", "+026-01-01", "9999-12-31"] {
            assert!(Day::parse(day).is_err(), "{day}");
        }
    }

    #[test]
    fn what_may_be_a_key_is_told_from_what_people_search_for() {
        let secret = [
            "belfry_s_0123456789abcdef0123456789abcdef012345",
            "dXJ0:APA91bHPRgkF3JUikC4EN-AHEqMi",
            &"0f".repeat(32),
            "dXJ0.APA91bHP~RgkF3JUikC4EN//AHEqMi/xYzWvUt",
            "dXJ0//APA91bHPRgkF3JUikC4EN",
        ];
        for text in secret {
            assert!(looks_secret(text) && looks_secret(&format!(" {text} ")), "{text}");
        }
        for text in [
            "",
            "school",
            "https://moodle.school.example/a/b",
            "HTTPS://moodle.school.example/a/rather/long/path/to/somewhere/0123456789",
            "somebody.with.a.rather.long.name@students.university.example",
            "ada@school.example",
            "0198c0de-0000-7000-8000-000000000000",
            "case 17",
            "Donaudampfschifffahrtsgesellschaft",
        ] {
            assert!(!looks_secret(text), "{text}");
        }
        assert!(parsed("q=belfry_s_0123456789abcdef0123456789abcdef").1.of("q").is_some());
    }

    proptest! {
        #[test]
        fn any_address_is_some_list_and_stays_it(query in "[a-z_]{1,12}=\\PC{0,40}(&(q|from|users_to|after|sort)=\\PC{0,40}){0,5}") {
            let (mut listing, _) = parsed(&query);
            listing.after = None;
            prop_assert_eq!(parsed(&listing.query()).0, listing);
        }
    }
}
