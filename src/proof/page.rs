//! Finds verification tags in HTML: a small tolerant scanner, since a page need not be well formed.

const NAME: &str = "belfry-verification";

/// The contents of all `<meta name="belfry-verification" content="…">` outside comments, scripts and styles.
pub fn verification_tags(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
        } else if let Some(raw) =
            ["script", "style", "textarea", "title", "template", "noscript"].into_iter().find(|name| opens(rest, name))
        {
            rest = after_raw(rest, raw);
        } else if opens(rest, "meta") {
            let (attributes, after) = attributes(&rest[4..]);
            rest = after;
            let value = |name: &str| attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            if value("name").is_some_and(|name| name.trim().eq_ignore_ascii_case(NAME)) {
                found.extend(value("content").map(|content| content.trim().to_owned()));
            }
        }
    }
    found
}

/// Whether a tag of this name stands here, its `<` gone already.
fn opens(text: &str, name: &str) -> bool {
    let (Some(head), next) = (text.get(..name.len()), text.as_bytes().get(name.len())) else { return false };
    head.eq_ignore_ascii_case(name) && next.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'))
}

/// What follows an element whose content is no markup.
fn after_raw<'a>(text: &'a str, name: &str) -> &'a str {
    let lower = text.to_ascii_lowercase();
    lower.find(&format!("</{name}")).map_or("", |end| &text[end + 2 + name.len()..])
}

/// The attributes of a tag, names in lower case, and what follows the tag.
fn attributes(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        match text.chars().next() {
            None => return (found, ""),
            Some('>') => return (found, &text[1..]),
            Some(_) => {}
        }
        // At least one character, so that this always goes on.
        let end = text
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))
            .map_or(text.len(), |(i, _)| i);
        let name = text[..end].to_ascii_lowercase();
        text = text[end..].trim_start();
        let mut value = String::new();
        if let Some(after) = text.strip_prefix('=') {
            (value, text) = attribute_value(after.trim_start());
        }
        found.push((name, value));
    }
}

fn attribute_value(text: &str) -> (String, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            let end = inner.find(quote).unwrap_or(inner.len());
            return (inner[..end].replace("&amp;", "&"), inner.get(end + 1..).unwrap_or(""));
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_found_however_they_are_written() {
        for html in [
            r#"<meta name="belfry-verification" content="abc">"#,
            r#"<html><head><META CONTENT='abc' NAME='Belfry-Verification' /></head>"#,
            "<meta name=belfry-verification content=abc>",
            "<meta\n  property=x\n name = \"belfry-verification\"\n content = \"abc\">",
            r#"<script>if (a < b) "<meta name='x'>"</script><meta name="belfry-verification" content=" abc ">"#,
        ] {
            assert_eq!(verification_tags(html), ["abc"], "{html}");
        }
    }

    #[test]
    fn what_is_no_tag_of_the_page_does_not_count() {
        for html in [
            r#"<!-- <meta name="belfry-verification" content="abc"> -->"#,
            r#"<script>'<meta name="belfry-verification" content="abc">'</script>"#,
            r#"<textarea><meta name="belfry-verification" content="abc"></textarea>"#,
            r#"&lt;meta name="belfry-verification" content="abc"&gt;"#,
            r#"<meta name="description" content='<meta name="belfry-verification" content="abc">'>"#,
            r#"<metadata name="belfry-verification" content="abc">"#,
        ] {
            assert!(verification_tags(html).is_empty(), "{html}");
        }
    }

    proptest! {
        #[test]
        fn a_planted_tag_is_found_in_any_text(before in "[^<]{0,200}", after in "\\PC{0,200}", token in "[A-Za-z0-9_-]{1,50}") {
            let html = format!("{before}<meta name=\"belfry-verification\" content=\"{token}\">{after}");
            prop_assert!(verification_tags(&html).contains(&token));
        }

        #[test]
        fn junk_never_panics(html in "(<|>|/|=|\"|'|!|--|meta|script|name|content|belfry-verification| |ä|.){0,100}") {
            let _ = verification_tags(&html);
        }
    }
}
