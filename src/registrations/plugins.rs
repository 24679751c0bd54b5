//! What a Moodle tells of its plugins and its AI providers: JSON text inside a field (`wire/moodle-client.md` 2.5).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::report::line;
use crate::web::filters::with_commas;

const MOST_KINDS: usize = 200;
const MOST_PLUGINS: usize = 20_000;
/// Characters of a name of a plugin, or of a kind.
const LONGEST_NAME: usize = 100;
/// The longest text about AI that is kept, in bytes.
const MOST_AI_BYTES: usize = 64 * 1024;
/// Rows of AI usage that a page shows.
const MOST_AI_ROWS: usize = 100;

const NOT_JSON: &str = "not JSON";

/// Each kind of plugin, each plugin. Kept as `{"mod":{"assign":[1,3],"quiz":[0]}}`: enabled or not, how often used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugins(BTreeMap<String, BTreeMap<String, Plugin>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<i64>", try_from = "Vec<i64>")]
struct Plugin {
    enabled: bool,
    /// Only activities (`mod`) and blocks are counted.
    count: Option<i64>,
}

impl Plugins {
    /// Reads `pluginusage`; `None`: JSON, but of another shape.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        let told = serde_json::from_str(text).map_err(|_| NOT_JSON)?;
        let Some(plugins) = Self::read(told) else { return Ok(None) };
        if plugins.0.len() > MOST_KINDS {
            return Err("more than 200 kinds of plugins");
        }
        if plugins.0.values().map(BTreeMap::len).sum::<usize>() > MOST_PLUGINS {
            return Err("more than 20,000 plugins");
        }
        if plugins.names().any(|name| name.chars().count() > LONGEST_NAME) {
            return Err("a name of more than 100 characters");
        }
        let readable = plugins.names().all(|name| !name.chars().any(char::is_control));
        Ok(readable.then_some(plugins))
    }

    fn read(told: Value) -> Option<Self> {
        let kinds = map(told)?.into_iter().map(|(kind, plugins)| {
            let plugins = map(plugins)?.into_iter().map(|(name, told)| Some((name, Plugin::read(told)?)));
            Some((kind, plugins.collect::<Option<BTreeMap<_, _>>>()?))
        });
        kinds.collect::<Option<BTreeMap<_, _>>>().map(Self)
    }

    /// Of kinds and of plugins.
    fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys().chain(self.0.values().flat_map(|plugins| plugins.keys()))
    }
}

impl Plugin {
    /// More than `enabled` and `count` is passed over: tomorrow's Moodle may tell more.
    fn read(told: Value) -> Option<Self> {
        let told = map(told)?;
        let enabled = match told.get("enabled") {
            None => false,
            Some(Value::Bool(enabled)) => *enabled,
            Some(number) => match count(number)? {
                0 => false,
                1 => true,
                _ => return None,
            },
        };
        let count = match told.get("count") {
            None | Some(Value::Null) => None,
            Some(number) => Some(count(number)?),
        };
        Some(Self { enabled, count })
    }
}

impl From<Plugin> for Vec<i64> {
    fn from(plugin: Plugin) -> Self {
        std::iter::once(i64::from(plugin.enabled)).chain(plugin.count).collect()
    }
}

impl TryFrom<Vec<i64>> for Plugin {
    type Error = &'static str;

    fn try_from(kept: Vec<i64>) -> Result<Self, Self::Error> {
        match kept[..] {
            [enabled] => Ok(Self { enabled: enabled != 0, count: None }),
            [enabled, count] => Ok(Self { enabled: enabled != 0, count: Some(count) }),
            _ => Err("a plugin is one or two numbers"),
        }
    }
}

/// A map as PHP writes it: an empty one is `[]`.
fn map(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        Value::Array(list) if list.is_empty() => Some(Map::new()),
        _ => None,
    }
}

/// A number from 0 on, maybe as text, as PHP gives what its database gave.
fn count(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|count| *count >= 0)
}

/// Reads `aiusage`; `None`: JSON, but too long or of another shape.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_ai(text: &str) -> Result<Option<Value>, &'static str> {
    let told = serde_json::from_str(text).map_err(|_| NOT_JSON)?;
    Ok(map(told).filter(|_| text.len() <= MOST_AI_BYTES).map(Value::Object))
}

/// The plugins of a kind, for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginKind {
    /// Moodle's word for it, such as `mod`.
    pub kind: String,
    pub enabled: usize,
    pub all: usize,
    /// Of activities (`mod`) and blocks at most ten, the most used first; of other kinds none.
    pub most_used: Vec<(String, i64)>,
}

