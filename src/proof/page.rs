//! Finds verification tags in the head of an HTML page: a small tolerant scanner, since a page need not be well formed.
//! What stands below the head may be written by a site's users, who prove nothing.

const NAME: &[u8] = b"belfry-verification";

/// The contents of all `<meta name="belfry-verification" content="…">` in the head of a page. Takes time in proportion to
/// the page's length, whatever stands in it.
pub fn verification_tags(html: &[u8]) -> Vec<String> {
    let (mut found, mut rest, mut templates) = (Vec::new(), html, 0_usize);
    while let Some((tag, after)) = next_tag(rest) {
        rest = after;
        let name = tag.name.as_slice();
        match (name, tag.closes) {
            (b"template", false) => templates += 1,
            (b"template", true) => templates = templates.saturating_sub(1),
            (b"title" | b"script" | b"style" | b"noscript", false) => rest = from_end_tag(rest, name),
            // Only a template may hold more in a head, and nothing in it counts.
            (b"textarea" | b"iframe" | b"xmp" | b"noembed" | b"noframes", false) if templates > 0 => rest = from_end_tag(rest, name),
            _ if templates > 0 => {}
            (b"meta", false) => found.extend(tag.token()),
            (b"html" | b"head" | b"link" | b"base", false) => {}
            // The head ends with its end tag, or with a tag that can't stand in one.
            (b"head" | b"body" | b"html", true) | (_, false) => break,
            (_, true) => {}
        }
    }
    found
}

/// A tag, with those of its attributes that matter here.
struct Tag<'a> {
    closes: bool,
    /// In lower case.
    name: Vec<u8>,
    name_attribute: Option<&'a [u8]>,
    content_attribute: Option<&'a [u8]>,
}

impl Tag<'_> {
    /// What it says, if it is a verification tag.
    fn token(&self) -> Option<String> {
        let is_ours = self.name_attribute?.trim_ascii().eq_ignore_ascii_case(NAME);
        self.content_attribute.filter(|_| is_ours).map(|content| String::from_utf8_lossy(content).trim().to_owned())
    }
}

/// The next tag and what follows it; comments, doctypes and processing instructions are passed over. `None` where no tag
/// ends any more.
fn next_tag(mut text: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    loop {
        text = behind(text, b"<")?;
        match *text.first()? {
            // The dashes of its beginning may end a comment too: `<!-->`.
            b'!' if text.starts_with(b"!--") => text = behind(&text[1..], b"-->")?,
            b'!' | b'?' => text = behind(text, b">")?,
            b'/' if text.get(1).is_some_and(u8::is_ascii_alphabetic) => return read_tag(&text[1..], true),
            // To a browser this is a comment.
            b'/' => text = behind(text, b">")?,
            first if first.is_ascii_alphabetic() => return read_tag(text, false),
            _ => {}
        }
    }
}

/// What follows the first `mark`.
fn behind<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    text.windows(mark.len()).position(|part| part == mark).map(|at| &text[at + mark.len()..])
}

/// Where the end tag of an element begins whose content is no markup; an empty rest if it never ends.
fn from_end_tag<'a>(mut text: &'a [u8], name: &[u8]) -> &'a [u8] {
    while let Some(at) = text.iter().position(|b| *b == b'<') {
        text = &text[at..];
        let closing = text.strip_prefix(b"</").and_then(|rest| rest.split_at_checked(name.len()));
        if closing.is_some_and(|(word, after)| word.eq_ignore_ascii_case(name) && after.first().is_none_or(|b| ends_name(*b))) {
            return text;
        }
        text = &text[1..];
    }
    b""
}

fn ends_name(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/')
}

