"""Judges one day of a lake by what the API had served, and shares no code with the program.

    oracle.py LAKE PREFIX DAY KEY TESTIMONY [--expect all|some] [--version none|content|FIELD]
              [--kind dated|snapshot]

KEY is the field that ids are made of, or several with commas between them; `_parent_id` is a
child's parent, and /itens/numeroItem a field further down. Of a feed, and of a child, a day is
judged as of any dataset. A snapshot's day is judged by what is in force after it: the newest row of
each key of this day and the days before, unless it has vanished.

TESTIMONY is a JSON file, the word of those who know:
    {"records": [{"listing": "visible", "record": {…}, "parent": …}, …],          what the API holds
     "requests": [{"ordinal": 1, "slice": …, "page": …, "rows": …, …}, …],          what it was asked
     "runs": [{"from": 1, "until": 57, "alone": true, "report": {…}}, …]}          what each run said,
                              which of the requests came meanwhile, and whether all of them were its

Prints {"violations": [...], "facts": {...}} and exits with 1 if there is any violation. Each one
begins with the promise that is broken.
"""

import argparse
import collections
import json
import re
import sys

import canonical
import lake

FINISHED = {"ok", "partial", "failed"}
STATUSES = FINISHED | {"running", "recovered", "adopted"}
NUMBERED = re.compile(r"_c(\d{6,})\.parquet$")
# What a person has decided of a day is no run, and has no status.
RULINGS = {"accept", "accept --undo", "forget"}


def main():
    arguments = argparse.ArgumentParser()
    for name in ("lake", "prefix", "day", "key", "testimony"):
        arguments.add_argument(name)
    arguments.add_argument("--expect", choices=["all", "some"], default="all")
    arguments.add_argument("--version", default="none")
    arguments.add_argument("--kind", choices=["dated", "snapshot"], default="dated")
    asked = arguments.parse_args()
    with open(asked.testimony, encoding="utf-8") as file:
        testimony = lake.parse(file.read())
    day = lake.Day(asked.lake, asked.prefix, asked.day)
    of_kind = {"dated": Trial, "snapshot": Snapshot}[asked.kind]
    trial = of_kind(day, asked.key.split(","), testimony, asked.version)
    trial.judge(everything=asked.expect == "all")
    print(json.dumps({"violations": trial.violations, "facts": trial.facts()}, indent=1))
    return 1 if trial.violations else 0


