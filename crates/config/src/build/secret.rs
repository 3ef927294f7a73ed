//! Reads secrets: the configuration references them, the environment or a file holds them, and they are never
//! shown.

use secrecy::SecretString;

use super::{Build, failing};
use crate::Secrets;
use crate::path::KeyPath;
use crate::tables::bronzed::SecretTable;

impl Build<'_> {
    /// Reads the secret that a table refers to.
    pub fn secret_of(&mut self, path: &KeyPath, table: &SecretTable) -> SecretString {
        self.secret(
            (&path.key("env"), table.env.as_deref()),
            (&path.key("file"), table.file.as_deref()),
        )
    }

    /// Reads a secret from the variable named by the key at `env`, or from the file named by the key at
    /// `file`; exactly one of them must be set.
    pub fn secret(
        &mut self,
        env: (&KeyPath, Option<&str>),
        file: (&KeyPath, Option<&str>),
    ) -> SecretString {
        let (env_path, file_path) = (env.0, file.0);
        match (env.1, file.1) {
            (Some(name), None) => self.secret_in_variable(env_path, name),
            (None, Some(name)) => self.secret_in_file(file_path, name),
            (Some(_), Some(_)) => {
                let what = format!("`{env_path}` and `{file_path}` both name a secret");
                self.complain(file_path, what, "keep one of the two");
                SecretString::default()
            }
            (None, None) => {
                if !self.meant(env_path) && !self.meant(file_path) {
                    self.complain(
                        env_path,
                        format!("neither `{env_path}` nor `{file_path}` is there"),
                        "name the variable or the file that has the secret",
                    );
                }
                SecretString::default()
            }
        }
    }

    fn secret_in_variable(&mut self, path: &KeyPath, name: &str) -> SecretString {
        match self.environment.get(name).map(|value| value.trim()) {
            Some(value) if !value.is_empty() => value.into(),
            found => {
                let state = if found.is_some() {
                    "is empty"
                } else {
                    "isn't set"
                };
                if names_a_variable(name) {
                    self.lacks_secret(
                        path,
                        format!("`{path}` names the variable `{name}`, which {state}"),
                        format!("set `{name}` in the environment"),
                    );
                } else {
                    self.complain(
                        path,
                        format!("what `{path}` says isn't the name of a variable"),
                        "write the name of the variable that has the secret, not the secret itself",
                    );
                }
                SecretString::default()
            }
        }
    }

    fn secret_in_file(&mut self, path: &KeyPath, name: &str) -> SecretString {
        let file = self.named_file(path, name);
        let shown = self.files.name(&file);
        let state = match self.files.read(&file) {
            Ok(text) if !text.trim().is_empty() => return text.trim().into(),
            Ok(_) => "is empty".to_owned(),
            Err(error) => failing(&error),
        };
        self.lacks_secret(
            path,
            format!("`{path}` names the file {shown}, which {state}"),
            "write the path of a file that has the secret",
        );
        SecretString::default()
    }

    /// Reports a missing secret; a warning if the settings are loaded for display only.
    fn lacks_secret(&mut self, path: &KeyPath, what: String, instead: impl Into<String>) {
        match self.secrets {
            Secrets::Needed => self.complain(path, what, instead),
            Secrets::Spared => self.problems.warn(self.layers.place(path), what, instead),
        }
    }
}

/// Returns `true` if a text has the form of a variable name. Any other text may be a secret written in its
/// place, and is not shown.
fn names_a_variable(text: &str) -> bool {
    let of_a_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.bytes().all(of_a_name)
}
