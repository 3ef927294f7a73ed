//! Rules on answers.

use super::Build;
use crate::config::place::KeyPath;
use crate::config::raw::dataset::ResponseTable;
use crate::source::declaration::{Action, ResponseRule};

impl Build<'_> {
    /// The rules of one list.
    pub fn responses(&mut self, path: &KeyPath, tables: &[ResponseTable]) -> Vec<ResponseRule> {
        let rule = |(position, table)| self.response(&path.index(position), table);
        tables.iter().enumerate().filter_map(rule).collect()
    }

    fn response(&mut self, path: &KeyPath, table: &ResponseTable) -> Option<ResponseRule> {
        let conditions = [
            table.status.is_some(),
            table.content_type.is_some(),
            table.body_contains.is_some(),
            table.body_empty.is_some(),
            table.body_path.is_some(),
        ];
        let keys = [
            "status",
            "content_type",
            "body_contains",
            "body_empty",
            "body_path",
        ];
        let refused = keys
            .iter()
            .any(|key| self.places.is_refused(&path.key(key)));
        if !conditions.contains(&true) && !refused {
            let cure = format!("write one or more of {}", keys.join(", "));
            self.complain(
                path,
                "a rule without a condition would match every answer",
                cure,
            );
        }
        match (&table.body_path, &table.equals) {
            (Some(_), None) => {
                self.lacks(
                    &path.key("equals"),
                    "`body_path` is compared with it",
                    "write equals = \"…\"",
                );
            }
            (None, Some(_)) => {
                self.lacks(
                    &path.key("body_path"),
                    "`equals` is what stands there",
                    "write body_path = \"/…\"",
                );
            }
            _ => {}
        }
        let action = table.action?;
        if table.max_attempts.is_some() && action != Action::Retry {
            let path = path.key("max_attempts");
            let what = format!("`{path}` means nothing where the action isn't `retry`");
            self.complain(&path, what, "leave it out, or write action = \"retry\"");
        }
        let body_path = table.body_path.as_deref();
        let body_path = body_path.map(|text| self.pointer(&path.key("body_path"), text));
        Some(ResponseRule {
            status: table.status,
            content_type: table.content_type.clone(),
            body_contains: table.body_contains.clone(),
            body_empty: table.body_empty,
            body_equals: body_path.zip(table.equals.clone().map(|text| text.0)),
            action,
            max_attempts: table.max_attempts,
        })
    }
}
