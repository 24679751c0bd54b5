//! A letter in the making: its parts one after the other, then the same in text and in HTML.

use askama::Template;

use super::words::{self, Language, Word, Words};
use super::{Topic, UNSUBSCRIBE_PLACE};
use crate::db::Fault;

/// A letter's words, ready to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// A part of a letter.
enum Block {
    Say(String),
    /// A paragraph of somebody's own lines.
    Lines(Vec<String>),
    /// Label and value.
    Facts(Vec<(String, String)>),
    /// What somebody wrote, line by line.
    Quote(Vec<String>),
    Button {
        label: String,
        link: String,
    },
    List(Vec<String>),
}

/// How letters of kinds that nobody must get are stopped.
struct Stop {
    words: String,
    action: String,
    link: &'static str,
}

#[derive(Template)]
#[template(path = "mail/letter.txt", escape = "none")]
struct PlainLetter<'a> {
    hub: &'a str,
    blocks: &'a [Block],
    about: &'a [(String, String)],
    stop: &'a Option<Stop>,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct HtmlLetter<'a> {
    language: &'a str,
    direction: &'a str,
    /// Where a line begins: not every mail program knows `start`.
    start: &'a str,
    hub: &'a str,
    or_open: &'a str,
    blocks: &'a [Block],
    about: &'a [(String, String)],
    stop: &'a Option<Stop>,
}

/// A letter in the making. What goes wrong is kept until it is finished.
pub(super) struct Sheet<'a> {
    language: Language,
    /// The message that has the letter's words.
    id: &'a str,
    words: Words,
    hub: String,
    site: Option<(String, String)>,
    subject: Option<String>,
    blocks: Vec<Block>,
    fault: Option<Fault>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(language: Language, id: &'a str) -> Self {
        let words = Words::default();
        Self { language, id, words, hub: String::new(), site: None, subject: None, blocks: Vec::new(), fault: None }
    }

    /// What the letter is about, by name. Links are no part of its words.
    pub(super) fn field(&mut self, name: &'static str, value: &impl Word) {
        if name.starts_with("link") {
            return;
        }
        let Some(text) = value.text() else { return self.words.set(name, value) };
        match name {
            "hub" => self.hub = words::line(text).into_owned(),
            "site_name" => self.site.get_or_insert_default().0 = words::line(text).into_owned(),
            "site_url" => self.site.get_or_insert_default().1 = words::line(text).into_owned(),
            _ => {}
        }
        let is_moment = matches!(name, "until" | "since" | "when");
        let text = if is_moment { self.language.moment(text) } else { text.to_owned() };
        self.words.set(name, &text);
    }

    fn word(&mut self, part: &str) -> String {
        self.said(self.id, Some(part))
    }

    fn said(&mut self, id: &str, part: Option<&str>) -> String {
        self.language.say(id, part, &self.words).unwrap_or_else(|fault| {
            self.fault = Some(fault);
            String::new()
        })
    }

    /// The greeting.
    pub(super) fn hello(&mut self, name: &str) {
        let hello = self.said("hello", name.trim().is_empty().then_some("nobody"));
        self.blocks.push(Block::Say(hello));
    }

    /// A paragraph.
    pub(super) fn say(&mut self, part: &str) {
        let said = self.word(part);
        self.blocks.push(Block::Say(said));
    }

    /// A label and what it says; those that follow each other stand together. Without a value it is left out.
    pub(super) fn fact(&mut self, part: &str, value: &str) {
        if value.trim().is_empty() {
            return;
        }
        let fact = (self.word(part), self.language.moment(&words::line(value)));
        match self.blocks.last_mut() {
            Some(Block::Facts(facts)) => facts.push(fact),
            _ => self.blocks.push(Block::Facts(vec![fact])),
        }
    }

    /// What somebody wrote, after words that say who. Where nobody wrote anything it is left out.
    pub(super) fn quote(&mut self, part: &str, text: &str) {
        let lines = words::lines(text);
        if !lines.is_empty() {
            self.say(part);
            self.blocks.push(Block::Quote(lines));
        }
    }

    /// A link as a button.
    pub(super) fn button(&mut self, part: &str, link: &str) {
        let label = self.word(part);
        self.blocks.push(Block::Button { label, link: link.to_owned() });
    }

    /// What the team wrote: an empty line between paragraphs, "- " before each point of a list.
    pub(super) fn written(&mut self, body: &str) {
        for paragraph in words::lines(body).split(String::is_empty) {
            let mut begun = false;
            for line in paragraph {
                match (line.strip_prefix("- "), self.blocks.last_mut()) {
                    (Some(point), Some(Block::List(points))) if begun => points.push(point.trim().to_owned()),
                    (Some(point), _) => self.blocks.push(Block::List(vec![point.trim().to_owned()])),
                    (None, Some(Block::Lines(lines))) if begun => lines.push(line.clone()),
                    (None, _) => self.blocks.push(Block::Lines(vec![line.clone()])),
                }
                begun = true;
            }
        }
    }

    /// A subject that the team wrote, in place of the letter's own.
    pub(super) fn titled(&mut self, subject: &str) {
        self.subject = Some(words::line(subject).into_owned()).filter(|subject| !subject.trim().is_empty());
    }

    /// # Errors
    /// When words are missing or a template fails: bugs that the tests of all letters find.
    pub(super) fn finish(mut self, topic: Option<Topic>) -> Result<Text, Fault> {
        let subject = match self.subject.take() {
            Some(subject) => subject,
            None => self.said(self.id, None),
        };
        let (or_open, signature) = (self.said("open-link", None), self.said("signs-off", None));
        let mut about = Vec::new();
        if let Some((name, address)) = self.site.take() {
            about = vec![(self.said("about", Some("site")), name), (self.said("about", Some("address")), address)];
        }
        let stop = topic.map(|_| Stop {
            words: self.said("optional", None),
            action: self.said("optional", Some("action")),
            link: UNSUBSCRIBE_PLACE,
        });
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let (direction, blocks) = (self.language.direction(), &self.blocks[..]);
        let plain = PlainLetter { hub: &signature, blocks, about: &about, stop: &stop };
        let html = HtmlLetter {
            language: self.language.as_str(),
            direction,
            start: if direction == "rtl" { "right" } else { "left" },
            hub: &self.hub,
            or_open: &or_open,
            blocks,
            about: &about,
            stop: &stop,
        };
        let broken = |e: askama::Error| Fault::Unreadable(format!("the template of letters: {e}"));
        Ok(Text { subject: one_line(&subject), text: plain.render().map_err(broken)?, html: html.render().map_err(broken)? })
    }
}

/// One line, whatever a field brought along: it becomes a header.
fn one_line(subject: &str) -> String {
    subject.split_whitespace().collect::<Vec<_>>().join(" ")
}
