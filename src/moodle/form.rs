//! Forms as PHP spells them: `siteinfo[name]=…&url[0]=…` (`wire/hub-protocol.md` 5). Bounded, since anybody can send one.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// The most of each, query and body.
const MOST_BYTES: usize = 1_048_576;
/// The most of query and body together: PHP's own `max_input_vars`.
const MOST_FIELDS: usize = 1_000;
/// The longest name, decoded and with its brackets.
const LONGEST_NAME: usize = 256;
/// `a[b][c][d]`: also as deep as anything recurses, dropping a form included.
const MOST_LEVELS: usize = 4;
/// The most characters of a name that are shown.
const SHOWN: usize = 64;

/// What an error calls the form itself.
const WHOLE: &str = "form";
const NO_TEXT: &str = "is a map, not a text";
const NO_MAP: &str = "is a text, not a map";

/// What is wrong with a form, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {words}")]
pub struct Malformed {
    /// The name as it came, or `form`. Shortened and without control characters, since it is shown and logged.
    pub field: String,
    pub words: String,
}

impl Malformed {
    fn new(name: &str, words: impl Into<String>) -> Self {
        let shown = name.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c });
        Self { field: shown.collect(), words: words.into() }
    }
}

/// A member of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Map(BTreeMap<String, Value>),
}

/// A form, read whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(BTreeMap<String, Value>);

impl Form {
    /// Reads the query and the body; what stands in the body wins (PHP's `$_POST` over `$_GET`), a map as a whole.
    ///
    /// # Errors
    /// When a limit is passed, a name can't be read, or one name came with two meanings.
    pub fn parse(query: &str, body: &[u8]) -> Result<Self, Malformed> {
        let parts = [query.as_bytes(), body];
        if parts.iter().any(|part| part.len() > MOST_BYTES) {
            return Err(Malformed::new(WHOLE, format!("query and body may have {MOST_BYTES} bytes each, and no more")));
        }
        // Counted before anything is kept, and no further than the limit: a flood of fields costs nothing.
        let fields = parts.iter().flat_map(|part| part.split(|byte| *byte == b'&')).filter(|field| !field.is_empty());
        if fields.take(MOST_FIELDS + 1).count() > MOST_FIELDS {
            return Err(Malformed::new(WHOLE, format!("has more than {MOST_FIELDS} fields")));
        }
        let [mut all, body] = [Part::parse(parts[0])?, Part::parse(parts[1])?].map(|part| part.members);
        all.extend(body);
        Ok(Self(all))
    }

    /// A text; "" when it did not come: absent and empty are the same (`wire/hub-protocol.md` 2.1).
    ///
    /// # Errors
    /// When it is a map.
    pub fn text(&self, name: &str) -> Result<&str, Malformed> {
        match self.0.get(name) {
            None => Ok(""),
            Some(Value::Text(text)) => Ok(text),
            Some(Value::Map(_)) => Err(Malformed::new(name, NO_TEXT)),
        }
    }

    /// The texts of a map, in the order of their names; none when it did not come. Numbers are names too: 10 is before 2.
    ///
    /// # Errors
    /// When it is a text, or holds a map.
    pub fn texts(&self, name: &str) -> Result<Vec<(&str, &str)>, Malformed> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Text(_)) => Err(Malformed::new(name, NO_MAP)),
            Some(Value::Map(map)) => texts(map, name),
        }
    }

    /// The members of the form, or of the map `of`, each as a text: what `knows` has to be one, and all else, which may be of
    /// any shape, is written as JSON where it is a map.
    ///
    /// # Errors
    /// When `of` is a text, or a known member a map.
    pub fn told(&self, of: Option<&str>, knows: impl Fn(&str) -> bool) -> Result<Vec<(&str, Cow<'_, str>)>, Malformed> {
        let map = match of.map(|name| (name, self.0.get(name))) {
            None => &self.0,
            Some((_, Some(Value::Map(map)))) => map,
            Some((_, None)) => return Ok(Vec::new()),
            Some((name, Some(Value::Text(_)))) => return Err(Malformed::new(name, NO_MAP)),
        };
        let spelled = |key: &str| of.map_or_else(|| key.to_owned(), |name| format!("{name}[{key}]"));
        let all = map.iter().map(|(key, value)| match value {
            Value::Text(text) => Ok((key.as_str(), Cow::Borrowed(text.as_str()))),
            Value::Map(_) if knows(key) => Err(Malformed::new(&spelled(key), NO_TEXT)),
            Value::Map(map) => Ok((key.as_str(), Cow::Owned(json(map).to_string()))),
        });
        all.collect()
    }
}