/// The tag whose `<` or `</` is gone already, and what follows it. `None` if it never ends.
fn read_tag(text: &[u8], closes: bool) -> Option<(Tag<'_>, &[u8])> {
    let (name, mut text) = text.split_at(text.iter().position(|b| ends_name(*b))?);
    let mut tag = Tag { closes, name: name.to_ascii_lowercase(), name_attribute: None, content_attribute: None };
    loop {
        let start = text.iter().position(|b| !b.is_ascii_whitespace() && *b != b'/')?;
        text = &text[start..];
        if let Some(after) = text.strip_prefix(b">") {
            return Some((tag, after));
        }
        // At least one character, whichever it is, so that this always goes on.
        let end = 1 + text[1..].iter().position(|b| ends_name(*b) || *b == b'=')?;
        let (attribute, after) = text.split_at(end);
        let after = after.trim_ascii_start();
        let (value, after) = match after.strip_prefix(b"=") {
            Some(value) => read_value(value.trim_ascii_start())?,
            None => (&after[..0], after),
        };
        text = after;
        // Of two with the same name the first counts, as in a browser.
        if attribute.eq_ignore_ascii_case(b"name") {
            tag.name_attribute.get_or_insert(value);
        } else if attribute.eq_ignore_ascii_case(b"content") {
            tag.content_attribute.get_or_insert(value);
        }
    }
}

