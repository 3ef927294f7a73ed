"""Reads a state document as the earlier pipeline does: by its first six fields and no others.

    old_reader.py STATE_FILE

Prints what that pipeline would make of it, and fails where it would stumble. Times without an
offset are Brasília's.
"""

import datetime
import json
import sys
import zoneinfo

BRASILIA = zoneinfo.ZoneInfo("America/Sao_Paulo")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        print(json.dumps(summary(json.load(file))))


def summary(state):
    """The pipeline's own summary of a day."""
    date = datetime.date.fromisoformat(state["date"])
    known = set(state["processed_ids"])
    require(all(isinstance(one, str) for one in known), "ids are not all text")
    require(len(known) == len(state["processed_ids"]), "ids are not unique")
    require(state["total_processed"] == len(known), "total_processed is not the number of ids")
    moment(state["created_at"])
    for execution in state["executions"]:
        require(is_count(execution["new_records"]), "new_records is not a count")
        require(is_count(execution["duplicates_filtered"]), "duplicates_filtered is not a count")
        require(0 <= execution["filter_rate"] <= 100, "filter_rate is not a percentage")
    times = [moment(execution["timestamp"]) for execution in state["executions"]]
    last = moment(state["last_execution"]) if state["last_execution"] is not None else None
    return {
        "date": date.isoformat(),
        "ids": sorted(known),
        "total_processed": state["total_processed"],
        "total_executions": len(times),
        "total_new_across_executions": sum(one["new_records"] for one in state["executions"]),
        "first_execution": times[0].isoformat() if times else None,
        "last_execution": last.isoformat() if last else None,
    }


def moment(text):
    time = datetime.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=BRASILIA)


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def require(holds, problem):
    if not holds:
        raise SystemExit(f"the earlier pipeline can't read this: {problem}")


if __name__ == "__main__":
    main()