/// As deep as forms are, which is bounded.
fn json(map: &BTreeMap<String, Value>) -> serde_json::Value {
    let members = map.iter().map(|(key, value)| {
        let value = match value {
            Value::Text(text) => serde_json::Value::String(text.clone()),
            Value::Map(map) => json(map),
        };
        (key.clone(), value)
    });
    serde_json::Value::Object(members.collect())
}

/// The texts of a map that holds nothing else.
fn texts<'a>(map: &'a BTreeMap<String, Value>, name: &str) -> Result<Vec<(&'a str, &'a str)>, Malformed> {
    let all = map.iter().map(|(key, value)| match value {
        Value::Text(text) => Ok((key.as_str(), text.as_str())),
        Value::Map(_) => Err(Malformed::new(&format!("{name}[{key}]"), NO_TEXT)),
    });
    all.collect()
}

/// The query or the body, while it is read.
#[derive(Default)]
struct Part {
    members: BTreeMap<String, Value>,
    /// For each map, by its whole name, the number that `[]` takes next: kept, so that nobody has to look for it.
    next: HashMap<String, u64>,
}

impl Part {
    fn parse(part: &[u8]) -> Result<Self, Malformed> {
        let mut read = Self::default();
        for (name, value) in url::form_urlencoded::parse(part) {
            read.put(&storable(name), storable(value))?;
        }
        Ok(read)
    }

    fn put(&mut self, name: &str, value: String) -> Result<(), Malformed> {
        if name.is_empty() {
            return Err(Malformed::new(WHOLE, "has a field without a name"));
        }
        if name.len() > LONGEST_NAME {
            return Err(Malformed::new(name, format!("has a name of more than {LONGEST_NAME} bytes")));
        }
        let (head, keys) = split(name).ok_or_else(|| Malformed::new(name, "is no name: the brackets don't match"))?;
        if keys.len() >= MOST_LEVELS {
            return Err(Malformed::new(name, format!("is more than {MOST_LEVELS} levels deep")));
        }
        let both = || Malformed::new(name, "is a text and a map at once");
        let mut path = head.to_owned();
        let mut place = self.members.entry(head.to_owned());
        for key in keys {
            let Value::Map(map) = place.or_insert_with(|| Value::Map(BTreeMap::new())) else { return Err(both()) };
            let key = numbered(&mut self.next, &path, key);
            path = format!("{path}[{key}]");
            place = map.entry(key);
        }
        match place {
            Entry::Vacant(free) => {
                free.insert(Value::Text(value));
                Ok(())
            }
            Entry::Occupied(taken) if matches!(taken.get(), Value::Text(_)) => Err(Malformed::new(name, "came twice")),
            Entry::Occupied(_) => Err(both()),
        }
    }
}

/// A NUL, which PostgreSQL can't keep, becomes the sign for what can't be read.
fn storable(text: Cow<'_, str>) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.into_owned() }
}

/// Takes `a[b][]` apart: `a`, then `b` and an empty key. `None` where the brackets are not in such pairs.
fn split(name: &str) -> Option<(&str, Vec<&str>)> {
    let (head, mut rest) = name.split_at(name.find(['[', ']']).unwrap_or(name.len()));
    let mut keys = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.strip_prefix('[')?.split_once(']')?;
        if key.contains('[') {
            return None;
        }
        keys.push(key);
        rest = after;
    }
    (!head.is_empty()).then_some((head, keys))
}

