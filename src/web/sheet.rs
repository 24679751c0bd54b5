//! Files for spreadsheets.

use actix_web::web::Bytes;

/// A text in a cell. What a spreadsheet would take for a formula begins with an apostrophe.
pub fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// Rows of a file (RFC 4180), below the line of its columns where they are the first ones.
///
/// # Errors
/// When a row has another number of cells than those before it.
pub fn rows<const N: usize>(columns: Option<[&str; N]>, rows: impl Iterator<Item = [String; N]>) -> anyhow::Result<Bytes> {
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if let Some(columns) = columns {
        file.write_record(columns)?;
    }
    for row in rows {
        file.write_record(row)?;
    }
    Ok(file.into_inner().map_err(csv::IntoInnerError::into_error)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["", "Phone", "…abcdef", "a=b", "'=1"] {
            assert_eq!(cell(text), text);
        }
    }

    #[test]
    fn a_file_has_its_columns_once() {
        let row = || std::iter::once(["a,b".to_owned(), "\"c\"".to_owned()]);
        assert_eq!(rows(Some(["x", "y"]), row()).unwrap(), "x,y\r\n\"a,b\",\"\"\"c\"\"\"\r\n");
        assert_eq!(rows(None, row()).unwrap(), "\"a,b\",\"\"\"c\"\"\"\r\n");
    }
}