/// Kept plugin usage, read back by kind.
pub fn shown_plugins(plugins_json: &str) -> Vec<PluginKind> {
    let Plugins(kinds) = serde_json::from_str::<Plugins>(plugins_json).unwrap_or_default();
    let kinds = kinds.into_iter().map(|(kind, plugins)| PluginKind {
        enabled: plugins.values().filter(|plugin| plugin.enabled).count(),
        all: plugins.len(),
        most_used: if matches!(kind.as_str(), "mod" | "block") { most_used(plugins) } else { Vec::new() },
        kind,
    });
    kinds.collect()
}

fn most_used(plugins: BTreeMap<String, Plugin>) -> Vec<(String, i64)> {
    let mut used: Vec<_> =
        plugins.into_iter().filter_map(|(name, plugin)| Some((name, plugin.count.filter(|count| *count > 0)?))).collect();
    // Equals stay in the order of their names.
    used.sort_by_key(|(_, count)| Reverse(*count));
    used.truncate(10);
    used
}

/// How an action of an AI provider was used since the last registration or update, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AiUse {
    /// Such as `openai`.
    pub provider: String,
    /// Such as `generate text`.
    pub action: String,
    pub successes: String,
    pub failures: String,
    /// Of the successful ones, such as `15 s`; empty where none was.
    pub average_time: String,
}

impl AiUse {
    fn read(provider: &str, action: &str, told: &Value) -> Option<Self> {
        let count = |name: &str| Some(with_commas(&count(told.get(name)?)?.to_string()));
        let seconds = told.get("average_time").and_then(Value::as_f64).filter(|seconds| (0.0..1e9).contains(seconds));
        let plain = |name: &str| line(&name.replace('_', " "), LONGEST_NAME);
        Some(Self {
            provider: plain(provider.strip_prefix("aiprovider_").unwrap_or(provider)),
            action: plain(action),
            successes: count("success_count")?,
            failures: count("fail_count")?,
            average_time: seconds.map(|seconds| format!("{seconds:.0} s")).unwrap_or_default(),
        })
    }
}