/// The key under which a member goes into a map: as PHP does, `[]` goes behind the highest number so far.
fn numbered(next: &mut HashMap<String, u64>, map: &str, key: &str) -> String {
    let number = match key {
        "" => Some(next.get(map).copied().unwrap_or(0)),
        // Only a number's own spelling counts: `01` and `+1` are words.
        _ => key.parse::<u64>().ok().filter(|number| number.to_string() == key),
    };
    let Some(number) = number else { return key.to_owned() };
    let free = next.entry(map.to_owned()).or_default();
    // Behind the highest number of all nothing is free, and `[]` meets what is there already.
    *free = number.saturating_add(1).max(*free);
    number.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// All members, each of which has to be a text.
    fn flat(form: &Form) -> Result<Vec<(&str, &str)>, Malformed> {
        let told = form.told(None, |_| true)?;
        Ok(told.into_iter().map(|(name, _)| (name, form.text(name).unwrap())).collect())
    }

    #[test]
    fn what_nobody_knows_may_be_of_any_shape() {
        let form = Form::parse("siteinfo[users]=4&siteinfo[new][a]=1&siteinfo[new][b][]=2&other[x]=y", b"").unwrap();
        let told = form.told(Some("siteinfo"), |name| name == "users").unwrap();
        assert_eq!(told, [("new", r#"{"a":"1","b":{"0":"2"}}"#.into()), ("users", "4".into())]);
        assert_eq!(form.told(Some("siteinfo"), |_| true).unwrap_err().to_string(), "siteinfo[new]: is a map, not a text");
        assert_eq!(form.told(None, |name| name == "siteinfo").unwrap_err().field, "siteinfo");
        assert_eq!(form.told(Some("nothing"), |_| true), Ok(Vec::new()));
    }

    fn body(body: &str) -> Result<Form, Malformed> {
        Form::parse("", body.as_bytes())
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Text(_) => 1,
            Value::Map(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        }
    }

    fn map(names: &'static str) -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map(names, "\\PC{0,20}", 0..10)
    }

    #[test]
    fn what_a_moodle_sends_is_read() {
        let form = body(
            "wstoken=9X2juwyUwiD1fi8rBx6NRFl65mEOOgYy&wsfunction=hub_update_site_info&moodlewsrestformat=json\
             &siteinfo%5Bname%5D=Renamed+Moodle&siteinfo%5Bimageurl%5D=\
             &siteinfo%5Bpluginusage%5D=%7B%22mod%22%3A%7B%22book%22%3A0%7D%7D&validateurl=1",
        )
        .unwrap();
        assert_eq!(form.text("wsfunction"), Ok("hub_update_site_info"));
        assert_eq!((form.text("validateurl"), form.text("timestamp")), (Ok("1"), Ok("")));
        let site = vec![("imageurl", ""), ("name", "Renamed Moodle"), ("pluginusage", r#"{"mod":{"book":0}}"#)];
        assert_eq!(form.texts("siteinfo"), Ok(site));
        assert_eq!(body("url%5B0%5D=http%3A%2F%2Fmoodle.example").unwrap().texts("url"), Ok(vec![("0", "http://moodle.example")]));
    }

    #[test]
    fn a_query_is_flat_and_names_without_a_value_are_empty() {
        let form = Form::parse("token=a%20b&&imageurl&contactphone&", b"").unwrap();
        assert_eq!(flat(&form), Ok(vec![("contactphone", ""), ("imageurl", ""), ("token", "a b")]));
        assert_eq!(Form::parse("&&", b"&"), Ok(Form::default()));
    }

    #[test]
    fn the_body_wins_over_the_query() {
        let form = Form::parse("a=1&b=2&m[x]=1&n=1", b"a=3&m[y]=2&n[z]=4").unwrap();
        assert_eq!((form.text("a"), form.text("b")), (Ok("3"), Ok("2")));
        assert_eq!((form.texts("m"), form.texts("n")), (Ok(vec![("y", "2")]), Ok(vec![("z", "4")])));
    }

    #[test]
    fn empty_brackets_take_the_next_number() {
        let texts = |sent: &str| body(sent).unwrap().texts("u").unwrap().into_iter().map(|(key, _)| key.to_owned()).collect::<Vec<_>>();
        assert_eq!(texts("u[]=a&u[]=b"), ["0", "1"]);
        assert_eq!(texts("u[]=a&u[7]=b&u[3]=c&u[]=d"), ["0", "3", "7", "8"]);
        assert_eq!(texts("u[01]=a&u[x]=b&u[-5]=c&u[]=d"), ["-5", "0", "01", "x"]);
        assert_eq!(body("u[18446744073709551615]=a&u[]=b").unwrap_err().to_string(), "u[]: came twice");
        assert_eq!(body("u[][a]=1&u[][a]=2&v[]=3"), body("u[0][a]=1&u[1][a]=2&v[0]=3"));
    }

    #[test]
    fn a_refusal_names_the_field_and_why() {
        for (sent, refused) in [
            ("a%5Bb=1", "a[b: is no name: the brackets don't match"),
            ("a]b=1", "a]b: is no name: the brackets don't match"),
            ("[a]=1", "[a]: is no name: the brackets don't match"),
            ("a[b]c=1", "a[b]c: is no name: the brackets don't match"),
            ("a[b[c]]=1", "a[b[c]]: is no name: the brackets don't match"),
            ("a=1&=2", "form: has a field without a name"),
            ("a[b][c][d][e]=1", "a[b][c][d][e]: is more than 4 levels deep"),
            ("x=1&x=2", "x: came twice"),
            ("x[a]=1&x[a]=2", "x[a]: came twice"),
            ("x=1&x[a]=2", "x[a]: is a text and a map at once"),
            ("x[a]=2&x=1", "x: is a text and a map at once"),
            ("x[a]=1&x[a][b]=2", "x[a][b]: is a text and a map at once"),
            ("a%0D%1B[=1", "a\u{fffd}\u{fffd}[: is no name: the brackets don't match"),
        ] {
            assert_eq!(body(sent).unwrap_err().to_string(), refused, "{sent}");
            assert_eq!(Form::parse(sent, b"").unwrap_err().to_string(), refused, "{sent}");
        }
        let form = body("x=1&m[a][b]=2").unwrap();
        assert_eq!(form.text("m").unwrap_err().to_string(), "m: is a map, not a text");
        assert_eq!(form.texts("x").unwrap_err().to_string(), "x: is a text, not a map");
        assert_eq!(form.texts("m").unwrap_err().to_string(), "m[a]: is a map, not a text");
        assert_eq!(flat(&form).unwrap_err().to_string(), "m: is a map, not a text");
    }

    #[test]
    fn names_and_parts_have_a_longest() {
        assert!(body(&"n".repeat(LONGEST_NAME)).is_ok() && body("a[b][c][d]=1").is_ok());
        let long = body(&"n".repeat(LONGEST_NAME + 1)).unwrap_err();
        assert_eq!((long.field, long.words.as_str()), ("n".repeat(SHOWN), "has a name of more than 256 bytes"));
        let full = format!("a={}", "+".repeat(MOST_BYTES - 2));
        assert_eq!(body(&full).unwrap().text("a").unwrap().len(), MOST_BYTES - 2);
        let over = format!("{full}+");
        assert_eq!(body(&over).unwrap_err().field, "form");
        assert_eq!(Form::parse(&over, b"").unwrap_err().field, "form");
    }

    #[test]
    fn a_flood_of_fields_is_refused_at_once() {
        let flood = |count: usize| (0..count).map(|n| format!("f{n}=1&")).collect::<String>();
        assert!(body(&flood(MOST_FIELDS)).is_ok() && body(&"m[]=1&".repeat(MOST_FIELDS)).is_ok());
        assert!(Form::parse(&flood(MOST_FIELDS), b"one=more").is_err());
        let flood = flood(100_000);
        let started = Instant::now();
        let refused = body(&flood).unwrap_err();
        assert!(started.elapsed() < Duration::from_millis(50), "{:?}", started.elapsed());
        assert_eq!(refused.to_string(), "form: has more than 1000 fields");
    }

    #[test]
    fn what_postgresql_cannot_keep_is_replaced() {
        let form = body("a%00=1%00%FF&m[%00]=2").unwrap();
        assert_eq!(form.text("a\u{fffd}"), Ok("1\u{fffd}\u{fffd}"));
        assert_eq!(form.texts("m"), Ok(vec![("\u{fffd}", "2")]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(query in any::<String>(), body in prop::collection::vec(any::<u8>(), 0..500)) {
            if let Err(refused) = Form::parse(&query, &body) {
                prop_assert!(refused.field.chars().count() <= SHOWN && !refused.field.contains(char::is_control));
            }
        }

        #[test]
        fn what_was_built_comes_back(flat in map("f_[a-z]{1,8}"), site in map("[a-z]{1,8}")) {
            let mut sent = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in &flat {
                sent.append_pair(name, value);
            }
            for (key, value) in &site {
                sent.append_pair(&format!("siteinfo[{key}]"), value);
            }
            let form = body(&sent.finish()).unwrap();
            for (name, value) in &flat {
                prop_assert_eq!(form.text(name), Ok(value.as_str()));
            }
            let site = site.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>();
            prop_assert_eq!(form.texts("siteinfo"), Ok(site));
        }

        #[test]
        fn bracket_soup_is_never_deep(soup in "[a-z\\[\\]&=%]{0,200}", names in prop::collection::vec("[ab](\\[[ab01]?\\]){0,4}", 0..6)) {
            for sent in [soup, names.join("&")] {
                if let Ok(form) = body(&sent) {
                    prop_assert!(form.0.values().all(|value| depth(value) <= MOST_LEVELS));
                }
            }
        }
    }
}
