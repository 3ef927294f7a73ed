"""The judges judged: each planted fault must be found, and a lake without one must pass.

Run with `python -m unittest test_judges` in this folder.
"""

import copy
import datetime
import decimal
import json
import pathlib
import tempfile
import unittest

import pyarrow
import pyarrow.parquet

import canonical
import lake
import legacy_lake
import old_reader
import oracle

KEY = "numeroControlePNCP"
DAY = "2025-10-22"
SLICE = "modalidade=6"


def record(number, **changes):
    return {
        KEY: f"07954480000179-1-{number:06}/2025",
        "anoCompra": decimal.Decimal(2025),
        "valorTotalEstimado": decimal.Decimal("10000.50"),
        "orgaoEntidade": {"cnpj": "07954480000179", "razaoSocial": None},
        "dataInclusao": "2025-10-22T08:41:33",
    } | changes


class World:
    """A lake after two runs, 3 records and then 2 more, and the testimony that goes with it; all
    of it can be bent before it is written."""

    def __init__(self):
        self.records = [record(n) for n in range(1, 5)]
        self.records.append({"objetoCompra": "sem id", "valor": decimal.Decimal("1E-30")})
        ids = [canonical.record_id(one, KEY) for one in self.records]
        self.rows = {1: [], 2: []}
        for position, (one, value) in enumerate(zip(ids, self.records, strict=True)):
            number = 1 if position < 3 else 2
            self.rows[number].append(row(one, value, f"run-{number}"))
        self.executions = [execution(1, 3, 0), execution(2, 2, 3)]
        self.state = {
            "date": DAY, "processed_ids": sorted(ids), "last_execution": f"{DAY}T12:00:03-03:00",
            "total_processed": 5, "executions": self.executions,
            "created_at": f"{DAY}T08:00:02-03:00", "complete": True, "commits": 2, "format": 1,
        }
        self.marker = True
        self.listed = [{"listing": "visible", "record": one} for one in self.records]
        self.requests = [request(1, 3), request(2, 5)]
        self.runs = [run(1, self.executions[0]), run(2, self.executions[1])]

    def violations(self, everything=True):
        with tempfile.TemporaryDirectory() as folder:
            day = lake.Day(folder, "pncp", DAY)
            day.folder.mkdir(parents=True)
            for number, rows in self.rows.items():
                write(rows, day.folder / f"pncp_20251022_c{number:06}.parquet")
            if self.state is not None:
                day.state_path.parent.mkdir(parents=True)
                day.state_path.write_text(json.dumps(self.state), encoding="utf-8")
            if self.marker:
                day.marker.parent.mkdir(parents=True)
                day.marker.touch()
            testimony = {"records": self.listed, "requests": self.requests, "runs": self.runs}
            trial = oracle.Trial(day, KEY, testimony)
            trial.judge(everything)
            return trial.violations


def row(one, value, run_id):
    """One row, with two of the fields in columns and all else in `_extra`."""
    columns = {KEY: value.get(KEY), "dataInclusao": None, "_id": one, "_run_id": run_id}
    if "dataInclusao" in value:
        columns["dataInclusao"] = datetime.datetime.fromisoformat(value["dataInclusao"])
    extra = {name: member for name, member in value.items() if name not in columns}
    return columns | {"_extra": canonical.canonical(extra)}


def write(rows, path):
    schema = pyarrow.schema([
        (KEY, pyarrow.string()), ("dataInclusao", pyarrow.timestamp("us")),
        ("_id", pyarrow.string()), ("_run_id", pyarrow.string()), ("_extra", pyarrow.string()),
    ])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path)


def execution(number, new, duplicates):
    return {
        "timestamp": f"{DAY}T12:00:03-03:00", "run_id": f"run-{number}", "status": "ok",
        "new_records": new, "duplicates_filtered": duplicates, "off_day": 0,
        "filter_rate": 100 * duplicates / (new + duplicates), "fetched": new + duplicates,
        "unidentified": 0, "requests": 1, "retries": 0, "failed_slices": [],
        "files": [f"pncp/year=2025/month=10/day=22/pncp_20251022_c{number:06}.parquet"],
    }


def request(ordinal, rows):
    return {"ordinal": ordinal, "slice": SLICE, "page": 1, "status": 200, "rows": rows,
            "total": rows}


def run(ordinal, entry):
    report = {name: entry[name] for name in (
        "run_id", "status", "fetched", "off_day", "unidentified", "requests", "retries", "files")}
    report |= {"mode": "full", "new": entry["new_records"],
               "duplicates": entry["duplicates_filtered"]}
    return {"from": ordinal, "until": ordinal, "report": report}


