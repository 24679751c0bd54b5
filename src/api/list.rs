//! Queries and lists: `{"items": […], "next": cursor or null}`.

use std::str::FromStr;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use url::form_urlencoded;

use super::problem::Problem;
use crate::ids::SiteId;

/// How many items a list has when nobody says, and at most.
const USUAL: usize = 100;
const MOST: usize = 500;
/// What a platform and a channel are named: as `POST /tokens/` takes them.
const NAME_BYTES: usize = 64;

/// The parameters of a request, each named once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the parameters; none but `known` may be there.
    pub fn of(req: &HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        let mut read: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(req.query_string().as_bytes()) {
            if !known.contains(&&*name) {
                let words = if known.is_empty() { "no parameters are taken here".to_owned() } else { format!("use {}", known.join(", ")) };
                return Err(Problem::field(name.replace('\0', "\u{fffd}"), words));
            }
            if read.iter().any(|(before, _)| *before == name) {
                return Err(Problem::field(name.into_owned(), "it is given twice"));
            }
            read.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(read))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of a type of its own.
    pub fn parsed<T: FromStr>(&self, name: &str, words: &str) -> Result<Option<T>, Problem> {
        self.get(name).map(|text| text.parse().map_err(|_| Problem::field(name, words))).transpose()
    }

    /// A whole number within bounds.
    pub fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<usize>().ok()).flatten();
        let number = number.filter(|number| (least..=most).contains(number));
        number.map(Some).ok_or_else(|| Problem::field(name, format!("a whole number from {least} to {most} is expected")))
    }

    /// How many items are wanted.
    pub fn limit(&self) -> Result<usize, Problem> {
        Ok(self.number("limit", 1, MOST)?.unwrap_or(USUAL))
    }

    /// Where the page before has ended.
    pub fn cursor<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.parsed("cursor", "use `next` of the answer before")
    }
}

/// Whether a text may name a platform or a channel.
pub(super) fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// How many rows to ask for, so that it is seen whether there are more.
pub(super) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl<T: Serialize> Page<T> {
    /// A page of rows of which one more than `limit` was asked for.
    pub fn of(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }

    /// A list that is whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    pub fn response(&self) -> HttpResponse {
        HttpResponse::Ok().json(self)
    }
}

/// What a site's rows are read by: its id, where the page before has ended, and how many more.
#[derive(Clone, Copy)]
pub(super) struct Wanted<T> {
    pub site: SiteId,
    pub cursor: Option<T>,
    pub limit: usize,
}

impl<T: FromStr> Wanted<T> {
    pub fn of(site: SiteId, query: &Query) -> Result<Self, Problem> {
        Ok(Self { site, cursor: query.cursor()?, limit: query.limit()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_the_next_begins() {
        let page = Page::of(vec![1, 2, 3], 2, ToString::to_string);
        assert_eq!((page.items, page.next.as_deref()), (vec![1, 2], Some("2")));
        let page = Page::of(vec![1, 2], 2, ToString::to_string);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
    }

    #[test]
    fn names_are_those_of_the_keyed_api() {
        assert!(
            is_name("Android-fcm") && is_name("ios") && !is_name("") && !is_name("a b") && !is_name("a\0") && !is_name(&"x".repeat(65))
        );
    }
}