/// The value of an attribute, and what follows it. `None` if it never ends.
fn read_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match *text.first()? {
        quote @ (b'"' | b'\'') => {
            let inner = &text[1..];
            let end = inner.iter().position(|b| *b == quote)?;
            Some((&inner[..end], &inner[end + 1..]))
        }
        _ => Some(text.split_at(text.iter().position(|b| b.is_ascii_whitespace() || *b == b'>')?)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;
    use crate::proof::PAGE_BYTES;

    const TAG: &str = r#"<meta name="belfry-verification" content="abc">"#;

    fn tags(html: &str) -> Vec<String> {
        verification_tags(html.as_bytes())
    }

    #[test]
    fn tags_are_found_however_they_are_written() {
        for html in [
            r#"<meta name="belfry-verification" content="abc">"#,
            r#"<html><head><META CONTENT='abc' NAME='Belfry-Verification' /></head>"#,
            "<meta name=belfry-verification content=abc>",
            "<meta\n  property=x\n name = \"belfry-verification\"\n content = \"abc\">",
            r#"<script>if (a < b) "<meta name='x'>"</script><meta name="belfry-verification" content=" abc ">"#,
            r#"<meta name="belfry-verification" content="abc" name="x" content="y">"#,
        ] {
            assert_eq!(tags(html), ["abc"], "{html}");
        }
    }

    #[test]
    fn what_may_stand_in_a_head_does_not_end_it() {
        for before in [
            "<!DOCTYPE html>\n<html dir=\"ltr\" lang=\"en\">\n<head>\n<meta charset=utf-8>",
            "\u{feff}<?xml version=\"1.0\"?><!DOCTYPE html><html><head>",
            "<title>Home > <body> </head> a page</title>",
            "<link rel=icon href=/favicon.ico /><base href=\"/a>b\"><meta name=\"description\" content=\"</head><body>\">",
            "<style>p > a { content: '<p>' }</style><script src=x></script><script/>var html = '<body></p>';</SCRIPT\n>",
            "<script></scriptx></script-x></ script></script/>",
            "<noscript><img src=x></noscript><template><div></head><body><textarea></template></textarea></div></template>",
            "<!-- <body> --><!--><!---><!-- a > b -- c --><![if x]><![endif]></><//>",
            "some words, 1 < 2 <3 << ",
            "</p></div title=\">\"></title></script></template>",
        ] {
            assert_eq!(tags(&format!("{before}{TAG}")), ["abc"], "{before}");
        }
    }

    #[test]
    fn what_is_no_tag_of_the_page_does_not_count() {
        for html in [
            r#"<!-- <meta name="belfry-verification" content="abc"> -->"#,
            r#"<script>'<meta name="belfry-verification" content="abc">'</script>"#,
            r#"<script>'</scriptx><meta name="belfry-verification" content="abc">'</script>"#,
            r#"<title><meta name="belfry-verification" content="abc"></title>"#,
            r#"<noscript><meta name="belfry-verification" content="abc"></noscript>"#,
            r#"<template><meta name="belfry-verification" content="abc"></template>"#,
            r#"<template><template></template><meta name="belfry-verification" content="abc"></template>"#,
            r#"<textarea><meta name="belfry-verification" content="abc"></textarea>"#,
            r#"&lt;meta name="belfry-verification" content="abc"&gt;"#,
            r#"<meta name="description" content='<meta name="belfry-verification" content="abc">'>"#,
            r#"<metadata name="belfry-verification" content="abc">"#,
            r#"</meta name="belfry-verification" content="abc">"#,
            r#"<meta name="belfry-verification" content="abc""#,
            r#"<meta name="belfry-verification" content="abc>"#,
        ] {
            assert!(tags(html).is_empty(), "{html}");
        }
    }

    /// A tag in an attribute, as in a title that a user typed, once counted.
    #[test]
    fn attributes_of_other_tags_do_not_count() {
        for html in [
            r#"<div title='<meta name="belfry-verification" content="abc">'>"#,
            r#"<html data-x='<meta name="belfry-verification" content="abc">'>"#,
            r#"<link title='<meta name="belfry-verification" content="abc">'>"#,
            r#"<link title = '><meta name="belfry-verification" content="abc">'>"#,
            r#"<script data-x='</script><meta name="belfry-verification" content="abc">'></script>"#,
            r#"</p title='<meta name="belfry-verification" content="abc">'>"#,
            r#"<link title='<meta name="belfry-verification" content="abc">"#,
        ] {
            assert!(tags(html).is_empty(), "{html}");
        }
    }

    #[test]
    fn what_follows_the_head_does_not_count() {
        for before in [
            "<html><head></head>",
            "<head></HEAD >",
            "<head></head/>",
            "</head x='>'>",
            "<body>",
            "<BODY\nclass=x>",
            "</body>",
            "</html>",
            "<p>",
            "<head><title>x</title><div>",
            "<img src=x/>",
            "<textarea></textarea>",
            "<svg><title></title></svg>",
            "<script-x></script-x>",
            "<template></template><br>",
        ] {
            assert!(tags(&format!("{before}{TAG}")).is_empty(), "{before}");
            assert_eq!(tags(&format!("{TAG}{before}{TAG}")), ["abc"], "{before}");
        }
    }

    /// Each `<script>` once cost a copy of all that followed: seconds for one page.
    #[test]
    fn no_page_takes_long() {
        let rows = [
            ("<script></script>", true),
            ("<script></scriptx></script>", true),
            ("<template></template>", true),
            ("<link a=b c='d'>", true),
            ("<!---->", true),
            ("<", true),
            ("a", true),
            // All of it is one tag, whose attributes they are.
            ("<meta ", true),
            ("<script>", false),
            ("<script></", false),
            ("<template>", false),
            ("<!--", false),
            ("</", false),
            ("<a", false),
            ("/ ", true),
        ];
        for (part, found) in rows {
            let html = part.repeat(PAGE_BYTES / part.len()) + TAG;
            let began = Instant::now();
            let tags = tags(&html);
            let took = began.elapsed();
            assert_eq!(!tags.is_empty(), found, "{part}");
            assert!(took < Duration::from_secs(1), "{part} took {took:?}");
        }
    }

    proptest! {
        #[test]
        fn a_planted_tag_is_found_in_any_text(before in "[^<]{0,200}", after in "\\PC{0,200}", token in "[A-Za-z0-9_-]{1,50}") {
            let html = format!("{before}<meta name=\"belfry-verification\" content=\"{token}\">{after}");
            prop_assert!(tags(&html).contains(&token));
        }

        #[test]
        fn junk_never_panics(html in "(<|>|/|=|\"|'|!|--|meta|script|template|name|content|belfry-verification| |ä|.){0,100}") {
            let _ = tags(&html);
        }
    }
}