class Oracle(unittest.TestCase):
    def assert_blamed(self, world, *promises, everything=True):
        violations = world.violations(everything)
        for promise in promises:
            self.assertTrue(any(one.startswith(promise) for one in violations),
                            f"no word of {promise}: {violations}")
        return violations

    def test_a_good_lake_passes(self):
        self.assertEqual(World().violations(), [])

    def test_an_id_doubled(self):
        world = World()
        world.rows[2].append(dict(world.rows[1][0], _run_id="run-2"))
        self.assert_blamed(world, "P1")

    def test_an_id_doubled_within_one_file(self):
        world = World()
        world.rows[1].append(world.rows[1][0])
        self.assert_blamed(world, "P1")

    def test_a_state_ahead_of_the_files(self):
        world = World()
        world.rows[2].pop()
        self.assert_blamed(world, "P3", "P4", "P2")

    def test_a_state_behind_the_files(self):
        world = World()
        world.state["processed_ids"].pop()
        world.state["total_processed"] = 4
        self.assert_blamed(world, "P3")

    def test_a_state_without_order(self):
        world = World()
        world.state["processed_ids"].reverse()
        self.assert_blamed(world, "P3")

    def test_no_state_at_all(self):
        world = World()
        world.state, world.marker, world.runs = None, False, []
        self.assertEqual(world.violations(), ["P3: there are files, but no state"])

    def test_a_gap_in_the_numbers(self):
        world = World()
        world.rows[3] = world.rows.pop(2)
        self.assert_blamed(world, "P3: the files' numbers")

    def test_a_commit_not_counted(self):
        world = World()
        world.state["commits"] = 1
        self.assert_blamed(world, "P3: 2 files")

    def test_an_empty_file(self):
        world = World()
        world.rows[3] = []
        self.assert_blamed(world, "P6")

    def test_a_wrong_sum(self):
        world = World()
        world.executions[0]["new_records"] = 4
        self.assert_blamed(world, "P2: executions add up to 6", "P2: run-1")

    def test_a_wrong_total(self):
        world = World()
        world.state["total_processed"] = 6
        self.assert_blamed(world, "P2: total_processed")

    def test_rows_unaccounted_for(self):
        world = World()
        world.executions[1]["fetched"] = 6
        self.assert_blamed(world, "P2: run-2 fetched 6")

    def test_a_green_run_with_a_failed_slice(self):
        world = World()
        world.executions[1]["failed_slices"] = [SLICE]
        self.assert_blamed(world, "P7: run-2 is ok")

    def test_a_run_with_two_executions(self):
        world = World()
        world.executions.append(dict(world.executions[1], new_records=0, fetched=3, files=[]))
        self.assert_blamed(world, "P7: the run run-2")

    def test_a_file_of_no_execution(self):
        world = World()
        world.executions[1]["files"] = []
        self.assert_blamed(world, "P7: pncp/year=2025")

    def test_a_file_of_another_run(self):
        world = World()
        for one in world.rows[2]:
            one["_run_id"] = "run-9"
        self.assert_blamed(world, "P7: pncp/year=2025")

    def test_an_execution_of_a_file_that_is_gone(self):
        world = World()
        world.executions[1]["files"].append("pncp/gone.parquet")
        self.assert_blamed(world, "P3: an execution names pncp/gone.parquet")

    def test_complete_without_its_marker(self):
        world = World()
        world.marker = False
        self.assert_blamed(world, "P4: complete is True")

    def test_a_marker_of_an_incomplete_day(self):
        world = World()
        world.state["complete"] = False
        self.assert_blamed(world, "P4: complete is False")

    def test_a_record_that_was_never_read(self):
        world = World()
        world.listed.append({"listing": "visible", "record": record(9)})
        world.state["complete"], world.marker = False, False
        self.assert_blamed(world, "P2: 07954480000179-1-000009/2025 is not in the lake")
        self.assertEqual(world.violations(everything=False), [])

    def test_a_record_that_nobody_served(self):
        world = World()
        world.listed[0]["listing"] = "future"
        self.assert_blamed(world, "P2: 07954480000179-1-000001/2025 is in the lake")

    def test_a_record_of_another_day(self):
        world = World()
        other = {"listing": "visible", "published": f"{DAY}T23:59:59", "record": record(9)}
        world.listed.append(dict(other, published="2025-10-23T00:00:00"))
        self.assertEqual(world.violations(), [])
        world.listed.append(other)
        self.assert_blamed(world, "P2")

    def test_a_record_that_was_taken_away(self):
        world = World()
        world.listed[0]["listing"] = "withdrawn"
        self.assertEqual(world.violations(), [])

    def test_a_digit_lost(self):
        world = World()
        for value in ("10000.5", "10000.500"):
            world.listed[0]["record"] = record(1, valorTotalEstimado=decimal.Decimal(value))
            self.assertEqual(world.violations(), [])
        world.listed[0]["record"] = record(1, valorTotalEstimado=decimal.Decimal("10000.51"))
        self.assert_blamed(world, "P9")

    def test_a_field_lost(self):
        world = World()
        world.listed[0]["record"] = record(1, srp=True)
        self.assert_blamed(world, "P9")
        world.listed[0]["record"] = record(1, srp=None)
        self.assertEqual(world.violations(), [])

    def test_a_run_that_said_more_than_it_had(self):
        for said in ("fetched", "requests", "new"):
            world = World()
            world.runs[1]["report"][said] += 1
            self.assert_blamed(world, "P")

    def test_a_run_that_hid_a_request(self):
        world = World()
        world.requests.append(dict(world.requests[1], ordinal=3))
        world.runs[1]["until"] = 3
        self.assert_blamed(world, "P7: run-2 says 1 requests")
        world.runs[1]["alone"] = False
        self.assertEqual(world.violations(), [])

    def test_a_green_run_that_missed_a_page(self):
        world = World()
        world.requests[1]["total"] = 7
        self.assert_blamed(world, "P7: run-2 is ok with only 1 pages")

    def test_a_green_run_without_an_answer(self):
        world = World()
        world.requests[1] |= {"status": 500, "rows": 0}
        self.assert_blamed(world, "P7: run-2 is ok without an answer")

    def test_a_report_that_differs_from_the_audit(self):
        world = World()
        world.runs[0]["report"]["retries"] = 7
        self.assert_blamed(world, "P7: run-1 said retries = 7")

    def test_what_came_before_a_takeover_is_not_counted(self):
        world = World()
        old = {"timestamp": f"{DAY}T07:00:00.123456", "new_records": 40,
               "duplicates_filtered": 0, "filter_rate": 0.0}
        world.executions.insert(0, old)
        self.assert_blamed(world, "P2: executions add up to 45")
        adopted = old | {"job": "takeover", "status": "adopted", "new_records": 0, "files": []}
        world.executions.insert(1, adopted)
        self.assertEqual(world.violations(), [])


