//! CSV answers.

/// Form of a CSV answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvFormat {
    /// Character between the fields of a row.
    pub delimiter: char,
    /// Encoding of the text.
    pub encoding: CsvEncoding,
    /// Names of the columns of an answer without a header. `None`: the first row names them.
    pub columns: Option<Vec<String>>,
    /// `true` if the last row ends with a line break, too: one that doesn't was cut off.
    pub final_newline: bool,
    /// End of the name of the file to read in a ZIP archive with several. `None`: there is one.
    pub file: Option<String>,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            delimiter: ',',
            encoding: CsvEncoding::Utf8,
            columns: None,
            final_newline: true,
            file: None,
        }
    }
}

/// Encoding of a CSV answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CsvEncoding {
    /// UTF-8, or what the answer declares.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO-8859-1, read as windows-1252.
    #[serde(rename = "latin-1")]
    Latin1,
}
