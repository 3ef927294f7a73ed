//! Builds rules on responses.

use regex::Regex;

use super::Build;
use crate::place::KeyPath;
use crate::raw::dataset::ResponseTable;
use bronzed_model::declaration::{Action, ResponseRule, Wait};

impl Build<'_> {
    /// Builds the rules of one list; `of_child` is `true` for the rules of a child dataset.
    pub fn responses(
        &mut self,
        path: &KeyPath,
        tables: &[ResponseTable],
        of_child: bool,
    ) -> Vec<ResponseRule> {
        for (position, table) in tables.iter().enumerate() {
            if table.action == Some(Action::Skip) && !of_child {
                let path = path.index(position).key("action");
                let what = format!("`{path} = \"skip\"`, but only a child has a parent to skip");
                let hint = "write `empty` or `fail`, or move the rule to a dataset of kind `child`";
                self.complain(&path, what, hint);
            }
        }
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
            let hint = format!("write one or more of {}", keys.join(", "));
            self.complain(
                path,
                "a rule without a condition would match every answer",
                hint,
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
        let wait = self.wait_of_rule(path, table, action);
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
            wait,
        })
    }

    /// Returns the place in a response that states the delay. `None` if the rule declares none.
    fn wait_of_rule(
        &mut self,
        path: &KeyPath,
        table: &ResponseTable,
        action: Action,
    ) -> Option<Wait> {
        let waits = matches!(action, Action::Retry | Action::RateLimited);
        let said = [
            ("wait_header", table.wait_header.is_some()),
            ("wait_pattern", table.wait_pattern.is_some()),
        ];
        for (key, _) in said.iter().filter(|(_, said)| *said && !waits) {
            let path = path.key(key);
            let what = format!(
                "`{path}` means nothing where the action is neither `rate_limited` nor `retry`"
            );
            self.complain(
                &path,
                what,
                "leave it out, or write action = \"rate_limited\"",
            );
        }
        match (&table.wait_header, &table.wait_pattern) {
            (Some(_), Some(_)) => {
                let path = path.key("wait_pattern");
                let what = format!("`{path}` is said beside `wait_header`");
                self.complain(&path, what, "keep the one that the API really has");
                None
            }
            (Some(header), None) => {
                self.header_name(&path.key("wait_header"), header);
                Some(Wait::Header(header.clone()))
            }
            (None, Some(pattern)) => self.wait_pattern(&path.key("wait_pattern"), pattern),
            (None, None) => None,
        }
    }

    fn wait_pattern(&mut self, path: &KeyPath, text: &str) -> Option<Wait> {
        let right = "write one group around the digits: \"Try again in ([0-9]+) seconds\"";
        match Regex::new(text) {
            Ok(pattern) if pattern.captures_len() == 2 => Some(Wait::Pattern(pattern)),
            Ok(pattern) => {
                let groups = pattern.captures_len() - 1;
                let what = format!("`{path}` has {groups} groups, where one captures the seconds");
                self.complain(path, what, right);
                None
            }
            Err(error) => {
                // The library prints the position on several lines; the last one is the reason.
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ");
                let what = format!("`{path}` is not a regular expression: {reason}");
                self.complain(path, what, right);
                None
            }
        }
    }
}