class ManyFields(unittest.TestCase):
    """Ids of several fields, with versions and parents."""

    VALUE = lake.parse('{"a":"x|y","n":7,"flag":false,"plan":{"item":12},"stamp":"2025-10-22"}')

    def id(self, key, version="none", parent=None):
        return canonical.record_id(self.VALUE, key, version, parent)

    def test_they_are_joined_and_escaped(self):
        self.assertEqual(self.id(["a", "n", "flag"]), "x\\|y|7|false")
        self.assertEqual(self.id(["a"]), "x|y")
        self.assertEqual(self.id(["n", "/plan/item"]), "7|12")
        self.assertEqual(self.id(["_parent_id", "n"], parent="P/1"), "P/1|7")

    def test_versions_follow_the_key(self):
        self.assertEqual(self.id(["n"], "stamp"), "7@2025-10-22")
        content = canonical.content_id(self.VALUE).removeprefix("sha256:")
        self.assertEqual(self.id(["n"], "content"), f"7@{content}")

    def test_what_lacks_a_part_is_known_by_its_content(self):
        for key, version in ([["n", "gone"], "none"], [["n"], "gone"], [["plan"], "none"]):
            self.assertEqual(self.id(key, version), canonical.content_id(self.VALUE))


class Snapshots(unittest.TestCase):
    """A table that is read on two days: on the second, one row has changed, one has gone."""

    KEY = ["cpf", "processo"]
    DAYS = ("2025-10-21", "2025-10-22")

    def setUp(self):
        def entry(number, ends):
            return {"cpf": f"00{number}", "processo": "1", "data_final": ends}

        self.first = [entry(1, "2026"), entry(2, "2026"), entry(3, "2026")]
        self.second = [entry(1, "2026"), entry(2, "2027")]
        self.rows = {
            self.DAYS[0]: [("new", one) for one in self.first],
            self.DAYS[1]: [("changed", self.second[1]), ("vanished", self.first[2])],
        }

    def violations(self, date):
        now = self.second if date == self.DAYS[1] else self.first
        before = [] if date == self.DAYS[0] else self.first
        records = [{"listing": "visible", "record": one} for one in now]
        records += [{"listing": "withdrawn", "record": one} for one in before]
        with tempfile.TemporaryDirectory() as folder:
            for day, rows in self.rows.items():
                self.write(lake.Day(folder, "pncp", day), rows)
            day = lake.Day(folder, "pncp", date)
            trial = oracle.Snapshot(day, self.KEY, {"records": records, "requests": []})
            trial.judge(True)
            return trial.violations

    def write(self, day, rows):
        table = []
        for operation, value in rows:
            key = canonical.record_id(value, self.KEY)
            version = "vanished" if operation == "vanished" else canonical.content_id(value)[7:]
            table.append({"_id": f"{key}@{version}", "_key": key, "_op": operation,
                          "_run_id": "run-1", "_extra": canonical.canonical(value)})
        names = ("_id", "_key", "_op", "_run_id", "_extra")
        schema = pyarrow.schema([(name, pyarrow.string()) for name in names])
        day.folder.mkdir(parents=True)
        file = day.folder / f"pncp_{day.compact}_c000001.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table, schema), file)
        ids = sorted(one["_id"] for one in table)
        entry = execution(1, len(ids), 0) | {"files": [file.relative_to(day.lake).as_posix()]}
        state = {"processed_ids": ids, "total_processed": len(ids), "executions": [entry],
                 "complete": False, "commits": 1}
        day.state_path.parent.mkdir(parents=True)
        day.state_path.write_text(json.dumps(state), encoding="utf-8")

    def test_a_good_lake_passes_on_each_day(self):
        for date in self.DAYS:
            self.assertEqual(self.violations(date), [])

    def test_a_change_that_was_missed(self):
        del self.rows[self.DAYS[1]][0]
        found = self.violations(self.DAYS[1])
        self.assertTrue(any("not in force in the lake" in one for one in found), found)

    def test_a_row_that_has_gone_unnoticed(self):
        del self.rows[self.DAYS[1]][1]
        found = self.violations(self.DAYS[1])
        self.assertTrue(any("and not at the API" in one for one in found), found)

    def test_a_row_that_nobody_served(self):
        self.rows[self.DAYS[1]].append(("new", {"cpf": "009", "processo": "1"}))
        found = self.violations(self.DAYS[1])
        self.assertTrue(any("never served" in one for one in found), found)


