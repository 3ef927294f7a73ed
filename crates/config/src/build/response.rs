//! Builds rules on responses.

use super::Build;
use crate::path::KeyPath;
use crate::tables::dataset::ResponseTable;
use crate::text::value;
use bronzed_model::declaration::{Action, ResponseRule, Wait};

impl Build<'_> {
    /// Builds the rules of one list; `of_child` is `true` for the rules of a child dataset.
    pub fn responses(
        &mut self,
        path: &KeyPath,
        tables: &[ResponseTable],
        of_child: bool,
    ) -> Vec<ResponseRule> {
        let rules = tables.iter().enumerate().filter_map(|(position, table)| {
            let path = path.index(position);
            if table.action == Some(Action::Skip) && !of_child {
                let path = path.key("action");
                let what = format!("`{path} = \"skip\"`, but only a child has a parent to skip");
                let hint = "write `empty` or `fail`, or move the rule to a dataset of kind `child`";
                self.complain(&path, what, hint);
            }
            self.response(&path, table)
        });
        rules.collect()
    }

    fn response(&mut self, path: &KeyPath, table: &ResponseTable) -> Option<ResponseRule> {
        let conditions = [
            "status",
            "content_type",
            "body_contains",
            "body_empty",
            "body_path",
        ];
        if !conditions.iter().any(|key| self.meant(&path.key(key))) {
            let what = "a rule without a condition would match every answer";
            let hint = format!("write one or more of {}", conditions.join(", "));
            self.complain(path, what, hint);
        }
        let (body_path, equals) = (path.key("body_path"), path.key("equals"));
        if self.said(&body_path) {
            self.needs(
                &equals,
                "`body_path` is compared with it",
                "write equals = \"…\"",
            );
        }
        if self.said(&equals) {
            self.needs(
                &body_path,
                "`equals` is what stands there",
                "write body_path = \"/…\"",
            );
        }
        let action = table.action?;
        if action != Action::Retry {
            let problem = "means nothing where the action isn't `retry`";
            let hint = "leave it out, or write action = \"retry\"";
            self.refuses(&path.key("max_attempts"), problem, hint);
        }
        let wait = self.wait(path, table, action);
        let body_path = value(&table.body_path);
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
    fn wait(&mut self, path: &KeyPath, table: &ResponseTable, action: Action) -> Option<Wait> {
        let (header, pattern) = (path.key("wait_header"), path.key("wait_pattern"));
        if !matches!(action, Action::Retry | Action::RateLimited) {
            let problem = "means nothing where the action is neither `rate_limited` nor `retry`";
            let hint = "leave it out, or write action = \"rate_limited\"";
            self.refuses(&header, problem, hint);
            self.refuses(&pattern, problem, hint);
        }
        if let Some(name) = &table.wait_header {
            let hint = "keep the one that the API really has";
            self.refuses(&pattern, "is said beside `wait_header`", hint);
            self.header_name(&header, name);
            return Some(Wait::Header(name.clone()));
        }
        value(&table.wait_pattern).map(Wait::Pattern)
    }
}
