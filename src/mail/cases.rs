//! Letters about cases: what the team finds in the box, and what goes out once it is edited.

use super::letters::Letter;
use super::sheet::Sheet;
use super::words::{Amount, Words};
use super::{Language, Text};
use crate::db::Fault;
use crate::db::types::text_enum;

text_enum! {
    /// What is done about a site in a case.
    pub enum CaseStep {
        Warn => "warn",
        Limit => "limit",
        PushOff => "push_off",
        Suspend => "suspend",
        Lift => "lift",
        Close => "close",
    }
}

/// Tells a site's contact of a step in a case, in the words that staff have left in the box: an empty line between
/// paragraphs, "- " before each point of a list.
pub struct CaseLetter {
    pub step: CaseStep,
    pub hub: String,
    pub name: String,
    pub site_name: String,
    pub site_url: String,
    pub number: i64,
    pub subject: String,
    pub body: String,
    pub link: String,
}

impl Letter for CaseLetter {
    fn kind(&self) -> &'static str {
        match self.step {
            CaseStep::Warn => "case_warn",
            CaseStep::Limit => "case_limit",
            CaseStep::PushOff => "case_push_off",
            CaseStep::Suspend => "case_suspend",
            CaseStep::Lift => "case_lift",
            CaseStep::Close => "case_close",
        }
    }

    fn render(&self, language: Language) -> Result<Text, Fault> {
        let mut sheet = Sheet::new(language, "case");
        sheet.field("hub", &self.hub);
        sheet.field("name", &self.name);
        sheet.field("site_name", &self.site_name);
        sheet.field("site_url", &self.site_url);
        sheet.field("number", &self.number);
        sheet.titled(&self.subject);
        sheet.hello(&self.name);
        sheet.written(&self.body);
        sheet.button("action", &self.link);
        sheet.say("closing");
        sheet.finish(None)
    }
}

/// One signal of a case, in numbers.
#[derive(Clone, Debug)]
pub struct Sign {
    /// The signal's word, such as `flood`.
    pub signal: String,
    /// How much there was; in percent where the signal is a share.
    pub amount: i64,
    /// From how much on it is looked into.
    pub threshold: i64,
    /// The time it is about, as [`Timestamp::readable`](crate::clock::Timestamp::readable) gives it; both may be empty.
    pub from: String,
    pub to: String,
}

/// What a draft is made of.
#[derive(Clone, Debug)]
pub struct CaseFacts {
    pub hub: String,
    pub site_name: String,
    pub site_url: String,
    /// The team's own words; may be empty.
    pub reason: String,
    /// When what is done ends by itself.
    pub until: Option<String>,
    pub signs: Vec<Sign>,
}

/// What staff find in the boxes, and may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub subject: String,
    pub body: String,
}

/// The words for a step, in the language (`es`, `pt_br`) of the site.
pub fn draft(step: CaseStep, language: &str, facts: &CaseFacts) -> Draft {
    let language = Language::of(language);
    let id = match step {
        CaseStep::Warn => "draft-warn",
        CaseStep::Limit => "draft-limit",
        CaseStep::PushOff => "draft-push_off",
        CaseStep::Suspend => "draft-suspend",
        CaseStep::Lift => "draft-lift",
        CaseStep::Close => "draft-close",
    };
    let until = facts.until.as_deref().map(|until| language.moment(until)).unwrap_or_default();
    let words = Words::default()
        .with("hub", &facts.hub)
        .with("site_name", &facts.site_name)
        .with("reason", facts.reason.trim())
        .with("until", &until);
    // A draft that lacks a part is still one: staff read it before it is sent.
    let say = |part| language.say(id, Some(part), &words).ok();
    let accuses = matches!(step, CaseStep::Warn | CaseStep::Limit | CaseStep::PushOff | CaseStep::Suspend);
    let mut parts = vec![say("intro")];
    if accuses {
        let signs: Vec<String> = facts.signs.iter().map(|sign| format!("- {}", evidence(language, sign))).collect();
        parts.push(Some(signs.join("\n")).filter(|signs| !signs.is_empty()));
    }
    if !facts.reason.trim().is_empty() {
        parts.push(say("reason"));
    }
    if step != CaseStep::Lift && step != CaseStep::Close {
        parts.push(say("effect"));
    }
    if !until.is_empty() && matches!(step, CaseStep::Limit | CaseStep::PushOff) {
        parts.push(say("until"));
    }
    parts.push(say("next"));
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Draft { subject: language.say(id, None, &words).unwrap_or_default(), body: parts.join("\n\n") }
}

/// One line of evidence.
fn evidence(language: Language, sign: &Sign) -> String {
    let words = Words::default().with("amount", &Amount(sign.amount)).with("threshold", &Amount(sign.threshold));
    let said = language.say(&format!("sign-{}", sign.signal), None, &words);
    let said = said.unwrap_or_else(|_| format!("{}: {}", sign.signal, sign.amount));
    if sign.from.is_empty() || sign.to.is_empty() {
        return said;
    }
    let (from, to) = (language.moment(&sign.from), language.moment(&sign.to));
    let words = Words::default().with("from", &from).with("to", &to).with("sign", &said);
    language.say("sign-between", None, &words).unwrap_or(said)
}

/// A letter as its reader will see it; nothing is posted.
///
/// # Errors
/// When it can't be rendered, which would be a bug.
pub fn preview(language: &str, letter: &dyn Letter) -> Result<Text, Fault> {
    let mut text = letter.render(Language::of(language))?;
    for part in [&mut text.text, &mut text.html] {
        *part = part.replace(super::SECRET_PLACE, "…").replace(super::UNSUBSCRIBE_PLACE, "…");
    }
    Ok(text)
}
