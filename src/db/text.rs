//! How queries look at text.

use diesel::sql_types::{Nullable, Text};

diesel::define_sql_function! {
    /// Lower case, of ASCII letters at least: SQLite's own knows no others.
    fn lower(text: Text) -> Text;
}

diesel::define_sql_function! {
    /// Lower case, of ASCII letters at least, of a text that may not be there.
    #[sql_name = "lower"]
    fn lower_if_any(text: Nullable<Text>) -> Nullable<Text>;
}

/// A text as a part of a pattern for `LIKE … ESCAPE '\'`: whatever people type stands for itself.
pub fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A pattern for `LIKE … ESCAPE '\'` that a text fits which has this one in it.
pub fn with(text: &str) -> String {
    format!("%{}%", literal(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stands_for_itself() {
        assert_eq!(with(r"100 %_\"), r"%100 \%\_\\%");
    }
}
