//! The judge in Python, which goes on from one judgement to the next: `tests/python/crashed.py`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::support::python::delta_python;

/// A running judge.
pub struct Judge {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Number of judgements.
    pub judged: u32,
}

/// Tables of a lake that are judged.
pub struct JudgedTables<'a> {
    pub lake: String,
    /// Prefixes of bronze tables.
    pub bronze: &'a [&'a str],
    /// Prefixes of silver tables, each with its kind.
    pub silver: &'a [(&'a str, &'a str)],
    /// Ids that were noted as withdrawn, an entry for each time.
    pub notes: &'a [(String, Vec<String>)],
}

impl Judge {
    pub fn start() -> Self {
        let mut script = delta_python().script("crashed.py");
        let script = script.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().expect("the judge starts");
        Self {
            input: child.stdin.take().expect("its input"),
            output: BufReader::new(child.stdout.take().expect("its output")),
            child,
            judged: 0,
        }
    }

    /// Fails the test unless the tables are as they may be; if `whole`, as they must be when nothing is left to do.
    #[track_caller]
    pub fn assert_tables(&mut self, tables: &JudgedTables<'_>, whole: bool, after: &str) {
        let asked = json!({
            "lake": tables.lake,
            "bronze": tables.bronze,
            "silver": tables.silver,
            "notes": tables.notes,
            "whole": whole,
        });
        writeln!(self.input, "{asked}").expect("the judge listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the judge answers");
        let answer: Value = serde_json::from_str(&line).expect("a judgement");
        assert_eq!(answer["violations"], json!([]), "{after}: {answer}");
        self.judged += 1;
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