class Trial:
    def __init__(self, day, key, testimony, version="none"):
        self.day, self.key, self.testimony, self.version = day, key, testimony, version
        self.violations = []
        self.files = [(file, file.rows()) for file in day.files()]
        # Numbered files carry their ids; those of the earlier pipeline only the key's column.
        self.ids = [(file, [self.id_of(row) for row in rows]) for file, rows in self.files]
        self.stored = {one for _, ids in self.ids for one in ids}
        self.state = day.state()
        self.visible = {self.id_listed(listed) for listed in self.listed("visible")}
        self.served = self.forms_served()

    def id_of(self, row):
        if row.get("_id") is not None:
            return row["_id"]
        return self.id_of_record(lake.record_of(row), row.get("_parent_id"))

    def id_of_record(self, record, parent):
        return canonical.record_id(record, self.key, self.version, parent)

    def blame(self, promise, what):
        self.violations.append(f"{promise}: {what}")

    def judge(self, everything):
        self.files_hold_each_id_once()
        self.numbers_have_no_gap()
        if self.state is None:
            if self.files:
                self.blame("P3", "there are files, but no state")
        else:
            self.state_is_the_index_of_the_files()
            self.executions_add_up()
            self.executions_own_the_files()
            self.complete_means_complete()
        self.lake_holds_what_was_served(everything)
        self.rows_are_the_records()
        for run in self.testimony.get("runs", []):
            self.run_said_no_more_than_it_had(run)

    def facts(self):
        executions = (self.state or {}).get("executions", [])
        return {
            "files": [file.key for file, _ in self.files],
            "rows": sum(len(rows) for _, rows in self.files),
            "ids": len(self.stored),
            "statuses": [entry.get("status") for entry in executions],
        }

    # --- the files ---

    def files_hold_each_id_once(self):
        seen = collections.Counter()
        for file, ids in self.ids:
            # The earlier pipeline doubled rows within its own files. Nobody can take that back.
            seen.update(set(ids) if file.number is None else ids)
        for one, times in seen.items():
            if times > 1:
                self.blame("P1", f"{one} is in {times} rows")
        for file, rows in self.files:
            if not rows:
                self.blame("P6", f"{file.key} has no rows")

    def numbers_have_no_gap(self):
        numbers = [file.number for file, _ in self.files if file.number is not None]
        # Those that are known to be gone aren't used again.
        lost = (self.state or {}).get("lost_files", [])
        lost = [int(number.group(1)) for number in map(NUMBERED.search, lost) if number]
        numbers = sorted(numbers + lost)
        if numbers != list(range(1, len(numbers) + 1)):
            self.blame("P3", f"the files' numbers have a gap: {numbers}")
        if self.state is not None and self.state.get("commits", 0) != len(numbers):
            self.blame("P3", f"{len(numbers)} files, but {self.state.get('commits')} commits")

    # --- the state ---

    def state_is_the_index_of_the_files(self):
        ids = self.state["processed_ids"]
        if ids != sorted(set(ids), key=lambda one: one.encode("utf-8")):
            self.blame("P3", "processed_ids are not sorted, or not unique")
        if self.state["total_processed"] != len(ids):
            total = self.state["total_processed"]
            self.blame("P2", f"total_processed is {total}, but there are {len(ids)} ids")
        for one in sorted(set(ids) - self.stored):
            self.blame("P3", f"{one} is in the state, but in no file")
        for one in sorted(self.stored - set(ids)):
            self.blame("P3", f"{one} is in a file, but not in the state")

    def executions_add_up(self):
        entries = self.state["executions"]
        adoption = [n for n, entry in enumerate(entries) if entry.get("status") == "adopted"]
        counted = entries[adoption[-1]:] if adoption else entries
        total = sum(entry["new_records"] for entry in counted)
        if total != self.state["total_processed"]:
            self.blame("P2", f"executions add up to {total} new records, "
                             f"but {self.state['total_processed']} were processed")
        for entry in counted:
            self.execution_balances(entry)

    def execution_balances(self, entry):
        name = entry.get("run_id")
        if entry.get("job") in RULINGS and "status" not in entry:
            return
        if entry.get("status") not in STATUSES:
            self.blame("P7", f"{name} has the status {entry.get('status')}")
        if entry.get("status") not in FINISHED:
            return
        fates = entry["new_records"] + entry["duplicates_filtered"] + entry["off_day"]
        if entry["fetched"] + entry.get("vanished", 0) != fates:
            self.blame("P2", f"{name} fetched {entry['fetched']} rows, but accounts for {fates}")
        if entry["status"] == "ok" and entry["failed_slices"]:
            self.blame("P7", f"{name} is ok, with failed slices {entry['failed_slices']}")

    def executions_own_the_files(self):
        entries = self.state["executions"]
        run_ids = collections.Counter(entry["run_id"] for entry in entries if "run_id" in entry)
        for run_id, times in run_ids.items():
            if times > 1:
                self.blame("P7", f"the run {run_id} has {times} executions")
        owners = collections.defaultdict(list)
        for entry in entries:
            for key in entry.get("files", []):
                owners[key].append(entry.get("run_id"))
        for file, rows in self.files:
            # The earlier pipeline's files are of no run, and all of the one takeover.
            runs = {row.get("_run_id") for row in rows}
            if len(owners[file.key]) != 1 or runs != set(owners[file.key]):
                self.blame("P7", f"{file.key} is of {sorted(map(str, runs))}, "
                                 f"but the executions {owners[file.key]} name it")
        for key in sorted(owners.keys() - {file.key for file, _ in self.files}):
            self.blame("P3", f"an execution names {key}, which isn't there")
        self.executions_count_their_rows(entries)

    def executions_count_their_rows(self, entries):
        ids = {file.key: set(ids) for file, ids in self.ids}
        for entry in entries:
            if "files" not in entry:
                continue
            rows = len(set().union(*(ids.get(key, set()) for key in entry["files"])))
            if rows != entry["new_records"]:
                self.blame("P2", f"{entry.get('run_id')} says {entry['new_records']} new records, "
                                 f"its files have {rows}")

    def complete_means_complete(self):
        complete = self.state.get("complete", False)
        if self.day.marker.exists() != complete:
            self.blame("P4", f"complete is {complete}, the marker says otherwise")
        if complete:
            for one in sorted(self.visible - self.stored):
                self.blame("P4", f"the day is complete without {one}")

    # --- the API's side ---

    def listed(self, *listings):
        """The records that the API lists on this day, as far as their state is one of these."""
        day = self.day.date
        return [one for one in self.testimony["records"]
                if one["listing"] in listings and one.get("published", day).startswith(day)]

    def id_listed(self, listed):
        """Our own idea of the id; where the simulator says what it thinks, that must agree."""
        one = self.id_of_record(listed["record"], listed.get("parent"))
        # What the simulator thinks of is a key of its own, without parent and version.
        simple = self.version == "none" and "parent" not in listed
        if simple and listed.get("id", one) != one:
            self.blame("P1", f"{listed['id']} should be known as {one}")
        return one

    def forms_served(self):
        """Ids and canonical forms of all records that the API ever listed."""
        forms = collections.defaultdict(set)
        for listed in self.listed("visible", "withdrawn"):
            forms[self.id_listed(listed)].add(canonical.canonical(listed["record"]))
        return forms

    def lake_holds_what_was_served(self, everything):
        ours = {one for file, ids in self.ids if file.number is not None for one in ids}
        for one in sorted(ours - self.served.keys()):
            self.blame("P2", f"{one} is in the lake, but was never served")
        if everything:
            for one in sorted(self.visible - self.stored):
                self.blame("P2", f"{one} is not in the lake")

    def rows_are_the_records(self):
        for (file, rows), (_, ids) in zip(self.files, self.ids, strict=True):
            for row, one in zip(rows, ids, strict=True):
                form = canonical.canonical(lake.record_of(row))
                if file.number is not None and form not in self.served.get(one, {form}):
                    self.blame("P9", f"{one} in {file.key} is not the record that was served: {form}")

    # --- what the runs said ---

    def run_said_no_more_than_it_had(self, run):
        report = run["report"]
        name = report["run_id"]
        requests = [
            request for request in self.testimony["requests"]
            if run["from"] <= request["ordinal"] <= run["until"]
        ]
        rows = sum(request["rows"] for request in requests)
        if report["fetched"] > rows:
            self.blame("P2", f"{name} says {report['fetched']} fetched rows, but was served {rows}")
        # Requests of a run that was killed may arrive late, in the midst of another's.
        too_few = report["requests"] < len(requests) and run.get("alone", True)
        if report["requests"] > len(requests) or too_few:
            self.blame("P7", f"{name} says {report['requests']} requests, but sent {len(requests)}")
        if report["fetched"] != report["new"] + report["duplicates"] + report["off_day"]:
            self.blame("P2", f"{name} doesn't account for all that it fetched")
        if report["status"] == "ok" and report["mode"] == "full":
            self.every_page_was_served(name, requests)
        self.report_is_the_execution(report)

    def every_page_was_served(self, name, requests):
        """A walk that is ok got every page of each slice, in the pages that the last answer of
        the slice speaks of."""
        good = [request for request in requests if request["status"] in (200, 204)
                and (request["rows"] > 0 or request["total"] == 0)]
        answered = {request["slice"] for request in good}
        for one in sorted({request["slice"] for request in requests} - answered):
            self.blame("P7", f"{name} is ok without an answer for {one}")
        for one in answered:
            mine = [request for request in good if request["slice"] == one]
            pages = {request["page"] for request in mine}
            most = max((request["rows"] for request in mine), default=0)
            if most and len(pages) < -(-mine[-1]["total"] // most):
                self.blame("P7", f"{name} is ok with only {len(pages)} pages of {one}")

    def report_is_the_execution(self, report):
        entries = (self.state or {}).get("executions", [])
        mine = [entry for entry in entries if entry.get("run_id") == report["run_id"]]
        if len(mine) != 1:
            self.blame("P7", f"{report['run_id']} reported, but left {len(mine)} executions")
            return
        for said, written in [("status", "status"), ("fetched", "fetched"), ("new", "new_records"),
                              ("duplicates", "duplicates_filtered"), ("off_day", "off_day"),
                              ("unidentified", "unidentified"), ("requests", "requests"),
                              ("retries", "retries"), ("files", "files")]:
            if report[said] != mine[0].get(written):
                self.blame("P7", f"{report['run_id']} said {said} = {report[said]}, "
                                 f"and wrote {mine[0].get(written)}")


class Snapshot(Trial):
    """A day of a table that is read whole: its rows say what changed since the snapshot before."""

    def __init__(self, day, key, testimony, version="none"):
        # Rows are known by their content, and one that has vanished has none.
        super().__init__(day, key, testimony, "content")

    def id_listed(self, listed):
        return self.id_of_record(listed["record"], listed.get("parent"))

    def listed(self, *listings):
        # Whatever day a row was published: a table is read as it is.
        return [one for one in self.testimony["records"] if one["listing"] in listings]

    def complete_means_complete(self):
        complete = self.state.get("complete", False)
        if self.day.marker.exists() != complete:
            self.blame("P4", f"complete is {complete}, the marker says otherwise")

    def lake_holds_what_was_served(self, everything):
        in_force = self.in_force()
        for key, (one, operation) in in_force.items():
            if operation != "vanished" and one not in self.served:
                self.blame("P2", f"{key} is in force as {one}, which was never served")
        if everything:
            ours = {one for one, operation in in_force.values() if operation != "vanished"}
            for one in sorted(self.visible - ours):
                self.blame("P2", f"{one} is not in force in the lake")
            for one in sorted(ours - self.visible):
                self.blame("P2", f"{one} is in force in the lake, and not at the API")

    def rows_are_the_records(self):
        for file, rows in self.files:
            for row in rows:
                if row.get("_op") == "vanished":
                    continue
                record = lake.record_of(row)
                one = self.id_of_record(record, row.get("_parent_id"))
                form = canonical.canonical(record)
                if form not in self.served.get(one, {form}):
                    self.blame("P9", f"{one} in {file.key} is not the record that was served: {form}")

    def in_force(self):
        """The newest row of each key: its id by content, and what was done with it."""
        newest = {}
        for day in self.day.and_before():
            for file in day.files():
                for row in file.rows():
                    record = lake.record_of(row)
                    key = row.get("_key") or canonical.record_id(record, self.key)
                    one = self.id_of_record(record, row.get("_parent_id"))
                    newest[key] = (one, row.get("_op"))
        return newest


if __name__ == "__main__":
    sys.exit(main())