/// Kept AI usage, read back: at most 100 rows. What has another shape is left out, as the range of time beside the providers.
pub fn shown_ai(ai_json: &str) -> Vec<AiUse> {
    let Ok(Value::Object(providers)) = serde_json::from_str(ai_json) else { return Vec::new() };
    let providers = providers.iter().filter_map(|(provider, actions)| Some((provider, actions.as_object()?)));
    let rows =
        providers.flat_map(|(provider, actions)| actions.iter().filter_map(move |(action, told)| AiUse::read(provider, action, told)));
    rows.take(MOST_AI_ROWS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn kept(text: &str) -> String {
        serde_json::to_string(&Plugins::parse(text).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn plugins_are_kept_compactly() {
        let told = r#"{"mod": {"quiz": {"enabled": 0}, "assign": {"enabled": 1, "count": 3}}, "auth": []}"#;
        assert_eq!(kept(told), r#"{"auth":{},"mod":{"assign":[1,3],"quiz":[0]}}"#);
        assert_eq!(kept("[]"), "{}");
        let told = r#"{"mod":{"a":{"enabled":true},"b":{"enabled":"1","count":"7"},"c":{"enabled":"0","count":null},"d":[]}}"#;
        assert_eq!(kept(told), r#"{"mod":{"a":[1],"b":[1,7],"c":[0],"d":[0]}}"#);
        assert_eq!(kept(r#"{"mod":{"a":{"enabled":1,"version":"2027"}}}"#), r#"{"mod":{"a":[1]}}"#);
    }

    #[test]
    fn plugins_of_another_shape_are_not_read() {
        for other in [
            "0",
            "null",
            r#""mod""#,
            "[1]",
            r#"{"mod": 1}"#,
            r#"{"mod": ["assign"]}"#,
            r#"{"mod": {"assign": 1}}"#,
            r#"{"mod": {"assign": {"enabled": 2}}}"#,
            r#"{"mod": {"assign": {"enabled": "on"}}}"#,
            r#"{"mod": {"assign": {"enabled": null}}}"#,
            r#"{"mod": {"assign": {"enabled": 1, "count": -3}}}"#,
            r#"{"mod": {"assign": {"enabled": 1, "count": 1.5}}}"#,
            r#"{"mod": {"as\u0000sign": {"enabled": 1}}}"#,
        ] {
            assert_eq!(Plugins::parse(other), Ok(None), "{other}");
        }
        assert_eq!(Plugins::parse("{mod}"), Err(NOT_JSON));
        assert_eq!(Plugins::parse(&"[".repeat(100_000)), Err(NOT_JSON));
    }

    #[test]
    fn plugins_are_bounded() {
        let kinds = |count: usize| (0..count).map(|n| (format!("kind{n}"), json!([]))).collect::<Map<_, _>>();
        assert!(matches!(Plugins::parse(&json!(kinds(200)).to_string()), Ok(Some(_))));
        assert_eq!(Plugins::parse(&json!(kinds(201)).to_string()), Err("more than 200 kinds of plugins"));

        let plugins = |count: usize| (0..count).map(|n| (format!("p{n}"), json!({"enabled": 1}))).collect::<Map<_, _>>();
        let told = |more: usize| json!({"mod": plugins(10_000), "block": plugins(10_000 + more)}).to_string();
        assert!(matches!(Plugins::parse(&told(0)), Ok(Some(_))));
        assert_eq!(Plugins::parse(&told(1)), Err("more than 20,000 plugins"));

        assert!(matches!(Plugins::parse(&json!({("ö".repeat(100)): []}).to_string()), Ok(Some(_))));
        for long in [json!({("k".repeat(101)): []}), json!({"mod": {("p".repeat(101)): []}})] {
            assert_eq!(Plugins::parse(&long.to_string()), Err("a name of more than 100 characters"));
        }
    }

    #[test]
    fn plugins_are_shown_by_kind_with_the_most_used_first() {
        let activities = (0..12).map(|n| (format!("m{n:02}"), json!([1, n]))).collect::<Map<_, _>>();
        let shown =
            shown_plugins(&json!({"mod": activities, "block": {"b": [1, 5], "a": [0, 5], "c": [1, 0]}, "auth": {"x": [1]}}).to_string());
        assert_eq!(
            shown.iter().map(|kind| (kind.kind.as_str(), kind.enabled, kind.all)).collect::<Vec<_>>(),
            [("auth", 1, 1), ("block", 2, 3), ("mod", 12, 12)]
        );
        assert!(shown[0].most_used.is_empty());
        assert_eq!(shown[1].most_used, [("a".to_owned(), 5), ("b".to_owned(), 5)]);
        assert_eq!(shown[2].most_used.len(), 10);
        assert_eq!(shown[2].most_used[0], ("m11".to_owned(), 11));
        for broken in ["", "null", "[]", r#"{"mod":{"a":[]}}"#, r#"{"mod":{"a":[1,2,3]}}"#] {
            assert!(shown_plugins(broken).is_empty(), "{broken}");
        }
    }

    #[test]
    fn ai_usage_is_shown_as_far_as_its_shape_is_known() {
        let told = json!({
            "aiprovider_openai": {
                "generate_text": {"success_count": 1_200, "fail_count": 0, "average_time": 15.0},
                "generate_image": {"success_count": 0, "fail_count": "3", "predominant_error": 403},
                "odd": {"success_count": "many", "fail_count": 1},
                "odder": 3,
            },
            "nobody": [],
            "time_range": {"timefrom": 1_699_395_200, "timeto": 1_700_000_000},
        });
        let kept = parse_ai(&told.to_string()).unwrap().unwrap();
        let row = |action: &str, successes: &str, failures: &str, average_time: &str| AiUse {
            provider: "openai".into(),
            action: action.into(),
            successes: successes.into(),
            failures: failures.into(),
            average_time: average_time.into(),
        };
        assert_eq!(shown_ai(&kept.to_string()), [row("generate image", "0", "3", ""), row("generate text", "1,200", "0", "15 s")]);
        assert!(shown_ai("3").is_empty());
    }

    #[test]
    fn ai_usage_is_a_map_of_bounded_length() {
        assert_eq!(parse_ai("[]"), Ok(Some(json!({}))));
        assert_eq!(parse_ai("[1]"), Ok(None));
        assert_eq!(parse_ai("0"), Ok(None));
        assert_eq!(parse_ai("lots"), Err(NOT_JSON));
        let long = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
        assert_eq!(parse_ai(&long(65_536)), Ok(Some(json!({}))));
        assert_eq!(parse_ai(&long(65_537)), Ok(None));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(\\[|\\]|[{}\",:01]|\"enabled\"|\"count\"|\\PC){0,60}") {
            let _ = (Plugins::parse(&text), parse_ai(&text), shown_plugins(&text), shown_ai(&text));
        }
    }
}