class OldReader(unittest.TestCase):
    def test_it_reads_ours(self):
        summary = old_reader.summary(json.loads(json.dumps(World().state)))
        self.assertEqual(summary["total_new_across_executions"], 5)
        self.assertEqual(summary["last_execution"], "2025-10-22T12:00:03-03:00")

    def test_it_stumbles_over_what_is_not_the_old_format(self):
        for bend in (
            lambda state: state.pop("processed_ids"),
            lambda state: state.update(total_processed=4),
            lambda state: state.update(created_at="22/10/2025"),
            lambda state: state["executions"][0].pop("duplicates_filtered"),
            lambda state: state["executions"][0].update(new_records="3"),
            lambda state: state["processed_ids"].append(state["processed_ids"][0]),
        ):
            state = copy.deepcopy(World().state)
            bend(state)
            with self.assertRaises((KeyError, ValueError, SystemExit)):
                old_reader.summary(state)


class LegacyLake(unittest.TestCase):
    def test_it_has_the_faults_of_the_earlier_pipeline(self):
        records = [json.loads(canonical.canonical(record(n))) for n in range(1, 13)]
        with tempfile.TemporaryDirectory() as folder:
            date = datetime.date.fromisoformat(DAY)
            made = legacy_lake.LegacyDay(pathlib.Path(folder), "pncp", date, KEY).write(records)
            day = lake.Day(folder, "pncp", DAY)
            self.assertEqual([file.number for file in day.files()], [None, None])
            rows = [one for file in day.files() for one in file.rows()]
            state = day.state()
            ids = [one[KEY] for one in rows if one[KEY] is not None]
        self.assertEqual(len(rows), made["rows"])
        self.assertEqual(ids.count(made["stored"][0]), 2)
        self.assertEqual(sorted(set(ids)), made["stored"])
        self.assertEqual(len(rows) - len(ids), len(made["nameless"]))
        self.assertEqual(set(state["processed_ids"]) - set(ids), set(made["lost"]))
        self.assertEqual(old_reader.summary(state)["total_executions"], 3)
        self.assertEqual(len(made["unknown"]), 2)


class Canonical(unittest.TestCase):
    def test_golden_vectors(self):
        for text, expected in [
            ('{"b": 12.50, "a": null}', '{"b":12.5}'),
            ('{"a":1,"a":null}', "{}"),
            ("[null, 1.0, -0, 1e21, 1e-7]", "[null,1,0,1e+21,1e-7]"),
            ("[-1.50e-400, 0.000001, 100]", "[-1.5e-400,0.000001,100]"),
            (r'"\u00e7\/\u0001\n\u007f"', '"ç/\\u0001\\n\x7f"'),
        ]:
            self.assertEqual(canonical.canonical(lake.parse(text)), expected)

    def test_a_golden_id(self):
        value = lake.parse('{"valor": 12.50, "nome": "São Paulo", "extra": null}')
        self.assertEqual(
            canonical.record_id(value, KEY),
            "sha256:93712cef7c1071b772c2753dd05e46b3194c084fed94de9d71350fe22f894ebd")


if __name__ == "__main__":
    unittest.main()
